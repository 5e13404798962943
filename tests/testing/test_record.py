"""
Tests of txmqtt.testing.record: what a test can look at of a long conversation.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec import encode
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Connect, Pingreq, Publish
from txmqtt.testing.record import Record


class RecordTests(SynchronousTestCase):
    def test_endless(self) -> None:
        """
        However much is said, memory is bounded: the last ten thousand packets are remembered, and the others counted.
        """
        record = Record()
        record.add(encode.packet(Connect("c", 4), 4))
        record.add(encode.PINGREQ_BYTES * 10_005)
        self.assertEqual((len(record.look()), record.forgotten, record.version), (10_000, 6, 4))
        self.assertEqual(record.look()[0], Pingreq())

    def test_much(self) -> None:
        """
        Many bytes are looked at before a test does, and remembered as packets all the same.
        """
        record = Record()
        record.add(encode.packet(Connect("c", 4), 4))
        for _ in range(3):
            record.add(encode.publish(b"t", bytes(500_000), 0, False, False, 0, None, 4))
        self.assertLess(len(record._bytes), 1_000_000)
        self.assertEqual([len(each.payload) for each in record.look() if isinstance(each, Publish)], [500_000] * 3)

    def test_no_mqtt(self) -> None:
        """
        What is no MQTT is told whoever looks, never who says it, however much it is; and it is not kept.
        """
        record = Record()
        for _ in range(5):
            record.add(bytes(500_000))
        self.assertLess(len(record._bytes), 1_000_001)
        self.assertRaises(RemoteProtocolError, record.look)
