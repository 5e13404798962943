"""
Is a broker after an hour what it was at the beginning, and was every message delivered, queued, or dropped and counted?

Run it with C{python -m benchmarks.soak [--minutes 60] [--store sqlite|memory] [--python OTHER]} in the checkout. Rooms
of clients of all versions, over TCP, TLS and WebSocket, publish at every QoS, retain, share, subscribe, leave wills, go
and come back; every figure that the broker counts is compared with our own books. In between come wilder clients (see
C{benchmarks/accounting}). All the while the memory of the broker's process and the files of its store are looked at.
Exit status 1 when anything was wrong.

C{--minutes 1} takes a minute, and sees whether all of it works rather than whether anything leaks.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater, react
from twisted.internet.threads import deferToThread

from benchmarks.soaking import town
from benchmarks.soaking.books import Books, read
from benchmarks.soaking.figures import Sample, descriptors, memory
from benchmarks.soaking.rooms import Room
from benchmarks.soaking.server import CLIENTS, Server
from benchmarks.soaking.verdict import Soak

#: Seconds from one rest to the next; of them the wilder clients have a quarter.
CHAPTER = 60.0
#: Messages that those publish in a second.
RATE = 300.0
#: Seconds in which the broker may start, and notice that somebody has gone.
PATIENCE = 20.0


class Soaking:
    """
    One broker and everybody who uses it.
    """

    def __init__(self, reactor: Any, server: Server, minutes: float, rooms: int, seed: int) -> None:
        self.soak = Soak()
        self.books = Books()
        self._reactor = reactor
        self._server = server
        self._seconds = 60.0 * minutes
        self._chapter = min(CHAPTER, self._seconds / 3)
        self._seed = seed
        self._began = 0.0
        self._rooms = [Room(reactor, self.books, server.ports, number, seed + number) for number in range(rooms)]

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def _look(self) -> None:
        self.soak.samples.append(Sample(self._now, memory(self._server.process.pid), self._server.store))

    async def run(self) -> None:
        """
        All of it.
        """
        self._began = time.monotonic()
        looking = LoopingCall(self._look)
        looking.start(min(1.0, self._seconds / 60)).addErrback(
            lambda failure: self.soak.faults.append(failure.getTraceback())
        )
        self.books.begin(await self._figures())
        await gatherResults([Deferred.fromCoroutine(room.open()) for room in self._rooms])
        while True:
            await self._in_the_rooms(self._now + 0.75 * self._chapter)
            if self._now >= self._seconds:
                break
            await self._in_town()
            if self._now >= self._seconds:
                break
        looking.stop()

    async def _figures(self) -> dict[str, float]:
        return await deferToThread(read, self._server.metrics)

    async def _in_the_rooms(self, end: float) -> None:
        """
        Then nobody does anything, and nothing is under way: what do both sides say?
        """
        await gatherResults([Deferred.fromCoroutine(room.run(lambda: self._now > end)) for room in self._rooms])
        patient = self._now + PATIENCE
        while (faults := self.books.faults(await self._figures())) and self._now < patient:
            await deferLater(self._reactor, 0.2, lambda: None)  # somebody's end is still on its way
        self.soak.faults += [*(f"at {self._now:.0f} s: {each}" for each in faults), *self.books.lost]
        self.books.lost.clear()
        self.soak.descriptors.append(descriptors(self._server.process.pid))
        sample, books = self.soak.samples[-1], self.books
        print(
            f"{self._now:>7.0f} s {sum(room.rounds for room in self._rooms):>7,} rounds"
            f" {books.delivered:>11,} delivered {sample.memory:>7.1f} MB {sample.store:>6.1f} MB store"
            f" {self.soak.descriptors[-1]:>4} descriptors  {len(self.soak.faults)} faults",
            flush=True,
        )

    async def _in_town(self) -> None:
        before = await self._figures()
        self._seed += 1
        verdict = await town.live(self._reactor, self._server.process.port, self._seed, RATE, 0.25 * self._chapter)
        if not verdict.good:
            self.soak.faults += [f"at {self._now:.0f} s, in town: {line}" for line in verdict.table().splitlines()]
        after = await self._figures()
        self.books.begin(after)
        for name, count in after.items():
            if name.startswith("txmqtt_messages_dropped_total") and count != before[name]:
                self.soak.faults.append(f"at {self._now:.0f} s, in town: {name} {count - before[name]:,.0f}")


def report(soaking: Soaking) -> list[str]:
    """
    Say what there is to say.

    @return: what was wrong.
    """
    soak, books = soaking.soak, soaking.books
    print(f"{books.delivered:,} copies delivered in the rooms, {books.repeats:,} QoS 1 repeats")
    for course in soak.courses():
        print(course)
    print(f"file descriptors at each rest: {min(soak.descriptors)} to {max(soak.descriptors)}")
    print(f"{len(soak.log):,} lines in the log")
    wrong = soak.wrong()
    for words in wrong:
        print(f"WRONG: {words}")
    print("FAULTS" if wrong else "all is as it should be")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="an hour of everything; is the broker what it was?")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--store", choices=("sqlite", "memory"), default="sqlite")
    parser.add_argument("--rooms", type=int, default=8)
    parser.add_argument("--seed", type=int, help="for everything that is left to chance; printed")
    parser.add_argument("--python", help="the interpreter of an installation whose broker is meant")
    parser.add_argument("--samples", help="write memory and store, with their seconds, to this file, as JSON")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"--seed {seed}", flush=True)
    wrong: list[str] = []

    async def soak(reactor: Any) -> None:
        server = Server(arguments.store, arguments.python)
        soaking = Soaking(reactor, server, arguments.minutes, arguments.rooms, seed)
        try:
            server.process.start()
            if not server.process.answers(PATIENCE):
                raise SystemExit(f"the broker does not start:\n{server.process.last_words()}")
            await soaking.run()
            server.process.kill(signal.SIGTERM)
            soaking.soak.log = server.log
        finally:
            server.process.remove()
        wrong.extend(report(soaking))
        if arguments.samples:
            Path(arguments.samples).write_text(json.dumps([[*vars(each).values()] for each in soaking.soak.samples]))

    os.sched_setaffinity(0, {CLIENTS})
    try:
        react(lambda reactor: Deferred.fromCoroutine(soak(reactor)))
    except SystemExit as done:
        if done.code:
            raise
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
