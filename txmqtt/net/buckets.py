"""
How often something happened lately, in two numbers; and tables that forget.

A bucket fills by one with each event and leaks at an even rate. What strangers can make us count is kept in a table
with a bound, which forgets whom it has not heard of for the longest time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bucket:
    """
    Events that are forgotten one by one.
    """

    __slots__ = ("_at", "_level")

    def __init__(self) -> None:
        self._level = 0.0
        self._at = 0.0

    def level(self, now: float, leak: float) -> float:
        """
        How many events are not forgotten.

        @param leak: how many are in a second.
        """
        return max(0.0, self._level - (now - self._at) * leak)

    def pour(self, now: float, leak: float) -> float:
        """
        One more; how many that makes.
        """
        self._level = self.level(now, leak) + 1.0
        self._at = now
        return self._level

    def take(self, now: float, leak: float, size: int) -> bool:
        """
        One more, if there is room for it.

        @param size: how many may come at once.
        """
        if self.level(now, leak) + 1.0 > size:
            return False
        self.pour(now, leak)
        return True


class Recent(Generic[K, V]):
    """
    A table of those that were heard of most recently.

    @param size: how many it remembers.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: K) -> V | None:
        """
        What is known of somebody. Being asked about does not keep anybody from being forgotten.
        """
        return self._known.get(key)

    def put(self, key: K, value: V) -> None:
        """
        Somebody was heard of.
        """
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > self._size:
            self._known.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """
        Forget somebody.
        """
        return self._known.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """
        All of them, those first that are forgotten first.
        """
        return list(self._known.items())
