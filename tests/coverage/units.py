"""
What is measured, by whose tests, and how much of it must be reached.

The unit is a floor: C{tests/codec} answers for C{txmqtt/codec}. One file of tests for one module would be too narrow,
since the parts of a conversation are best tested as a conversation; the whole suite would be too wide, since nearly
every line of the codec runs when two clients talk, and nothing looks at what it did. So each module is shown by itself,
and only its floor's tests count. Those of C{tests/conformance} and C{tests/end_to_end} count for nothing: they play a
broker or a client as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.house import COMPILED, ROOT

#: What C{coverage} takes for an exception, and how one gives its reason.
_EXCEPTION: Final = re.compile(r"#\s*pragma[:\s]\s*no\s*(?:cover|branch)\b(?: - (?P<reason>\S.*))?", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """
    @ivar name: the folder in C{tests} whose tests count.
    @ivar sources: the folders or files that they answer for, from the top of the checkout.
    @ivar least: how much of each module must be reached, percent of lines and branches together.
    """

    name: str
    sources: tuple[str, ...]
    least: int

    @property
    def files(self) -> list[Path]:
        """
        Its modules.
        """
        paths = [ROOT / source for source in self.sources]
        return sorted(file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path]))


#: Floors 0 to 2 know no excuse: they do no I/O, so that everything in them can be brought about.
UNITS = (
    Unit("codec", ("txmqtt/codec",), 100),
    Unit("session", ("txmqtt/session",), 100),
    Unit("broker", ("txmqtt/broker",), 100),
    Unit("net", ("txmqtt/net",), 95),
    Unit("backends", ("txmqtt/backends",), 95),
    Unit("service", ("txmqtt/service",), 95),
    Unit("cli", ("txmqtt/cli",), 95),
    Unit("testing", ("txmqtt/testing", "pytest_txmqtt.py"), 95),
)


def unit_of(test: Path) -> Unit | None:
    """
    For what a file or folder of tests answers.
    """
    if not test.is_relative_to(ROOT / "tests"):
        return None
    parts = test.relative_to(ROOT / "tests").parts
    return next((unit for unit in UNITS if parts and unit.name == parts[0]), None)


@dataclass(frozen=True)
class Excuse:
    """
    A line of the source that need not be reached.

    @ivar reason: why; empty: it does not say.
    """

    file: str
    line: int
    reason: str


def excuses() -> list[Excuse]:
    """
    All that the source asks for.
    """
    found = []
    for unit in UNITS:
        for path in unit.files:
            for line, text in enumerate(path.read_text().splitlines(), 1):
                asked = _EXCEPTION.search(text)
                if asked is not None:
                    found.append(Excuse(str(path.relative_to(ROOT)), line, asked["reason"] or ""))
    return found


def wrong(excuse: Excuse) -> bool:
    """
    Whether there is no such excuse: it has no reason, or is on a floor that knows none.
    """
    return not excuse.reason or excuse.file.startswith(tuple(f"txmqtt/{floor}/" for floor in COMPILED))
