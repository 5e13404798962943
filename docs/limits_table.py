"""
Sphinx: the limits and their defaults by what they bound, made from what the broker itself reads.

C{.. limits::} and below it a line for each group: its words, a colon, and the names of the limits.
"""

from __future__ import annotations

from dataclasses import fields

from docutils import nodes
from option_tables import default as default_of
from option_tables import expected
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from txmqtt.broker.policy import DEFAULTS, Policy
from txmqtt.service.configuration.schema import Setting, settings_of
from txmqtt.service.limits import option

_MULTIPLES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def default(setting: Setting) -> str:
    """
    What holds when nothing is said, and in larger units where it is so much.
    """
    value = getattr(DEFAULTS, setting.name)
    if type(value) is int:
        if value == DEFAULTS.max_session_expiry:
            return f"{default_of(setting)} ({value // 86_400} days)"
        for unit, size in _MULTIPLES:
            if value >= size and not value % size and "messages" not in setting.name:
                return f"{default_of(setting)} ({value // size} {unit})"
    return default_of(setting)


def allowed(setting: Setting) -> str:
    """
    What it may be; that numbers are numbers goes without saying.
    """
    words = expected(setting)
    for kind in ("whole number", "number"):
        words = words.removeprefix(kind).lstrip(", ")
    return words.removeprefix("one of ") or "any number"


class Limits(SphinxDirective):
    """
    The table.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        settings = {each.name: each for each in settings_of(Policy)}
        names = [name for line in self.content for name in line.partition(":")[2].split()]
        if sorted(names) != sorted(each.name for each in fields(Policy)):
            raise self.error("the limits here are not those of the policy, each once")
        body = nodes.tbody()
        for line in self.content:
            words, _, those = line.partition(":")
            for number, name in enumerate(those.split()):
                row = nodes.row()
                if not number:
                    row += nodes.entry("", nodes.paragraph("", words), morerows=len(those.split()) - 1)
                row += self._cells(settings[name])
                body += row
        heads = ("What they bound", "Limit", "Default", "May be")
        head = nodes.row("", *(nodes.entry("", nodes.paragraph("", words)) for words in heads))
        widths = (nodes.colspec(colwidth=width) for width in (22, 32, 22, 24))
        group = nodes.tgroup("", *widths, nodes.thead("", head), body, cols=len(heads))
        return [nodes.table("", group, classes=["limits"])]

    def _cells(self, setting: Setting) -> list[nodes.Node]:
        anchor = nodes.make_id(f"limits-{setting.name}")
        name = nodes.literal("", option(setting.name))
        link = nodes.reference("", "", name, internal=True, refuri=f"reference-options.html#{anchor}")
        return [
            nodes.entry("", nodes.paragraph("", "", link)),
            nodes.entry("", nodes.paragraph("", default(setting))),
            nodes.entry("", nodes.paragraph("", allowed(setting))),
        ]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("limits", Limits)
    return {"parallel_read_safe": True}
