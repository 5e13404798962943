"""
What is printed: one table for each question, and beside each ratio the one to reach.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from durable_generator import Figures, troubles


@dataclass(frozen=True)
class Row:
    """
    One line.

    @ivar values: a figure for each column; the median, where there are several.
    @ivar ratio: what is compared with the bar, in this unit.
    @ivar reach: the bar, in words.
    @ivar spread: the lowest and the highest ratio of the alternating runs.
    @ivar digits: after the point, of the values.
    @ivar troubles: what went wrong in these runs.
    """

    what: str
    values: Mapping[str, float]
    ratio: float | None = None
    reach: str = ""
    digits: int = 0
    unit: str = ""
    spread: tuple[float, float] | None = None
    troubles: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Table:
    """
    The answer to one question.

    @ivar notes: what one must know to read it.
    """

    name: str
    question: str
    columns: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(
        self,
        what: str,
        figures: Sequence[Sequence[float]],
        runs: Sequence[Figures] = (),
        *,
        reach: str = "",
        digits: int = 0,
    ) -> None:
        """
        Two columns measured in alternating runs, and the median of the second as a part of the first.
        """
        first, second = figures
        ratios = [two / one for one, two in zip(first, second, strict=True) if one]
        values = dict(zip(self.columns, (median(first), median(second)), strict=False))
        self.rows.append(
            Row(
                what,
                values,
                median(ratios) if ratios else None,
                reach,
                digits,
                spread=(min(ratios), max(ratios)) if len(ratios) > 1 else None,
                troubles=troubles(runs),
            )
        )

    def __str__(self) -> str:
        wide = max(len(row.what) for row in self.rows) if self.rows else 20
        heads = "".join(f"{column:>14}" for column in self.columns)
        lines = [f"{self.name}: {self.question}", *(f"  {note}" for note in self.notes)]
        if self.rows:
            lines.append(f"  {'':{wide}}{heads}{'ratio':>14}  {'to reach':<12}{'from - to':<14}went wrong")
        for row in self.rows:
            values = "".join(
                f"{row.values[column]:14,.{row.digits}f}" if column in row.values else " " * 14
                for column in self.columns
            )
            ratio = "" if row.ratio is None else f"{row.ratio:.3g}{row.unit}"
            spread = "" if row.spread is None else f"{row.spread[0]:.2f} - {row.spread[1]:.2f}"
            wrong = ", ".join(f"{count:,} {what}" for what, count in row.troubles.items()) or "nothing"
            lines.append(f"  {row.what:{wide}}{values}{ratio:>14}  {row.reach:<12}{spread:<14}{wrong}")
        return "\n".join(lines) + "\n"


def all_troubles(tables: Iterable[Table]) -> dict[str, int]:
    """
    Everything that went wrong.
    """
    found: Counter[str] = Counter()
    for table in tables:
        for row in table.rows:
            found.update(row.troubles)
    return dict(found)
