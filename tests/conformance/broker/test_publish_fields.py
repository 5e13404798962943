"""
The fields of PUBLISH (sections 3.3.2 and 3.3.4): which the broker takes, and which it writes.
"""

from __future__ import annotations

from tests.conformance.broker.tables import TableCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish
from txmqtt.codec.properties import Properties


class TopicTests(TableCase):
    @states("MQTT311-3.3.2-1", "MQTT5-3.3.2-1")
    def test_place(self) -> None:
        """
        The topic is the first field of a PUBLISH, whether the broker reads or writes it.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("a/b", qos=1)
        peer.say(self.spelled('32 [ "a/b" 0007 P 01 ]'))
        peer.expect(PUBACK, packet_id=7)
        packet_id = watcher.expect(PUBLISH, payload=b"\1").packet_id
        self.assertEqual(watcher.raw, watcher.bytes_of(self.spelled(f'32 [ "a/b" {packet_id:04x} P 01 ]')))
        self.refuses((("no UTF-8", '32 [ "a" 0001 P ]'.replace('"a"', "0002 61 80")),), 0x81)

    @states("MQTT311-3.3.2-2", "MQTT5-3.3.2-2")
    def test_wildcards(self) -> None:
        """
        Whoever publishes to a topic with a wildcard is disconnected, and nobody gets it.
        """
        watcher = self.connect("w")
        watcher.subscribe("#")
        table = [
            (topic, f'{first} [ "{topic}" {packet_id} P 78 ]')
            for topic in ("#", "+", "a/#", "a/+/b", "a#", "+a")
            for first, packet_id in (("30", ""), ("32", "0001"), ("34", "0001"))
        ]
        self.refuses(table[::2], 0x90, 0x81, 0x82)
        watcher.silence()

    @states("MQTT311 3.3.2.1", "MQTT5 3.3.2.1")
    def test_empty(self) -> None:
        """
        Whoever publishes without a topic, and on 5.0 without an alias, is disconnected.
        """
        self.refuses((("QoS 0", "30 [ 0000 P 78 ]"), ("QoS 1", "32 [ 0000 0001 P 78 ]")), 0x82, 0x81, 0x90)

    @states("MQTT311-3.3.1-2", "MQTT5-3.3.1-2")
    def test_dup_at_qos_0(self) -> None:
        """
        Whoever marks a message of QoS 0 as said again is disconnected.
        """
        self.only_ours("nothing says that a receiver must look")
        self.refuses((("DUP", '38 [ "t" P ]'), ("DUP and RETAIN", '39 [ "t" P ]')), 0x81, 0x82)


#: Properties that may stand once, by section.
ONCE = {
    "2": ("payload format indicator", "01 00"),
    "3": ("message expiry interval", "02 00000001"),
    "4": ("topic alias", "23 0001"),
    "5": ("response topic", '08 "r"'),
    "6": ("correlation data", "09 0001 00"),
    "9": ("content type", '03 "c"'),
}


class PropertyTests(TableCase):
    @states(*(f"MQTT5 3.3.2.3.{section}" for section in ONCE))
    def test_twice(self) -> None:
        """
        Whoever says a property of a message twice is disconnected, but for user properties.
        """
        self.refuses(((name, f'30 [ "t" [ {said} {said} ] 78 ]') for name, said in ONCE.values()), 0x82, 0x81)
        peer = self.connect("a")
        peer.say('30 [ "t" [ 26 "n" "v" 26 "n" "v" ] 78 ]')
        peer.alive()

    @states("MQTT5-3.3.2-13", "MQTT5-3.3.2-19")
    def test_strings(self) -> None:
        """
        Whoever says a response topic or a content type that is no string is disconnected.
        """
        self.refuses((("response topic", '30 [ "t" [ 08 0002 61 ff ] ]'), ("type", '30 [ "t" [ 03 0001 c0 ] ]')), 0x81)

    @states("MQTT5-3.3.2-14")
    def test_wildcards_in_response_topic(self) -> None:
        """
        A response topic with a wildcard reaches nobody.
        """
        watcher = self.connect("w")
        watcher.subscribe("t")
        table = [(topic, f'30 [ "t" [ 08 "{topic}" ] ]') for topic in ("#", "+", "r/#", "r/+/t")]
        if self.target is None:
            self.refuses(table, 0x82)
        else:
            self.connect("p").say(*(said for _, said in table))
        watcher.silence()

    @states("MQTT5-3.3.2-13", "MQTT5-3.3.2-14", "MQTT5-3.3.2-19")
    def test_written(self) -> None:
        """
        Response topic and content type leave the broker as the strings that came.
        """
        watcher = self.connect("w")
        watcher.subscribe("t")
        said = '30 [ "t" [ 03 0002 c3a4 08 0003 61 c3a4 ] 78 ]'
        self.connect("p").say(said)
        watcher.expect(said)

    @states("MQTT5 3.3.2.3.2")
    def test_payload_format(self) -> None:
        """
        The payload format is 0 or 1; a payload that is not the UTF-8 that it says may be refused with 0x99.
        """
        if self.target is None:  # what a receiver does about others is not laid down
            self.refuses((("2", '30 [ "t" [ 01 02 ] ]'), ("255", '30 [ "t" [ 01 ff ] ]')), 0x82)
        peer = self.connect("p")
        self.assertLess(peer.publish("t", "ä".encode(), 1, payload_format_indicator=1), 0x80)
        self.assertLess(peer.publish("t", b"\xff", 1, payload_format_indicator=0), 0x80)
        self.assertIn(peer.publish("t", b"\xff", 1, payload_format_indicator=1), (0x00, 0x10, 0x99))
        self.assertIn(peer.publish("t", b"\xff", 2, payload_format_indicator=1), (0x00, 0x10, 0x99))

    @states("MQTT5 3.3.2.3.2")
    def test_payload_format_is_checked(self) -> None:
        """
        A broker that looks at payloads refuses those that are not the UTF-8 that they say, and passes on the others.
        """
        self.begin(check_payload_format=True)
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t")
        for qos in (1, 2):
            self.assertEqual(peer.publish("t", b"\xff", qos, payload_format_indicator=1), 0x99)
        watcher.silence()
        self.assertEqual(peer.publish("t", "ä".encode(), 1, payload_format_indicator=1), 0)
        watcher.expect(PUBLISH, payload="ä".encode())

    @states("MQTT5-3.3.4-6")
    def test_subscription_identifier(self) -> None:
        """
        A client's message with a subscription identifier is not passed on with it; our broker disconnects the client.
        """
        watcher = self.connect("w")
        watcher.subscribe("t")
        table = (("one", '30 [ "t" [ 0b 01 ] 78 ]'), ("two", '30 [ "t" [ 0b 01 0b 02 ] 78 ]'))
        if self.target is None:
            self.refuses(table, 0x82)
            watcher.silence()
        else:
            self.connect("p").say(*(said for _, said in table))
            self.assertFalse(any(field(each, "subscription_identifiers") for each in watcher.messages()))

    @states("MQTT5 3.3.2.3.3")
    def test_no_expiry(self) -> None:
        """
        A message without an expiry interval does not expire, and is passed on without one.
        """
        keeper = self.connect("k", keep=True)
        keeper.subscribe("t", qos=1)
        keeper.drop()
        self.connect("p").publish("t", b"x", 1)
        self.wait(2)
        (message,) = self.connect("k", keep=True, present=True).messages()
        self.assertIsNone(field(message, "message_expiry_interval"))


class AliasTests(TableCase):
    def allowed(self, peer: Peer) -> int:
        """
        How many aliases the broker takes.
        """
        allowed: int = field(peer.connack, "topic_alias_maximum") or 0
        if not allowed:
            self.only_ours("takes no topic aliases")
        return allowed

    @states("MQTT5-3.3.2-12")
    def test_all_are_taken(self) -> None:
        """
        The broker takes every alias up to the maximum that it has announced, and knows them apart.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t/#")
        allowed = self.allowed(peer)
        self.assertGreater(allowed, 0)
        aliases = [*range(1, min(allowed, 40) + 1), allowed]
        peer.say(*(Publish(b"t/%d" % x, b"x", properties=Properties(topic_alias=x)) for x in aliases))
        self.assertEqual([each.topic for each in watcher.messages()], [b"t/%d" % alias for alias in aliases])
        peer.say(*(Publish(b"", b"x", properties=Properties(topic_alias=x)) for x in reversed(aliases)))
        self.assertEqual([each.topic for each in watcher.messages()], [b"t/%d" % x for x in reversed(aliases)])

    @states("MQTT5 3.3.2.3.4")
    def test_another_topic(self) -> None:
        """
        An alias that comes with another topic stands for that one from then on.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t/#")
        self.allowed(peer)
        peer.say('30 [ "t/1" [ 23 0001 ] 31 ]', "30 [ 0000 [ 23 0001 ] 32 ]", '30 [ "t/2" [ 23 0001 ] 33 ]')
        peer.say("30 [ 0000 [ 23 0001 ] 34 ]")
        self.assertEqual([each.topic for each in watcher.messages()], [b"t/1", b"t/1", b"t/2", b"t/2"])

    @states("MQTT5-3.3.2-8")
    def test_zero(self) -> None:
        """
        Whoever uses alias 0 is disconnected.
        """
        self.refuses((("0", '30 [ "t" [ 23 0000 ] ]'), ("0 alone", "30 [ 0000 [ 23 0000 ] ]")), 0x94, 0x82, 0x81)

    @states("MQTT5 3.3.2.3.4", "MQTT5 3.3.4")
    def test_out_of_range(self) -> None:
        """
        Alias 0 and those that are larger than the broker allows end the connection with 0x94, one that stands for
        nothing with 0x82.
        """
        allowed: int = field(self.connect("a").connack, "topic_alias_maximum") or 0
        numbers = [0, *{min(allowed + 1, 0xFFFF), 0xFFFF}] if allowed < 0xFFFF else [0]
        self.refuses(((str(each), f'30 [ "t" [ 23 {each:04x} ] ]') for each in numbers), 0x94)
        if allowed:
            self.refuses((("unknown", "30 [ 0000 [ 23 0001 ] ]"),), 0x82)

    @states("MQTT5-3.3.2-7")
    def test_next_connection(self) -> None:
        """
        What an alias stood for on one connection is unknown on the next, though the session goes on; in both
        directions.
        """
        peer = self.connect("a", keep=True, topic_alias_maximum=5)
        self.allowed(peer)
        peer.subscribe("t", qos=1)
        peer.say('32 [ "t" 0001 [ 23 0001 ] 78 ]')
        peer.take(PUBACK)
        peer.acknowledge(peer.take(PUBLISH, topic=b"t"))
        peer.drop()
        peer = self.connect("a", keep=True, present=True, topic_alias_maximum=5)
        self.connect("p").publish("t", b"again", 1)
        peer.expect(PUBLISH, topic=b"t", payload=b"again")
        peer.say("30 [ 0000 [ 23 0001 ] 78 ]")
        peer.closed(0x82)

    @states("MQTT5-3.3.2-11")
    def test_those_of_the_broker(self) -> None:
        """
        The broker uses no more aliases than a client takes, none where it has not said how many, and each as it has
        explained it.
        """
        some, none, zero = self.connect("s", topic_alias_maximum=2), self.connect("n"), self.connect("z")
        for watcher in (some, none, zero):
            watcher.subscribe("t/#")
        peer = self.connect("p")
        for _ in range(3):
            for topic in ("t/1", "t/2", "t/3", "t/4"):
                peer.publish(topic, topic.encode())
        for watcher in (none, zero):
            for message in watcher.messages():
                self.assertEqual((message.topic, field(message, "topic_alias")), (message.payload, None))
        known: dict[int, bytes] = {}
        found = some.messages()
        self.assertEqual(len(found), 12)
        for message in found:
            alias = field(message, "topic_alias")
            if alias is not None:
                self.assertIn(alias, (1, 2))
                if message.topic:
                    known[alias] = message.topic
            self.assertEqual(message.topic or known[alias or 0], message.payload)


class FlowTests(TableCase):
    @states("MQTT5 3.3.4")
    def test_receive_maximum(self) -> None:
        """
        Whoever has more messages under way than the broker allows is told 0x93; those of QoS 0 do not count.
        """
        peer = self.connect("p")
        allowed: int = field(peer.connack, "receive_maximum") or 0xFFFF
        if allowed > 1_000:
            self.only_ours("allows too many for a test")
        peer.say(*(Publish(b"t", b"x", 2, packet_id=each) for each in range(1, allowed + 1)))
        for each in range(1, allowed + 1):
            peer.expect(PUBREC, packet_id=each)
        peer.say(Publish(b"t", b"x"))
        peer.alive()
        peer.say(Ack(PUBREL, 1))
        peer.expect(PUBCOMP, packet_id=1)
        peer.say(Publish(b"t", b"x", 2, packet_id=1))
        peer.expect(PUBREC, packet_id=1)
        peer.say(Publish(b"t", b"x", 2, packet_id=allowed + 1))
        peer.closed(0x93)
