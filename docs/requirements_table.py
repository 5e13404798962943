"""
Sphinx: the tables of the page on requirements, made from what the tests check.

C{.. requirements:: A} is the table of those whose identifier begins with that letter.
"""

from __future__ import annotations

from conformance_tables import Cell, table, text
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from tests.conformance.requirements import requirements


def shown(places: tuple[str, ...]) -> Cell:
    """
    Tests and files by their names.
    """
    return [nodes.paragraph("", "", nodes.literal("", place)) for place in places]


class Requirements(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        rows = [
            [text(name), text(each.what), text(each.how), shown(each.where)]
            for name, each in requirements().items()
            if name.startswith(self.arguments[0])
        ]
        widths = (6, 28, 34, 32)
        return [table(("", "What there is", "How txmqtt does it", "Shown by"), widths, rows)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("requirements", Requirements)
    return {"parallel_read_safe": True}
