"""
Tests of txmqtt.broker.retrieval: very many retained messages, slow readers and slow backends.
"""

from tests.backends.slow import SlowBackend
from tests.broker.support import BrokerTestCase, Peer, Rights
from txmqtt.codec.constants import PUBACK
from txmqtt.codec.packets import Ack, Packet, Publish, Suback, Subscribe, Subscription, Unsubscribe
from txmqtt.codec.properties import Properties


class FloodTests(BrokerTestCase):
    limits = {"retained_page": 10, "write_buffer": 4_000, "max_queued_messages": 5, "max_inflight_5": 4}

    def setUp(self) -> None:
        super().setUp()
        for number in range(100):
            self.broker.publish(b"t/%d" % number, bytes(100), number % 3, True)

    def test_all_of_it(self) -> None:
        """
        However many there are, a client that reads gets them all, at any QoS and in any kind of session.
        """
        for join in (self.join, self.durable):
            for granted in (0, 1, 2):
                client = join("c", receive_maximum=3)
                client.subscribe("t/#", qos=granted)
                self.assertEqual(len(client.finish()), 100)
                client.leave(session_expiry_interval=0)
        self.assertEqual(self.stats.dropped, 0)
        self.assertBooksClosed()

    def test_slow_reader(self) -> None:
        """
        A client that does not read is sent no more than its buffer takes; the rest comes when it reads.
        """
        for granted in (0, 1):
            for join in (self.join, self.durable):
                client = join("c")
                client.pause()
                client.say(Subscribe(1, [Subscription(b"t/#", granted)]))
                self.assertLess(client.session.out_size, 4_000)
                self.assertLess(self.stats.queued, 5)
                self.assertTrue(client.session.thirsty)
                client.resume()
                self.assertEqual(len(client.finish()), 100)
                self.assertFalse(client.session.thirsty)
                client.leave(session_expiry_interval=0)
        self.assertEqual(self.stats.dropped, 0)

    def test_many_subscriptions(self) -> None:
        """
        One subscription after the other is served; the same one again begins anew, and none costs memory until its
        turn.
        """
        client = self.join("c")
        client.pause()
        filters = [b"t/#", b"t/+", b"+/1", b"t/#", b"nothing", b"t/1"]
        client.say(Subscribe(1, [Subscription(filter) for filter in filters]))
        retrievals = self.town.member("c").retrievals
        assert retrievals is not None
        self.assertEqual(list(retrievals), [b"t/+", b"+/1", b"t/#", b"nothing", b"t/1"])
        client.resume()
        self.assertEqual(len(client.finish()), 100 + 1 + 100 + 0 + 1)
        self.assertIsNone(self.town.member("c").retrievals)

    def test_unsubscribed(self) -> None:
        """
        Nothing more is sent for a subscription that has been given up.
        """
        client = self.join("c")
        client.pause()
        client.say(Subscribe(1, [Subscription(b"t/#")]), Unsubscribe(2, [b"t/#"]))
        client.resume()
        self.assertLess(len(client.finish()), 30)
        self.assertFalse(client.session.thirsty)

    def test_live_messages_pass(self) -> None:
        """
        What is published meanwhile does not wait for the rest of what was retained.
        """
        publisher, client = self.join("p"), self.join("c", receive_maximum=2)
        client.subscribe("t/#", "live", qos=1)
        publisher.publish("live", b"now")
        self.assertIn((b"live", b"now", 0), client.finish()[:20])

    def test_skipped(self) -> None:
        """
        Where most of what was retained may not be sent, the rest still comes.
        """
        client = self.join("c", rights=Rights(receive=[f"t/{number}" for number in range(95)]))
        client.subscribe("t/#")
        self.assertEqual(len(client.finish()), 5)
        small = self.join("small", maximum_packet_size=60)
        self.broker.publish(b"t/last", b"x", 1, True)
        small.subscribe("t/#", qos=1)
        self.assertEqual(small.finish(), [(b"t/last", b"x", 1)])
        lasting = self.durable("lasting", maximum_packet_size=60)
        lasting.subscribe("t/#", qos=1)
        self.assertEqual(lasting.finish(), [(b"t/last", b"x", 1)])

    def test_over_before_it_is_read(self) -> None:
        """
        What expires while it waits for the reader is not sent.
        """
        self.broker.publish(b"u/0", bytes(2_100), 0, True)
        self.broker.publish(b"u/1", b"short", 0, True, Properties(message_expiry_interval=5))
        self.broker.publish(b"u/2", b"long", 0, True)
        client = self.join("c")
        client.pause()
        client.say(Subscribe(1, [Subscription(b"u/#")]))
        self.town.wait(5)
        client.resume()
        self.assertEqual([topic for topic, _, _ in client.finish()], [b"u/0", b"u/2"])

    def test_behind_what_waits(self) -> None:
        """
        Retained messages do not overtake what already waits for the client.
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            client = join("c", receive_maximum=1)
            client.subscribe("live", qos=1)
            for number in range(3):
                publisher.publish("live", b"%d" % number, 1)
            client.subscribe("t/0", "t/1", qos=1)
            self.assertEqual([topic for topic, _, _ in client.finish()], [b"live"] * 3 + [b"t/0", b"t/1"])
            client.leave(session_expiry_interval=0)

    def test_large_and_small(self) -> None:
        """
        Messages that fill the buffer all at once come like others, and none is lost or doubled.
        """
        for number in range(10):
            self.broker.publish(b"v/%d" % number, bytes(3_500 if number % 2 else 1_000), 0, True)
        for reading in (True, False):
            client = self.join("c")
            if not reading:
                client.pause()
            client.say(Subscribe(1, [Subscription(b"v/#"), Subscription(b"v/1")]))
            client.resume()
            self.assertEqual(
                sorted(topic for topic, _, _ in client.finish()), sorted([*(b"v/%d" % n for n in range(10)), b"v/1"])
            )
            client.leave()

    def test_written_in_between(self) -> None:
        """
        Where the buffer must be written before the next message fits, the rest goes on once, in order.
        """
        for number in range(10):
            self.broker.publish(b"w/%d" % number, bytes(50), 0, True)
        for number in range(10, 14):
            self.broker.publish(b"w/%d" % number, bytes(3_800), 0, True)
        client = self.join("c")
        client.say(Subscribe(1, [Subscription(b"w/#")]), Subscribe(2, [Subscription(b"t/0")]))
        self.assertEqual([topic for topic, _, _ in client.finish()], [*(b"w/%d" % n for n in range(14)), b"t/0"])

    def test_away(self) -> None:
        """
        A session that lasts and leaves in the middle keeps what it was still to get, as far as its queue holds.
        """
        client = self.durable("c", receive_maximum=2)
        client.subscribe("t/#", "t/1", qos=1)
        got = len(client.inbox)
        self.assertLess(got, 10)
        client.lose()
        self.assertEqual(self.stats.queued, 2 + 5)
        self.assertEqual(len(self.durable("c").finish()), 7)
        self.assertGreater(self.stats.dropped_full, 50)
        self.assertBooksClosed()

    def test_gone(self) -> None:
        """
        A session that ends in the middle leaves nothing behind.
        """
        for expiry in (None, 0):
            client = self.durable("c", receive_maximum=2) if expiry is not None else self.join("c", receive_maximum=2)
            client.subscribe("t/#", qos=1)
            client.leave(**({} if expiry is None else {"session_expiry_interval": 0}))
            self.assertEqual((self.stats.queued, self.stats.dropped), (0, 0))
        self.assertBooksClosed()


class SlowTests(BrokerTestCase):
    """
    With a backend that takes its time to find and to keep.
    """

    limits = {"retained_page": 10, "max_inflight_5": 4}

    def make_backend(self, *words: object) -> SlowBackend:
        self.slow = SlowBackend(*words)  # type: ignore[arg-type]
        self.slow.slow = {"find", "publish"}
        return self.slow

    def setUp(self) -> None:
        super().setUp()
        for number in range(20):
            self.broker.publish(b"t/%d" % number, b"x", 1, True)
        self.slow.commit()

    def drain(self, client: Peer) -> int:
        """
        Take what comes and let the backend do what is asked, until nothing happens any more.

        @return: the messages that came.
        """
        heard: list[Packet] = []
        while client.inbox or self.slow.asked:
            for packet in client.heard():
                if isinstance(packet, Publish):
                    heard.append(packet)
                client.answer(packet)
            self.assertLessEqual(len(self.slow.asked), 5)
            self.slow.commit()
        return len(heard)

    def test_found_later(self) -> None:
        """
        What is found later is sent then, to any kind of session, and never more is under way than the window holds.
        """
        for join in (self.join, self.durable):
            client = join("c")
            client.subscribe("t/#", qos=1)
            self.assertEqual(client.heard(), [])
            self.assertEqual(self.drain(client), 20)
            client.leave(session_expiry_interval=0)
        self.assertBooksClosed()

    def test_found_after_leaving(self) -> None:
        """
        What is found after its session has left waits for its return; after its end it is forgotten.
        """
        for expiry in (100, 0):
            client = self.durable("c", session_expiry_interval=100)
            client.subscribe("t/#", qos=1)
            client.leave(session_expiry_interval=expiry)
            self.slow.commit()
            self.assertEqual(self.stats.queued, 20 if expiry else 0)
        client = self.join("c")
        client.subscribe("t/#", qos=1)
        client.lose()
        self.slow.commit()
        self.assertEqual(self.stats.queued, 0)

    def test_kept_after_leaving(self) -> None:
        """
        What was being kept when the session left is kept once.
        """
        client = self.durable("c")
        client.subscribe("t/#", qos=1)
        self.slow.commit(1)
        self.assertEqual(len(self.slow.asked), 4)
        client.lose()
        self.slow.commit()
        again = self.durable("c")
        self.assertEqual(len(again.payloads()), 20)
        self.assertBooksClosed()

    def test_found_after_the_end(self) -> None:
        """
        What is found after its session has expired is forgotten.
        """
        client = self.durable("c")
        client.subscribe("t/#", qos=1)
        client.lose()
        self.town.wait(3601)
        self.slow.commit()
        self.assertEqual(self.stats.queued, 0)
        self.assertBooksClosed()

    def test_kept_and_not_yet_delivered(self) -> None:
        """
        A backend may say that a message is kept before it delivers it: the next follows when it has been read.
        """
        self.slow.slow = {"publish"}
        self.slow.hasty = True
        client = self.durable("c")
        client.subscribe("t/#", qos=1)
        self.assertEqual(self.drain(client), 20)
        self.assertBooksClosed()

    def test_page_by_page(self) -> None:
        """
        A backend may find page by page.
        """
        client = self.join("c")
        client.subscribe("nothing")
        self.slow.asked.clear()
        client.say(Subscribe(2, [Subscription(b"t/#")]))
        retrievals = self.town.member("c").retrievals
        assert retrievals is not None
        first = retrievals[b"nothing"]
        from txmqtt.session.message import Message

        first.page([Message(b"a", b"1")], False, None)
        self.town.turn.flush()
        self.assertEqual(client.heard(), [Suback(2, [0]), Publish(b"a", b"1", retain=True)])
        first.page([Message(b"b", b"2")], True, None)
        self.slow.commit()
        client.ring()
        self.assertEqual(len(client.payloads()), 21)
        self.assertNotIn(Ack(PUBACK, 1), client.inbox)


class FarTests(BrokerTestCase):
    """
    So many topics that they are looked through in several turns.
    """

    limits = {"retained_page": 1_000}

    def setUp(self) -> None:
        super().setUp()
        for number in range(5_000):
            self.broker.publish(b"t/%d" % number, b"x", int(number >= 4_990), True)

    def test_little_is_found(self) -> None:
        """
        A subscriber that may have few of very many topics gets these, though nobody waits while they are looked for.
        """
        rights = Rights(receive=[f"t/{number}" for number in range(5_000) if number % 1_000])
        client = self.join("c", rights=rights)
        client.subscribe("t/#")
        self.assertEqual(len(client.finish()), 5)

    def test_gone_meanwhile(self) -> None:
        """
        A session that lasts is owed what it asked for and was not sent when its connection ended.
        """
        client = self.durable("c")
        client.pause()
        client.say(Subscribe(1, [Subscription(b"t/#", 1)]))
        client.lose()
        self.assertEqual(len(self.durable("c").finish()), 10)


class LateTests(BrokerTestCase):
    limits = {"write_buffer": 4_000}

    def make_backend(self, *words: object) -> SlowBackend:
        self.slow = SlowBackend(*words)  # type: ignore[arg-type]
        self.slow.slow = {"find"}
        return self.slow

    def test_written_on_the_way(self) -> None:
        """
        A message that does not fit beside those before it has these written at once, which is no reason to begin anew.
        """
        sizes = (1_500, 3_500, 1_500, 3_500)
        for number, size in enumerate(sizes):
            self.broker.publish(b"t/%d" % number, bytes(size), 0, True)
        client = self.join("c")
        client.subscribe("t/#")
        self.assertTrue(client.session.thirsty)
        self.slow.commit()
        self.assertEqual(sorted(len(payload) for payload in client.payloads()), sorted(sizes))
        self.assertFalse(client.session.thirsty)
