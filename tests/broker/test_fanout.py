"""
Tests of txmqtt.broker.fanout: one message to everybody on its route.
"""

from tests.broker.support import BrokerTestCase, Peer
from txmqtt.broker.fanout import ALL_FULL, NOBODY_TOOK_IT, TAKEN
from txmqtt.broker.routes import Delivery
from txmqtt.codec.packets import Publish, Subscription
from txmqtt.session.message import Message


class FanoutTests(BrokerTestCase):
    limits = {"write_buffer": 300, "max_queued_messages": 1, "max_inflight_5": 1, "max_inflight": 1}

    def send(self, qos: int = 0, topic: bytes = b"t", publisher: str = "", size: int = 1) -> int:
        """
        Fan a message out.
        """
        message = Message(topic, bytes(size), qos, False, None, 0.0, publisher)
        return self.broker.fanout.send(message, self.broker.mount().routes.find(topic))

    def test_verdicts(self) -> None:
        """
        It is reported whether anybody has the message, or somebody should have had it and nobody had room.
        """
        self.assertEqual([self.send(qos) for qos in (0, 1)], [NOBODY_TOOK_IT, NOBODY_TOOK_IT])
        client = self.join("c")
        client.subscribe("t", qos=1)
        self.assertEqual(self.send(0), TAKEN)
        self.assertEqual([self.send(1) for _ in range(3)], [TAKEN, TAKEN, ALL_FULL])
        self.join("d").subscribe("t", qos=0)
        self.assertEqual(self.send(1), TAKEN)
        self.assertEqual(self.stats.dropped_full, 2)

    def test_same_bytes(self) -> None:
        """
        Receivers that get the same bytes get the same object.
        """
        peers = [self.join(f"c{version}{number}", version) for version in (4, 5) for number in range(2)]
        for peer in peers:
            peer.subscribe("t")
        self.send()
        frames = [peer.session.out[-1] for peer in peers]
        self.assertIs(frames[0], frames[1])
        self.assertIs(frames[2], frames[3])
        self.assertNotEqual(frames[0], frames[2])

    def test_own_bytes(self) -> None:
        """
        Who asked for something special, or takes aliases, gets bytes of its own.
        """
        aliased = self.join("a", topic_alias_maximum=1)
        aliased.subscribe("t")
        for _ in range(2):
            self.send()
            self.town.turn.flush()
        first, second = aliased.heard()
        assert isinstance(first, Publish) and isinstance(second, Publish)
        self.assertEqual((first.topic, second.topic), (b"t", b""))

    def test_slow(self) -> None:
        """
        A QoS 0 copy that finds no room is dropped and counted for that receiver alone.
        """
        peers: list[Peer] = []
        for name, subscription in (
            ("plain", Subscription(b"t")),
            ("special", Subscription(b"t", retain_as_published=True)),
            ("shared", Subscription(b"$share/g/t")),
        ):
            peer = self.join(name)
            peer.subscribe(subscription)
            peer.pause()
            peers.append(peer)
        for _ in range(3):
            self.send(size=200)
        self.assertEqual(self.stats.dropped_slow, 4 + 3)  # who shares is not asked at all while it does not read
        for peer in peers:
            peer.resume()
        self.assertEqual([len(peer.heard()) for peer in peers], [1, 1, 0])
        self.assertEqual((self.stats.publish_sent, self.town.turn.publishes_sent), (2, 0))

    def test_one(self) -> None:
        """
        A copy for a member that is not connected goes nowhere.
        """
        client = self.durable("c")
        client.subscribe("t")
        member = self.town.member("c")
        client.lose()
        delivery = Delivery(member, [member.grants[b"t"]])
        self.assertFalse(self.broker.fanout.one(Message(b"t", b"x"), delivery))

    def test_publisher(self) -> None:
        """
        A message says who published it, for no-local.
        """
        client = self.join("c")
        client.subscribe(Subscription(b"t", 1, no_local=True))
        self.assertEqual([self.send(1, publisher="c"), self.send(1, publisher="d")], [NOBODY_TOOK_IT, TAKEN])


class OldestTests(BrokerTestCase):
    """
    Receivers that would rather lose the oldest.
    """

    limits = {"max_queued_messages": 3, "max_queued_bytes": 1_500, "max_inflight_5": 1, "queue_full": "drop_oldest"}

    def test_as_many_as_it_takes(self) -> None:
        """
        As many of the oldest go as the new one needs, and no more; what would not fit at all goes itself.
        """
        client, publisher = self.join("c"), self.join("p")
        client.subscribe("t", qos=1)
        for size in (1, 2, 3, 4):
            publisher.publish("t", bytes(size), 1)
        publisher.publish("t", bytes(900), 1)
        self.assertEqual(self.stats.dropped_full, 2)
        publisher.publish("t", bytes(2_000), 1)
        self.assertEqual([len(payload) for payload in client.payloads()], [1])
        self.assertEqual(self.stats.dropped_full, 5)
