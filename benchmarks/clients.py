"""
What does a message cost the process of a client? Ours beside paho-mqtt, gmqtt, mqttium and MQTT.js, in one run. ::

    python benchmarks/clients.py
    python benchmarks/clients.py compiled/bin/python python@. --rounds 5 --json clients.json

A client publishes, or receives, at QoS 0, 1 and 2, with 64 bytes in each message: at QoS 1 and 2 with 100 publishes
under way and a Deferred for each of them, where they are ours. The broker and whoever is at the other end of it run on
one processor, the client on the other. Each library has a program in C{drivers}, which uses it in the way that its
documentation gives for many messages.

The figure is the processor time of the client's process, user and system, for each message, microseconds, once it has
sent or received some thousands. Medians of some rounds, in which the clients take turns. Then, as a ratio to the best
of paho-mqtt, gmqtt and mqttium in the same cell: the bar is 0.5 compiled and 1.0 interpreted.

Ours are named by their interpreters, with C{@FOLDER} when the package is to be found there and not where the
interpreter has it. The broker is the first of ours that is compiled, otherwise mosquitto, or as C{--broker} says. It
needs the C{bench} extra; MQTT.js is left out unless C{node} is there and C{mqtt} in the C{node_modules} of
C{$TXMQTT_PEERS}, or of C{build/peers}. C{--urgent}, as root, runs all of it before everything else that the machine
does, where others work on it too.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import NamedTuple

from brokers import BROKERS, LOAD, UNLIMITED, Broker, free_port, fresh_folder, ours, pinned, running
from pacer import Pacer

HERE = Path(__file__).resolve().parent
DRIVERS = HERE / "drivers"

#: The three that the bar is about.
RIVALS = ("paho-mqtt", "gmqtt", "mqttium")

CELLS = [(verb, qos) for verb in ("publish", "receive") for qos in (0, 1, 2)]

#: Publishes under way at QoS 1 and 2, and after how many messages a receiver says so.
WINDOW, STEP = 100, 500

#: So many messages at first are not counted: what starts, and what a compiler at run time has to learn.
WARM = 5_000

#: Both ways the window is as large. For gmqtt it is the highest packet identifier too.
_OURS = ("--max-inflight", str(WINDOW), "--max-inflight-5", str(WINDOW), "--receive-maximum", "1000")

#: The broker that is not ours, and how it never refuses anything.
MOSQUITTO = "mosquitto"
_SETTINGS = f"allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages {WINDOW}\n"

#: Seconds: longer than any client takes.
_PATIENCE = 120

_WHAT = "import txmqtt; print('compiled' if txmqtt.compiled else 'interpreted')"


class Used(NamedTuple):
    """
    What a process took: processor time from its first mark to its second, seconds, and its memory then, KiB.
    """

    time: float
    memory: int


class Client:
    """
    One library, as a program that does the task of C{drivers/task.py}.

    @ivar broker: the broker that goes with it: the interpreter that has it compiled; otherwise mosquitto.
    """

    broker = MOSQUITTO

    def __init__(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._command = command
        self._environment = {**os.environ, **(environment or {})}

    def run(self, words: dict[str, object]) -> Used:
        """
        Do a task.
        """
        command = pinned(LOAD, [*self._command, json.dumps(words)])
        command = ["timeout", str(_PATIENCE), *command]
        with subprocess.Popen(command, env=self._environment, cwd=DRIVERS, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            marks = process.stdout.read().split()
        if process.returncode or len(marks) != 4:
            raise SystemExit(f"{self.name} failed: {words}")
        return Used(float(marks[2]) - float(marks[0]), int(marks[3]))


def our_client(named: str) -> Client:
    """
    Ours, by its interpreter and perhaps its folder.
    """
    python, _, folder = named.partition("@")
    path = {"PYTHONPATH": str(Path(folder).resolve())} if folder else {"PYTHONPATH": ""}
    python = os.path.abspath(python) if os.sep in python else python
    said = subprocess.run(
        [python, "-c", _WHAT], env={**os.environ, **path}, cwd=DRIVERS, capture_output=True, text=True
    )
    if said.returncode:
        raise SystemExit(f"{named}: {said.stderr.strip()}")
    client = Client(f"txmqtt, {said.stdout.strip()}", [python, "with_txmqtt.py"], path)
    if client.name.endswith(" compiled") and not folder:
        client.broker = python
    return client


def rivals() -> Iterator[Client]:
    """
    The others, as far as they are here.
    """
    for name in RIVALS:
        yield Client(name, [sys.executable, f"with_{name.partition('-')[0]}.py"])
    modules = Path(os.environ.get("TXMQTT_PEERS") or HERE.parent / "build" / "peers", "node_modules")
    node = shutil.which("node")
    if node and (modules / "mqtt").is_dir():
        yield Client("MQTT.js", [node, "with_mqttjs.js"], {"NODE_PATH": str(modules.resolve())})


@contextmanager
def a_broker(folder: Path, python: str) -> Iterator[Broker]:
    """
    Ours with this interpreter, or mosquitto.
    """
    if python == MOSQUITTO:
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            raise SystemExit("no compiled broker, and mosquitto is missing; Debian has it in the package mosquitto")
        port, settings = free_port(), folder / "mosquitto.conf"
        settings.write_text(f"listener {port} 127.0.0.1\n{_SETTINGS}user {getpass.getuser()}\n")
        broker = Broker([program, "-c", str(settings)], folder, port)
    else:
        broker = ours(folder, "memory", "off", *UNLIMITED, *_OURS, python=python)
    with running(broker):
        yield broker


def cost(client: Client, broker: Broker, verb: str, qos: int, count: int, version: int) -> float:
    """
    Microseconds for each message.
    """
    words: dict[str, object] = {"port": broker.port, "verb": verb, "qos": qos, "version": version}
    words |= {"window": WINDOW, "step": STEP, "payload": 64, "warm": WARM, "count": count}
    with Pacer(broker.port, qos, WARM + count, STEP) if verb == "receive" else nullcontext():
        return client.run(words).time / count * 1e6


def table(clients: list[Client], found: dict[str, dict[str, float]]) -> None:
    """
    A line for each client, and for ours the ratios below it.
    """
    print(f"{'':22}" + "".join(f"{f'{verb} {qos}':>11}" for verb, qos in CELLS))
    for client in clients:
        print(f"{client.name:22}" + "".join(f"{found[client.name][f'{verb} {qos}']:11.2f}" for verb, qos in CELLS))
    for client in clients:
        if not client.name.startswith("txmqtt"):
            continue  # a ratio is what ours has to others
        for other in ("the best of the three", "MQTT.js"):
            wanted = ("MQTT.js",) if other == "MQTT.js" else RIVALS
            names = [each.name for each in clients if each.name in wanted]
            if not names:
                continue
            line = ""
            for verb, qos in CELLS:
                best = min(found[name][f"{verb} {qos}"] for name in names)
                line += f"{found[client.name][f'{verb} {qos}'] / best:11.2f}"
            print(f"{client.name}, as a ratio to {other}:\n{'':22}{line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("ours", nargs="*", metavar="PYTHON[@FOLDER]", help="clients of ours")
    parser.add_argument("--broker", help="the interpreter of a broker of ours, or mosquitto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=20_000, help="messages that are counted")
    parser.add_argument("--version", type=int, default=4, choices=(4, 5), help="of MQTT: 4 is 3.1.1")
    parser.add_argument("--only", help="of the clients, by a part of their names: txmqtt,mqttium")
    parser.add_argument("--cells", help="publish 0,receive 1: these only")
    parser.add_argument("--urgent", action="store_true", help="before all else that the machine does; needs root")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians and all measurements there")
    words = parser.parse_args()
    if words.cells:
        CELLS[:] = [(verb, qos) for verb, qos in CELLS if f"{verb} {qos}" in words.cells.split(",")]
    mine = [our_client(named) for named in words.ours or [sys.executable]]
    python = words.broker or next((each.broker for each in mine if each.broker != MOSQUITTO), MOSQUITTO)
    clients = mine + list(rivals())
    if words.only:
        clients = [each for each in clients if any(part in each.name for part in words.only.split(","))]
    if words.urgent:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    os.sched_setaffinity(0, {BROKERS})  # who is at the other end of the broker: this process
    measured: dict[str, dict[str, list[float]]] = {each.name: {f"{v} {q}": [] for v, q in CELLS} for each in clients}
    with fresh_folder("/tmp") as folder, a_broker(folder, python) as broker:
        version = "3.1.1" if words.version == 4 else "5.0"
        print(f"MQTT {version}, the broker is {MOSQUITTO if python == MOSQUITTO else 'ours, compiled'}", flush=True)
        for _ in range(words.rounds):
            for verb, qos in CELLS:
                for client in clients:
                    figure = cost(client, broker, verb, qos, words.count, words.version)
                    measured[client.name][f"{verb} {qos}"].append(figure)
    found = {name: {cell: median(each) for cell, each in cells.items()} for name, cells in measured.items()}
    table(clients, found)
    if words.json:
        words.json.write_text(json.dumps({"medians": found, "measured": measured}, indent=1) + "\n")


if __name__ == "__main__":
    main()
