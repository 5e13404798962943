"""
What a mosquitto left, from whichever of its files, as records of ours.

Of a QoS 2 message that a client has sent and not released, mosquitto has told nobody yet: it does so at the release,
and we did when it came. So such messages are handed on here, to the sessions that subscribed to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from txmqtt.backends.sqlite.exchange.records import (
    Flight,
    MessageRecord,
    OwedRecord,
    Record,
    RetainedRecord,
    SessionName,
    SessionRecord,
    ShareName,
    ShareRecord,
)
from txmqtt.codec.packets import Subscription, Will
from txmqtt.codec.topics import filter_error, matches, split_share
from txmqtt.session.message import Message

# The states of a message, as mosquitto numbers them.
#: Its PUBREC came.
_RELEASED: Final = frozenset({6, 9})
#: Sent, or about to be, under its packet identifier.
_FLYING: Final = frozenset({2, 3, 4, 5, 6, 9})

#: What a session has that never expires.
FOR_EVER: Final = 0xFFFFFFFF


@dataclass
class Stored:
    """
    A message, and where it was read.
    """

    message: Message
    where: str


@dataclass
class Item:
    """
    A message for, or from, a client.
    """

    client_id: str
    message: int
    qos: int
    retain: bool
    state: int
    packet_id: int
    identifier: int
    where: str


class Belongings:
    """
    All that was found in one file.

    @ivar version: of the file's format.
    @ivar left_out: what does not enter, by the reason.
    """

    def __init__(self, anonymous: bool = False, saved_at: float = 0.0) -> None:
        """
        @param anonymous: no session is to belong to a user by name.
        @param saved_at: when the file was written, wall time.
        """
        self.version = 0
        self.left_out: Counter[str] = Counter()
        self._anonymous = anonymous
        self._saved_at = saved_at
        self._sessions: dict[str, SessionRecord] = {}
        self._messages: dict[int, Stored] = {}
        self._outgoing: list[Item] = []
        self._incoming: list[Item] = []
        self._retained: list[tuple[int, str]] = []

    # What readers tell

    def session(self, client_id: str, user: str | None, expiry: int, expires_at: int, where: str) -> None:
        """
        A session.

        @param expires_at: when it ends, wall time; 0: its client was connected, or it never does.
        """
        if not client_id:
            self.left_out["sessions without a client identifier"] += 1
        elif not expiry:
            self.left_out["sessions that end with their connection"] += 1
        else:
            record = SessionRecord("", client_id, None if self._anonymous else user, True, expiry, where=where)
            if expiry == FOR_EVER:
                record.parked_at = self._saved_at
            elif expires_at > 0:
                record.parked_at = float(max(0, expires_at - expiry))
            self._sessions[client_id] = record

    def subscription(self, client_id: str, filter: bytes, qos: int, options: int, identifier: int, where: str) -> None:
        """
        A subscription, with the options of MQTT 5.0 as they travel.
        """
        session = self._sessions.get(client_id)
        if session is None:
            self.left_out["subscriptions of sessions that are not there"] += 1
            return
        if filter_error(filter) is not None:
            session.where = where  # it will be refused, and this is where to look
        asked = Subscription(filter, qos, bool(options & 4), bool(options & 8))
        kept = [each for each in session.subscriptions if each[0].filter != filter]
        session.subscriptions = [*kept, (asked, identifier)]

    def message(self, number: int, message: Message, where: str) -> None:
        """
        A message that others name by its number.
        """
        self._messages[number] = Stored(message, where)

    def item(self, item: Item, incoming: bool) -> None:
        """
        A message on its way.
        """
        if item.client_id not in self._sessions:
            self.left_out["messages of sessions that are not there"] += 1
        elif item.message not in self._messages:
            self.left_out["messages without content, which had expired"] += 1
        elif item.qos == 0:
            self.left_out["messages of QoS 0"] += 1
        else:
            (self._incoming if incoming else self._outgoing).append(item)

    def retain(self, number: int, where: str) -> None:
        """
        A message is retained.
        """
        found = self._messages.get(number)
        if found is None:
            self.left_out["retained messages without content, which had expired"] += 1
        elif found.message.topic.startswith(b"$SYS/"):
            self.left_out["retained messages about mosquitto itself"] += 1
        else:
            self._retained.append((number, where))

    def will(self, client_id: str, will: Will, where: str) -> None:
        """
        What is to be published if a client does not come back in time.
        """
        session = self._sessions.get(client_id)
        if session is None:
            self.left_out["wills of sessions that are not there"] += 1
        else:
            session.will = will
            session.where = where

    # What comes of it

    def records(self) -> Iterator[Record]:
        """
        All of it, in the order in which a store can be filled with it.
        """
        for item in self._incoming:
            inbound = self._sessions[item.client_id].inbound
            if item.packet_id not in inbound:
                inbound.append(item.packet_id)
        yield from self._sessions.values()
        owed = [self._owed(item, place) for place, item in enumerate(self._outgoing, 1)]
        arrived = [each for item in self._incoming for each in self._arrived(item)]
        for holder in dict.fromkeys(each.holder for each in arrived):
            if len(holder) == 3:
                yield ShareRecord(*holder)
        yield from self._numbered([*owed, *arrived])
        retained = {self._messages[number].message.topic: (number, where) for number, where in self._retained}
        for item in self._incoming:
            stored = self._messages[item.message]
            if stored.message.retain and stored.message.payload:
                retained[stored.message.topic] = (item.message, item.where)
            elif stored.message.retain:
                retained.pop(stored.message.topic, None)
        for number, where in retained.values():
            yield RetainedRecord("", _as_retained(self._messages[number].message), where=where)

    def _owed(self, item: Item, place: int) -> OwedRecord:
        identifiers = (item.identifier,) if item.identifier else ()
        record = OwedRecord(("", item.client_id), item.qos, item.message, item.retain, identifiers, where=item.where)
        if item.state in _FLYING and item.packet_id:
            record.flight = Flight(item.packet_id, item.state in _RELEASED, place)
        return record

    def _arrived(self, item: Item) -> Iterator[OwedRecord]:
        message = self._messages[item.message].message
        groups: set[ShareName] = set()
        for session in self._sessions.values():
            best = 0
            flag = False
            identifiers = []
            for asked, identifier in session.subscriptions:
                name, below = split_share(asked.filter)
                if not asked.qos or not matches(below, message.topic):
                    continue
                if name:
                    groups.add(("", name, below))
                elif not (asked.no_local and session.client_id == message.publisher):
                    best = max(best, asked.qos)
                    flag = flag or asked.retain_as_published
                    identifiers += [identifier] if identifier else []
            if best:
                owner: SessionName = session.name
                told = (flag and message.retain, tuple(identifiers))
                yield OwedRecord(owner, min(best, message.qos), item.message, *told, where=item.where)
        for group in sorted(groups):
            yield OwedRecord(group, message.qos, item.message, where=item.where)

    def _numbered(self, owed: list[OwedRecord]) -> Iterator[Record]:
        """
        A message that several are owed stands once, before the first of them.
        """
        often = Counter(record.message for record in owed)
        ordinals: dict[int, int] = {}
        for record in owed:
            number = record.message
            assert isinstance(number, int)
            stored = self._messages[number]
            if often[number] == 1:
                record.message = stored.message
            else:
                if number not in ordinals:
                    ordinals[number] = len(ordinals) + 1
                    yield MessageRecord(ordinals[number], stored.message, where=stored.where)
                record.message = ordinals[number]
            yield record


def _as_retained(message: Message) -> Message:
    given = (message.topic, message.payload, message.qos, True, message.properties, message.expires_at)
    return Message(*given, message.publisher)
