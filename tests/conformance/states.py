"""
How a test says which statements of the standards it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., object])

#: By what an identifier begins with: the protocol level.
LEVELS = {"MQTT31": 3, "MQTT311": 4, "MQTT5": 5}

#: The same for people.
NAMES = {3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5.0"}

_NUMBERED = re.compile(r"(MQTT311|MQTT5)-\d+(\.\d+)*-\d+")
_SECTION = re.compile(r"(MQTT311|MQTT31|MQTT5) \d+(\.\d+)*")


def states(*ids: str) -> Callable[[F], F]:
    """
    A test shows these statements. It runs once for each version of MQTT that is among them.

    @param ids: C{MQTT5-3.1.2-24} for a numbered statement; C{MQTT5 3.3.2.3.4} for a rule of that section that has no
        number.
    """
    for name in ids:
        if not is_numbered(name) and _SECTION.fullmatch(name) is None:
            raise ValueError(f"{name!r}; expected such as 'MQTT5-3.1.2-24', or 'MQTT5 3.1.2.11' for no number")
    if not ids:
        raise ValueError("no statement")

    def mark(test: F) -> F:
        test.__dict__["ids"] = ids
        return test

    return mark


def is_numbered(name: str) -> bool:
    """
    Whether it is the number of a statement, rather than of a section.
    """
    return _NUMBERED.fullmatch(name) is not None


def level(name: str) -> int:
    """
    The protocol level that an identifier is about.
    """
    return LEVELS[re.split("[- ]", name)[0]]


def ids_of(test: object) -> tuple[str, ...]:
    """
    What a test shows.
    """
    ids: tuple[str, ...] = getattr(test, "ids", ())
    return ids


def versions_of(test: object) -> list[int]:
    """
    The protocol levels that a test is for.
    """
    return sorted({level(name) for name in ids_of(test)})


def for_each_version(cls: type) -> None:
    """
    Make of each test that is for several versions one for each, with only the identifiers of that version.
    """
    for name, test in list(vars(cls).items()):
        versions = versions_of(test)
        if not name.startswith("test_") or not versions:
            continue
        delattr(cls, name)
        for version in versions:
            mine = _for_version(test, version)
            suffix = {3: "_mqtt31", 4: "_mqtt311", 5: "_mqtt5"}[version] if len(versions) > 1 else ""
            mine.__name__ = name + suffix
            mine.__qualname__ = f"{cls.__qualname__}.{name}{suffix}"
            setattr(cls, name + suffix, mine)


def _for_version(test: Callable[[Any], None], version: int) -> Callable[[Any], None]:
    @wraps(test)
    def mine(self: Any) -> None:
        test(self)

    mine.__dict__["version"] = version
    mine.__dict__["ids"] = tuple(each for each in ids_of(test) if level(each) == version)
    return mine
