"""
Sphinx: the table of every reason code, C{.. reasons::}, and that of the return codes of 3.x, C{.. return-codes::}.
"""

from __future__ import annotations

from conformance_tables import Cell, table
from docutils import nodes
from option_tables import text
from reason_causes import CAUSES
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from txmqtt.codec.constants import NAMES
from txmqtt.codec.reasons import RETURN_CODES, ReasonCode, from_return_code, legal, name, return_code


def shown(reason: ReasonCode) -> nodes.paragraph:
    """
    A code by its number and name, as the log has it.
    """
    number, _, words = name(reason).partition(" ")
    return nodes.paragraph("", "", nodes.literal("", number), nodes.Text(f" {words}"))


class Reasons(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        rows = []
        for reason in ReasonCode:
            cause = CAUSES[reason.name]
            code = shown(reason)
            code["ids"] = [nodes.make_id(f"reason-{reason.name}")]
            packets = ", ".join(each for kind, each in enumerate(NAMES) if legal(kind, reason))
            code_cell: Cell = [code, nodes.paragraph("", "", nodes.emphasis("", packets))]
            back = return_code(reason)
            if back > 0:
                code_cell.append(nodes.paragraph("", f"3.x: return code {back}"))
            rows.append([code_cell, self._words(cause.broker), self._words(cause.client)])
        return [table(("Code, and who may carry it", "Our broker says it", "Our client"), (26, 40, 34), rows)]

    def _words(self, words: str) -> Cell:
        inline, messages = self.parse_inline(words)
        return [nodes.paragraph("", "", *inline), *messages]


class ReturnCodes(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        rows = [
            [
                text(str(code)),
                text(words),
                [shown(reason) for reason in ReasonCode if return_code(reason) == code],
                [shown(ReasonCode(from_return_code(code)))],
            ]
            for code, words in enumerate(RETURN_CODES)
        ]
        heads = ("Return code", "In words", "Our broker says it for", "Our client makes of it")
        return [table(heads, (12, 26, 34, 28), rows)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("reasons", Reasons)
    app.add_directive("return-codes", ReturnCodes)
    return {"parallel_read_safe": True}
