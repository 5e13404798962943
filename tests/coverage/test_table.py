"""
Tests of tests.coverage.table: what is shown of each module, and what is too little.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.coverage.table import rows, table
from tests.coverage.units import Unit
from tests.coverage.waivers import WAIVED

UNIT = Unit("net", ("txmqtt/net",), 95)


def found(percent: float, lines: tuple[int, ...] = (), branches: tuple[tuple[int, int], ...] = ()) -> dict[str, Any]:
    """
    What C{coverage} says of a file.
    """
    summary = {"num_statements": 20, "num_branches": 8, "percent_covered": percent}
    return {"summary": summary, "missing_lines": list(lines), "missing_branches": [list(each) for each in branches]}


class TableTests(SynchronousTestCase):
    def test_missed(self) -> None:
        """
        Lines are named in ranges, and of a condition the way that was never taken.
        """
        files = {"a.py": found(90.0, (3, 7, 8, 9, 12), ((2, 3), (5, -1), (12, 15)))}
        (row,) = rows(files, UNIT)
        self.assertEqual(row.missed, ("3", "7-9", "12", "2->3", "5->exit"))

    def test_enough(self) -> None:
        """
        What is just enough passes, and what is nearly enough does not look like it.
        """
        files = {"a.py": found(95.0, (1,)), "b.py": found(94.99, (1,)), "c.py": found(100.0)}
        made = rows(files, UNIT)
        self.assertEqual([bool(row.wrong) for row in made], [False, True, False])
        text = list(table(made, False))
        self.assertEqual(len(text), 3)
        self.assertRegex(text[1], r"^a\.py +20 +8 +95\.0 +95  1$")
        self.assertRegex(text[2], r"^b\.py +20 +8 +94\.9 +95  TOO LITTLE: 1$")
        self.assertRegex(list(table(made, True))[3], r"^c\.py +20 +8 +100\.0 +95$")

    def test_waived(self) -> None:
        """
        A module that is waived may reach less, but no less than it did, and is no longer waived once it reaches enough.
        """
        module = next(iter(WAIVED))
        least, _ = WAIVED[module]
        for percent, wrong in ((least, ""), (least - 0.1, "TOO LITTLE: "), (95.0, "NO LONGER WAIVED: ")):
            (row,) = rows({module: found(percent)}, UNIT)
            self.assertEqual((row.least, row.wrong), (least, wrong))
