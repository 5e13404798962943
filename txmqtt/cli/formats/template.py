"""
C{-F}: a format, read once, and the line that it makes of a message.

Three characters begin something: C{%} what is in the message, C{@} the time, C{\\} what is hard to type. They mean what
they mean to mosquitto_sub; its manual is the reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from txmqtt.cli.formats.fields import JSON, PLAIN, SHAPED, Arrival, Shape

#: What makes one piece of a line.
Piece = Callable[[Arrival], bytes]

_ESCAPES: Final = {
    "\\": b"\\",
    "0": b"\0",
    "a": b"\a",
    "e": b"\x1b",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
}

_SPECIAL: Final = re.compile(r"[%@\\]")
_SPECIFIER: Final = re.compile(r"([0-]*)(\d*)(?:\.(\d+))?(.?)", re.DOTALL)


class Template:
    """
    A format.

    @param text: as it was given.
    @param pretty: JSON on several lines.
    @raise ValueError: it is none, and where.
    """

    def __init__(self, text: str, pretty: bool = False) -> None:
        self._pieces: list[Piece] = []
        position = 0
        while found := _SPECIAL.search(text, position):
            self._literal(text[position : found.start()])
            position = self._special(text, found.start(), pretty)
        self._literal(text[position:])

    def line(self, arrival: Arrival) -> bytes:
        """
        What is printed of a message, without an end of line.

        @raise ValueError: C{%J}, and the payload is no JSON.
        """
        return b"".join([piece(arrival) for piece in self._pieces])

    def _literal(self, text: str) -> None:
        if text:
            self._constant(text.encode("utf-8", "surrogateescape"))

    def _constant(self, data: bytes) -> None:
        self._pieces.append(lambda arrival: data)

    def _special(self, text: str, start: int, pretty: bool) -> int:
        """
        Read what begins here.

        @return: where it ends.
        """
        kind = text[start]
        if kind == "%":
            return self._field(text, start, pretty)
        if start + 1 == len(text):
            raise ValueError(f"{text!r} ends with {kind}; expected something after it")
        letter = text[start + 1]
        if kind == "@":
            self._time(letter)
        elif letter in _ESCAPES:
            self._constant(_ESCAPES[letter])
        else:
            raise ValueError(
                f"\\{letter} in {text!r}; expected one of {' '.join(f'{chr(92)}{each}' for each in _ESCAPES)}"
            )
        return start + 2

    def _time(self, letter: str) -> None:
        if letter == "@":
            self._constant(b"@")
        elif letter == "N":
            self._pieces.append(lambda arrival: b"%09d" % (arrival.nanoseconds % 1_000_000_000))
        else:
            directive = f"%{letter}"

            def shown(arrival: Arrival) -> bytes:
                return _local(arrival).strftime(directive).encode("utf-8", "surrogateescape")

            self._pieces.append(shown)

    def _field(self, text: str, start: int, pretty: bool) -> int:
        found = _SPECIFIER.match(text, start + 1)
        assert found is not None  # it matches anything
        flags, width, most, letter = found.groups()
        if not letter:
            raise ValueError(f"{text!r} ends within {text[start:]!r}; expected a letter")
        shape = Shape(int(width or 0), int(most) if most else None, "-" in flags, "0" in flags and "-" not in flags)
        if letter == "%":
            self._constant(b"%")
        elif letter in SHAPED:
            field = SHAPED[letter]
            self._pieces.append(lambda arrival: shape.apply(field.text(arrival), field))
        elif letter in PLAIN:
            self._pieces.append(PLAIN[letter])
        elif letter in JSON:
            write = JSON[letter]
            self._pieces.append(lambda arrival: write(arrival, pretty))
        else:
            known = "".join(sorted({"%", *SHAPED, *PLAIN, *JSON}))
            raise ValueError(f"{found.group()!r} after % in {text!r}; expected one of {known}")
        return found.end()


def _local(arrival: Arrival) -> datetime:
    return datetime.fromtimestamp(arrival.nanoseconds // 1_000_000_000).astimezone()
