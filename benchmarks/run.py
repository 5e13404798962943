"""
One report of everything that is measured: machine, versions, tables with ratios, and pictures. ::

    compiled/bin/python benchmarks/run.py --output report
    compiled/bin/python benchmarks/run.py --quick --only ratios,codec

It asks each of the scripts of this folder in turn, with the interpreter that runs it, and writes C{index.html}, the
pictures and C{results.json} into the folder. The whole takes an hour; C{--quick} about a minute, and shows that it
works. It needs the C{bench} extra, a C compiler and mosquitto. What fails is said in the report, and the others go on;
the exit status tells.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import txmqtt

HERE = Path(__file__).resolve().parent

#: Whose versions matter.
PACKAGES = ("Twisted", "msgpack", "paho-mqtt", "gmqtt", "mqttium")


@dataclass(frozen=True)
class Script:
    """
    One question, and the script that answers it.

    @ivar quick: what to tell it for the short form.
    @ivar answers: it writes what L{answer.Answer} has; the words of others are shown as they are.
    """

    name: str
    file: str
    quick: Sequence[str] = ("--quick",)
    answers: bool = True


SCRIPTS = (
    Script("ratios", "ratios.py"),
    Script("clients", "clients.py", ("--rounds", "1", "--count", "2000"), False),
    Script("codec", "codec_rivals.py"),
    Script("subscriptions", "subscribing.py"),
    Script("retained", "retained.py"),
    Script("connections", "connections.py"),
    Script("churn", "churn.py"),
    Script("payload", "payload.py"),
    Script("fan-out", "fanout.py"),
    Script("durable", "durable.py", ("--quick", "--only", "latency"), False),
    Script("memory", "client_memory.py", ("--few", "1000", "--many", "5000", "--qos", "1"), False),
)


@dataclass
class Section:
    """
    What one script said.

    @ivar answers: tables, as objects with the attributes of L{answer.Answer}.
    @ivar pictures: the names of files.
    """

    name: str
    said: str
    failed: bool
    seconds: float
    answers: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)


def asked(script: Script, quick: bool, patience: float) -> Section:
    """
    Run one of them.
    """
    with TemporaryDirectory(prefix="run-") as folder:
        file = Path(folder, "answer.json")
        words = [sys.executable, str(HERE / script.file), *(script.quick if quick else ())]
        words += ["--json", str(file)] if script.answers else []
        home = str(Path(txmqtt.__file__ or "").resolve().parent.parent)
        began = time.monotonic()
        try:
            run = subprocess.run(
                words,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=patience,
                check=False,
                env={**os.environ, "PYTHONPATH": home},
            )
            said, failed = run.stdout, run.returncode != 0
        except subprocess.TimeoutExpired:
            said, failed = f"not done after {patience:.0f} s", True
        section = Section(script.name, said, failed, time.monotonic() - began)
        if script.answers and file.exists():
            answers = json.loads(file.read_text())
            section.answers = answers if isinstance(answers, list) else [answers]
    return section


def machine() -> dict[str, str]:
    """
    What was measured, and where.
    """
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    found = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": f"{len(os.sched_getaffinity(0))} x {model[0].partition(': ')[2] if model else platform.machine()}",
        "system": platform.platform(),
        "Python": platform.python_version(),
        "txmqtt": f"{txmqtt.__version__}, {'compiled' if txmqtt.compiled else 'interpreted'}",
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is not None:
        said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
        found["mosquitto"] = said.partition("\n")[0].removeprefix("mosquitto version ")
    return found


def draw(answer: dict[str, Any], file: Path) -> bool:
    """
    A picture of one table: lines over what grows, bars where the first column has names.

    @return: whether there is one: not without matplotlib.
    """
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    rows, names = answer["rows"], answer["columns"]
    places = [row[0] for row in rows]
    shown = [at for at in range(1, len(names)) if names[at] not in ("ratio", "asked for")]
    bars = any(isinstance(each, str) for each in places)
    for number, at in enumerate(shown):
        figures = [row[at] if row[at] is not None else float("nan") for row in rows]
        if bars:
            width = 0.8 / len(shown)
            axes.bar([place + number * width for place in range(len(rows))], figures, width, label=names[at])
        else:
            axes.plot(places, figures, marker="o", label=names[at])
    if bars:
        axes.set_xticks([place + 0.4 - 0.4 / len(shown) for place in range(len(rows))], places)
    else:
        axes.set_xscale("log")
        axes.set_xlabel(names[0])
    axes.set_yscale(answer["scale"])
    axes.set_ylabel(answer["unit"])
    axes.set_title(answer["question"], fontsize="medium")
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(file, dpi=100)
    pyplot.close(figure)
    return True


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "-" if value is None else escape(f"{value:,}" if isinstance(value, int) else str(value))


def _table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = ("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>\n" + "\n".join(lines) + "</table>"


_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:right}"
    "td:first-child,th:first-child{text-align:left}img{max-width:100%}pre{overflow:auto;background:#f4f4f4;padding:1em}"
)


def page(about: dict[str, str], sections: Sequence[Section], quick: bool) -> str:
    """
    The report.
    """
    parts = [f"<!doctype html><meta charset=utf-8><title>txmqtt, measured</title><style>{_STYLE}</style>"]
    parts.append("<h1>txmqtt, measured</h1>")
    if quick:
        parts.append("<p><b>The short form: it shows that everything runs, and its figures mean little.</b></p>")
    parts.append(_table(("", ""), [(name, value) for name, value in about.items()]))
    for section in sections:
        parts.append(f"<h2 id={section.name}>{section.name}</h2>")
        for at, answer in enumerate(section.answers):
            parts.append(f"<h3>{escape(answer['question'])}</h3><p>{escape(answer['unit'])}</p>")
            parts.append(_table(answer["columns"], answer["rows"]))
            outcome = {True: "reached", False: "not reached", None: "not compared"}[answer["met"]]
            parts.append(f"<p>Asked for: {escape(answer['bar'])}: <b>{outcome}</b></p>")
            if at < len(section.pictures):
                parts.append(f'<p><img src="{section.pictures[at]}" alt="{escape(answer["question"])}"></p>')
        if section.failed or not section.answers:
            parts.append(f"<pre>{escape(section.said)}</pre>")
        parts.append(f"<p>{'<b>It failed.</b> ' if section.failed else ''}{section.seconds:.0f} s</p>")
    return "\n".join(parts) + "\n"


def main() -> None:
    names = ", ".join(script.name for script in SCRIPTS)
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("build/report"), help="a folder [build/report]")
    parser.add_argument("--only", help="of " + names)
    parser.add_argument("--quick", action="store_true", help="whether it works, not what it finds")
    parser.add_argument("--patience", type=float, default=1800, help="seconds for one script")
    words = parser.parse_args()
    wanted = words.only.split(",") if words.only else [script.name for script in SCRIPTS]
    if unknown := set(wanted) - {script.name for script in SCRIPTS}:
        parser.error(f"{', '.join(sorted(unknown))}: expected some of {names}")
    words.output.mkdir(parents=True, exist_ok=True)
    sections = []
    for script in SCRIPTS:
        if script.name in wanted:
            section = asked(script, words.quick, words.patience)
            for at, answer in enumerate(section.answers):
                picture = f"{script.name}-{at + 1}.png"
                if draw(answer, words.output / picture):
                    section.pictures.append(picture)
            sections.append(section)
            print(f"{script.name}: {'FAILED' if section.failed else 'done'} after {section.seconds:.0f} s", flush=True)
    about = machine()
    (words.output / "index.html").write_text(page(about, sections, words.quick))
    results = {"machine": about, "answers": {each.name: each.answers for each in sections}}
    (words.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(words.output / "index.html")
    sys.exit(any(section.failed for section in sections))


if __name__ == "__main__":
    main()
