"""
CONNACK (section 3.2): what the broker says of the session and of itself, and that it keeps to it.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.broker.connects import connect
from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import CONNACK, DISCONNECT, PUBACK, PUBLISH, PUBREC
from txmqtt.codec.packets import Connect, Publish, Subscribe, Subscription, Will
from txmqtt.codec.properties import Properties

#: The reason codes that section 3.2.2.2 lists.
CODES = {0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F}

#: A CONNECT that no broker accepts, because nobody knows such a method.
STRANGE = Connect("a", 5, properties=Properties(authentication_method="no such method", authentication_data=b"x"))


class FlagsTests(BrokerCase):
    @states("MQTT5-3.2.2-1", "MQTT311 3.2.2.1")
    def test_reserved_bits(self) -> None:
        """
        Of the first byte only the lowest bit may be 1; with and without a session, and in a refusal.
        """
        for present in (False, True):
            peer = self.connect("a", keep=True)
            self.assertEqual(peer.raw[2], int(present))  # CONNACK is short: its length is one byte
            peer.drop()
        peer = self.dial()
        peer.say(connect(4, '""', 0x00) if self.version == 4 else STRANGE)
        peer.expect(CONNACK)
        self.assertEqual(peer.raw[2], 0)

    @states("MQTT311 3.2.2.3", "MQTT311-3.2.2-1", "MQTT311-3.2.2-2", "MQTT311-3.2.2-3")
    def test_bytes(self) -> None:
        """
        On 3.1.1 a CONNACK is four bytes.
        """
        for flags, answer in ((0x02, "20 02 00 00"), (0x00, "20 02 00 00"), (0x00, "20 02 01 00")):
            with self.case(answer):
                self._tidy.add("a")
                peer = self.dial()
                peer.say(connect(4, flags=flags))
                peer.expect(answer)
                peer.drop()


class ReasonTests(BrokerCase):
    @states("MQTT5-3.2.2-8", "MQTT5-3.2.2-7", "MQTT5-3.1.4-2")
    def test_codes(self) -> None:
        """
        Whatever is wrong with a CONNECT, the code is one that CONNACK may have.
        """
        for name, said in (
            ("method", STRANGE),
            ("malformed", connect(5, flags=0x03)),
            ("breach", connect(5, properties="21 0000")),
            ("version", '10 [ "MQTT" 06 02 0000 [] "a" ]'),
            ("topic", connect(5, '"a" P "#" "x"', 0x06)),
            ("cut off", connect(5, '"a"', 0x06)),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(said)
                peer.closed(*(CODES - {0}))

    @states("MQTT5-3.2.2-8", "MQTT5-3.2.2-6", "MQTT5-3.2.2-7")
    def test_codes_of_limits(self) -> None:
        """
        So it is where a limit of ours is reached; and there is a code for each, with no session.
        """
        self.only_ours("limits of our own")
        large = Will(b"w", b"x" * 11)
        table: tuple[tuple[dict[str, Any], Connect, int], ...] = (
            ({"max_client_id_bytes": 1}, Connect("ab", 5), 0x85),
            ({"max_user_name_bytes": 1}, Connect("a", 5, username="joe"), 0x86),
            ({"max_connections": 0}, Connect("a", 5), 0x97),
            ({"max_sessions": 0}, Connect("a", 5), 0x97),
            ({"max_will_payload": 10}, Connect("a", 5, will=large), 0x97),
            ({"max_topic_levels": 2}, Connect("a", 5, will=Will(b"a/b/c", b"")), 0x90),
            ({"redirect": "always"}, Connect("a", 5), 0x9C),
            ({"redirect": "moved"}, Connect("a", 5), 0x9D),
            ({"max_qos": 0}, Connect("a", 5, will=Will(b"w", b"", 1)), 0x9B),
            ({"retain_available": False}, Connect("a", 5, will=Will(b"w", b"", 0, True)), 0x9A),
        )
        for limit, packet, code in table:
            with self.case(f"{limit}"):
                self.begin(**limit)
                peer = self.dial()
                peer.say(packet)
                self.assertIn(code, CODES)
                peer.expect(CONNACK, reason=code, session_present=False)
                peer.closed()
                self.world.check()
                self.world.close()

    @states("MQTT311-3.2.2-6")
    def test_no_code_fits(self) -> None:
        """
        A CONNECT that is refused for what 3.1.1 has no return code for is closed without a CONNACK.
        """
        for name, said in (
            ("topic", connect(4, '"a" "#" "x"', 0x06)),
            ("empty topic", connect(4, '"a" "" "x"', 0x06)),
            ("malformed", connect(4, flags=0x03)),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(said)
                peer.closed()

    @states("MQTT5-3.2.2-19", "MQTT5-3.2.2-20", "MQTT5-3.1.2-24")
    def test_explanations_are_left_out(self) -> None:
        """
        A refusal is explained only as far as it does not become larger than the client takes.
        """
        explained = set()
        for size in (5, 6, 10, 20, 40, 100, 1_000):
            with self.case(f"{size} bytes"):
                peer = self.dial()
                properties = Properties(authentication_method="no such method", maximum_packet_size=size)
                peer.say(Connect("a", 5, properties=properties))
                answer = peer.expect(CONNACK, reason=0x8C)
                self.assertLessEqual(len(peer.raw), size)
                explained.add(bool(field(answer, "reason_string") or field(answer, "user_properties")))
                peer.closed()
        if self.target is None:
            self.assertEqual(explained, {False, True})

    @states("MQTT5-3.1.2-24", "MQTT5-3.2.2-19")
    def test_no_room_for_what_must_be_said(self) -> None:
        """
        A client that takes no packet as large as the CONNACK that it would have to get hears none.
        """
        peer = self.dial()
        peer.say(connect(5, properties="27 00000005"))
        peer.closed(0x95)
        self.assertLessEqual(len(peer.raw), 5)


class QosTests(BrokerCase):
    @states("MQTT5-3.2.2-9", "MQTT5-3.2.2-10", "MQTT5 3.2.2.3.4")
    def test_maximum_qos(self) -> None:
        """
        The highest QoS is told; more ends the connection, but subscriptions may ask for all, and get what there is.
        """
        for highest in (0, 1):
            with self.case(f"at most {highest}"):
                self.begin(max_qos=highest)
                watcher = self.connect("w")
                self.assertEqual(field(watcher.connack, "maximum_qos"), highest)
                for qos in (0, 1, 2):
                    self.assertEqual(watcher.subscribe(f"t{qos}", qos=qos), [min(qos, highest)])
                peer = self.connect("a")
                peer.publish("t2", b"x", highest)
                watcher.expect(PUBLISH, payload=b"x", qos=highest)
                peer.say(Publish(b"t2", b"x", highest + 1, packet_id=1))
                peer.closed(0x9B)
                self.world.check()
                self.world.close()

    @states("MQTT5-3.2.2-9")
    def test_no_maximum(self) -> None:
        """
        A broker that names no highest QoS takes all.
        """
        peer = self.connect("a")
        highest = field(peer.connack, "maximum_qos")
        self.assertIn(highest, (None, 0, 1))
        for qos in range(3 if highest is None else highest + 1):
            self.assertIn(peer.publish("t", b"x", qos), (0, 0x10))


class AnnouncedTests(BrokerCase):
    @states("MQTT5 3.2.2.3.5")
    def test_retain(self) -> None:
        """
        Where nothing is retained the client is told, and disconnected if it asks for it all the same.
        """
        self.begin(retain_available=False)
        peer = self.connect("a")
        self.assertEqual(field(peer.connack, "retain_available"), 0)
        peer.say(Publish(b"t", b"x", retain=True))
        peer.closed(0x9A)

    @states("MQTT5 3.2.2.3.11", "MQTT5 3.2.2.3.12", "MQTT5 3.2.2.3.13")
    def test_subscriptions(self) -> None:
        """
        What subscriptions can't have here the client is told, and who asks for it all the same is disconnected.
        """
        for limit, announced, filter, code in (
            ("wildcard_available", "wildcard_subscription_available", b"a/#", 0xA2),
            ("subscription_identifiers_available", "subscription_identifier_available", b"a", 0xA1),
            ("shared_available", "shared_subscription_available", b"$share/g/a", 0x9E),
        ):
            with self.case(announced):
                limits: dict[str, Any] = {limit: False}
                self.begin(**limits)
                peer = self.connect("a")
                self.assertEqual(field(peer.connack, announced), 0)
                self.assertEqual(peer.subscribe("plain"), [0])
                identifier = Properties(subscription_identifiers=(1,)) if code == 0xA1 else None
                peer.say(Subscribe(9, [Subscription(filter)], identifier))
                peer.closed(code)
                self.world.check()
                self.world.close()

    @states("MQTT5 3.2.2.3.5", "MQTT5 3.2.2.3.11", "MQTT5 3.2.2.3.12", "MQTT5 3.2.2.3.13")
    def test_what_is_not_denied(self) -> None:
        """
        What CONNACK does not deny is there.
        """
        peer = self.connect("a")

        def denied(name: str) -> bool:
            return bool(field(peer.connack, name) == 0)

        if not denied("retain_available"):
            peer.publish("r", b"x", 1, retain=True)
        if not denied("wildcard_subscription_available"):
            self.assertEqual(peer.subscribe("a/#"), [0])
        if not denied("subscription_identifier_available"):
            self.assertEqual(peer.subscribe("b", identifier=1), [0])
        if not denied("shared_subscription_available"):
            self.assertEqual(peer.subscribe("$share/g/c"), [0])

    @states("MQTT5 3.2.2.3.6")
    def test_maximum_packet_size(self) -> None:
        """
        A packet as large as the broker takes is taken; with a byte more the client is disconnected.
        """
        self.begin(max_packet_size=100)
        peer = self.connect("a")
        self.assertEqual(field(peer.connack, "maximum_packet_size"), 100)
        peer.publish("t", b"x" * (100 - 6))
        peer.say(Publish(b"t", b"x" * (100 - 5)))
        peer.closed(0x95)

    @states("MQTT5 3.2.2.3.8")
    def test_topic_aliases(self) -> None:
        """
        The largest topic alias is told; a larger one, or any where there are none, ends the connection.
        """
        for highest in (0, 3):
            with self.case(f"at most {highest}"):
                self.begin(topic_alias_maximum=highest)
                peer = self.connect("a")
                self.assertEqual(field(peer.connack, "topic_alias_maximum") or 0, highest)
                if highest:
                    peer.publish("t", b"x", topic_alias=highest)
                peer.say(Publish(b"t", b"x", properties=Properties(topic_alias=highest + 1)))
                peer.closed(0x94)
                self.world.check()
                self.world.close()

    @states("MQTT5 3.2.2.3.3")
    def test_receive_maximum(self) -> None:
        """
        As many messages of QoS 1 and 2 as the broker names may be under way; one more ends the connection.
        """
        self.begin(receive_maximum=2)
        peer = self.connect("a")
        self.assertEqual(field(peer.connack, "receive_maximum"), 2)
        for packet_id in (1, 2):
            peer.say(Publish(b"t", b"x", 2, packet_id=packet_id))
            peer.expect(PUBREC, packet_id=packet_id)
        peer.publish("t", b"x", 0)
        peer.say(Publish(b"t", b"x", 2, packet_id=3))
        peer.closed(0x93)

    @states("MQTT5 3.2.2.3.14")
    def test_server_keep_alive(self) -> None:
        """
        A keep-alive that the broker names is the one that it goes by.
        """
        self.begin(max_keep_alive=10, min_keep_alive=4)
        for asked, told in ((60, 10), (0, 10), (1, 4), (5, None)):
            with self.case(f"{asked} s"):
                peer = self.connect("a", keep_alive=asked)
                self.assertEqual(field(peer.connack, "server_keep_alive"), told)
                patience = 1.5 * (told or asked)
                self.wait(patience - 0.5)
                peer.alive()
                self.wait(patience + 1)
                peer.closed(0x8D)

    @states("MQTT5 3.2.2.3.16")
    def test_server_reference(self) -> None:
        """
        Who has to use another server is told which.
        """
        for redirect, code in (("always", 0x9C), ("moved", 0x9D)):
            with self.case(redirect):
                self.begin(redirect=redirect, server_reference="other.example:1883")
                peer = self.dial()
                peer.say(Connect("a", 5))
                peer.expect(CONNACK, reason=code, server_reference="other.example:1883")
                peer.closed()
                self.world.check()
                self.world.close()

    @states("MQTT5 3.2.2.3")
    def test_in_range(self) -> None:
        """
        What CONNACK says of the broker are values that are allowed, and the client is named none that it gave.
        """
        said = self.connect("a", keep=True, request_response_information=1).connack
        known: dict[str, Any] = {
            "receive_maximum": range(1, 65_536),
            "maximum_packet_size": range(1, 1 << 32),
            "maximum_qos": (0, 1),
            "retain_available": (0, 1),
        }
        for name, allowed in known.items():
            with self.case(name):
                value = field(said, name)
                self.assertTrue(value is None or value in allowed, value)
        self.assertIsNone(field(said, "assigned_client_identifier"))
        self.assertIsNone(field(said, "authentication_method"))


class OnlyOnceTests(BrokerCase):
    @states("MQTT311-3.2.0-1", "MQTT5-3.2.0-2", "MQTT5-3.2.0-1", "MQTT5-3.1.4-5", "MQTT311-3.1.4-4")
    def test_first_and_only(self) -> None:
        """
        Whatever waits for the client and whatever it says at once, CONNACK comes first and does not come again.
        """
        keeper = self.connect("a", keep=True)
        keeper.subscribe("t", qos=1)
        keeper.drop()
        self.connect("b").publish("t", b"waits", 1)
        peer = self.dial()
        expiry = Properties(session_expiry_interval=60) if self.version == 5 else None
        peer.say(Connect("a", self.version, False, properties=expiry), Publish(b"t", b"own", 1, packet_id=1))
        peer.expect(CONNACK, reason=0, session_present=True)
        self.assertCountEqual([self.kind(peer) for _ in range(3)], [PUBLISH, PUBLISH, PUBACK])
        peer.silence()
        self._tidy.add("a")

    def kind(self, peer: Peer) -> int:
        packet = peer.hear()
        self.assertNotIn(packet.kind, (CONNACK, DISCONNECT))
        return packet.kind
