"""
What was reached of each module, what was not, and whether that is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.coverage.units import Unit
from tests.coverage.waivers import WAIVED


@dataclass(frozen=True)
class Row:
    """
    One module.

    @ivar lines: how many lines can run.
    @ivar branches: how many ways there are out of its conditions.
    @ivar missed: what was not reached: C{"12"} is a line, C{"12->15"} a way from one line to another.
    @ivar percent: of lines and branches together.
    """

    module: str
    unit: Unit
    lines: int
    branches: int
    missed: tuple[str, ...]
    percent: float

    @property
    def least(self) -> int:
        """
        How much it has to reach, percent.
        """
        return WAIVED[self.module][0] if self.module in WAIVED else self.unit.least

    @property
    def wrong(self) -> str:
        """
        What is wrong with that; empty: nothing.
        """
        if self.percent < self.least:
            return "TOO LITTLE: "
        if self.module in WAIVED and self.percent >= self.unit.least:
            return "NO LONGER WAIVED: "
        return ""


def rows(files: dict[str, Any], unit: Unit) -> list[Row]:
    """
    One for each module.

    @param files: what C{Watch.reached} says.
    """
    made = []
    for module, found in sorted(files.items()):
        summary = found["summary"]
        counts = summary["num_statements"], summary["num_branches"]
        made.append(Row(module, unit, *counts, tuple(_missed(found)), summary["percent_covered"]))
    return made


def _missed(found: dict[str, Any]) -> Iterable[str]:
    """
    The lines that did not run, in ranges, and the branches that were not taken from lines that did.
    """
    lines: list[int] = found["missing_lines"]
    first = 0
    for index, line in enumerate(lines):
        if index + 1 == len(lines) or lines[index + 1] != line + 1:
            yield str(line) if index == first else f"{lines[first]}-{line}"
            first = index + 1
    for start, end in found["missing_branches"]:
        if start not in lines:
            yield f"{start}->{end if end > 0 else 'exit'}"


def table(found: Iterable[Row], every: bool) -> Iterable[str]:
    """
    One line for each module; unless C{every}, only for those of which something was not reached.
    """
    yield f"{'module':<52} {'lines':>6} {'branches':>8} {'reached':>8} {'least':>6}  not reached"
    for row in found:
        if every or row.missed or row.wrong:
            reached = f"{int(row.percent * 10) / 10:.1f}"  # never rounded up
            figures = f"{row.lines:>6} {row.branches:>8} {reached:>8} {row.least:>6}"
            yield f"{row.module:<52} {figures}  {row.wrong}{', '.join(row.missed)}".rstrip()
