"""
C{python -m tests.coverage}: runs tests under pytest and shows what each floor's own tests reach of it.
"""

from __future__ import annotations

import argparse
import sys

import coverage
import pytest

from tests.coverage.table import rows, table
from tests.coverage.units import UNITS
from tests.coverage.watching import Watch
from tests.house import ROOT


def main() -> int:
    """
    @return: 0: all tests passed and reach enough; 1: not so; otherwise what pytest says when it could not run them.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.coverage", description=__doc__, epilog="Any other option is handed to pytest."
    )
    parser.add_argument("--all", action="store_true", help="run those tests too that count for nobody")
    parser.add_argument("--only", action="append", choices=[unit.name for unit in UNITS], help="one floor; repeatable")
    parser.add_argument("--short", action="store_true", help="show only modules of which something was not reached")
    options, others = parser.parse_known_args()
    units = [unit for unit in UNITS if options.only is None or unit.name in options.only]

    watch = Watch(coverage.Coverage(data_file=None, config_file=str(ROOT / "pyproject.toml")), options.all)
    if watch.begin():
        parser.error("floors 0 to 2 are compiled here; expected the plain files of a checkout, which can be watched")
    folders = [ROOT / "tests"] if options.all else [ROOT / "tests" / unit.name for unit in units]
    verdict = int(pytest.main([*others, *map(str, folders)], plugins=[watch]))
    watch.end()
    found = [row for unit in units for row in rows(watch.reached(unit), unit)]
    print("\n".join(table(found, not options.short)))
    wrong = [row.module for row in found if row.wrong]
    print(f"{len(found)} modules; not as it should be: {', '.join(wrong) or 'none'}")
    return verdict or int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
