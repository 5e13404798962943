"""
Connections that have not been let in yet, and who has to go when there are too many.

A flood of them pushes out itself: the address that has the most loses its oldest. Whoever has something to say says it
at once and is through the door long before he is the oldest, even where the flood comes from his own address.
"""

from __future__ import annotations

from typing import Generic, TypeVar

G = TypeVar("G")


class Crowd(Generic[G]):
    """
    Who waits before the door, by origin.
    """

    def __init__(self) -> None:
        self._by_origin: dict[str, dict[G, None]] = {}
        # The origins that have so many, those first that have had so many for the longest time; and the largest number.
        self._by_count: dict[int, dict[str, None]] = {}
        self._most = 0
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def count(self, origin: str) -> int:
        """
        How many have come from there.
        """
        return len(self._by_origin.get(origin, ()))

    def add(self, guest: G, origin: str) -> None:
        """
        Somebody has come.
        """
        before = self.count(origin)
        self._by_origin.setdefault(origin, {})[guest] = None
        self._total += 1
        self._recount(origin, before, before + 1)

    def remove(self, guest: G, origin: str) -> None:
        """
        Somebody is in, or has gone.
        """
        guests = self._by_origin[origin]
        before = len(guests)
        del guests[guest]
        if not guests:
            del self._by_origin[origin]
        self._total -= 1
        self._recount(origin, before, before - 1)

    def oldest(self, origin: str | None = None) -> G:
        """
        Who of an origin has waited for the longest time.

        @param origin: None for the one that has the most.
        """
        if origin is None:
            origin = next(iter(self._by_count[self._most]))
        return next(iter(self._by_origin[origin]))

    def _recount(self, origin: str, before: int, after: int) -> None:
        by_count = self._by_count
        if before:
            same = by_count[before]
            del same[origin]
            if not same:
                del by_count[before]
        if after:
            by_count.setdefault(after, {})[origin] = None
        if after > self._most or (before == self._most and before not in by_count):
            self._most = after
