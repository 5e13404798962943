"""
What one client remembers from one connection to the next, as a real client must.
"""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.accounting.messages import Message
from benchmarks.accounting.people import Person, Wish
from benchmarks.accounting.receivers import ASKED, HELD, LEAVING, Standing
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Publish
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import matches, split_share

_NOTHING = Properties()


class Outgoing:
    """
    A message that has not had its last answer.

    @ivar received: PUBREC has come; PUBREL is to be sent.
    """

    __slots__ = ("message", "received")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.received = False


class Expected(NamedTuple):
    """
    What comes of one topic to one client.

    @ivar qos: the highest that was granted; -1 when no SUBACK has told.
    @ivar identifiers: those of all its filters that match.
    @ivar reach: see C{Standing}; -1 when no filter matches.
    """

    qos: int
    identifiers: tuple[int, ...]
    reach: int


class Ledger:
    """
    The lasting state of one client.

    @ivar session: a CONNACK has said that there is one.
    @ivar outgoing: by packet identifier, in the order of the first sending.
    @ivar received: by packet identifier, the numbers of the QoS 2 messages that wait for PUBREL.
    @ivar swallowed: messages that were taken for repeats because another one still had their packet identifier.
    @ivar expected: what C{expect} has found.
    """

    def __init__(self, person: Person, receiver_name: str) -> None:
        self.person = person
        self.name = person.name
        self.receiver_name = receiver_name
        self.session = False
        self.outgoing: dict[int, Outgoing] = {}
        self.received: dict[int, int] = {}
        self.swallowed: dict[int, tuple[int, int]] = {}
        self.standings: dict[bytes, Standing] = {}
        self.expected: dict[bytes, Expected] = {}

    def wish(self, filter: bytes) -> Wish:
        return next(wish for wish in self.person.wishes if wish.filter == filter)

    @property
    def busy(self) -> bool:
        """
        An exchange is under way.
        """
        return bool(self.outgoing or self.received) or any(
            standing.state in (ASKED, LEAVING) for standing in self.standings.values()
        )

    def forget(self) -> None:
        """
        The server has lost the session: what it said is void, and everything must be asked for again.
        """
        self.received.clear()
        self.outgoing = {key: each for key, each in self.outgoing.items() if not each.received}
        for standing in self.standings.values():
            if standing.state == HELD:
                standing.state = ASKED

    def expect(self, topic: bytes) -> Expected:
        found = self.expected.get(topic)
        if found is None:
            mine = [each for each in self.standings.values() if matches(split_share(each.filter)[1], topic)]
            found = self.expected[topic] = Expected(
                max((each.granted if each.state in (HELD, LEAVING) else -1 for each in mine), default=-1),
                tuple(sorted(each.identifier for each in mine if each.identifier)),
                max((each.reach for each in mine), default=-1),
            )
        return found

    def differs(self, message: Message, packet: Publish) -> str:
        """
        What did not arrive as it was sent; nothing when all did.
        """
        if packet.topic != message.topic:
            return f"topic {packet.topic!r}"
        if packet.payload != message.payload:
            return f"payload {packet.payload!r}"
        expected = self.expect(message.topic)
        if packet.qos != min(message.qos, expected.qos) and expected.qos >= 0:
            return f"QoS {packet.qos} where {expected.qos} was granted"
        if self.person.version == MQTT5:
            heard = packet.properties or _NOTHING
            said = message.properties or _NOTHING
            if tuple(sorted(heard.subscription_identifiers)) != expected.identifiers:
                return f"subscription identifiers {heard.subscription_identifiers}; expected {expected.identifiers}"
            if _told(heard) != _told(said):
                return f"properties {_told(heard)}; expected {_told(said)}"
        return ""


def _told(properties: Properties) -> tuple[object, ...]:
    return (
        properties.payload_format_indicator,
        properties.content_type,
        properties.response_topic,
        properties.correlation_data,
        properties.user_properties,
    )
