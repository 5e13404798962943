"""
How long things take, counted in buckets: enough to tell the usual from the worst, at the price of one addition.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

#: Upper ends of buckets, seconds: from what a fast disk needs to what nobody waits for. With its type written out:
#: compiled, a long tuple of inferred length passes for one that was not set.
TIMES: Final[tuple[float, ...]] = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)


class Histogram:
    """
    Durations, seconds.

    @ivar bounds: the upper end of each bucket but the last, which has none; a value on it still belongs to it.
    @ivar counts: how many fell into each bucket, one more than C{bounds}.
    @ivar total: their sum, seconds.
    """

    def __init__(self, bounds: tuple[float, ...] = TIMES) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """
        Something took so long. A clock that went back says 0.
        """
        if seconds < 0.0:
            seconds = 0.0
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, int]]:
        """
        How many took at most so long, for each bound in words, and C{+Inf} for all.
        """
        words = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        sums = []
        so_far = 0
        for word, count in zip(words, self.counts, strict=True):
            so_far += count
            sums.append((word, so_far))
        return sums
