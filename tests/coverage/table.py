"""
What was reached of each module, what was not, and whether that is enough.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage

from tests.coverage.units import ROOT, Unit
from tests.coverage.watching import IMPORTED


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
    def enough(self) -> bool:
        return self.percent >= self.unit.least


def missed(found: dict[str, Any]) -> Iterable[str]:
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


def rows(measured: coverage.Coverage, unit: Unit) -> list[Row]:
    """
    What a unit's own tests reached of each of its modules.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        measured.json_report(
            [str(path) for path in unit.files],
            outfile=str(report),
            contexts=[f"^{unit.name}$", f"^{IMPORTED}$"],
        )
        files = json.loads(report.read_text())["files"]
    made = []
    for name, found in sorted(files.items()):
        summary = found["summary"]
        module = str((ROOT / name).relative_to(ROOT))
        counts = summary["num_statements"], summary["num_branches"]
        made.append(Row(module, unit, *counts, tuple(missed(found)), summary["percent_covered"]))
    return made


def table(found: Iterable[Row], every: bool) -> Iterable[str]:
    """
    One line for each module; unless C{every}, only for those of which something was not reached.
    """
    yield f"{'module':<52} {'lines':>6} {'branches':>8} {'reached':>8} {'least':>6}  not reached"
    for row in found:
        if every or row.missed:
            reached = f"{int(row.percent * 10) / 10:.1f}"  # never rounded up
            verdict = "" if row.enough else "TOO LITTLE: "
            yield (
                f"{row.module:<52} {row.lines:>6} {row.branches:>8} {reached:>8} {row.unit.least:>6}"
                f"  {verdict}{', '.join(row.missed)}"
            ).rstrip()
