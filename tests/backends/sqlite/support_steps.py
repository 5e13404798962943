"""
A program that steps on a disk of its own, told apart into what it heard and what the disk holds.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.sqlite.steps import Steps, reached
from tests.backends.sqlite.support import SCHEMA
from tests.disk import diary
from tests.disk.image import lay_down, replay
from tests.disk.shim import Shim
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.backends.sqlite.writer import Writer

ROOT = Path(__file__).resolve().parents[3]
SEED = 7

#: Bytes of log until a checkpoint.
LIMIT = 150_000


class SteppingTestCase(SynchronousTestCase):
    """
    A disk with one journal on it.

    @ivar heard: what the programs said that is not a step kept.
    @ivar kept: when it was heard that a step is kept, and which.
    """

    def setUp(self) -> None:
        if not sys.platform.startswith("linux"):
            self.skipTest("the shim is for Linux")
        self.folder = Path(mkdtemp(prefix="txmqtt-disk-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        watched = self.folder / "watched"
        watched.mkdir()
        self.path = str(watched / "test.db")
        self.shim = Shim(watched, self.folder, record=True)
        self.faults = self.shim.faults
        self.heard: list[str] = []
        self.kept: list[tuple[float, int]] = []
        self.steps = Steps(SEED)

    def start(self, durability: str = "full") -> None:
        """
        Start the program, again perhaps.
        """
        command = [sys.executable, "-m", "tests.backends.sqlite.stepping", self.path, str(SEED), durability, str(LIMIT)]
        self.program = program = subprocess.Popen(
            command, cwd=ROOT, env=self.shim.environment(), stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.kill)
        assert program.stdout is not None
        self._lines = iter(program.stdout)

    def note(self, line: str) -> str:
        """
        Remember what it says.

        @return: the first word.
        """
        said, _, rest = line.strip().partition(" ")
        if said == "kept":
            number, when = rest.split()
            self.kept.append((float(when), int(number)))
        else:
            self.heard.append(line.strip())
        return said

    def hear(self, word: str, count: int = 1) -> str:
        """
        Wait until it says this word, so many times.

        @return: the last such line.
        """
        for line in self._lines:
            said = self.note(line)
            if said == word:
                count -= 1
                if count == 0:
                    return line.strip()
        raise AssertionError(f"the program ended before it said {word!r}: {self.heard}")

    def trouble(self, fault: Callable[[], None]) -> None:
        """
        Have a fault, and hear of it. One that comes once may be met by a checkpoint, which nobody waits for: then it
        comes again.
        """
        while True:
            fault()
            for line in self._lines:
                said = self.note(line)
                if said == "troubled":
                    return
                if said == "kept" and len(self.kept) % 40 == 0:
                    break
            else:
                raise AssertionError(f"the program ended before it was in trouble: {self.heard}")

    def kill(self) -> None:
        """
        kill -9, and hear out what it had said.
        """
        if self.program.poll() is None:
            os.kill(self.program.pid, signal.SIGKILL)
            with self.assertRaises(AssertionError):
                self.hear("the end")
        self.program.wait()
        assert self.program.stdout is not None
        self.program.stdout.close()

    def end(self) -> None:
        """
        The program ends when it is told to.
        """
        self.program.terminate()
        self.hear("ended")
        self.kill()

    def last(self, moment: float | None = None) -> int:
        """
        The last step of which was heard, up to a moment, that it is kept.
        """
        return max((number for when, number in self.kept if moment is None or when <= moment), default=0)

    def inspect(self, path: str, moment: float | None = None) -> Iterator[str]:
        """
        What is wrong with a file, if it has to hold what was heard of up to a moment.
        """
        last = self.last(moment)
        if last == 0 and not os.path.exists(path):
            return
        try:
            writer = Writer(path, SCHEMA, "full", monotonic, 1 << 20)
            writer.open()
            writer.close()
            yield from files.check(path, thorough=True)
            if (found := reached(path)) < last:
                yield f"lost: step {last} was kept, the file is at step {found}"
            yield from self.steps.differences(path)
        except (StoreError, sqlite3.Error) as error:
            yield str(error)

    def power_cuts(self, moments: Iterable[float], random: Random, variants: int = 1) -> list[str]:
        """
        Cut the power at these moments, each in so many ways.

        @return: what was wrong with the files.
        """
        problems = []
        quick = "/dev/shm" if os.path.isdir("/dev/shm") else None
        for moment, disk in replay(diary.read(self.folder / "diary"), moments):
            for _ in range(variants):
                after = Path(mkdtemp(prefix="txmqtt-disk-", dir=quick))
                self.addCleanup(shutil.rmtree, after, True)
                lay_down(disk.image(random), after)
                problems += [f"{moment:.6f}: {problem}" for problem in self.inspect(str(after / "test.db"), moment)]
                shutil.rmtree(after)
        return problems
