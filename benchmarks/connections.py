"""
How fast can clients come in, and what does each weigh that says nothing more?

    python benchmarks/connections.py [--connections 19000]

Each connects with a clean session and subscribes to one topic. Two rates: one after the other, where each step waits
for the answer to the one before, and 50 at a time. What the broker has grown by is divided among them: the pages of its
process, without what the kernel needs for a socket. The same with mosquitto, in alternation, each started anew for
every row; medians. The broker is that of this interpreter's txmqtt, on one processor, the clients are on the other. It
needs a C compiler, and for many clients as many files as C{ulimit -Hn} allows.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from answer import Answer, arguments, compiled, median, raise_file_limit
from brokers import LOAD, Broker, fresh_folder, peers, pinned, running

Figures = tuple[float, float, float]


def come(load: Path, broker: Broker, count: int, window: int) -> tuple[float, float]:
    """
    So many clients connect and subscribe, so many of them at a time.

    @return: how many a second, and what the broker has grown by for each, KiB.
    """
    before = broker.memory
    command = pinned(LOAD, [str(load), "-p", str(broker.port), "-n", str(count), "-w", str(window)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
        assert clients.stdin is not None and clients.stdout is not None
        said = clients.stdout.readline()
        if not said:
            raise SystemExit(f"not all clients could connect\n{broker.log}")
        grown = broker.memory - before
        clients.stdin.close()
    rest(broker)
    return count / float(said), grown * 1e6 / 1024 / count


def rest(broker: Broker) -> None:
    """
    Wait until it has seen everybody off.
    """
    before = -1.0
    while before != broker.processor_time:
        before = broker.processor_time
        time.sleep(0.1)


def measured(load: Path, broker: Broker, count: int) -> Figures:
    """
    Clients a second one by one and 50 at a time, and KiB each.
    """
    with running(broker):
        come(load, broker, 100, 50)  # the first ones bring with them what is made once
        alone, weight = come(load, broker, count, 1)
        together, _ = come(load, broker, count, 50)
    return alone, together, weight


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--connections", type=int, default=raise_file_limit() - 200)
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    counts, rounds = ([500], 1) if words.quick else (sorted({1_000, 5_000, words.connections}), words.rounds)
    answer = Answer(
        "How many clients come in a second, and what does each weigh?",
        "clients a second; KiB each",
        (
            "clients",
            "one by one",
            "50 at a time",
            "KiB each",
            "mosquitto 1",
            "mosquitto 50",
            "mosquitto KiB",
            "ratio 1",
        ),
        "half of mosquitto's rate one by one, and at most 5 KiB each",
    )
    met: bool | None = None
    with TemporaryDirectory(prefix="connections-") as name:
        load = compiled("growth_load", Path(name))
        for count in counts:
            rows: list[list[Figures]] = [[], []]
            for _ in range(rounds):
                for number, make in enumerate(peers()):
                    with fresh_folder(name) as folder:
                        rows[number].append(measured(load, make(folder), count))
            mine, theirs = ([median(column) for column in zip(*each, strict=True)] for each in rows)
            ratio = mine[0] / theirs[0] if theirs else None
            answer.add(count, *mine, *(theirs or (None, None, None)), ratio)
            if ratio is not None:
                met = met is not False and ratio >= 0.5 and mine[2] <= 5
    answer.end(met, words.json)


if __name__ == "__main__":
    main()
