"""
An annotated sample of the configuration file, with every key and its default, made from what the reader goes by.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from typing import Any

from txmqtt.net.options import UNBOUNDED
from txmqtt.service.configuration.schema import Overrides, Setting, about, settings_of

_WIDTH = 100


def sample(group: type) -> str:
    """
    The whole file. What is commented out by C{#:} is an example of what need not be there; without these marks it would
    be legal too.
    """
    return "\n".join(_head(group)) + "\n\n" + "\n".join(_tables(group, "", "")).strip("\n") + "\n"


def _head(group: type) -> Iterator[str]:
    yield from _words(about(group))


def _tables(group: type, name: str, mark: str) -> Iterator[str]:
    """
    The tables below one, each under its header; those that need not be there with a mark before each line.
    """
    for setting in settings_of(group):
        below = f"{name}.{setting.name}" if name else setting.name
        inner = setting.group
        if setting.kind is list and inner is None:
            yield from _heading(setting, f"[[{below}]]", "#: ", setting.words)
        elif setting.kind is list and isinstance(inner, Mapping):
            for kind, its in inner.items():
                yield from _heading(setting, f"[[{below}]]", "#: ", about(its))
                yield f'#: type = "{kind}"'
                yield from _words("What a listener calls it; its type, unless there are several of that.")
                yield f'#: name = "{kind}"'
                yield from _keys(its, "#: ")
        elif setting.kind is list and isinstance(inner, type):
            its_mark = mark if setting.default else "#: "
            yield from _heading(setting, f"[[{below}]]", its_mark, setting.words or about(inner))
            yield from _keys(inner, its_mark, setting.default[0] if setting.default else None)
            yield from _tables(inner, below, "#: ")
        elif setting.kind in (Overrides, dict, object):
            yield from _heading(setting, f"[{below}]", "#: ", setting.words)
        elif isinstance(inner, type):
            its_mark = "#: " if setting.optional else mark
            yield from _heading(setting, f"[{below}]", its_mark, setting.words or about(inner))
            yield from _keys(inner, its_mark)
            yield from _tables(inner, below, its_mark)


def _heading(setting: Setting, header: str, mark: str, words: str) -> Iterator[str]:
    yield ""
    yield ""
    yield from _words(words)
    yield f"{mark}{header}"


def _keys(group: type, mark: str, example: Any = None) -> Iterator[str]:
    """
    The keys of one table, with the values of the example where there is one.
    """
    for setting in settings_of(group):
        if setting.group is None and setting.kind not in (list, dict, object, Overrides):
            yield ""
            yield from _words(" ".join(filter(None, (setting.words, _expected(setting)))))
            default = setting.default if example is None else getattr(example, setting.name)
            # Nothing at all can't be written down: it is what holds when the key is not there.
            absent = default is None or default is MISSING
            shown = "[]" if absent and setting.kind is tuple else _value(default)
            yield f"{'#: ' if absent else mark}{setting.name} = {shown}"


def _expected(setting: Setting) -> str:
    if setting.choices:
        return f"One of: {', '.join(each or 'nothing' for each in setting.choices)}."
    if setting.range is None or setting.range == (0, UNBOUNDED):
        return ""
    low, high = setting.range
    return f"From {low:.15g}." if high == UNBOUNDED else f"From {low:.15g} to {high:.15g}."


def _value(value: Any) -> str:
    if value is MISSING or value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    return f"{value:_}" if isinstance(value, int) else f"{value:.15g}" if value % 1 else f"{value:.1f}"


def _words(words: str) -> Iterator[str]:
    for line in textwrap.wrap(words[:1].upper() + words[1:], _WIDTH - 2):
        yield f"# {line}"
