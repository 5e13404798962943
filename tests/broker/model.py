"""
What a broker must do, on two pages: who is owed what, in which order, at which QoS and with which flags.

It knows nothing of packets, windows or queues. What it cannot know is how far a receiver was served when a message
expired: then the message may come or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from tests.broker.support import Peer
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Publish, Subscription
from txmqtt.codec.topics import matches


@dataclass(frozen=True)
class Copy:
    """
    A message as one receiver gets it.
    """

    topic: bytes
    payload: bytes
    qos: int
    retain: bool = False
    identifiers: tuple[int, ...] = ()


@dataclass
class Owed:
    """
    @ivar expires: when; 0.0: never. C{interval}: what its publisher said, seconds.
    @ivar away: its receiver has not been there since it was published, so it can't have been sent.
    """

    copy: Copy
    expires: float = 0.0
    interval: int = 0
    away: bool = False

    def over(self, now: float) -> bool:
        return 0.0 < self.expires <= now

    def check(self, packet: Publish, version: int, now: float) -> None:
        """
        What a copy says about its time [MQTT5-3.3.2-6].
        """
        left = packet.properties.message_expiry_interval if packet.properties is not None else None
        if version < MQTT5 or not self.expires:
            assert left is None, f"{packet} expires"
        else:
            assert left is not None, f"{packet} has lost its end"
            assert max(1, ceil(self.expires - now)) <= left <= self.interval, f"{packet}: {self} at {now}"


@dataclass(frozen=True)
class Message:
    """
    What somebody publishes.

    @ivar interval: seconds until it expires; 0: never.
    """

    publisher: str
    topic: bytes
    payload: bytes
    qos: int
    retain: bool = False
    interval: int = 0


@dataclass(frozen=True)
class LastWill:
    """
    @ivar delay: seconds.
    """

    message: Message
    delay: int = 0


@dataclass
class Client:
    """
    One client identifier.

    @ivar kept: QoS 1 and 2 that it must get, in order; C{flying}: QoS 0, in order.
    @ivar retained: what new subscriptions bring, in any order.
    @ivar lasting: its session survives its connection.
    @ivar expiry: for so long, seconds.
    @ivar wired: what it has been sent and not answered: the next time it is a repeat. None: nobody knows.
    """

    name: str
    peer: Peer | None = None
    lasting: bool = False
    expiry: float = 0.0
    filters: dict[bytes, tuple[Subscription, int]] = field(default_factory=dict)
    kept: list[Owed] = field(default_factory=list)
    flying: list[Owed] = field(default_factory=list)
    retained: list[Owed] = field(default_factory=list)
    will: LastWill | None = None
    wired: set[tuple[int, bytes]] | None = field(default_factory=set)

    @property
    def version(self) -> int:
        return int(self.name[-1])

    @property
    def may_last(self) -> bool:
        return not self.name.startswith("clean")

    def forget(self) -> None:
        self.filters.clear()
        self.kept.clear()
        self.flying.clear()
        self.retained.clear()
        self.wired = set()

    def drop(self) -> None:
        """
        What a broken connection loses.
        """
        self.flying.clear()
        self.retained = [owed for owed in self.retained if owed.copy.qos]
        for owed in self.retained:
            owed.away = False
        if self.peer is not None and self.wired is not None:
            for packet in self.peer.inbox:
                if isinstance(packet, Publish) and packet.qos:
                    self.wired.add((packet.packet_id, packet.payload))

    def back(self, now: float) -> None:
        """
        It is there again: what has expired meanwhile is not sent.
        """
        self.kept = [owed for owed in self.kept if not (owed.away and owed.over(now))]
        for owed in self.kept:
            owed.away = False

    def copy_of(self, message: Message) -> Copy | None:
        """
        What it gets of a message; None: nothing. One copy, whatever matches [MQTT5-3.3.4-2].
        """
        granted = [
            (wanted, identifier)
            for filter, (wanted, identifier) in self.filters.items()
            if matches(filter, message.topic) and not (wanted.no_local and self.name == message.publisher)
        ]
        if not granted:
            return None
        return Copy(
            message.topic,
            message.payload,
            min(message.qos, max(wanted.qos for wanted, _ in granted)),
            message.retain and any(wanted.retain_as_published for wanted, _ in granted),
            tuple(sorted(identifier for _, identifier in granted if identifier)),
        )

    def hears(self, packet: Publish, now: float) -> None:
        """
        It got something: it must have been next, or be retained.
        """
        said = packet.properties.subscription_identifiers if packet.properties is not None else ()
        copy = Copy(packet.topic, packet.payload, packet.qos, packet.retain, tuple(sorted(said or ())))
        owed = self._next(copy, now)
        assert owed is not None, f"{self.name} got {copy} and is owed {self.kept or self.flying} {self.retained}"
        owed.check(packet, self.version, now)
        if packet.qos and self.wired is not None:
            before = (packet.packet_id, packet.payload)
            assert packet.dup == (before in self.wired), f"{packet} has been sent: {not packet.dup}"
            self.wired.discard(before)

    def _next(self, copy: Copy, now: float) -> Owed | None:
        line = self.kept if copy.qos else self.flying
        for at, owed in enumerate(line):
            if owed.copy == copy:
                del line[: at + 1]
                return owed
            if not owed.over(now):
                break
        for owed in self.retained:
            if owed.copy == copy:
                self.retained.remove(owed)
                return owed
        return None

    def satisfied(self, now: float) -> None:
        """
        It has all that there is for it.
        """
        left = [owed for owed in self.kept + self.flying + self.retained if not owed.over(now)]
        assert not left, f"{self.name} never got {left}"
        self.kept.clear()
        self.flying.clear()
        self.retained.clear()


@dataclass
class Due:
    """
    Something that happens to a session by itself.

    @ivar ends: the session; otherwise only its will is published.
    """

    at: float
    client: Client
    ends: bool


class Model:
    """
    The broker.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.clients = {name: Client(name) for name in names}
        self.retained: dict[bytes, tuple[Message, float]] = {}
        self.due: list[Due] = []
        self.wills = 0

    def publish(self, message: Message, now: float) -> bool:
        """
        @return: whether anybody has asked for it.
        """
        expires = now + message.interval if message.interval else 0.0
        if message.retain:
            self.retained.pop(message.topic, None)
            if message.payload:
                self.retained[message.topic] = message, expires
        heard = False
        for client in self.clients.values():
            copy = client.copy_of(message)
            heard = heard or any(matches(filter, message.topic) for filter in client.filters)
            if copy is None:
                continue
            if copy.qos and (client.peer is not None or client.lasting):
                client.kept.append(Owed(copy, expires, message.interval, client.peer is None))
            elif client.peer is not None and not copy.qos:
                client.flying.append(Owed(copy, expires, message.interval))
        return heard

    def subscribe(self, client: Client, wanted: Subscription, identifier: int, now: float) -> None:
        handling = wanted.retain_handling
        if handling == 0 or (handling == 1 and wanted.filter not in client.filters):
            for topic, (message, expires) in self.retained.items():
                if matches(wanted.filter, topic) and not (wanted.no_local and message.publisher == client.name):
                    if not 0.0 < expires <= now:
                        identifiers = (identifier,) if identifier else ()
                        copy = Copy(topic, message.payload, min(wanted.qos, message.qos), True, identifiers)
                        client.retained.append(Owed(copy, expires, message.interval))
        client.filters[wanted.filter] = wanted, identifier

    def leaves(self, client: Client, now: float, will: bool = True, replaced: bool = False, ends: bool = False) -> None:
        """
        A connection has ended.

        @param will: it did not say that all is well.
        @param replaced: by another one of the same client; C{ends}: which wants a new session.
        """
        client.drop()
        client.peer = None
        ends = ends or not client.lasting or not client.expiry
        last, client.will = client.will, None
        if last is not None and will:
            if ends or not last.delay:
                self._says(last, now)
            elif not replaced:
                client.will = last
                self.due.append(Due(now + min(last.delay, client.expiry), client, False))
        if ends:
            client.forget()
            client.lasting = False
        else:
            self.due.append(Due(now + client.expiry, client, True))

    def _says(self, last: LastWill, now: float) -> None:
        self.wills += 1
        self.publish(last.message, now)

    def returns(self, client: Client, now: float, clean: bool) -> None:
        """
        It connects, and what was to happen to its session does not; unless it wants a new one, and so ends it.
        """
        self.due = [due for due in self.due if due.client is not client]
        last, client.will = client.will, None
        if clean:
            if last is not None:
                self._says(last, now)
            client.forget()
            client.lasting = False
        client.back(now)

    def wait(self, now: float, tidied: bool) -> None:
        """
        So late it is.

        @param tidied: what is retained and has expired is cleared away.
        """
        for due in sorted(self.due, key=lambda due: due.at):
            if due.at <= now and due in self.due:
                self.due.remove(due)
                client = due.client
                last, client.will = client.will, None
                if last is not None:
                    self._says(last, now)
                if due.ends:
                    client.forget()
                    client.lasting = False
                    self.due = [other for other in self.due if other.client is not client]
        if tidied:
            self.retained = {
                topic: (message, expires)
                for topic, (message, expires) in self.retained.items()
                if not 0.0 < expires <= now
            }
