"""
Sphinx: the tables of the page on coverage, made from what the measurement itself goes by.

C{.. coverage:: units} says who answers for what; C{.. coverage:: waivers} who owes some of it, and
C{.. coverage:: excuses} lists what the source says need not be reached.
"""

from __future__ import annotations

from conformance_tables import table, text
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from tests.coverage.units import UNITS, excuses
from tests.coverage.waivers import WAIVED


class CoverageTable(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        if self.arguments[0] == "units":
            rows = [
                [
                    text(", ".join(unit.sources)),
                    text(f"tests/{unit.name}"),
                    text(f"{unit.least} %"),
                    text(str(len(unit.files))),
                ]
                for unit in UNITS
            ]
            return [table(("Of", "by", "at least", "modules"), (40, 30, 15, 15), rows)]
        if self.arguments[0] == "waivers":
            waived = [[text(module), text(f"{least} %"), text(why)] for module, (least, why) in WAIVED.items()]
            return [table(("Module", "Reaches", "Why not more"), (42, 10, 48), waived)]
        excused = [[text(f"{each.file}, line {each.line}"), text(each.reason)] for each in excuses()]
        return [table(("Where", "Why"), (40, 60), excused)] if excused else [nodes.paragraph("", "There is nothing.")]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("coverage", CoverageTable)
    return {"parallel_read_safe": True}
