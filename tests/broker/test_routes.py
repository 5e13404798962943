"""
Tests of txmqtt.broker.routes: who gets a message, worked out once and forgotten in time.
"""

import gc
import weakref

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.broker.people import member, somewhere, subscribe, unsubscribe
from tests.broker.strategies import filters, topics
from tests.broker.support import BrokerTestCase, Rights
from txmqtt.broker.routes import Delivery, Routes, reserved
from txmqtt.broker.stats import Stats
from txmqtt.codec.topics import matches
from txmqtt.session.message import Message


class DeliveryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.member = member(somewhere(), "c")

    def test_made_into_one(self) -> None:
        """
        Several subscriptions make one copy: the highest QoS, all identifiers, the retain flag if any asks for it.
        """
        delivery = Delivery(
            self.member,
            [
                subscribe(self.member, "a", 1, 5),
                subscribe(self.member, "+", 0),
                subscribe(self.member, "#", 2, 5, retain_as_published=True),
            ],
        )
        self.assertEqual((delivery.qos, delivery.identifiers, delivery.plain), (2, (5, 5), False))
        self.assertIsNone(delivery.own)
        for retain in (False, True):
            copy = delivery.copy(Message(b"a", b"x", 1, retain), 7)
            self.assertEqual((copy.qos, copy.retain, copy.identifiers, copy.ref), (1, retain, (5, 5), 7))

    def test_plain(self) -> None:
        """
        Who asked for nothing special shares its bytes with all others.
        """
        self.assertTrue(Delivery(self.member, [subscribe(self.member, "a", 1)]).plain)
        for options in ({"no_local": True}, {"retain_as_published": True}):
            self.assertFalse(Delivery(self.member, [subscribe(self.member, "a", 1, **options)]).plain)
        self.assertFalse(Delivery(self.member, [subscribe(self.member, "a")], True).plain)

    def test_retained(self) -> None:
        """
        What is sent because of a new subscription says so.
        """
        delivery = Delivery(self.member, [subscribe(self.member, "a", 1)], True)
        self.assertTrue(delivery.retain(Message(b"a", b"x")))

    def test_own(self) -> None:
        """
        What a client publishes itself comes by the subscriptions without no-local alone, or not at all.
        """
        quiet = subscribe(self.member, "a", 2, 1, no_local=True)
        self.assertIsNone(Delivery(self.member, [quiet]).own)
        own = Delivery(self.member, [quiet, subscribe(self.member, "+", 1, 2)]).own
        assert own is not None
        self.assertEqual((own.qos, own.identifiers, own.no_local), (1, (2,), False))


class RoutesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker = somewhere()
        self.mount = self.broker.mount()
        self.stats = Stats()

    def routes(self, limit: int) -> Routes:
        return Routes("", self.mount.filters, limit, self.stats)

    def receivers(self, routes: Routes, topic: bytes) -> list[str]:
        return sorted(delivery.member.client_id for delivery in routes.find(topic).deliveries)

    def test_remembered(self) -> None:
        """
        A route is found once and remembered; a topic too long to remember is found each time.
        """
        routes = self.routes(10)
        subscribe(member(self.broker, "c"), "#")
        for topic in (b"a", b"a" * 1024):
            self.assertIs(routes.find(topic), routes.find(topic))
        self.assertIsNot(routes.find(b"a" * 1025), routes.find(b"a" * 1025))
        self.assertEqual(len(routes), 2)

    def test_bounded(self) -> None:
        """
        No more routes than the limit are remembered, none with a limit of 0; what is forgotten is counted, and found
        again when it is needed.
        """
        subscribe(member(self.broker, "c"), "#")
        for limit in (0, 1, 2, 7, 100):
            routes = self.routes(limit)
            for _ in range(2):
                for number in range(300):
                    self.assertEqual(self.receivers(routes, b"%d" % number), ["c"])
                    self.assertLessEqual(len(routes), max(limit + 1, 0) if limit else 0)
            routes.forget(b"#")
            self.assertEqual((len(routes), len(routes._topics), routes._deliveries), (0, 0, 0))
        self.assertGreater(self.stats.routes_forgotten, 1_000)

    def test_what_is_in_use_stays(self) -> None:
        """
        However many topics come once, one that is in use all the time is not forgotten.
        """
        routes = self.routes(10)
        route = routes.find(b"busy")
        for number in range(100):
            routes.find(b"%d" % number)
            self.assertIs(routes.find(b"busy"), route)

    def test_wide_routes(self) -> None:
        """
        Topics with very many receivers are remembered too, but fewer of them.
        """
        for number in range(200):
            subscribe(member(self.broker, f"c{number}"), "#")
        routes = self.routes(100)
        for number in range(100):
            routes.find(b"%d" % number)
        self.assertLess(len(routes), 50)
        self.assertGreater(len(routes), 10)

    def test_deliveries_are_shared(self) -> None:
        """
        A session that matches by one subscription costs the routes no object each.
        """
        subscribe(member(self.broker, "c"), "#", 1)
        routes = self.routes(10)
        self.assertIs(routes.find(b"a").deliveries[0], routes.find(b"b").deliveries[0])

    def test_kinds_of_receivers(self) -> None:
        """
        A route says for whom something is kept, and whether there is anybody at all.
        """
        routes = self.routes(10)
        self.assertTrue(routes.find(b"a").empty)
        subscribe(member(self.broker, "clean"), "a", 1)
        subscribe(member(self.broker, "zero", 100), "a", 0)
        routes.forget(b"a")
        route = routes.find(b"a")
        self.assertEqual((route.empty, route.stored, len(route.deliveries)), (False, False, 2))
        subscribe(member(self.broker, "lasting", 100), "a", 1)
        routes.forget(b"a")
        route = routes.find(b"a")
        self.assertEqual((route.stored, [delivery.member.client_id for delivery in route.kept]), (True, ["lasting"]))

    def test_cleared(self) -> None:
        """
        All routes can be forgotten at once, and are found anew with the rights of now.
        """
        rights = Rights()
        subscribe(member(self.broker, "c", permissions=rights), "a/+")
        routes = self.routes(2)
        old = [routes.find(topic) for topic in (b"a/1", b"a/2", b"b")]
        routes.clear()
        self.assertEqual(len(routes), 0)
        self.assertIsNot(routes.find(b"a/1"), old[0])
        for topic in (b"a/1", b"a/2", b"b", b"a/3"):
            self.assertIs(routes.find(topic), routes.find(topic))

    def test_exactly_what_changed(self) -> None:
        """
        A change forgets the routes that its filter matches, and no other.
        """
        topics = [b"a", b"a/b", b"a/b/c", b"b", b"b/b", b"/b", b"$SYS/b"]
        for filter in (b"a", b"a/b", b"a/+", b"a/#", b"+/b", b"+", b"#", b"$SYS/#", b"x"):
            routes = self.routes(100)
            before = {topic: routes.find(topic) for topic in topics}
            routes.forget(filter)
            kept = [topic for topic in topics if routes.find(topic) is before[topic]]
            self.assertEqual(kept, [topic for topic in topics if not matches(filter, topic)])

    def test_reserved(self) -> None:
        """
        $SYS and all below it is the broker's own.
        """
        for topic, expected in ((b"$SYS", True), (b"$SYS/a", True), (b"$SYSTEM", False), (b"a/$SYS", False)):
            self.assertEqual((reserved(topic), self.routes(1).find(topic).reserved), (expected, expected))

    @settings(max_examples=150, deadline=None)
    @given(
        st.integers(0, 8),
        st.lists(st.one_of(st.tuples(st.sampled_from(("+", "-")), st.sampled_from(("c", "d")), filters()), topics())),
    )
    def test_never_stale(self, limit: int, steps: list[tuple[str, str, bytes] | bytes]) -> None:
        """
        Whatever subscriptions come and go, a message finds exactly those who are subscribed when it comes.
        """
        broker = somewhere()
        routes = broker.mount().routes = self.routes_of(broker, limit)
        people = {name: member(broker, name) for name in ("c", "d")}
        wanted: set[tuple[str, bytes]] = set()
        for step in steps:
            if isinstance(step, bytes):
                expected = sorted({name for name, filter in wanted if matches(filter, step)})
                self.assertEqual(self.receivers(routes, step), expected)
                continue
            verb, name, filter = step
            if verb == "+":
                subscribe(people[name], filter.decode())
                wanted.add((name, filter))
            elif (name, filter) in wanted:
                unsubscribe(people[name], filter.decode())
                wanted.discard((name, filter))

    def routes_of(self, broker: object, limit: int) -> Routes:
        return Routes("", broker.mount().filters, limit, self.stats)  # type: ignore[attr-defined]


class LeavingTests(BrokerTestCase):
    def test_nothing_keeps_who_has_left(self) -> None:
        """
        A session that is over is not kept in memory by what has been remembered.
        """
        publisher = self.join("p")
        for wanted in (("a/b",), ("a/+", "#"), ("$share/g/a/b",)):
            client = self.join("c")
            client.subscribe(*wanted, qos=1)
            for qos in (0, 1, 2):
                publisher.publish("a/b", b"x", qos)
            client.finish()
            try:
                gone = weakref.ref(self.town.member("c"))
            except TypeError:
                self.skipTest("compiled objects take no weak references")
            client.leave()
            publisher.publish("other", b"x")
            gc.collect()
            self.assertIsNone(gone())
