"""
Tests of txmqtt.broker.retrieval: retained messages for new subscriptions, as fast as they are read.
"""

from tests.broker.support import BrokerTestCase, Rights
from txmqtt.codec.packets import Publish, Subscription
from txmqtt.codec.properties import Properties


class RetainedTests(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.publisher = self.join("p")

    def keep(self, topic: str, payload: bytes = b"kept", qos: int = 0, **properties: object) -> None:
        self.publisher.publish(topic, payload, qos, True, **properties)

    def test_sent_to_new_subscriptions(self) -> None:
        """
        A new subscription is sent the last retained message of each topic that matches, with the retain flag and at the
        lower QoS [MQTT5-3.3.1-5] [MQTT311-3.3.1-5] [MQTT311-3.3.1-6] [MQTT311-3.3.1-8].
        """
        self.keep("a/b", b"old", 1)
        self.keep("a/b", b"new", 2)
        self.keep("a", b"zero")
        self.keep("c", b"other", 2)
        for version in (3, 4, 5):
            for join in (self.join, self.durable):
                for granted in (0, 1, 2):
                    client = join("c", version)
                    client.subscribe("a/#", qos=granted)
                    heard = [
                        (each.payload, each.qos, each.retain) for each in client.inbox if isinstance(each, Publish)
                    ]
                    self.assertEqual(sorted(heard), [(b"new", granted, True), (b"zero", 0, True)])
                    client.finish()
                    client.leave(**({"session_expiry_interval": 0} if version == 5 and join == self.durable else {}))
                    self.join("c", version).leave()
        self.assertEqual(self.stats.queued, 0)

    def test_not_retained(self) -> None:
        """
        What is published without retain leaves what is kept alone; an empty payload removes it, and is delivered
        [MQTT5-3.3.1-6] [MQTT5-3.3.1-7] [MQTT5-3.3.1-8] [MQTT311-3.3.1-10] [MQTT311-3.3.1-11] [MQTT311-3.3.1-12].
        """
        live = self.join("live")
        live.subscribe("t")
        self.keep("t")
        self.publisher.publish("t", b"passing")
        late = self.join("late")
        late.subscribe("t")
        self.assertEqual(late.payloads(), [b"kept"])
        self.keep("t", b"")
        self.assertEqual((live.payloads(), self.stats.retained), ([b"kept", b"passing", b""], 0))
        late.subscribe("t")
        self.assertEqual(late.payloads(), [b""])

    def test_retain_handling(self) -> None:
        """
        Retain handling 0 sends with each SUBSCRIBE, 1 only if the subscription is new, 2 never
        [MQTT5-3.3.1-9] [MQTT5-3.3.1-10] [MQTT5-3.3.1-11] [MQTT5-3.8.4-4].
        """
        self.keep("t")
        for handling, expected in ((0, [1, 1, 1]), (1, [1, 0, 1]), (2, [0, 0, 0])):
            for join in (self.join, self.durable):
                client = join("c")
                counts = []
                for _ in range(2):
                    client.subscribe(Subscription(b"t", 1, retain_handling=handling))
                    counts.append(len(client.payloads()))
                client.unsubscribe("t")
                client.subscribe(Subscription(b"t", 1, retain_handling=handling))
                counts.append(len(client.payloads()))
                self.assertEqual(counts, expected)
                client.leave(session_expiry_interval=0)

    def test_subscription_options(self) -> None:
        """
        The identifier comes along, the retain flag is set whatever retain-as-published says, and no-local holds.
        """
        client = self.join("c")
        client.publish("own", b"mine", 0, True)
        self.keep("t")
        client.subscribe(Subscription(b"#", 0, no_local=True), identifier=4)
        self.assertEqual(
            client.heard(), [Publish(b"t", b"kept", retain=True, properties=Properties(subscription_identifiers=(4,)))]
        )

    def test_properties_and_expiry(self) -> None:
        """
        A retained message keeps its properties; its time runs, and when that is over it is not sent any more.
        """
        pairs = (("b", "1"), ("a", "2"))
        self.keep("t", b"x", 1, message_expiry_interval=10, user_properties=pairs)
        self.keep("u", b"always")
        self.town.wait(4)
        for join in (self.join, self.durable):
            client = join("c")
            client.subscribe("t", qos=1)
            said = Properties(message_expiry_interval=6, user_properties=pairs)
            self.assertEqual(client.heard(), [Publish(b"t", b"x", 1, True, packet_id=1, properties=said)])
            client.leave(session_expiry_interval=0)
        self.town.wait(6)
        client = self.join("c")
        client.subscribe("#")
        self.assertEqual(client.payloads(), [b"always"])
        self.assertEqual(self.stats.retained, 2)
        self.town.backend.sweep(self.town.turn.wall)
        self.assertEqual((self.stats.retained, self.stats.dropped_expired), (1, 1))

    def test_rights(self) -> None:
        """
        A retained message is not sent to whom it may not be.
        """
        for topic in ("a", "secret", "z"):
            self.keep(topic)
        client = self.join("c", rights=Rights(receive=["secret"]))
        client.subscribe("#")
        self.assertEqual([topic for topic, _, _ in client.finish()], [b"a", b"z"])

    def test_sessions_do_not_own_them(self) -> None:
        """
        The end of a session removes no retained message [MQTT311-3.1.2-7].
        """
        self.keep("t")
        self.publisher.lose()
        client = self.join("c")
        client.subscribe("t")
        self.assertEqual(client.payloads(), [b"kept"])

    def test_before_what_comes_later(self) -> None:
        """
        What is published after the subscription comes after what was retained before it.
        """
        self.keep("t", b"1", 1)
        for join in (self.join, self.durable):
            client = join("c")
            client.subscribe("t", qos=1)
            self.publisher.publish("t", b"2", 1)
            self.assertEqual(client.payloads(), [b"1", b"2"])
            client.leave(session_expiry_interval=0)

    def test_multiple_filters_of_one_packet(self) -> None:
        """
        Each filter of a SUBSCRIBE is sent its own, overlapping or not.
        """
        self.keep("a/b")
        client = self.join("c")
        client.subscribe("a/b", "a/+", "x", "a/#")
        self.assertEqual(len(client.payloads()), 3)


class FullStoreTests(BrokerTestCase):
    limits = {"max_retained_messages": 2, "max_retained_bytes": 2_000}

    def test_count(self) -> None:
        """
        A new topic that finds no room is refused, 0x97, to nobody's benefit; a 3.x publisher can't be told, so its
        message goes to those who listen. Both are counted.
        """
        publisher, old, listener = self.join("p"), self.join("o", 4), self.join("l")
        listener.subscribe("#", qos=2)
        for topic in ("a", "b"):
            self.assertEqual(publisher.publish(topic, b"x", 1, True), 0)
        listener.finish()
        for qos in (1, 2):
            self.assertEqual(publisher.publish("c", b"new", qos, True), 0x97)
        self.assertEqual(listener.finish(), [])
        for qos in (0, 1, 2):
            old.publish("c", b"old", qos, True)
        publisher.publish("c", b"zero", 0, True)
        self.assertEqual(listener.payloads(), [b"old", b"old", b"old", b"zero"])
        self.assertEqual((self.stats.dropped_retained, self.stats.retained), (6, 2))
        self.assertEqual(publisher.publish("a", b"replaced", 1, True), 0)
        self.assertEqual(publisher.publish("a", b"", 1, True), 0)
        self.assertEqual(publisher.publish("c", b"fits", 1, True), 0)

    def test_bytes(self) -> None:
        """
        The limit in bytes counts too. Where a newer message finds no room and can't be refused, the older goes, because
        it is not the last any more; where it is refused nothing changes.
        """
        publisher, old = self.durable("p"), self.join("o", 4)
        publisher.publish("t", bytes(1_000), 1, True)
        self.assertEqual(publisher.publish("t", bytes(1_800), 2, True), 0x97)
        self.assertEqual(self.stats.retained, 1)
        old.publish("t", bytes(1_800), 2, True)
        self.assertEqual((self.stats.retained, self.stats.retained_bytes), (0, 0))
        publisher.publish("t", bytes(1_000), 1, True)
        publisher.publish("t", bytes(1_800), 0, True)
        self.assertEqual((self.stats.retained, self.stats.dropped_retained), (0, 3))

    def test_refused_and_repeated(self) -> None:
        """
        A QoS 2 message that could not be retained is a new one when it is published again.
        """
        publisher, listener = self.durable("p"), self.durable("l")
        listener.subscribe("#", qos=2)
        for topic in ("a", "b"):
            publisher.publish(topic, b"x", 1, True)
        listener.finish()
        self.assertEqual(publisher.publish("c", b"x", 2, True), 0x97)
        publisher.publish("a", b"", 1, True)
        self.assertEqual(publisher.publish("c", b"x", 2, True), 0)
        self.assertEqual(listener.payloads(), [b"", b"x"])

    def test_will(self) -> None:
        """
        A will that can't be retained is published all the same.
        """
        listener = self.join("l")
        listener.subscribe("#")
        for topic in ("a", "b"):
            self.broker.publish(topic.encode(), b"x", 1, True)
        self.broker.publish(b"c", b"x", 1, True)
        self.town.turn.flush()
        self.assertEqual(len(listener.payloads()), 3)
        self.assertEqual(self.stats.dropped_retained, 1)
