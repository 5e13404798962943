"""
What a group of settings says of each of its settings: name, type, default, range, and the words that explain it.

A group is a frozen dataclass that explains itself in its docstring (see C{net.options}). The limits are one too, but
compiled, and compiled classes have neither docstrings nor more than plain types: what they may be stands in
C{service.limits}.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from txmqtt.broker.policy import Policy
from txmqtt.net.options import Range
from txmqtt.service.limits import CHOICES, RANGES, limit_docs

Group = TypeVar("Group")


class Overrides(dict[str, Any]):
    """
    Some of the limits, for one listener; what is not named is as for all.
    """


class Setting(NamedTuple):
    """
    One setting.

    @ivar kind: C{bool}, C{int}, C{float}, C{str}, C{tuple} for a list of strings, C{dict} for a table of strings,
        C{object} for any table, a dataclass for a table, C{list} for a list of tables, C{Overrides}.
    @ivar default: what holds when nothing is said; C{MISSING}: something must be.
    @ivar optional: nothing at all is what holds when nothing is said.
    @ivar choices: the words that it may be; empty for any.
    @ivar group: of a table or a list of tables: what is in it; several where C{type} decides, by its values; None where
        somebody else reads the tables.
    """

    name: str
    kind: type
    default: Any
    words: str
    optional: bool = False
    range: Range | None = None
    choices: tuple[str, ...] = ()
    group: type | Mapping[str, type] | None = None

    @property
    def required(self) -> bool:
        """
        It must be said.
        """
        return self.default is MISSING


@cache
def settings_of(group: type) -> tuple[Setting, ...]:
    """
    All settings of a group, in the order in which they stand there.
    """
    if group is Policy:
        said = limit_docs()
        return tuple(
            Setting(
                each.name,
                type(each.default),
                each.default,
                said[each.name],
                range=RANGES.get(each.name),
                choices=CHOICES.get(each.name, ()),
            )
            for each in fields(Policy)
        )
    assert is_dataclass(group)
    said = _explained(group)
    hints = get_type_hints(group, include_extras=True)
    return tuple(_setting(each, hints[each.name], said.get(each.name, "")) for each in fields(group))


def _setting(field: Field[Any], hint: Any, words: str) -> Setting:
    default = field.default
    if default is MISSING and field.default_factory is not MISSING:
        default = field.default_factory()
    bounds: Range | None = None
    optional = False
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *extras = get_args(hint)
            bounds = next((each for each in extras if isinstance(each, Range)), bounds)
        elif origin in (Union, UnionType):
            optional = True
            (hint,) = (each for each in get_args(hint) if each is not NoneType)
        else:
            break
    made = Setting(field.name, str, default, words, optional, bounds)
    if origin is Literal:
        return made._replace(choices=get_args(hint))
    if origin is tuple:
        inner: Any = get_args(hint)[0]
        if is_dataclass(inner):
            return made._replace(kind=list, group=cast(type, inner))
        if get_origin(inner) is Literal:
            return made._replace(kind=tuple, choices=get_args(inner))
        if inner is not str:  # tables of several kinds, or of any
            return made._replace(kind=list, group=field.metadata.get("kinds"))
        return made._replace(kind=tuple)
    if origin in (dict, Mapping):
        return made._replace(kind=dict if get_args(hint)[1] is str else object)
    assert isinstance(hint, type), f"{field.name}: {hint!r}"
    return made._replace(kind=hint, group=hint if is_dataclass(hint) else None)


def _explained(group: type) -> dict[str, str]:
    said = {}
    for each in reversed(group.__mro__):
        text = inspect.cleandoc(each.__doc__ or "")
        for name, words in re.findall(r"^@ivar (\w+): (.*?)(?=^@|\Z)", text, re.MULTILINE | re.DOTALL):
            said[name] = re.sub(r"[A-Z]\{(.*?)\}", r"\1", textwrap.shorten(words, 1000))
    return said


def about(group: type) -> str:
    """
    What a group of settings says of itself, in one paragraph.
    """
    first = re.split(r"^@", inspect.getdoc(group) or "", maxsplit=1, flags=re.MULTILINE)[0]
    return textwrap.shorten(re.sub(r"[A-Z]\{(.*?)\}", r"\1", first), 1000)
