"""
Which tests show which statements; and what is wrong with that.

C{python -m tests.conformance.audit} prints what is wrong. With C{--strike} it takes out of C{pending.txt} what has
become a test. With the number of a statement, it says what there is about it: in the code, here, and in other tests.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import getdoc
from pathlib import Path

from tests.conformance.case import ConformanceCase
from tests.conformance.statements import ELSEWHERE, HERE, pending, statements
from tests.conformance.states import ids_of, is_numbered

ROOT = HERE.parent.parent

_TAG = re.compile(r"\[(MQTT\d+-[^\]\s]*)\]")


@dataclass(frozen=True)
class Test:
    """
    One test for one version.

    @ivar ids: what it shows.
    """

    case: type[ConformanceCase]
    method: str
    ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """
        Its full name, as C{trial} takes it.
        """
        return f"{self.case.__module__}.{self.case.__qualname__}.{self.method}"

    @property
    def short(self) -> str:
        """
        The same without what all tests of a side have in common, and without the version.
        """
        return re.sub(r"_mqtt\d+$", "", self.name.removeprefix(f"tests.conformance.{self.side}."))

    @property
    def side(self) -> str:
        return self.case.side

    @property
    def version(self) -> int:
        version: int = getattr(getattr(self.case, self.method), "version", 5)
        return version

    @property
    def promise(self) -> str:
        """
        The first line of its docstring.
        """
        return (getdoc(getattr(self.case, self.method)) or "").split("\n")[0]


@cache
def tests() -> tuple[Test, ...]:
    """
    All conformance tests, by file and line.
    """
    found: list[Test] = []
    for path in sorted([*HERE.glob("broker/test_*.py"), *HERE.glob("client/test_*.py")]):
        module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for case in vars(module).values():
            if isinstance(case, type) and issubclass(case, ConformanceCase) and case.__module__ == module.__name__:
                found += [
                    Test(case, name, ids_of(getattr(case, name))) for name in dir(case) if name.startswith("test_")
                ]
    return tuple(found)


@cache
def carried() -> dict[tuple[str, str], list[Test]]:
    """
    The tests by identifier and side.
    """
    found: defaultdict[tuple[str, str], list[Test]] = defaultdict(list)
    for test in tests():
        for name in test.ids:
            found[name, test.side].append(test)
    return dict(found)


def tags(folder: Path) -> dict[str, list[str]]:
    """
    The statements that Python files name, and where.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for name in _TAG.findall(line):
                found[name].append(f"{path.relative_to(ROOT)}:{number}")
    return dict(found)


def problems() -> list[str]:
    """
    All that is wrong.
    """
    return [*_of_statements(), *_of_tests(), *_of_lists(), *_of_code()]


def wanted() -> list[tuple[str, str]]:
    """
    What must have a test or a reason: identifiers and sides.
    """
    return [(each.id, side) for each in statements().values() for side in each.sides or ("inspect",)]


def _of_statements() -> Iterator[str]:
    for name, side in wanted():
        if (name, side) not in carried() and (name, side) not in ELSEWHERE and (name, side) not in pending():
            yield f"{name} has no test of the {side}"


def _of_tests() -> Iterator[str]:
    table = statements()
    for test in tests():
        if not test.ids:
            yield f"{test.name} does not say what it shows"
        for name in test.ids:
            if not is_numbered(name):
                continue
            if name not in table:
                yield f"{test.name} shows {name}, which is no statement"
            elif test.side not in table[name].sides:
                yield f"{test.name} shows {name}, which is to be shown by {' and '.join(table[name].sides) or 'nobody'}"


def _of_lists() -> Iterator[str]:
    known = set(wanted())
    for name, side in sorted(pending()):
        if (name, side) not in known:
            yield f"pending.txt has {name} {side}, which nobody asks for"
        elif (name, side) in carried():
            yield f"pending.txt has {name} {side}, which has a test: run python -m tests.conformance.audit --strike"
    for name, side in ELSEWHERE:
        if (name, side) not in known:
            yield f"ELSEWHERE has {name} {side}, which nobody asks for"
        elif (name, side) in carried() or (name, side) in pending():
            yield f"ELSEWHERE has {name} {side}, which has a test or is pending"


def _of_code() -> Iterator[str]:
    table = statements()
    shown = {name for name, _ in [*carried(), *ELSEWHERE, *pending()]}
    for name, places in tags(ROOT / "txmqtt").items():
        if name not in table:
            yield f"{places[0]} names {name}, which is no statement"
        elif name not in shown:
            yield f"{places[0]} names {name}, which no test shows"


def strike() -> int:
    """
    Take out of C{pending.txt} what has a test or a reason, or is nothing that anybody asks for.

    @return: how many are left.
    """
    left = [each for each in wanted() if each in pending() and each not in carried() and each not in ELSEWHERE]
    (HERE / "pending.txt").write_text("".join(f"{name} {side}\n" for name, side in left))
    return len(left)


def about(name: str) -> Iterator[str]:
    """
    Where a statement is met, shown and spoken of.
    """
    each = statements()[name]
    yield f"{name}, {each.who}, {each.subject}: {each.words}"
    for side in each.sides or ("inspect",):
        state = ELSEWHERE.get((name, side), "pending" if (name, side) in pending() else "")
        yield from (
            f"  {side}: {found}" for found in [test.name for test in carried().get((name, side), ())] or [state]
        )
    for folder in ("txmqtt", "tests"):
        yield from (f"  {place}" for place in tags(ROOT / folder).get(name, ()))


def main(arguments: list[str]) -> int:
    if arguments == ["--strike"]:
        left = strike()
        print(f"{left} of {len(wanted())} are still to be written")
        return 0
    if arguments:
        print("\n".join(line for name in arguments for line in about(name)))
        return 0
    found = problems()
    print("\n".join(found) or f"{len(tests())} tests, nothing wrong, {len(pending())} of {len(wanted())} pending")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
