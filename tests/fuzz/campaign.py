"""
Harnesses, each in a process of its own, a few at a time: what they are given, how long they run, what came of it.

Everything lies in one folder: the seeds, what the fuzzer has found worth keeping (it begins with that the next time),
the log of each, and the inputs that made something fail.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from typing import Final

from tests.fuzz.harness import Harness

ROOT: Final = Path(__file__).resolve().parents[2]
#: One input may take so long, seconds of a clock on the wall: the machine may be busy.
_PATIENCE: Final = 120
#: A process may take so much memory, MiB.
_MEMORY: Final = 2048
#: So long a process may take to begin and to end, seconds.
_GRACE: Final = 180

_KINDS: Final = ("crash", "timeout", "oom", "leak")


@dataclass
class Outcome:
    """
    What came of a harness.

    @ivar status: how its process ended; 0: nothing was found.
    @ivar runs: inputs that were tried.
    @ivar edges: ways through our code that were seen.
    @ivar corpus: inputs that were worth keeping.
    @ivar seconds: how long it took.
    @ivar finds: the inputs that made something fail.
    @ivar log: all that its process said.
    """

    name: str
    status: int = 0
    runs: int = 0
    edges: int = 0
    corpus: int = 0
    seconds: float = 0.0
    finds: list[Path] = field(default_factory=list)
    log: Path = Path()

    @property
    def failed(self) -> bool:
        """
        Whether somebody has to look.
        """
        return self.status != 0 or bool(self.finds)


class Run:
    """
    One harness that runs.
    """

    def __init__(self, harness: Harness, folder: Path, seconds: float, seed: int) -> None:
        self._name = harness.name
        self._folder = folder / harness.name
        self._before = set(_finds(self._folder))
        self._began = time.monotonic()
        self._until = self._began + seconds + _GRACE
        self._log = self._folder / "log"
        seeds, corpus = self._folder / "seeds", self._folder / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        sow(harness, seeds)
        options = [
            f"-max_total_time={max(1, round(seconds))}",
            f"-max_len={harness.longest}",
            f"-artifact_prefix={self._folder}/{harness.name}-",
            f"-timeout={_PATIENCE}",
            f"-rss_limit_mb={_MEMORY}",
            "-print_final_stats=1",
            f"-seed={seed}",
        ]
        if tokens := [_quoted(token) for token in harness.tokens()]:
            words = self._folder / "tokens"
            words.write_text("\n".join(tokens) + "\n")
            options.append(f"-dict={words}")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.child", harness.name, *options, str(corpus), str(seeds)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=Path.cwd(),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )

    def over(self) -> Outcome | None:
        """
        What came of it; None while it runs.
        """
        if self._process.poll() is None:
            if time.monotonic() < self._until:
                return None
            self._process.kill()
        self._process.wait()
        said = self._log.read_text(errors="replace")
        outcome = Outcome(self._name, self._process.returncode, log=self._log, seconds=time.monotonic() - self._began)
        if found := re.findall(r"^stat::number_of_executed_units: *(\d+)", said, re.MULTILINE):
            outcome.runs = int(found[-1])
        if rows := re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)/", said):
            outcome.edges, outcome.corpus = map(int, rows[-1])
        outcome.finds = sorted(set(_finds(self._folder)) - self._before)
        return outcome

    def stop(self) -> None:
        """
        It is not waited for any more.
        """
        self._process.kill()
        self._process.wait()


def _finds(folder: Path) -> Iterator[Path]:
    for kind in _KINDS:
        yield from folder.glob(f"{folder.name}-{kind}-*")


def _quoted(token: bytes) -> str:
    """
    A token as a dictionary of libFuzzer has it.
    """
    return (
        '"' + "".join(chr(byte) if 32 < byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in token) + '"'
    )


def sow(harness: Harness, folder: Path) -> int:
    """
    Write the seeds of a harness into a folder.

    @return: how many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seeds = {sha1(seed).hexdigest(): seed for seed in harness.seeds()}
    for name, seed in seeds.items():
        (folder / name).write_bytes(seed)
    return len(seeds)


def run(
    harnesses: Sequence[Harness],
    folder: Path,
    seconds: float,
    jobs: int,
    seed: int = 0,
    told: Callable[[Outcome], None] = lambda outcome: None,
    wait: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """
    Run all of them, some at a time.

    @param seconds: how long each runs.
    @param seed: what chance is drawn from; 0: from chance.
    @param told: hears of each that is over.
    """
    waiting = list(harnesses)
    running: list[Run] = []
    outcomes: list[Outcome] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(Run(waiting.pop(0), folder, seconds, seed))
            wait(0.2)
            for each in list(running):
                if (outcome := each.over()) is not None:
                    running.remove(each)
                    outcomes.append(outcome)
                    told(outcome)
    finally:
        for each in running:
            each.stop()
    return outcomes
