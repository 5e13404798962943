"""
The exchanges of QoS 1 and 2 (section 4.3), the receiver's half: what our client answers, and delivers once.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.conformance.client.test_qos import QosCase
from tests.conformance.states import states
from txmqtt import Message, Properties
from txmqtt.codec.constants import PUBACK, SUBSCRIBE
from txmqtt.codec.packets import Pingresp, Publish


class ReceivingTests(QosCase):
    @states("MQTT311-4.3.2-2", "MQTT5-4.3.2-4", "MQTT5-4.5.0-2", "MQTT311-4.5.0-2")
    def test_puback(self) -> None:
        """
        A message of QoS 1 is answered with its number, when the application is done with it.
        """
        peer = self.accept()
        done: Deferred[None] = Deferred()
        self.ignore(self.client.subscribe("t", lambda message: done, 1))
        peer.expect(SUBSCRIBE)
        peer.say(Publish(b"t", b"x", 1, packet_id=0x1234))
        peer.silence()
        done.callback(None)
        peer.expect("40 02 1234")
        peer.silence()

    @states("MQTT311-4.3.2-2", "MQTT5-4.3.2-5", "MQTT31 4.1")
    def test_after_puback(self) -> None:
        """
        After PUBACK the same number means a new message, whatever DUP says.
        """
        peer = self.steady()
        for number, dup in enumerate((False, True, False)):
            peer.say(Publish(b"t", b"%d" % number, 1, dup=dup, packet_id=7))
            peer.expect("40 02 0007")
        self.assertEqual(self.got, [b"0", b"1", b"2"])

    @states("MQTT311-4.3.3-2", "MQTT5-4.3.3-8", "MQTT5-4.3.3-10", "MQTT5-4.3.3-11", "MQTT5-4.3.3-12", "MQTT31 4.1")
    def test_exactly_once(self) -> None:
        """
        A message of QoS 2 that is repeated is answered again, and delivered once; after PUBCOMP its number is free.
        """
        peer = self.steady()
        for payload in (b"first", b"second"):
            for dup in (payload == b"second", True, True):  # the second begins with DUP, and is new all the same
                peer.say(Publish(b"t", payload, 2, dup=dup, packet_id=7))
                peer.expect("50 02 0007")
            peer.drop()
            peer = self.resumed()
            peer.say(Publish(b"t", payload, 2, dup=True, packet_id=7))
            peer.expect("50 02 0007")
            peer.say("62 02 0007")
            peer.expect("70 02 0007")
        peer.silence()
        self.assertEqual(self.got, [b"first", b"second"])

    @states("MQTT5 3.7.2.1", "MQTT311 4.3.3", "MQTT31 4.2")
    def test_pubrel_again(self) -> None:
        """
        A PUBREL whose message is finished, or was never here, is answered with PUBCOMP all the same.
        """
        peer = self.accept()
        peer.say("62 02 0007")
        peer.expect("70 02 0007" if self.version < 5 else "70 03 0007 92")
        peer.silence()

    @states("MQTT5-4.3.3-9", "MQTT5 4.9")
    def test_after_a_refusal(self) -> None:
        """
        After a PUBREC that refuses, at once or later, the same number means a new message, and there is room for it.
        """
        peer = self.accept(receive_maximum=1)
        heard: list[bytes] = []
        later: Deferred[None] = Deferred()

        def judged(message: Message) -> Deferred[None] | None:
            heard.append(message.payload)
            if message.payload == b"now":
                raise ValueError("not this one")
            return later if message.payload == b"later" else None

        self.ignore(self.client.subscribe("t", judged, 2, on_error=0x83))
        peer.expect(SUBSCRIBE)
        peer.say(Publish(b"t", b"now", 2, packet_id=7))
        peer.expect("50 03 0007 83")
        peer.say(Publish(b"t", b"later", 2, dup=True, packet_id=7))
        peer.silence()
        later.errback(ValueError("nor this one"))
        peer.expect("50 03 0007 83")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        peer.say(Publish(b"t", b"fine", 2, dup=True, packet_id=7))
        peer.expect("50 02 0007")
        self.assertEqual(heard, [b"now", b"later", b"fine"])

    @states("MQTT5-4.3.3-13")
    def test_after_its_time(self) -> None:
        """
        An exchange goes on to its end even if the message has expired meanwhile.
        """
        peer = self.steady()
        told = Properties(message_expiry_interval=1)
        peer.say(Publish(b"t", b"x", 2, packet_id=7, properties=told))
        peer.expect("50 02 0007")
        self.wait(10)
        peer.say(Publish(b"t", b"x", 2, dup=True, packet_id=7, properties=told))
        peer.expect("50 02 0007")
        peer.say("62 02 0007")
        peer.expect("70 02 0007")
        self.assertEqual(self.got, [b"x"])

    @states("MQTT31 2.1")
    def test_marked_as_repeated(self) -> None:
        """
        On 3.1 a server may mark a PUBREL that it sends again; that changes nothing.
        """
        peer = self.steady()
        peer.say(Publish(b"t", b"x", 2, packet_id=7))
        peer.expect("50 02 0007")
        for _ in range(2):
            peer.say("6a 02 0007")
            peer.expect("70 02 0007")
        self.assertEqual(self.got, [b"x"])


class TransportTests(QosCase):
    @states("MQTT5-4.2.0-1", "MQTT311-7.1.2-1")
    def test_every_byte_in_order(self) -> None:
        """
        Bytes count, not reads: packets that come in single bytes, or all at once, are the same packets.
        """
        peer = self.accept(on_message=self.note)
        stream = [Publish(b"t", b"%d" % n * n, n % 2, packet_id=n if n % 2 else 0) for n in range(1, 20)]
        peer.say_slowly(*stream)
        peer.say(*stream, Pingresp())
        self.assertEqual(self.got, [each.payload for each in stream] * 2)
        answers = [peer.expect(PUBACK).packet_id for each in stream * 2 if each.qos]
        self.assertEqual(answers, [each.packet_id for each in stream if each.qos] * 2)
        peer.silence()
