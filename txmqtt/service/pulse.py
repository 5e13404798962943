"""
What is noted once a second: how late the second's work was begun, and how much memory the process has.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from txmqtt.broker.stats import Stats

_STATUS = Path("/proc/self/status")


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


def memory(status: Path = _STATUS) -> tuple[int, int]:
    """
    The bytes of this process that are in RAM, and the most that they were; 0 where the system does not say.
    C{getrusage} knows the maximum too, but counts what ran in this process before C{exec}.
    """
    found = {b"VmRSS": 0, b"VmHWM": 0}
    with suppress(OSError, ValueError):
        for line in status.read_bytes().splitlines():
            name, _, size = line.partition(b":")
            if name in found:
                found[name] = int(size.removesuffix(b"kB")) * 1024
    return found[b"VmRSS"], max(found.values())
