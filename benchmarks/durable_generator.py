"""
The load of C{durable_load.c}: compiled, started, and its figures read.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from time import sleep

from brokers import LOAD, Broker, pinned

#: Seconds until the clients of a load are connected, roughly.
_CONNECTED = 0.15

#: What should never be above zero, and what it is called in a table.
_TROUBLES = {
    "lost": "lost",
    "duplicates": "twice",
    "unanswered": "unanswered",
    "refused": "refused",
    "unmatched": "without subscriber",
    "closed": "connections closed",
    "told_off": "DISCONNECTs",
}


@dataclass(frozen=True)
class Figures:
    """
    What one load measured. Times are seconds.

    @ivar seconds: how long was measured; C{cpu}, C{published}, C{acknowledged}, C{received} and the times are of these.
    @ivar cpu: processor time of the broker.
    @ivar load_cpu: and of the load.
    @ivar drained: messages that came for subscribers which returned afterwards.
    @ivar all_acknowledged: from the first message to the last.
    """

    seconds: float
    cpu: float
    load_cpu: float
    published: int
    acknowledged: int
    received: int
    ack_50: float
    ack_99: float
    ack_max: float
    delivery_50: float
    delivery_99: float
    delivery_max: float
    drained: int
    drain_seconds: float
    all_acknowledged: int
    lost: int
    duplicates: int
    unanswered: int
    refused: int
    unmatched: int
    closed: int
    told_off: int

    def rate(self, name: str) -> float:
        """
        So many a second.
        """
        count: int = getattr(self, name)
        return count / self.seconds if self.seconds else 0.0

    @property
    def drain_rate(self) -> float:
        return self.drained / self.drain_seconds if self.drain_seconds else 0.0

    @property
    def cpu_per_delivery(self) -> float:
        """
        Microseconds.
        """
        return self.cpu * 1e6 / max(1, self.received)


def troubles(runs: Sequence[Figures]) -> dict[str, int]:
    """
    All that went wrong in these.
    """
    found: Counter[str] = Counter()
    for run in runs:
        found.update({words: count for name, words in _TROUBLES.items() if (count := getattr(run, name))})
    if busy := sum(run.load_cpu > 0.9 * run.seconds > 0 for run in runs):
        found["runs limited by the load"] = busy
    return dict(found)


class Load:
    """
    A load that runs.
    """

    def __init__(self, command: list[str], patience: float) -> None:
        self._patience = patience
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def says(self, word: str) -> None:
        """
        Wait for a word of it.
        """
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if line.strip() != word:
            raise SystemExit(f"the load said {line.strip()!r} where {word!r} was awaited")

    def figures(self) -> Figures:
        """
        Wait for its end.
        """
        said, errors = self._process.communicate(timeout=self._patience)
        if self._process.returncode or errors:
            raise SystemExit(f"the load failed: {errors.strip()}")
        found = json.loads(said)
        return Figures(**{field.name: found[field.name] for field in fields(Figures)})

    def end(self) -> Figures:
        """
        End it now.
        """
        self._process.terminate()
        return self.figures()

    def abandon(self) -> None:
        """
        Leave nothing behind.
        """
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class Generator:
    """
    Starts loads.

    @ivar seconds: how long each is measured.
    @ivar version: the protocol level, 4 or 5.
    """

    def __init__(self, folder: Path, seconds: float, version: int) -> None:
        """
        @param folder: for the compiled program.
        """
        compiler = shutil.which("cc")
        if compiler is None:
            raise SystemExit("the load is written in C: install a compiler (cc)")
        self.seconds = seconds
        self.version = version
        self._warm = min(0.5, seconds / 2)
        self._program = folder / "durable_load"
        source = Path(__file__).with_suffix("").with_name("durable_load.c")
        subprocess.run([compiler, "-O2", "-o", str(self._program), str(source)], check=True)

    def start(self, broker: Broker, *options: str, seconds: float | None = None, warm: float | None = None) -> Load:
        """
        Start a load. It says "running" when all its clients are connected.
        """
        seconds = self.seconds if seconds is None else seconds
        warm = self._warm if warm is None else warm
        told = {"-p": broker.port, "-k": broker.pid, "-v": self.version, "-t": seconds, "-u": warm}
        words = [str(word) for option in told.items() for word in option]
        return Load(pinned(LOAD, [str(self._program), *words, *options]), seconds + 300)

    def run(self, broker: Broker, *options: str) -> Figures:
        """
        A load from its start to its end.
        """
        load = self.start(broker, *options)
        try:
            load.says("running")
            return load.figures()
        finally:
            load.abandon()

    @contextmanager
    def background(self, broker: Broker, *options: str, beside_load: bool = True) -> Iterator[list[Figures]]:
        """
        A load beside something else. It is warm when that begins, and measured while that is measured.

        @param beside_load: that is a load, which takes its time to be connected and warm.
        @return: a list that holds its figures when it is over.
        """
        over: list[Figures] = []
        more = self._warm + _CONNECTED if beside_load else 0.0
        load = self.start(broker, *options, seconds=3600, warm=self._warm + more)
        try:
            load.says("running")
            sleep(self._warm)
            yield over
            over.append(load.end())
        finally:
            load.abandon()
