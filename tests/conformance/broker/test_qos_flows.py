"""
The exchanges of QoS 0, 1 and 2, and how they go on after a break (sections 4.3 and 4.4).
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish
from txmqtt.codec.properties import Properties


class SenderTests(BrokerCase):
    """
    The broker sends a message on.
    """

    def watcher(self, qos: int) -> Peer:
        """
        Who comes back, and has subscribed to C{t}.
        """
        peer = self.connect("w", keep=True)
        peer.subscribe("t", qos=qos)
        return peer

    def again(self, peer: Peer) -> Peer:
        """
        The same after its connection broke.
        """
        peer.drop()
        return self.connect("w", keep=True, present=True)

    @states("MQTT311-4.3.1-1", "MQTT5-4.3.1-1")
    def test_qos_0(self) -> None:
        """
        A message of QoS 0 says QoS 0, has no DUP, and comes once.
        """
        peer = self.watcher(2)
        self.connect("p").publish("t", b"x")
        peer.hear()
        self.assertEqual(peer.raw[0], 0x30)
        self.again(peer).silence()

    @states(*("MQTT311-4.3.2-1", "MQTT311-4.3.3-1", "MQTT5-4.3.2-1", "MQTT5-4.3.2-2", "MQTT5-4.3.3-1", "MQTT5-4.3.3-2"))
    def test_free_identifiers(self) -> None:
        """
        What is first sent with QoS 1 or 2 has no DUP, and a packet identifier that nothing under way has.
        """
        peer = self.watcher(2)
        publisher = self.connect("p")
        under_way: dict[int, int] = {}
        for turn in range(8):
            for number in range(4):
                qos = 1 + number % 2
                publisher.publish("t", b"%d %d" % (turn, number), qos)
                message = peer.expect(PUBLISH, payload=b"%d %d" % (turn, number), qos=qos, dup=False)
                self.assertNotIn(message.packet_id, (0, *under_way))
                under_way[message.packet_id] = qos
            done = list(under_way)[-3::2] if turn % 2 else list(under_way)[:2]
            for packet_id in done:
                if under_way.pop(packet_id) == 1:
                    peer.say(Ack(PUBACK, packet_id))
                else:
                    peer.say(Ack(PUBREC, packet_id))
                    peer.expect(PUBREL, packet_id=packet_id)
                    peer.say(Ack(PUBCOMP, packet_id))
        peer.silence()

    @states("MQTT311-4.3.2-1", "MQTT5-4.3.2-3", "MQTT311-4.4.0-1", "MQTT5-4.4.0-1", "MQTT31 4.1")
    def test_qos_1(self) -> None:
        """
        A message of QoS 1 is sent again, under its number, whenever the client comes back, until PUBACK.
        """
        peer = self.connect("w", keep=True)
        peer.subscribe("t", qos=1)
        self.connect("p").publish("t", b"x", 1)
        packet_id = peer.expect(PUBLISH, payload=b"x", dup=False).packet_id
        for _ in range(3):
            peer.drop()
            peer = self.connect("w", keep=True)
            peer.expect(PUBLISH, payload=b"x", qos=1, dup=True, packet_id=packet_id)
        peer.say(Ack(PUBACK, packet_id))
        peer.silence()
        peer.drop()
        self.connect("w", keep=True).silence()

    @states(
        *("MQTT311-4.3.3-1", "MQTT311-4.4.0-1", "MQTT31 4.1"),
        *("MQTT5-4.3.3-3", "MQTT5-4.3.3-4", "MQTT5-4.3.3-5", "MQTT5-4.3.3-6", "MQTT5-4.4.0-1"),
    )
    def test_qos_2(self) -> None:
        """
        Of a message of QoS 2 PUBLISH is sent again until PUBREC, and then PUBREL until PUBCOMP, under one number.
        """
        peer = self.connect("w", keep=True)
        peer.subscribe("t", qos=2)
        self.connect("p").publish("t", b"x", 2)
        packet_id = peer.expect(PUBLISH, payload=b"x", dup=False).packet_id
        for _ in range(2):
            peer.drop()
            peer = self.connect("w", keep=True)
            peer.expect(PUBLISH, payload=b"x", qos=2, dup=True, packet_id=packet_id)
        peer.say(Ack(PUBREC, packet_id))
        peer.expect(PUBREL, packet_id=packet_id)
        for _ in range(2):
            peer.drop()
            peer = self.connect("w", keep=True)
            peer.expect(PUBREL, packet_id=packet_id)
        peer.silence()
        peer.say(Ack(PUBCOMP, packet_id))
        peer.silence()
        peer.drop()
        self.connect("w", keep=True).silence()

    @states("MQTT5-4.3.3-4", "MQTT311-4.3.3-1")
    def test_pubrec_twice(self) -> None:
        """
        A PUBREC that comes again is answered with PUBREL again, and never with PUBLISH.
        """
        peer = self.watcher(2)
        self.connect("p").publish("t", b"x", 2)
        packet_id = peer.expect(PUBLISH).packet_id
        for _ in range(2):
            peer.say(Ack(PUBREC, packet_id))
            peer.expect(PUBREL, packet_id=packet_id)
        peer.say(Ack(PUBCOMP, packet_id))
        peer.silence()

    @states("MQTT5-4.4.0-1")
    def test_never_otherwise(self) -> None:
        """
        On one connection nothing is sent twice, however long it is not acknowledged.
        """
        peer = self.watcher(2)
        publisher = self.connect("p")
        for qos in (1, 2, 2):
            publisher.publish("t", b"x", qos)
        peer.expect(PUBLISH, qos=1)
        packet_id = peer.expect(PUBLISH, qos=2).packet_id
        peer.expect(PUBLISH, qos=2)
        peer.say(Ack(PUBREC, packet_id))
        peer.expect(PUBREL)
        self.wait(4 if self.target else 1_000)
        peer.silence()

    @states("MQTT31 4.2")
    def test_retry(self) -> None:
        """
        On 3.1 what is not acknowledged in time is sent again on the same connection, with DUP.
        """
        self.begin(resend_interval=10)
        peer = self.connect("w")
        peer.subscribe("t", qos=2)
        publisher = self.connect("p")
        for qos in (1, 2, 2):
            publisher.publish("t", b"x", qos)
        one, two, three = (peer.expect(PUBLISH, dup=False) for _ in range(3))
        peer.say(Ack(PUBREC, three.packet_id))
        peer.expect(PUBREL, packet_id=three.packet_id)
        for _ in range(2):
            self.wait(9)
            peer.silence()
            self.wait(1.5)
            peer.take(PUBLISH, qos=1, dup=True, packet_id=one.packet_id)
            peer.take(PUBLISH, qos=2, dup=True, packet_id=two.packet_id)
            peer.take(PUBREL, packet_id=three.packet_id)
        peer.say(Ack(PUBACK, one.packet_id), Ack(PUBREC, two.packet_id), Ack(PUBCOMP, three.packet_id))
        peer.expect(PUBREL, packet_id=two.packet_id)
        peer.say(Ack(PUBCOMP, two.packet_id))
        self.wait(100)
        peer.silence()

    @states("MQTT5-4.4.0-1")
    def test_not_into_a_new_session(self) -> None:
        """
        A client that begins anew hears nothing of what was under way before.
        """
        peer = self.watcher(2)
        publisher = self.connect("p")
        publisher.publish("t", b"x", 1)
        publisher.publish("t", b"x", 2)
        peer.expect(PUBLISH)
        peer.say(Ack(PUBREC, peer.expect(PUBLISH).packet_id))
        peer.expect(PUBREL)
        peer.drop()
        self.connect("w", keep=True, clean=True, present=False).silence()

    @states("MQTT5-4.4.0-2")
    def test_refused(self) -> None:
        """
        An acknowledgement that refuses a message settles it: it is not sent again, and there is no PUBREL.
        """
        publisher = self.connect("p")
        for qos, answer in ((1, PUBACK), (2, PUBREC)):
            for reason in (0x80, 0x87, 0x97):
                with self.case(f"QoS {qos}, {reason:#04x}"):
                    peer = self.watcher(qos)
                    publisher.publish("t", b"x", qos)
                    message = peer.expect(PUBLISH, qos=qos)
                    peer.say(Ack(answer, message.packet_id, reason))
                    peer.silence()
                    peer = self.again(peer)
                    peer.silence()
                    peer.drop()

    @states("MQTT5-4.3.3-7")
    def test_sent_does_not_expire(self) -> None:
        """
        A message of QoS 2 that was sent no longer expires: it is sent again to a client that comes back late.
        """
        peer = self.watcher(2)
        self.connect("p").publish("t", b"x", 2, message_expiry_interval=1)
        packet_id = peer.expect(PUBLISH, payload=b"x").packet_id
        peer.drop()
        self.wait(3)
        peer = self.connect("w", keep=True, present=True)
        peer.expect(PUBLISH, payload=b"x", dup=True, packet_id=packet_id)
        peer.say(Ack(PUBREC, packet_id))
        peer.expect(PUBREL, packet_id=packet_id)


class ReceiverTests(BrokerCase):
    """
    The broker is sent a message.
    """

    @states("MQTT311-4.3.2-2", "MQTT5-4.3.2-4", "MQTT5-4.3.2-5")
    def test_qos_1(self) -> None:
        """
        A message of QoS 1 is answered with PUBACK under its number, which then means a new message, whatever DUP says.
        """
        watcher = self.connect("w")
        watcher.subscribe("t")
        peer = self.connect("p")
        for packet_id in (1, 65_535):
            for payload, dup in ((b"one", False), (b"two", True), (b"two", True), (b"three", False)):
                peer.say(Publish(b"t", payload, 1, dup=dup, packet_id=packet_id))
                peer.expect(PUBACK, packet_id=packet_id)
        found = [each.payload for each in watcher.messages()]
        self.assertEqual(found, [b"one", b"two", b"two", b"three"] * 2)

    @states("MQTT31 4.1", "MQTT311-4.3.3-2", "MQTT5-4.3.3-8", "MQTT5-4.3.3-10", "MQTT5-4.3.3-11", "MQTT5-4.3.3-12")
    def test_qos_2(self) -> None:
        """
        A message of QoS 2 that is sent again before its PUBREL is answered again, and reaches nobody twice.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=2)
        peer = self.connect("p")
        for turn in (b"one", b"two"):
            for dup in (False, True):
                peer.say(Publish(b"t", turn, 2, dup=dup, packet_id=7))
                peer.expect(PUBREC, packet_id=7)
            for _ in range(2):
                peer.say(Ack(PUBREL, 7))
                peer.expect(PUBCOMP, packet_id=7)
        self.assertEqual([each.payload for each in watcher.messages()], [b"one", b"two"])

    @states("MQTT311-4.3.3-2", "MQTT5-4.3.3-10")
    def test_qos_2_often(self) -> None:
        """
        However often a message of QoS 2 is sent again before its PUBREL, it is answered.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=2)
        peer = self.connect("p")
        for number in range(5):
            peer.say(Publish(b"t", b"x", 2, dup=number > 0, packet_id=7))
            peer.expect(PUBREC, packet_id=7)
        self.assertEqual(len(watcher.messages()), 1)

    @states("MQTT5-4.3.3-9")
    def test_refused(self) -> None:
        """
        After a PUBREC that refuses, the same number means a new message.
        """
        self.begin(max_topic_levels=2)
        watcher = self.connect("w")
        watcher.subscribe("#")
        peer = self.connect("p")
        for topic, reason in (("a/b/c", 0x90), ("d/e/f", 0x90), ("a/b", 0)):
            with self.case(topic):
                peer.say(Publish(topic.encode(), topic.encode(), 2, packet_id=7))
                peer.expect(PUBREC, packet_id=7, reason=reason)
        peer.say(Ack(PUBREL, 7))
        peer.expect(PUBCOMP, packet_id=7, reason=0)
        self.assertEqual([each.payload for each in watcher.messages()], [b"a/b"])

    @states("MQTT5-4.3.3-13")
    def test_expired(self) -> None:
        """
        An exchange of QoS 2 goes on to its end, even if the message has expired meanwhile.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=2)
        peer = self.connect("p", keep=True)
        message = Publish(b"t", b"x", 2, packet_id=7, properties=Properties(message_expiry_interval=1))
        peer.say(message)
        peer.expect(PUBREC, packet_id=7, reason=0)
        self.wait(3)
        message.dup = True
        peer.say(message)
        peer.expect(PUBREC, packet_id=7, reason=0)
        peer.drop()
        peer = self.connect("p", keep=True, present=True)
        peer.say(Ack(PUBREL, 7))
        peer.expect(PUBCOMP, packet_id=7, reason=0)
        self.assertLessEqual(len(watcher.messages()), 1)
