"""
How much happens a minute, averaged over 1, 5 and 15 minutes, as C{$SYS/broker/load} tells it.

The averages are those of mosquitto and of the load of a Unix machine: whatever is new counts in full at first and
fades with the time, so that nothing but the last value is remembered. Nothing here reads a clock.
"""

from __future__ import annotations

from math import exp
from typing import Final

#: Seconds that an average looks back, and what it is called.
SPANS: Final[tuple[tuple[float, str], ...]] = ((60.0, "1min"), (300.0, "5min"), (900.0, "15min"))


class Averages:
    """
    The load, made from totals that only grow.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._since = 0.0
        self._loads: dict[str, list[float]] = {}

    def update(self, now: float, totals: dict[str, int]) -> None:
        """
        Look at the totals. What they were at the first look is the beginning, not a load: a broker that comes back
        counts on from what it had. So it is with a total that has shrunk.

        @param now: seconds of a clock that never jumps. Two looks at one time are one.
        """
        passed = now - self._since
        if self._loads and passed <= 0.0:
            return
        for name, total in totals.items():
            loads = self._loads.get(name)
            if loads is None:
                self._loads[name] = [0.0] * len(SPANS)
                continue
            rate = max(0, total - self._seen[name]) * 60.0 / passed
            for index, (span, _) in enumerate(SPANS):
                loads[index] = rate + exp(-passed / span) * (loads[index] - rate)
        self._seen = dict(totals)
        self._since = now

    def topics(self) -> list[tuple[str, str]]:
        """
        Each average with its topic below C{$SYS/broker/}, to a hundredth.
        """
        return [
            (f"load/{name}/{word}", f"{load:.2f}")
            for name, loads in self._loads.items()
            for load, (_, word) in zip(loads, SPANS, strict=True)
        ]
