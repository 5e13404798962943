"""
Endpoint strings taken apart: words between colons, some of them C{name=value}; a backslash before what is meant as it
is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: Connections that the kernel completes before we accept them, unless the string says otherwise. Twisted's default of
#: 50 turns clients away when many return at once, after a restart; the kernel lowers this to its own limit.
BACKLOG = 4096

#: What ends a word, and what does not.
_WORD = re.compile(r"(?:[^:\\]|\\.)*", re.DOTALL)

_NAMED = re.compile(r"((?:[^=\\]|\\.)*)=(.*)", re.DOTALL)


class Description(NamedTuple):
    """
    What an endpoint string says.

    @ivar kind: the word before the first colon.
    @ivar places: the words without a name, in order.
    @ivar named: those with one.
    """

    kind: str
    places: list[str]
    named: dict[str, str]


def words(description: str) -> list[str]:
    """
    The words of an endpoint string as they stand there; joined by colons they are the string again.

    @raise ValueError: it ends in the middle of one.
    """
    found, at = [], 0
    while True:
        match = _WORD.match(description, at)
        assert match is not None
        found.append(match[0])
        at = match.end()
        if at == len(description):
            return found
        if description[at] != ":":
            raise ValueError(f"{description!r} ends with a backslash; expected a character after it")
        at += 1


def parse(description: str) -> Description:
    """
    Take an endpoint string apart.

    @raise ValueError: it can't be, or says something twice.
    """
    kind, *rest = words(description)
    places: list[str] = []
    named: dict[str, str] = {}
    for word in rest:
        match = _NAMED.fullmatch(word)
        if match is None:
            places.append(_plain(word))
            continue
        name = _plain(match[1])
        if name in named:
            raise ValueError(f"{name}= is there twice; expected it once")
        named[name] = _plain(match[2])
    return Description(_plain(kind), places, named)


def _plain(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL)
