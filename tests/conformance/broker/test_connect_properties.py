"""
The properties of CONNECT (3.1.2.11) and of a will (3.1.3.2): which break the protocol, and what they ask of the broker.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.broker.connects import connect
from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import CONNACK, PINGRESP, PUBACK, PUBLISH, SUBACK, UNSUBACK
from txmqtt.codec.packets import Connect, Publish, Subscribe, Subscription, Unsubscribe
from txmqtt.codec.properties import Properties

#: Each property of CONNECT, spelled; but for the last it may stand once.
OF_CONNECT = (
    ("session expiry interval", "11 00000001"),
    ("receive maximum", "21 0001"),
    ("maximum packet size", "27 00001000"),
    ("topic alias maximum", "22 0001"),
    ("request response information", "19 00"),
    ("request problem information", "17 01"),
)

#: Each property of a will that may stand once.
OF_WILLS = (
    ("will delay interval", "18 00000001"),
    ("payload format indicator", "01 01"),
    ("message expiry interval", "02 00000001"),
    ("content type", '03 "t"'),
    ("response topic", '08 "t"'),
    ("correlation data", "09 0001 ff"),
)

#: Nothing, and what is the same.
NO_ALIASES: tuple[dict[str, Any], ...] = ({}, {"topic_alias_maximum": 0})
NO_REQUESTS: tuple[dict[str, Any], ...] = ({}, {"request_response_information": 0})

#: What no CONNECT may say, though each is a property of something: identifiers of other packets, and of none.
NOT_OF_CONNECT = (
    ("payload format indicator", "01 01"),
    ("will delay interval", "18 00000001"),
    ("subscription identifier", "0b 01"),
    ("assigned client identifier", '12 "x"'),
    ("server keep-alive", "13 0001"),
    ("reason string", '1f "x"'),
    ("topic alias", "23 0001"),
    ("maximum QoS", "24 01"),
    ("retain available", "25 01"),
    ("no such property", "04 00"),
    ("no such property", "7f 00"),
    ("an identifier of two bytes", "81 01 00"),
)


class BreachTests(BrokerCase):
    def breach(self, *codes: int, properties: str = "", payload: str = '"a"', flags: int = 0x02) -> None:
        peer = self.dial()
        peer.say(connect(self.version, payload, flags, properties))
        peer.closed(*codes)

    @states(
        *("MQTT5 3.1.2.11.2", "MQTT5 3.1.2.11.3", "MQTT5 3.1.2.11.4"),
        *("MQTT5 3.1.2.11.5", "MQTT5 3.1.2.11.6", "MQTT5 3.1.2.11.7"),
    )
    def test_twice(self) -> None:
        """
        A property of CONNECT that may stand once must not stand twice, though both say the same.
        """
        for name, spelling in OF_CONNECT:
            with self.case(name):
                self.breach(0x82, properties=f"{spelling} {spelling}")
                peer = self.dial()
                peer.say(connect(self.version, properties=spelling))
                peer.expect(CONNACK, reason=0)

    @states("MQTT5 3.1.2.11.9", "MQTT5 3.1.2.11.10")
    def test_authentication_twice(self) -> None:
        """
        An authentication method stands once, and so do its data.
        """
        for name, spelling in (("method", '15 "m" 15 "m"'), ("data", '15 "m" 16 0001 aa 16 0001 aa')):
            with self.case(name):
                self.breach(0x82, properties=spelling)

    @states("MQTT5 3.1.2.11.10")
    def test_authentication_data_alone(self) -> None:
        """
        Authentication data without a method are a Protocol Error, though there be nothing in them.
        """
        for spelling in ("16 0001 aa", "16 0000"):
            with self.case(spelling):
                self.breach(0x82, properties=spelling)

    @states("MQTT5 3.1.2.11.3", "MQTT5 3.1.2.11.4", "MQTT5 3.1.2.11.6", "MQTT5 3.1.2.11.7")
    def test_out_of_range(self) -> None:
        """
        A Receive Maximum or a Maximum Packet Size of 0, and requests that are neither 0 nor 1, are Protocol Errors.
        """
        for name, spelling in (
            ("receive maximum", "21 0000"),
            ("maximum packet size", "27 00000000"),
            ("request response information", "19 02"),
            ("request problem information", "17 02"),
            ("request problem information", "17 ff"),
        ):
            with self.case(f"{name} {spelling}"):
                self.breach(0x82, properties=spelling)

    @states(
        *("MQTT5 3.1.3.2.2", "MQTT5 3.1.3.2.3", "MQTT5 3.1.3.2.4"),
        *("MQTT5 3.1.3.2.5", "MQTT5 3.1.3.2.6", "MQTT5 3.1.3.2.7"),
    )
    def test_twice_in_a_will(self) -> None:
        """
        A property of a will that may stand once must not stand twice.
        """
        for name, spelling in OF_WILLS:
            with self.case(name):
                self.breach(0x82, payload=f'"a" [ {spelling} {spelling} ] "w" "x"', flags=0x06)
                peer = self.dial()
                peer.say(connect(self.version, f'"a" [ {spelling} ] "w" "x"', 0x06))
                peer.expect(CONNACK, reason=0)

    @states("MQTT5 2.2.2.2", "MQTT5-3.1.4-1")
    def test_of_other_packets(self) -> None:
        """
        CONNECT has no properties but its own, a will none but those of a will; neither has any that does not exist.
        """
        for name, spelling in NOT_OF_CONNECT:
            with self.case(name):
                self.breach(0x81, 0x82, properties=spelling)
        for name, spelling in (*OF_CONNECT, *NOT_OF_CONNECT[2:]):
            with self.case(f"will: {name}"):
                self.breach(0x81, 0x82, payload=f'"a" [ {spelling} ] "w" "x"', flags=0x06)

    @states("MQTT5 2.2.2.1", "MQTT5-3.1.4-1")
    def test_length(self) -> None:
        """
        The length of the properties is that of whole properties, and not of more than there is.
        """
        for name, spelling in (
            ("none", ""),
            ("cut off", "03 11 0000"),
            ("beyond the packet", "7f 21 0001"),
            ("within a property", "04 11 00000001"),
            ("of five bytes", "8080808000"),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(f'10 [ "MQTT" 05 02 0000 {spelling} ]')
                peer.closed(0x81)

    @states("MQTT5 3.1.2.11.8", "MQTT5 3.1.3.2.8")
    def test_user_properties(self) -> None:
        """
        User properties may be many, with the same names and in any place.
        """
        pair = '26 "k" "v"'
        peer = self.dial()
        peer.say(connect(5, f'"a" [ {pair} 18 00000001 {pair} {pair} ] "w" "x"', 0x06, f"{pair} 21 0001 {pair} {pair}"))
        peer.expect(CONNACK, reason=0)


class PacketSizeTests(BrokerCase):
    @states("MQTT5-3.1.2-24", "MQTT5-3.1.2-25", "MQTT5 3.1.2.11.4")
    def test_maximum(self) -> None:
        """
        A message is sent if its PUBLISH is as large as the client takes; if it is a byte larger it is left out.
        """
        for qos in (0, 1, 2):
            with self.case(f"QoS {qos}"):
                watcher = self.connect("w", maximum_packet_size=60)
                watcher.subscribe("t", qos=qos)
                fits = 60 - 2 - 3 - 1 - (2 if qos else 0)  # first byte and length, topic, properties, identifier
                publisher = self.connect("p")
                for size in (fits, fits + 1, 1_000, 1):
                    publisher.publish("t", b"x" * size, qos)
                self.assertEqual([len(each.payload) for each in watcher.messages()], [fits, 1])

    @states("MQTT5-3.1.2-25")
    def test_counts_as_delivered(self) -> None:
        """
        A message that is too large holds up none behind it, and does not come when the client takes more.
        """
        watcher = self.connect("w", keep=True, maximum_packet_size=60, receive_maximum=1)
        watcher.subscribe("t", qos=2)
        publisher = self.connect("p")
        for qos in (1, 2):
            publisher.publish("t", b"x" * 100, qos)
        publisher.publish("t", b"small", 1)
        self.assertEqual([each.payload for each in watcher.messages()], [b"small"])
        watcher.drop()
        watcher = self.connect("w", keep=True, present=True)
        watcher.silence()

    @states("MQTT5-3.1.2-24")
    def test_other_packets(self) -> None:
        """
        No SUBACK is larger than the client takes either.
        """
        peer = self.connect("w", maximum_packet_size=60)
        peer.say(Subscribe(1, [Subscription(b"t%d" % number) for number in range(80)]))
        peer.closed(0x80, 0x83, 0x95)


class AliasTests(BrokerCase):
    def aliases(self, topics: int, **properties: Any) -> tuple[set[int], list[bytes]]:
        """
        The aliases that the broker uses, and the topics that it means.
        """
        watcher = self.connect("w", **properties)
        watcher.subscribe("#")
        publisher = self.connect("p")
        for _ in range(3):
            for number in range(topics):
                publisher.publish(f"topic/{number}", b"x")
        found: dict[int, bytes] = {}
        meant: list[bytes] = []
        for message in watcher.messages():
            alias = field(message, "topic_alias")
            if alias is not None and message.topic:
                found[alias] = message.topic
            meant.append(message.topic or found[alias])
        watcher.drop()
        return set(found), meant

    @states("MQTT5-3.1.2-26", "MQTT5 3.1.2.11.5")
    def test_maximum(self) -> None:
        """
        No topic alias is larger than the client allows, and all topics are what was meant.
        """
        used, meant = self.aliases(5, topic_alias_maximum=2)
        self.assertLessEqual(used, {1, 2})
        if self.target is None:
            self.assertEqual(used, {1, 2})
        self.assertEqual(meant, [b"topic/%d" % number for number in range(5)] * 3)

    @states("MQTT5-3.1.2-27", "MQTT5 3.1.2.11.5")
    def test_none(self) -> None:
        """
        A client that allows no aliases, or does not say, gets topics in full.
        """
        for properties in NO_ALIASES:
            with self.case(f"{properties}"):
                self.assertEqual(self.aliases(2, **properties), (set(), [b"topic/0", b"topic/1"] * 3))


class RequestTests(BrokerCase):
    @states("MQTT5-3.1.2-28", "MQTT5 3.1.2.11.6", "MQTT5 3.2.2.3.15")
    def test_response_information(self) -> None:
        """
        Response information is for those who ask for it.
        """
        if self.target is None:
            self.begin(response_information="replies/%c")
        for properties in NO_REQUESTS:
            with self.case(f"{properties}"):
                self.assertIsNone(field(self.connect("a", **properties).connack, "response_information"))
        if self.target is None:
            peer = self.connect("a", request_response_information=1)
            self.assertEqual(field(peer.connack, "response_information"), "replies/a")

    def explained(self, peer: Peer) -> list[bool]:
        """
        Whether PUBACK, SUBACK and UNSUBACK come with something for people; what they answer can't be done.
        """
        peer.say(Publish(b"a/b/c/d", b"", 1, packet_id=1), Subscribe(2, [Subscription(b"a/b/c/d")]))
        peer.say(Unsubscribe(3, [b"x"]))
        found = []
        for kind in (PUBACK, SUBACK, UNSUBACK):
            packet = peer.take(kind)
            found.append(bool(field(packet, "reason_string") or field(packet, "user_properties")))
        return found

    @states("MQTT5-3.1.2-29", "MQTT5 3.1.2.11.7")
    def test_problem_information(self) -> None:
        """
        Who wants no problem information gets neither reason strings nor user properties in acknowledgements.
        """
        if self.target is None:
            self.begin(max_topic_levels=3)
            self.assertEqual(self.explained(self.connect("a"))[:2], [True, True])
            self.assertEqual(self.explained(self.connect("a", request_problem_information=1))[:2], [True, True])
        peer = self.connect("a", request_problem_information=0)
        self.assertEqual(self.explained(peer), [False] * 3)

    @states("MQTT5-3.1.2-29")
    def test_messages_keep_theirs(self) -> None:
        """
        The user properties of messages are not problem information: they come all the same.
        """
        watcher = self.connect("w", request_problem_information=0)
        watcher.subscribe("t")
        self.connect("p").publish("t", b"x", user_properties=(("a", "1"),))
        watcher.expect(PUBLISH, user_properties=(("a", "1"),))


class ReceiveMaximumTests(BrokerCase):
    @states("MQTT5 3.1.2.11.3")
    def test_only_qos_1_and_2(self) -> None:
        """
        A Receive Maximum holds up messages of QoS 1 and 2, not those of QoS 0.
        """
        watcher = self.connect("w", receive_maximum=1)
        watcher.subscribe("t", qos=2)
        publisher = self.connect("p")
        publisher.publish("t", b"1", 1)
        publisher.publish("t", b"2", 2)
        publisher.publish("t", b"0", 0)
        first = watcher.expect(PUBLISH, payload=b"1")
        watcher.expect(PUBLISH, payload=b"0")
        watcher.silence()
        watcher.acknowledge(first)
        watcher.expect(PUBLISH, payload=b"2")


class BeginningTests(BrokerCase):
    @states("MQTT311 3.1.4", "MQTT5 3.1.4", "MQTT31 3.1")
    def test_without_waiting(self) -> None:
        """
        A client may go on talking without waiting for CONNACK.
        """
        peer = self.dial()
        peer.say(Connect("a", self.version), Subscribe(1, [Subscription(b"t")]), Publish(b"t", b"early"), "c0 00")
        peer.expect(CONNACK, reason=0)
        peer.expect(SUBACK, packet_id=1)
        peer.expect(PUBLISH, payload=b"early")
        peer.expect(PINGRESP)

    @states("MQTT311 3.1.4", "MQTT5 3.1.4", "MQTT31 3.1")
    def test_without_a_word(self) -> None:
        """
        Who connects and says no CONNECT, or half of one, is closed after a while.
        """
        silent, slow = self.dial(), self.dial()
        slow.say("10 20 0004 4d51")
        self.wait(11)
        silent.closed()
        slow.closed()

    @states("MQTT5 3.1.2.11.7", "MQTT5 3.2.2.3.9")
    def test_properties_are_optional(self) -> None:
        """
        A CONNECT without properties asks for the defaults, and is explained what can't be done.
        """
        self.begin(users={"joe": "secret"})
        peer = self.dial()
        peer.say(Connect("a", 5, username="joe", password=b"guess", properties=Properties()))
        self.assertTrue(field(peer.expect(CONNACK, reason=0x86), "reason_string"))
