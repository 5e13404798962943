"""
Pictures of what benchmarks have found: a plot for each file that one of them wrote with C{--json}.

    python benchmarks/plots.py docs/growth results/*.json

Each file NAME.json becomes NAME.svg in that folder. It needs matplotlib (C{pip install '.[bench]'}).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

_STYLE = {
    "svg.fonttype": "none",  # letters as letters: the file is a tenth as large
    "svg.hashsalt": "txmqtt",  # the same figures make the same file
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(answer: dict[str, Any], path: Path) -> None:
    """
    One line for each column, over the first.

    @param answer: with the names of C{answer.Answer}.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(7.5, 3.8))
        rows = answer["rows"]
        # On a logarithmic scale nothing is at the place of a tenth.
        along = [row[0] or rows[1][0] / 10 for row in rows]
        for at, name in enumerate(answer["columns"][1:], 1):
            points = [(x, row[at]) for x, row in zip(along, rows, strict=True) if row[at] is not None]
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name.strip())
        axes.set_xscale("log")
        axes.set_yscale(answer["scale"])
        axes.set_xticks(along, [f"{row[0]:,}" for row in rows])
        axes.xaxis.set_minor_locator(NullLocator())
        plain = FuncFormatter(lambda value, _: f"{value:,g}")
        axes.yaxis.set_major_formatter(plain)
        if answer["scale"] == "log":
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
            axes.yaxis.set_minor_formatter(plain)
        axes.set_xlabel(answer["columns"][0])
        axes.set_ylabel(answer["unit"])
        axes.grid(True, alpha=0.3)
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None}, facecolor="white")
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("results", nargs="+", type=Path)
    words = parser.parse_args()
    words.folder.mkdir(parents=True, exist_ok=True)
    for file in words.results:
        draw(json.loads(file.read_text()), words.folder / f"{file.stem}.svg")


if __name__ == "__main__":
    main()
