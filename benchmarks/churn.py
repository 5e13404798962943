"""
What do clients that subscribe and unsubscribe, or come and go, do to the messages of others?

    python benchmarks/churn.py [--rounds 5]

One client publishes 2,000 messages a second, in turn to a thousand topics; one receives them all. Beside them another
subscribes and unsubscribes so many times a second, with wildcards that match one of those topics or none; or so many
clients a second connect and leave. The figure is the way of a message from one end to the other, its median and the
99th percentile; medians of the rounds. The broker is that of this interpreter's txmqtt, on one processor, the clients
are on the other. It needs a C compiler.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from answer import Answer, arguments, compiled, median
from brokers import LOAD, Broker, fresh_folder, ours, pinned, running

RATES = (0, 30, 100, 300, 1_000, 3_000)
#: More clients than so many can't come in a second.
MOST_CONNECTS = 300


def ways(load: Path, broker: Broker, seconds: float, option: str, rate: int) -> tuple[float, float]:
    """
    The median and the 99th percentile, microseconds.
    """
    command = [str(load), "-p", str(broker.port), "-t", str(seconds), option, str(rate)]
    said = subprocess.run(pinned(LOAD, command), capture_output=True, text=True, timeout=120)
    if said.returncode:
        raise SystemExit(f"{said.stderr}\n{broker.log}")
    _, middle, late, _ = said.stdout.split()
    return float(middle), float(late)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each figure")
    words = parser.parse_args()
    rates, rounds, seconds = ((0, 300), 1, 0.5) if words.quick else (RATES, words.rounds, words.seconds)
    answer = Answer(
        "What do subscriptions and clients that come and go do to the messages of others?",
        "microseconds from one end to the other",
        ("a second", "subscribes: median", "99 in 100", "connects: median", "99 in 100 "),
        "with 1,000 subscribes a second the 99th percentile less than doubles",
    )
    kinds = ("-s", "-c")
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with TemporaryDirectory(prefix="churn-") as name, fresh_folder(name) as folder:
        load = compiled("growth_load", Path(name))
        with running(ours(folder, "memory", "normal")) as broker:
            ways(load, broker, 0.3, "-s", 0)
            for _ in range(rounds):
                for rate in rates:
                    for kind in kinds:
                        if kind == "-s" or rate <= MOST_CONNECTS:
                            found.setdefault((kind, rate), []).append(ways(load, broker, seconds, kind, rate))
    for rate in rates:
        row: list[float | None] = []
        for kind in kinds:
            those = found.get((kind, rate))
            row += [median(column) for column in zip(*those, strict=True)] if those else (None, None)
        answer.add(rate, *row)
    quiet, busy = answer.rows[0][2], answer.rows[rates.index(1_000 if 1_000 in rates else 300)][2]
    assert quiet and busy
    print(f"ratio: {busy / quiet:.2f}")
    answer.end(busy < 2 * quiet, words.json)


if __name__ == "__main__":
    main()
