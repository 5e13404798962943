"""
The load of C{shapes_load.c}, put on ours and on mosquitto in turn.
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from answer import compiled, median
from brokers import LOAD, Broker, fresh_folder, peers, pinned, running

#: Messages delivered in a second, and microseconds of the broker's processor time for each.
Figures = tuple[float, float]


def loaded(load: Path, broker: Broker, seconds: float, *options: str) -> Figures:
    """
    What one broker does.
    """
    command = [str(load), "-p", str(broker.port), "-k", str(broker.pid), "-t", str(seconds), *options]
    said = subprocess.run(pinned(LOAD, command), capture_output=True, text=True, timeout=120)
    if said.returncode:
        raise SystemExit(f"{said.stderr}\n{broker.log}")
    delivered, cost = said.stdout.split()
    return int(delivered) / seconds, float(cost)


def compared(rounds: int, seconds: float, *options: str) -> list[Figures]:
    """
    Ours and, where it is installed, mosquitto, in alternation; medians.
    """
    with TemporaryDirectory(prefix="shapes-") as name, ExitStack() as stack:
        load = compiled("shapes_load", Path(name))
        brokers = [stack.enter_context(running(make(stack.enter_context(fresh_folder(name))))) for make in peers()]
        found: list[list[Figures]] = [[] for _ in brokers]
        for _ in range(rounds):
            for broker, figures in zip(brokers, found, strict=True):
                figures.append(loaded(load, broker, seconds, *options))
    return [(median([each[0] for each in figures]), median([each[1] for each in figures])) for figures in found]
