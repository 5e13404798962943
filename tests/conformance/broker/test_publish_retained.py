"""
The RETAIN flag (section 3.3.1.3): what the broker keeps, and how it marks what it sends.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.case import BrokerCase
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBLISH
from txmqtt.codec.packets import Publish


class KeptTests(BrokerCase):
    @states("MQTT311-3.3.1-7")
    def test_qos_0(self) -> None:
        """
        A retained message of QoS 0 takes the place of the one before; our broker keeps it.
        """
        peer = self.connect("p")
        peer.publish("t", b"old", 1, retain=True)
        peer.publish("t", b"new", 0, retain=True)
        watcher = self.connect("w")
        watcher.subscribe("t", qos=1)
        found = [(each.payload, each.retain) for each in watcher.messages()]
        if self.target is None or found:  # it may be dropped at any time
            self.assertEqual(found, [(b"new", True)])

    @states("MQTT311-3.3.1-5", "MQTT5-3.3.1-5")
    def test_qos_is_kept(self) -> None:
        """
        A retained message is kept with its QoS.
        """
        peer = self.connect("p")
        peer.publish("t/1", b"x", 1, retain=True)
        peer.publish("t/2", b"x", 2, retain=True)
        watcher = self.connect("w")
        watcher.subscribe("t/#", qos=2)
        self.assertEqual({(each.topic, each.qos) for each in watcher.messages()}, {(b"t/1", 1), (b"t/2", 2)})

    @states("MQTT311-3.3.1-12", "MQTT5-3.3.1-8")
    def test_without_the_flag(self) -> None:
        """
        A message without RETAIN is not kept, and what is kept for its topic stays as it was, also where it is empty.
        """
        peer = self.connect("p")
        peer.publish("t/1", b"kept", 1, retain=True)
        for qos in (0, 1, 2):
            peer.publish("t/1", b"not kept", qos)
            peer.publish("t/1", b"", qos)
            peer.publish("t/2", b"not kept", qos)
        watcher = self.connect("w")
        watcher.subscribe("t/#", qos=2)
        self.assertEqual([(each.topic, each.payload) for each in watcher.messages()], [(b"t/1", b"kept")])

    @states("MQTT311-3.3.1-6", "MQTT5-3.3.1-9")
    def test_each_topic(self) -> None:
        """
        Of each topic that matches a new subscription comes the last message that was retained, and of no other.
        """
        peer = self.connect("p")
        for topic in ("t", "t/1", "t/1/2", "u"):
            peer.publish(topic, b"old", 1, retain=True)
            peer.publish(topic, topic.encode(), 1, retain=True)
        watcher = self.connect("w")
        watcher.subscribe("t/#", qos=1)
        self.assertEqual({each.payload for each in watcher.messages()}, {b"t", b"t/1", b"t/1/2"})
        watcher.subscribe("+/1")
        self.assertEqual([(each.payload, each.qos) for each in watcher.messages()], [(b"t/1", 0)])

    @states("MQTT311-3.3.1-10", "MQTT311-3.3.1-11", "MQTT5-3.3.1-6", "MQTT5-3.3.1-7")
    def test_empty_is_passed_on(self) -> None:
        """
        A retained message without a payload removes what is retained, and reaches those who listen as any other.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t", qos=1)
        for qos in (0, 1):
            peer.publish("t", b"x", 1, retain=True)
            peer.publish("t", b"", qos, retain=True)
            self.assertEqual([(each.payload, each.qos) for each in watcher.messages()], [(b"x", 1), (b"", qos)])
            late = self.connect("l")
            late.subscribe("t", qos=1)
            late.silence()

    @states("MQTT5 3.3.1.3", "MQTT5 3.3.2.3.3")
    def test_expiry(self) -> None:
        """
        A retained message whose time is over is gone; while it is kept, what is left of its time is told.
        """
        peer = self.connect("p")
        peer.publish("t/1", b"short", 1, retain=True, message_expiry_interval=1)
        peer.publish("t/2", b"long", 1, retain=True, message_expiry_interval=100)
        self.wait(2.5)
        watcher = self.connect("w")
        watcher.subscribe("t/#", qos=1)
        message = watcher.expect(PUBLISH, payload=b"long", retain=True)
        self.assertIn(message.properties.message_expiry_interval, (96, 97, 98))
        watcher.silence()

    @states("MQTT31 2.1")
    def test_mqtt31(self) -> None:
        """
        On 3.1 too a new subscriber gets what is retained, marked so, and others get it unmarked; an empty one ends it.
        """
        early, peer = self.connect("e"), self.connect("p")
        early.subscribe("t", qos=1)
        peer.publish("t", b"x", 1, retain=True)
        early.expect(PUBLISH, payload=b"x", retain=False)
        late = self.connect("l")
        late.subscribe("t", qos=1)
        late.expect(PUBLISH, payload=b"x", retain=True)
        peer.publish("t", b"", 1, retain=True)
        later = self.connect("m")
        later.subscribe("t")
        later.silence()


class FlagTests(BrokerCase):
    @states("MQTT311-3.3.1-9", "MQTT5-3.3.1-12")
    def test_of_a_subscription_that_is_there(self) -> None:
        """
        Whoever has subscribed before gets a retained message as any other, without RETAIN.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t", qos=2)
        for qos in (0, 1, 2):
            peer.publish("t", b"x", qos, retain=True)
            peer.publish("t", b"x", qos)
        self.assertEqual([(each.qos, each.retain) for each in watcher.messages()], [(x // 2, False) for x in range(6)])

    @states("MQTT5-3.3.1-12")
    def test_of_one_with_other_options(self) -> None:
        """
        What else a subscription asks for brings no RETAIN, and no other client's wish does.
        """
        other = self.connect("o")
        other.subscribe("t", retain_as_published=True)
        peer = self.connect("p")
        options: tuple[dict[str, Any], ...] = ({"identifier": 7}, {"no_local": True}, {"retain_handling": 2})
        for each in options:
            with self.case(str(each)):
                watcher = self.connect("w")
                watcher.subscribe("t", qos=1, **{"retain_handling": 2, **each})
                for qos in (0, 1):
                    peer.publish("t", b"x", qos, retain=True)
                self.assertEqual([message.retain for message in watcher.messages()], [False, False])
        self.assertTrue(all(message.retain for message in other.messages()))

    @states("MQTT5-3.3.1-13")
    def test_as_published(self) -> None:
        """
        Whoever has asked for it gets RETAIN as the publisher has set it.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t", qos=2, retain_as_published=True)
        for qos in (0, 1, 2):
            peer.publish("t", b"x", qos, retain=True)
            peer.publish("t", b"x", qos)
        found = [(each.qos, each.retain) for each in watcher.messages()]
        self.assertEqual(found, [(x // 2, not x % 2) for x in range(6)])

    @states("MQTT311-3.3.1-8", "MQTT5 3.3.1.3")
    def test_of_a_new_subscription(self) -> None:
        """
        What is sent because of a new subscription has RETAIN, whatever else the subscription asks for.
        """
        peer = self.connect("p")
        peer.publish("t", b"x", 1, retain=True)
        watcher = self.connect("w")
        for as_published in (False, True) if self.version == 5 else (False,):
            for qos in (0, 1, 2):
                watcher.subscribe("t", qos=qos, retain_as_published=as_published)
                self.assertEqual([(x.qos, x.retain) for x in watcher.messages()], [(min(qos, 1), True)])


class HandlingTests(BrokerCase):
    def retained(self, handling: int) -> list[int]:
        """
        How many retained messages come at the first, the second and, after UNSUBSCRIBE, the third subscription.
        """
        self.connect("p").publish("t/1", b"x", 1, retain=True)
        watcher = self.connect("w")
        counts = []
        for number in range(3):
            if number == 2:
                watcher.unsubscribe("t/#")
            watcher.subscribe("t/#", qos=1, retain_handling=handling)
            counts.append(len(watcher.messages()))
        peer = self.connect("p")
        peer.say(Publish(b"t/1", b"now", 1, packet_id=1))
        peer.expect(PUBACK, packet_id=1)
        watcher.expect(PUBLISH, payload=b"now")
        return counts

    @states("MQTT5-3.3.1-9")
    def test_always(self) -> None:
        """
        Retain Handling 0: retained messages come at every SUBSCRIBE.
        """
        self.assertEqual(self.retained(0), [1, 1, 1])

    @states("MQTT5-3.3.1-10")
    def test_when_new(self) -> None:
        """
        Retain Handling 1: retained messages come when the subscription is new, and not when it was there.
        """
        self.assertEqual(self.retained(1), [1, 0, 1])

    @states("MQTT5-3.3.1-11")
    def test_never(self) -> None:
        """
        Retain Handling 2: no retained messages come.
        """
        self.assertEqual(self.retained(2), [0, 0, 0])
