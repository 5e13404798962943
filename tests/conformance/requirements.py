"""
What the systems that txmqtt started from do, wish for or got wrong; and where it is shown how txmqtt does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.house import ROOT
from tests.named import locate

HERE = Path(__file__).resolve().parent

#: By the letter that identifiers begin with: how many there are. A document each, and F the faults in their code.
COUNTS = {"A": 22, "B": 29, "C": 21, "D": 22, "E": 17, "F": 15}


@dataclass(frozen=True)
class Requirement:
    """
    @ivar id: such as C{A16}.
    @ivar what: what there is, in our words.
    @ivar how: how txmqtt does it, or that it does not.
    @ivar where: what shows it: files of the project, such as C{docs/client.rst}; and modules of tests, classes in them,
        and tests, such as C{net.test_client.PingTests.test_answered}, without the C{tests.} before.
    """

    id: str
    what: str
    how: str
    where: tuple[str, ...]


@cache
def requirements() -> dict[str, Requirement]:
    """
    All of them by identifier, in their order.
    """
    found: dict[str, Requirement] = {}
    for line in (HERE / "requirements.tsv").read_text("utf-8").splitlines()[1:]:
        name, what, how, where = line.split("\t")
        if name in found:
            raise ValueError(f"{name} stands twice in the table")
        found[name] = Requirement(name, what, how, tuple(where.split()))
    return found


def problems(table: dict[str, Requirement]) -> Iterator[str]:
    """
    All that is wrong with a table of requirements.
    """
    wanted = [f"{letter}{number + 1}" for letter, count in COUNTS.items() for number in range(count)]
    for name in wanted:
        if name not in table:
            yield f"{name} is missing"
    for name, each in table.items():
        if name not in wanted:
            yield f"{name} is no requirement"
        for words in (each.what, each.how):
            if not words.endswith((".", "?")) or len(words) > 260:
                yield f"{name}: {words!r}; expected a sentence or two"
        for place in each.where:
            if not exists(place):
                yield f"{name} is shown by {place}, which does not exist"
        if not each.where:
            yield f"{name} is shown by nothing"
        if name.startswith("F") and not any(is_test(place) for place in each.where):
            yield f"{name} is a fault, and no test sees to it that it does not come back"


def is_test(place: str) -> bool:
    """
    Whether it names one test.
    """
    return place.rpartition(".")[2].startswith("test_") and ".test_" in place.partition(".test_")[2]


def exists(place: str) -> bool:
    """
    Whether there is such a file, module of tests, class or test.
    """
    if "/" in place or place.endswith(".rst"):
        return (ROOT / place).is_file()
    try:
        locate("test", place)
    except LookupError:
        return False
    return True
