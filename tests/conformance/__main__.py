"""
C{python -m tests.conformance --broker HOST:PORT}: what a broker fulfils of MQTT 3.1.1 and 5.0.
"""

from __future__ import annotations

import argparse
import sys

from tests.conformance.audit import Test
from tests.conformance.case import Target
from tests.conformance.differences import KNOWN
from tests.conformance.run import FAILED, Verdict, by_statement, chosen, reach, run, table


def main() -> int:
    """
    @return: 0: nothing failed; 1: something did; 2: there is no such broker.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--broker", required=True, metavar="HOST:PORT", help="where it listens, without TLS")
    parser.add_argument("--version", type=int, choices=(3, 4, 5), action="append", help="3 for MQTT 3.1, 4 for 3.1.1")
    parser.add_argument("--patience", type=float, default=1.0, help="how long it may take to answer, seconds")
    parser.add_argument("--quiet", type=float, default=0.1, help="when nothing more is believed to come, seconds")
    parser.add_argument("--longest", type=float, default=4.0, help="how long a test may wait, seconds")
    parser.add_argument("--limit", type=float, default=900.0, help="how long all may take, seconds")
    parser.add_argument("--known", choices=sorted(KNOWN), help="what is known to fail there does not count")
    parser.add_argument("--all", action="store_true", help="show what has passed, too")
    parser.add_argument("--table", action="store_true", help="print nothing but the table")
    parser.add_argument("only", nargs="*", help="statements, or parts of the names of tests")
    options = parser.parse_args()
    host, _, port = options.broker.rpartition(":")
    if not host or not port.isdecimal():
        parser.error(f"--broker is {options.broker!r}; expected HOST:PORT")
    versions = options.version or [3, 4, 5]
    target = Target(host.strip("[]"), int(port), options.patience, options.longest, options.quiet)

    known = KNOWN[options.known][1] if options.known else {}

    def tell(test: Test, verdict: Verdict) -> None:
        if not options.table:
            print(f"{verdict.outcome:<15} {test.name.removeprefix('tests.conformance.broker.')}", file=sys.stderr)

    try:
        reach(target)
    except OSError as error:
        parser.exit(2, f"nobody listens at {options.broker}: {error}\n")
    verdicts = run(target, chosen(versions, options.only), options.limit, known, tell)
    found = by_statement(verdicts, versions)
    print("\n".join(table(found, options.all)))
    return 1 if any(verdict.outcome == FAILED for verdict in verdicts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
