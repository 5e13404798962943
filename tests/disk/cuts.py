"""
Moments at which to cut the power: where it hurts.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.disk.diary import CREATED, OPENED, SYNCED, WRITTEN, Operation

#: How many of a hundred cuts fall where.
SHARES = {"after an acknowledgement": 40, "in a commit": 30, "in a checkpoint": 20, "anywhere": 10}


class Moments:
    """
    Those of one recording of a database with a write-ahead log.
    """

    def __init__(self, operations: Sequence[Operation], acknowledged: Sequence[float], random: Random) -> None:
        """
        @param acknowledged: when clients heard that something is kept.
        """
        self._random = random
        self._acknowledged = acknowledged
        self._first, self._last = operations[0].began, operations[-1].ended
        names = {each.file: each.name for each in operations if each.kind in (CREATED, OPENED)}
        logs = {file for file, name in names.items() if name.endswith("-wal")}
        databases = {file for file, name in names.items() if name + "-wal" in names.values()}
        self._commits = [each for each in operations if each.file in logs and each.kind in (WRITTEN, SYNCED)]
        self._checkpoints = [each for each in operations if each.file in databases and each.kind in (WRITTEN, SYNCED)]

    def choose(self, count: int) -> list[tuple[float, str]]:
        """
        So many, in order, each with where it falls.
        """
        places = self._random.choices([*SHARES], [*SHARES.values()], k=count)
        return sorted((self._moment(place), place) for place in places)

    def _moment(self, place: str) -> float:
        random = self._random
        if place == "after an acknowledgement" and self._acknowledged:
            return random.choice(self._acknowledged) + random.choice((0.0, random.random() * 100e-6))
        operations = {"in a commit": self._commits, "in a checkpoint": self._checkpoints}.get(place)
        if operations:
            number = random.randrange(len(operations))
            began = operations[number].began
            until = operations[number + 1].began if number + 1 < len(operations) else operations[number].ended
            return random.uniform(began, min(until, operations[number].ended + 1e-3))
        return random.uniform(self._first, self._last)
