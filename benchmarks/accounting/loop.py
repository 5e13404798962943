"""
Sockets and timers of many clients in one thread, run for as long as somebody says.

Not Twisted's reactor: that can be run once, and a harness wants to run its clients, stop, do something else, go on.
"""

from __future__ import annotations

import heapq
import selectors
import time
from collections.abc import Callable
from typing import Protocol


class Readable(Protocol):
    """
    Somebody with a socket.
    """

    def ready(self, events: int) -> None: ...


class Loop:
    """
    Who waits for what.
    """

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """
        Call after so many seconds. Nothing is ever cancelled: whoever is called looks whether it still matters.
        """
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._count, call))

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """
        Run for so long, or until something is so.

        @return: whether it is so.
        """
        end = time.monotonic() + seconds
        while True:
            if until is not None and until():
                return True
            now = time.monotonic()
            if now >= end:
                return False
            wait = min(end, self._timers[0][0] if self._timers else end) - now
            for key, events in self.selector.select(max(0.0, min(wait, 0.05))):
                who: Readable = key.data
                who.ready(events)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()

    def close(self) -> None:
        self._timers.clear()
        self.selector.close()
