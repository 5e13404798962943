"""
Tests of txmqtt.session.meter: how fast one client may publish.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import VERSIONS, Talk, publish
from txmqtt.codec import encode
from txmqtt.codec.constants import MQTT5, PUBACK, PUBREC
from txmqtt.codec.packets import Ack, Disconnect, Pingreq, Pingresp
from txmqtt.session.meter import Meter


class MeteredTests(SynchronousTestCase):
    """
    A client that may not publish as fast as it likes.
    """

    def talk(self, rate: float = 0.0, burst: float = 0.0, byte_rate: float = 0.0, version: int = MQTT5) -> Talk:
        talk = Talk(version).open(packet_limit=10_000, keep_alive=2)
        talk.session.meter = Meter(talk.now)
        talk.session.meter.set(rate, burst, byte_rate, 0.0)
        return talk

    def test_too_many_at_once(self) -> None:
        """
        What comes too fast waits, is handed on at the rate that is allowed, in order, and none of it is lost; the
        client is not read meanwhile.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = self.talk(2, 3, version=version)
                talk.say(*[publish(b"%d" % number) for number in range(6)], Pingreq())
                self.assertEqual(talk.hall.payloads(), [b"0", b"1", b"2"])
                self.assertEqual(talk.wire.heard, ["hold"])
                talk.pass_time(0.5)
                self.assertEqual(talk.hall.payloads(), [b"0", b"1", b"2", b"3"])
                self.assertEqual(talk.heard(), [])
                talk.pass_time(1.0)
                self.assertEqual(talk.hall.payloads(), [b"%d" % number for number in range(6)])
                self.assertEqual(talk.heard(), [Pingresp()])
                self.assertEqual(talk.wire.heard, ["hold", "release"])
                self.assertEqual(talk.turn.throttled, 3)

    def test_rate_kept(self) -> None:
        """
        Who keeps to the rate is never stopped.
        """
        talk = self.talk(10, 1)
        for _ in range(50):
            talk.say(publish())
            talk.pass_time(0.1)
        self.assertEqual((len(talk.hall.payloads()), talk.wire.heard, talk.turn.throttled), (50, [], 0))

    def test_far_below_the_rate(self) -> None:
        """
        Where there is room for all of a read it counts just the same, and only what is published does.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = self.talk(1, 100, version=version)
                for _ in range(30):
                    talk.say(Pingreq(), publish(), publish(), publish(), Pingreq())
                self.assertEqual((len(talk.hall.payloads()), talk.wire.heard), (90, []))
                talk.say(*[publish()] * 12)
                self.assertEqual((len(talk.hall.payloads()), talk.wire.heard), (100, ["hold"]))
        talk = self.talk(byte_rate=1_000.0)
        frame = len(encode.packet(publish(bytes(89)), MQTT5))
        for _ in range(12):
            talk.say(publish(bytes(89)), Pingreq())
        self.assertEqual(len(talk.hall.payloads()), -(-1_000 // frame))

    def test_nothing_else_counts(self) -> None:
        """
        Only what is published is counted.
        """
        talk = self.talk(1, 1)
        talk.say(*[Pingreq()] * 20)
        self.assertEqual((len(talk.heard()), talk.wire.heard), (20, []))

    def test_answers_pass(self) -> None:
        """
        Who publishes as much as it may has its acknowledgements heard all the same.
        """
        talk = self.talk(1, 1)
        talk.post(b"1", ref=7)
        talk.post(b"2", 2, ref=8)
        talk.say(publish(b"1"), Ack(PUBACK, 1), Ack(PUBREC, 2))
        self.assertEqual(talk.hall.heard[-2:], [("settled", 7, 0), ("received", 2)])

    def test_bytes(self) -> None:
        """
        A message larger than the burst passes, and the next waits for what it took.
        """
        talk = self.talk(byte_rate=100.0)
        frame = len(encode.packet(publish(bytes(400)), MQTT5))
        talk.say(publish(bytes(400)), publish(b"next"))
        self.assertEqual(len(talk.hall.payloads()), 1)
        talk.pass_time((frame - 100) / 100 - 0.01)
        self.assertEqual(len(talk.hall.payloads()), 1)
        talk.pass_time(0.02)
        self.assertEqual(talk.hall.payloads()[1:], [b"next"])

    def test_cut_anywhere(self) -> None:
        """
        It does not matter how the bytes are cut.
        """
        talk = self.talk(byte_rate=100.0)
        data = b"".join(encode.packet(publish(bytes(90)), MQTT5) for _ in range(5))
        for at in range(len(data)):
            talk.feed(data[at : at + 1])
        self.assertEqual(len(talk.hall.payloads()), 2)
        talk.pass_time(20.0)
        self.assertEqual(len(talk.hall.payloads()), 5)
        self.assertEqual(talk.reason, 0x8D)  # and then it was silent for too long

    def test_looked_for_while_it_waits(self) -> None:
        """
        However long it takes, a client is read at least every 5 s, so that its end is noticed; what that brings waits
        like the rest, and no more of it than a packet may have.
        """
        talk = self.talk(byte_rate=100.0)
        talk.say(publish(bytes(5_000)), publish(b"next"))
        for _ in range(3):
            talk.wire.heard.clear()
            talk.pass_time(5.0)
            self.assertEqual(talk.wire.heard, ["release"])
            talk.feed(encode.packet(publish(bytes(4_000)), MQTT5))
            self.assertEqual(talk.wire.heard, ["release", "hold"])
        self.assertEqual(len(talk.hall.payloads()), 1)
        talk.pass_time(5.0)
        self.assertEqual(talk.wire.heard, ["release", "hold"])  # there is too much already

    def test_keep_alive_stands_still(self) -> None:
        """
        While a client is not heard, it is not expected to say anything.
        """
        talk = self.talk(0.05, 1)
        talk.say(publish(b"1"), publish(b"2"))
        talk.pass_time(19.0)
        self.assertIsNone(talk.wire.closed)
        talk.pass_time(1.0)
        self.assertEqual(talk.hall.payloads(), [b"1", b"2"])
        talk.pass_time(2.9)
        self.assertIsNone(talk.wire.closed)
        talk.pass_time(0.2)
        self.assertEqual(talk.reason, 0x8D)

    def test_gone_while_it_waits(self) -> None:
        """
        What a client has said counts, also if it goes before it is handed on.
        """
        for last, expected in ((Disconnect(), True), (Pingreq(), False)):
            talk = self.talk(1, 1)
            talk.say(publish(b"1"), publish(b"2"), publish(b"3"), last)
            talk.session.lost()
            self.assertEqual(talk.hall.payloads(), [b"1", b"2", b"3"])
            self.assertEqual(talk.hall.goodbyes[0] is not None, expected)
            self.assertEqual(len(talk.hall.goodbyes), 1)

    def test_broken_rule_after_waiting(self) -> None:
        """
        A rule that is broken after what waits ends the conversation when it is read.
        """
        talk = self.talk(1, 1)
        talk.feed(encode.packet(publish(b"1"), MQTT5) * 2 + b"\xf1\x00")
        self.assertEqual(talk.reason, -1)
        talk.pass_time(1.0)
        self.assertEqual((len(talk.hall.payloads()), talk.reason), (2, 0x81))

    def test_changed(self) -> None:
        """
        Another rate counts from now on; what is owed is still owed.
        """
        talk = self.talk(1, 1)
        talk.say(*[publish()] * 5)
        assert talk.session.meter is not None
        talk.session.meter.set(100, 1, 0, 0)
        talk.pass_time(1.1)
        self.assertEqual(len(talk.hall.payloads()), 5)
        talk.session.meter.set(0, 0, 0, 0)
        talk.say(*[publish()] * 5)
        self.assertEqual(len(talk.hall.payloads()), 10)


class MeterTests(SynchronousTestCase):
    def test_filled_unseen(self) -> None:
        """
        What has become allowed while nobody looked is allowed, and no more than a burst of it.
        """
        for rate, byte_rate in ((1.0, 0.0), (0.0, 10.0)):
            with self.subTest(rate=rate, byte_rate=byte_rate):
                meter = Meter(100.0)
                meter.set(rate, 2.0, byte_rate, 19.0)
                self.assertEqual([meter.admits(100.0, 10) for _ in range(3)], [True, True, False])
                self.assertEqual([meter.admits(101.0, 10) for _ in range(2)], [True, False])
                self.assertEqual([meter.admits(500.0, 10) for _ in range(3)], [True, True, False])
