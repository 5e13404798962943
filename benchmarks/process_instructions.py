"""
How many instructions does the whole process of the broker spend on a message, reactor and sockets included? Exact where
time is noise; what the kernel does is not counted. ::

    python benchmarks/process_instructions.py old/bin/python new/bin/python
    python benchmarks/process_instructions.py --load '-g 10 -w 20 -q 1' --reactor epoll new/bin/python

The broker runs under valgrind (Debian: C{valgrind}), which makes it some fifty times slower, with the load of
C{benchmarks/shapes_load.c}; what a message costs is the difference between a short and a long run. Loads that can share
a read do so more when the broker is slow: only a ping-pong, the default, is the same as without valgrind.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from answer import compiled
from brokers import Broker, free_port
from shapes import loaded

_TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"

#: Seconds of the two runs.
_SHORT, _LONG = 4.0, 14.0


def counted(python: str, load: Path, words: list[str], seconds: float, reactor: str) -> tuple[int, float]:
    """
    The instructions of one run, and the messages that were delivered meanwhile.
    """
    with TemporaryDirectory(prefix="txmqtt-") as name:
        folder, port = Path(name), free_port()
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", python, "-c", _TWISTD, "-n"]
        command += ["--pidfile=", *([f"--reactor={reactor}"] if reactor else []), "mqtt-broker", "--store", "memory"]
        command += ["--listen", f"tcp:{port}:interface=127.0.0.1", "--state-dir", name]
        broker = Broker(command, folder, port, {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": ""})
        broker.start()
        try:
            rate, _ = loaded(load, broker, seconds, "-u", "0.1", *words)
        finally:
            broker.stop()
        found = re.search(r"Collected : (\d+)", broker.log)
    if found is None:
        sys.exit(f"no figure from valgrind for {python}")
    return int(found[1]), rate * seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("python", nargs="*", default=[sys.executable], help="the interpreters of the installations")
    parser.add_argument("--load", default="-g 1 -w 1", help="of shapes_load.c [default: a ping-pong]")
    parser.add_argument("--reactor", default="", help="as twistd names it [default: what the broker prefers]")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="txmqtt-") as folder:
        load = compiled("shapes_load", Path(folder))
        for each in options.python:
            python = os.path.abspath(each) if os.sep in each else each
            few, less = counted(python, load, options.load.split(), _SHORT, options.reactor)
            many, more = counted(python, load, options.load.split(), _LONG, options.reactor)
            print(f"{(many - few) / (more - less):9.0f} instructions a message  {each}", flush=True)


if __name__ == "__main__":
    main()
