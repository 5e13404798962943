"""
What does a subscription cost, in memory and in time?

    python benchmarks/subscribing.py [--most 1000000]

The subscriptions of C{subscriptions.py}, without sockets: what this process has grown by, and the processor time
from the bytes of a SUBSCRIBE with a hundred filters to its SUBACK, each divided among the subscriptions. Every figure
comes from a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from time import process_time

from answer import Answer, arguments, resident
from subscriptions import COUNTS, KINDS, Crowd


def cost(pattern: str, count: int) -> tuple[float, float]:
    """
    Of one subscription among so many: bytes and microseconds.
    """
    Crowd(pattern, 100)
    memory, began = resident(), process_time()
    crowd = Crowd(pattern, count)
    took, grown = process_time() - began, resident() - memory
    assert len(crowd.subscribers) and crowd.broker.stats.subscriptions == count
    return grown / count, took * 1e6 / count


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--most", type=int, default=1_000_000, help="subscriptions")
    parser.add_argument("--cost", nargs=2, metavar=("KIND", "COUNT"), help="print one figure, as this process finds it")
    words = parser.parse_args()
    if words.cost:
        print(*cost(KINDS[words.cost[0]], int(words.cost[1])))
        return
    answer = Answer(
        "What does a subscription cost?",
        "bytes and microseconds for each",
        ("subscriptions", *(f"{kind}, {unit}" for unit in ("bytes", "us") for kind in KINDS)),
        "none was set",
    )
    for count in [1_000, 10_000] if words.quick else [count for count in COUNTS if count <= words.most]:
        found = []
        for kind in KINDS:
            command = [sys.executable, __file__, "--cost", kind, str(count)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found.append([float(word) for word in said.split()])
        answer.add(count, *(figures[at] for at in (0, 1) for figures in found))
    answer.end(None, words.json)


if __name__ == "__main__":
    main()
