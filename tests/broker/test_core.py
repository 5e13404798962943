"""
Tests of txmqtt.broker.core: a message from a publisher to those who subscribed.
"""

from typing import Any

from tests.broker.support import BrokerTestCase, Rights
from tests.session.support import wordless
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.session.tickets import DONE, FULL, NOBODY


class DeliveryTests(BrokerTestCase):
    def test_exact_and_wildcard(self) -> None:
        """
        A message reaches whoever has a matching subscription, and nobody else.
        """
        publisher = self.join("p")
        peers = {filter: self.join(filter) for filter in ("a/b", "a/+", "a/#", "#", "a/c")}
        for filter, peer in peers.items():
            peer.subscribe(filter)
        for topic, receivers in (
            ("a/b", {"a/b", "a/+", "a/#", "#"}),
            ("a", {"a/#", "#"}),
            ("a/b/c", {"a/#", "#"}),
            ("A/b", {"#"}),
        ):
            with self.subTest(topic=topic):
                publisher.publish(topic, b"x")
                self.assertEqual({filter for filter, peer in peers.items() if peer.heard()}, receivers)

    def test_dollar_topics_are_hidden(self) -> None:
        """
        A leading wildcard does not see topics that begin with $ [MQTT5-4.7.2-1] [MQTT311-4.7.2-1].
        """
        publisher, everything, named = self.join("p"), self.join("all"), self.join("named")
        everything.subscribe("#", "+/status")
        named.subscribe("$app/#")
        publisher.publish("$app/status", b"x")
        self.assertEqual(everything.payloads(), [])
        self.assertEqual(named.payloads(), [b"x"])

    def test_lower_qos_wins(self) -> None:
        """
        Delivery is at the lower of the QoS published and the QoS granted [MQTT5-3.8.4-8] [MQTT311-3.8.4-6].
        """
        for version in (3, 4, 5):
            for join in (self.join, self.durable):
                publisher = self.join("p", version)
                for granted in (0, 1, 2):
                    subscriber = join("s", version)
                    subscriber.subscribe("t", qos=granted)
                    for published in (0, 1, 2):
                        with self.subTest(version=version, join=join.__name__, granted=granted, published=published):
                            publisher.publish("t", b"x", published)
                            self.assertEqual(subscriber.finish(), [(b"t", b"x", min(granted, published))])
                    subscriber.leave()

    def test_qos_2_handshakes(self) -> None:
        """
        QoS 2 goes hand in hand on both sides, with the broker's own identifier to the subscriber [MQTT5-2.2.1-4].
        """
        publisher, subscriber = self.join("p"), self.join("s")
        subscriber.subscribe("t", qos=2)
        publisher.say(Publish(b"t", b"x", 2, packet_id=77))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 77)])
        self.assertEqual(subscriber.heard(), [Publish(b"t", b"x", 2, packet_id=1)])
        publisher.say(Publish(b"t", b"x", 2, dup=True, packet_id=77))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 77)])
        publisher.say(Ack(PUBREL, 77))
        self.assertEqual(publisher.heard(), [Ack(PUBCOMP, 77)])
        self.assertEqual(subscriber.heard(), [])
        subscriber.say(Ack(PUBREC, 1))
        self.assertEqual(subscriber.heard(), [Ack(PUBREL, 1)])
        subscriber.say(Ack(PUBCOMP, 1))
        publisher.say(Publish(b"t", b"y", 2, packet_id=77))
        self.assertEqual(subscriber.heard(), [Publish(b"t", b"y", 2, packet_id=2)])

    def test_publisher_flags_are_not_passed_on(self) -> None:
        """
        DUP and RETAIN towards a subscriber are the broker's own [MQTT5-3.3.1-3] [MQTT5-3.3.1-12] [MQTT311-3.3.1-9].
        """
        publisher, subscriber, durable = self.join("p"), self.join("s"), self.durable("d")
        for each in (subscriber, durable):
            each.subscribe("t", qos=1)
        publisher.say(Publish(b"t", b"x", 1, True, True, 5))
        for each in (subscriber, durable):
            self.assertEqual(each.heard(), [Publish(b"t", b"x", 1, packet_id=1)])

    def test_order(self) -> None:
        """
        What one publisher sends on one topic at one QoS comes in that order [MQTT5-4.6.0-5] [MQTT311-4.6.0-6].
        """
        publisher = self.join("p")
        subscribers = [self.join("s"), self.durable("d"), self.durable("d3", 4)]
        for each in subscribers:
            each.subscribe("t", qos=2)
        for qos in (0, 1, 2):
            for number in range(250):
                publisher.publish("t", b"%d" % number, qos)
            for each in subscribers:
                self.assertEqual(each.payloads(), [b"%d" % number for number in range(250)])
        self.assertBooksClosed()

    def test_properties_travel(self) -> None:
        """
        What a publisher says about a message reaches a 5.0 subscriber unchanged, and a 3.x one without it
        [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18] [MQTT5-3.3.2-20].
        """
        said: dict[str, Any] = {
            "payload_format_indicator": 1,
            "content_type": "text/plain",
            "response_topic": "answers",
            "correlation_data": b"\x01",
            "user_properties": (("b", "1"), ("a", "2"), ("b", "0")),
        }
        publisher = self.join("p")
        for version in (4, 5):
            for join in (self.join, self.durable):
                subscriber = join("s", version)
                subscriber.subscribe("t", qos=1)
                for qos in (0, 1):
                    publisher.publish("t", b"x", qos, **said)
                    expected = Properties(**said) if version == 5 else None
                    self.assertEqual(subscriber.heard(), [Publish(b"t", b"x", qos, packet_id=qos, properties=expected)])
                subscriber.leave()

    def test_nobody_listens(self) -> None:
        """
        A 5.0 publisher is told that nobody has subscribed, a 3.x one just acknowledged.
        """
        for version, expected in ((5, 0x10), (4, 0), (3, 0)):
            for join in (self.join, self.durable):
                publisher = join("p", version)
                for qos in (1, 2):
                    with self.subTest(version=version, join=join.__name__, qos=qos):
                        self.assertEqual(publisher.publish("t", b"x", qos), expected)
                publisher.leave()

    def test_somebody_listens(self) -> None:
        """
        It is not said that nobody subscribed to where somebody did, online or not, or where the message is retained.
        """
        publisher = self.join("p")
        for qos in (1, 2):
            self.assertEqual(publisher.publish("retained", b"x", qos, True), 0)
        subscriber = self.durable("d")
        subscriber.subscribe("t", qos=1)
        subscriber.lose()
        publisher.subscribe(Subscription(b"own", 1, no_local=True))
        for topic in ("t", "own"):
            for qos in (1, 2):
                self.assertEqual(publisher.publish(topic, b"x", qos), 0)

    def test_program_publishes(self) -> None:
        """
        The program that the broker runs in publishes like a client, and hears what became of it.
        """
        subscriber = self.join("s")
        subscriber.subscribe("t", qos=1)
        self.assertIs(self.broker.publish(b"t", b"x", 1), DONE)
        self.assertIs(self.broker.publish(b"other", b"x", 2), NOBODY)
        self.assertEqual(self.broker.publish(b"/" * 200, b"x").reason, 0x90)
        self.town.turn.flush()
        self.assertEqual(subscriber.finish(), [(b"t", b"x", 1)])

    def test_mount_points(self) -> None:
        """
        What is published at one mount point is not seen at another, and the same identifier may live at both.
        """
        here, there = self.join("a", mount="here"), self.join("a", mount="there")
        for each in (here, there):
            each.subscribe("#", qos=1)
        here.publish("t", b"1", 1, True)
        self.broker.publish(b"t", b"2", mount="there")
        self.town.turn.flush()
        self.assertEqual((here.payloads(), there.payloads()), ([b"1"], [b"2"]))
        self.assertEqual(self.join("b", mount="there").subscribe("t"), [0])
        self.assertIsNone(here.closed)


class OverlapTests(BrokerTestCase):
    def test_one_copy_with_all_identifiers(self) -> None:
        """
        Overlapping subscriptions bring one copy, at their highest QoS, with all their identifiers
        [MQTT5-3.3.4-2] [MQTT5-3.3.4-3] [MQTT5-3.3.4-4] [MQTT311-3.3.5-1].
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            subscriber = join("s")
            subscriber.subscribe("a/b", qos=1, identifier=3)
            subscriber.subscribe("a/+", qos=2, identifier=268_435_455)
            subscriber.subscribe("a/#", qos=0)
            subscriber.subscribe("+/b", qos=0, identifier=3)
            publisher.publish("a/b", b"x", 2)
            (copy,) = (packet for packet in subscriber.heard() if isinstance(packet, Publish))
            assert copy.properties is not None
            self.assertEqual(copy.qos, 2)
            self.assertEqual(sorted(copy.properties.subscription_identifiers), [3, 3, 268_435_455])
            subscriber.leave(session_expiry_interval=0)

    def test_retain_as_published(self) -> None:
        """
        The retain flag is the publisher's if any of the subscriptions asks for it [MQTT5-3.3.1-13].
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            subscriber = join("s")
            subscriber.subscribe(Subscription(b"t", 1, retain_as_published=True, retain_handling=2))
            subscriber.subscribe(Subscription(b"#", retain_handling=2))
            for qos in (0, 1):
                for retain in (False, True):
                    publisher.publish("t", b"x", qos, retain)
                    (copy,) = subscriber.heard()
                    assert isinstance(copy, Publish)
                    self.assertEqual((copy.qos, copy.retain), (qos, retain))
                    subscriber.answer(copy)
            subscriber.leave(session_expiry_interval=0)

    def test_no_local(self) -> None:
        """
        A subscription with no-local is silent about what its own client publishes [MQTT5-3.8.3-3].
        """
        other = self.join("o")
        for join in (self.join, self.durable):
            client = join("c")
            client.subscribe(Subscription(b"t", 2, no_local=True))
            for qos in (0, 1, 2):
                client.publish("t", b"own", qos)
                other.publish("t", b"other", qos)
                self.assertEqual(client.payloads(), [b"other"])
            client.leave(session_expiry_interval=0)

    def test_no_local_among_others(self) -> None:
        """
        Where another subscription of the client matches too, its own message comes with the QoS and the identifiers of
        that one alone.
        """
        for join in (self.join, self.durable):
            client = join("c")
            client.say()
            client.subscribe(Subscription(b"t", 2, no_local=True), identifier=1)
            for granted in (0, 1):
                client.subscribe("#", qos=granted, identifier=2)
                client.publish("t", b"x", 2)
                (copy,) = (packet for packet in client.heard() if isinstance(packet, Publish))
                self.assertEqual((copy.qos, copy.properties), (granted, Properties(subscription_identifiers=(2,))))
                client.answer(copy)
            client.leave(session_expiry_interval=0)

    def test_no_local_survives_take_over(self) -> None:
        """
        No-local goes by client identifier, so it holds for what was published before a take-over.
        """
        client = self.durable("c")
        client.subscribe(Subscription(b"t", 1, no_local=True))
        again = self.durable("c")
        again.publish("t", b"own", 1)
        again.lose()
        self.join("o").publish("t", b"other", 1)
        self.assertEqual(self.durable("c").payloads(), [b"other"])


class RefusalTests(BrokerTestCase):
    limits = {"max_topic_levels": 3}

    def refused(self, topic: str, reason: int) -> None:
        publisher, old = self.join("p"), self.durable("p4", 4)
        for qos in (1, 2):
            self.assertEqual(publisher.publish(topic, b"x", qos), reason)
            self.assertEqual(old.publish(topic, b"x", qos), 0)  # [MQTT311-3.3.5-2]
        publisher.publish(topic, b"x")
        self.assertEqual(self.stats.refused_publishes, 5)

    def test_too_many_levels(self) -> None:
        """
        A topic with too many levels is refused: 0x90; a 3.x publisher is acknowledged, and the message counted.
        """
        self.join("s").subscribe("#", qos=1)
        self.refused("a/b/c/d", 0x90)
        self.assertEqual(self.stats.publish_sent + self.town.turn.publishes_sent, 0)
        self.assertEqual(len(self.broker.mount().routes), 0)

    def test_sys_belongs_to_the_broker(self) -> None:
        """
        No client publishes under $SYS.
        """
        self.refused("$SYS/broker", 0x87)
        self.assertEqual(self.join("q").publish("$SYS", b"x", 1), 0x87)
        self.assertEqual(self.join("q").publish("$SYSTEM", b"x", 1), 0x10)

    def test_no_right_to_publish(self) -> None:
        """
        Without the right to publish: 0x87. It is asked once for each topic.
        """
        rights = Rights(publish=["secret"])
        publisher = self.join("p", rights=rights)
        for _ in range(3):
            self.assertEqual(publisher.publish("secret", b"x", 1), 0x87)
            self.assertEqual(publisher.publish("public", b"x", 1), 0x10)
        self.assertEqual(rights.asked, ["secret", "public"])

    def test_refused_and_repeated(self) -> None:
        """
        A QoS 2 message that was refused is a new one when it is published again [MQTT5-4.3.3-9].
        """
        publisher = self.join("p", rights=Rights(publish=["secret"]))
        publisher.say(Publish(b"secret", b"x", 2, packet_id=1))
        self.assertEqual(wordless(publisher.heard()), [Ack(PUBREC, 1, 0x87)])
        publisher.say(Publish(b"other", b"x", 2, packet_id=1))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 1, 0x10)])


class ExpiryTests(BrokerTestCase):
    def test_counts_down(self) -> None:
        """
        A message that waited says how much of its time is left [MQTT5-3.3.2-6].
        """
        publisher, subscriber = self.join("p"), self.durable("s")
        subscriber.subscribe("t", qos=1)
        publisher.publish("t", b"now", 1, message_expiry_interval=10)
        self.assertEqual(
            subscriber.heard(), [Publish(b"t", b"now", 1, False, False, 1, Properties(message_expiry_interval=10))]
        )
        subscriber.say(Ack(PUBACK, 1))
        subscriber.lose()
        publisher.publish("t", b"later", 1, message_expiry_interval=10)
        self.town.wait(4)
        self.assertEqual(
            self.durable("s").heard(),
            [Publish(b"t", b"later", 1, False, False, 1, Properties(message_expiry_interval=6))],
        )

    def test_expired_before_sending(self) -> None:
        """
        A message whose time is over before it is sent is dropped and counted [MQTT5-3.3.2-5].
        """
        publisher, parked = self.join("p"), self.durable("s")
        parked.subscribe("t", qos=1)
        parked.lose()
        clean = self.join("c", receive_maximum=1)
        clean.subscribe("t", qos=1)
        publisher.publish("t", b"first", 1)
        publisher.publish("t", b"short", 1, message_expiry_interval=1)
        publisher.publish("t", b"instant", 1, message_expiry_interval=0)
        publisher.publish("t", b"last", 1)
        self.town.wait(1)
        self.assertEqual(self.durable("s").payloads(), [b"first", b"last"])
        self.assertEqual(clean.payloads(), [b"first", b"last"])
        self.assertEqual(self.stats.dropped_expired, 4)
        self.assertBooksClosed()

    def test_sent_once_is_sent_again(self) -> None:
        """
        A message that has been sent is completed whatever its age [MQTT5-4.3.3-7].
        """
        publisher, subscriber = self.join("p"), self.durable("s")
        subscriber.subscribe("t", qos=2)
        publisher.publish("t", b"x", 2, message_expiry_interval=1)
        subscriber.heard()
        subscriber.lose()
        self.town.wait(60)
        again = self.durable("s")
        self.assertEqual(again.heard(), [Publish(b"t", b"x", 2, False, True, 1, Properties(message_expiry_interval=1))])


class CountTests(BrokerTestCase):
    limits = {"max_queued_messages": 3, "max_inflight_5": 2}

    def test_everything_is_accounted_for(self) -> None:
        """
        Each copy is sent, queued, or dropped and counted, and once all is over nothing is queued any more.
        """
        publisher = self.join("p")
        durable, clean, parked = self.durable("durable"), self.join("clean"), self.durable("parked")
        for each in (durable, clean, parked):
            each.subscribe("t", qos=2)
        parked.lose()
        for number in range(9):
            publisher.publish("t", b"%d" % number, number % 3)
        # Of nine messages three are QoS 0, which the parked one does not get.
        sent = self.stats.publish_sent + self.town.turn.publishes_sent
        clean_waiting = 3
        self.assertEqual(sent + self.stats.queued - 2 + clean_waiting + self.stats.dropped, 9 + 9 + 6)
        for each in (durable, clean):
            each.lose()
        self.town.wait(3601)
        sent = self.stats.publish_sent + self.town.turn.publishes_sent
        self.assertEqual(sent + self.stats.dropped, 24)
        self.assertBooksClosed()

    def test_received_and_sent(self) -> None:
        """
        The counters of packets agree with what was on the wire.
        """
        publisher, subscriber = self.join("p"), self.join("s")
        subscriber.subscribe("t", qos=0)
        publisher.publish("t", b"x", 0)
        publisher.publish("t", b"x", 1)
        self.assertEqual(self.stats.publish_received, 2)
        self.assertEqual(self.stats.publish_sent, 2)
        self.assertEqual(self.town.turn.packets_received, 5)
        self.assertEqual(self.town.turn.packets_sent, 6)  # two CONNACKs, SUBACK, PUBACK, two PUBLISHes
        self.assertIs(FULL.failed, True)


class StatsTopicsTests(BrokerTestCase):
    def test_published(self) -> None:
        """
        The counters can be read under $SYS/broker, retained, and by nobody who did not ask for them.
        """
        self.broker.publish_stats(61.5, "0.1")
        everything, curious = self.join("all"), self.join("c")
        everything.subscribe("#")
        curious.subscribe("$SYS/broker/uptime", "$SYS/broker/clients/connected")
        self.assertEqual(everything.heard(), [])
        heard = [
            (packet.topic, packet.payload, packet.retain) for packet in curious.heard() if isinstance(packet, Publish)
        ]
        self.assertEqual(
            heard, [(b"$SYS/broker/uptime", b"61 seconds", True), (b"$SYS/broker/clients/connected", b"0", True)]
        )
        self.broker.publish_stats(62, "0.1")
        self.town.turn.flush()
        self.assertEqual(curious.payloads(), [b"62 seconds", b"2"])

    def test_alarm(self) -> None:
        """
        That nothing can be stored is told under $SYS, at once and to whoever subscribes later, until it can be again.
        """
        alarm = "$SYS/broker/store/alarm"
        curious = self.join("c")
        curious.subscribe(alarm)
        self.broker.troubled("the disk is full")
        late = self.join("late")
        late.subscribe(alarm)
        self.assertEqual([peer.payloads() for peer in (curious, late)], [[b"the disk is full"]] * 2)
        self.broker.recovered()
        later = self.join("later")
        later.subscribe(alarm)
        self.assertEqual([peer.payloads() for peer in (curious, later)], [[b""], []])


class RightsTests(BrokerTestCase):
    def test_changed(self) -> None:
        """
        When rights may have changed all of them are asked again, those to publish and those to receive.
        """
        rights = Rights(publish=["no"], receive=["secret"])
        client = self.join("c", rights=rights)
        client.subscribe("#", qos=1)
        publisher = self.join("p")
        self.assertEqual(client.publish("no", b"x", 1), 0x87)
        publisher.publish("secret", b"1", 1)
        rights.publish.clear()
        rights.receive.clear()
        self.broker.rights_changed()
        self.assertEqual(client.publish("no", b"x", 1), 0)
        publisher.publish("secret", b"2", 1)
        self.assertEqual(client.payloads(), [b"x", b"2"])


class MemoryTests(BrokerTestCase):
    def test_short(self) -> None:
        """
        While memory is short QoS 0 of clients is dropped and counted, but not what is to be retained, nor anything
        that is acknowledged.
        """
        client, publisher = self.join("c"), self.join("p")
        client.subscribe("t", qos=1)
        self.broker.shedding = True
        for qos, retain in ((0, False), (0, True), (1, False)):
            publisher.publish("t", b"%d%d" % (qos, retain), qos, retain)
        self.assertEqual((client.payloads(), self.stats.dropped_memory), ([b"01", b"10"], 1))
