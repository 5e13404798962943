"""
What does a delivery cost, when one message goes to so many?

    python benchmarks/fanout.py [--rounds 3]

One publisher and so many subscribers of one topic at QoS 0, some 2,000 deliveries under way and at least one message.
Microseconds of the broker's processor time for each delivery, and those of mosquitto in the same run, in alternation;
medians, with ten thousand subscribers of one round only. It needs a C compiler, and as many files as there are clients.
"""

from __future__ import annotations

from answer import Answer, arguments, raise_file_limit
from shapes import compared

COUNTS = (1, 10, 100, 1_000, 10_000)
UNDER_WAY = 2_000


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each figure")
    words = parser.parse_args()
    counts, rounds, seconds = ((1, 100), 1, 0.4) if words.quick else (COUNTS, words.rounds, words.seconds)
    raise_file_limit()
    answer = Answer(
        "What does a delivery cost, when one message goes to so many?",
        "microseconds of processor time for each delivery",
        ("receivers", "txmqtt", "mosquitto", "ratio"),
        "none was set; at a hundred receivers 0.16 of mosquitto",
    )
    for count in counts:
        window = max(1, min(200, UNDER_WAY // count))
        options = ("-S", str(count), "-w", str(window), "-u", "0.3")
        found = compared(rounds if count < 10_000 else 1, seconds, *options)
        mine, theirs = found[0][1], found[1][1] if len(found) > 1 else None
        answer.add(count, mine, theirs, mine / theirs if theirs else None)
    ratio = answer.rows[counts.index(100)][3]
    answer.end(None if ratio is None else ratio <= 0.16, words.json)


if __name__ == "__main__":
    main()
