"""
What a process is looked at for while it works: memory, file descriptors, files; and whether they stay the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_MB = 1e6


@dataclass(frozen=True)
class Sample:
    """
    How a process is at one moment.

    @ivar at: seconds since the beginning.
    @ivar memory: that is in RAM, MB.
    @ivar store: its files, MB.
    """

    at: float
    memory: float
    store: float


@dataclass(frozen=True)
class Course:
    """
    How one figure went.

    @ivar second: its median in the second quarter of the time, C{last}: in the last.
    @ivar slope: by how much it grows in an hour once the first quarter, the warm-up, is over.
    @ivar allowed: by how much C{last} may be more than C{second}.
    """

    name: str
    second: float
    last: float
    slope: float
    allowed: float

    @property
    def flat(self) -> bool:
        return self.last - self.second <= self.allowed

    def __str__(self) -> str:
        return (
            f"{self.name:<10}{self.second:>9.1f} MB in the second quarter, {self.last:.1f} MB in the last "
            f"({self.allowed:.1f} MB more allowed), {self.slope:+.1f} MB/h"
        )


def course(name: str, points: Sequence[tuple[float, float]], part: float, least: float) -> Course:
    """
    @param points: seconds and MB.
    @param part: of the second quarter's median may be added, or C{least} MB if that is more.
    """
    start, end = points[0][0], points[-1][0]
    quarter = (end - start) / 4
    warm = [point for point in points if point[0] >= start + quarter]
    second = median([value for at, value in warm if at <= start + 2 * quarter] or [warm[0][1]])
    last = median([value for at, value in warm if at >= start + 3 * quarter])
    return Course(name, second, last, slope(warm), max(part * second, least))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """
    How much is added in an hour, by the straight line that fits best.
    """
    middle = sum(at for at, _ in points) / len(points)
    level = sum(value for _, value in points) / len(points)
    spread = sum((at - middle) ** 2 for at, _ in points)
    return 3600 * sum((at - middle) * (value - level) for at, value in points) / spread if spread else 0.0


def memory(pid: int) -> float:
    """
    What a process has in RAM, MB.
    """
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / _MB


def descriptors(pid: int) -> int:
    """
    How many files, sockets and pipes it has open.
    """
    return len(os.listdir(f"/proc/{pid}/fd"))
