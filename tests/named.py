"""
What the pages name of the source and of the tests: where it is, and that it is there.

A page writes C{:src:`broker/publishing.py Publishing.published`} for something below C{txmqtt}, or another file of the
project, and C{:test:`net.test_door.HalfOpenTests.test_flood`} for a test, without the C{tests.} before. Words for the
reader may stand before it: C{:src:`the broker <broker/publishing.py Publishing.published>`}.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.house import ROOT

ROLES = ("src", "test")
_ROLE = re.compile(r":(src|test):`(?:[^`<]*<)?([^`<>]+)>?`")


@dataclass(frozen=True)
class Place:
    """
    Somewhere in the source.

    @ivar path: a file, from the root of the project.
    @ivar member: what is meant in there, such as C{Publishing.published}; empty for the whole file.
    @ivar line: where it begins.
    """

    path: str
    member: str
    line: int


def mentions(text: str) -> Iterator[tuple[str, str]]:
    """
    All that a page names: the role, and the name.
    """
    for found in _ROLE.finditer(text):
        yield found[1], " ".join(found[2].split())


def locate(role: str, name: str) -> Place:
    """
    Where it is.

    @raise LookupError: there is nothing of that name.
    """
    path, member = _split_source(name) if role == "src" else _split_test(name)
    if path is None:
        raise LookupError(f"{name!r}: there is no such file")
    return Place(str(path.relative_to(ROOT)), member, _line(path, member) if member else 1)


def _split_source(name: str) -> tuple[Path | None, str]:
    file, _, member = name.partition(" ")
    for folder in (ROOT / "txmqtt", ROOT):
        if (folder / file).is_file():
            return folder / file, member
    return None, member


def _split_test(name: str) -> tuple[Path | None, str]:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        path = ROOT.joinpath("tests", *parts[:count]).with_suffix(".py")
        if path.is_file():
            return path, ".".join(parts[count:])
    return None, ""


def _line(path: Path, member: str) -> int:
    line = members(path).get(member)
    if line is None:
        raise LookupError(f"{path.relative_to(ROOT)} has no {member}")
    return line


@cache
def members(path: Path) -> dict[str, int]:
    """
    The classes, functions and variables of a module, and the methods of its classes, with their lines.
    """
    found: dict[str, int] = {}
    for each in ast.parse(path.read_text("utf-8")).body:
        for name in _names(each):
            found[name] = each.lineno
        if isinstance(each, ast.ClassDef):
            found.update((f"{each.name}.{name}", inner.lineno) for inner in each.body for name in _names(inner))
    return found


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
