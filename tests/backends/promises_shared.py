"""
What every backend promises about shared groups.
"""

from __future__ import annotations

from tests.backends.promises import Promises


class SharedPromises(Promises):
    """
    What is owed to a group, and taken by its members.
    """

    def test_shared(self) -> None:
        """
        A group is owed one copy, and the members with room take it in turn, each at its own QoS.
        """
        one, two = self.open("one"), self.open("two", 0)
        group, route = self.group()
        self.enter(one, group, 1)
        self.enter(two, group, 2)
        for owner in (one, two):
            self.want(owner)
        for _ in range(6):
            self.publish(route, qos=2)
        self.assertEqual([item.qos for item in one.items], [1, 1, 1])
        self.assertEqual([item.qos for item in two.items], [2, 2, 2])
        for owner in (one, two):
            for item in owner.items:
                self.settle(owner, item)
        self.assertNothingQueued()

    def test_shared_backlog(self) -> None:
        """
        With a durable member a group keeps what nobody takes, within bounds, and who has room gets it in order.
        """
        one = self.open("one")
        group, route = self.group()
        self.enter(one, group)
        self.leave(one)
        for number in range(5):
            self.assertDone(self.publish(route, b"%d" % number))
        self.assertDone(self.publish(route), 0x97)
        two = self.open("two", 0)
        self.enter(two, group)
        self.want(two, 2)
        again = self.open("one")
        self.want(again, 100)
        self.assertEqual((two.payloads, again.payloads), ([b"0", b"1"], [b"2", b"3", b"4"]))

    def test_share_comes_back(self) -> None:
        """
        What a member has not finished when it leaves is the group's again, before what came later; but QoS 2, once
        sent, is that member's.
        """
        one, two = self.open("one"), self.open("two")
        group, route = self.group()
        for owner in (one, two):
            self.enter(owner, group)
        self.want(one, 3)
        for number, qos in enumerate((1, 2, 2, 1)):
            self.publish(route, b"%d" % number, qos)
        for packet_id, item in enumerate(one.items[:2], 1):
            self.sent(one, item, packet_id)
        self.leave(one)
        self.want(two, 100)
        self.assertEqual(two.payloads, [b"0", b"2", b"3"])
        again = self.open("one")
        recalled = self.backend.recall(self.lease(again))
        self.assertEqual([(item.message.payload, item.packet_id) for item in recalled], [(b"1", 2)])

    def test_last_member_leaves(self) -> None:
        """
        When nobody is left who could ever take it, a group's backlog is dropped.
        """
        for way in ("unsubscribed", "ended", "discarded"):
            owner = self.open("c")
            group, route = self.group()
            member = self.enter(owner, group)
            self.publish(route)
            self.assertEqual(self.stats.queued, 1)
            group.leave(member)
            if way == "unsubscribed":
                self.assertDone(self.backend.unsubscribe(member.lease, [member.grants[b"$share/g/t"]]))
                self.assertNothingQueued()
                self.leave(owner, 0)
            elif way == "ended":
                self.leave(owner, 0)
            else:
                self.leave(owner)
                self.backend.discard(("", "c"))
                self.finish()
            self.assertNothingQueued()
            self.assertDone(self.publish(route))  # found before it was empty; it leads nowhere
        self.assertEqual(self.hall.reasons, [0x80] * 6)
