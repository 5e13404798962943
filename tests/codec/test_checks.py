"""
Tests of txmqtt.codec.checks.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec import checks
from txmqtt.codec.constants import CONNACK, PUBLISH, SUBACK, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.properties import Properties


class CheckTests(SynchronousTestCase):
    def test_topic_size(self) -> None:
        """
        A topic has 1 to 65,535 bytes; on 5.0 an alias may stand in its place.
        """
        checks.check_topic_size(1, None, 4)
        checks.check_topic_size(65_535, None, 4)
        checks.check_topic_size(0, Properties(topic_alias=1), 5)
        for size, properties, version in (
            (0, None, 4),
            (0, None, 5),
            (0, Properties(), 5),
            (0, Properties(topic_alias=1), 4),
            (65_536, None, 5),
        ):
            self.assertRaises(LocalProtocolError, checks.check_topic_size, size, properties, version)

    def test_packet_id(self) -> None:
        """
        A packet identifier is 1 to 65,535; the error names packet and value.
        """
        self.assertEqual(checks.packet_id_bytes(1, SUBSCRIBE), b"\0\1")
        self.assertEqual(checks.packet_id_bytes(65_535, SUBSCRIBE), b"\xff\xff")
        for value in (-1, 0, 65_536):
            error = self.assertRaises(LocalProtocolError, checks.packet_id_bytes, value, SUBSCRIBE)
            self.assertEqual(str(error), f"packet identifier of SUBSCRIBE is {value}; expected 1 to 65535")

    def test_properties_before_5(self) -> None:
        """
        3.x has no properties, and not even an empty list of them.
        """
        self.assertEqual(checks.properties_bytes(None, PUBLISH, 4), b"")
        self.assertEqual(checks.properties_bytes(None, PUBLISH, 5), b"\0")
        self.assertIn("PUBLISH", str(checks.bad_properties(PUBLISH, 4)))
        for kind in (0, PUBLISH):
            self.assertRaises(LocalProtocolError, checks.properties_bytes, Properties(), kind, 3)

    def test_strings(self) -> None:
        """
        Topics and filters are refused with the reason code for each.
        """
        checks.check_topic(b"a/b", "topic")
        checks.check_filter(b"$share", 4)
        self.assertEqual(self.assertRaises(LocalProtocolError, checks.check_topic, b"#", "topic").reason, 0x90)
        self.assertEqual(self.assertRaises(LocalProtocolError, checks.check_filter, b"a#", 4).reason, 0x8F)
        self.assertEqual(self.assertRaises(LocalProtocolError, checks.check_filter, b"$share", 5).reason, 0x8F)
        self.assertEqual(checks.bad_topic_size(70_000).reason, 0x90)

    def test_reasons(self) -> None:
        """
        A reason code that a packet may not have is refused, one among many too.
        """
        checks.check_reason(5, CONNACK, 4)
        self.assertRaises(LocalProtocolError, checks.check_reason, 6, CONNACK, 4)
        self.assertRaises(LocalProtocolError, checks.check_reason, 5, CONNACK, 5)
        self.assertEqual(checks.codes_bytes([0, 0x80], SUBACK, 4), b"\0\x80")
        self.assertRaises(LocalProtocolError, checks.codes_bytes, [0, 3], SUBACK, 4)
        self.assertRaises(LocalProtocolError, checks.codes_bytes, [0, 256], SUBACK, 5)
        self.assertRaises(LocalProtocolError, checks.codes_bytes, [], SUBACK, 5)

    def test_first_byte(self) -> None:
        """
        Only 3.1 can say that a SUBSCRIBE or UNSUBSCRIBE comes again.
        """
        self.assertEqual(checks.first_byte(False, 0x82, 5), 0x82)
        self.assertEqual(checks.first_byte(True, 0x82, 3), 0x8A)
        error = self.assertRaises(LocalProtocolError, checks.first_byte, True, UNSUBSCRIBE << 4 | 2, 4)
        self.assertIn("UNSUBSCRIBE", str(error))

    def test_qos(self) -> None:
        """
        The error for a QoS tells it.
        """
        self.assertEqual(str(checks.bad_qos(3)), "QoS is 3; expected 0, 1 or 2")
