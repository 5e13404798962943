"""
Tests of txmqtt.broker.owed: what is kept for sessions that are away, and in which order it comes.
"""

from tests.broker.support import BrokerTestCase
from txmqtt.codec.packets import Publish, Subscription


class ParkedTests(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.publisher = self.join("p")

    def test_kept(self) -> None:
        """
        QoS 1 and 2 wait for a session that is away, QoS 0 does not, nor does what is granted at QoS 0
        [MQTT5-4.5.0-1] [MQTT311-3.1.2-5].
        """
        for version in (3, 4, 5):
            client = self.durable("c", version)
            client.subscribe("t", qos=2)
            client.subscribe("u", qos=0)
            client.lose()
            for topic in ("t", "u"):
                for qos in (0, 1, 2):
                    self.publisher.publish(topic, b"%d" % qos, qos)
            again = self.durable("c", version)
            self.assertEqual(again.finish(), [(b"t", b"1", 1), (b"t", b"2", 2)])
            again.lose()
            self.join("c", version).leave()
        self.assertEqual(self.stats.dropped, 0)

    def test_order_across_connections(self) -> None:
        """
        What was under way, what waited and what came meanwhile is delivered in the order in which it was published.
        """
        client = self.durable("c", receive_maximum=2)
        client.subscribe("t", qos=1)
        for number in range(6):
            self.publisher.publish("t", b"%d" % number, 1)
        for number in range(6, 12, 2):
            client.lose()
            self.publisher.publish("t", b"%d" % number, 1)
            client = self.durable("c", receive_maximum=3)
            self.publisher.publish("t", b"%d" % (number + 1), 1)
        self.assertEqual(client.payloads(), [b"%d" % number for number in range(12)])
        self.assertBooksClosed()

    def test_no_local_while_away(self) -> None:
        """
        No-local and overlapping subscriptions count for what is kept, too.
        """
        client = self.durable("c")
        client.subscribe(Subscription(b"t", 2, no_local=True), identifier=1)
        client.subscribe("+", qos=1, identifier=2)
        client.subscribe(Subscription(b"u", 1, no_local=True))
        client.publish("t", b"own", 2)
        client.publish("u", b"own too", 2)
        heard = [packet for packet in client.heard() if isinstance(packet, Publish)]
        self.assertEqual(
            [(packet.qos, packet.properties and packet.properties.subscription_identifiers) for packet in heard],
            [(1, (2,)), (1, (2,))],
        )

    def test_everything_counted(self) -> None:
        """
        The counters of what is queued rise and fall with it, in bytes too.
        """
        client = self.durable("c")
        client.subscribe("t", qos=2)
        client.lose()
        for qos in (1, 2):
            self.publisher.publish("t", bytes(100), qos)
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (2, 2 * (100 + 1 + 256)))
        client = self.durable("c")
        self.assertEqual(self.stats.queued, 2)
        client.answer(client.heard()[0])
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (1, 357))
        client.leave(session_expiry_interval=0)
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
        self.assertEqual(self.stats.dropped, 0)


class LimitTests(BrokerTestCase):
    limits = {"max_queued_messages": 10, "max_queued_bytes": 3_000, "max_inflight_5": 2}

    def test_messages(self) -> None:
        """
        A parked session keeps so many messages and drops the newest beyond them, counted; the oldest come.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=1)
        client.lose()
        reasons = [publisher.publish("t", b"%d" % number, 1) for number in range(12)]
        self.assertEqual(reasons, [0] * 10 + [0x97] * 2)
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (10, 2))
        self.assertEqual(self.durable("c").payloads(), [b"%d" % number for number in range(10)])

    def test_bytes(self) -> None:
        """
        The limit in bytes counts what a message costs in memory; a smaller one may still find room.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=1)
        client.lose()
        for _ in range(5):
            publisher.publish("t", bytes(1_000), 1)
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (2, 3))
        self.assertEqual(publisher.publish("t", bytes(100), 1), 0)
        self.assertEqual(len(self.durable("c").payloads()), 3)
        self.assertBooksClosed()

    def test_others_are_not_concerned(self) -> None:
        """
        A session whose queue is full takes nothing from another.
        """
        full, free, publisher = self.durable("full"), self.durable("free"), self.join("p")
        for client in (full, free):
            client.subscribe("t", qos=1)
        full.lose()
        for number in range(20):
            self.assertEqual(publisher.publish("t", b"%d" % number, 1), 0)
            self.assertEqual(len(free.payloads()), 1)
        self.assertEqual(self.stats.dropped_full, 10)

    def test_room_after_expiry(self) -> None:
        """
        Messages that have expired make room for new ones.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=1)
        client.lose()
        for number in range(10):
            publisher.publish("t", b"%d" % number, 1, message_expiry_interval=5 + number if number % 2 else None)
        self.town.wait(8)
        for _ in range(3):
            publisher.publish("t", b"new", 1)
        self.assertEqual((self.stats.dropped_expired, self.stats.dropped_full), (2, 1))
        self.assertEqual(self.durable("c").payloads()[-2:], [b"new", b"new"])
        self.assertBooksClosed()
