"""
Does a client grow with what it has published? The resident memory of its process after a million publishes through a
window of 100, beside that after ten thousand: the bar is no more. ::

    python benchmarks/client_memory.py [PYTHON[@FOLDER]] [--broker PYTHON] [--qos 1]

The client and the broker are named as in C{clients.py}. The figures are KiB, of two processes, one that
publishes few messages and one that publishes many, when each has published its last.
"""

from __future__ import annotations

import argparse
import os
import sys

from brokers import BROKERS, fresh_folder
from clients import WINDOW, a_broker, our_client

#: What the memory of two runs of the same length differs by, KiB: how the heap happens to lie.
_NOISE = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("ours", nargs="?", default=sys.executable, metavar="PYTHON[@FOLDER]")
    parser.add_argument("--broker", help="the interpreter of a broker of ours, or mosquitto; as the client if compiled")
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--qos", default="0,1,2", help="these only")
    parser.add_argument("--version", type=int, default=4, choices=(4, 5), help="of MQTT: 4 is 3.1.1")
    words = parser.parse_args()
    client = our_client(words.ours)
    os.sched_setaffinity(0, {BROKERS})
    grown = False
    with fresh_folder("/tmp") as folder, a_broker(folder, words.broker or client.broker) as broker:
        for qos in map(int, words.qos.split(",")):
            task = {"port": broker.port, "verb": "publish", "qos": qos, "version": words.version}
            task |= {"window": WINDOW, "step": 0, "payload": 64, "warm": WINDOW}
            few, many = (client.run({**task, "count": count}).memory for count in (words.few, words.many))
            grown |= many > few + _NOISE
            print(f"{client.name}, QoS {qos}: {few} KiB after {words.few}, {many} after {words.many}", flush=True)
    sys.exit(grown)


if __name__ == "__main__":
    main()
