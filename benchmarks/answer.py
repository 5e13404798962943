"""
What a benchmark has found: a table for people, and with C{--json FILE} the same for programs, an object with the names
of the attributes of L{Answer}.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass
class Answer:
    """
    One table, and whether what was asked for is reached.

    @ivar question: in a sentence.
    @ivar unit: of the figures, in words; where columns differ, their names say it.
    @ivar columns: their names; the first is what grows.
    @ivar bar: what is asked for, in words.
    @ivar scale: of the figures: "log" or "linear"; what grows is always drawn with "log".
    @ivar met: None: it was not looked for, or there was nothing to compare with.
    """

    question: str
    unit: str
    columns: Sequence[str]
    bar: str
    scale: str = "log"
    rows: list[list[float | None]] = field(default_factory=list)
    met: bool | None = None

    def add(self, *row: float | None) -> None:
        """
        One more row, shown at once.
        """
        if not self.rows:
            print(f"{self.question} ({self.unit})")
            print("".join(f"{name:>{_width(name)}}" for name in self.columns))
        self.rows.append(list(row))
        figures = zip(row, self.columns, strict=True)
        print("".join(f"{_shown(figure):>{_width(name)}}" for figure, name in figures), flush=True)

    def end(self, met: bool | None, file: str | None) -> None:
        """
        The last row is in.

        @param file: where to write all of it, None: nowhere.
        """
        self.met = met
        print(f"{self.bar}: {'not compared' if met is None else 'met' if met else 'MISSED'}", flush=True)
        if file:
            Path(file).write_text(json.dumps(asdict(self), indent=1) + "\n")


def _width(name: str) -> int:
    return max(12, len(name) + 2)


def _shown(figure: float | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:,.0f}" if figure == int(figure) or figure >= 1000 else f"{figure:,.3g}"


def arguments(words: str | None) -> argparse.ArgumentParser:
    """
    What every one of these scripts can be told.

    @param words: the first lines of its file.
    """
    parser = argparse.ArgumentParser(
        description=(words or "").strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--quick", action="store_true", help="a few seconds: whether it works, not what it finds")
    return parser


def compiled(name: str, folder: Path) -> Path:
    """
    A program of this folder that is written in C.
    """
    program = folder / name
    subprocess.run(["cc", "-O2", "-w", "-o", str(program), str(HERE / f"{name}.c")], check=True)
    return program


def median(figures: Sequence[float]) -> float:
    """
    The one in the middle, or the lower of two.
    """
    return sorted(figures)[(len(figures) - 1) // 2]


def raise_file_limit() -> int:
    """
    So many files this process and its children may have open: as many as allowed.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def resident() -> int:
    """
    The memory of this process, bytes.
    """
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
