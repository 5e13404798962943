"""
Sphinx: the tables of every option, made from what the broker itself goes by.

C{.. settings:: listener.tls} is a table of the configuration file, of several kinds one: C{authentication.jwt}; and
C{.. broker-options::} are those of C{twistd mqtt-broker} that are no limits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from inspect import getdoc
from typing import Any, Final

from conformance_tables import table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from txmqtt.net.options import UNBOUNDED
from txmqtt.service.configuration.schema import Overrides, Setting, about, settings_of
from txmqtt.service.configuration.settings import Settings
from txmqtt.service.limits import PER_LISTENER, limit_parameters
from txmqtt.service.tap import BrokerOptions

#: Of Twisted, not ours.
_TWISTEDS: Final = frozenset(("help", "help_auth", "help_auth_type", "version"))

_KINDS: Final = {
    bool: "yes or no",
    int: "whole number",
    float: "number",
    str: "text",
    tuple: "list of texts",
    dict: "table of texts",
    object: "table",
    list: "tables",
    Overrides: "table of limits",
}


def groups(group: type = Settings, path: str = "") -> Iterator[tuple[str, type]]:
    """
    All tables of the file that have keys, by their names there.
    """
    if path:
        yield path, group
    for setting in settings_of(group):
        below = f"{path}.{setting.name}" if path else setting.name
        if isinstance(setting.group, Mapping):
            yield from ((f"{below}.{kind}", its) for kind, its in setting.group.items())
        elif setting.group is not None:
            yield from groups(setting.group, below)


def expected(setting: Setting) -> str:
    """
    What a value may be.
    """
    if setting.choices:
        words = ", ".join(each or "nothing" for each in setting.choices)
        return f"any of {words}" if setting.kind is tuple else f"one of {words}"
    kind = _KINDS.get(setting.kind, "table")
    if setting.range is None:
        return kind
    low, high = setting.range
    return f"{kind} from {low:,.15g}" if high == UNBOUNDED else f"{kind}, {low:,.15g} to {high:,.15g}"


def default(setting: Setting) -> str:
    """
    What holds when nothing is said.
    """
    if setting.default is MISSING:
        return "must be said"
    value: Any = setting.default
    if setting.kind in (Overrides, dict, object, list) or setting.group is not None or value in ("", (), None):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value)
    return value if isinstance(value, str) else f"{value:,.15g}" if isinstance(value, float) else f"{value:,}"


def sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def key(path: str, name: str) -> list[nodes.Node]:
    """
    A name that can be linked to.
    """
    ids = [nodes.make_id(f"{path}-{name}")]
    return [nodes.paragraph("", "", nodes.literal("", name, ids=ids))]


def text(words: str) -> list[nodes.Node]:
    return [nodes.paragraph("", words)]


class SettingsTable(SphinxDirective):
    """
    One table of the file.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = self.arguments[0]
        group = dict(groups())[path]
        words = about(group) or next(s.words for s in settings_of(Settings) if s.name == path)
        rows = []
        for each in settings_of(group):
            if isinstance(each.group, type) or each.kind is list:
                continue  # a table of its own
            said = sentence(each.words)
            if path == "limits" and each.name in PER_LISTENER:
                said += " May be another for a listener."
            rows.append([key(path, each.name), text(expected(each)), text(default(each)), text(said)])
        heads = ("Key", "What it may be", "Default", "What it does")
        return [nodes.paragraph("", sentence(words)), table(heads, (24, 17, 13, 46), rows)]


class BrokerOptionsTable(SphinxDirective):
    """
    The command line.
    """

    def run(self) -> list[nodes.Node]:
        limits = {row[0] for row in limit_parameters()}
        found: list[tuple[str, str, str]] = []
        for name, _, value, words, *_ in BrokerOptions.optParameters:
            if name not in limits:
                found.append((name, value or "none", words))
        found += [(name, "", words) for name, _, words in BrokerOptions.optFlags]
        for name in dir(BrokerOptions):
            option = name.removeprefix("opt_")
            if option != name and option not in _TWISTEDS:
                words = getdoc(getattr(BrokerOptions, name)) or ""
                words, _, value = textwrap.shorten(words, 1000).partition(" [default: ")
                found.append((option.replace("_", "-"), value.rstrip("]") or "none", words))
        rows = [
            [key("option", f"--{name}"), text(value), text(sentence(words))] for name, value, words in sorted(found)
        ]
        return [table(("Option", "Default", "What it does"), (24, 24, 52), rows)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("settings", SettingsTable)
    app.add_directive("broker-options", BrokerOptionsTable)
    return {"parallel_read_safe": True}
