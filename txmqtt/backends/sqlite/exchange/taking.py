"""
Taking things out of a JSON object: each is of the type that it should be, and nothing is left over at the end.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final


class Wrong(ValueError):
    """
    The object is not what it should be; the message says what was found and what was expected.
    """


_NEEDED: Final = object()
_LONGEST: Final = 60


class Taking:
    """
    One object, out of which its items are taken one by one.
    """

    def __init__(self, found: Any, name: str = "") -> None:
        """
        @param name: the key under which it stood.
        """
        if not isinstance(found, dict):
            raise Wrong(f"{name or 'the line'} is {_shown(found)}; expected an object")
        self._left: dict[str, Any] = dict(found)
        self._within = f" in {name}" if name else ""

    def has(self, key: str) -> bool:
        """
        Whether there is such an item.
        """
        return key in self._left

    def is_number(self, key: str) -> bool:
        """
        Whether there is such an item, and it is a whole number.
        """
        return isinstance(self._left.get(key), int)

    def _take(self, key: str, default: Any, expected: str, *types: type) -> Any:
        value = self._left.pop(key, default)
        if value is _NEEDED:
            raise Wrong(f"{key} is missing{self._within}; expected {expected}")
        if value is not default and type(value) not in types:
            raise Wrong(f"{key}{self._within} is {_shown(value)}; expected {expected}")
        return value

    def text(self, key: str, default: Any = _NEEDED) -> str:
        """
        Text.
        """
        return str(self._take(key, default, "text", str))

    def optional_text(self, key: str) -> str | None:
        """
        Text, or None where there is none.
        """
        return self.text(key) if self.has(key) else None

    def utf8(self, key: str) -> bytes:
        """
        Text, as its bytes.
        """
        return self.text(key).encode("utf-8", "surrogatepass")  # whoever looks at it finds the surrogates

    def number(self, key: str, default: Any = _NEEDED) -> int:
        """
        A whole number.
        """
        return int(self._take(key, default, "a whole number", int))

    def seconds(self, key: str) -> float:
        """
        A time; 0.0 where there is none.
        """
        value = self._take(key, 0.0, "a number", int, float)
        try:
            return float(value)
        except OverflowError:
            raise Wrong(f"{key}{self._within} is {_shown(value)}; expected seconds since 1970") from None

    def flag(self, key: str, default: bool) -> bool:
        """
        True or false.
        """
        return bool(self._take(key, default, "true or false", bool))

    def base64(self, key: str) -> bytes:
        """
        Bytes, written as base64.
        """
        said = self.text(key)
        try:
            return b64decode(said, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Wrong(f"{key}{self._within} is {_shown(said)}; expected base64 ({error})") from None

    def payload(self) -> bytes:
        """
        The payload, in whichever way it is written.
        """
        if self.has("payload_base64"):
            return self.base64("payload_base64")
        said = self.text("payload")
        try:
            return said.encode()
        except UnicodeEncodeError as error:
            raise Wrong(f"payload{self._within} has a lone surrogate at character {error.start}") from None

    def inner(self, key: str) -> Taking | None:
        """
        An object within this one, or None where there is none.
        """
        return Taking(self._left.pop(key), key) if self.has(key) else None

    def needed(self, key: str) -> Taking:
        """
        An object within this one.
        """
        return Taking(self._take(key, _NEEDED, "an object", dict), key)

    def each(self, key: str) -> Iterator[Taking]:
        """
        All objects of a list within this one.
        """
        return (Taking(item, key) for item in self._take(key, [], "a list", list))

    def numbers(self, key: str) -> list[int]:
        """
        A list of whole numbers.
        """
        found = self._take(key, [], "a list of whole numbers", list)
        if wrong := [item for item in found if type(item) is not int]:
            raise Wrong(f"{key}{self._within} has {_shown(wrong[0])}; expected whole numbers")
        return list(found)

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """
        A list of pairs of texts.
        """
        found = self._take(key, [], "a list of pairs of text", list)
        for item in found:
            if not isinstance(item, list) or [type(each) for each in item] != [str, str]:
                raise Wrong(f"{key}{self._within} has {_shown(item)}; expected a pair of text")
        return tuple((name, value) for name, value in found)

    def counts(self, key: str) -> dict[str, int]:
        """
        An object with whole numbers only.
        """
        found = self._take(key, _NEEDED, "an object", dict)
        if wrong := [item for item in found.values() if type(item) is not int]:
            raise Wrong(f"{key}{self._within} has {_shown(wrong[0])}; expected whole numbers")
        return dict(found)

    def nothing_left(self) -> None:
        """
        All has been taken.

        @raise Wrong: something is left that nobody knows.
        """
        if self._left:
            key = next(iter(self._left))
            raise Wrong(f"{_shown(key)}{self._within} is not known; it was written by a newer txmqtt, or misspelt")


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
