"""
C{python -m tests.coverage}: runs tests under pytest and shows what each floor's own tests reach of it.
"""

from __future__ import annotations

import argparse
import sys

import pytest

from tests.coverage.table import rows, table
from tests.coverage.units import UNITS
from tests.coverage.watching import Watch, paths


def main() -> int:
    """
    @return: 0: all tests passed and reach enough; 1: not so; whatever pytest says when it could not run.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.coverage", description=__doc__, epilog="Any other option is handed to pytest."
    )
    parser.add_argument("--all", action="store_true", help="run all tests, those that answer for no floor, too")
    parser.add_argument("--only", action="append", choices=[unit.name for unit in UNITS], help="one floor; repeatable")
    parser.add_argument("--short", action="store_true", help="show only modules of which something was not reached")
    options, others = parser.parse_known_args()
    units = [unit for unit in UNITS if options.only is None or unit.name in options.only]

    watch = Watch()
    watch.begin()
    where = ["tests"] if options.all else paths(units)
    verdict = int(pytest.main([*others, *where], plugins=[watch]))
    watch.end()
    found = [row for unit in units for row in rows(watch.measured, unit)]
    print("\n".join(table(found, not options.short)))
    short = [row.module for row in found if not row.enough]
    print(f"{len(found)} modules, {len(short)} reached too little by their own tests: {', '.join(short) or 'none'}")
    return verdict or int(bool(short))


if __name__ == "__main__":
    sys.exit(main())
