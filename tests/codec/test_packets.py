"""
Tests of txmqtt.codec.packets.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.vectors.good import GOOD
from txmqtt.codec.constants import NAMES, PUBACK, PUBREC
from txmqtt.codec.packets import Ack, Connect, Pingreq, Pingresp, Publish, Subscription, Will
from txmqtt.codec.properties import Properties


class PacketTests(SynchronousTestCase):
    def test_equal_by_what_they_say(self) -> None:
        """
        Two packets are equal when they say the same, and then have the same hash.
        """
        for _, _, _, packet in GOOD:
            same = [other for _, _, _, other in GOOD if other == packet]
            self.assertIn(packet, same)
            self.assertEqual({hash(other) for other in same}, {hash(packet)})
            self.assertEqual({other.kind for other in same}, {packet.kind})
            self.assertEqual({repr(other) for other in same}, {repr(packet)})

    def test_types_differ(self) -> None:
        """
        Packets of two types are never equal, nor is a packet equal to something else.
        """
        self.assertNotEqual(Ack(PUBACK, 1), Ack(PUBREC, 1))
        self.assertNotEqual(Pingreq(), Pingresp())
        self.assertNotEqual(Pingreq(), "PINGREQ")
        self.assertNotEqual(Will(b"a", b""), Subscription(b"a"))
        self.assertNotEqual(Subscription(b"a"), Will(b"a", b""))

    def test_every_field_counts(self) -> None:
        """
        One different field makes a different packet.
        """
        self.assertNotEqual(Publish(b"a", b"b"), Publish(b"a", b"b", retain=True))
        self.assertNotEqual(Publish(b"a", b"b"), Publish(b"a", b"b", properties=Properties(topic_alias=1)))
        self.assertNotEqual(Will(b"a", b"b"), Will(b"a", b"b", 1))
        self.assertNotEqual(Subscription(b"a"), Subscription(b"a", retain_handling=1))
        self.assertNotEqual(Connect("a", 4), Connect("a", 4, bridge=True))
        self.assertEqual(len({Will(b"a", b"b"), Will(b"a", b"b"), Will(b"a", b"c")}), 2)
        self.assertEqual(len({Subscription(b"a"), Subscription(b"a"), Subscription(b"b")}), 2)

    def test_repr_names_the_type(self) -> None:
        """
        A packet in a log line says what it is.
        """
        for _, _, _, packet in GOOD:
            self.assertTrue(repr(packet).startswith(f"<{NAMES[packet.kind]}"), repr(packet))
        self.assertIn("b'w'", repr(Will(b"w", b"x")))
        self.assertIn("b'a/+'", repr(Subscription(b"a/+")))

    def test_no_secret_in_a_log(self) -> None:
        """
        Neither a password nor authentication data is ever in the words for a packet.
        """
        secret = Properties(authentication_method="m", authentication_data=b"hunter2")
        self.assertNotIn("hunter2", repr(Connect("a", 5, username="u", password=b"hunter2", properties=secret)))
        self.assertNotIn("hunter2", repr(secret))
