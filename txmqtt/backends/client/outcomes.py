"""
How publishes with a key ended, until the application knows: so many and for so long.
"""

from __future__ import annotations

from txmqtt.backends.client.schema import OUTCOME
from txmqtt.backends.sqlite.journal import Journal


class Outcomes:
    """
    Which there are; what they say is on disk only.

    @ivar forgotten: how many the application never asked about, and were too old or too many.
    """

    def __init__(self, journal: Journal, most: int, age: float) -> None:
        """
        @param most: so many are kept.
        @param age: for so long, seconds.
        """
        self.forgotten = 0
        self._journal = journal
        self._most = most
        self._age = age
        self._known: dict[str, float] = {}  # when each came, wall clock, the oldest first

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def recovered(self, key: str, at: float) -> None:
        """
        A former life of the program left this one. To be called with the oldest first.
        """
        self._known[key] = at

    def put(self, key: str, reason: int, words: str, wall: float) -> None:
        """
        A publish ended. It takes the place of an earlier one with its key.
        """
        known = self._known.pop(key, None) is not None
        self._known[key] = wall
        self._journal.put(OUTCOME, (key, reason, words, wall), fresh=not known)
        self.tidy(wall)

    def drop(self, key: str) -> None:
        """
        The application knows, or begins anew under this key.
        """
        if self._known.pop(key, None) is not None:
            self._journal.drop(OUTCOME, key)

    def tidy(self, wall: float) -> None:
        """
        Forget what is too old, and the oldest of what is too much.
        """
        known = self._known
        while known:
            oldest = next(iter(known))
            if len(known) <= self._most and known[oldest] + self._age >= wall:
                return
            del known[oldest]
            self._journal.drop(OUTCOME, oldest)
            self.forgotten += 1
