"""
Is anything that was acknowledged lost when the power fails, at any moment?

Run it with C{python -m benchmarks.powercut [--cuts 200] [--seed N] [--durability full]} in the checkout, on Linux with
a C compiler. The broker runs while each of its writes and syncs is recorded, and durable clients publish and listen
(see C{benchmarks/accounting}); now and then it is killed, or stopped, and started again. Of each recording some moments
are chosen, most of them just after an acknowledgement or in the middle of a commit or a checkpoint. For each moment
files are made as a power cut may have left them (C{tests/disk/image.py} says how hard that is), a broker is started on
them, and everybody comes back with what they had sent and heard by then. Exit status 1 when anything was wrong; the
table says what.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from tempfile import mkdtemp
from unittest import SkipTest

from benchmarks.accounting import Accounts, Workload, drain, townsfolk
from benchmarks.accounting.drain import QUIET
from benchmarks.accounting.events import Answered, Completed, Connected, Subscribed, Unsubscribed
from benchmarks.accounting.verdict import KINDS
from benchmarks.processes import Broker, txmqtt_command
from tests.disk import diary
from tests.disk.cuts import SHARES, Moments
from tests.disk.diary import Operation
from tests.disk.image import lay_down, replay
from tests.disk.kills import unrecorded
from tests.disk.shim import Shim
from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.backends.sqlite.exchange import soundness

STORE = "mqtt.db"
#: Seconds that a broker may take to answer after its start.
PATIENCE = 60.0
#: One recording for so many cuts.
CUTS_OF_ONE = 40
#: Seconds of the recording without an end in between: long enough for the tidying of the log.
LONG = 6.0
#: Seconds between a start and an end in the others, and how many processes they take.
SHORT = (0.7, 2.0)
LIVES = 3
#: How a broker may be ended within a recording; when it is stopped it brings its log in.
ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)
#: After these somebody may rely on the disk.
PROMISES = (Answered, Completed, Connected, Subscribed, Unsubscribed)
#: Where files are made without waiting for a disk.
QUICK = "/dev/shm" if os.path.isdir("/dev/shm") else None
#: Faults that are told in words; all are counted.
TOLD = 10

NOT_OPENED, NOT_SOUND = "not opened", "not sound"


class Recording:
    """
    Some seconds in the life of a broker, of its clients and of its disk.

    @ivar accounts: what the clients did and heard.
    @ivar operations: what was done to the disk.
    @ivar ends: how often the broker was killed or stopped within it.
    """

    def __init__(self, command: str, random: Random, rate: float, lives: int) -> None:
        self.accounts = Accounts(townsfolk(), keep_history=True)
        self.operations: list[Operation] = []
        self.ends = lives - 1
        self._random = random
        self._broker = Broker(command)
        try:
            self._shim = Shim(self._broker.state, self._broker.folder)
            self._start()
            workload = Workload(self._broker.port, self.accounts, random.randrange(1 << 32), rate)
            self._live(workload, LONG if lives == 1 else random.uniform(*SHORT))
            for _ in range(self.ends):
                self._end(random.choice(ENDS))
                self._start()
                self._live(workload, random.uniform(*SHORT))
            self._end(signal.SIGKILL)
            workload.stop()
        finally:
            self._broker.remove()

    def _start(self) -> None:
        """
        Each process has a diary of its own: a kill may leave half a record at its end.
        """
        self._diary = self._broker.folder / "diary"
        self._diary.unlink(missing_ok=True)
        self._broker.environment = {**self._shim.surroundings(), "TXMQTT_DISK_LOG": str(self._diary)}
        self._broker.start()

    def _live(self, workload: Workload, seconds: float) -> None:
        before = workload.connections
        if not workload.run(PATIENCE, lambda: workload.connections > before or not self._broker.running):
            raise SystemExit(f"the broker answers nobody:\n{self._broker.last_words()}")
        workload.run(seconds)
        workload.provoke()
        workload.run(self._random.uniform(0.0, 0.05))
        if not self._broker.running:
            raise SystemExit(f"the broker ended by itself:\n{self._broker.last_words()}")

    def _end(self, how: int) -> None:
        self._broker.kill(how)
        self.operations += diary.read(self._diary)
        self.operations += unrecorded(self.operations, self._broker.state, time.monotonic())

    def cuts(self, count: int) -> Iterator[Cut]:
        """
        So many power cuts, in the order of time.
        """
        assert self.accounts.history is not None
        promised = [now for now, event in self.accounts.history if isinstance(event, PROMISES)]
        moments = Moments(self.operations, promised, self._random).choose(count)
        places = iter(moments)
        for moment, disk in replay(self.operations, [moment for moment, _ in moments]):
            yield Cut(self, moment, next(places)[1], disk.image(self._random))


@dataclass
class Cut:
    """
    One moment of a recording, and what the disk is then.

    @ivar faults: how many of each kind.
    @ivar details: the first of each kind, in words.
    @ivar acknowledged: messages that the clients had heard of by then.
    @ivar delivered: those that came to them, before and after.
    """

    recording: Recording
    moment: float
    place: str
    image: dict[str, bytes]
    faults: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    acknowledged: int = 0
    delivered: int = 0

    def judge(self, command: str, quiet: float) -> Cut:
        """
        Let a broker go on from here.
        """
        broker = Broker(command, QUICK)
        try:
            if not self.image.get(f"{STORE}-journal"):  # what is half done there is taken back by who opens it to write
                self._look_over("before the start")
            lay_down(self.image, broker.state)
            self.image = {}
            past = self.recording.accounts.as_of(self.moment)
            self.acknowledged = past.acknowledged
            broker.start()
            if not broker.answers(PATIENCE):
                self._fault(NOT_OPENED, broker.last_words())
                return self
            verdict = drain(broker.port, past, one_by_one=False, quiet=quiet)
            self.delivered = verdict.delivered
            self.faults.update(verdict.faults)
            self.details += [f"{kind}: {words}" for kind, details in verdict.details.items() for words in details]
            if not broker.running:
                self._fault(NOT_OPENED, broker.last_words())
            broker.kill()
            self._check(broker.state, "after all")
        finally:
            broker.remove()
        return self

    def _look_over(self, when: str) -> None:
        """
        On files of our own, so that no look changes what the broker finds.
        """
        folder = Path(mkdtemp(prefix="txmqtt-image-", dir=QUICK))
        try:
            lay_down(self.image, folder)
            self._check(folder, when)
        finally:
            shutil.rmtree(folder)

    def _check(self, folder: Path, when: str) -> None:
        path = folder / STORE
        if not path.exists():
            return  # the power failed before there was anything
        try:
            found = soundness.check(str(path), thorough=True)
        except StoreError as error:
            found = [str(error)]
        for each in found:
            self._fault(NOT_SOUND, f"{when}, {each}")

    def _fault(self, kind: str, words: str) -> None:
        self.faults[kind] += 1
        self.details.append(f"{kind}: {words}")


class Tally:
    """
    All cuts so far.
    """

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self._with: Counter[str] = Counter()  # cuts with such a fault
        self._places: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()  # cuts with any fault, by place
        self._details: list[str] = []
        self._acknowledged = self._delivered = 0

    def add(self, number: int, cut: Cut) -> None:
        kinds = {kind for kind, count in cut.faults.items() if count}
        self.faults.update(cut.faults)
        self._with.update(kinds)
        self._places[cut.place] += 1
        self._bad[cut.place] += bool(kinds)
        self._acknowledged += cut.acknowledged
        self._delivered += cut.delivered
        self._details += [f"cut {number} ({cut.place}): {words}" for words in cut.details]

    @property
    def good(self) -> bool:
        return not any(self.faults.values())

    def table(self) -> str:
        lines = [f"{'cuts':<26}{'':>10}{'faulty':>10}"]
        lines += [f"  {place:<24}{self._places[place]:>10,}{self._bad[place]:>10,}" for place in SHARES]
        lines += [f"{'acknowledged before them':<26}{self._acknowledged:>10,}"]
        lines += [f"{'delivered in the end':<26}{self._delivered:>10,}"]
        lines += [f"{'faults':<26}{'':>10}{'in cuts':>10}"]
        lines += [
            f"  {kind:<24}{self.faults[kind]:>10,}{self._with[kind]:>10,}" for kind in (NOT_OPENED, NOT_SOUND, *KINDS)
        ]
        lines += self._details[:TOLD]
        if len(self._details) > TOLD:
            lines.append(f"and {len(self._details) - TOLD:,} more")
        return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="cut the power of a broker's disk again and again; is anything lost?")
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, help="for everything that is left to chance but the timing; printed")
    parser.add_argument("--rate", type=float, default=1_000.0, help="messages published in a second")
    parser.add_argument("--durability", default="full", help="as mqtt-broker takes it")
    parser.add_argument("--recordings", type=int, help=f"how many; one for {CUTS_OF_ONE} cuts, and two at least")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="images looked at side by side")
    parser.add_argument("--lives", type=int, default=LIVES, help="processes that a recording takes, but for a long one")
    parser.add_argument("--quiet", type=float, default=QUIET, help="seconds after which what has not come is lost")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"--seed {seed}", flush=True)
    command = txmqtt_command(STORE, arguments.durability)
    random = Random(seed)
    began = time.monotonic()
    tally = Tally()
    recordings = arguments.recordings or max(2, -(-arguments.cuts // CUTS_OF_ONE))
    ends = operations = number = 0
    recorded = 0.0
    with ThreadPoolExecutor(arguments.at_once) as pool:
        for place in range(recordings):
            started = time.monotonic()
            lives = 1 if place == 0 < recordings - 1 else arguments.lives
            recording = Recording(command, random, arguments.rate, lives)
            recorded += time.monotonic() - started
            ends += recording.ends
            operations += len(recording.operations)
            count = (place + 1) * arguments.cuts // recordings - place * arguments.cuts // recordings
            waiting: deque[Future[Cut]] = deque()
            for cut in recording.cuts(count):
                waiting.append(pool.submit(cut.judge, command, arguments.quiet))
                if len(waiting) > 2 * arguments.at_once:  # no more images than needed are in memory
                    tally.add(number := number + 1, waiting.popleft().result())
            while waiting:
                tally.add(number := number + 1, waiting.popleft().result())
    print(f"{'recordings':<26}{recordings:>10,}")
    print(f"{'restarts within':<26}{ends:>10,}")
    print(f"{'writes, syncs and others':<26}{operations:>10,}")
    print(tally.table())
    print(f"{recorded:.0f} s of recording, {time.monotonic() - began - recorded:.0f} s of looking at what is left")
    print("nothing lost" if tally.good else "FAULTS")
    return 0 if tally.good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SkipTest as missing:
        sys.exit(str(missing))
