"""
From tables to settings: what is unknown, of the wrong type or out of range is a fault, and all faults are told at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from txmqtt.broker.policy import Policy
from txmqtt.net.options import UNBOUNDED, Range
from txmqtt.service.configuration.lines import Path
from txmqtt.service.configuration.schema import Overrides, Setting, settings_of
from txmqtt.service.limits import PER_LISTENER

#: So much of a wrong value is shown, characters.
_SHOWN = 60


class Fault(NamedTuple):
    """
    One mistake.

    @ivar path: the way to it.
    """

    path: Path
    message: str


@dataclass(frozen=True)
class Entry:
    """
    A table of one of several kinds.

    @ivar name: what others call it.
    @ivar path: the way to it, for what is found wrong with it later.
    """

    kind: str
    name: str
    settings: Any
    path: Path


class Reading:
    """
    Reads the tables of one file.

    @ivar faults: what was wrong with them.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def wrong(self, path: Path, message: str) -> None:
        """
        Something is wrong there.
        """
        self.faults.append(Fault(path, message))

    def group(self, group: type, table: Any, path: Path = ()) -> Any:
        """
        One group of settings from its table; None when something is missing or wrong.
        """
        known = {each.name: each for each in settings_of(group)}
        before = len(self.faults)
        values = self._values(known, table, path)
        if values is None:
            return None
        for each in known.values():
            if each.required and each.name not in values and each.name not in table:
                self.wrong(path, f"{each.name} is missing")
        try:
            return group(**values) if len(self.faults) == before else None
        except ValueError as error:  # what a group of settings finds wrong with itself
            self.wrong(path, str(error))
            return None

    def _values(self, known: Mapping[str, Setting], table: Any, path: Path) -> dict[str, Any] | None:
        if not isinstance(table, dict):
            self.wrong(path, f"{_shown(table)}: expected a table")
            return None
        values = {}
        for name, value in table.items():
            setting = known.get(name)
            if setting is None:
                self.wrong((*path, name), f"unknown{nearest(name, known)}")
            else:
                values[name] = self._value(setting, value, (*path, name))
        return values

    def _value(self, setting: Setting, value: Any, path: Path) -> Any:
        kind, group = setting.kind, setting.group
        if kind is Overrides:
            return self._overrides(value, path)
        if kind is list:
            return self._tables(group, value, path)
        if kind is object and isinstance(value, dict):
            return value
        if kind in (dict, object):
            if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
                return value
            return self.wrong(path, f"{_shown(value)}: expected a table{' of strings' if kind is dict else ''}")
        if isinstance(group, type):
            return self.group(group, value, path)
        if kind is tuple:
            if isinstance(value, list) and all(isinstance(each, str) for each in value):
                for each in value:
                    self._choose(setting, each, path)
                return tuple(value)
            return self.wrong(path, f"{_shown(value)}: expected a list of strings")
        return self._simple(setting, value, path)

    def _simple(self, setting: Setting, value: Any, path: Path) -> Any:
        if setting.kind is bool:
            if not isinstance(value, bool):
                self.wrong(path, f"{_shown(value)}: expected true or false")
        elif setting.kind is str:
            if not isinstance(value, str):
                self.wrong(path, f"{_shown(value)}: expected a string")
            else:
                self._choose(setting, value, path)
        else:
            whole = setting.kind is int
            low, high = setting.range or Range(-UNBOUNDED, UNBOUNDED)
            right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not right or not low <= value <= high:
                what = "a whole number" if whole else "a number"
                bound = "" if setting.range is None else f" from {low:.15g}"
                bound += "" if high == UNBOUNDED else f" to {high:.15g}"
                return self.wrong(path, f"{_shown(value)}: expected {what}{bound}")
            return setting.kind(value)
        return value

    def _choose(self, setting: Setting, value: str, path: Path) -> None:
        if setting.choices and value not in setting.choices:
            expected = " or ".join(setting.choices)
            self.wrong(path, f"{_shown(value)}: expected {expected}{nearest(value, setting.choices)}")

    def _overrides(self, table: Any, path: Path) -> Overrides:
        known = {each.name: each for each in settings_of(Policy)}
        if isinstance(table, dict):
            for name in [name for name in table if name in known and name not in PER_LISTENER]:
                self.wrong((*path, name), "is of the whole broker: it can't be another for one listener")
        return Overrides(self._values(known, table, path) or {})

    def _tables(self, group: Any, tables: Any, path: Path) -> tuple[Any, ...]:
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self.wrong(path, f"{_shown(tables)}: expected tables, each under [[{_named(path)}]]")
            return ()
        read: list[Any] = []
        for position, table in enumerate(tables):
            where = (*path, position)
            if group is None:
                read.append(table)
            elif isinstance(group, type):
                read.append(self.group(group, table, where))
            else:
                read.append(self._entry(group, table, where))
        if group is not None and not isinstance(group, type):
            self._unique(read, path)
        return tuple(read)

    def _entry(self, kinds: Mapping[str, type], table: dict[str, Any], path: Path) -> Entry | None:
        kind, name = table.get("type"), table.get("name", table.get("type"))
        if not isinstance(kind, str) or kind not in kinds:
            seen = "type is missing" if kind is None else f"type = {_shown(kind)}"
            self.wrong((*path, "type"), f"{seen}: expected {', '.join(kinds)}{nearest(str(kind), kinds)}")
            return None
        if not isinstance(name, str) or not name:
            self.wrong((*path, "name"), f"{_shown(name)}: expected a name")
            return None
        rest = {key: value for key, value in table.items() if key not in ("type", "name")}
        settings = self.group(kinds[kind], rest, path)
        return Entry(kind, name, settings, path)

    def _unique(self, entries: list[Any], path: Path) -> None:
        seen: set[str] = set()
        for position, entry in enumerate(entries):
            if entry is not None and entry.name in seen:
                self.wrong((*path, position), f"there is another named {entry.name!r}; give it a name of its own")
            elif entry is not None:
                seen.add(entry.name)


def nearest(name: str, known: Any) -> str:
    """
    The known name that somebody may have meant, as an addition to a complaint; nothing where none is near.
    """
    near = get_close_matches(name, [str(each) for each in known], 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _named(path: Path) -> str:
    return ".".join(each for each in path if isinstance(each, str))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def told(fault: Fault) -> str:
    """
    A fault with the name of the setting.
    """
    name = _named(fault.path)
    return f"{name}: {fault.message}" if name else fault.message
