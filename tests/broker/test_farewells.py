"""
Tests of txmqtt.broker.farewells: wills, sessions that expire, and the end of the broker.
"""

from tests.broker.support import BrokerTestCase, Peer, Rights, will
from txmqtt.codec.packets import Disconnect, Publish, Subscription
from txmqtt.codec.properties import Properties


class WillTests(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.watcher = self.join("watcher")
        self.watcher.subscribe(Subscription(b"wills/#", 2, retain_as_published=True))

    def wills(self) -> list[bytes]:
        return self.watcher.payloads()

    def test_lost_connection(self) -> None:
        """
        A client that goes without saying goodbye has its will published, with its QoS, and once
        [MQTT5-3.1.2-8] [MQTT5-3.1.2-10] [MQTT311-3.1.2-8] [MQTT311-3.1.2-10].
        """
        for version in (3, 4, 5):
            for join in (self.join, self.durable):
                for qos in (0, 1, 2):
                    client = join("c", version, will=will("wills/c", b"gone", qos))
                    client.lose()
                    client.lose()
                    self.assertEqual(self.watcher.finish(), [(b"wills/c", b"gone", qos)])
        self.assertEqual(self.stats.wills_sent, 18)
        self.town.wait(1_000_000)
        self.assertEqual(self.wills(), [])

    def test_goodbye(self) -> None:
        """
        DISCONNECT takes the will back, but on 5.0 not with reason 0x04 or an error
        [MQTT5-3.14.4-3] [MQTT311-3.14.4-3].
        """
        for version, reason, published in (
            (4, 0, False),
            (5, 0, False),
            (5, 4, True),
            (5, 0x80, True),
            (5, 0x98, True),
        ):
            with self.subTest(version=version, reason=reason):
                self.join("c", version, will=will("wills/c")).leave(reason)
                self.assertEqual(len(self.wills()), published)

    def test_broken_rule(self) -> None:
        """
        A connection that the broker ends, because a rule was broken or time was up, has its will published.
        """
        rude = self.join("c", will=will("wills/c"))
        rude.feed(b"\x00\x00")
        self.assertEqual(self.wills(), [b"gone"])
        silent = self.join("c", 4, keep_alive=10, will=will("wills/c"))
        silent.session.tick(self.town.turn.now + 15)
        self.town.turn.flush()
        self.assertEqual(self.wills(), [b"gone"])
        self.assertIsNotNone(silent.closed)

    def test_properties(self) -> None:
        """
        A will is published with its properties, its expiry counted from then, without its delay [MQTT5-3.1.3-10].
        """
        pairs = (("b", "1"), ("a", "2"))
        self.join(
            "c",
            will=will("wills/c", message_expiry_interval=30, user_properties=pairs, will_delay_interval=5),
            session_expiry_interval=100,
        ).lose()
        self.town.wait(5)
        self.assertEqual(
            self.watcher.heard(),
            [Publish(b"wills/c", b"gone", properties=Properties(message_expiry_interval=30, user_properties=pairs))],
        )

    def test_retained(self) -> None:
        """
        A will with retain is retained, one without is not [MQTT5-3.1.2-14] [MQTT5-3.1.2-15] [MQTT311-3.1.2-17].
        """
        self.join("c", will=will("wills/kept", retain=True)).lose()
        self.join("c", will=will("wills/flying")).lose()
        late = self.join("late")
        late.subscribe("wills/#")
        self.assertEqual(late.finish(), [(b"wills/kept", b"gone", 0)])

    def test_delay(self) -> None:
        """
        A will comes after its delay, or when its session ends if that is earlier [MQTT5-3.1.2-8].
        """
        for delay, expiry, due in ((10, 100, 10), (100, 10, 10), (10, 10, 10), (0, 10, 0), (10, 0, 0)):
            with self.subTest(delay=delay, expiry=expiry):
                self.join("c", session_expiry_interval=expiry, will=will("wills/c", will_delay_interval=delay)).lose()
                if due:
                    self.town.wait(due - 1)
                    self.assertEqual(self.wills(), [])
                    self.town.wait(1)
                self.assertEqual(self.wills(), [b"gone"])
                self.town.wait(200)
                self.assertEqual(self.wills(), [])
        self.watcher.lose()
        self.assertBooksClosed()

    def test_client_returns(self) -> None:
        """
        A client that is back before the delay has passed has no will published, whether it was away or not
        [MQTT5-3.1.3-9].
        """
        for away in (True, False):
            client = self.durable("c", will=will("wills/c", b"old", will_delay_interval=10))
            if away:
                client.lose()
                self.town.wait(9)
            again = self.durable("c", will=will("wills/c", b"new", will_delay_interval=10))
            self.town.wait(100)
            self.assertEqual(self.wills(), [])
            again.lose()
            self.town.wait(10)
            self.assertEqual(self.wills(), [b"new"])

    def test_take_over(self) -> None:
        """
        A take-over publishes a will without delay at once, and one with delay if the old session is discarded.
        """
        for version, delay, clean, published in (
            (4, 0, False, True),
            (4, 0, True, True),
            (5, 0, False, True),
            (5, 10, True, True),
            (5, 10, False, False),
        ):
            with self.subTest(version=version, delay=delay, clean=clean):
                said = will("wills/c", will_delay_interval=delay) if delay else will("wills/c")
                self.durable("c", version, will=said)
                again = self.join("c", version, clean_start=clean)
                self.assertEqual(len(self.wills()), published)
                again.leave()

    def test_clean_start_of_a_parked_session(self) -> None:
        """
        A session that is discarded while it is parked ends, so its will is due at once.
        """
        self.durable("c", will=will("wills/c", will_delay_interval=1000)).lose()
        self.join("c")
        self.assertEqual(self.wills(), [b"gone"])

    def test_expiry_changed_at_the_end(self) -> None:
        """
        A session expiry that comes with DISCONNECT counts for the will too.
        """
        client = self.durable("c", will=will("wills/c", will_delay_interval=1000))
        client.leave(4, session_expiry_interval=0)
        self.assertEqual(self.wills(), [b"gone"])
        client = self.durable("c", will=will("wills/c", will_delay_interval=1000))
        client.leave(4, session_expiry_interval=5)
        self.town.wait(5)
        self.assertEqual(self.wills(), [b"gone"])

    def test_right_gone(self) -> None:
        """
        A will is not published if its client has lost the right meanwhile; it is counted.
        """
        rights = Rights()
        client = self.durable("c", rights=rights, will=will("wills/c", will_delay_interval=10))
        client.lose()
        rights.publish.add("wills/c")
        self.town.wait(10)
        self.assertEqual((self.wills(), self.stats.wills_sent, self.stats.refused_publishes), ([], 0, 1))

    def test_no_local(self) -> None:
        """
        No-local holds for wills: the client does not hear its own when it returns.
        """
        client = self.durable("c", will=will("wills/c", qos=1))
        client.subscribe(Subscription(b"#", 1, no_local=True))
        client.lose()
        self.assertEqual(self.wills(), [b"gone"])
        self.assertEqual(self.durable("c").payloads(), [])

    def test_own_will(self) -> None:
        """
        A parked session gets its own will like any message, in its place.
        """
        publisher = self.join("p")
        client = self.durable("c", will=will("t", b"will", 1))
        client.subscribe("t", qos=1)
        client.lose()
        publisher.publish("t", b"after", 1)
        self.assertEqual(self.durable("c").payloads(), [b"will", b"after"])

    def test_many_at_once(self) -> None:
        """
        Wills that are due together are all published, and one that ends another's wait does not disturb them.
        """
        for number in range(20):
            peer = self.join(
                f"c{number}", session_expiry_interval=10, will=will(f"wills/{number}", will_delay_interval=10)
            )
            peer.subscribe("wills/#", qos=1)
            peer.lose()
        self.town.wait(10)
        self.assertEqual(len(self.wills()), 20)
        self.assertEqual((self.stats.sessions_expired, self.stats.sessions), (20, 1))
        self.watcher.lose()
        self.assertBooksClosed()


class SessionExpiryTests(BrokerTestCase):
    limits = {"max_session_expiry": 1_000}

    def alive(self, client_id: str = "c") -> bool:
        return self.broker.registry.find(("", client_id)) is not None

    def test_expires(self) -> None:
        """
        A parked session is there until its expiry has passed, and not longer [MQTT5-3.1.2-23] [MQTT5-4.1.0-2].
        """
        publisher = self.join("p")
        client = self.join("c", session_expiry_interval=10)
        client.subscribe("t", "$share/g/t", qos=1)
        client.lose()
        publisher.publish("t", b"x", 1)
        self.town.wait(9)
        self.assertTrue(self.alive())
        self.assertEqual(self.stats.queued, 2)
        self.town.wait(1)
        self.assertFalse(self.alive())
        self.assertEqual((self.stats.queued, self.stats.dropped_ended, self.stats.sessions_expired), (0, 2, 1))
        self.assertEqual((self.stats.subscriptions, self.stats.shared_subscriptions), (0, 0))
        self.assertEqual(publisher.publish("t", b"x", 1), 0x10)

    def test_returning_stops_the_clock(self) -> None:
        """
        Each connection begins the wait anew, with its own interval.
        """
        self.join("c", session_expiry_interval=10).lose()
        self.town.wait(9)
        self.assertTrue(self.join("c", clean_start=False, session_expiry_interval=20).present)
        self.town.wait(500)
        self.assertTrue(self.alive())
        self.town.member("c").session.lost()  # type: ignore[union-attr]
        self.town.wait(19)
        self.assertTrue(self.alive())
        self.town.wait(1)
        self.assertFalse(self.alive())

    def test_versions(self) -> None:
        """
        3.x sessions that are to last get what the policy allows at most; clean ones end at once.
        """
        for version in (3, 4):
            self.join("c", version).lose()
            self.assertFalse(self.alive())
            self.join("c", version, clean_start=False).lose()
            self.town.wait(999)
            self.assertTrue(self.alive())
            self.town.wait(1)
            self.assertFalse(self.alive())

    def test_changed_by_disconnect(self) -> None:
        """
        DISCONNECT may say another interval, within the policy; 0 ends the session.
        """
        self.join("c", session_expiry_interval=10).leave(session_expiry_interval=0xFFFFFFFF)
        self.town.wait(999)
        self.assertTrue(self.alive())
        self.town.wait(1)
        self.assertFalse(self.alive())
        self.join("c", session_expiry_interval=10).leave(session_expiry_interval=0)
        self.assertFalse(self.alive())

    def test_not_made_to_last(self) -> None:
        """
        A session without expiry can't be given one by DISCONNECT: that is a protocol error, and it ends.
        """
        client = self.join("c")
        client.leave(session_expiry_interval=10)
        (goodbye,) = client.heard()
        assert isinstance(goodbye, Disconnect)
        self.assertEqual(goodbye.reason, 0x82)
        self.assertFalse(self.alive())


class ForEverTests(BrokerTestCase):
    limits = {"max_session_expiry": 0xFFFFFFFF}

    def test_never(self) -> None:
        """
        The interval 0xFFFFFFFF never ends, where the policy allows it.
        """
        self.join("c", session_expiry_interval=0xFFFFFFFF).lose()
        self.town.wait(1e12)
        self.assertTrue(self.durable("c").present)


class ShutTests(BrokerTestCase):
    def test_everybody_is_told(self) -> None:
        """
        5.0 clients hear DISCONNECT 0x8B, 3.x ones are closed [MQTT5-3.14.2-1].
        """
        peers = {version: self.durable(f"c{version}", version) for version in (3, 4, 5)}
        self.broker.shut("the end")
        for version, peer in peers.items():
            self.assertEqual(
                peer.heard(), [Disconnect(0x8B, Properties(reason_string="the end"))] if version == 5 else []
            )
            assert peer.closed is not None
            self.assertEqual(peer.closed, (0x8B, "the end", False))
        self.assertEqual(self.stats.connections, 0)
        self.assertEqual(self.stats.sessions, 3)

    def test_wills_first(self) -> None:
        """
        All wills are published while everybody can still hear them, those of parked sessions too, and once.
        """
        names = ("a", "b", "c")
        peers: list[Peer] = []
        for name in names:
            peer = self.durable(name, will=will("wills", name.encode(), 1, will_delay_interval=30))
            peer.subscribe("wills", qos=1)
            peers.append(peer)
        peers.pop().lose()
        self.broker.shut("the end")
        for peer in peers:
            messages = [packet.payload for packet in peer.heard() if isinstance(packet, Publish)]
            self.assertEqual(messages, [b"a", b"b", b"c"])
        self.assertEqual(self.stats.wills_sent, 3)
        self.town.wait(31)
        self.assertEqual(self.stats.wills_sent, 3)

    def test_twice(self) -> None:
        """
        Shutting down twice does no harm.
        """
        self.join("c")
        self.broker.shut("the end")
        self.broker.shut("the end")
        self.assertBooksClosed()


class SweepTests(BrokerTestCase):
    def test_connected_again(self) -> None:
        """
        A sweep leaves alone who is connected, and what has already been discarded.
        """
        self.durable("c", session_expiry_interval=10).lose()
        member = self.town.member("c")
        stale = self.broker.calendar.add(self.town.turn.wall + 10, member, True)
        self.durable("c")
        self.town.wait(20)
        self.assertTrue(stale.cancelled)
        self.assertIs(self.town.member("c"), member)
        self.broker.calendar.add(self.town.turn.wall, member, False)
        self.join("c", session_expiry_interval=10).lose()
        self.town.wait(1)
        self.assertIsNot(self.town.member("c"), member)

    def test_discarded_by_the_backend(self) -> None:
        """
        What a backend says of sessions that nobody knows, or that are connected, changes nothing.
        """
        self.durable("c")
        self.broker.discarded(("", "c"))
        self.broker.discarded(("", "nobody"))
        self.assertEqual(self.stats.sessions, 1)
