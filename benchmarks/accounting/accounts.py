"""
The books: every event is written down, and judged as it happens.

Nothing here opens a socket or reads a clock. The state of a client that a connection does not take with it (unanswered
publishes, received QoS 2 identifiers, subscriptions) lives here too, in its C{Ledger}, so that a history that is read
again up to some moment gives clients that can go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.accounting.events import (
    Answered,
    Arrived,
    Completed,
    Connected,
    Event,
    Publishing,
    Released,
    Subscribed,
    Subscribing,
    Unsubscribed,
    Unsubscribing,
)
from benchmarks.accounting.ledger import Ledger, Outgoing
from benchmarks.accounting.messages import Message, number_in
from benchmarks.accounting.people import Person
from benchmarks.accounting.receivers import ASKED, FOREVER, GONE, HELD, LEAVING, Claim, Receiver, Standing
from benchmarks.accounting.retained import Retained, Survey
from txmqtt.codec.packets import Publish
from txmqtt.codec.reasons import NO_SUBSCRIPTION_EXISTED
from txmqtt.codec.topics import matches, split_share

#: Faults that are kept in words, of each kind; the others are counted.
REMEMBERED = 10


class Entry:
    """
    What became of one message.

    @ivar sent_at: the number of the event.
    @ivar claims: who is owed it once it is acknowledged.
    """

    __slots__ = ("acknowledged", "claims", "message", "sent_at")

    def __init__(self, message: Message, sent_at: int, claims: tuple[Claim, ...]) -> None:
        self.message = message
        self.sent_at = sent_at
        self.claims = claims
        self.acknowledged = False


class Accounts:
    """
    What all clients did and heard.

    @ivar history: when, by C{time.monotonic()}, and what; None when it is not kept.
    @ivar events: how many there were.
    @ivar subscribed: how many SUBACKs said yes.
    @ivar faults: how many of each kind.
    @ivar details: the first of each kind, in words.
    """

    def __init__(self, people: Iterable[Person], keep_history: bool = False) -> None:
        self.people = {person.name: person for person in people}
        self.ledgers = {name: Ledger(person, self._receiver_name(person)) for name, person in self.people.items()}
        self.receivers: dict[str, Receiver] = {}
        for ledger in self.ledgers.values():
            name = ledger.receiver_name
            self.receivers.setdefault(name, Receiver(name, name.startswith("$share/")))
        self.entries: list[Entry] = []
        self.history: list[tuple[float, Event]] | None = [] if keep_history else None
        self.events = 0
        self.acknowledged = 0
        self.subscribed = 0
        self.refused = 0
        self.faults: dict[str, int] = {}
        self.details: dict[str, list[str]] = {}
        self.claims: list[Claim] = []
        self._claims_on: dict[bytes, tuple[Claim, ...]] = {}
        self._retained: dict[bytes, Retained] = {}

    @staticmethod
    def _receiver_name(person: Person) -> str:
        shared = [wish.filter.decode() for wish in person.wishes if split_share(wish.filter)[0]]
        if shared and len(person.wishes) > 1:
            raise ValueError(f"{person.name} shares {shared[0]} and wants more; nobody could tell for whom a copy came")
        return shared[0] if shared else person.name

    def record(self, event: Event, now: float) -> None:
        """
        Something happens at C{now}, by C{time.monotonic()}.
        """
        self.events += 1
        if self.history is not None:
            self.history.append((now, event))
        ledger = self.ledgers[event.client]
        match event:
            case Arrived():
                self._arrived(ledger, event.packet)
            case Publishing():
                self._publishing(ledger, event.packet_id, event.message)
            case Answered():
                self._answered(ledger, event.packet_id, event.reason)
            case Completed():
                self._completed(ledger, event.packet_id)
            case Released():
                ledger.received.pop(event.packet_id, None)
            case Connected():
                self._connected(ledger, event.present)
            case Subscribing():
                self._subscribing(ledger, event.filter)
            case Subscribed():
                self._subscribed(ledger, event.filter, event.code)
            case Unsubscribing():
                self._unsubscribing(ledger, event.filter)
            case Unsubscribed():
                self._unsubscribed(ledger, event.filter, event.code)

    def as_of(self, moment: float) -> Accounts:
        """
        The books as they stood at that moment of C{time.monotonic()}.
        """
        if self.history is None:
            raise ValueError("no history was kept")
        past = Accounts(self.people.values())
        for now, event in self.history:
            if now > moment:
                break
            past.record(event, now)
        return past

    def fault(self, kind: str, words: str) -> None:
        """
        Something is wrong.
        """
        self.faults[kind] = self.faults.get(kind, 0) + 1
        details = self.details.setdefault(kind, [])
        if len(details) < REMEMBERED:
            details.append(words)

    def survey(self) -> Survey:
        """
        Before a new client subscribes to all that is retained.
        """
        return Survey(self._retained)

    @property
    def settled(self) -> bool:
        """
        Everybody has what is owed to them, and no exchange is under way.
        """
        return not any(claim.owed for claim in self.claims) and not any(ledger.busy for ledger in self.ledgers.values())

    # Sessions

    def _connected(self, ledger: Ledger, present: bool) -> None:
        if ledger.session and not present:
            self.fault("sessions missing", f"{ledger.name} came back and was told that it had no session")
            ledger.forget()
        ledger.session = True

    # Publishers

    def _publishing(self, ledger: Ledger, packet_id: int, message: Message) -> None:
        if message.number != len(self.entries):
            raise ValueError(f"{message} has the number {message.number}; expected {len(self.entries)}")
        topic = message.topic
        claims = self._claims_on.get(topic)
        if claims is None:
            found = (claim for claim in self.claims if claim.open and matches(split_share(claim.filter)[1], topic))
            claims = self._claims_on[topic] = tuple(found)
        entry = Entry(message, self.events, claims)
        self.entries.append(entry)
        ledger.outgoing[packet_id] = Outgoing(entry.message)
        if message.retain:
            self._retained.setdefault(topic, Retained()).sent(message)

    def _answered(self, ledger: Ledger, packet_id: int, reason: int) -> None:
        outgoing = ledger.outgoing.get(packet_id)
        if outgoing is None or outgoing.received:
            return
        message = outgoing.message
        if message.qos == 1 or reason >= 0x80:
            del ledger.outgoing[packet_id]
        else:
            outgoing.received = True
        if reason >= 0x80:
            self.refused += 1
            if message.retain:
                self._retained[message.topic].refused(message)
            return
        self.acknowledged += 1
        entry = self.entries[message.number]
        entry.acknowledged = True
        for claim in entry.claims:
            claim.acknowledged(message.number)
        if message.retain and message.qos == 1:
            self._retained[message.topic].acknowledged(message)

    def _completed(self, ledger: Ledger, packet_id: int) -> None:
        outgoing = ledger.outgoing.pop(packet_id, None)
        if outgoing is not None and outgoing.message.retain:
            # Not at PUBREC: a server may let a message through at PUBREL only [MQTT5 section 4.3.3].
            self._retained[outgoing.message.topic].acknowledged(outgoing.message)

    # Subscribers

    def _subscribing(self, ledger: Ledger, filter: bytes) -> None:
        standing = ledger.standings.get(filter)
        if standing is None:
            standing = ledger.standings[filter] = Standing(filter, ledger.wish(filter).identifier)
        standing.state = ASKED
        standing.reach = FOREVER
        ledger.expected.clear()

    def _subscribed(self, ledger: Ledger, filter: bytes, code: int) -> None:
        standing = ledger.standings[filter]
        if standing.state != ASKED:
            return
        if code >= 0x80:
            self.fault("subscriptions missing", f"{ledger.name} may not subscribe to {filter.decode()}: 0x{code:02X}")
            return
        self.subscribed += 1
        standing.state = HELD
        standing.granted = code
        ledger.expected.clear()
        receiver = self.receivers[ledger.receiver_name]
        claim = next((each for each in self.claims if each.receiver is receiver and each.filter == filter), None)
        if claim is None:  # otherwise another member of the group came first
            claim = Claim(receiver, filter)
            self.claims.append(claim)
            self._claims_on.clear()
        standing.claim = claim

    def _unsubscribing(self, ledger: Ledger, filter: bytes) -> None:
        standing = ledger.standings[filter]
        standing.state = LEAVING
        standing.leaving += 1
        if standing.claim is not None:
            standing.claim.close()
            self.claims.remove(standing.claim)
            self._claims_on.clear()
            standing.claim = None

    def _unsubscribed(self, ledger: Ledger, filter: bytes, code: int) -> None:
        standing = ledger.standings[filter]
        if standing.state == LEAVING:
            if code == NO_SUBSCRIPTION_EXISTED and standing.leaving == 1:  # an earlier one may have come through
                self.fault("subscriptions missing", f"{ledger.name} was not subscribed to {filter.decode()} any more")
            standing.leaving = 0
            standing.state = GONE
            standing.reach = self.events
            ledger.expected.clear()

    def _arrived(self, ledger: Ledger, packet: Publish) -> None:
        number = number_in(packet.payload)
        if not 0 <= number < len(self.entries):
            self.fault("changed", f"{ledger.name} got {packet.payload[:40]!r} on {packet.topic!r}; nobody sent that")
            return
        entry = self.entries[number]
        message = entry.message
        if packet.qos == 2:
            packet_id = packet.packet_id
            held = ledger.received.get(packet_id)
            if held is not None:
                if held != number:
                    ledger.swallowed[number] = (packet_id, held)
                return  # the application has it, or, by a fault of the broker, never will
            ledger.received[packet_id] = number
        if wrong := ledger.differs(message, packet):
            self.fault("changed", f"{ledger.name} got {message} changed: {wrong}")
        if packet.retain:
            return  # a copy for a new subscription, not the message on its way
        receiver = self.receivers[ledger.receiver_name]
        if wrong := receiver.deliver(message, packet.qos):
            self.fault(wrong, f"{ledger.name} got {message} {wrong}, packet identifier {packet.packet_id}")
        elif entry.sent_at > ledger.expect(message.topic).reach:
            self.fault("unwanted", f"{ledger.name} got {message}, sent after its UNSUBACK or never asked for")
        for claim in entry.claims:
            if claim.receiver is receiver:
                claim.owed.discard(number)
