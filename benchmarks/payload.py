"""
How does what a message costs grow with its payload?

    python benchmarks/payload.py [--rounds 3]

One publisher and one subscriber at QoS 0, 256 KiB under way, at least one message and at most a hundred. The figure is
how many megabytes of payload a second of the broker's processor time delivers, and how many came in a second; beside
them mosquitto's in the same run, in alternation, medians. It needs a C compiler.
"""

from __future__ import annotations

from answer import Answer, arguments
from shapes import compared

SIZES = (64, 1024, 4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024)
UNDER_WAY = 256 * 1024


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.7, help="of each figure")
    words = parser.parse_args()
    sizes, rounds, seconds = ((64, 1024 * 1024), 1, 0.3) if words.quick else (SIZES, words.rounds, words.seconds)
    answer = Answer(
        "How many megabytes of payload does a second of processor time deliver?",
        "MB for each second",
        ("bytes", "txmqtt", "mosquitto", "txmqtt, by the clock", "mosquitto, by the clock"),
        "at least as many as mosquitto",
    )
    met: bool | None = None
    for size in sizes:
        window = max(1, min(100, UNDER_WAY // size))
        found = compared(rounds, seconds, "-b", str(size), "-w", str(window), "-u", "0.2")
        mine, theirs = found[0], found[1] if len(found) > 1 else None
        answer.add(
            size,
            size / mine[1],
            size / theirs[1] if theirs else None,
            size * mine[0] / 1e6,
            size * theirs[0] / 1e6 if theirs else None,
        )
        if theirs:
            met = met is not False and mine[1] <= theirs[1]
    answer.end(met, words.json)


if __name__ == "__main__":
    main()
