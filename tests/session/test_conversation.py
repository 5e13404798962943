"""
Tests of txmqtt.session.conversation: reading.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import VERSIONS, Talk, acks, publish
from txmqtt.codec import encode
from txmqtt.codec.constants import PUBACK, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Disconnect, Packet, Pingreq, Pingresp, Subscribe, Subscription

DIALOGUE: list[Packet] = [
    publish(b"0"),
    publish(b"1", 1, 1),
    Subscribe(7, [Subscription(b"b", 1)]),
    publish(b"2" * 200, 2, 2),
    Pingreq(),
    Ack(PUBREL, 2),
]


class ReadingTests(SynchronousTestCase):
    def test_any_cut(self) -> None:
        """
        A client may cut its bytes anywhere: the conversation is the same.
        """
        for version in VERSIONS:
            data = b"".join(encode.packet(packet, version) for packet in DIALOGUE)
            whole = Talk(version).open()
            whole.feed(data)
            self.assertEqual(len(whole.hall.subscribes), 1)
            expected = whole.heard()
            for size in (1, 2, 3, 50, 210):
                with self.subTest(version=version, size=size):
                    talk = Talk(version).open()
                    for start in range(0, len(data), size):
                        talk.feed(data[start : start + size])
                    self.assertEqual((talk.heard(), talk.hall.heard), (expected, whole.hall.heard))

    def test_one_write_for_one_read(self) -> None:
        """
        All answers to what came in one read leave in one write.
        """
        talk = Talk().open()
        talk.written.clear()
        talk.say(*DIALOGUE)
        self.assertEqual(len(talk.written), 1)

    def test_up_to_the_error(self) -> None:
        """
        What stands before a broken packet counts, what stands behind it does not.
        """
        talk = Talk().open()
        good = encode.packet(publish(b"1", 1, 1), 5)
        talk.feed(good + b"\x36\x00" + good)
        heard = talk.heard()
        self.assertEqual((talk.hall.payloads(), heard[0], heard[1].kind), ([b"1"], Ack(PUBACK, 1), 14))
        self.assertEqual(talk.reason, 0x81)

    def test_nothing_raised(self) -> None:
        """
        Whatever a client says ends at worst its own conversation [MQTT5-4.13.1-1] [MQTT311-4.8.0-1].
        """
        for version in VERSIONS:
            for data in (
                b"\x00\x00",
                b"\xff" * 100,
                b"\x30\xff\xff\xff\xff",
                b"\x36\x06\x00\x01a\x00\x01\x00",
                b"\xf0\x00",
            ):
                with self.subTest(version=version, data=data):
                    talk = Talk(version).open()
                    talk.feed(data)
                    self.assertGreaterEqual(talk.reason, 0x80)
                    goodbyes = talk.heard()
                    self.assertEqual([packet.kind for packet in goodbyes], [14] if version == 5 else [])

    def test_too_large(self) -> None:
        """
        A packet larger than we announced ends the conversation with 0x95 before its bytes are kept.
        """
        talk = Talk().open(packet_limit=100)
        talk.feed(b"\x30\x65\x00\x01a\x00")
        self.assertEqual((talk.reason, talk.session.decoder.held), (0x95, 0))

    def test_after_the_end(self) -> None:
        """
        After the end nothing is heard any more, not even the rest of the same read.
        """
        talk = Talk().open()
        talk.say(publish(b"1"), Disconnect(), publish(b"2"))
        talk.say(publish(b"3"))
        self.assertEqual((talk.hall.payloads(), talk.heard()), ([b"1"], []))

    def test_not_from_a_client(self) -> None:
        """
        What only a server says is no client's to say.
        """
        for data in (b"\x20\x03\x00\x00\x00", b"\x90\x04\x00\x01\x00\x00", b"\xb0\x04\x00\x01\x00\x00", b"\xd0\x00"):
            with self.subTest(data=data):
                talk = Talk().open()
                talk.feed(data)
                self.assertEqual(talk.reason, 0x82)

    def test_ended_by_a_handler(self) -> None:
        """
        When acting on a packet ends the conversation, the packets behind it are not acted on.
        """
        talk = Talk(4).open()
        talk.session.send_limit = 3
        talk.say(publish(b"1", 1, 1), publish(b"2", 1, 2))
        self.assertEqual((talk.hall.payloads(), talk.reason, talk.heard()), ([b"1"], 0x95, []))


class HoldTests(SynchronousTestCase):
    def test_kept(self) -> None:
        """
        What comes while we do not read is kept, and acted on in order when we read again.
        """
        talk = Talk().open()
        talk.session.reading = False
        talk.say(publish(b"1", 1, 1), Pingreq())
        talk.say(publish(b"2", 2, 2))
        self.assertEqual((talk.heard(), talk.hall.heard), ([], []))
        talk.session.proceed()
        talk.turn.flush()
        self.assertEqual(talk.heard(), [Ack(PUBACK, 1), Pingresp(), *acks(PUBREC, 2)])

    def test_not_after_the_end(self) -> None:
        """
        What was kept when the conversation ended stays unread.
        """
        talk = Talk().open()
        talk.session.reading = False
        talk.say(publish(b"1"))
        talk.session.lost()
        talk.session.proceed()
        self.assertEqual(talk.hall.heard, [])

    def test_alarm_after_the_end(self) -> None:
        """
        An alarm that rings when all is over does nothing.
        """
        talk = Talk().open(keep_alive=1)
        talk.session.lost()
        talk.session.tick(talk.now + 100)
        self.assertEqual((talk.wire.closed, talk.heard()), (None, []))
