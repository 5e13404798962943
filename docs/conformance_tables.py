"""
Sphinx: the tables of the page on conformance, made from the tests themselves.

C{.. conformance:: MQTT5} is the table of all numbered statements of a version, C{.. conformance-rules::} that of the
rules without numbers, C{.. conformance-differences:: mosquitto} what another broker fails, and
C{.. conformance-figures::} how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from tests.conformance.audit import Test, carried, tests, wanted
from tests.conformance.differences import KNOWN
from tests.conformance.statements import ELSEWHERE, pending, statements
from tests.conformance.states import NAMES, is_numbered, level

Cell = list[nodes.Node]


def table(heads: Iterable[str], widths: Iterable[int], rows: Iterable[list[Cell]]) -> nodes.table:
    """
    A table.
    """
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths), cols=len(list(heads)))
    head = nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in heads))
    body = nodes.tbody("", *(nodes.row("", *(nodes.entry("", *cell) for cell in row)) for row in rows))
    group += [nodes.thead("", head), body]
    return nodes.table("", group, classes=["conformance", "colwidths-given"])


def text(words: str) -> Cell:
    return [nodes.paragraph("", words)]


def shown(some: Iterable[Test]) -> list[nodes.Node]:
    """
    Tests by their names, without what all names have in common.
    """
    names = dict.fromkeys(f"{test.side}.{test.short}" for test in some)
    return [nodes.paragraph("", "", nodes.literal("", name)) for name in names]


def sides(name: str, wants: Iterable[str]) -> Cell:
    """
    How a statement is shown: on each side, or elsewhere.
    """
    cell: Cell = []
    for side in wants or ("inspect",):
        cell += shown(carried().get((name, side), ()))
        if (name, side) in ELSEWHERE:
            cell += text(ELSEWHERE[name, side])
        elif (name, side) in pending():
            cell += text(f"{side.capitalize()}: still to be written.")
    return cell


class Statements(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        prefix = self.arguments[0] + "-"
        rows = [
            [text(name.removeprefix(prefix)), text(each.who), text(each.words), sides(name, each.sides)]
            for name, each in statements().items()
            if name.startswith(prefix)
        ]
        return [table(("Number", "Who", "What it asks", "Shown by"), (10, 8, 42, 40), rows)]


class Rules(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        found: dict[str, list[Test]] = {}
        for test in tests():
            for name in test.ids:
                if not is_numbered(name):
                    found.setdefault(name, []).append(test)
        order = sorted(found, key=lambda name: (level(name), [int(part) for part in name.split(" ")[1].split(".")]))
        rows = [
            [
                text(f"{NAMES[level(name)]}, {name.split(' ')[1]}"),
                [nodes.paragraph("", test.promise) for test in found[name]],
                list(shown(found[name])),
            ]
            for name in order
        ]
        return [table(("Section", "Rule", "Shown by"), (14, 46, 40), rows)]


class Differences(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        broker, known = KNOWN[self.arguments[0]]
        return [
            table(
                (f"Test that {broker} fails", "Who is right"),
                (40, 60),
                [
                    [[nodes.paragraph("", "", nodes.literal("", f"broker.{name}"))], text(why)]
                    for name, why in known.items()
                ],
            )
        ]


class Figures(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        left = len(pending())
        words = f"{len(tests())} tests show {len(wanted()) - left - len(ELSEWHERE)} of {len(wanted())} rows"
        words += f", a row being one statement on one side; {len(ELSEWHERE)} are shown by something else than a test"
        words += f", {left} are still to be written." if left else "."
        return text(words)


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("conformance", Statements)
    app.add_directive("conformance-rules", Rules)
    app.add_directive("conformance-differences", Differences)
    app.add_directive("conformance-figures", Figures)
    return {"parallel_read_safe": True}
