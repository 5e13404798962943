"""
One client that follows the standard, keeps its promises, and is a nuisance now and then.

Between connections it knows what its ledger knows, and nothing else.
"""

from __future__ import annotations

import time
from random import Random

from benchmarks.accounting.accounts import Accounts
from benchmarks.accounting.events import (
    Answered,
    Arrived,
    Completed,
    Connected,
    Publishing,
    Released,
    Subscribed,
    Subscribing,
    Unsubscribed,
    Unsubscribing,
)
from benchmarks.accounting.loop import Loop
from benchmarks.accounting.messages import Message
from benchmarks.accounting.people import Person, Topic, Wish
from benchmarks.accounting.receivers import ASKED, GONE, LEAVING
from benchmarks.accounting.wire import Wire
from txmqtt.codec.constants import MQTT5, PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from txmqtt.codec.properties import Properties

#: Seconds between two attempts to connect.
RETRY = 0.03
#: Packet identifiers from here on are for SUBSCRIBE and UNSUBSCRIBE, which do not outlive a connection.
ASKING = 60_000
#: Bytes that the broker has not taken, beyond which nothing new is published.
ENOUGH = 100_000
#: Seconds that a session of 5.0 lasts without its client.
EXPIRY = 3600


class Peer:
    """
    A client.

    @ivar connections: how many CONNACKs said yes.
    @ivar away: it stays away by itself.
    @ivar connected: the CONNACK has come.
    """

    def __init__(self, person: Person, accounts: Accounts, loop: Loop, random: Random, port: int) -> None:
        self.person = person
        self.accounts = accounts
        self.ledger = accounts.ledgers[person.name]
        self.connections = 0
        self.away = True
        self.connected = False
        self._loop = loop
        self._random = random
        self._port = port
        self._wire: Wire | None = None
        self._last_id = 0
        self._asked: dict[int, bytes] = {}
        self._held: list[Packet] | None = None  # answers that are given late, in their order
        self._held_kind = 0
        self._window = person.window

    # Coming and going

    def come(self) -> None:
        """
        Connect, and again until it works.
        """
        self.away = False
        self._dial()

    def _dial(self) -> None:
        if self.away or self._wire is not None:
            return
        person = self.person
        try:
            wire = self._wire = Wire(self._loop, self._port, person.version, self._heard, self._lost)
        except OSError:
            self._loop.later(RETRY, self._dial)
            return
        properties = None
        if person.version == MQTT5:
            properties = Properties(session_expiry_interval=EXPIRY, receive_maximum=person.receive_maximum or None)
        wire.say(Connect(person.name, person.version, clean_start=False, keep_alive=600, properties=properties))
        wire.flush()

    def _lost(self, wrong: str) -> None:
        if wrong:
            self.accounts.fault("changed", f"{self.person.name} heard what is no MQTT: {wrong}")
        self._gone()
        self._loop.later(RETRY, self._dial)

    def _gone(self) -> None:
        self._wire = None
        self.connected = False
        self._asked.clear()
        self._held = None

    def leave(self, polite: bool = False, abrupt: bool = True) -> None:
        """
        Close, and stay away.
        """
        self.away = True
        if self._wire is not None:
            if polite and self.connected:
                self._wire.say(Disconnect())
                self._wire.flush()
            self._wire.close(abrupt and not polite)
            self._gone()

    def take_over(self) -> None:
        """
        Connect anew while the old connection is still there.
        """
        if self._wire is not None:
            self._wire.abandon()
            self._gone()
        self._dial()

    def hold(self, seconds: float, kind: int = 0) -> None:
        """
        Give no answers for so long; or none of one kind.
        """
        if self._held is None and self.connected:
            self._held_kind = kind
            held = self._held = []

            def release() -> None:
                if self._held is held and self._wire is not None:
                    self._held = None
                    for packet in held:
                        self._wire.say(packet)
                    self._wire.flush()

            self._loop.later(seconds, release)

    # Publishing

    @property
    def ready(self) -> bool:
        """
        It may publish one more.
        """
        return (
            self.connected
            and len(self.ledger.outgoing) < self._window
            and self._wire is not None
            and self._wire.waiting < ENOUGH
        )

    def publish(self, topic: Topic, marker: bool = False) -> None:
        """
        Publish something new, with the next C{flush}.
        """
        number = len(self.accounts.entries)
        clears = topic.cleared and self._random.random() < 0.4
        message = Message(
            number,
            self.person.name,
            topic.name,
            topic.qos or self._random.choice((1, 2)),
            topic.retain,
            clears,
            marker,
            self.person.version == MQTT5 and number % 3 == 0,
        )
        packet_id = self._next_id()
        self.accounts.record(Publishing(self.person.name, packet_id, message), time.monotonic())
        self._send(packet_id, message, False)

    def _next_id(self) -> int:
        taken = self.ledger.outgoing
        while True:
            self._last_id = self._last_id % (ASKING - 1) + 1
            if self._last_id not in taken:
                return self._last_id

    def _send(self, packet_id: int, message: Message, dup: bool) -> None:
        assert self._wire is not None
        self._wire.say(
            Publish(message.topic, message.payload, message.qos, message.retain, dup, packet_id, message.properties)
        )

    def flush(self) -> None:
        if self._wire is not None:
            self._wire.flush()

    # Subscribing

    def toggle(self, wish: Wish) -> None:
        """
        Subscribe to what it has not, unsubscribe from what it has.
        """
        standing = self.ledger.standings.get(wish.filter)
        if not self.connected or (standing is not None and standing.state in (ASKED, LEAVING)):
            return
        if standing is None or standing.state == GONE:
            self._subscribe(wish)
        else:
            self._unsubscribe(wish.filter)
        self.flush()

    def _ask(self, filter: bytes) -> int:
        packet_id = ASKING
        while packet_id in self._asked:
            packet_id += 1
        self._asked[packet_id] = filter
        return packet_id

    def _subscribe(self, wish: Wish) -> None:
        assert self._wire is not None
        self.accounts.record(Subscribing(self.person.name, wish.filter), time.monotonic())
        properties = Properties(subscription_identifiers=(wish.identifier,)) if wish.identifier else None
        self._wire.say(Subscribe(self._ask(wish.filter), [Subscription(wish.filter, wish.qos)], properties))

    def _unsubscribe(self, filter: bytes) -> None:
        assert self._wire is not None
        self.accounts.record(Unsubscribing(self.person.name, filter), time.monotonic())
        self._wire.say(Unsubscribe(self._ask(filter), [filter]))

    # Hearing

    def _heard(self, packets: list[Packet]) -> None:
        now = time.monotonic()  # after the read: whatever is written down had come by then
        for packet in packets:
            if isinstance(packet, Publish):
                self._published(packet, now)
            elif isinstance(packet, Ack):
                self._acknowledged(packet, now)
            elif isinstance(packet, Connack):
                self._welcomed(packet, now)
            elif isinstance(packet, Suback):
                if filter := self._asked.pop(packet.packet_id, b""):
                    self.accounts.record(Subscribed(self.person.name, filter, packet.reasons[0]), now)
            elif isinstance(packet, Unsuback):
                if filter := self._asked.pop(packet.packet_id, b""):
                    code = packet.reasons[0] if packet.reasons else 0
                    self.accounts.record(Unsubscribed(self.person.name, filter, code), now)
            elif isinstance(packet, Disconnect) and self._wire is not None:
                self._wire.close()
                self._gone()
                self._loop.later(RETRY, self._dial)
                return

    def _published(self, packet: Publish, now: float) -> None:
        self.accounts.record(Arrived(self.person.name, packet), now)
        if packet.qos:
            self._answer(Ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id))

    def _answer(self, packet: Packet) -> None:
        if self._held is not None and self._held_kind in (0, packet.kind):
            self._held.append(packet)
        elif self._wire is not None:
            self._wire.say(packet)

    def _acknowledged(self, packet: Ack, now: float) -> None:
        name = self.person.name
        packet_id = packet.packet_id
        kind = packet.kind
        if kind == PUBREL:
            self.accounts.record(Released(name, packet_id), now)
            self._answer(Ack(PUBCOMP, packet_id))
        elif kind == PUBCOMP:
            self.accounts.record(Completed(name, packet_id), now)
        else:
            self.accounts.record(Answered(name, packet_id, packet.reason), now)
            if kind == PUBREC and packet.reason < 0x80:
                self._answer(Ack(PUBREL, packet_id))

    def _welcomed(self, packet: Connack, now: float) -> None:
        assert self._wire is not None
        if packet.reason:
            self._wire.close()
            self._gone()
            self._loop.later(RETRY, self._dial)
            return
        self.accounts.record(Connected(self.person.name, packet.session_present), now)
        self.connected = True
        self.connections += 1
        if packet.properties is not None and packet.properties.receive_maximum is not None:
            self._window = min(self.person.window, packet.properties.receive_maximum)
        for packet_id, outgoing in self.ledger.outgoing.items():
            if outgoing.received:
                self._wire.say(Ack(PUBREL, packet_id))
            else:
                self._send(packet_id, outgoing.message, True)
        standings = self.ledger.standings
        for wish in self.person.wishes:
            standing = standings.get(wish.filter)
            if standing is None or standing.state == ASKED:
                self._subscribe(wish)
            elif standing.state == LEAVING:
                self._unsubscribe(wish.filter)
