"""
What does a message cost the broker, beside mosquitto? The seven shapes of load, on MQTT 3.1.1 and 5.0, with everything
on: a dozen access rules, rates, limits, metrics and a plugin. ::

    compiled/bin/python benchmarks/ratios.py
    compiled/bin/python benchmarks/ratios.py --check benchmarks/expected.toml

Microseconds of processor time for each delivered message, ours and mosquitto's in short turns, one after the other, and
the ratio: the lower quarter of the ratios of neighbouring turns. Whatever else the machine does makes single turns
worse or better by half; it does that to three quarters of them much more rarely.

With C{--check} it is an error when a ratio is more than a quarter above the one in that file, in each of several
attempts: a disturbance passes, slower code stays. It needs a C compiler and mosquitto.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from answer import Answer, compiled
from brokers import Broker, fresh_folder, peers, running
from regress import SHAPES, Installation
from shapes import loaded

#: As a ratio to mosquitto: what is asked of a compiled broker.
BARS = {
    "pair": 0.10,
    "pairs": 0.13,
    "fan-out": 0.16,
    "scattered": 1.3,
    "ping-pong": 1.2,
    "qos1": 0.18,
    "qos2": 0.16,
}

LEVELS = {"3.1.1": 4, "5.0": 5}

#: How much more than expected is an error.
TOLERANCE = 1.25


class Pair:
    """
    Our broker and mosquitto, running.
    """

    def __init__(self, stack: ExitStack, python: str, seconds: float) -> None:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="ratios-")))
        self._load = compiled("shapes_load", folder)
        self._seconds = seconds
        mosquitto = peers()[1:]
        if not mosquitto:
            raise SystemExit("mosquitto is missing; Debian has it in the package mosquitto")
        makers = [Installation(f"{python}+everything").broker, *mosquitto]
        self._brokers: list[Broker] = [
            stack.enter_context(running(make(stack.enter_context(fresh_folder(str(folder)))))) for make in makers
        ]

    def turns(self, shape: str, version: str, rounds: int) -> tuple[float, float, float]:
        """
        @return: the medians of ours and of theirs, and the lower quarter of the ratios.
        """
        words = [*SHAPES[shape].split(), "-v", str(LEVELS[version]), "-u", "0.1"]
        figures: list[list[float]] = []
        for _ in range(rounds):
            figures.append([loaded(self._load, broker, self._seconds, *words)[1] for broker in self._brokers])
        ratios = [mine / theirs for mine, theirs in figures]
        low = quantiles(ratios, n=4, method="inclusive")[0] if rounds > 1 else ratios[0]
        return median([each[0] for each in figures]), median([each[1] for each in figures]), low


def table(pair: Pair, shapes: list[str], version: str, rounds: int) -> Answer:
    """
    All shapes on one version.
    """
    answer = Answer(
        f"What does a delivered message cost on MQTT {version}, with everything on?",
        "microseconds of processor time",
        ("shape", "txmqtt", "mosquitto", "ratio", "asked for"),
        "each ratio at most what is asked for",
    )
    met = True
    for shape in shapes:
        mine, theirs, ratio = pair.turns(shape, version, rounds)
        answer.add(shape, mine, theirs, ratio, BARS[shape])
        met = met and ratio <= BARS[shape]
    answer.end(met, None)
    return answer


def check(pair: Pair, shapes: list[str], file: Path, rounds: int, attempts: int) -> bool:
    """
    @return: whether in each shape one attempt came within a quarter of what is expected.
    """
    expected: dict[str, float] = tomllib.loads(file.read_text())["ratios"]
    good = True
    print(f"{'':12}{'expected':>10}{'found':>8}")
    for shape in shapes:
        limit = expected[shape] * TOLERANCE
        found: list[float] = []
        while len(found) < attempts and (not found or found[-1] > limit):
            found.append(pair.turns(shape, "3.1.1", rounds)[2])
        good &= found[-1] <= limit
        tried = "".join(f"{each:8.3f}" for each in found)
        print(f"{shape:12}{expected[shape]:10.3f}{tried}{'' if found[-1] <= limit else ' !'}", flush=True)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n\n")[0])
    parser.add_argument("--only", default=",".join(SHAPES), help="of " + ", ".join(SHAPES))
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has our broker; or this one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each turn")
    parser.add_argument("--quick", action="store_true", help="whether it works, not what it finds")
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare with what is expected, on 3.1.1")
    parser.add_argument("--attempts", type=int, default=4, help="with --check, until it is an error")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    words = parser.parse_args()
    shapes = words.only.split(",")
    rounds, seconds = (1, 0.2) if words.quick else (words.rounds, words.seconds)
    with ExitStack() as stack:
        pair = Pair(stack, words.python, seconds)
        if words.check:
            good = check(pair, shapes, words.check, rounds, words.attempts)
        else:
            answers = [table(pair, shapes, version, rounds) for version in LEVELS]
            good = True
            if words.json:
                words.json.write_text(json.dumps([asdict(each) for each in answers], indent=1) + "\n")
    sys.exit(not good)


if __name__ == "__main__":
    main()
