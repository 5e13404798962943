"""
What becomes of a message that finds a queue full, as the terms of its receiver say: it is refused, or the oldest or the
newest is dropped, or the receiver is disconnected.

Whoever rather waits for room asks first (C{room}).
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.holdings import Holdings
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Route
from txmqtt.broker.shared import Group
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.tickets import DONE, Ticket

#: What C{Crowding.admit} found.
ROOM: Final = 0
REFUSED: Final = 1  # nobody is owed it, and its publisher may be told
DROPPED: Final = 2  # nobody is owed it, and that is as it should be


class Crowding(Holdings):
    """
    The bounds of the queues.
    """

    def admit(self, message: Message, pile: Pile, policy: Policy, who: Holding | Group) -> int:
        """
        Find room for one more, or say what became of it.
        """
        if self._room(pile, message, policy):
            return ROOM
        way = policy.queue_full
        if way == "drop_oldest" and self._drop_oldest(pile, message, policy, who):
            return ROOM
        self._lost(reasons.QUOTA_EXCEEDED)
        if way == "drop_oldest" or way == "drop_newest":
            return DROPPED
        if way == "disconnect" and isinstance(who, Holding) and who.owner is not None:
            who.owner.overrun()
        return REFUSED

    def _room(self, pile: Pile, message: Message, policy: Policy) -> bool:
        """
        Whether one more may wait; where it may not, what has expired makes room.
        """
        if self._fits(pile, message, policy):
            return True
        wall = self._turn.wall
        for item in pile.purge(wall):
            self._gone(item, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
        if self._fits(pile, message, policy):
            return True
        if pile.behind and pile.stale(wall) and self._ledger is not None:
            self._ledger.purge(pile)  # which as a rule takes a moment: then this one has come too early
            return self._fits(pile, message, policy)
        return False

    def _fits(self, pile: Pile, message: Message, policy: Policy) -> bool:
        stats = self._stats
        return (
            pile.room(message, policy)
            and stats.queued < policy.max_total_queued_messages
            and stats.queued_bytes + message.size <= policy.max_total_queued_bytes
        )

    def _drop_oldest(self, pile: Pile, message: Message, policy: Policy, who: Holding | Group) -> bool:
        """
        @return: there is room, or there will be.
        """
        if not policy.max_queued_messages or message.size > policy.max_queued_bytes:
            return False  # nor would there be if all the others went
        while not self._fits(pile, message, policy):
            if pile.waiting:
                self._gone(pile.take(), reasons.QUOTA_EXCEEDED)
            elif not pile.behind:
                return False
            else:
                # Which they are has to be read first. Meanwhile a page more may wait, on disk.
                assert self._ledger is not None
                self._ledger.trim(who, pile)
                return (
                    len(pile) < policy.max_queued_messages + policy.queue_page
                    and pile.size + message.size <= policy.max_queued_bytes + policy.queue_page_bytes
                )
        return True

    def trim(self, who: Holding | Group, pile: Pile, oldest: list[tuple[int, int]]) -> None:
        """
        The oldest of those behind are known: drop as many as there are too many.

        @param oldest: ref and size of each.
        """
        policy = self.policy if isinstance(who, Group) else who.policy or self.policy
        for ref, size in oldest:
            if len(pile) <= policy.max_queued_messages and pile.size <= policy.max_queued_bytes:
                return
            if ref > pile.last:
                pile.add_behind(-1, -size)
                self._stats.queued -= 1
                self._stats.queued_bytes -= size
                self._book().settle(ref)
                self._lost(reasons.QUOTA_EXCEEDED)

    def room(self, message: Message, route: Route) -> Ticket:
        """
        See C{Backend.room}.
        """
        for delivery in route.kept:
            if delivery.no_local and delivery.member.client_id == message.publisher:
                if delivery.own is None or not delivery.own.qos:
                    continue
            held = delivery.member.lease
            assert isinstance(held, Holding)
            pile = held.pile
            policy = delivery.member.terms.policy
            if pile is None or held.over or policy.queue_full.startswith("drop"):
                continue
            if not self._room(pile, message, policy) and (len(pile) or not held.ready):
                return pile.vacant()
        for group in route.groups:
            backlog = self._piles.get(group)
            if backlog is not None and not self.policy.queue_full.startswith("drop"):
                if not self._room(backlog, message, self.policy):
                    return backlog.vacant()
        return DONE
