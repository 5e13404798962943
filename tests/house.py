"""
The floors of the house, and every import of it: read from the files, for the tests and for the pictures of them.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Who may import whom. What is not in the row climbs, or looks through the wall.
FLOORS = {
    "codec": {"codec"},
    "session": {"codec", "session"},
    "broker": {"codec", "session", "broker"},
    "_build": {"codec"},
    "net": {"codec", "session", "broker", "_build", "net"},
    "backends": {"codec", "session", "broker", "backends"},
    "service": {"codec", "session", "broker", "_build", "net", "backends", "service"},
    "cli": {"codec", "session", "broker", "_build", "net", "backends", "service", "cli"},
    "testing": {"codec", "session", "broker", "_build", "net", "backends", "service", "testing"},
    "_names": {"codec", "session", "broker", "_build", "net", "backends", "service"},
    "__init__": {"_names"},
}

#: Floors 0 to 2: they compile, and hold no Twisted, no clock, no logging and no I/O.
COMPILED = ("codec", "session", "broker")

#: What pyproject.toml calls the packages that we import.
DISTRIBUTIONS = {
    "twisted": "twisted",
    "zope": "zope.interface",
    "mypy_extensions": "mypy_extensions",
    "prometheus_client": "prometheus-client",
    "cryptography": "cryptography",
    "OpenSSL": "pyopenssl",
    "service_identity": "service-identity",
    "argon2": "argon2-cffi",
    "jwt": "pyjwt",
}


def sources(folder: Path) -> list[Path]:
    """
    Every Python file below a folder.
    """
    return sorted(path for path in folder.rglob("*.py"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """
    Everything that stands in a file.
    """
    return list(ast.walk(ast.parse(path.read_text(), str(path))))


def floor_of(path: Path) -> str:
    """
    On which floor a file of the package is.
    """
    return path.relative_to(ROOT / "txmqtt").with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """
    Every import of a file, those for type checking and those within functions included: its line and full name.
    """
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (start, node.module) if part)
            for alias in node.names:  # "from txmqtt import codec" names its folder only here
                yield node.lineno, f"{module}.{alias.name}"


def floor_named(name: str) -> str:
    """
    The floor that a name of the package belongs to. A public name of the package stands above everything.
    """
    folder = name.split(".")[1:2]
    return folder[0] if folder and folder[0] in FLOORS else "__init__"


def uses() -> Counter[tuple[str, str]]:
    """
    How many files of one floor import something of another: by the two floors.
    """
    found: Counter[tuple[str, str]] = Counter()
    for path in sources(ROOT / "txmqtt"):
        here = floor_of(path)
        there = {floor_named(name) for _, name in imports(path) if name.split(".")[0] == "txmqtt"}
        found.update((here, each) for each in there if each != here)
    return found


def others() -> dict[str, set[str]]:
    """
    What each floor imports that is neither ours nor the standard library's, by the names that pip knows.
    """
    found: dict[str, set[str]] = {}
    for path in sources(ROOT / "txmqtt"):
        tops = {name.split(".")[0] for _, name in imports(path)} - sys.stdlib_module_names - {"txmqtt"}
        found.setdefault(floor_of(path), set()).update(DISTRIBUTIONS.get(top, top) for top in tops)
    return found
