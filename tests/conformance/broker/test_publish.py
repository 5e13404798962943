"""
PUBLISH (section 3.3): what the broker takes from publishers, and what it sends on.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.case import BrokerCase
from tests.conformance.peer import field
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBLISH, PUBREC
from txmqtt.codec.packets import Ack, Publish


class QosTests(BrokerCase):
    @states("MQTT311-3.3.4-1", "MQTT5-3.3.4-1")
    def test_answers(self) -> None:
        """
        A message is answered as its QoS asks: not at all, with PUBACK, with PUBREC.
        """
        peer = self.connect("a")
        peer.say(Publish(b"a", b"x"))
        peer.alive()
        peer.say(Publish(b"a", b"x", 1, packet_id=7))
        peer.expect(PUBACK, packet_id=7)
        peer.say(Publish(b"a", b"x", 2, packet_id=8))
        peer.expect(PUBREC, packet_id=8)

    @states("MQTT311-3.3.1-4", "MQTT5-3.3.1-4")
    def test_qos_3(self) -> None:
        """
        There is no QoS 3: who sends it is disconnected.
        """
        peer = self.connect("a")
        peer.say("36 05 0001 61 0001" if self.version == 4 else "36 07 0001 61 0001 00 78")
        peer.closed(0x81)

    @states("MQTT311-4.3.3-2", "MQTT5-4.3.3-8", "MQTT5-4.3.3-10", "MQTT5-4.3.3-11", "MQTT5-4.3.3-12")
    def test_exactly_once(self) -> None:
        """
        A QoS 2 message that is repeated before PUBREL reaches nobody twice; after PUBCOMP its number is free.
        """
        watcher = self.connect("w")
        watcher.subscribe("t")
        for present in (False, True):
            peer = self.connect("a", keep=True, present=present)
            peer.say(Publish(b"t", b"once", 2, packet_id=9))
            peer.expect(PUBREC, packet_id=9)
            peer.drop()
            peer = self.connect("a", keep=True, present=True)
            peer.say(Publish(b"t", b"once", 2, dup=True, packet_id=9))
            peer.expect(PUBREC, packet_id=9)
            peer.say("62 02 0009")
            peer.expect("70 02 0009")
            peer.drop()
        self.assertEqual([each.payload for each in watcher.messages()], [b"once", b"once"])


class OnwardTests(BrokerCase):
    @states("MQTT311-2.3.1-5", "MQTT5-2.2.1-2", "MQTT311-3.3.1-2", "MQTT5-3.3.1-2", "MQTT5-2.2.2-1")
    def test_bytes_at_qos_0(self) -> None:
        """
        A message of QoS 0 has no packet identifier and no DUP; on 5.0 the length of no properties is 0.
        """
        watcher = self.connect("w")
        watcher.subscribe("a/b")
        self.connect("p").publish("a/b", b"hi")
        watcher.expect("30 07 0003 'a/b' 'hi'" if self.version == 4 else "30 08 0003 'a/b' 00 'hi'")

    @states("MQTT311-3.3.1-3", "MQTT5-3.3.1-3")
    def test_dup_is_not_passed_on(self) -> None:
        """
        That a publisher repeats itself is no business of the subscriber's.
        """
        watcher = self.connect("w")
        watcher.subscribe("t", qos=1)
        peer = self.connect("p")
        peer.say(Publish(b"t", b"x", 1, dup=True, packet_id=1))
        peer.expect(PUBACK, packet_id=1)
        watcher.expect(PUBLISH, dup=False, payload=b"x")

    @states("MQTT5-3.3.2-17", "MQTT5-3.3.2-18", "MQTT5-3.3.2-16", "MQTT5-3.3.2-20", "MQTT5-3.3.2-4", "MQTT5-3.3.2-15")
    def test_properties_are_forwarded(self) -> None:
        """
        What a publisher says about a message reaches the subscriber, in its order.
        """
        said: dict[str, Any] = {
            "payload_format_indicator": 1,
            "content_type": "text/plain",
            "response_topic": "r/t",
            "correlation_data": b"\0\1",
            "user_properties": (("b", "2"), ("a", "1"), ("b", "2")),
        }
        watcher = self.connect("w")
        watcher.subscribe("t")
        self.connect("p").publish("t", b"hi", **said)
        watcher.expect(PUBLISH, payload=b"hi", **said)

    @states("MQTT5-3.3.2-6", "MQTT5-3.3.2-5")
    def test_message_expiry(self) -> None:
        """
        What has waited too long is not delivered; what is delivered says how long it is still of use.
        """
        keeper = self.connect("k", keep=True)
        keeper.subscribe("t", qos=1)
        keeper.drop()
        peer = self.connect("p")
        peer.publish("t", b"short", 1, message_expiry_interval=1)
        peer.publish("t", b"long", 1, message_expiry_interval=100)
        self.wait(3)
        keeper = self.connect("k", keep=True, present=True)
        (message,) = keeper.messages()
        self.assertEqual(message.payload, b"long")
        self.assertIn(field(message, "message_expiry_interval"), (96, 97, 98))


class RetainTests(BrokerCase):
    @states("MQTT311-3.3.1-5", "MQTT311-3.3.1-6", "MQTT311-3.3.1-8", "MQTT5-3.3.1-5", "MQTT5-3.3.1-9")
    def test_retained(self) -> None:
        """
        The last retained message of a topic is what a new subscriber gets, marked as retained.
        """
        peer = self.connect("p")
        peer.publish("t", b"first", 1, retain=True)
        peer.publish("t", b"last", 1, retain=True)
        watcher = self.connect("w")
        watcher.subscribe("t", qos=1)
        watcher.expect(PUBLISH, topic=b"t", payload=b"last", qos=1, retain=True)

    @states("MQTT311-3.3.1-10", "MQTT311-3.3.1-11", "MQTT5-3.3.1-6", "MQTT5-3.3.1-7")
    def test_empty_removes(self) -> None:
        """
        A retained message without a payload removes the one that there is, and is not kept.
        """
        peer = self.connect("p")
        peer.publish("t", b"x", 1, retain=True)
        peer.publish("t", b"", 1, retain=True)
        watcher = self.connect("w")
        watcher.subscribe("t")
        watcher.silence()


class FlowTests(BrokerCase):
    @states("MQTT5-3.3.4-9", "MQTT5-3.3.4-10")
    def test_receive_maximum(self) -> None:
        """
        No more messages are under way to a client than it allows; other packets are not held up.
        """
        watcher = self.connect("w", receive_maximum=2)
        watcher.subscribe("t", qos=1)
        peer = self.connect("p")
        for number in range(4):
            peer.publish("t", b"%d" % number, 1)
        first = watcher.expect(PUBLISH, payload=b"0")
        watcher.expect(PUBLISH, payload=b"1")
        watcher.alive()
        watcher.say(Ack(PUBACK, first.packet_id))
        watcher.expect(PUBLISH, payload=b"2")
        watcher.silence()
