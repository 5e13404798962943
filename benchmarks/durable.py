"""
What does a durable store cost, whom does it slow down, and what survives?

    python benchmarks/durable.py [--only throughput,beside,latency,untouched,start,mosquitto] [--json FILE] [--quick]

Each question is a table of medians of alternating runs: the broker with C{--store mqtt.db} against the same broker
with C{--store memory}, each fresh and in a process of its own on one processor, the load on another. Beside each ratio
stands the one to reach, and the lowest and highest of the alternating runs. What went wrong (messages lost, refused,
doubled; connections closed) is counted in the last column. The disk that counts is that of C{--directory}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from brokers import BROKERS, LOAD
from durable_generator import Generator
from durable_parts import Bench, beside, disk, latency, peer, throughput, untouched
from durable_start import start
from durable_tables import Table, all_troubles

import txmqtt

QUESTIONS: dict[str, Callable[[Bench], Table]] = {
    "throughput": throughput,
    "beside": beside,
    "latency": latency,
    "untouched": untouched,
    "start": start,
    "mosquitto": peer,
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(QUESTIONS), help="questions, with commas between")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each load is measured")
    parser.add_argument("--runs", type=int, default=3, help="alternating runs of each load")
    parser.add_argument("--many", type=int, default=9, help="likewise, of traffic that needs no disk")
    parser.add_argument("--version", type=int, default=4, choices=(4, 5), help="protocol level of the load")
    parser.add_argument("--durability", default="full", choices=("full", "normal", "off"))
    parser.add_argument("--directory", default=".", help="where the brokers keep their state")
    parser.add_argument("--messages", type=int, default=1_000_000, help="that wait when the broker starts")
    parser.add_argument("--sessions", type=int, default=100_000, help="that are there when it starts")
    parser.add_argument("--json", type=Path, help="write all figures there, too")
    parser.add_argument("--quick", action="store_true", help="only show that it works: the figures mean nothing")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seconds, chosen.runs, chosen.many = 0.5, 1, 1
        chosen.messages, chosen.sessions = 20_000, 2_000
    if unknown := set(chosen.only.split(",")) - set(QUESTIONS):
        parser.error(f"--only {','.join(sorted(unknown))}: expected some of {','.join(QUESTIONS)}")
    return chosen


def said_first(chosen: argparse.Namespace) -> str:
    """
    What the figures depend on.
    """
    build = "compiled" if txmqtt.compiled else "interpreted"
    protocol = "3.1.1" if chosen.version == 4 else "5.0"
    return (
        f"txmqtt {build}, Python {sys.version.split()[0]}, MQTT {protocol}, durability {chosen.durability}; "
        f"brokers on processor {BROKERS}, load on {LOAD}; fdatasync {disk(chosen.directory)[0] * 1e3:.3f} ms\n"
    )


def main() -> None:
    chosen = options()
    tables = []
    os.sched_setaffinity(0, {LOAD})  # this program is a client too
    with TemporaryDirectory(prefix="durable-load-") as built:
        generator = Generator(Path(built), chosen.seconds, chosen.version)
        bench = Bench(
            generator,
            chosen.directory,
            chosen.durability,
            chosen.runs,
            chosen.many,
            chosen.messages,
            chosen.sessions,
        )
        print(said_first(chosen))
        for name in chosen.only.split(","):
            tables.append(QUESTIONS[name](bench))
            print(tables[-1], flush=True)
    wrong = all_troubles(tables)
    print("went wrong in all:", ", ".join(f"{count:,} {what}" for what, count in wrong.items()) or "nothing")
    if chosen.json:
        figures = {"options": {k: str(v) for k, v in vars(chosen).items()}, "tables": [asdict(t) for t in tables]}
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
