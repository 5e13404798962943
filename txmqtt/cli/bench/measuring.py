"""
What C{txmqtt bench} does: start processes, let all begin at once, add up what they tell, end them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from txmqtt.cli.bench.figures import Figures
from txmqtt.cli.bench.plan import Plan, shares
from txmqtt.cli.bench.table import Screen
from txmqtt.cli.exits import FAILED, Ended
from txmqtt.cli.options.connection import Connection

#: How often the table changes, seconds.
_OFTEN: Final = 0.25
#: How long to wait for what is still on its way when it is over, seconds; and for a process to end.
_LATE: Final = 2.0
_SOON: Final = 0.05
_PATIENCE: Final = 5.0

_MOST_LINE: Final = 4 * 1_048_576


class Crew(ProcessProtocol):
    """
    One process that measures.

    @ivar ready: fires when all its clients are there.
    @ivar finished: fires when nothing more is on its way.
    @ivar gone: fires when it has ended.
    """

    def __init__(self, job: dict[str, Any], figures: Figures) -> None:
        self._job = job
        self._figures = figures
        self._rest = b""
        self._complaints = b""
        self._ended = False
        self.ready: Deferred[None] = Deferred()
        self.finished: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        """
        See C{IProcessProtocol}.
        """
        self.tell(json.dumps(self._job))

    def tell(self, words: str) -> None:
        """
        Say something to it.
        """
        if self.transport is not None and not self._ended:
            self.transport.write(words.encode() + b"\n")

    def kill(self) -> None:
        """
        End it, whatever it does.
        """
        try:
            if self.transport is not None:
                self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def outReceived(self, data: bytes) -> None:
        """
        See C{IProcessProtocol}.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MOST_LINE:
            raise AssertionError("a line of a process of ours without an end")
        for line in lines:
            self._heard(json.loads(line))

    def errReceived(self, data: bytes) -> None:
        """
        See C{IProcessProtocol}.
        """
        self._complaints = (self._complaints + data)[-4096:]

    def _heard(self, said: dict[str, Any]) -> None:
        if "tally" in said:
            self._figures.add(said["tally"])
        self._figures.cpu += said.get("cpu", 0.0)
        if "error" in said:
            self._fail(Ended(said["status"], said["error"]))
        if said.get("ready") and not self.ready.called:
            self.ready.callback(None)
        if said.get("finished") and not self.finished.called:
            self.finished.callback(None)

    def processEnded(self, reason: Failure) -> None:
        """
        See C{IProcessProtocol}.
        """
        self._ended = True
        words = self._complaints.decode("utf-8", "replace").strip().splitlines()
        self._fail(Ended(FAILED, "a process that measures has ended" + (f": {words[-1]}" if words else "")))
        self.gone.callback(None)

    def _fail(self, error: Ended) -> None:
        for waiter in (self.ready, self.finished):
            if not waiter.called:
                waiter.errback(error)


class Measuring:
    """
    One measurement.

    @ivar figures: what it has come to.
    """

    def __init__(self, reactor: Any, plan: Plan, connection: Connection, processes: int, duration: float) -> None:
        self._reactor = reactor
        self._plan = plan
        self._duration = duration
        self._connection = connection
        self._parts = shares(plan, processes)
        self._crews: list[Crew] = []
        self.figures = Figures(plan, reactor.seconds)

    async def run(self, screen: Screen | None) -> None:
        """
        Measure.

        @param screen: where to show it.
        """
        showing = LoopingCall(screen.show if screen is not None else lambda: None)
        try:
            for part in self._parts:
                self._crews.append(self._start(part))
            for crew in self._crews:
                await crew.ready
            self.figures.begin()
            self._all("go")
            showing.start(_OFTEN)
            await self._time_passes()
            self._all("quiet")
            await self._last_ones()
        finally:
            if showing.running:
                showing.stop()
            await self._end()

    def _start(self, part: Plan) -> Crew:
        job = {"plan": part.said(), "connection": asdict(self._connection)}
        crew = Crew(job, self.figures)
        path = os.pathsep.join(each for each in sys.path if each)
        self._reactor.spawnProcess(
            crew,
            sys.executable,
            [sys.executable, "-m", "txmqtt.cli.bench.worker"],
            env={**os.environ, "PYTHONPATH": path},
        )
        return crew

    def _all(self, words: str) -> None:
        for crew in self._crews:
            crew.tell(words)

    async def _time_passes(self) -> None:
        """
        Until the time is up, or all have published what they should.
        """
        over: Deferred[None] = Deferred()
        alarm = self._reactor.callLater(self._duration, self._time_is_up, over) if self._duration else None
        waiting = len(self._crews)

        def one_less(result: object) -> object:
            nonlocal waiting
            waiting -= 1
            if isinstance(result, Failure):
                if not over.called:
                    over.errback(result)
            elif not waiting and not over.called:
                over.callback(None)
            return None

        if self._plan.count:
            for crew in self._crews:
                crew.finished.addBoth(one_less)
        else:
            for crew in self._crews:
                crew.finished.addErrback(lambda failure: None if over.called else over.errback(failure))
        try:
            await over
        finally:
            if alarm is not None and alarm.active():
                alarm.cancel()

    def _time_is_up(self, over: Deferred[None]) -> None:
        self.figures.end()
        over.callback(None)

    async def _last_ones(self) -> None:
        """
        What is still on its way may arrive.
        """
        end = self._reactor.seconds() + _LATE
        while self._reactor.seconds() < end:
            await deferLater(self._reactor, _SOON)
            if all(crew.finished.called for crew in self._crews) and not self.figures.missing():
                return

    async def _end(self) -> None:
        self._all("stop")
        for crew in self._crews:
            for waiter in (crew.ready, crew.finished):
                waiter.addErrback(lambda failure: None)  # whoever waited for it has been told
            crew.gone.addTimeout(_PATIENCE, self._reactor)
            try:
                await crew.gone
            except Exception:
                crew.kill()
