"""
Tests of txmqtt.broker.subscriptions: what is granted, replaced, given up, and taken back.
"""

from tests.backends.slow import SlowBackend
from tests.broker.support import BrokerTestCase, Peer, Rights, Town
from tests.session.support import wordless
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import Publish, Suback, Subscribe, Subscription, Unsuback, Unsubscribe


class SubscribeTests(BrokerTestCase):
    limits = {"max_topic_levels": 3, "max_subscriptions": 4}

    def test_codes(self) -> None:
        """
        SUBACK has a code for each filter in its order: the QoS granted, or why there is none
        [MQTT5-3.8.4-1] [MQTT5-3.8.4-2] [MQTT5-3.8.4-6] [MQTT5-3.8.4-7] [MQTT5-3.9.3-1] [MQTT311-3.9.3-1].
        """
        rights = Rights(grants={"half": 1, "no": 0x87, "odd": 0xFF, "much": 9})
        for version, refused in (
            (5, {"no": 0x87, "odd": 0x87, "deep": 0x8F}),
            (4, dict.fromkeys(("no", "odd", "deep"), 0x80)),
        ):
            client = self.join("c", version, rights=rights)
            self.assertEqual(
                client.subscribe("a", "half", "no", "odd", "a/b/c/d", "much", "$share/g/no", "a/b/c", qos=2),
                [2, 1, refused["no"], refused["odd"], refused["deep"], 2, refused["no"], 2],
            )
            self.assertEqual(self.stats.subscriptions, 4)
            client.leave()
        self.assertBooksClosed()

    def test_31_cannot_be_refused(self) -> None:
        """
        3.1 has no way to say no to a subscription: the answer is QoS 0, and nothing is subscribed.
        """
        client = self.join("c", 3, rights=Rights(grants={"no": 0x87}))
        self.assertEqual(client.subscribe("no", qos=1), [0])
        self.assertEqual(self.stats.subscriptions, 0)

    def test_broken_shares(self) -> None:
        """
        To the letter of 3.1.1 C{$share/...} is a filter like any other, but here it shares: what is no share name is
        refused, and nothing is subscribed [MQTT5-4.8.2-1] [MQTT5-4.8.2-2].
        """
        client = self.join("c", 4)
        self.assertEqual(client.subscribe("$share/g", "$share//t", "$share/+/t", "$share/g/t"), [0x80, 0x80, 0x80, 0])
        self.assertEqual(self.stats.subscriptions, 1)

    def test_too_many(self) -> None:
        """
        A subscription too many is refused, and one that replaces another is not too many.
        """
        client = self.join("c")
        self.assertEqual(client.subscribe("a", "b", "c", "d", "e"), [0, 0, 0, 0, 0x97])
        self.assertEqual(client.subscribe("d", qos=2), [2])
        client.unsubscribe("a")
        self.assertEqual(client.subscribe("e", qos=1), [1])

    def test_too_much_memory(self) -> None:
        """
        Filters that together cost too much memory are refused, shared ones too; what is given up makes room.
        """
        town = Town(Policy(max_subscription_bytes=5_000))
        client = Peer(town)
        client.connect("c")
        self.assertEqual(
            client.subscribe("a" * 3_000, "b" * 3_000, "$share/g/" + "+/" * 10, "short"), [0, 0x97, 0x97, 0]
        )
        self.assertEqual(client.subscribe("a" * 3_000, qos=1), [1])
        client.unsubscribe("a" * 3_000)
        self.assertEqual(client.subscribe("b" * 3_000), [0])
        client.unsubscribe("b" * 3_000, "short")
        self.assertEqual(town.member("c").filters_cost, 0)

    def test_replaced(self) -> None:
        """
        The same filter again replaces the subscription: QoS, identifier and options are those of the last
        [MQTT5-3.8.4-3] [MQTT311-3.8.4-3].
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            client = join("c")
            client.subscribe(Subscription(b"t", 2, no_local=True), identifier=5)
            client.subscribe("t", qos=1)
            client.publish("t", b"own", 2)
            publisher.publish("t", b"x", 2)
            self.assertEqual(
                client.heard()[-2:], [Publish(b"t", b"own", 1, packet_id=1), Publish(b"t", b"x", 1, packet_id=2)]
            )
            self.assertEqual(self.stats.subscriptions, 1)
            client.leave(session_expiry_interval=0)

    def test_several_filters(self) -> None:
        """
        Several filters in one packet count like one after the other, the same filter twice included
        [MQTT5-3.8.4-5] [MQTT311-3.8.4-4] [MQTT5-3.10.4-6].
        """
        client = self.join("c")
        self.assertEqual(client.subscribe(Subscription(b"t", 2), Subscription(b"t", 1)), [2, 1])
        self.assertEqual(self.town.member("c").grants[b"t"].qos, 1)
        self.assertEqual(client.unsubscribe("t", "t", "u"), [0, 0x11, 0x11])
        self.assertEqual(self.stats.subscriptions, 0)

    def test_unsubscribe(self) -> None:
        """
        Only the very filter is given up, and no new message comes because of it
        [MQTT5-3.10.4-1] [MQTT5-3.10.4-2] [MQTT311-3.10.4-1] [MQTT311-3.10.4-2].
        """
        publisher = self.join("p")
        for version in (4, 5):
            for join in (self.join, self.durable):
                client = join("c", version)
                client.subscribe("a/+", "a/b", "$share/g/a/b")
                self.assertEqual(client.unsubscribe("a/#", "a/+"), [0x11, 0] if version == 5 else [])
                publisher.publish("a/c", b"x")
                self.assertEqual(client.payloads(), [])
                client.unsubscribe("a/b")
                publisher.publish("a/b", b"shared")
                self.assertEqual(client.payloads(), [b"shared"])
                client.unsubscribe("$share/g/a/b")
                publisher.publish("a/b", b"x")
                self.assertEqual((client.payloads(), self.stats.subscriptions), ([], 0))
                client.leave()

    def test_deliveries_begun_are_completed(self) -> None:
        """
        What was under way or waiting when a subscription was given up is still delivered [MQTT5-3.10.4-3].
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            client = join("c", receive_maximum=1)
            client.subscribe("t", qos=2)
            for number in range(3):
                publisher.publish("t", b"%d" % number, 2)
            client.unsubscribe("t")
            publisher.publish("t", b"late", 2)
            self.assertEqual(client.payloads(), [b"0", b"1", b"2"])
            client.leave(session_expiry_interval=0)
        self.assertBooksClosed()

    def test_routes_follow(self) -> None:
        """
        Each change of a subscription counts from the next message on, whatever has been remembered.
        """
        publisher, client = self.join("p"), self.join("c")
        for filter in ("a/b", "a/+", "#", "a/b/#", "$share/g/a/b", "$share/g/+/b"):
            for _ in range(2):
                publisher.publish("a/b", b"no")
                client.subscribe(filter)
                publisher.publish("a/b", b"yes")
                self.assertEqual(client.payloads(), [b"yes"])
                client.unsubscribe(filter)
                publisher.publish("a/b", b"no")
                self.assertEqual(client.payloads(), [])
        self.assertEqual(len(self.broker.mount().filters.match(b"a/b")), 0)


class RightsTests(BrokerTestCase):
    def test_sys(self) -> None:
        """
        Who may do everything but see $SYS is refused what begins with it, shared or not, and gets all else.
        """
        client = self.join("c", 5)
        member = self.broker.registry.find(("", "c"))
        assert member is not None
        cases = [("$SYS", 0x87), ("$SYS/#", 0x87), ("$SYS/broker/+", 0x87), ("$share/g/$SYS/#", 0x87)]
        cases += [("$SYSTEM/#", 1), ("#", 1), ("+/broker/#", 1), ("a/$SYS", 1)]
        for sees_sys in (False, True):
            member.change_permissions(None, sees_sys)
            for filter, answer in cases:
                with self.subTest(filter=filter, sees_sys=sees_sys):
                    self.assertEqual(client.subscribe(filter, qos=1), [1 if sees_sys else answer])

    def test_right_to_receive(self) -> None:
        """
        A message is not delivered to whom it may not be, whatever the subscription says.
        """
        publisher = self.join("p")
        publisher.publish("secret", b"kept", 1, True)
        for join in (self.join, self.durable):
            client = join("c", rights=Rights(receive=["secret"]))
            client.subscribe("#", qos=1)
            for topic in ("secret", "public"):
                for qos in (0, 1, 2):
                    publisher.publish(topic, b"x", qos)
            self.assertEqual(client.finish(), [(b"public", b"x", 0), (b"public", b"x", 1), (b"public", b"x", 1)])
            client.leave(session_expiry_interval=0)
        self.assertBooksClosed()

    def test_checked_again_at_delivery(self) -> None:
        """
        What was kept for a parked session is not delivered when its right has gone; it is dropped and counted.
        """
        publisher = self.join("p")
        rights = Rights()
        client = self.durable("c", rights=rights)
        client.subscribe("#", qos=1)
        client.lose()
        for topic in ("secret", "public"):
            publisher.publish(topic, b"x", 1)
        again = self.durable("c", rights=Rights(receive=["secret"]))
        self.assertEqual(again.finish(), [(b"public", b"x", 1)])
        self.assertEqual((self.stats.dropped_denied, self.stats.queued), (1, 0))

    def test_right_that_comes_while_away(self) -> None:
        """
        While a session is parked its subscriptions alone decide what is kept; its rights count when it returns.
        """
        publisher = self.join("p")
        denied = Rights(receive=["t"])
        for rights in (None, denied):
            client = self.durable("c", rights=denied)
            client.subscribe("t", qos=1)
            publisher.publish("t", b"there", 1)
            client.lose()
            publisher.publish("t", b"away", 1)
            again = self.durable("c", rights=rights)
            publisher.publish("t", b"back", 1)
            self.assertEqual(again.payloads(), [] if rights else [b"away", b"back"])
            again.leave(session_expiry_interval=0)
        self.assertEqual(self.stats.dropped_denied, 1)

    def test_other_rights_on_return(self) -> None:
        """
        Who comes back with other rights has those, whatever was remembered before.
        """
        publisher = self.join("p")
        for before, after in ((Rights(receive=["t"]), None), (None, Rights(receive=["t"]))):
            client = self.durable("c", rights=before)
            client.subscribe("t", qos=1)
            publisher.publish("t", b"1")
            self.assertEqual(client.payloads(), [] if before else [b"1"])
            client.lose()
            again = self.durable("c", rights=after)
            publisher.publish("t", b"2")
            self.assertEqual(again.payloads(), [] if after else [b"2"])
            again.leave(session_expiry_interval=0)

    def test_right_to_publish_on_return(self) -> None:
        """
        The right to publish is asked again for each connection.
        """
        client = self.durable("c", rights=Rights(publish=["t"]))
        self.assertEqual(client.publish("t", b"x", 1), 0x87)
        self.assertEqual(self.durable("c", rights=Rights()).publish("t", b"x", 1), 0x10)


class SlowTests(BrokerTestCase):
    """
    With a backend that takes its time, and may fail.
    """

    def make_backend(self, *words: object) -> SlowBackend:
        self.slow = SlowBackend(*words)  # type: ignore[arg-type]
        self.slow.slow = {"subscribe", "unsubscribe"}
        return self.slow

    def ask(self, client: Peer, filter: str, qos: int, identifier: int = 1) -> None:
        client.say(Subscribe(identifier, [Subscription(filter.encode(), qos)]))

    def drop(self, client: Peer, filter: str) -> None:
        client.say(Unsubscribe(9, [filter.encode()]))

    def granted(self, client: Peer, filter: str) -> int | None:
        grant = self.town.member("c").grants.get(filter.encode())
        self.join("probe").publish("t", b"?", 2)
        heard = [packet.qos for packet in client.inbox if isinstance(packet, Publish)]
        client.finish()
        self.assertEqual(heard, [] if grant is None else [grant.qos])
        return None if grant is None else grant.qos

    def test_suback_waits(self) -> None:
        """
        SUBACK and UNSUBACK of a session that lasts leave when what they say is kept, retained messages after them.
        """
        self.join("p").publish("t", b"kept", 0, True)
        client = self.durable("c")
        self.ask(client, "t", 1)
        self.assertEqual(client.heard(), [])
        self.slow.commit()
        self.assertEqual(client.heard(), [Suback(1, [1]), Publish(b"t", b"kept", retain=True)])
        self.drop(client, "t")
        self.assertEqual(client.heard(), [])
        self.slow.commit()
        self.assertEqual(client.heard(), [Unsuback(9, [0])])

    def test_what_needs_no_disk_does_not_wait(self) -> None:
        """
        A session that ends with its connection is answered at once, unless it waits behind an earlier answer.
        """
        client = self.join("c")
        self.assertEqual(client.subscribe("t", qos=1), [1])
        self.ask(client, "$share/g/t", 1, 1)
        self.ask(client, "u", 1, 2)
        self.assertEqual(client.heard(), [])
        self.slow.commit()
        self.assertEqual(client.heard(), [Suback(1, [1]), Suback(2, [1])])

    def test_refused(self) -> None:
        """
        A subscription that can't be kept is refused, 0x97 (3.1.1: 0x80), and there is none; other codes stay.
        """
        self.join("p").publish("t", b"kept", 0, True)
        for version, code, other in ((5, 0x97, 0x8F), (4, 0x80, 0x80)):
            client = self.durable("c", version)
            client.say(
                Subscribe(1, [Subscription(b"t", 2), Subscription(b"/" * 300, 2), Subscription(b"$share/g/t", 1)])
            )
            self.assertEqual(self.stats.subscriptions, 2)
            self.slow.refuse()
            self.assertEqual(wordless(client.heard()), [Suback(1, [code, other, code])])
            self.assertEqual((self.stats.subscriptions, self.stats.shared_subscriptions), (0, 0))
            self.assertIsNone(self.granted(client, "t"))
            client.leave()
        self.assertBooksClosed()

    def test_replacement_refused(self) -> None:
        """
        Where another subscription was to be replaced, that one is in force again, a shared one in its group.
        """
        client = self.durable("c")
        for filter in ("t", "$share/g/t"):
            self.ask(client, filter, 2)
            self.slow.commit()
            self.ask(client, filter, 0)
            self.slow.refuse()
            client.heard()
            self.assertEqual(self.granted(client, filter), 2)
            self.drop(client, filter)
            self.slow.commit()
            client.heard()

    def test_unsubscribe_refused(self) -> None:
        """
        A subscription whose end can't be recorded goes on; UNSUBACK says 0x80, and on 3.x the connection ends.
        """
        for filter in ("t", "$share/g/t"):
            for version in (5, 4):
                client = self.durable("c", version)
                self.ask(client, filter, 1)
                self.slow.commit()
                client.heard()
                self.drop(client, filter)
                self.slow.refuse()
                if version == 5:
                    self.assertEqual(wordless(client.heard()), [Unsuback(9, [0x80])])
                else:
                    self.assertEqual((client.heard(), client.closed is None), ([], False))
                    client = self.durable("c", 4)
                self.assertEqual(self.granted(client, filter), 1)
                self.drop(client, filter)
                self.slow.commit()
                client.leave(**({"session_expiry_interval": 0} if version == 5 else {}))
                self.join("c").leave()
        self.assertBooksClosed()

    def test_each_step_by_itself(self) -> None:
        """
        Of several changes under way each is kept or taken back by itself; what is in force is what is on record.
        """
        for outcome, expected in (
            ("yyy", 1),
            ("yyn", None),
            ("yny", 1),
            ("ynn", 2),
            ("nyy", 1),
            ("nyn", None),
            ("nny", 1),
            ("nnn", 0),
        ):
            with self.subTest(outcome=outcome):
                client = self.durable("c")
                self.ask(client, "t", 0)
                self.slow.commit()
                self.ask(client, "t", 2)
                self.drop(client, "t")
                self.ask(client, "t", 1)
                client.heard()
                self.assertEqual(self.granted(client, "t"), 1)
                for verdict in outcome:
                    if verdict == "y":
                        self.slow.commit(1)
                    else:
                        self.slow.refuse()
                client.heard()
                self.assertEqual(self.granted(client, "t"), expected)
                self.assertIsNone(self.town.member("c").unsettled or None)
                client.leave(session_expiry_interval=0)
        self.assertBooksClosed()

    def test_given_up_before_it_was_refused(self) -> None:
        """
        A subscription that is refused after it was given up is not there, whatever becomes of giving it up.
        """
        for verdict in (self.slow.commit, self.slow.refuse):
            client = self.durable("c")
            self.ask(client, "t", 1)
            self.drop(client, "t")
            self.slow.refuse()
            verdict()
            client.heard()
            self.assertIsNone(self.granted(client, "t"))
            client.leave(session_expiry_interval=0)
        self.assertBooksClosed()

    def test_decided_after_the_connection(self) -> None:
        """
        What is decided after the connection has ended counts for the session, if that has not ended too.
        """
        for expiry, left in ((100, 0), (0, 0)):
            client = self.durable("c")
            self.ask(client, "t", 1)
            self.ask(client, "u", 1)
            client.leave(session_expiry_interval=expiry)
            self.slow.commit(1)
            self.slow.refuse()
            again = self.durable("c")
            self.assertEqual(list(self.town.member("c").grants), [b"t"] if expiry else [])
            self.assertEqual(again.heard(), [])
            again.leave(session_expiry_interval=left)
        self.assertBooksClosed()

    def test_refused_at_once(self) -> None:
        """
        A backend that refuses before it has begun is taken at its word.
        """
        client = self.durable("c")
        self.slow.overloaded = True
        self.assertEqual(client.subscribe("t", qos=1), [0x97])
        self.assertEqual(self.stats.subscriptions, 0)
        self.slow.overloaded = False
        self.ask(client, "t", 1)
        self.slow.commit()
        client.heard()
        self.slow.overloaded = True
        self.assertEqual(client.unsubscribe("t"), [0x80])
        self.assertEqual(self.stats.subscriptions, 1)

    def test_ended_by_the_answer(self) -> None:
        """
        Where the refusal itself ends the connection, and the session with it, nothing of it comes back.
        """
        self.join("p").publish("t", b"kept", 0, True)
        client = self.join("c", 4)
        self.ask(client, "$share/g/t", 1)
        self.slow.commit()
        self.slow.overloaded = True
        self.drop(client, "$share/g/t")
        self.assertIsNotNone(client.closed)
        small = self.join("c", maximum_packet_size=30)
        self.slow.overloaded = False
        small.say(Subscribe(1, [Subscription(b"t")] * 40))
        self.assertIsNotNone(small.closed)
        self.assertEqual((self.stats.subscriptions, self.stats.shared_subscriptions), (0, 0))
        self.assertBooksClosed()

    def test_lost_by_the_answer(self) -> None:
        """
        Where a session that lasts is parked by the answer, it keeps its subscription; nobody is sent what was retained.
        """
        self.slow.slow = set()
        self.join("p").publish("t", b"kept", 1, True)
        small = self.durable("c", maximum_packet_size=30)
        small.say(Subscribe(1, [Subscription(b"t", 1)] * 40))
        self.assertIsNotNone(small.closed)
        again = self.durable("c")
        self.assertEqual((again.heard(), self.stats.subscriptions), ([], 1))

    def test_group_made_anew_meanwhile(self) -> None:
        """
        Who is back in a shared group because leaving it failed shares with those who made it anew meanwhile.
        """
        client, other = self.durable("c"), self.join("o")
        self.ask(client, "$share/g/t", 1)
        self.slow.commit()
        self.drop(client, "$share/g/t")
        self.ask(other, "$share/g/t", 1)
        self.slow.refuse()
        self.slow.commit()
        publisher = self.join("p")
        for number in range(4):
            publisher.publish("t", b"%d" % number, 1)
        self.assertEqual((len(client.payloads()), len(other.payloads())), (2, 2))
