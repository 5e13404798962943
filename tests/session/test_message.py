"""
Tests of txmqtt.session.message.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.constants import MQTT5, MQTT31, MQTT311
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.message import OVERHEAD, Message, travelling, unretained

NOW = 1_000_000.0


def read(version: int, *pieces: bytes) -> Publish:
    """
    The PUBLISH that these bytes are.
    """
    decoder = Decoder(version)
    decoder.feed(b"".join(pieces))
    packet = decoder.take()
    assert isinstance(packet, Publish) and not decoder.held
    return packet


class FrameTests(SynchronousTestCase):
    def test_what_it_says(self) -> None:
        """
        A QoS 0 frame carries topic and payload unchanged, in every version, whatever their sizes.
        """
        for version in (MQTT31, MQTT311, MQTT5):
            for size in (0, 1, 127, 128, 20_000):
                with self.subTest(version=version, size=size):
                    frame = Message(b"a/b", b"x" * size).frame(version, NOW)
                    self.assertEqual(read(version, frame), Publish(b"a/b", b"x" * size))

    def test_shared(self) -> None:
        """
        All who would get the same bytes get the same object.
        """
        message = Message(b"a", b"x", 1, properties=Properties(content_type="t"))
        for version in (MQTT31, MQTT311, MQTT5):
            self.assertIs(message.frame(version, NOW), message.frame(version, NOW + 100))
        self.assertIs(message.frame(MQTT31, NOW), message.frame(MQTT311, NOW))
        tail = message.tail(MQTT5, (), NOW)
        self.assertIs(message.tail(MQTT5, (), NOW), tail)
        self.assertIs(message.head(0x32, tail), message.head(0x32, tail))

    def test_pieces(self) -> None:
        """
        Head, packet identifier and tail make one PUBLISH, at any QoS and with any flags, one after the other.
        """
        message = Message(b"a/b", b"x" * 130, 2)
        for version in (MQTT311, MQTT5):
            for first, qos, retain, dup in ((0x32, 1, False, False), (0x3D, 2, True, True), (0x34, 2, False, False)):
                with self.subTest(version=version, first=first):
                    tail = message.tail(version, (), NOW)
                    packet = read(version, message.head(first, tail), b"\x01\x02", tail)
                    self.assertEqual(packet, Publish(b"a/b", b"x" * 130, qos, retain, dup, 0x0102))

    def test_qos_0_pieces(self) -> None:
        """
        Without a packet identifier head and tail are enough.
        """
        message = Message(b"a", b"x")
        tail = message.tail(MQTT5, (7,), NOW)
        packet = read(MQTT5, message.head(0x31, tail), tail)
        self.assertEqual(packet, Publish(b"a", b"x", 0, True, properties=Properties(subscription_identifiers=(7,))))

    def test_properties(self) -> None:
        """
        The properties of a message reach 5.0 unchanged and in their order [MQTT5-3.3.2-15] [MQTT5-3.3.2-16]
        [MQTT5-3.3.2-17] [MQTT5-3.3.2-18], and 3.x not at all.
        """
        properties = Properties(
            payload_format_indicator=1,
            content_type="t",
            response_topic="r",
            correlation_data=b"c",
            user_properties=(("b", "1"), ("a", "2"), ("b", "3")),
        )
        message = Message(b"a", b"x", properties=properties)
        self.assertEqual(read(MQTT5, message.frame(MQTT5, NOW)).properties, properties)
        self.assertEqual(message.frame(MQTT311, NOW), b"\x30\x04\x00\x01ax")

    def test_made_for_one(self) -> None:
        """
        Subscription identifiers and alias of one receiver do not leak into what others get.
        """
        message = Message(b"a", b"x", properties=Properties(content_type="t"))
        own = message.told((1, 300), 5)
        packet = read(MQTT5, message.head(0x30, own), own)
        expected = Properties(content_type="t", topic_alias=5, subscription_identifiers=(1, 300))
        self.assertEqual(packet.properties, expected)
        self.assertEqual(read(MQTT5, message.frame(MQTT5, NOW)).properties, Properties(content_type="t"))

    def test_as_it_came(self) -> None:
        """
        Bytes that came are sent on only where they say what has to be said.
        """
        for version, frame in ((MQTT311, b"\x30\x04\x00\x01ax"), (MQTT5, b"\x30\x05\x00\x01a\x00x")):
            with self.subTest(version=version):
                message = Message(b"a", b"x")
                message.came(frame, version)
                self.assertIs(message.frame(version, NOW), frame)
                for other in (MQTT311, MQTT5):
                    self.assertEqual(read(other, message.frame(other, NOW)), Publish(b"a", b"x"))

    def test_head_as_it_came(self) -> None:
        """
        At QoS 1 and 2 the head that came serves those who get the same QoS, version and flags, and nobody else.
        """
        for version, head in ((MQTT311, b"\x32\x06\x00\x01a"), (MQTT5, b"\x32\x07\x00\x01a")):
            message = Message(b"a", b"x", 1)
            message.came(head, version)
            self.assertIs(message.head(0x32, message.tail(version, (), NOW)), head)
            for other, first in ((MQTT311, 0x32), (MQTT5, 0x32), (MQTT5, 0x34), (MQTT311, 0x33)):
                with self.subTest(version=version, other=other, first=first):
                    tail = message.tail(other, (), NOW)
                    packet = read(other, message.head(first, tail), b"\x00\x01", tail)
                    self.assertEqual((packet.topic, packet.payload, packet.qos), (b"a", b"x", first >> 1 & 3))


class ExpiryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.message = Message(b"a", b"x", 1, expires_at=NOW + 10)

    def left(self, wall: float) -> int | None:
        """
        The seconds that a 5.0 receiver is told.
        """
        properties = read(MQTT5, self.message.frame(MQTT5, wall)).properties
        assert properties is not None
        tail = self.message.tail(MQTT5, (), wall)
        again = read(MQTT5, self.message.head(0x32, tail), b"\x00\x01", tail).properties
        self.assertEqual(properties, again)
        return properties.message_expiry_interval

    def test_counted_down(self) -> None:
        """
        A receiver is told the seconds that are left, not those that there were [MQTT5-3.3.2-6].
        """
        self.assertEqual([self.left(NOW + waited) for waited in (0, 0.5, 1, 7, 9.5)], [10, 10, 9, 3, 1])

    def test_never_zero(self) -> None:
        """
        A repeat that comes late still has a second: 0 would mean that it had expired before it was sent.
        """
        self.assertEqual(self.left(NOW + 60), 1)

    def test_counted_down_for_one(self) -> None:
        """
        What is made for one receiver counts down too.
        """
        for waited, left in ((0, 10), (4, 6)):
            tail = self.message.tail(MQTT5, (3,), NOW + waited)
            packet = read(MQTT5, self.message.head(0x32, tail), b"\x00\x01", tail)
            expected = Properties(message_expiry_interval=left, subscription_identifiers=(3,))
            self.assertEqual(packet.properties, expected)

    def test_over(self) -> None:
        """
        A message is over when its time is [MQTT5-3.3.2-5]; one without a time never.
        """
        self.assertFalse(self.message.expired(NOW + 9.99))
        self.assertTrue(self.message.expired(NOW + 10))
        self.assertFalse(Message(b"a", b"x").expired(NOW * 1e6))

    def test_not_for_3(self) -> None:
        """
        3.x knows nothing of expiry: its frame is the same all along.
        """
        self.assertIs(self.message.frame(MQTT311, NOW), self.message.frame(MQTT311, NOW + 9))


class KeepingTests(SynchronousTestCase):
    def test_size(self) -> None:
        """
        What a message costs to keep counts towards the limits in bytes: topic, payload, and what any message costs.
        """
        self.assertEqual(Message(b"abc", b"x" * 100).size, 103 + OVERHEAD)

    def test_travelling(self) -> None:
        """
        Alias, expiry and subscription identifiers are of one hop; all else goes on with the message.
        """
        hop = Properties(topic_alias=1, message_expiry_interval=5, subscription_identifiers=(2,))
        self.assertIsNone(travelling(hop))
        self.assertIsNone(travelling(None))
        onward = Properties(content_type="t", user_properties=(("a", "b"),))
        mixed = Properties(content_type="t", user_properties=(("a", "b"),), topic_alias=1, message_expiry_interval=5)
        self.assertEqual(travelling(mixed), onward)

    def test_unretained(self) -> None:
        """
        What is forwarded and not kept says all but that it is retained.
        """
        message = Message(b"a", b"x", 1, True, Properties(content_type="t"), NOW, "somebody")
        copy = unretained(message)
        self.assertEqual(
            (copy.topic, copy.payload, copy.qos, copy.retain, copy.properties, copy.expires_at, copy.publisher),
            (b"a", b"x", 1, False, message.properties, NOW, "somebody"),
        )

    def test_nothing_came(self) -> None:
        """
        A message that came in no bytes of its own is said in new ones.
        """
        message = Message(b"a", b"x")
        message.came(None, MQTT5)
        self.assertEqual(read(MQTT5, message.frame(MQTT5, NOW)), Publish(b"a", b"x"))

    def test_many_properties(self) -> None:
        """
        Properties that need a long length are read as they were said, with identifiers and alias or without.
        """
        said = (("key", "v" * 200),)
        message = Message(b"a", b"x", 1, properties=Properties(user_properties=said))
        for identifiers in ((), (7,)):
            tail = message.tail(MQTT5, identifiers, NOW)
            packet = read(MQTT5, message.head(0x32, tail), b"\x00\x01", tail)
            wanted = Properties(user_properties=said, subscription_identifiers=identifiers)
            self.assertEqual((packet.properties, packet.payload), (wanted, b"x"))
