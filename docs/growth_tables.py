"""
Sphinx: what a benchmark of growth has found, C{.. growth:: NAME}: its picture, its table, and what was asked for, from
the file that it wrote.
"""

from __future__ import annotations

import json
from pathlib import Path

from conformance_tables import Cell, table, text
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

_FOLDER = Path(__file__).resolve().parent / "growth"


def shown(figure: float | None) -> str:
    """
    A figure with as many digits as mean something.
    """
    if figure is None:
        return ""
    return f"{figure:,.0f}" if figure >= 100 or figure == int(figure) else f"{figure:.3g}"


class Growth(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        file = _FOLDER / f"{name}.json"
        self.env.note_dependency(str(file))
        answer = json.loads(file.read_text())
        columns = answer["columns"]
        rows: list[list[Cell]] = [[text(shown(figure)) for figure in row] for row in answer["rows"]]
        met = {True: "It is met.", False: "It is missed.", None: ""}[answer["met"]]
        image = nodes.image(uri=f"growth/{name}.svg", alt=f"{answer['question']} The figures are in the table below.")
        asked = f"Asked for: {answer['bar']}. {met}" if answer["bar"] else ""
        words = nodes.paragraph("", f"In {answer['unit']}. {asked}")
        return [image, table(columns, [100 // len(columns)] * len(columns), rows), words]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("growth", Growth)
    return {"parallel_read_safe": True}
