"""
What one client does while it is measured: publish, receive, or connect again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from txmqtt.cli.bench.latencies import Latencies
from txmqtt.cli.bench.plan import HEADER, Plan
from txmqtt.cli.options.server import Server, dial
from txmqtt.codec.errors import ConnectionClosed
from txmqtt.net.client import MQTTClient
from txmqtt.net.values import Message

#: How often a rate is dealt out, seconds.
_BEAT: Final = 0.01
#: How many QoS 0 messages a client publishes before others have their turn.
_BURST: Final = 50


class Tally:
    """
    What has been counted since it was last told.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.received = 0
        self.failed = 0
        self.connected = 0
        self.latencies = Latencies()
        self.error = ""

    def taken(self) -> dict[str, Any]:
        """
        All of it, which begins anew.
        """
        said = {
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "received": self.received,
            "failed": self.failed,
            "connected": self.connected,
            "latencies": self.latencies.taken(),
            "error": self.error,
        }
        self.sent = self.acknowledged = self.received = self.failed = self.connected = 0
        self.error = ""
        return said

    def fail(self, why: str) -> None:
        """
        Something did not work; the first reason is kept.
        """
        self.failed += 1
        self.error = self.error or why


class Publisher:
    """
    Publishes, with no more than the window on its way.

    @param take: asks for leave to publish one more; False: that was all.
    @param idle: called when nothing is on its way any more.
    """

    def __init__(
        self, reactor: Any, client: MQTTClient, plan: Plan, topic: str, tally: Tally, take: Callable[[], bool]
    ) -> None:
        self._reactor = reactor
        self._client = client
        self._topic = topic
        self._qos = plan.qos
        self._window = plan.window
        self._head = bytes.fromhex(plan.token)[:4].ljust(8, b"\0")
        self._tail = bytes(max(plan.size - HEADER, 0))
        self._short = bytes(plan.size) if plan.size < HEADER else b""
        self._timed = plan.size >= HEADER
        self._tally = tally
        self._take = take
        self._latencies = plan.kind == "pub" and plan.qos > 0
        self._on_way = 0
        self._waiting = False
        self.stopped = False

    @property
    def idle(self) -> bool:
        """
        Nothing is on its way.
        """
        return not self._on_way

    @property
    def room(self) -> bool:
        """
        One more may be published.
        """
        return not self.stopped and self._on_way < self._window

    def pump(self) -> None:
        """
        Publish as many as will go.
        """
        self._waiting = False
        burst = 0
        while self.room:
            if burst >= _BURST:  # others, and what comes in, have their turn
                if not self._waiting:
                    self._waiting = True
                    self._reactor.callLater(0, self.pump)
                return
            if not self._take():
                self.stopped = True
                return
            self.one(self._again)
            burst += 1

    def one(self, then: Callable[[], None] | None = None) -> None:
        """
        Publish one message.
        """
        start = monotonic_ns()
        payload = self._head + start.to_bytes(8, "big") + self._tail if self._timed else self._short
        self._on_way += 1
        self._tally.sent += 1
        publish = self._client.publish(self._topic, payload, self._qos)
        publish.addCallbacks(self._done, self._failed, callbackArgs=(start,))
        if then is not None and not publish.called:
            publish.addCallback(lambda _: then())

    def _again(self) -> None:
        if not self._waiting and not self.stopped:
            self._waiting = True
            self._reactor.callLater(0, self.pump)

    def _done(self, _: object, start: int) -> None:
        self._on_way -= 1
        self._tally.acknowledged += 1
        if self._latencies:
            self._tally.latencies.add((monotonic_ns() - start) // 1000)

    def _failed(self, failure: Failure) -> None:
        self._on_way -= 1
        self._tally.fail(failure.getErrorMessage())
        if failure.check(ConnectionClosed):
            self.stopped = True


class Worker(Protocol):
    """
    Something that is done again and again.
    """

    stopped: bool

    @property
    def room(self) -> bool:
        """
        It may be done once more.
        """

    @property
    def idle(self) -> bool:
        """
        Nothing is on its way.
        """

    def one(self) -> None:
        """
        Do it once.
        """

    def pump(self) -> None:
        """
        Do it as often as will go.
        """


class Pace:
    """
    Has workers work at a rate, each in its turn.
    """

    def __init__(self, reactor: Any, workers: list[Worker], rate: float, take: Callable[[], bool]) -> None:
        self._workers = workers
        self._rate = rate
        self._take = take
        self._seconds = reactor.seconds
        self._next = 0
        self._owed = 0.0
        self._last = 0.0
        self._beat = LoopingCall(self._deal)
        self._beat.clock = reactor

    def start(self) -> None:
        """
        Begin.
        """
        self._last = self._seconds()
        self._beat.start(_BEAT, now=False).addErrback(lambda failure: None)

    def stop(self) -> None:
        """
        No more.
        """
        if self._beat.running:
            self._beat.stop()

    def _deal(self) -> None:
        now = self._seconds()
        # What could not be sent in time is not made up for: a server that stalls is not hit by a wave afterwards.
        self._owed = min(self._owed + (now - self._last) * self._rate, max(self._rate, 1.0))
        self._last = now
        tried = 0
        while self._owed >= 1 and tried < len(self._workers):
            worker = self._workers[self._next]
            self._next = (self._next + 1) % len(self._workers)
            if not worker.room:
                tried += 1
                continue
            if not self._take():
                for each in self._workers:
                    each.stopped = True
                self.stop()
                return
            tried = 0
            self._owed -= 1
            worker.one()


class Receiver:
    """
    Counts what comes, and how long it took.
    """

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self._mark = bytes.fromhex(plan.token)[:4]
        self._tally = tally

    def take(self, message: Message) -> None:
        """
        A message came.
        """
        self._tally.received += 1
        payload = message.payload
        if len(payload) >= HEADER and payload[:4] == self._mark:
            start = int.from_bytes(payload[8:16], "big")
            self._tally.latencies.add((monotonic_ns() - start) // 1000)


class Connector:
    """
    Connects, says goodbye, and begins again.
    """

    def __init__(self, reactor: Any, server: Server, client_id: str, tally: Tally, take: Callable[[], bool]) -> None:
        self._reactor = reactor
        self._server = server
        self._client_id = client_id
        self._tally = tally
        self._take = take
        self.stopped = False
        self.idle = True

    @property
    def room(self) -> bool:
        """
        It may connect.
        """
        return self.idle and not self.stopped

    def pump(self) -> None:
        """
        Go round until it is enough.
        """
        if self._take():
            self.one(self.pump)
        else:
            self.stopped = True

    def one(self, then: Callable[[], None] | None = None) -> None:
        """
        Connect once.
        """
        self.idle = False
        self._tally.sent += 1
        Deferred.fromCoroutine(self._once()).addBoth(self._over, then)

    async def _once(self) -> None:
        start = monotonic_ns()
        try:
            client = await dial(self._reactor, self._server, client_id=self._client_id)
        except Exception as error:
            self._tally.fail(str(error))
            return
        self._tally.acknowledged += 1
        self._tally.latencies.add((monotonic_ns() - start) // 1000)
        await client.disconnect()

    def _over(self, _: object, then: Callable[[], None] | None) -> None:
        self.idle = True
        if then is not None and not self.stopped:
            self._reactor.callLater(0, then)
