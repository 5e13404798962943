"""
Tests of the strategies of shared subscriptions: who of those that can take a message gets it.
"""

from __future__ import annotations

from collections import Counter

from tests.broker.people import member, somewhere
from tests.broker.support import BrokerTestCase, Peer, Rights
from txmqtt.broker.routes import Delivery
from txmqtt.broker.shared import RANDOM, _load


class StrategyTestCase(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.members = {name: self.join(name) for name in "abc"}
        for peer in self.members.values():
            peer.subscribe("$share/g/t", qos=1)
        self.publisher = self.join("publisher")

    def takers(self, count: int, qos: int = 1, publisher: Peer | None = None, answer: bool = True) -> str:
        """
        Publish so many; who got each?
        """
        taken = ""
        for _ in range(count):
            (publisher or self.publisher).publish("t", b"x", qos)
            for name, peer in self.members.items():
                if peer.inbox:
                    taken += name
                    if answer:
                        peer.payloads()
                    else:
                        peer.heard()
        return taken


class RoundRobinTests(StrategyTestCase):
    def test_in_turn(self) -> None:
        """
        Each in turn, at every QoS; whoever leaves or can't take it does not change the order of the others.
        """
        for qos in (0, 1):
            taken = self.takers(6, qos)
            self.assertEqual(taken, taken[:3] * 2)
            self.assertEqual(set(taken), set("abc"))
        self.members.pop("b").leave()
        self.assertIn(self.takers(4), ("acac", "caca"))

    def test_many_members(self) -> None:
        """
        A large group is served in turn likewise.
        """
        for number in range(50):
            name = f"m{number:02}"
            self.members[name] = self.join(name)
            self.members[name].subscribe("$share/g/t", qos=1)
        for _ in range(106):
            self.publisher.publish("t", b"x", 1)
        self.assertEqual({len(peer.payloads()) for peer in self.members.values()}, {2})


class RandomTests(StrategyTestCase):
    limits = {"shared_strategy": "random"}

    def test_random(self) -> None:
        """
        At random, the same again with the same seed, and everybody gets some.
        """
        RANDOM.seed(5)
        first = self.takers(60)
        RANDOM.seed(5)
        self.assertEqual(self.takers(60), first)
        self.assertEqual(set(first), set("abc"))
        self.assertGreater(min(Counter(first).values()), 8)


class StickyTests(StrategyTestCase):
    limits = {"shared_strategy": "sticky", "max_inflight_5": 2}

    def test_sticky(self) -> None:
        """
        The same member as long as it has room; then another, which stays likewise.
        """
        first = self.takers(5)
        self.assertEqual(len(set(first)), 1)
        busy = self.takers(4, answer=False)
        self.assertEqual(busy[:2], first[0] * 2)
        self.assertEqual(len(set(busy[2:])), 1)
        self.assertNotEqual(busy[2], first[0])
        self.members.pop(busy[2]).leave()
        self.assertEqual(len(set(self.takers(3))), 1)


class LeastQueuedTests(StrategyTestCase):
    limits = {"shared_strategy": "least_queued"}

    def test_least(self) -> None:
        """
        Whoever has least to do: one that does not answer gets no more than the others have under way.
        """
        slow = self.takers(1, answer=False)
        self.assertNotIn(slow, self.takers(10))
        self.assertEqual(Counter(self.takers(5, answer=False)), Counter({**dict.fromkeys("abc", 2), slow: 1}))

    def test_zero(self) -> None:
        """
        At QoS 0 likewise, as far as is known.
        """
        slow = self.takers(1, answer=False)
        self.assertNotIn(slow, self.takers(10, 0))

    def test_nobody_can(self) -> None:
        """
        When nobody can take it, or may have it, it is nobody's.
        """
        for peer in self.members.values():
            peer.pause()
        self.assertEqual(self.takers(2, 0), "")
        for peer in self.members.values():
            peer.leave()
        rights = Rights(receive=["t"])
        denied, allowed = self.join("d", rights=rights), self.join("a")
        for peer in (denied, allowed):
            peer.subscribe("$share/g/t", qos=1)
        self.members = {"d": denied, "a": allowed}
        self.assertEqual(self.takers(3), "aaa")

    def test_load(self) -> None:
        """
        A member that is about to be connected has nothing to do but what waits for it.
        """
        broker = somewhere()
        away, session = member(broker, "away", 100), self.peer().session
        self.assertEqual(_load(Delivery(away, [])), 0)
        away.session = session  # before its CONNACK it has no window yet
        self.assertEqual(_load(Delivery(away, [])), 0)


class HashTests(StrategyTestCase):
    limits = {"shared_strategy": "hash_client_id"}

    def test_same_for_each_publisher(self) -> None:
        """
        What one publisher sends goes to one member, and what many send to all.
        """
        takers = set()
        for number in range(20):
            publisher = self.join(f"p{number}")
            taken = set(self.takers(3, number % 2, publisher))
            self.assertEqual(len(taken), 1)
            takers |= taken
        self.assertEqual(takers, set("abc"))
