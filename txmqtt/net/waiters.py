"""
Who waits for what: the Deferreds of one connection, each under the number by which the conversation knows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

_Result = TypeVar("_Result")


class Waiters(Generic[_Result]):
    """
    The Deferreds that have not fired. Each leaves the books before it does: whatever its callbacks do, they find the
    books in order.

    @ivar waiting: they, oldest first.
    """

    def __init__(self) -> None:
        self.waiting: dict[int, Deferred[_Result]] = {}
        self._last = 0

    def number(self) -> int:
        """
        A number for which nobody waits.
        """
        self._last += 1
        return self._last

    def expect(self, canceller: Callable[[Deferred[_Result]], None]) -> tuple[int, Deferred[_Result]]:
        """
        A new Deferred, and its number.
        """
        self._last += 1
        deferred = self.waiting[self._last] = Deferred(canceller)
        return self._last, deferred

    def forget(self, deferred: Deferred[_Result]) -> int:
        """
        This one waits no more. Its number; 0 when it had left already.
        """
        for ref, waiting in self.waiting.items():
            if waiting is deferred:
                del self.waiting[ref]
                return ref
        return 0

    def abandon(self, why: Callable[[], BaseException]) -> None:
        """
        None of them will be answered.

        @param why: makes the error; each gets one of its own.
        """
        while self.waiting:
            self.waiting.pop(next(iter(self.waiting))).errback(why())
