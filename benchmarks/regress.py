"""
Has the broker become slower or larger? Two installations of it, or more, under the same load in alternation.

Each is named by its interpreter, with C{@FOLDER} when the package is to be found there and not where the interpreter
has it, and with C{+FILE} when the broker is to read that configuration; C{+everything} makes one in which access
control lists, limits and a plugin are set, and none of it is hit. ::

    python benchmarks/regress.py old/bin/python new/bin/python new/bin/python+everything
    python benchmarks/regress.py --only pairs,qos1 python3@old-checkout python3@new-checkout
    python benchmarks/regress.py --idle 5000 old/bin/python new/bin/python

The figure is the processor time of the broker for each delivered message, microseconds, the median of nine rounds; then
the median of the ratios to the first installation in the same round, and the quarters of those ratios. In each round
every broker is started anew, and they take the shapes in turn. With C{--idle}: the resident memory that each of so many
clients takes which connect and say nothing more, KiB. It needs a C compiler. C{--urgent}, as root, runs brokers and
load before everything else that the machine does, where others work on it too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from brokers import LOAD, Broker, free_port, pinned, running

HERE = Path(__file__).resolve().parent

#: Where the plugin of the examples is: it looks at topics that the load does not use.
PLUGIN = HERE.parent / "examples" / "plugin"

SHAPES = {
    "pair": "-g 1 -w 200",
    "pairs": "-g 10 -w 50",
    "fan-out": "-g 1 -S 100 -w 20",
    "scattered": "-g 500 -w 1",
    "ping-pong": "-g 1 -w 1",
    "qos1": "-g 10 -w 20 -q 1",
    "qos2": "-g 10 -w 20 -q 2",
}

_TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"

_WHAT = "import txmqtt; print('compiled' if txmqtt.compiled else 'interpreted', txmqtt.__file__)"

#: Much is asked of each message and each client, and nothing is denied. The load has no user name.
_EVERYTHING = """\
[broker]
state_dir = "{folder}"
store = "memory"

[[listener]]
endpoint = "tcp:{port}:interface=127.0.0.1"
anonymous = "yes"

[limits]
max_connections = 20_000
max_connections_per_address = 15_000
max_connections_per_user = 5_000
max_connection_rate = 50_000.0
connection_burst = 20_000
max_connection_rate_per_address = 50_000.0
connection_burst_per_address = 20_000
trusted_addresses = ""
publish_rate = 5_000_000.0
publish_burst = 10_000_000
byte_rate = 5_000_000_000.0
byte_burst = 1_000_000_000
max_message_expiry = 0
max_total_queued_messages = 5_000_000
queue_full = "drop_oldest"

[metrics]
endpoint = "tcp:0:interface=127.0.0.1"

[[plugin]]
name = "house"

[acl]
default = "deny"

[[acl.rule]]
deny = true
topics = ["+/secret/#", "$SYS/#"]

[[acl.rule]]
allow = true
anonymous = true
topics = ["bench/#"]
"""

#: As many rules as these are asked before the one that allows the load what it does.
_RULES = """
[[acl.rule]]
allow = true
users = ["user{n}", "guest{n}"]
topics = ["home/{n}/#", "news/%u", "devices/%c/+"]
"""


def everything(folder: Path, port: int) -> str:
    """
    A configuration with all of it.
    """
    head, last = _EVERYTHING.split("[[acl.rule]]\nallow", 1)
    rules = "".join(_RULES.format(n=n) for n in range(10))
    return head.format(folder=folder, port=port) + rules + "\n[[acl.rule]]\nallow" + last


class Installation:
    """
    One of those that are compared.
    """

    def __init__(self, words: str) -> None:
        self.words = words
        rest, _, self._settings = words.partition("+")
        python, _, home = rest.partition("@")
        # Not resolved: the interpreter of a virtual environment is a link, and found by its own name.
        self._python = os.path.abspath(python) if os.sep in python else python
        self._home = os.path.abspath(home) if home else ""

    @property
    def _environment(self) -> dict[str, str]:
        places = [self._home, str(PLUGIN)] if self._settings == "everything" else [self._home]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places)), "PYTHONSAFEPATH": "1"}

    def what(self) -> str:
        """
        Which build it is, and where.
        """
        command = [self._python, "-c", _WHAT]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=self._environment, cwd="/"
        ).stdout.strip()

    def broker(self, folder: Path) -> Broker:
        """
        Its broker, not yet started.
        """
        port = free_port()
        if self._settings:
            text = everything(folder, port) if self._settings == "everything" else Path(self._settings).read_text()
            (folder / "settings.toml").write_text(text.replace("{port}", str(port)).replace("{folder}", str(folder)))
            options = ["--config", "settings.toml"]
        else:
            options = ["--listen", f"tcp:{port}:interface=127.0.0.1", "--state-dir", str(folder), "--store", "memory"]
        command = [self._python, "-c", _TWISTD, "-n", "--pidfile=", "mqtt-broker", *options]
        return Broker(command, folder, port, self._environment)


def loaded(load: Path, broker: Broker, *options: str) -> float:
    """
    What one shape of load costs.
    """
    command = pinned(LOAD, [str(load), "-p", str(broker.port), "-k", str(broker.pid), *options])
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if said.returncode:
        raise SystemExit(f"{said.stderr}\n{broker.log}")
    return float(said.stdout.split()[1])


def idle(load: Path, broker: Broker, count: int) -> float:
    """
    What each of many clients weighs that say nothing, KiB.
    """
    # The first ones bring with them what is made once.
    loaded(load, broker, "-g", "20", "-t", "0.2", "-u", "0.1")
    before = broker.memory
    command = pinned(LOAD, [str(load), "-p", str(broker.port), "-i", str(count)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as clients:
        assert clients.stdin is not None and clients.stdout is not None
        if clients.stdout.readline() != b"idle\n":
            raise SystemExit(f"not all clients could connect\n{broker.log}")
        grown = broker.memory - before
        clients.stdin.close()
    return grown * 1e6 / 1024 / count


def show(name: str, rounds: list[list[float]]) -> None:
    """
    One line of the table.

    @param rounds: in each, the figure of every installation.
    """
    line = f"{name:10}"
    for figures in zip(*rounds, strict=True):
        ratios = [figure / first[0] for figure, first in zip(figures, rounds, strict=True)]
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        line += f"{median(figures):9.3f} x{median(ratios):5.3f} ({low:5.3f} {high:5.3f})"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0],
        epilog="INTERPRETER[@FOLDER][+SETTINGS]: see the first lines of this file",
    )
    parser.add_argument("installation", nargs="+", type=Installation, metavar="INSTALLATION")
    parser.add_argument("--only", default=",".join(SHAPES), help="of " + ", ".join(SHAPES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--idle", type=int, default=0, metavar="CLIENTS")
    parser.add_argument("--urgent", action="store_true", help="before all else that the machine does; needs root")
    options = parser.parse_args()
    if options.urgent:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    shapes = [f"idle {options.idle}"] if options.idle else options.only.split(",")
    for number, installation in enumerate(options.installation, 1):
        print(f"{number}: {installation.words}: {installation.what()}")
    found: dict[str, list[list[float]]] = {shape: [] for shape in shapes}
    with TemporaryDirectory(prefix="regress-") as name:
        load = Path(name, "shapes_load")
        subprocess.run(["cc", "-O2", "-w", "-o", str(load), str(HERE / "shapes_load.c")], check=True)
        for number in range(options.rounds):
            with ExitStack() as stack:
                brokers = []
                for installation in options.installation:
                    folder = Path(stack.enter_context(TemporaryDirectory(prefix="broker-", dir=name)))
                    brokers.append(stack.enter_context(running(installation.broker(folder))))
                turns = list(enumerate(brokers))
                if number % 2:
                    turns.reverse()
                for shape in shapes:
                    figures = [0.0] * len(brokers)
                    for at, broker in turns:
                        if options.idle:
                            figures[at] = idle(load, broker, options.idle)
                        else:
                            figures[at] = loaded(load, broker, *SHAPES[shape].split(), "-t", str(options.seconds))
                    found[shape].append(figures)
            print(f"\rround {number + 1}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(
        f"{'':10}" + "".join(f"{number + 1:>9}{'ratio (quarters)':>22}" for number in range(len(options.installation)))
    )
    for shape, rounds in found.items():
        show(shape, rounds)


if __name__ == "__main__":
    main()
