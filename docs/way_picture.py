"""
Sphinx: who says what to whom, in which order.

C{.. way:: client, broker} and below it one line for each step: C{1 client > broker: PUBLISH} is a packet, C{~>} in the
place of C{>} a word within one process, C{2 broker: finds the route} what somebody does alone, and
C{--- words} divides.
"""

from __future__ import annotations

import re

from docutils import nodes
from drawing import WIDTH, Drawing, wrapped
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

_STEP = re.compile(r"(\d+) ([\w' ]+?)(?: (~?>) ([\w' ]+?))?: (.+)")

_MARGIN, _TOP, _HIGH = 40.0, 52.0, 42.0


class Way(SphinxDirective):
    """
    The picture.
    """

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        who = [name.strip() for name in self.arguments[0].split(",")]
        lines = [line for line in self.content if line.strip()]
        room = (WIDTH - _MARGIN) / len(who)
        at = {name: _MARGIN + room * (number + 0.5) for number, name in enumerate(who)}
        drawing = Drawing(_TOP + _HIGH * len(lines) + 8, "Who says what to whom, step by step")
        for name, x in at.items():
            drawing.line(((x, 34), (x, _TOP + _HIGH * len(lines))), "fine dashed")
            drawing.box(x - room / 2 + 6, 4, room - 12, 30)
            drawing.text(x, 19, name, "name")
        for row, line in enumerate(lines):
            self._step(drawing, line, _TOP + _HIGH * (row + 0.5), at, room)
        return [drawing.node()]

    def _step(self, drawing: Drawing, line: str, y: float, at: dict[str, float], room: float) -> None:
        if line.startswith("---"):
            drawing.line(((_MARGIN, y), (WIDTH, y)), "fine")
            words = line.strip("- ")
            drawing.box(WIDTH / 2 + 16 - 3.4 * len(words), y - 10, 6.8 * len(words), 20, "card")
            drawing.text(WIDTH / 2 + 16, y, words, "quiet")
            return
        found = _STEP.fullmatch(line.strip())
        if found is None or any(found[group] and found[group] not in at for group in (2, 4)):
            raise self.error(f"{line!r}: expected NUMBER WHO: WORDS or NUMBER WHO > WHO: WORDS")
        number, here, arrow, there, words = found.groups()
        drawing.number(16, y, number)
        if there is None:
            lines = wrapped(words, room - 20)
            drawing.box(at[here] - room / 2 + 5, y - 19, room - 10, 38, "card")
            drawing.lines(at[here], y, lines)
            return
        x0, x1 = at[here], at[there]
        kind = "line dashed" if arrow == "~>" else "line"
        drawing.arrow((x0, y + 8), (x1, y + 8), kind)
        drawing.lines((x0 + x1) / 2, y - 5, [words])


def setup(app: Sphinx) -> ExtensionMetadata:
    """
    See Sphinx.
    """
    app.add_directive("way", Way)
    return {"parallel_read_safe": True}
