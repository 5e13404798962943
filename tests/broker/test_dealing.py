"""
Tests of txmqtt.broker.dealing: to whom what waits is dealt, and in which order.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.people import somewhere
from txmqtt.broker.filters import Grant
from txmqtt.broker.owed import Owed
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import Claim, Lease
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.broker.terms import Terms
from txmqtt.codec.packets import Subscription
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.turn import Turn


class Receiver:
    """
    Holds a session and does with each delivery what the test says.

    @ivar depth: deliveries that are going on within each other, at most.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lease: Lease | None = None
        self.heard: list[bytes] = []
        self.then: Callable[[Outbound], bool] = lambda item: True
        self.depth = 0
        self._now = 0

    def opened(self, lease: Lease) -> None:
        self.lease = lease

    def refused(self, reason: int, message: str) -> None:
        raise AssertionError(message)

    def revoked(self, reason: int, ending: bool) -> None:
        raise AssertionError("nobody else wants it")

    def overrun(self) -> None:
        raise AssertionError("it is not to be let go")

    def deliver(self, item: Outbound) -> bool:
        self._now += 1
        self.depth = max(self.depth, self._now)
        try:
            if self.then(item):
                self.heard.append(item.message.payload)
                return True
            return False
        finally:
            self._now -= 1


class Hall:
    def __init__(self) -> None:
        self.dropped_for: list[int] = []

    def discarded(self, key: tuple[str, str]) -> None:
        raise AssertionError("nothing is discarded here")

    def dropped(self, count: int, reason: int) -> None:
        self.dropped_for.extend([reason] * count)

    def troubled(self, why: str) -> None:
        raise AssertionError("nothing is stored here")

    def recovered(self) -> None:
        raise AssertionError("nothing is stored here")


class DealingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker = somewhere()
        self.stats = Stats()
        self.terms = Terms(Policy(max_queued_messages=20_000, max_queued_bytes=1 << 30))
        self.owed = Owed(self.terms.policy, self.stats, Turn())
        self.hall = Hall()
        self.owed.attach(self.hall)

    def receiver(self, name: str) -> tuple[Receiver, Lease, Member]:
        """
        A session that lasts, without credit.
        """
        receiver = Receiver(name)
        self.owed.open(Claim("", name, None, False, 100), receiver)
        lease = receiver.lease
        assert lease is not None
        member = Member(self.broker, self.broker.mount(), name, None, lease)
        member.terms = self.terms
        return receiver, lease, member

    def route(self, *members: Member, groups: tuple[Group, ...] = ()) -> Route:
        deliveries = [Delivery(member, [Grant(member, Subscription(b"t", 1), b"t", 1, 0, None)]) for member in members]
        return Route("", deliveries, list(groups))

    def share(self, name: bytes, *members: Member) -> Group:
        """
        A group with these members.
        """
        group = Group("", name, b"t")
        for member in members:
            grant = Grant(member, Subscription(b"$share/%s/t" % name, 1), b"t", 1, 0, group)
            group.join(grant)
            self.owed.joined(member.lease, [grant])
        return group

    def publish(self, route: Route, payload: bytes = b"x") -> None:
        self.owed.publish(Message(b"t", payload, 1), route)

    def done_with(self, lease: Lease) -> Callable[[Outbound], bool]:
        """
        Whoever settles what it is given while it is given.
        """

        def then(item: Outbound) -> bool:
            self.owed.settle(lease, item)
            self.owed.want(lease, 1)
            return True

        return then

    def test_no_delivery_within_a_delivery(self) -> None:
        """
        Who is done with a message while it is delivered gets the next when that is over: thousands are no deeper than
        one, for a session and for its groups.
        """
        receiver, lease, member = self.receiver("c")
        receiver.then = self.done_with(lease)
        groups = [self.share(b"%d" % number, member) for number in range(50)]
        for _ in range(3_000):
            self.publish(self.route(member))
        for group in groups:
            for _ in range(30):
                self.publish(self.route(groups=(group,)))
        self.owed.want(lease, 1)
        self.assertEqual((len(receiver.heard), receiver.depth), (4_500, 1))
        self.assertEqual(self.stats.queued, 0)

    def test_published_within_a_delivery(self) -> None:
        """
        What is published because of a delivery is dealt out after it, to whomever it is for.
        """
        (one, lease, first), (two, other, second) = self.receiver("one"), self.receiver("two")
        group = self.share(b"g", second)

        def then(item: Outbound) -> bool:
            self.publish(self.route(second), b"direct")
            self.publish(self.route(groups=(group,)), b"shared")
            self.assertEqual(two.heard, [])
            return True

        one.then = then
        self.owed.want(other, 10)
        self.owed.want(lease, 10)
        self.publish(self.route(first))
        self.assertEqual((one.heard, two.heard), ([b"x"], [b"direct", b"shared"]))

    def test_trouble_of_one(self) -> None:
        """
        An error in one delivery does not stop the dealing for good.
        """
        receiver, lease, member = self.receiver("c")

        def then(item: Outbound) -> bool:
            raise RuntimeError("our own mistake")

        receiver.then = then
        self.owed.want(lease, 10)
        self.assertRaises(RuntimeError, self.publish, self.route(member))
        receiver.then = lambda item: True
        self.publish(self.route(member), b"next")
        self.assertEqual(receiver.heard, [b"next"])

    def test_member_that_can_not_now(self) -> None:
        """
        A member that can't take its share now is passed over until it asks again; the message is another's.
        """
        (one, first, member), (two, second, other) = self.receiver("one"), self.receiver("two")
        one.then = lambda item: False
        group = self.share(b"g", member, other)
        for lease in (first, second):
            self.owed.want(lease, 10)
        for number in range(4):
            self.publish(self.route(groups=(group,)), b"%d" % number)
        self.assertEqual((one.heard, two.heard), ([], [b"0", b"1", b"2", b"3"]))
        one.then = lambda item: True
        self.owed.want(first, 0)
        for number in range(4):
            self.publish(self.route(groups=(group,)), b"%d" % number)
        self.assertEqual(len(one.heard), 2)

    def test_groups_in_turn(self) -> None:
        """
        A member of several groups serves them in turn, however many it has and however few of them have something.
        """
        for count in (3, 100):
            receiver, lease, member = self.receiver(f"c{count}")
            receiver.then = lambda item: True
            groups = [self.share(b"%d" % number, member) for number in range(count)]
            for payload in range(3):
                for number in (1, 2):
                    self.publish(self.route(groups=(groups[number],)), b"%d%d" % (number, payload))
            for _ in range(6):
                self.owed.want(lease, 1)
            self.assertEqual(receiver.heard, [b"10", b"20", b"11", b"21", b"12", b"22"])

    def test_nothing_left(self) -> None:
        """
        A group that has nothing waiting costs nothing.
        """
        _, lease, member = self.receiver("c")
        group = self.share(b"g", member)
        self.publish(self.route(groups=(group,)))
        self.assertEqual(len(self.owed._piles), 1)
        self.owed.want(lease, 1)
        self.assertEqual(len(self.owed._piles), 0)
        self.owed.want(lease, 1)
        self.assertEqual(self.hall.dropped_for, [])
