"""
What is kept under a name: what was counted, who is banned.
"""

from __future__ import annotations

import json
from typing import Any

from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.schema import NOTE


class Notes:
    """
    Written when it changes, read at the start.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[str, Any] = {}

    def recovered(self, notes: dict[str, Any]) -> None:
        """
        What an earlier life wrote.
        """
        self._known = notes

    def put(self, name: str, value: Any) -> None:
        """
        Note something, in the next batch.

        @param value: as JSON can write it; not changed afterwards.
        """
        if value != self._known.get(name):
            self._known[name] = value
            self._journal.put(NOTE, (name, json.dumps(value)))

    def find(self, name: str) -> Any:
        """
        What was noted last under this name, also by an earlier life; None for nothing.
        """
        return self._known.get(name)
