"""
Rules from a file in the syntax of mosquitto's C{acl_file}, with the same answers.

A C{topic} line is about the user whose section it stands in, before the first C{user} line about anonymous clients; a
C{pattern} line is about everybody, and may say C{%u} and C{%c}. C{deny} wins over all else of its kind, and what a
user's own section says over every pattern. What no line allows is denied.

C{read} allows every SUBSCRIBE of which at least a part may be read, and only that part is delivered. mosquitto allows
those of which no part may be read too, and delivers nothing; here they are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from txmqtt.net.access.answers import ACTIONS, CLIENT_ID, USER_NAME
from txmqtt.net.access.rules import Rule

_READ: Final = ("receive", "subscribe")
_WRITE: Final = ("publish",)

#: The words before a filter: the actions that are allowed, none of them where it is denied.
_ACCESS: Final[dict[str, tuple[str, ...]]] = {
    "read": _READ,
    "write": _WRITE,
    "readwrite": (*_READ, *_WRITE),
    "deny": (),
}


class _Section:
    """
    What is said about one user, or in patterns about all.
    """

    def __init__(self) -> None:
        self.denied: list[Rule] = []
        self.allowed: list[Rule] = []

    def add(self, access: str, filter: str, users: tuple[str, ...], anonymous: bool | None) -> None:
        """
        One line.
        """
        actions = _ACCESS[access]
        rule = Rule(bool(actions), (filter,), actions or ACTIONS, users, (), anonymous, bool(actions))
        (self.allowed if actions else self.denied).append(rule)


def read_acl(raw: bytes, where: str) -> list[Rule]:
    """
    The rules that a file has, in the order in which they are to be asked.

    @param raw: what is in it.
    @param where: what it is called.
    @raise ValueError: a line is none of mosquitto's; says which, what was seen and what was expected.
    """
    sections: dict[str | None, _Section] = {}
    patterns = _Section()
    user: str | None = None
    for place, line in _lines(raw, where):
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "user":
            if not rest:
                raise ValueError(f"{place}: user without a name")
            user = rest
        elif word in ("topic", "pattern"):
            access, filter = _access(word, rest, place)
            try:
                if word == "pattern":
                    patterns.add(access, filter, (), None)
                elif USER_NAME in filter or CLIENT_ID in filter:
                    raise ValueError(f"{filter!r}: {USER_NAME} and {CLIENT_ID} have a meaning only in a pattern line")
                else:
                    users = () if user is None else (user,)
                    sections.setdefault(user, _Section()).add(access, filter, users, user is None)
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from None
        else:
            raise ValueError(f"{place}: {word[:64]!r}; expected user, topic, pattern or a comment")
    rules: list[Rule] = []
    for section in (*sections.values(), patterns):
        rules += section.denied + section.allowed
    return rules


def _lines(raw: bytes, where: str) -> Iterator[tuple[str, str]]:
    """
    What is no comment and not blank, and where it stands.
    """
    for number, line in enumerate(raw.split(b"\n"), 1):
        place = f"{where}:{number}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip().replace("\t", " ")
        except UnicodeDecodeError as error:
            raise ValueError(f"{place}: not UTF-8 ({error.reason} at byte {error.start})") from None
        if text and not text.startswith("#"):
            yield place, text


def _access(word: str, rest: str, place: str) -> tuple[str, str]:
    """
    What is allowed, and the filter.
    """
    if not rest:
        raise ValueError(f"{place}: {word} without a filter")
    first, blank, filter = rest.partition(" ")
    if not blank:
        if first in _ACCESS:  # to mosquitto it is the filter: hardly ever meant
            raise ValueError(f"{place}: {word} {first} without a filter; {word} readwrite {first} if it is one")
        return "readwrite", first
    if first not in _ACCESS:
        raise ValueError(
            f"{place}: access {first[:64]!r}; expected {', '.join(_ACCESS)} (before a filter with spaces always)"
        )
    return first, filter.strip()
