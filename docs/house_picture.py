"""
Sphinx: the floors of the house and who imports whom, drawn from the imports of the files.

C{.. house::} is the house with the arrows that no other arrow implies, C{.. house-imports::} the table of all of them,
and C{.. house-others::} what each imports beside the house and the standard library.
"""

from __future__ import annotations

import ast
from collections import Counter

from conformance_tables import table, text
from docutils import nodes
from drawing import Drawing, wrapped
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from tests.house import COMPILED, FLOORS, ROOT, others, sources, uses

#: From the roof to the ground: what is drawn beside each other, and the number of the floor.
STOREYS = (
    (("testing",), ""),
    (("service", "cli"), "4"),
    (("net", "backends"), "3"),
    (("broker",), "2"),
    (("session",), "1"),
    (("codec",), "0"),
)
FOLDERS = tuple(name for names, _ in STOREYS for name in names)

_LEFT, _RIGHT, _HEIGHT, _GAP = 40.0, 600.0, 92.0, 44.0


def drawn(found: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """
    The arrows of the house: those that are not implied by others.
    """
    below = {name: {there for here, there in found if here == name and there in FOLDERS} for name in FOLDERS}
    reach: dict[str, set[str]] = {}
    for name in reversed(sorted(FOLDERS, key=lambda name: -len(below[name]))):
        reach[name] = below[name].union(*(reach.get(each, set()) for each in below[name]))
    return {
        (here, there): found[here, there]
        for here in FOLDERS
        for there in below[here]
        if not any(there in reach[other] for other in below[here] if other != there)
    }


def about(folder: str) -> str:
    """
    What a folder says of itself, without the number of its floor.
    """
    words = ast.get_docstring(ast.parse((ROOT / "txmqtt" / folder / "__init__.py").read_text())) or ""
    first = " ".join(words.split()).replace("C{", "").replace("}", "")
    first = first.partition(": ")[2].strip() if first.startswith("Floor ") else first
    return first[:1].upper() + first[1:]


def size(folder: str) -> str:
    """
    How much there is of it.
    """
    files = sources(ROOT / "txmqtt" / folder)
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in files)
    return f"{len(files)} files, {lines:,} lines"


class House(SphinxDirective):
    """
    The house.
    """

    def run(self) -> list[nodes.Node]:
        height = len(STOREYS) * (_HEIGHT + _GAP) - _GAP + 10
        drawing = Drawing(height, "The floors of the house: each imports only what is below it")
        places: dict[str, tuple[float, float, float]] = {}
        for row, (names, number) in enumerate(STOREYS):
            top = 5 + row * (_HEIGHT + _GAP)
            wide = (_RIGHT - _LEFT - (len(names) - 1) * 60) / len(names)
            for column, name in enumerate(names):
                left = _LEFT + column * (wide + 60)
                places[name] = (left, top, wide)
                self._room(drawing, name, left, top, wide)
            drawing.text(16, top + _HEIGHT / 2, number, "name")
        for (here, there), count in drawn(uses()).items():
            self._arrow(drawing, places[here], places[there], count)
        self._wall(drawing, places)
        self._compiled(drawing, places)
        return [drawing.node()]

    def _room(self, drawing: Drawing, name: str, left: float, top: float, wide: float) -> None:
        if name == "testing":
            drawing.line(((left - 14, top + 14), (left + wide / 2, top - 4), (left + wide + 14, top + 14)), "fine")
        drawing.box(left, top + (14 if name == "testing" else 0), wide, _HEIGHT - (14 if name == "testing" else 0))
        middle = top + (7 if name == "testing" else 0)
        lines = wrapped(about(name), wide - 16, 6.6)
        first = middle + _HEIGHT / 2 - 8 - 8 * len(lines)
        drawing.text(left + wide / 2, first, name, "name")
        drawing.lines(left + wide / 2, first + 12 + 8 * len(lines), lines)
        drawing.text(left + wide / 2, first + 22 + 16 * len(lines), size(name), "quiet")

    def _arrow(
        self, drawing: Drawing, here: tuple[float, float, float], there: tuple[float, float, float], count: int
    ) -> None:
        width = 1.2 + count / 40
        words = f"{count} files" if count > 1 else "1 file"
        (x0, y0, w0), (x1, y1, w1) = here, there
        if y0 == y1:  # beside each other
            drawing.arrow((max(x0, x1) - 3, y0 + 50), (min(x0 + w0, x1 + w1) + 3, y0 + 50), "line", width)
            drawing.lines((max(x0, x1) + min(x0 + w0, x1 + w1)) / 2, y0 + 26, words.split(), "quiet")
            return
        begin = end = x0 + w0 / 2 if w0 <= w1 else x1 + w1 / 2
        half = (y0 + _HEIGHT + y1) / 2
        if w0 == w1 and x0 != x1:  # across
            begin, end = x0 + w0 - 30, x1 + 60
            drawing.line(((begin, y0 + _HEIGHT + 3), (begin, half), (end, half)), "line", width)
            drawing.arrow((end, half - width / 2), (end, y1 - 3), "line", width)
        else:
            drawing.arrow((begin, y0 + _HEIGHT + 3), (end, y1 - 3), "line", width)
        drawing.text(end + 12, half + (6 if begin != end else 0), words, "quiet", "start")

    def _wall(self, drawing: Drawing, places: dict[str, tuple[float, float, float]]) -> None:
        left, top, wide = places["net"]
        x = left + wide + 30
        drawing.line(((x, top - 4), (x, top + _HEIGHT + 4)), "fine dashed", 2.5)

    def _compiled(self, drawing: Drawing, places: dict[str, tuple[float, float, float]]) -> None:
        top, bottom = (places[name][1] for name in (COMPILED[-1], COMPILED[0]))
        bottom += _HEIGHT
        drawing.line(((_RIGHT + 8, top), (_RIGHT + 16, top), (_RIGHT + 16, bottom), (_RIGHT + 8, bottom)), "fine", 1.5)
        words = ["no Twisted,", "no clock,", "no logging,", "no I/O;", "mypyc", "compiles it"]
        drawing.lines(_RIGHT + 26, (top + bottom) / 2, words, "", "start")


class Imports(SphinxDirective):
    """
    The table.
    """

    def run(self) -> list[nodes.Node]:
        found = uses()
        columns = [name for name in reversed(FOLDERS) if any(there == name for _, there in found)]
        left, top, wide, high = 110.0, 34.0, 84.0, 34.0
        most = max(found.values())
        drawing = Drawing(top + high * len(FOLDERS) + 4, "How many files of each folder import something of another")
        for column, there in enumerate(columns):
            drawing.text(left + wide * (column + 0.5), 16, there, "name")
        for row, here in enumerate(FOLDERS):
            y = top + row * high
            drawing.text(left - 12, y + high / 2, here, "name", "end")
            for column, there in enumerate(columns):
                x = left + column * wide
                count = found[here, there]
                if here == there:
                    drawing.box(x + 2, y + 2, wide - 4, high - 4, "card")
                elif count:
                    drawing.box(x + 2, y + 2, wide - 4, high - 4, "tint", 0.12 + 0.45 * count / most)
                    drawing.text(x + wide / 2, y + high / 2, str(count))
                elif there in FLOORS[here]:
                    drawing.text(x + wide / 2, y + high / 2, "0", "quiet")
        return [drawing.node()]


class Others(SphinxDirective):
    """
    Who imports what of others.
    """

    def run(self) -> list[nodes.Node]:
        found = others()
        rows = [
            [[nodes.paragraph("", "", nodes.literal("", name))], text(", ".join(sorted(found[name])) or "nothing")]
            for name in FOLDERS
        ]
        return [table(("Folder", "Imports, beside the standard library"), (20, 80), rows)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("house", House)
    app.add_directive("house-imports", Imports)
    app.add_directive("house-others", Others)
    return {"parallel_read_safe": True}
