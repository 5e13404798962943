"""
Sphinx: tables of limits, made from what the broker itself reads.

C{.. limits::} and below it the names of the limits that belong together.
"""

from __future__ import annotations

from dataclasses import fields

from conformance_tables import Cell, table, text
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from txmqtt.broker.policy import DEFAULTS, Policy
from txmqtt.net.options import UNBOUNDED
from txmqtt.service.limits import CHOICES, PER_LISTENER, RANGES, limit_docs, option

_MULTIPLES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def default(name: str) -> str:
    """
    What a limit is when nobody says anything, as the command line takes it; and in larger units, where it is so much.
    """
    value = getattr(DEFAULTS, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or "(empty)"
    if name.startswith(("max_session_expiry", "max_message_expiry")) and value >= 86_400:
        return f"{value} ({value // 86_400} days)"
    for unit, size in _MULTIPLES:
        if value >= size and not value % size:
            return f"{value} ({value // size:.0f} {unit})"
    return f"{value:.15g}"


def allowed(name: str) -> str:
    """
    What it may be set to.
    """
    if name in CHOICES:
        return ", ".join(CHOICES[name])
    if name in RANGES:
        low, high = RANGES[name]
        return f"from {low:.15g}" if high == UNBOUNDED else f"{low:.15g} to {high:.15g}"
    return "yes, no" if isinstance(getattr(DEFAULTS, name), bool) else "words"


class Limits(SphinxDirective):
    """
    One table.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        names = " ".join(self.content).split()
        known = {each.name for each in fields(Policy)}
        strangers = [name for name in names if name not in known]
        if strangers:
            raise self.error(f"there is no limit {strangers[0]!r}")
        said = limit_docs()
        rows = [
            [self._name(name), text(default(name)), text(allowed(name)), text(_sentence(said[name]))] for name in names
        ]
        return [table(("Limit", "Default", "May be", "What it bounds, and what happens then"), (22, 14, 16, 48), rows)]

    def _name(self, name: str) -> Cell:
        cell: Cell = [nodes.paragraph("", "", nodes.literal("", option(name)))]
        return cell if name in PER_LISTENER else [*cell, *text("(whole broker)")]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("limits", Limits)
    return {"parallel_read_safe": True}
