"""
The tests of a broker, run against any that listens somewhere: what it fulfils, what it does not, and what it can't be
asked.
"""

from __future__ import annotations

import socket
import traceback
import unittest
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any

from tests.conformance.audit import Test, tests
from tests.conformance.case import BrokerCase, Target
from tests.conformance.statements import statements
from tests.conformance.states import is_numbered

PASSED, FAILED, KNOWN = "passed", "failed", "known to fail"
NOT_APPLICABLE, NOT_TESTED = "not applicable", "not tested"

#: Of several tests of a statement, the verdict that says most.
_ORDER = (FAILED, KNOWN, PASSED, NOT_APPLICABLE, NOT_TESTED)


@dataclass
class Verdict:
    """
    What became of a test, or of all tests of a statement.

    @ivar reasons: why it failed or is not applicable.
    """

    outcome: str = NOT_TESTED
    reasons: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """
        Another test of the same statement.
        """
        if _ORDER.index(other.outcome) < _ORDER.index(self.outcome):
            self.outcome, self.reasons = other.outcome, []
        if other.outcome == self.outcome:
            self.reasons += other.reasons


class _Result(unittest.TestResult):
    """
    Of one test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verdict = Verdict(PASSED)

    def addSkip(self, test: Any, reason: Any) -> None:
        if self.verdict.outcome == PASSED:
            self.verdict = Verdict(NOT_APPLICABLE, [str(reason)])

    def addFailure(self, test: Any, err: Any) -> None:
        self._bad(err)

    def addError(self, test: Any, err: Any) -> None:
        self._bad(err)

    def _bad(self, err: Any) -> None:
        why: BaseException = err[1] if isinstance(err, tuple) else err.value
        where: TracebackType | None = err[2] if isinstance(err, tuple) else err.getTracebackObject()
        said = str(why) if isinstance(why, AssertionError) else f"{type(why).__name__}: {why}"
        lines = [frame.lineno for frame in traceback.extract_tb(where) if "/test_" in frame.filename]
        if self.verdict.outcome != FAILED:
            self.verdict = Verdict(FAILED, [])
        self.verdict.reasons.append(f"line {lines[-1]}: {said}" if lines else said)


def chosen(versions: Iterable[int], words: Iterable[str] = ()) -> list[Test]:
    """
    The tests of a broker for these versions.

    @param words: only those that have one of these in their names or show one of these statements; none for all.
    """
    wanted = list(words)
    return [
        test
        for test in tests()
        if test.side == "broker"
        and test.version in versions
        and (not wanted or any(word in test.name or word in test.ids for word in wanted))
    ]


def reach(target: Target) -> None:
    """
    @raise OSError: nobody listens there.
    """
    socket.create_connection((target.host, target.port), timeout=target.patience).close()


def run(
    target: Target,
    some: Iterable[Test],
    limit: float,
    known: Mapping[str, str] = {},
    tell: Callable[[Test, Verdict], object] = lambda test, how: None,
) -> dict[Test, Verdict]:
    """
    Run tests against a broker.

    @param limit: after so many seconds no more are begun.
    @param known: which may fail, and why, by C{Test.short}.
    @param tell: called after each test.
    """
    end = monotonic() + limit
    verdicts: dict[Test, Verdict] = {}
    before, BrokerCase.target = BrokerCase.target, target
    try:
        for test in some:
            if monotonic() > end:
                verdicts[test] = Verdict(NOT_TESTED, ["there was no time left"])
                continue
            result = _Result()
            test.case(test.method).run(result)
            if result.verdict.outcome == FAILED and test.short in known:
                result.verdict.outcome = KNOWN
                result.verdict.reasons.append(known[test.short])
            verdicts[test] = result.verdict
            tell(test, result.verdict)
    finally:
        BrokerCase.target = before
    return verdicts


def by_statement(verdicts: dict[Test, Verdict], versions: Iterable[int]) -> dict[str, Verdict]:
    """
    What became of each statement that is asked of a broker, in the order of the standards; then the rules without
    numbers.
    """
    prefixes = tuple({4: "MQTT311-", 5: "MQTT5-"}[version] for version in versions if version > 3)
    found = {
        each.id: Verdict()
        for each in statements().values()
        if "broker" in each.sides and each.id.startswith(prefixes or ("none",))
    }
    for test, verdict in verdicts.items():
        for name in sorted(test.ids, key=lambda name: not is_numbered(name)):
            said = [f"{test.case.__qualname__}.{test.method}: {reason}" for reason in verdict.reasons]
            found.setdefault(name, Verdict()).add(Verdict(verdict.outcome, said))
    return found


def table(found: dict[str, Verdict], everything: bool = False) -> Iterator[str]:
    """
    Lines for people.

    @param everything: those that passed too.
    """
    for name, verdict in found.items():
        if everything or verdict.outcome not in (PASSED, NOT_TESTED):
            yield f"{name:<18} {verdict.outcome}"
            if verdict.outcome in (FAILED, KNOWN, NOT_APPLICABLE):
                yield from (f"    {reason}" for reason in verdict.reasons)
    counts = Counter(verdict.outcome for verdict in found.values())
    yield ", ".join(f"{counts[outcome]} {outcome}" for outcome in _ORDER)
