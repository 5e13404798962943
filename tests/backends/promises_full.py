"""
What every backend promises about queues that are full: what becomes of the next message is as the terms say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.backends.promises import Owner, Promises
from tests.broker.support import START


class FullPromises(Promises):
    """
    What finds no room.
    """

    def when_full(self, way: str, **limits: Any) -> None:
        """
        Change the terms.
        """
        self.terms.policy = replace(self.policy, queue_full=way, **limits)

    def fill(self, owner: Owner, count: int, qos: int = 1) -> list[int]:
        """
        Publish so many.

        @return: the reasons of their tickets.
        """
        route = self.route(owner)
        tickets = [self.publish(route, b"%d" % number, qos) for number in range(count)]
        for ticket in tickets:
            self.assertTrue(ticket.done)
        return [ticket.reason for ticket in tickets]

    def test_drop_newest(self) -> None:
        """
        The newest is dropped and counted, and its publisher need not know.
        """
        self.when_full("drop_newest")
        owner = self.open("c")
        self.assertEqual(self.fill(owner, 7), [0] * 7)
        self.assertEqual(self.hall.reasons, [0x97] * 2)
        self.want(owner)
        self.assertEqual(owner.payloads, [b"0", b"1", b"2", b"3", b"4"])

    def test_drop_oldest(self) -> None:
        """
        The oldest that waits makes room and is counted; also while the session is away, and at QoS 2.
        """
        self.when_full("drop_oldest")
        for name, away, qos in (("here", False, 1), ("away", True, 1), ("twice", True, 2)):
            with self.subTest(name=name):
                self.hall.reasons.clear()
                owner = self.open(name)
                route = self.route(owner)
                if away:
                    self.leave(owner)
                for number in range(8):
                    self.assertDone(self.publish(route, b"%d" % number, qos))
                again = self.open(name)
                self.want(again)
                self.finish()
                self.assertEqual(again.payloads, [b"3", b"4", b"5", b"6", b"7"])
                self.assertEqual(self.hall.reasons, [0x97] * 3)
                for item in again.items:
                    self.settle(again, item)
                self.assertNothingQueued()

    def test_drop_oldest_by_bytes(self) -> None:
        """
        As many make room as a large message needs; but none for one that would not fit into an empty queue.
        """
        self.when_full("drop_oldest")
        owner = self.open("c")
        route = self.route(owner)
        for size in (1, 4_000, 4_000):
            self.assertDone(self.publish(route, bytes(size)))
        self.assertDone(self.publish(route, bytes(20_000)))
        self.assertEqual(self.hall.reasons, [0x97])
        self.assertDone(self.publish(route, bytes(5_000)))
        self.assertEqual(self.hall.reasons, [0x97] * 3)
        self.want(owner)
        self.assertEqual([len(payload) for payload in owner.payloads], [4_000, 5_000])

    def test_dropped_is_not_recalled(self) -> None:
        """
        What has been sent is never the oldest that makes room.
        """
        self.when_full("drop_oldest")
        owner = self.open("c")
        self.want(owner, 1)
        self.fill(owner, 1)
        self.sent(owner, owner.items[0], 7)
        self.fill(owner, 7)
        self.leave(owner)
        again = self.open("c")
        self.assertEqual([item.message.payload for item in self.backend.recall(self.lease(again))], [b"0"])
        self.want(again)
        self.assertEqual(again.payloads, [b"2", b"3", b"4", b"5", b"6"])

    def test_disconnect(self) -> None:
        """
        The receiver is to be let go; its publisher is told that nobody took the message.
        """
        self.when_full("disconnect")
        owner = self.open("c")
        self.assertEqual(self.fill(owner, 6), [0] * 5 + [0x97])
        self.assertEqual(owner.overruns, 1)
        route = self.route(owner)
        self.leave(owner)
        self.assertDone(self.publish(route), 0x97)

    def test_all_queues_together(self) -> None:
        """
        All queues together have bounds too, whatever room a queue of its own has.
        """
        one, two = self.open("one"), self.open("two")
        self.when_full("refuse", max_total_queued_messages=3)
        self.assertEqual(self.fill(one, 2), [0, 0])
        self.assertEqual(self.fill(two, 2), [0, 0x97])
        self.when_full("drop_oldest", max_total_queued_messages=3)
        self.assertEqual(self.fill(two, 1), [0])
        self.assertEqual(self.stats.queued, 3)
        self.when_full("refuse", max_total_queued_bytes=self.stats.queued_bytes + 10)
        self.assertEqual(self.fill(one, 1), [0x97])

    def test_room(self) -> None:
        """
        Who asks for room is told when there may be some: something has been delivered, or has expired.
        """
        owner, free = self.open("c"), self.open("free")
        route = self.route(owner, free)
        self.assertDone(self.backend.room(self.message(), route))
        self.fill(owner, 5)
        room = self.backend.room(self.message(), route)
        self.assertIs(self.backend.room(self.message(), route), room)
        self.assertFalse(room.done)
        self.want(owner, 1)
        self.assertTrue(room.done)
        self.assertDone(self.backend.room(self.message(), route))
        self.fill(owner, 1)
        self.assertFalse(self.backend.room(self.message(), route).done)
        self.assertDone(self.backend.room(self.message(), self.route(free)))
        for way in ("drop_oldest", "drop_newest"):
            self.when_full(way)
            self.assertDone(self.backend.room(self.message(), self.route(owner)))

    def test_room_when_something_expires(self) -> None:
        """
        What has expired makes room also for who waits.
        """
        owner = self.open("c")
        route = self.route(owner)
        for _ in range(5):
            self.publish(route, expires_at=START + 5)
        self.assertFalse(self.backend.room(self.message(), route).done)
        self.turn.now += 6
        self.backend.sweep(self.turn.wall)
        self.finish()
        self.assertDone(self.backend.room(self.message(), route))

    def test_room_in_a_group(self) -> None:
        """
        A shared group has room or not, like a session.
        """
        owner = self.open("c")
        group, route = self.group()
        self.enter(owner, group)
        for _ in range(5):
            self.assertDone(self.backend.room(self.message(), route))
            self.publish(route)
        room = self.backend.room(self.message(), route)
        self.assertFalse(room.done)
        self.want(owner)
        self.assertTrue(room.done)
