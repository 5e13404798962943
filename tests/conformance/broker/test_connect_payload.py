"""
The payload of CONNECT (section 3.1.3): who the client is. Its will has a file of its own.
"""

from __future__ import annotations

from string import ascii_letters, digits

from tests.conformance.broker.connects import connect, refused
from tests.conformance.case import EXPIRY, BrokerCase
from tests.conformance.peer import field
from tests.conformance.states import states
from txmqtt.codec.constants import CONNACK, PUBLISH
from txmqtt.codec.packets import Connect
from txmqtt.codec.properties import Properties

#: What is no string, behind its two bytes of length.
NO_STRINGS = (
    ("overlong", "0002 c0af"),
    ("surrogate", "0003 eda080"),
    ("beyond Unicode", "0004 f4908080"),
    ("cut off within a character", "0002 e282"),
    ("lone continuation", "0001 80"),
    ("U+0000", "0001 00"),
)

#: Everything that a client identifier may consist of everywhere, 23 characters at most at a time.
ALL = (ascii_letters + digits)[:23], (ascii_letters + digits)[23:46], (ascii_letters + digits)[46:]


class OrderTests(BrokerCase):
    @states("MQTT311-3.1.3-1", "MQTT5-3.1.3-1", "MQTT311-3.1.3-3", "MQTT5-3.1.3-3")
    def test_all_that_there_can_be(self) -> None:
        """
        Client identifier, will, user name and password are read in the order of the standard.
        """
        if self.target is None:
            self.begin(users={"joe": "secret"})
        watcher = self.connect("w", username="joe", password=b"secret")
        watcher.subscribe("topic", qos=2)
        will = '[ 03 "type" ]' if self.version == 5 else ""
        whole = connect(self.version, f'"name" {will} "topic" "gone" "joe" "secret"', 0xCE)
        older = self.dial()
        older.say(whole)
        older.expect(CONNACK, reason=0)
        newer = self.dial()
        newer.say(whole)
        newer.expect(CONNACK, reason=0)
        older.closed(0x8E)  # it is the same client identifier
        said = watcher.expect(PUBLISH, topic=b"topic", payload=b"gone", qos=1)
        if self.version == 5:
            self.assertEqual(field(said, "content_type"), "type")

    @states("MQTT311-3.1.3-3", "MQTT5-3.1.3-3")
    def test_nothing(self) -> None:
        """
        A client identifier, though an empty one, has to be there; and it is what comes first.
        """
        for name, payload, flags in (
            ("no payload", "", 0x02),
            ("half a length", "00", 0x02),
            ("a user name, and nothing before it", '"joe"', 0x82),
            ("a will, and nothing before it", 'P "w" "gone"', 0x06),
        ):
            with self.case(name):
                peer = self.dial()
                peer.say(connect(self.version, payload, flags))
                peer.closed(0x81, 0x82)


class StringTests(BrokerCase):
    @states("MQTT311-3.1.3-4", "MQTT5-3.1.3-4")
    def test_client_identifier(self) -> None:
        """
        A client identifier that is no proper string is not let in.
        """
        for name, spelling in NO_STRINGS:
            with self.case(name):
                peer = self.dial()
                peer.say(connect(self.version, spelling))
                refused(peer, 2, 0x81, 0x85)

    @states("MQTT311-3.1.3-11", "MQTT5-3.1.3-12")
    def test_user_name(self) -> None:
        """
        A user name that is no proper string is not let in; a password may be any bytes.
        """
        for name, spelling in NO_STRINGS:
            with self.case(name):
                peer = self.dial()
                peer.say(connect(self.version, f'"a" {spelling}', 0x82))
                refused(peer, 4, 0x81, 0x86)
                peer = self.dial()
                peer.say(connect(self.version, f'"a" "joe" {spelling}', 0xC2))
                peer.expect(CONNACK, reason=0)

    @states("MQTT311-3.1.3-10", "MQTT5-3.1.3-11")
    def test_will_topic(self) -> None:
        """
        A will whose topic is no proper string keeps its client out; its payload may be any bytes.
        """
        for name, spelling in NO_STRINGS:
            with self.case(name):
                peer = self.dial()
                peer.say(connect(self.version, f'"a" P {spelling} "gone"', 0x06))
                peer.closed(0x81)
                peer = self.dial()
                peer.say(connect(self.version, f'"a" P "w" {spelling}', 0x06))
                peer.expect(CONNACK, reason=0)

    @states("MQTT311 3.1.3.2", "MQTT5 3.1.3.3")
    def test_no_topic_for_a_will(self) -> None:
        """
        A will goes to a topic, not to a filter, and not to nothing.
        """
        for topic in ('"a/#"', '"+"', '"a/+/b"', '""'):
            with self.case(topic):
                peer = self.dial()
                peer.say(connect(self.version, f'"a" P {topic} "gone"', 0x06))
                peer.closed(0x81, 0x82, 0x90)


class IdentifierTests(BrokerCase):
    @states("MQTT311-3.1.3-5", "MQTT5-3.1.3-5")
    def test_plain_names(self) -> None:
        """
        Every letter and digit, and every length from 1 to 23, is let in.
        """
        for name in (*ALL, *(("9zA" * 8)[:size] for size in range(1, 24))):
            with self.case(name):
                self.connect(name).drop()

    @states("MQTT311-3.1.3-2", "MQTT5-3.1.3-2")
    def test_what_is_whose(self) -> None:
        """
        Each client finds its own session under its identifier, and upper case is not lower case.
        """
        for name, topic in (("a", "small"), ("A", "large"), ("ab", "longer")):
            peer = self.connect(name, keep=True, present=False)
            peer.subscribe(topic, qos=1)
            peer.drop()
        publisher = self.connect("p")
        for topic in ("small", "large", "longer"):
            publisher.publish(topic, topic.encode(), 1)
        for name, topic in (("ab", "longer"), ("A", "large"), ("a", "small")):
            with self.case(name):
                peer = self.connect(name, keep=True, present=True)
                self.assertEqual([each.topic for each in peer.messages()], [topic.encode()])
        self.connect("b", keep=True, present=False)

    @states("MQTT311-3.1.3-6", "MQTT5-3.1.3-6", "MQTT5-3.2.2-16")
    def test_no_name(self) -> None:
        """
        Clients that give no identifier, and are let in, have nothing to do with each other.
        """
        peers = [self.connect("") for _ in range(3)]
        for number, peer in enumerate(peers):
            peer.subscribe(f"t{number}")
        self.connect("p").publish("t1", b"x")
        for number, peer in enumerate(peers):
            with self.case(f"client {number}"):
                self.assertEqual(len(peer.messages()), int(number == 1))
                peer.alive()
        if self.version == 5:
            names = [field(peer.connack, "assigned_client_identifier") for peer in peers]
            self.assertNotIn(None, names)
            self.assertEqual(len({*names, ""}), 4)

    @states("MQTT5-3.1.3-7", "MQTT5 3.2.2.3.7")
    def test_name_that_was_given(self) -> None:
        """
        A client that was given an identifier is told it, and by it finds its session again; who has one is told none.
        """
        peer = self.connect("", clean=False, session_expiry_interval=EXPIRY)
        name = field(peer.connack, "assigned_client_identifier")
        self.assertTrue(name)
        peer.subscribe("t", qos=1)
        peer.drop()
        self.connect("p").publish("t", b"waits", 1)
        peer = self.connect(name, keep=True, present=True)
        self.assertIsNone(field(peer.connack, "assigned_client_identifier"))
        self.assertEqual([each.payload for each in peer.messages()], [b"waits"])

    @states("MQTT311-3.1.3-7", "MQTT311-3.1.3-8")
    def test_no_name_and_no_clean_session(self) -> None:
        """
        Who gives no identifier and wants its session kept is refused with return code 2.
        """
        peer = self.dial()
        peer.say(connect(self.version, '""', 0x00))
        peer.expect("20 02 00 02")
        peer.closed()

    @states("MQTT311-3.1.3-9", "MQTT5-3.1.3-8")
    def test_name_that_is_refused(self) -> None:
        """
        A client identifier that the broker does not like is refused as such, and the connection closed.
        """
        self.begin(max_client_id_bytes=8)
        self.connect("12345678")
        peer = self.dial()
        peer.say(Connect("123456789", self.version))
        peer.expect(CONNACK, reason=0x85 if self.version == 5 else 2, session_present=False)
        peer.closed()

    @states("MQTT5-3.1.3-8", "MQTT311-3.1.3-9")
    def test_name_of_anothers_session(self) -> None:
        """
        Nobody gets a session that is another user's: the identifier is refused.
        """
        self.begin(users={"joe": "secret", "eve": "evil"})
        self.connect("a", keep=True, username="joe", password=b"secret").drop()
        peer = self.dial()
        said = Properties(session_expiry_interval=EXPIRY) if self.version == 5 else None
        peer.say(Connect("a", self.version, False, 0, "eve", b"evil", None, said))
        peer.expect(CONNACK, reason=0x85 if self.version == 5 else 2, session_present=False)
        peer.closed()
