"""
A program that does C{Steps} with a journal until it is killed, and says what became of them, a line each time::

    kept NUMBER TIME        all steps up to this one are kept; heard at this moment of time.monotonic()
    refused NUMBER TIME     a step was not, and none after it; it goes on from the last that was kept
    troubled TEXT
    recovered
    ended TIME              it was told to stop, by a SIGTERM, and the file is closed

Run it with C{python -m tests.backends.sqlite.stepping FILE SEED DURABILITY LIMIT}; LIMIT is that of the log, in bytes.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred

from tests.backends.sqlite.steps import Steps
from tests.backends.sqlite.support import SCHEMA
from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.shapes import Limits
from txmqtt.session.tickets import Caller

#: Steps that nobody knows of whether they are kept.
_OUTSTANDING = 50

reactor: Any = global_reactor


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Stepping:
    """
    The owner of the journal.
    """

    def __init__(self, path: str, seed: int, durability: str, limit: int) -> None:
        self._seed = seed
        self._steps = Steps(seed)
        self._kept = 0
        self._over = False
        self.journal = Journal(path, SCHEMA, reactor, self, durability, Limits(wal=limit, probe=0.1))

    def start(self) -> None:
        self.journal.open()
        for (number,) in self.journal.rows("SELECT name FROM client WHERE id=1"):
            self._kept = int(str(number))
        self._steps.goto(self._kept)
        reactor.addSystemEventTrigger("before", "shutdown", self._end)
        reactor.callWhenRunning(self._turn)

    def _turn(self) -> None:
        if self._over:
            return
        reactor.callLater(0.005, self._turn)
        room = self._kept + _OUTSTANDING - self._steps.number
        if room <= 0 or not self.journal.accepting:
            return
        for _ in range(min(room, random.randrange(1, 6))):
            self._steps.step(self.journal)
        self.journal.ticket().wait(Caller(lambda reason, number=self._steps.number: self._done(reason, number)))  # type: ignore[misc]
        self.journal.flush()

    def _done(self, reason: int, number: int) -> None:
        if reason == 0:
            self._kept = max(self._kept, number)
        say("refused" if reason else "kept", number, monotonic())

    def handed_over(self) -> None: ...

    def taken_up(self) -> None: ...

    def settling(self) -> None: ...

    def settled(self) -> None: ...

    def lost(self, batches: Sequence[Batch]) -> None:
        self._steps = Steps(self._seed)
        self._steps.goto(self._kept)

    def troubled(self, why: str) -> None:
        say("troubled", why)

    def recovered(self) -> None:
        say("recovered")

    def _end(self) -> Deferred[None]:
        self._over = True
        return self.journal.close().addCallback(lambda _: say("ended", monotonic()))


def main(path: str, seed: str, durability: str, limit: str) -> None:
    signal.alarm(60)  # nobody waits for us for ever
    Stepping(path, int(seed), durability, int(limit)).start()
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
