"""
Pictures as SVG that stands within a page, so that it has the page's letters and its colours, in the light and the dark.

Sizes are pixels. A picture is as wide as the text of a page, and shrinks with it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from docutils import nodes

WIDTH = 720

_STYLE = """
.drawing { max-width: 100%; height: auto; display: block; margin: 1rem auto; }
.drawing text { fill: var(--color-foreground-primary, #222); font-family: var(--font-stack, sans-serif);
  font-size: 13px; }
.drawing .name { font-weight: 600; font-size: 15px; }
.drawing .quiet { fill: var(--color-foreground-secondary, #555); font-size: 12px; }
.drawing .box { fill: var(--color-background-secondary, #f5f5f5); stroke: var(--color-foreground-border, #999); }
.drawing .card { fill: var(--color-background-primary, #fff); stroke: var(--color-foreground-border, #999); }
.drawing .fine { stroke: var(--color-foreground-border, #999); fill: none; }
.drawing .line { stroke: var(--color-brand-content, #2757dd); fill: none; stroke-width: 1.6; }
.drawing .head { fill: var(--color-brand-content, #2757dd); }
.drawing .mark { fill: var(--color-brand-content, #2757dd); }
.drawing .marked { fill: var(--color-background-primary, #fff); font-size: 12px; font-weight: 600; }
.drawing .tint { fill: var(--color-brand-content, #2757dd); stroke: none; }
.drawing .dashed { stroke-dasharray: 5 4; }
.drawing a:hover text { text-decoration: underline; }
"""


class Drawing:
    """
    A picture in the making.

    @param title: what is to be seen, for who can't see it.
    """

    def __init__(self, height: float, title: str, width: float = WIDTH) -> None:
        self._parts = [
            f'<svg class="drawing" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img"'
            f' aria-label="{html.escape(title)}" xmlns="http://www.w3.org/2000/svg"><style>{_STYLE}</style>'
        ]

    def add(self, part: str) -> None:
        """
        Anything else.
        """
        self._parts.append(part)

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "middle", link: str = "") -> None:
        """
        One line of text, its middle at C{y}.
        """
        told = (
            f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}" dominant-baseline="central">'
            f"{html.escape(words)}</text>"
        )
        self.add(f'<a href="{html.escape(link)}">{told}</a>' if link else told)

    def lines(self, x: float, y: float, lines: Sequence[str], kind: str = "", anchor: str = "middle") -> None:
        """
        Several lines, the middle of them all at C{y}.
        """
        top = y - (len(lines) - 1) * 8
        for number, words in enumerate(lines):
            self.text(x, top + 16 * number, words, kind, anchor)

    def box(self, x: float, y: float, width: float, height: float, kind: str = "box", opacity: float = 1.0) -> None:
        """
        A box, its corners rounded.
        """
        self.add(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"'
            f' fill-opacity="{opacity:.2f}"/>'
        )

    def line(self, points: Iterable[tuple[float, float]], kind: str = "fine", width: float = 0.0) -> None:
        """
        A line from point to point.
        """
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        style = f' style="stroke-width: {width:.1f}"' if width else ""
        self.add(f'<polyline class="{kind}" points="{path}"{style}/>')

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], kind: str = "line", width: float = 1.6
    ) -> None:
        """
        A straight arrow, level or upright.
        """
        (x0, y0), (x1, y1) = start, end
        across, down = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
        half = 3.5 + width / 2
        back = 2 * half
        base = (x1 - across * back, y1 - down * back)
        self.line((start, base), kind, width)
        corners = [(x1, y1), (base[0] - down * half, base[1] - across * half)]
        corners.append((base[0] + down * half, base[1] + across * half))
        self.add(f'<polygon class="head" points="{" ".join(f"{x:g},{y:g}" for x, y in corners)}"/>')

    def number(self, x: float, y: float, words: str) -> None:
        """
        A number in a circle.
        """
        self.add(f'<circle class="mark" cx="{x:g}" cy="{y:g}" r="10"/>')
        self.text(x, y, words, "marked")

    def node(self) -> nodes.raw:
        """
        The picture, for a page.
        """
        return nodes.raw("", "".join(self._parts) + "</svg>", format="html")


def wrapped(words: str, width: float, size: float = 6.3) -> list[str]:
    """
    Words in lines that fit into so many pixels.

    @param size: how wide a letter is on average.
    """
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) * size <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
