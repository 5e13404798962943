"""
Sphinx: every command of C{txmqtt} with its options, C{.. commands::}, made from the commands themselves.

What all have that connect to a server is a section of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click
from conformance_tables import table
from docutils import nodes
from option_tables import text
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from txmqtt.cli.main import main

#: Where the options of a connection are taken from.
CLIENTS = ("pub", "sub", "request")


def commands(group: click.Group = main, path: str = "txmqtt") -> Iterator[tuple[str, click.Command]]:
    """
    All commands that do something, by what one types.
    """
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def shared() -> list[str]:
    """
    The options that all have that connect.
    """
    found = dict(commands())
    first, *others = ([each.opts[0] for each in found[f"txmqtt {name}"].params] for name in CLIENTS)
    return [name for name in first if all(name in other for other in others) and name not in ("-q",)]


class Commands(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        common = shared()
        pub = dict(commands())["txmqtt pub"]
        made = [self._section("Options of a connection", "connection", [self._table(pub, "connection", common)])]
        for name, command in commands():
            ctx = click.Context(command, info_name=name)
            usage = command.get_usage(ctx).removeprefix("Usage: ")
            block = nodes.literal_block("", " ".join(usage.split()), language="text")
            parts: list[nodes.Node] = [block, *self._help(command.help or "")]
            own = [each.opts[0] for each in command.params if isinstance(each, click.Option)]
            if common[0] in own:
                own = [each for each in own if each not in common]
                parts.append(nodes.paragraph("", "Besides the options of a connection:"))
            if own:
                parts.append(self._table(command, name, own))
            made.append(self._section(name, name, parts))
        return made

    def _section(self, title: str, name: str, parts: list[nodes.Node]) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(name)], names=[nodes.fully_normalize_name(title)])
        section += [nodes.title("", title), *parts]
        return section

    def _help(self, words: str) -> Iterator[nodes.Node]:
        for paragraph in re.split(r"\n\s*\n", cleandoc(words)):
            if paragraph.startswith("\b"):  # click leaves its lines as they are
                yield nodes.literal_block("", paragraph.removeprefix("\b").strip("\n"), language="text")
            elif paragraph:
                yield from text(" ".join(paragraph.split()))

    def _table(self, command: click.Command, name: str, wanted: list[str]) -> nodes.table:
        ctx = click.Context(command, info_name=name)
        rows = []
        for each in command.params:
            record = each.get_help_record(ctx) if each.opts[0] in wanted else None
            if record is not None:
                rows.append([[nodes.paragraph("", "", nodes.literal("", record[0]))], text(record[1])])
        return table(("Option", "What it does"), (36, 64), rows)


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
