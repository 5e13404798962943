"""
UNSUBSCRIBE and UNSUBACK (sections 3.10 and 3.11): how subscriptions end.
"""

from __future__ import annotations

from tests.conformance.broker.test_subscribe import NO_STRINGS
from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, UNSUBACK
from txmqtt.codec.packets import Ack, Publish, Unsubscribe

#: An UNSUBSCRIBE without properties begins so, behind its first byte.
_BEGIN = {3: "0001", 4: "0001", 5: "0001 00"}

#: Filters that are not the same, though some match the same topics.
DIFFERENT = (
    "a/b",
    "a/+",
    "a/#",
    "+/b",
    "#",
    "A/b",
    "/a/b",
    "a/b/",
    "a//b",
    "a/b/#",
    "+/+",
    "a/bb",
    "a/ b",
    "$share/g/a/b",
)


class FormatTests(BrokerCase):
    @states("MQTT311-3.10.1-1", "MQTT5-3.10.1-1", "MQTT311-2.2.2-2", "MQTT5-2.1.3-1")
    def test_flags(self) -> None:
        """
        An UNSUBSCRIBE with other flags than 0010 is not answered: the connection is closed.
        """
        for flags in set(range(16)) - {2}:
            with self.case(f"{flags:04b}"):
                peer = self.connect("a")
                peer.say(f'a{flags:x} [ {_BEGIN[self.version]} "a" ]')
                peer.closed(0x81)

    @states("MQTT31 3.10")
    def test_again(self) -> None:
        """
        On 3.1 an UNSUBSCRIBE may say that it is sent again.
        """
        peer = self.connect("a")
        for first in ("a2", "aa"):
            with self.case(first):
                peer.say(f'{first} 05 0001 "a"')
                peer.expect("b0 02 0001")

    @states("MQTT311-3.10.3-1", "MQTT5-3.10.3-1")
    def test_no_string(self) -> None:
        """
        A filter that is no proper string ends the connection, also behind one that is.
        """
        for name, spelling in (*NO_STRINGS, ("one byte of its length", "00")):
            for before in ("", '"a"'):
                with self.case(name):
                    peer = self.connect("a")
                    peer.say(f"a2 [ {_BEGIN[self.version]} {before} {spelling} ]")
                    peer.closed(0x81, 0x82, 0x8F)

    @states("MQTT311-3.10.3-2", "MQTT5-3.10.3-2")
    def test_no_filter(self) -> None:
        """
        An UNSUBSCRIBE without a filter ends the connection.
        """
        peer = self.connect("a")
        peer.say(f"a2 [ {_BEGIN[self.version]} ]")
        peer.closed(0x81, 0x82)

    @states("MQTT5 3.10.2.1")
    def test_properties(self) -> None:
        """
        An UNSUBSCRIBE may have user properties, and no others.
        """
        peer = self.connect("a")
        peer.say('a2 [ 0001 [ 26 "k" "v" 26 "k" "v" ] "a" ]')
        peer.expect(UNSUBACK, packet_id=1)
        for name, spelling in (("subscription identifier", "0b 01"), ("reason string", '1f "x"'), ("unknown", "7f 00")):
            with self.case(name):
                peer = self.connect("a")
                peer.say(f'a2 [ 0001 [ {spelling} ] "a" ]')
                peer.closed(0x81, 0x82)

    @states("MQTT311-2.3.1-1", "MQTT5 2.2.1", "MQTT31 2.4")
    def test_no_packet_identifier(self) -> None:
        """
        An UNSUBSCRIBE has a packet identifier that is not 0.
        """
        peer = self.connect("a")
        peer.say(f'a2 [ 0000 {_BEGIN[self.version][4:]} "a" ]')
        peer.closed(0x81, 0x82)


class AnswerTests(BrokerCase):
    @states(
        *("MQTT311-3.10.4-4", "MQTT311-3.10.4-5", "MQTT311-3.10.4-6", "MQTT311-2.3.1-7", "MQTT31 3.11"),
        *("MQTT5-3.10.4-4", "MQTT5-3.10.4-5", "MQTT5-3.10.4-6", "MQTT5-3.11.3-1", "MQTT5-3.11.3-2", "MQTT5-2.2.1-6"),
    )
    def test_bytes(self) -> None:
        """
        One UNSUBACK answers an UNSUBSCRIBE, under its packet identifier, whether there were subscriptions or not.
        """
        peer = self.connect("a")
        for name, codes in (("some", "11 00 11 00"), ("none", "11 11 11 11")):
            with self.case(name):
                if name == "some":
                    peer.subscribe("b", "d")
                if self.version == 5:
                    peer.say('a2 [ fffe 00 "a" "b" "c" "d" ]')
                    peer.expect(f"b0 07 fffe 00 {codes}")
                else:
                    peer.say('a2 [ fffe "a" "b" "c" "d" ]')
                    peer.expect("b0 02 fffe")
                peer.silence()

    @states("MQTT311-3.10.4-6", "MQTT5-3.10.4-6", "MQTT5-3.11.3-1")
    def test_one_after_the_other(self) -> None:
        """
        Of the same filter twice in one UNSUBSCRIBE the second finds nothing; and all that are named end.
        """
        peer = self.connect("a")
        peer.subscribe("t", "u", "v")
        codes = peer.unsubscribe("t", "t", "u")
        self.assertEqual(codes, [0, 0x11, 0] if self.version == 5 else [])
        other = self.connect("p")
        for topic in ("t", "u", "v"):
            other.publish(topic, b"x")
        self.assertEqual([each.topic for each in peer.messages()], [b"v"])

    @states("MQTT311-3.10.4-1", "MQTT5-3.10.4-1")
    def test_the_very_same(self) -> None:
        """
        Only the very same filter, character by character, ends a subscription.
        """
        peer = self.connect("a")
        other = self.connect("p")
        for wanted in DIFFERENT[:-1]:
            topic = wanted.replace("+", "x").replace("#", "x")
            peer.subscribe(wanted)
            peer.unsubscribe(*(each for each in DIFFERENT if each != wanted))
            other.publish(topic, b"x")
            with self.case(f"the others end, {wanted!r} stays"):
                self.assertEqual(len(peer.messages()), 1)
            peer.unsubscribe(wanted)
            other.publish(topic, b"x")
            with self.case(f"{wanted!r} ends"):
                peer.alive()

    @states("MQTT311-3.10.4-2", "MQTT5-3.10.4-2")
    def test_nothing_new(self) -> None:
        """
        What is published after an UNSUBSCRIBE does not come, though messages from before it still may.
        """
        peer = self.connect("a")
        peer.subscribe("t", "kept", qos=1)
        other = self.connect("p")
        other.publish("t", b"before", 1)
        peer.unsubscribe("t")
        other.publish("t", b"after", 1)
        other.publish("kept", b"after", 1)
        self.assertEqual([(x.topic, x.payload) for x in peer.messages()], [(b"t", b"before"), (b"kept", b"after")])

    @states("MQTT311-3.10.4-2", "MQTT5-3.10.4-2")
    def test_in_one_write(self) -> None:
        """
        A client that publishes behind its own UNSUBSCRIBE does not hear of it.
        """
        peer = self.connect("a")
        peer.subscribe("t", qos=1)
        peer.say(Unsubscribe(9, [b"t"]), Publish(b"t", b"after", 1, packet_id=10))
        peer.take(UNSUBACK, packet_id=9)
        peer.take(PUBACK, packet_id=10)
        peer.silence()

    @states("MQTT311-3.10.4-3", "MQTT5-3.10.4-3")
    def test_what_had_begun(self) -> None:
        """
        Deliveries of QoS 1 and 2 that had begun before an UNSUBSCRIBE are carried to their end, also over a break.
        """
        peer = self.connect("a", keep=True)
        peer.subscribe("t", qos=2)
        other = self.connect("p")
        other.publish("t", b"one", 1)
        other.publish("t", b"two", 2)
        other.publish("t", b"three", 2)
        one = peer.expect(PUBLISH, payload=b"one", qos=1)
        two = peer.expect(PUBLISH, payload=b"two", qos=2)
        three = peer.expect(PUBLISH, payload=b"three", qos=2)
        peer.unsubscribe("t")
        peer.say(Ack(PUBREC, two.packet_id))
        peer.expect(PUBREL, packet_id=two.packet_id)
        peer.drop()
        peer = self.connect("a", keep=True, present=True)
        peer.take(PUBLISH, payload=b"one", packet_id=one.packet_id, dup=True)
        peer.take(PUBREL, packet_id=two.packet_id)
        peer.take(PUBLISH, payload=b"three", packet_id=three.packet_id, dup=True)
        peer.say(Ack(PUBACK, one.packet_id), Ack(PUBCOMP, two.packet_id), Ack(PUBREC, three.packet_id))
        peer.expect(PUBREL, packet_id=three.packet_id)
        peer.say(Ack(PUBCOMP, three.packet_id))
        peer.silence()


class ReasonTests(BrokerCase):
    @states("MQTT5-3.11.3-1", "MQTT5-3.11.3-2")
    def test_too_many(self) -> None:
        """
        What the broker does not do, it tells in its place.
        """
        self.begin(max_filters_per_packet=2)
        peer = self.connect("a")
        peer.subscribe("b", "c")
        self.assertEqual(peer.unsubscribe("a", "b", "c"), [0x11, 0, 0x83])
        self.connect("p").publish("c", b"x")
        self.assertEqual(len(peer.messages()), 1)

    @states("MQTT5-3.11.2-1", "MQTT5-3.11.2-2")
    def test_no_more_than_needed(self) -> None:
        """
        A client that takes no more bytes than the codes need gets those.
        """
        peer = self.connect("a", maximum_packet_size=40)
        filters = " ".join(f'"{name}"' for name in "abcdefghijklmnopqrstuvwxyz012345678")
        peer.say(f'a2 [ 0007 [ 26 "k" "v" ] {filters} ]')
        peer.expect(f"b0 26 0007 00 {'11' * 35}")
