"""
What is measured, by whose tests, and how much of it must be reached.

The unit is a floor: C{tests/codec} answers for C{txmqtt/codec}. One file of tests for one module would be too narrow,
since the parts of a conversation are best tested as a conversation; the whole suite would be too wide, since nearly
every line of the codec runs when two clients talk, and nothing looks at what it did. So each module is shown by itself,
and only its floor's tests count. Those of C{tests/conformance} and C{tests/end_to_end} count for nothing: they play a
broker or a client as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Unit:
    """
    @ivar name: the folder in C{tests} whose tests count.
    @ivar sources: the folder or file that they answer for, from the top of the checkout.
    @ivar least: how much of each module must be reached, percent of lines and branches together.
    """

    name: str
    sources: str
    least: int

    @property
    def files(self) -> list[Path]:
        """
        Its modules.
        """
        path = ROOT / self.sources
        return sorted(path.rglob("*.py")) if path.is_dir() else [path]


#: Floors 0 to 2 know no excuse: they do no I/O, so that everything in them can be brought about.
UNITS = (
    Unit("codec", "txmqtt/codec", 100),
    Unit("session", "txmqtt/session", 100),
    Unit("broker", "txmqtt/broker", 100),
    Unit("net", "txmqtt/net", 95),
    Unit("backends", "txmqtt/backends", 95),
    Unit("service", "txmqtt/service", 95),
    Unit("cli", "txmqtt/cli", 95),
    Unit("testing", "txmqtt/testing", 95),
)


def unit_of(test: Path) -> Unit | None:
    """
    For what a file or folder of tests answers.
    """
    try:
        parts = test.relative_to(ROOT / "tests").parts
    except ValueError:
        return None
    return next((unit for unit in UNITS if parts and unit.name == parts[0]), None)
