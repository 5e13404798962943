"""
Tests of docs/growth.rst: its tables and pictures are what the benchmarks have found.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

HOME = Path(__file__).resolve().parent.parent
FOUND = HOME / "docs" / "growth"


class GrowthTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not FOUND.is_dir():
            self.skipTest("only a checkout has the documentation")

    def test_complete(self) -> None:
        """
        What the page shows has figures, a picture, and a script that finds them anew; and nothing is left out.
        """
        shown = re.findall(r"^\.\. growth:: (\w+)$", (HOME / "docs" / "growth.rst").read_text(), re.MULTILINE)
        self.assertEqual(sorted(shown), sorted(path.stem for path in FOUND.glob("*.json")))
        for name in shown:
            self.assertTrue((FOUND / f"{name}.svg").is_file(), name)
            self.assertTrue((HOME / "benchmarks" / f"{name}.py").is_file(), name)

    def test_rows(self) -> None:
        """
        Every row has a figure, or nothing, for every column, and the first column grows.
        """
        for path in sorted(FOUND.glob("*.json")):
            with self.subTest(path.stem):
                found = json.loads(path.read_text())
                self.assertEqual(set(found), {"question", "unit", "columns", "rows", "bar", "scale", "met"})
                self.assertEqual({len(row) for row in found["rows"]}, {len(found["columns"])})
                along = [row[0] for row in found["rows"]]
                self.assertEqual(along, sorted(set(along)))
