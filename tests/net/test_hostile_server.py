"""
A server that has accepted us and does anything: what the application hears of it, and that nothing hangs.

Whatever happens, every Deferred fires and no timer is left.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from tests.codec.strategies import packets
from tests.net.support_hostile import ASKED, LEFT, QOS_1, QOS_2, VERSIONS, HostileTestCase, cuts, frame
from txmqtt import ConnectionClosed, Message, Properties, Refused
from txmqtt.codec import reasons
from txmqtt.codec.constants import DISCONNECT, PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import (
    Ack,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Unsuback,
)
from txmqtt.net.settings import Options

#: What no server may say once it has accepted us: for which versions, the bytes, and what the application reads. The
#: reason is what a server of 5.0 is told.
BREACHES: tuple[tuple[tuple[int, ...], bytes, str, int], ...] = (
    (VERSIONS, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", "unexpected CONNECT while open", 0x82),
    ((3, 4), b"\x20\x02\x00\x00", "unexpected CONNACK while open", 0x82),
    ((5,), b"\x20\x03\x00\x00\x00", "unexpected CONNACK while open", 0x82),
    ((3, 4), b"\xe0\x00", "unexpected DISCONNECT while open", 0x82),
    ((3, 4), b"\xf0\x00", "AUTH before MQTT 5.0", 0x81),
    ((5,), b"\xf0\x00", "unexpected AUTH while open", 0x82),
    (VERSIONS, b"\xc0\x00", "unexpected PINGREQ while open", 0x82),
    ((5,), b"\x40\x02\x00\x02", "PUBACK for packet identifier 2, which is of QoS 2", 0x82),
    (VERSIONS, b"\x50\x02\x00\x01", "PUBREC for packet identifier 1, which is of QoS 1", 0x82),
    (VERSIONS, b"\x70\x02\x00\x01", "PUBCOMP for packet identifier 1, which has had no PUBREL", 0x82),
    (VERSIONS, b"\x70\x02\x00\x02", "PUBCOMP for packet identifier 2, which has had no PUBREL", 0x82),
    (VERSIONS, b"\x40\x02\x00\x00", "PUBACK with packet identifier 0", 0x82),
    (VERSIONS, b"\x40\x01\x00", "PUBACK without a packet identifier", 0x81),
    ((4, 5), b"\x60\x02\x00\x01", "PUBREL with flags 0000; expected 0010", 0x81),
    ((5,), b"\x40\x03\x00\x01\x42", "PUBACK with reason code 0x42, which it may not have", 0x82),
    ((3, 4), b"\x90\x03\x00\x63\x00", "SUBACK for packet identifier 99, which asked for none", 0x82),
    ((5,), b"\x90\x04\x00\x63\x00\x00", "SUBACK for packet identifier 99, which asked for none", 0x82),
    ((3, 4), b"\xb0\x02\x00\x63", "UNSUBACK for packet identifier 99, which asked for none", 0x82),
    ((5,), b"\xb0\x04\x00\x63\x00\x00", "UNSUBACK for packet identifier 99, which asked for none", 0x82),
    ((3, 4), b"\x90\x03\x00\x01\x00", "SUBACK for packet identifier 1, which asked for none", 0x82),
    ((3, 4), b"\x90\x03\x00\x04\x00", "SUBACK for packet identifier 4, which asked for none", 0x82),
    ((3, 4), b"\xb0\x02\x00\x03", "UNSUBACK for packet identifier 3, which asked for none", 0x82),
    ((3, 4), b"\x90\x02\x00\x03", "SUBACK without a reason code", 0x82),
    ((3, 4), b"\x90\x03\x00\x03\x00", "SUBACK with 1 reason codes for 2 filters", 0x82),
    ((5,), b"\x90\x06\x00\x03\x00\x00\x00\x00", "SUBACK with 3 reason codes for 2 filters", 0x82),
    ((5,), b"\xb0\x05\x00\x04\x00\x00\x00", "UNSUBACK with 2 reason codes for 1 filters", 0x82),
    ((3, 4), b"\x90\x04\x00\x03\x00\x03", "SUBACK with reason code 0x03, which it may not have", 0x82),
    (VERSIONS, b"\x36\x06\x00\x01t\x00\x01\x00", "PUBLISH with QoS 3", 0x81),
    ((3, 4), b"\x30\x03\x00\x00x", "topic is empty", 0x90),
    ((5,), b"\x30\x03\x00\x00\x00", "PUBLISH without topic and topic alias", 0x82),
    (VERSIONS, b"\x30\x04\x00\x01#\x00", "topic has the wildcard '#' at byte 0", 0x90),
    (VERSIONS, b"\x30\x04\x00\x01\xff\x00", "topic: not UTF-8 at byte 0", 0x81),
    (VERSIONS, b"\x30\x04\x00\x09t\x00", "PUBLISH cut off in its topic", 0x81),
    (VERSIONS, b"\x32\x06\x00\x01t\x00\x00\x00", "PUBLISH with packet identifier 0", 0x82),
    ((5,), b"\x30\x06\x00\x00\x03\x23\x00\x02", "topic alias 2 was never set", 0x82),
    ((5,), b"\x30\x07\x00\x01t\x03\x23\x00\x09", "topic alias 9, at most 5 was announced", 0x94),
    ((5,), b"\x30\x07\x00\x01t\x03\x23\x00\x00", "topic_alias is 0", 0x94),
    ((5,), b"\x30\x06\x00\x01t\x02\x0b\x00", "subscription_identifiers is 0", 0x82),
    ((5,), b"\x30\x08\x00\x01t\x04\x08\x00\x01#", "response_topic: topic has the wildcard '#' at byte 0", 0x82),
    (VERSIONS, b"\xd0\x01\x00", "PINGRESP goes on for 1 bytes after its last field", 0x81),
    (VERSIONS, b"\x30\xe9\x07", "packet of 1004 bytes; 1000 at most", 0x95),
    (VERSIONS, b"\xff\xff\xff\xff\xff", "", 0x81),
)


class OpenTests(HostileTestCase):
    def options(self, version: int) -> Options:
        return (
            {"maximum_packet_size": 1000, "topic_alias_maximum": 5} if version == 5 else {"maximum_packet_size": 1000}
        )

    def test_breaches(self) -> None:
        """
        A server that breaks a rule is let go; everybody who waits is told which, and on 5.0 so is the server.
        """
        for versions, said, words, reason in BREACHES:
            for version in versions:
                with self.subTest(version=version, said=said):
                    client = self.everything(version, self.options(version))
                    client.dataReceived(said)
                    self.assertTrue(self.transport.disconnecting)
                    self.assertEqual(self.said(), [Disconnect(reason)] if version == 5 else [])
                    error = self.same_end()
                    self.assertEqual((error.reason, error.remote), (reason, False))
                    self.assertRegex(str(error), "^we closed the connection: .* " + r"\(0x")
                    self.assertIn(words, str(error))

    def test_byte_by_byte(self) -> None:
        """
        It makes no difference in how many pieces nonsense comes.
        """
        for versions, said, words, _ in BREACHES:
            version = versions[-1]
            with self.subTest(version=version, said=said):
                client = self.everything(version, self.options(version))
                for at in range(len(said)):
                    client.dataReceived(said[at : at + 1])
                self.assertIn(words, str(self.same_end()))

    def test_closed_in_the_middle(self) -> None:
        """
        Half a packet is none: when the connection breaks in the midst of one, nothing of it was heard.
        """
        for version in VERSIONS:
            for packet in (
                *(Publish(b"t", b"payload"), Publish(b"t", b"payload", 2, packet_id=9), Ack(PUBACK, QOS_1)),
                *(Ack(PUBREC, QOS_2), Suback(ASKED, [1, 1]), Unsuback(LEFT, [0] if version == 5 else []), Pingresp()),
            ):
                for said in cuts(frame(packet, version)):
                    with self.subTest(version=version, said=said):
                        client = self.everything(version)
                        got: list[Message] = []
                        client.on_message = got.append
                        client.dataReceived(said)
                        self.lose(ConnectionLost())
                        error = self.same_end()
                        self.assertRegex(str(error), "^the connection was lost: ")
                        self.assertTrue(error.remote)
                        self.assertEqual(got, [])

    def test_harmless(self) -> None:
        """
        Answers to what nobody asked are answered as the standard wants, or not at all, and the connection goes on.
        """
        for version in VERSIONS:
            missing = 0x92 if version == 5 else 0
            for packet, answer in (
                (Ack(PUBACK, 99), []),
                (Ack(PUBCOMP, 99), []),
                (Ack(PUBREC, 99), [Ack(PUBREL, 99, missing)]),
                (Ack(PUBREL, 99), [Ack(PUBCOMP, 99, missing)]),
                (Ack(PUBACK, ASKED), []),
                (Ack(PUBCOMP, LEFT), []),
                (Ack(PUBREC, ASKED), [Ack(PUBREL, ASKED, missing)]),
            ):
                with self.subTest(version=version, packet=packet):
                    self.everything(version)
                    self.hears(packet)
                    self.assertEqual(self.said(), answer)
                    self.assertEqual(self.ends, {})
                    self.hears(Ack(PUBACK, QOS_1), Suback(ASKED, [1, 1]), Pingresp(), Pingresp())
                    self.assertEqual(self.ends.keys(), {"qos_1", "subscribe", "ping"})
                    self.over()

    def test_less_than_asked(self) -> None:
        """
        A subscription that gets less says what it got; one that gets nothing fails with the reason.
        """
        for version, codes, words in (
            (3, [0, 1], None),
            (4, [0, 0], None),
            (4, [2, 2], None),  # more, which harms nobody
            (4, [1, 0x80], "subscribe refused: 'b': 0x80 unspecified error"),
            (5, [0, 2], None),
            (5, [0x87, 1], "subscribe refused: 'a': 0x87 not authorized"),
            (5, [0x9E, 0xA2], "'a': 0x9E shared subscriptions not supported, 'b': 0xA2 wildcard"),
        ):
            with self.subTest(version=version, codes=codes):
                self.everything(version)
                self.hears(Suback(ASKED, codes))
                end = self.end("subscribe")
                if words is None:
                    self.assertEqual([int(reason) for reason in end.reasons], codes)
                else:
                    self.assertIs(type(end), Refused)
                    self.assertIn(words, str(end))
                    self.assertEqual(end.reason, next(code for code in codes if code >= 0x80))
                self.over()

    def test_each_goodbye(self) -> None:
        """
        Whatever reason a server gives for going is the reason that everybody gets.
        """
        for reason in range(0x100):
            if not reasons.legal(DISCONNECT, reason, 5):
                continue
            with self.subTest(reason=reason):
                self.everything(5)
                self.hears(Disconnect(reason, Properties(reason_string="because")))
                error = self.same_end()
                self.assertEqual((error.reason, error.remote), (reason, True))
                self.assertEqual(str(error), f"the server closed the connection: {reasons.name(reason)}, 'because'")

    def test_too_much_at_once(self) -> None:
        """
        More QoS 1 and 2 messages than our Receive Maximum end it, and everybody is told so.
        """
        for version in VERSIONS:
            client = self.everything(version, {"receive_maximum": 3})
            client.on_message = lambda message: Deferred()
            self.hears(*(Publish(b"t", b"p", 1 + number % 2, packet_id=number) for number in range(1, 5)))
            error = self.same_end()
            self.assertEqual(error.reason, 0x93)
            self.assertIn("receive maximum", str(error).lower())

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(VERSIONS), st.booleans(), st.lists(st.binary(max_size=12), max_size=6))
    def test_noise(self, version: int, opening: bool, pieces: list[bytes]) -> None:
        """
        Bytes that mean nothing end a connection or are waited for; nothing hangs.
        """
        client = self.opening(version=version) if opening else self.everything(version)
        for piece in pieces:
            client.dataReceived(piece)
        self.clock.advance(0)
        self.over()

    @settings(max_examples=40, deadline=None)
    @given(
        st.sampled_from(VERSIONS).flatmap(
            lambda version: st.tuples(st.just(version), st.lists(packets(version), max_size=6))
        )
    )
    def test_any_packets(self, given: tuple[int, list[Packet]]) -> None:
        """
        The same goes for packets, whichever they are, in any order.
        """
        version, said = given
        client = self.everything(version)
        client.on_message = lambda message: None
        for packet in said:
            client.dataReceived(frame(packet, version))
        self.clock.advance(0)
        self.over()


class SilenceTests(HostileTestCase):
    def test_amid_everything(self) -> None:
        """
        A server that falls silent, wherever it was, is given up when its PINGRESP is overdue.
        """
        for version in VERSIONS:
            for heard in ((), (Ack(PUBREC, QOS_2),), (Publish(b"t", b"p", 2, packet_id=9),), (Ack(PUBACK, QOS_1),)):
                with self.subTest(version=version, heard=heard):
                    client = self.everything(version, {"keep_alive": 60})
                    client.on_message = lambda message: None
                    self.hears(*heard)
                    for _ in range(4):
                        self.clock.advance(15)
                    closed = self.end("qos_2")
                    self.assertIs(type(closed), ConnectionClosed)
                    self.assertEqual((closed.reason, closed.remote), (0x8D, False))
                    self.assertIn("no PINGRESP within 15 s", str(closed))
                    self.over()

    def test_answers_pings_only(self) -> None:
        """
        A server that answers PINGREQ and nothing else is there, so it is waited for: until the application has no more
        patience, or until the connection ends.
        """
        client = self.open(keep_alive=60)
        patient, impatient = client.publish("t", qos=1), client.publish("t", qos=2)
        impatient.addTimeout(100, self.clock)
        for _ in range(20):
            self.clock.advance(15)
            self.hears(*(Pingresp() for packet in self.said() if isinstance(packet, Pingreq)))
        self.assertNoResult(patient)
        self.failureResultOf(impatient)
        self.assertFalse(self.transport.disconnecting)
        self.lose()
        self.closed(patient)

    def test_while_closing(self) -> None:
        """
        A server that does not close, and one that goes on talking, can't keep a client that has said goodbye.
        """
        for version in VERSIONS:
            for talks in (False, True):
                with self.subTest(version=version, talks=talks):
                    client = self.everything(version, {"close_timeout": 3})
                    self.watch(disconnect=client.disconnect())
                    if talks:
                        self.hears(Publish(b"t", b"p", 1, packet_id=9), Ack(PUBACK, QOS_1))
                        client.dataReceived(b"\x00\x00\x00")
                    self.assertEqual([packet.kind for packet in self.said()], [DISCONNECT])
                    self.assertFalse(self.transport.aborted)
                    self.clock.advance(3)
                    self.assertTrue(self.transport.aborted)
                    self.over()
                    self.assertEqual(str(self.end("qos_1")), "we disconnected")

    def test_reads_nothing(self) -> None:
        """
        A server that does not read lets nothing hang either: what waits fails when there is no room for a PINGREQ.
        """
        client = self.open(keep_alive=60, write_buffer=1000)
        client.pauseProducing()
        self.watch(closed=client.whenClosed(), waiting=client.publish("t", bytes(2000)))
        self.watch(qos_1=client.publish("t", bytes(900), qos=1), queued=client.publish("t", bytes(900), qos=2))
        for _ in range(8):
            self.clock.advance(15)
        self.assertIn("the peer does not read: ", str(self.same_end()))

    def test_reads_nothing_and_is_asked_more(self) -> None:
        """
        What can't wait in the queue ends the connection when the buffer is full: it would never be read.
        """
        client = self.open(write_buffer=1000)
        client.pauseProducing()
        self.watch(closed=client.whenClosed(), waiting=client.publish("t", bytes(2000)))
        self.watch(queued=client.publish("t", b"p", qos=1), subscribe=client.subscribe("a", print))
        self.clock.advance(0)
        error = self.same_end()
        self.assertEqual(error.reason, 0x97)
        self.assertIn("the peer does not read: ", str(error))
