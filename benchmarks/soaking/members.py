"""
A client in a room, and what it must still hear.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from benchmarks.soaking.books import Books
from txmqtt import Message, MQTTClient, Will, connect
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.topics import matches
from txmqtt.net.client_tls import TLS

#: Topic, payload and QoS of what is to come.
Copy = tuple[str, bytes, int]

#: Seconds after which what has not come is lost.
PATIENCE = 60.0


class Expected:
    """
    What is to come, to one client or to any of a group.
    """

    def __init__(self, name: str, books: Books) -> None:
        self.name = name
        self.copies: Counter[Copy] = Counter()
        self._books = books
        self._waiting: Deferred[None] | None = None

    def expect(self, topic: str, payload: bytes, qos: int) -> None:
        self.copies[topic, payload, qos] += 1
        self._books.sent(qos)

    def heard(self, message: Message) -> None:
        copy = (message.topic, message.payload, message.qos)
        if self.copies[copy] <= 0:
            if message.dup and message.qos == 1:
                self._books.repeats += 1
            else:
                self._books.lost.append(f"{self.name} got what was not for it, or twice: {copy}"[:200])
            return
        self._books.delivered += 1
        self.copies[copy] -= 1
        if not self.copies[copy]:
            del self.copies[copy]
            if not self.copies and self._waiting is not None:
                waiting, self._waiting = self._waiting, None
                waiting.callback(None)

    async def all(self, reactor: Any) -> None:
        """
        Wait until all has come; what does not is lost.
        """
        if not self.copies:
            return
        waiting = self._waiting = Deferred()
        alarm = reactor.callLater(PATIENCE, waiting.callback, None)
        await waiting
        self._waiting = None
        if alarm.active():
            alarm.cancel()
        for copy, count in self.copies.items():
            self._books.lost.append(f"{self.name} never got {count} of {copy}"[:200])
        self.copies.clear()


class Member:
    """
    One client identifier.

    @ivar ports: of the broker, by the scheme of URLs.
    @ivar filters: what it has subscribed to, with the QoS.
    @ivar lasting: seconds that its session lasts without it; 0: not at all.
    @ivar away: it is not connected.
    @ivar owed: what waits for it: topic, payload, QoS, and when it expires (0.0: never).
    """

    def __init__(
        self, reactor: Any, books: Books, ports: dict[str, int], name: str, version: int, scheme: str, lasting: int = 0
    ) -> None:
        self.name = name
        self.version = version
        self.lasting = lasting
        self.filters: dict[str, int] = {}
        self.away = True
        self.owed: list[tuple[str, bytes, int, float]] = []
        self.expected = Expected(name, books)
        self.client: MQTTClient
        self.will: Will | None = None
        self._reactor = reactor
        self._books = books
        self._url = f"{scheme}://127.0.0.1:{ports[scheme]}"
        self._tls = TLS(verify=False) if scheme in ("mqtts", "wss") else None
        self._known = False

    async def come(self, will: str = "", qos: int = 0) -> None:
        """
        Connect, and take what is owed.
        """
        options: dict[str, Any] = {"client_id": self.name, "version": self.version, "clean_start": not self.lasting}
        if self.version == MQTT5:
            options["session_expiry"] = self.lasting
        if will:
            options["will"] = self.will = Will(will, self.name.encode(), qos)
        counted, now = self._books.counted, self._reactor.seconds()
        counted["connections"] += self.away
        counted["taken over"] += not self.away
        counted["sessions"] += not self._known
        self.away = False
        self._known = True
        counted["queued"] -= len(self.owed)
        for topic, payload, owed, expires in self.owed:
            if 0.0 < expires < now:
                counted["dropped, expired"] += 1
            else:
                self.expected.expect(topic, payload, owed)
        self.owed.clear()
        self.client = await connect(
            self._reactor,
            self._url,
            tls=self._tls,
            keep_alive=600,
            timeout=2 * PATIENCE,
            on_message=self.expected.heard,
            **options,
        )
        await self.client.ping()

    async def subscribe(self, filter: str, qos: int, retained: dict[str, tuple[bytes, int]]) -> None:
        """
        Subscribe, and take what is retained.
        """
        self._books.counted["subscriptions"] += filter not in self.filters
        self.filters[filter] = qos
        for topic, (payload, published) in retained.items():
            if matches(filter.encode(), topic.encode()):
                self.expected.expect(topic, payload, min(qos, published))
        await self.client.subscribe(filter, qos=qos)

    async def unsubscribe(self, filter: str) -> None:
        del self.filters[filter]
        self._books.counted["subscriptions"] -= 1
        await self.client.unsubscribe(filter)

    def published(self, topic: str, payload: bytes, qos: int, expires: float) -> None:
        """
        Somebody publishes something.
        """
        granted = [most for filter, most in self.filters.items() if matches(filter.encode(), topic.encode())]
        if not granted:
            return
        qos = min(qos, max(granted))
        if not self.away:
            self.expected.expect(topic, payload, qos)
        elif qos:
            self.owed.append((topic, payload, qos, expires))
            self._books.counted["queued"] += 1

    async def go(self, politely: bool) -> None:
        """
        Leave, so that the will is published.
        """
        await self.client.ping()  # by now the broker has our acknowledgements
        if politely and self.version == MQTT5:
            await self.client.disconnect(4)
        else:
            assert self.client.transport is not None
            self.client.transport.abortConnection()
            await self.client.whenClosed()
        self.away = True
        counted = self._books.counted
        counted["connections"] -= 1
        if not self.lasting:
            self._known = False
            counted["sessions"] -= 1
            counted["subscriptions"] -= len(self.filters)
            self.filters.clear()

    def expire(self) -> None:
        """
        Its session has been over for some time.
        """
        counted = self._books.counted
        self._known = False
        counted["sessions"] -= 1
        counted["sessions expired"] += 1
        counted["subscriptions"] -= len(self.filters)
        counted["queued"] -= len(self.owed)
        counted["dropped, session ended"] += len(self.owed)
        self.owed.clear()
        self.filters.clear()

    async def rest(self, seconds: float) -> None:
        await deferLater(self._reactor, seconds, lambda: None)
