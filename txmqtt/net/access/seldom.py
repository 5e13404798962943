"""
A log line for what may go wrong a thousand times a second: now and then, with how often since.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger


class Seldom:
    """
    Says what went wrong, at most every so many seconds.
    """

    def __init__(self, log: Logger, seconds: Callable[[], float], pause: float = 10.0) -> None:
        """
        @param seconds: a clock that never jumps.
        @param pause: for so many seconds after it was said the like is only counted.
        """
        self._log = log
        self._seconds = seconds
        self._pause = pause
        self._next: float | None = None
        self._unsaid = 0

    def warn(self, where: str, why: str) -> None:
        """
        This went wrong, for this reason.
        """
        now = self._seconds()
        if self._next is not None and now < self._next:
            self._unsaid += 1
            return
        more = f", and {self._unsaid:,} times before" if self._unsaid else ""
        self._log.warn("{where}: {why}{more}", where=where, why=why, more=more)
        self._unsaid = 0
        self._next = now + self._pause
