"""
On which line of a TOML file a setting stands, so that a mistake can be told where it was made.

The standard library's reader tells the line of what is no TOML, but keeps no lines of what is. So the file, which is
TOML already, is taken apart into its statements, and each is read by itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

#: The way to a setting: names of tables, positions in arrays of tables, and last the key.
Path = tuple[str | int, ...]


class Lines:
    """
    The lines of the statements of one file.

    @param text: what C{tomllib} has read without an error.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}  # how many tables an array has so far
        self._table: Path = ()
        for number, statement in _statements(text):
            self._note(number, statement)

    def _note(self, number: int, statement: str) -> None:
        said = tomllib.loads(statement)
        if not statement.startswith("["):
            for leaf in _leaves(said):
                self._put((*self._table, *leaf), number)
            return
        path: Path = ()
        names = next(_keys(said))
        for position, name in enumerate(names):
            path = (*path, name)
            if path in self._counts:
                last = position == len(names) - 1 and statement.startswith("[[")
                path = (*path, self._counts[path] - (not last))
        if statement.startswith("[["):
            if isinstance(path[-1], str):  # the first of its array
                self._counts[path] = 0
                path = (*path, 0)
            self._counts[path[:-1]] += 1
        self._table = path
        self._put(path, number)

    def _put(self, path: Path, number: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)

    def of(self, path: Path) -> int:
        """
        The line of a setting; of the nearest table around it where it is not in the file; 0 for the file itself.
        """
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 0


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """
    Each header and each assignment, with the number of its first line.
    """
    statement, first = "", 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not statement:
            line = line.lstrip(" \t")
            if not line.strip() or line.startswith("#"):
                continue
            first = number
        statement += line
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        yield first, statement
        statement = ""


def _keys(said: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """
    The names in a header.
    """
    names: list[str] = []
    value: Any = said
    while value:
        if isinstance(value, list):
            value = value[0]
            continue
        name = next(iter(value))
        names.append(name)
        value = value[name]
    yield tuple(names)


def _leaves(value: Any) -> Iterator[Path]:
    """
    The way to everything that one assignment sets.
    """
    inner: Iterator[tuple[str | int, Any]]
    if isinstance(value, dict):
        inner = iter(value.items())
    elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
        inner = iter(enumerate(value))
    else:
        yield ()
        return
    empty = True
    for name, below in inner:
        empty = False
        for path in _leaves(below):
            yield (name, *path)
    if empty:
        yield ()
