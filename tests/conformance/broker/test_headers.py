"""
Fixed headers, packet identifiers and properties (section 2), on the broker's side.
"""

from __future__ import annotations

from tests.conformance.broker.tables import TableCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import (
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    UNSUBACK,
)
from txmqtt.codec.packets import Ack, Pingreq, Publish, Subscribe, Subscription, Unsubscribe

#: Packets of a client with flags that they may not have: P for the properties of 5.0.
FLAGS = (
    ("PUBACK", "41 02 0001"),
    ("PUBREC", "52 02 0001"),
    ("PUBCOMP", "78 02 0001"),
    ("SUBSCRIBE with none", '80 [ 0001 P "t" 00 ]'),
    ("SUBSCRIBE with all", '8f [ 0001 P "t" 00 ]'),
    ("SUBSCRIBE with one more", '83 [ 0001 P "t" 00 ]'),
    ("UNSUBSCRIBE with none", 'a0 [ 0001 P "t" ]'),
    ("UNSUBSCRIBE with one more", 'a6 [ 0001 P "t" ]'),
    ("PINGREQ", "c1 00"),
    ("PINGREQ with all", "cf 00"),
)

#: Types that are reserved, and those that only a broker says: P as above.
STRANGE = (
    ("type 0", "00 00"),
    ("CONNACK", "20 [ 00 00 P ]"),
    ("SUBACK", "90 [ 0001 P 00 ]"),
    ("UNSUBACK", "b0 [ 0001 P ]"),
    ("PINGRESP", "d0 00"),
)


class TypeTests(TableCase):
    @states("MQTT311-2.2.2-1", "MQTT5-2.1.3-1")
    def test_flags_of_the_broker(self) -> None:
        """
        The broker's packets have the flags that they must have.
        """
        peer = self.connect("a")
        self.assertEqual(peer.raw[0], 0x20)
        peer.say(Subscribe(1, [Subscription(b"t", 2)]), Unsubscribe(2, [b"x"]), Pingreq())
        for first in (0x90, 0xB0, 0xD0):
            peer.hear()
            self.assertEqual(peer.raw[0], first)
        peer.say(Publish(b"-", b"x", 1, packet_id=3), Publish(b"-", b"x", 2, packet_id=4), Ack(PUBREL, 4))
        for first in (0x40, 0x50, 0x70):
            peer.hear()
            self.assertEqual(peer.raw[0], first)
        self.connect("b").publish("t", b"x", 2)
        packet_id = peer.expect(PUBLISH).packet_id
        self.assertEqual(peer.raw[0], 0x34)
        peer.say(Ack(PUBREC, packet_id))
        peer.expect(PUBREL, packet_id=packet_id)
        self.assertEqual(peer.raw[0], 0x62)
        if self.version == 5:
            peer.say("00 00")
            peer.closed(0x81, 0x82)
            self.assertIn(peer.raw[0], (0xE0, 0x62))  # which need not say why

    @states("MQTT311-2.2.2-2", "MQTT5-2.1.3-1")
    def test_wrong_flags(self) -> None:
        """
        Whoever says a packet with other flags than it must have is disconnected.
        """
        self.refuses(FLAGS, 0x81)

    @states("MQTT311 2.2.1", "MQTT5 2.1.2")
    def test_strange_types(self) -> None:
        """
        Whoever says a packet of a type that is reserved, or that only a broker says, is disconnected.
        """
        self.refuses((*STRANGE, ("type 15", "f0 00")) if self.version == 4 else STRANGE, 0x81, 0x82)

    @states("MQTT311 4.8", "MQTT5 2.1.4")
    def test_body_and_length_differ(self) -> None:
        """
        Whoever says a packet whose fields end before it does, or after it, is disconnected.
        """
        table = (
            ("PINGREQ with a body", "c0 01 00"),
            ("PUBREL without an identifier", "62 00"),
            ("PUBREL with half an identifier", "62 01 00"),
            ("PUBACK of nothing", "40 00"),
            ("PUBLISH of nothing", "30 00"),
            ("PUBLISH with half a topic", "30 03 0005 61"),
            ("PUBLISH without an identifier", "32 03 0001 61"),
            ("SUBSCRIBE of nothing", "82 00"),
            ("SUBSCRIBE without options", '82 [ 0001 P "t" ]'),
            ("SUBSCRIBE with half a filter", "82 [ 0001 P 0005 74 00 ]"),
            ("UNSUBSCRIBE of nothing", "a2 00"),
            ("UNSUBSCRIBE with half a filter", "a2 [ 0001 P 0005 74 ]"),
        )
        self.refuses(table, 0x81)
        if self.version == 4:
            self.refuses((("PUBREL that goes on", "62 03 0001 00"),))

    @states("MQTT31 2.1")
    def test_dup_of_requests(self) -> None:
        """
        On 3.1 a client may mark PUBREL, SUBSCRIBE and UNSUBSCRIBE as said again.
        """
        peer = self.connect("a")
        peer.say('8a [ 0001 "t" 01 ]')
        peer.expect("90 03 0001 01")
        peer.say('aa [ 0002 "t" ]')
        peer.expect("b0 02 0002")
        peer.say(Publish(b"-", b"x", 2, packet_id=3))
        peer.expect(PUBREC, packet_id=3)
        peer.say("6a 02 0003")
        peer.expect("70 02 0003")


class IdentifierTests(TableCase):
    @states("MQTT311-2.3.1-1", "MQTT5 2.2.1", "MQTT31 2.4")
    def test_zero(self) -> None:
        """
        Whoever gives a message or a request the packet identifier 0 is disconnected.
        """
        table = (
            ("PUBLISH of QoS 1", '32 [ "t" 0000 P ]'),
            ("PUBLISH of QoS 2", '34 [ "t" 0000 P ]'),
            ("SUBSCRIBE", '82 [ 0000 P "t" 00 ]'),
            ("UNSUBSCRIBE", 'a2 [ 0000 P "t" ]'),
        )
        self.refuses(table, 0x81, 0x82)

    def flying(self, peer: Peer, payloads: tuple[bytes, ...]) -> dict[bytes, int]:
        """
        The packet identifiers of messages that have just come.
        """
        found: dict[bytes, int] = {}
        for payload in payloads:
            found[payload] = peer.expect(PUBLISH, payload=payload).packet_id
        self.assertNotIn(0, found.values())
        return found

    @states("MQTT311-2.3.1-1", "MQTT311-2.3.1-4", "MQTT5-2.2.1-4")
    def test_of_the_broker(self) -> None:
        """
        A message of the broker has a packet identifier that is neither 0 nor in use, and keeps it on the next
        connection; what was sent only then gets another.
        """
        keeper = self.connect("k", keep=True)
        keeper.subscribe("t", qos=2)
        peer = self.connect("p")
        for payload, qos in ((b"1", 1), (b"2", 2), (b"3", 1), (b"4", 2)):
            peer.publish("t", payload, qos)
        first = self.flying(keeper, (b"1", b"2", b"3", b"4"))
        self.assertEqual(len(set(first.values())), 4)
        keeper.say(Ack(PUBACK, first.pop(b"1")))
        peer.publish("t", b"5", 1)
        first |= self.flying(keeper, (b"5",))
        self.assertEqual(len(set(first.values())), 4)
        keeper.drop()
        keeper = self.connect("k", keep=True, present=True)
        again = self.flying(keeper, (b"2", b"3", b"4", b"5"))
        self.assertEqual(again, first)
        peer.publish("t", b"6", 1)
        self.assertNotIn(self.flying(keeper, (b"6",))[b"6"], again.values())

    @states("MQTT311-2.3.1-6", "MQTT5-2.2.1-5")
    def test_acknowledgements(self) -> None:
        """
        Each step of a message's exchange has the packet identifier of its PUBLISH, whoever began it.
        """
        peer = self.connect("a")
        for packet_id in (1, 0x1234, 0xFFFF):
            peer.say(Publish(b"t", b"x", 1, packet_id=packet_id))
            peer.expect(PUBACK, packet_id=packet_id)
        for packet_id in (1, 0x1234, 0xFFFF):
            peer.say(Publish(b"t", b"x", 2, packet_id=packet_id))
            peer.expect(PUBREC, packet_id=packet_id)
        for packet_id in (0xFFFF, 1, 0x1234):
            peer.say(Ack(PUBREL, packet_id))
            peer.expect(PUBCOMP, packet_id=packet_id, reason=0)
        peer.subscribe("t", qos=2)
        other = self.connect("b")
        other.publish("t", b"1", 2)
        other.publish("t", b"2", 2)
        found = [peer.expect(PUBLISH, qos=2).packet_id for _ in range(2)]
        for packet_id in found:
            peer.say(Ack(PUBREC, packet_id))
            peer.expect(PUBREL, packet_id=packet_id)

    @states("MQTT311-2.3.1-7", "MQTT5-2.2.1-6")
    def test_answers_to_requests(self) -> None:
        """
        SUBACK and UNSUBACK have the packet identifier of what they answer.
        """
        peer = self.connect("a")
        for packet_id in (0xFFFF, 1, 0x1234):
            peer.say(Subscribe(packet_id, [Subscription(b"t")]))
            peer.expect(SUBACK, packet_id=packet_id)
            peer.say(Unsubscribe(packet_id, [b"t"]))
            peer.expect(UNSUBACK, packet_id=packet_id)
        peer.say(*(Subscribe(packet_id, [Subscription(b"t")]) for packet_id in (9, 7, 8)), Pingreq())
        self.assertEqual({peer.take(SUBACK, packet_id=each).packet_id for each in (7, 8, 9)}, {7, 8, 9})
        peer.expect(PINGRESP)

    @states("MQTT311 2.3.1", "MQTT5 2.2.1")
    def test_two_directions(self) -> None:
        """
        The packet identifiers of the client and those of the broker have nothing to do with each other.
        """
        peer = self.connect("a")
        peer.subscribe("t", qos=2)
        self.connect("b").publish("t", b"down", 2)
        packet_id = peer.expect(PUBLISH, payload=b"down").packet_id
        peer.say(Publish(b"up", b"x", 2, packet_id=packet_id))
        peer.expect(PUBREC, packet_id=packet_id)
        peer.say(Ack(PUBREC, packet_id))
        peer.expect(PUBREL, packet_id=packet_id)
        peer.say(Ack(PUBREL, packet_id))
        peer.expect(PUBCOMP, packet_id=packet_id, reason=0)
        peer.say(Ack(PUBCOMP, packet_id))
        peer.alive()


#: Properties that no packet has but those of one kind, and one that is no property.
OF_OTHERS = (
    ("will delay", "18 00000001"),
    ("assigned client identifier", '12 "a"'),
    ("server keep-alive", "13 0001"),
    ("maximum QoS", "24 01"),
    ("retain available", "25 01"),
    ("response information", '1a "r"'),
    ("no property", "04 00"),
    ("no property", "7f 00"),
)

#: Packets of a client with the properties P, and one that they may not have though another packet of it may.
WITH_PROPERTIES = (
    ("PUBLISH", '30 [ "t" [ P ] ]', "11 00000001"),
    ("PUBACK", "40 [ 0001 00 [ P ] ]", "01 01"),
    ("PUBREC", "50 [ 0001 00 [ P ] ]", '03 "c"'),
    ("PUBREL", "62 [ 0001 00 [ P ] ]", "23 0001"),
    ("PUBCOMP", "70 [ 0001 00 [ P ] ]", "02 00000001"),
    ("SUBSCRIBE", '82 [ 0001 [ P ] "t" 00 ]', '1f "r"'),
    ("UNSUBSCRIBE", 'a2 [ 0001 [ P ] "t" ]', "0b 01"),
    ("DISCONNECT", "e0 [ 00 [ P ] ]", "21 0001"),
)


class PropertyTests(TableCase):
    @states("MQTT5 2.2.2.2")
    def test_misplaced(self) -> None:
        """
        Whoever says a property where it does not belong, or one that there is not, is disconnected.
        """
        table = [
            (f"{kind}: {name}", spelling.replace("P", wrong))
            for place, (kind, spelling, own) in enumerate(WITH_PROPERTIES)
            for name, wrong in (
                (own, own),
                OF_OTHERS[place % len(OF_OTHERS)],
                OF_OTHERS[(place + 3) % len(OF_OTHERS)],
            )
        ]
        self.refuses(table, 0x81, 0x82)

    @states("MQTT5 2.2.2")
    def test_lengths(self) -> None:
        """
        Whoever says properties that are cut off, or longer than their packet, is disconnected.
        """
        table = (
            ("longer than the packet", '30 [ "t" 05 01 01 ]'),
            ("cut off in a number", '30 [ "t" 02 23 00 ]'),
            ("cut off in a string", '30 [ "t" 04 03 0005 61 ]'),
            ("a string over the border", '30 [ "t" 04 03 0002 61 62 ]'),
            ("no length", '30 [ "t" ]'),
            ("no length in SUBSCRIBE", "82 02 0001"),
        )
        self.refuses(table, 0x81)

    @states("MQTT5-2.2.2-1")
    def test_none(self) -> None:
        """
        Where the broker has no properties to say, it says that their length is 0.
        """
        peer = self.connect("a")
        peer.say(Subscribe(1, [Subscription(b"t")]))
        if field(peer.expect(SUBACK), "properties") is None:
            self.assertEqual(peer.raw, bytes.fromhex("90 04 00 01 00 00"))
        peer.say(Unsubscribe(2, [b"t"]))
        if field(peer.expect(UNSUBACK), "properties") is None:
            self.assertEqual(peer.raw, bytes.fromhex("b0 04 00 02 00 00"))
