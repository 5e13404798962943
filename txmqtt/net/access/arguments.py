"""
Settings on one line, as C{--auth KIND:...} takes them.

C{FILE:threads=4} or C{https://example.com:8443/login:timeout=3:headers=A: b,C: d}. A colon begins the next setting
where a name and C{=} follow it, and belongs to the value anywhere else, so that addresses can be written as they are.
Where one that is followed so belongs to the value all the same, C{\\:} says it. Lists have commas; C{\\,} is one of a
value.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from txmqtt.net.options import Range

S = TypeVar("S")

_NEXT = re.compile(r"(?<!\\):(?=[a-z_-]+=)")
_SETTING = re.compile(r"([a-z_-]+)=(.*)", re.DOTALL)
_COMMA = re.compile(r"(?<!\\),")
_FLAGS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def settings_from(text: str, kind: type[S], first: str = "") -> S:
    """
    Read such a line.

    @param kind: the dataclass of the settings.
    @param first: the setting that is written without its name, in front; empty: there is none.
    @raise ValueError: says which setting is wrong, and what was expected.
    """
    hints = get_type_hints(kind, include_extras=True)
    said: dict[str, Any] = {}
    for number, part in enumerate(_NEXT.split(text) if text else ()):
        found = _SETTING.fullmatch(part)
        if found is not None and (number or not first or found[1].replace("-", "_") in hints):
            name, value = found[1].replace("-", "_"), found[2]
        elif number == 0 and first:
            name, value = first, part
        else:
            raise ValueError("expected NAME=VALUE:NAME=VALUE...")
        if name not in hints:
            known = ", ".join(hints)
            raise ValueError(f"unknown setting {name!r}; expected some of {known}, or \\: for a colon of the value")
        if name in said:
            raise ValueError(f"{name} is there twice")
        said[name] = _value(name, value, hints[name])
    for field in fields(kind):  # type: ignore[arg-type]  # the type of a dataclass
        if field.default is MISSING and not said.get(field.name):
            raise ValueError(f"expected {'a ' + field.name if field.name == first else field.name + '=...'}")
    return kind(**said)


def _value(name: str, text: str, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return tuple(_plain(part).replace("\\,", ",") for part in _COMMA.split(text)) if text else ()
    text = _plain(text)
    if get_origin(hint) is Annotated:
        number, limits = get_args(hint)
        return _number(name, text, number, limits)
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise ValueError(f"{name} {text!r}: expected one of {', '.join(get_args(hint))}")
        return text
    if hint is bool:
        if text not in _FLAGS:
            raise ValueError(f"{name} {text!r}: expected yes or no")
        return _FLAGS[text]
    return text


def _plain(text: str) -> str:
    return text.replace("\\:", ":")


def _number(name: str, text: str, kind: type[int] | type[float], limits: Range) -> float:
    expected = f"{name} {text!r}: expected a {'whole ' if kind is int else ''}number, {limits.low:g} to {limits.high:g}"
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(expected) from None
    if not limits.low <= number <= limits.high:
        raise ValueError(expected)
    return number
