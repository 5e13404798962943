"""
One process of a measurement: it is told what to do on standard input, and tells what it has counted on standard output,
a line of JSON each.

Told: the plan and the connection; then C{go}, C{quiet} (publish no more) and C{stop}. Tells: C{ready}, every quarter
of a second a tally, C{finished} when nothing is on its way any more, and the last tally with the processor's time.
"""

from __future__ import annotations

import json
import signal
from time import process_time
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from txmqtt.cli.bench.plan import Plan
from txmqtt.cli.bench.roles import Connector, Pace, Publisher, Receiver, Tally, Worker
from txmqtt.cli.exits import FAILED, Ended
from txmqtt.cli.options.connection import Connection
from txmqtt.cli.options.server import Server, dial, server
from txmqtt.net.client import MQTTClient

#: How often it looks whether all is done, seconds, and which of these times it tells.
_OFTEN: Final = 0.05
_TELLS: Final = 5
#: So many connections are made at a time.
_AT_ONCE: Final = 50


class Work:
    """
    A part of a measurement.
    """

    def __init__(self, reactor: Any, plan: Plan, target: Server) -> None:
        self._reactor = reactor
        self._plan = plan
        self._server = target
        self._left = plan.count if plan.count else -1
        self._clients: list[MQTTClient] = []
        self._workers: list[Worker] = []
        self._pace: Pace | None = None
        self.tally = Tally()

    async def prepare(self) -> None:
        """
        Connect and subscribe.
        """
        plan = self._plan
        if plan.kind == "connect":
            self._workers = [
                Connector(self._reactor, self._server, self._name("c", number), self.tally, self._take)
                for number in range(plan.first, plan.first + plan.clients)
            ]
            return
        receivers = plan.kind in ("sub", "pair", "fan-out")
        numbers = list(range(plan.first, plan.first + plan.clients))
        if receivers:
            await self._all(numbers, self._subscribe)
        await self._all(numbers if plan.kind in ("pub", "pair") else list(range(plan.publishers)), self._publisher)

    async def _all(self, numbers: list[int], do: Any) -> None:
        for start in range(0, len(numbers), _AT_ONCE):
            parts = [Deferred.fromCoroutine(do(number)) for number in numbers[start : start + _AT_ONCE]]
            for done, result in await DeferredList(parts, consumeErrors=True):
                if not done:
                    assert isinstance(result, Failure)
                    result.raiseException()

    def _name(self, role: str, number: int) -> str:
        given = self._server.options.get("client_id")
        return f"{given or 'bench-' + self._plan.token[:8]}-{role}{number}"

    async def _subscribe(self, number: int) -> None:
        plan = self._plan
        client = await self._dial("s", number, on_message=Receiver(plan, self.tally).take)
        await client.subscribe(plan.topic if plan.kind == "sub" else plan.topic_of(number), None, plan.qos)

    async def _publisher(self, number: int) -> None:
        plan = self._plan
        client = await self._dial("p", number if plan.kind != "fan-out" else plan.first + number)
        topic = plan.topic_of(number)
        self._workers.append(Publisher(self._reactor, client, plan, topic, self.tally, self._take))

    async def _dial(self, role: str, number: int, **further: Any) -> MQTTClient:
        name = self._name(role, number)
        client = await dial(self._reactor, self._server, client_id=name, max_inflight=self._plan.window, **further)
        self.tally.connected += 1
        self._clients.append(client)
        return client

    def _take(self) -> bool:
        if self._left == 0:
            return False
        self._left -= 1
        return True

    def go(self) -> None:
        """
        Begin.
        """
        if self._plan.rate and self._workers:
            self._pace = Pace(self._reactor, self._workers, self._plan.rate, self._take)
            self._pace.start()
            return
        for each in self._workers:
            each.pump()

    def quiet(self) -> None:
        """
        Begin nothing more.
        """
        if self._pace is not None:
            self._pace.stop()
        for each in self._workers:
            each.stopped = True

    @property
    def finished(self) -> bool:
        """
        There is nothing more to begin, and nothing is on its way.
        """
        return all(each.stopped and each.idle for each in self._workers)

    async def leave(self) -> None:
        """
        Say goodbye.
        """
        await DeferredList([client.disconnect() for client in self._clients], consumeErrors=True)


class Told(LineOnlyReceiver):
    """
    What the process that started us says.
    """

    delimiter = b"\n"
    MAX_LENGTH = 1_048_576

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._work: Work | None = None
        self._said_finished = False
        self._looks = 0
        self._started = 0.0
        self._ending = False
        self._left = False
        self._telling = LoopingCall(self._tell)

    def lineReceived(self, line: bytes) -> None:
        """
        See C{LineOnlyReceiver}.
        """
        if self._work is None:
            job = Deferred.fromCoroutine(self._begin(json.loads(line)))
            job.addErrback(self._failed)
        elif line == b"go":
            self._started = process_time()
            self._work.go()
            self._telling.start(_OFTEN, now=False).addErrback(self._failed)
        elif line == b"quiet":
            self._work.quiet()
        elif line == b"stop":
            self._end()

    def connectionLost(self, reason: Any = None) -> None:
        """
        See C{IProtocol}: whoever started us is gone.
        """
        if self._left:
            self._reactor.stop()
        else:
            self._left = True
            self._end()

    async def _begin(self, job: dict[str, Any]) -> None:
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in job["connection"].items()
        }
        work = Work(self._reactor, Plan(**job["plan"]), server(Connection(**given)))
        self._work = work
        await work.prepare()
        self._say(ready=True)

    def _tell(self) -> None:
        assert self._work is not None
        self._looks += 1
        finished = self._work.finished and not self._said_finished
        if finished or self._looks % _TELLS == 0:
            self._say(tally=self._work.tally.taken())
        if finished:
            self._said_finished = True
            self._say(finished=True)

    def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        if self._telling.running:
            self._telling.stop()
        work = self._work
        if work is None:
            self._close(None)
            return
        work.quiet()
        last = work.tally.taken()
        leaving = Deferred.fromCoroutine(work.leave())
        leaving.addBoth(lambda _: self._say(tally=last, cpu=process_time() - self._started))
        leaving.addBoth(self._close)

    def _close(self, _: object) -> None:
        """
        What we have said is written, then it is over.
        """
        if self._left or self.transport is None:
            self._reactor.stop()
        else:
            self._left = True
            self.transport.loseConnection()

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            return
        error = failure.value
        self._say(error=str(error) or repr(error), status=error.status if isinstance(error, Ended) else FAILED)
        self._end()

    def _say(self, **said: Any) -> None:
        if self.transport is not None:
            self.transport.write(json.dumps(said).encode() + b"\n")


def work() -> None:
    """
    Do it until we are told to stop.
    """
    from twisted.internet import reactor

    running: Any = reactor
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    StandardIO(Told(running), reactor=running)
    running.run(installSignalHandlers=False)


if __name__ == "__main__":
    work()
