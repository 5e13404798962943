"""
A password file: lines C{name:hash}, as C{txmqtt passwd} and C{mosquitto_passwd} write them.

Empty lines and lines that begin with C{#} are comments. A line may end in CR LF. Names are UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from txmqtt.net.access import hashes

#: A file may have so many bytes: a hundred for each of half a million users.
MOST_BYTES = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """
    One line that says something.

    @ivar number: from 1.
    @ivar name: a user.
    @ivar rest: what follows the colon.
    """

    number: int
    name: str
    rest: str


def lines(data: bytes, where: str) -> Iterator[Line]:
    """
    What a file says, whatever it has after the names.

    @param where: what the file is called.
    @raise ValueError: a line is malformed, or a name comes twice; says where.
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(data.removeprefix(_BOM).split(b"\n"), 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        try:
            name, colon, rest = line.removesuffix(b"\r").decode().partition(":")
        except UnicodeDecodeError:
            raise ValueError(f"{where}:{number}: not UTF-8") from None
        if not colon:
            raise ValueError(f"{where}:{number}: no colon; expected NAME:HASH")
        if wrong := name_error(name):
            raise ValueError(f"{where}:{number}: {wrong}")
        if name in seen:
            raise ValueError(f"{where}:{number}: {name!r} stands in line {seen[name]} already")
        seen[name] = number
        yield Line(number, name, rest)


def entries(data: bytes, where: str) -> dict[str, hashes.Hash]:
    """
    The users of a file and their passwords.

    @raise ValueError: as L{lines} does, or something is no hash; says where, and never shows what may be a password.
    """
    found = {}
    for number, name, rest in lines(data, where):
        try:
            found[name] = hashes.read(rest)
        except hashes.HashError as error:
            raise ValueError(f"{where}:{number}: not a password hash: {error}") from None
    return found


def name_error(name: str) -> str:
    """
    Why this can't be the name of a user in such a file; nothing when it can.
    """
    if not name:
        return "an empty name"
    if ":" in name:
        return f"the name {name!r} has a colon, which ends a name in the file"
    if name.startswith("#"):
        return f"the name {name!r} begins with #, as comments do"
    if any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 or 0xD800 <= ord(each) < 0xE000 for each in name):
        return f"the name {name!r} has control characters"
    if len(name.encode()) > 65535:
        return "a name longer than 65,535 bytes, which no client can give"
    return ""
