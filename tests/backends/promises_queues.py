"""
What every backend promises about what it owes: order, bounds, and what a broken connection leaves.
"""

from __future__ import annotations

from tests.backends.promises import Promises
from tests.broker.support import START
from txmqtt.broker.filters import Grant
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import (
    RELEASED_OUT,
)
from txmqtt.codec.packets import Subscription


class QueuePromises(Promises):
    """
    What is owed to one session.
    """

    def test_delivered_within_credit(self) -> None:
        """
        What is owed is delivered in order, and no more than has been asked for.
        """
        owner = self.open("c")
        route = self.route(owner)
        for number in range(5):
            self.assertDone(self.publish(route, b"%d" % number))
        self.assertEqual(owner.items, [])
        self.want(owner, 2)
        self.assertEqual(owner.payloads, [b"0", b"1"])
        self.settle(owner, owner.items[0])
        self.want(owner, 1)
        self.assertEqual(owner.payloads, [b"0", b"1", b"2"])
        self.want(owner, 100)
        self.publish(route, b"5")
        self.assertEqual(owner.payloads, [b"%d" % number for number in range(6)])
        self.assertEqual(len({item.ref for item in owner.items} | {0}), 7)

    def test_copies(self) -> None:
        """
        Each receiver gets the message with its own QoS; QoS 0 is nobody's due.
        """
        owners = [self.open(f"c{qos}") for qos in range(3)]
        for qos, owner in enumerate(owners):
            self.want(owner)
            self.publish(self.route(owner, qos=qos), qos=2)
            self.publish(self.route(owner, qos=qos), qos=0)
        self.assertEqual([[item.qos for item in owner.items] for owner in owners], [[], [1], [2]])

    def test_no_local(self) -> None:
        """
        What a client publishes is not owed to its own subscriptions with no-local.
        """
        owner = self.open("c")
        self.want(owner)
        member = self.member(owner)
        quiet = Grant(member, Subscription(b"t", 2, no_local=True), b"t", 2, 0, None)
        plain = Grant(member, Subscription(b"+", 1), b"+", 1, 7, None)
        zero = Grant(member, Subscription(b"#", 0), b"#", 0, 8, None)
        for grants in ([quiet], [quiet, zero], [quiet, plain]):
            self.publish(Route("", [Delivery(member, grants)], []), publisher="c", qos=2)
        self.assertEqual([(item.qos, item.identifiers) for item in owner.items], [(1, (7,))])
        self.publish(Route("", [Delivery(member, [quiet])], []), publisher="d", qos=2)
        self.assertEqual(owner.items[-1].qos, 2)

    def test_not_now(self) -> None:
        """
        What an owner can't take now stays the first, and comes when it asks again.
        """
        owner = self.open("c")
        owner.takes = 1
        self.want(owner, 3)
        route = self.route(owner)
        for number in range(3):
            self.publish(route, b"%d" % number)
        self.assertEqual(owner.payloads, [b"0"])
        owner.takes = None
        self.publish(route, b"3")
        self.assertEqual(owner.payloads, [b"0"])
        self.want(owner, 0)
        self.assertEqual(owner.payloads, [b"0", b"1", b"2"])
        self.assertEqual(self.stats.queued, 4)

    def test_settled(self) -> None:
        """
        What is settled is owed no more, however often that is said.
        """
        owner = self.open("c")
        self.want(owner)
        for number in range(2):
            self.publish(self.route(owner), b"%d" % number)
        for _ in range(2):
            self.settle(owner, owner.items[0])
        self.assertDone(self.backend.remember(self.lease(owner), RELEASED_OUT, 1, owner.items[0]))
        self.assertEqual(self.stats.queued, 1)
        self.sent(owner, owner.items[1], 1)
        self.leave(owner)
        again = self.open("c")
        self.want(again)
        self.assertEqual([item.message.payload for item in self.backend.recall(self.lease(again))], [b"1"])
        self.assertEqual(again.items, [])

    def test_recalled(self) -> None:
        """
        What was sent is recalled, with its identifier, in the order of first sending; what was released says so, in the
        order of the releases. What was not sent waits again, before what came later.
        """
        owner = self.open("c")
        self.want(owner, 4)
        route = self.route(owner)
        for number in range(5):
            self.publish(route, b"%d" % number, 2)
        for packet_id, item in enumerate(owner.items[:3], 7):
            self.sent(owner, item, packet_id)
        for number in (2, 0):
            item = owner.items[number]
            item.released = True
            self.assertDone(self.backend.remember(self.lease(owner), RELEASED_OUT, item.packet_id, item))
        self.leave(owner)
        self.publish(route, b"5", 2)
        again = self.open("c")
        recalled = [
            (item.message.payload, item.packet_id, item.released) for item in self.backend.recall(self.lease(again))
        ]
        self.assertEqual(recalled, [(b"1", 8, False), (b"2", 9, True), (b"0", 7, True)])
        self.want(again, 100)
        self.assertEqual(again.payloads, [b"3", b"4", b"5"])

    def test_recalled_takes_credit(self) -> None:
        """
        What is recalled is under way already, so that never more is than has been asked for.
        """
        owner = self.open("c")
        self.want(owner, 2)
        route = self.route(owner)
        for number in range(4):
            self.publish(route, b"%d" % number)
        for packet_id, item in enumerate(owner.items, 1):
            self.sent(owner, item, packet_id)
        self.leave(owner)
        again = self.open("c")
        recalled = self.backend.recall(self.lease(again))
        self.want(again, 2)
        self.assertEqual((len(recalled), again.items), (2, []))
        self.settle(again, recalled[0])
        self.want(again, 1)
        self.assertEqual(again.payloads, [b"2"])

    def test_bounds(self) -> None:
        """
        So many messages wait for a session and no more; when nobody has room the ticket says 0x97.
        """
        full, free = self.open("full"), self.open("free")
        self.want(free)
        route = self.route(full)
        for _ in range(5):
            self.assertDone(self.publish(route))
        self.assertDone(self.publish(route), 0x97)
        self.assertDone(self.publish(self.route(full, free)))
        self.assertEqual((self.hall.reasons, len(free.items)), ([0x97, 0x97], 1))
        large = self.open("large")
        for reason in (0, 0, 0x97):
            self.assertDone(self.publish(self.route(large), bytes(4_000)), reason)

    def test_expired(self) -> None:
        """
        What has expired before it is delivered is dropped, and makes room.
        """
        owner = self.open("c")
        route = self.route(owner)
        for number in range(5):
            self.publish(route, b"%d" % number, expires_at=START + 5 if number % 2 else 0.0)
        self.turn.now = START + 5
        self.assertDone(self.publish(route, b"new"))
        self.want(owner)
        self.assertEqual(owner.payloads, [b"0", b"2", b"4", b"new"])
        self.assertEqual(self.hall.reasons, [0x83, 0x83])
        self.assertEqual(self.stats.queued, 4)

    def test_session_ends_with_what_it_is_owed(self) -> None:
        """
        What nobody has been sent when a session ends is dropped; what it has been sent is not counted as that.
        """
        owner = self.open("c")
        self.want(owner, 2)
        for _ in range(3):
            self.publish(self.route(owner))
        self.sent(owner, owner.items[0], 1)
        self.leave(owner, 0)
        self.assertEqual(self.hall.reasons, [0x80, 0x80])
        self.assertNothingQueued()

    def test_late_for_a_session_that_ended(self) -> None:
        """
        A route that was found before a session ended leads nowhere, and leaves nothing behind.
        """
        owner = self.open("c")
        route = self.route(owner)
        self.leave(owner, 0)
        self.assertDone(self.publish(route))
        self.assertNothingQueued()
