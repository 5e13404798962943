"""
What travels with a message: every property of a PUBLISH and of a will, on every way from publisher to subscriber.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.broker.support import BrokerTestCase, Peer, will
from txmqtt.codec.packets import Publish
from txmqtt.codec.properties import Properties

#: Each property that travels, alone, and all of them together
#: [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18] [MQTT5-3.3.2-20].
TRAVELLING: list[dict[str, Any]] = [
    {"payload_format_indicator": 0},
    {"payload_format_indicator": 1},
    {"content_type": ""},
    {"content_type": "text/plain"},
    {"response_topic": "answers/here"},
    {"correlation_data": b""},
    {"correlation_data": b"\x00\xff"},
    {"user_properties": (("b", "1"), ("a", "2"), ("b", "0"), ("b", "1"))},
]
TRAVELLING.append({name: value for each in TRAVELLING for name, value in each.items()})


class TravelTests(BrokerTestCase):
    def directly(self, qos: int, said: dict[str, Any]) -> list[Publish]:
        reader = self.join("reader")
        reader.subscribe("t", qos=2)
        self.join("writer").publish("t", b"x", qos, **said)
        return self.taken(reader)

    def parked(self, said: dict[str, Any]) -> list[Publish]:
        reader = self.durable("reader")
        reader.subscribe("t", qos=1)
        reader.lose()
        self.join("writer").publish("t", b"x", 1, **said)
        return self.taken(self.durable("reader"))

    def retained(self, said: dict[str, Any]) -> list[Publish]:
        self.join("writer").publish("t", b"x", 0, True, **said)
        reader = self.join("reader")
        reader.subscribe("t")
        return self.taken(reader)

    def shared(self, said: dict[str, Any]) -> list[Publish]:
        reader = self.join("reader")
        reader.subscribe("$share/g/t", qos=1)
        self.join("writer").publish("t", b"x", 1, **said)
        return self.taken(reader)

    def aliased(self, said: dict[str, Any]) -> list[Publish]:
        reader = self.join("reader", topic_alias_maximum=3)
        reader.subscribe("t", qos=1)
        self.join("writer").publish("t", b"x", 1, topic_alias=2, **said)
        found = self.taken(reader)
        for each in found:
            assert each.properties is not None
            self.assertEqual(each.properties.topic_alias, 1)  # the receiver's own number [MQTT5-3.1.2-26]
            each.properties.topic_alias = None
        return found

    def identified(self, said: dict[str, Any]) -> list[Publish]:
        reader = self.join("reader")
        reader.subscribe("t", qos=1, identifier=300)
        self.join("writer").publish("t", b"x", 1, **said)
        found = self.taken(reader)
        for each in found:
            assert each.properties is not None
            self.assertEqual(each.properties.subscription_identifiers, (300,))  # [MQTT5-3.3.4-3]
            each.properties.subscription_identifiers = ()
        return found

    def last(self, said: dict[str, Any], delay: int = 0) -> list[Publish]:
        reader = self.join("reader")
        reader.subscribe("t", qos=1)
        more: dict[str, Any] = {"will_delay_interval": delay} if delay else {}
        writer = self.join("writer", will=will("t", b"x", 1, **said, **more), session_expiry_interval=100)
        writer.lose()
        self.town.wait(delay + 1)
        return self.taken(reader)

    def taken(self, reader: Peer) -> list[Publish]:
        return [each for each in reader.heard() if isinstance(each, Publish)]

    def test_table(self) -> None:
        """
        Whatever the way, a subscriber is told exactly what the publisher said, user properties in their order
        [MQTT5-3.1.3-10] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18].
        """
        ways: list[tuple[str, Callable[[dict[str, Any]], list[Publish]]]] = [
            ("QoS 0", lambda said: self.directly(0, said)),
            ("QoS 1", lambda said: self.directly(1, said)),
            ("QoS 2", lambda said: self.directly(2, said)),
            ("parked", self.parked),
            ("retained", self.retained),
            ("shared", self.shared),
            ("aliased", self.aliased),
            ("identified", self.identified),
            ("will", self.last),
            ("delayed will", lambda said: self.last(said, 5)),
        ]
        for name, way in ways:
            for said in TRAVELLING:
                with self.subTest(way=name, said=list(said)):
                    self.setUp()
                    found = way(said)
                    self.assertEqual([each.properties for each in found], [Properties(**said)])

    def test_old_receiver(self) -> None:
        """
        A receiver of 3.x gets topic and payload, and a publisher of 3.x says nothing more.
        """
        old, new = self.join("old", 4), self.join("new")
        for each in (old, new):
            each.subscribe("t")
        new.publish("t", b"1", **TRAVELLING[-1])
        old.publish("t", b"2")
        self.assertEqual(old.heard(), [Publish(b"t", b"1"), Publish(b"t", b"2")])
        self.assertEqual([each.properties for each in self.taken(new)], [Properties(**TRAVELLING[-1]), None])

    def test_expiry(self) -> None:
        """
        The expiry is what is left of it, on every way, and after its end nothing comes [MQTT5-3.3.2-5] [MQTT5-3.3.2-6].
        """
        for waited, expected in ((0, [10]), (4, [6]), (11, [])):
            with self.subTest(waited=waited):
                self.setUp()
                reader = self.durable("reader")
                reader.subscribe("t", qos=1)
                reader.lose()
                writer = self.join("writer")
                writer.publish("t", b"x", 1, message_expiry_interval=10)
                writer.publish("t", b"x", 0, True, message_expiry_interval=10)
                self.town.turn.now += waited
                late = self.join("late")
                late.subscribe("t")
                for each in (self.durable("reader"), late):
                    left = [got.properties.message_expiry_interval for got in self.taken(each) if got.properties]
                    self.assertEqual(left, expected)

    def test_what_stays(self) -> None:
        """
        The publisher's alias, and the delay of a will, concern nobody else.
        """
        reader = self.join("reader")
        reader.subscribe("#")
        writer = self.join("writer", will=will("w", will_delay_interval=1), session_expiry_interval=100)
        writer.publish("t", b"x", topic_alias=1)
        writer.publish("", b"y", topic_alias=1)
        writer.lose()
        self.town.wait(2)
        self.assertEqual(reader.heard(), [Publish(b"t", b"x"), Publish(b"t", b"y"), Publish(b"w", b"gone")])
