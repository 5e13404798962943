"""
Sphinx: the table of every metric, C{.. metrics::}, made from the rows that they are served from.
"""

from __future__ import annotations

from conformance_tables import table
from docutils import nodes
from option_tables import text
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from txmqtt.service.figures import (
    BUILD,
    BUILD_WORDS,
    GAUGE,
    OF_JOURNAL,
    OF_STATS,
    OF_STORE,
    OF_TURN,
    READY,
    READY_WORDS,
    Row,
)


class Metrics(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        found: dict[str, list[Row]] = {}
        for row in (Row("", BUILD, GAUGE, BUILD_WORDS), Row("", READY, GAUGE, READY_WORDS)):
            found[row.metric] = [row]
        for row in (*OF_STATS, *OF_TURN, *OF_STORE, *OF_JOURNAL):
            found.setdefault(row.metric, []).append(row)
        rows = []
        for metric, those in found.items():
            what = [nodes.paragraph("", those[0].words)]
            labels = [row.label for row in those if row.label is not None]
            if labels:
                line = nodes.paragraph("", "", nodes.literal("", labels[0][0]), nodes.Text(": "))
                for number, (_, value) in enumerate(labels):
                    line += [nodes.Text(", " if number else ""), nodes.literal("", value)]
                what.append(line)
            name = nodes.paragraph("", "", nodes.literal("", metric, ids=[nodes.make_id(metric)]))
            rows.append([[name], text(those[0].kind), what])
        return [table(("Metric", "Kind", "What it is"), (44, 10, 46), rows)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("metrics", Metrics)
    return {"parallel_read_safe": True}
