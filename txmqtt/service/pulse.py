"""
What is noted once a second: how late the second's work was begun, and how much memory the process has.
"""

from __future__ import annotations

from contextlib import suppress
from os import sysconf
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from txmqtt.broker.stats import Stats

_STATM = Path("/proc/self/statm")


class Pulse:
    """
    The second's figures of one broker.
    """

    def __init__(self, stats: Stats, interval: float) -> None:
        """
        @param interval: seconds from one C{beat} to the next, when all is well.
        """
        self._stats = stats
        self._interval = interval
        self._last: float | None = None

    def beat(self, now: float) -> None:
        """
        The second's work begins.

        @param now: seconds of a clock that never jumps.
        """
        if self._last is not None:
            # Of the interval, not of a plan: the timer follows the wall clock, which is set now and then.
            self._stats.lateness.observe(now - self._last - self._interval)
        self._last = now
        self._stats.heap_current, self._stats.heap_maximum = memory()


def memory(statm: Path = _STATM) -> tuple[int, int]:
    """
    The bytes of this process that are in RAM, and the most that they were; 0 where the system does not say.
    """
    current = 0
    with suppress(OSError, ValueError, IndexError):
        current = int(statm.read_text().split()[1]) * sysconf("SC_PAGE_SIZE")
    return current, max(current, getrusage(RUSAGE_SELF).ru_maxrss * 1024)
