"""
How long things took: counted in buckets that are as wide as what they count is long, so that a few hundred numbers tell
any percentile to three parts in a hundred, whatever was measured and however often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Buckets to each doubling, as a power of two.
_BITS: Final = 5
_FINE: Final = 1 << _BITS

#: What took longer, microseconds (more than an hour), counts as that long.
LONGEST: Final = (1 << 32) - 1


def bucket(microseconds: int) -> int:
    """
    Where a duration is counted.
    """
    value = min(max(microseconds, 0), LONGEST)
    shift = max(value.bit_length() - _BITS - 1, 0)
    return (shift << _BITS) + (value >> shift)


def upper(index: int) -> int:
    """
    The longest duration that is counted there, microseconds.
    """
    if index < 2 * _FINE:
        return index
    shift = (index >> _BITS) - 1
    return ((index - (shift << _BITS) + 1) << shift) - 1


class Latencies:
    """
    Durations, microseconds.

    @ivar counts: how many, by bucket; at most some 900 of them.
    @ivar longest: of all.
    @ivar total: their sum.
    """

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.longest = 0

    def add(self, microseconds: int) -> None:
        """
        Something took so long.
        """
        index = bucket(microseconds)
        self.counts[index] = self.counts.get(index, 0) + 1
        self.count += 1
        self.total += max(microseconds, 0)
        if microseconds > self.longest:
            self.longest = microseconds

    def merge(self, other: Mapping[str, object]) -> None:
        """
        Take in what C{taken} of another has said.
        """
        counts = other["counts"]
        assert isinstance(counts, dict)
        for index, count in counts.items():
            self.counts[int(index)] = self.counts.get(int(index), 0) + count
            self.count += count
        self.total += int(str(other["total"]))
        self.longest = max(self.longest, int(str(other["longest"])))

    def taken(self) -> dict[str, object]:
        """
        All that has been counted, which begins anew.
        """
        said: dict[str, object] = {"counts": self.counts, "total": self.total, "longest": self.longest}
        self.counts = {}
        self.count = self.total = self.longest = 0
        return said

    def percentile(self, percent: float) -> int:
        """
        So many of a hundred took no longer, microseconds; 0 when there are none.
        """
        if not self.count:
            return 0
        left = self.count * percent / 100
        for index in sorted(self.counts):
            left -= self.counts[index]
            if left <= 0:
                return min(upper(index), self.longest)
        return self.longest

    def mean(self) -> float:
        """
        The average, microseconds.
        """
        return self.total / self.count if self.count else 0.0
