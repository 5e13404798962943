"""
Dealing out what waits: to each session as far as its credit goes, to the members of a group in turn.

Nothing is delivered from within a delivery: a delivery that makes room for the next (the receiver takes no packet so
large, or may not have it) must not pile one call upon the other. C{_later} keeps who is to be looked at again.
C{_blocked} keeps those whose next message must not leave before it is kept.
"""

from __future__ import annotations

from collections import deque

from txmqtt.broker.draft import Draft
from txmqtt.broker.ledger import Ledger
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Delivery
from txmqtt.broker.shapes import Hall, Lease
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.turn import Turn


class Dealing:
    """
    The piles of groups, and whoever takes from a pile.

    @ivar policy: the limits in force.
    @ivar draft: what the ledger's next transaction is to say; None: it has to be asked for one.
    """

    def __init__(self, policy: Policy, stats: Stats, turn: Turn, ledger: Ledger | None) -> None:
        self.policy = policy
        self._stats = stats
        self._turn = turn
        self._ledger = ledger
        self.draft: Draft | None = None
        self._hall: Hall | None = None
        self._piles: dict[Group, Pile] = {}
        self._delivering = False
        self._catching_up = False
        self._later: deque[Holding | Group] = deque()
        self._blocked: dict[Holding | Group, None] = {}

    def attach(self, hall: Hall) -> None:
        """
        Who is told of what is dropped and discarded.
        """
        self._hall = hall

    def want(self, lease: Lease, more: int) -> None:
        """
        See C{Backend.want}.
        """
        assert isinstance(lease, Holding)
        if lease.owner is None:
            return
        lease.credit += more
        lease.stalled = False
        if self._delivering:
            self._later.append(lease)
        else:
            self._attend(lease)

    def _attend(self, held: Holding) -> None:
        """
        Deliver what a session can take: its own first, then its groups' in turn.
        """
        self._serve(held)
        groups = held.groups
        if groups is None or not self._piles:
            return
        if len(groups) <= len(self._piles):
            waiting = [group for group in groups if group in self._piles]
        else:
            waiting = [group for group in self._piles if group in groups]
        for group in waiting:
            if not held.ready:
                return
            self._share_out(group)

    def _serve(self, held: Holding) -> None:
        """
        Deliver what waits for a session, as far as its credit goes.
        """
        pile = held.pile
        if pile is None or not (pile.waiting or pile.behind) or not held.ready:
            return
        if self._delivering:
            self._later.append(held)
            return
        self._delivering = True
        try:
            while pile.waiting and held.ready:
                if self._blocks(pile.waiting[0], held):
                    break
                item = pile.take()
                if item.message.expired(self._turn.wall):
                    self._gone(item, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
                elif not self._hand(held, item):
                    pile.give_back(item)
        finally:
            self._delivering = False
        if pile.behind:
            self._refill(held, pile, held.near)
        if self._later:
            self._catch_up()

    def _blocks(self, first: Outbound, who: Holding | Group) -> bool:
        if first.kept is None or first.kept.done:
            return False
        self._blocked[who] = None
        return True

    def go_on(self) -> None:
        """
        Something has been kept: those who waited for it are looked at again, and what could not be read is read again.
        """
        blocked = self._blocked
        if blocked:
            self._blocked = {}
            self._later.extend(blocked)
            self._catch_up()

    def _refill(self, who: Holding | Group, pile: Pile, near: bool) -> None:
        """
        Have the next read when few are left in memory.
        """
        if near and not pile.fetching and len(pile.waiting) * 2 <= self.policy.queue_page:
            assert self._ledger is not None
            pile.fetching = True
            self._ledger.fetch(who, pile)

    def fetched(self, who: Holding | Group, pile: Pile, items: list[Outbound]) -> None:
        """
        What was behind has been read, the oldest first.
        """
        pile.fetching = False
        for item in items:
            pile.add_behind(-1, -item.message.size)
            pile.append(item)
        self._later.append(who)
        self._catch_up()

    def unread(self, who: Holding | Group, pile: Pile) -> None:
        """
        What is behind could not be read; C{go_on} asks again.
        """
        pile.fetching = False
        self._blocked[who] = None

    def _hand(self, held: Holding, item: Outbound) -> bool:
        """
        Deliver one item; False when its owner will not have it now.
        """
        owner = held.owner
        assert owner is not None
        held.credit -= 1
        held.given[item.ref] = item
        if owner.deliver(item):
            return True
        held.credit += 1
        held.stalled = True
        del held.given[item.ref]
        return False

    def _share_out(self, group: Group) -> None:
        """
        Deliver what waits for a group to the members that have room, in turn; drop it when nobody ever will.
        """
        pile = self._piles.get(group)
        if pile is None:
            self._disband(group)
            return
        if self._delivering:
            self._later.append(group)
            return
        self._delivering = True
        try:
            while pile.waiting:
                if self._blocks(pile.waiting[0], group):
                    break
                item = pile.take()
                message = item.message
                if message.expired(self._turn.wall):
                    self._gone(item, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
                    continue
                found = group.taker(message, False)
                if found is not None:
                    if not self._give_share(group, item, found):
                        pile.give_back(item)
                elif not (group.durable or group.attended):
                    self._gone(item, reasons.UNSPECIFIED_ERROR)
                elif not group.welcome(message):
                    self._gone(item, reasons.NOT_AUTHORIZED)
                else:
                    pile.give_back(item)
                    break
        finally:
            self._delivering = False
        if not (group.durable or group.attended):
            self._scatter(pile)
        if not len(pile):
            self._piles.pop(group, None)
            self._disband(group)
        elif pile.behind:
            self._refill(group, pile, group.attended)
        if self._later:
            self._catch_up()

    def _disband(self, group: Group) -> None:
        """
        The ledger keeps nothing for a group of which nobody lasts.
        """
        if group.number and not group.durable:
            assert self._ledger is not None
            self._ledger.disbanded(group)
            group.number = 0

    def _scatter(self, pile: Pile) -> None:
        """
        Nobody will ever take what waits.
        """
        while pile.waiting:
            self._gone(pile.take(), reasons.UNSPECIFIED_ERROR)
        if pile.behind:
            pile.epoch += 1
            self._stats.queued -= pile.behind
            self._stats.queued_bytes -= pile.size
            self._lost(reasons.UNSPECIFIED_ERROR, pile.behind)
            pile.add_behind(-pile.behind, -pile.size)

    def _give_share(self, group: Group, item: Outbound, delivery: Delivery) -> bool:
        held = delivery.member.lease
        assert isinstance(held, Holding)
        shares = held.shares
        if shares is None:
            shares = held.shares = {}
        shares[item.ref] = group
        if held.groups is not None and len(held.groups) > 1 and group in held.groups:
            # The next that this member takes is from another group, if there is one.
            del held.groups[group]
            held.groups[group] = None
            self._piles[group] = self._piles.pop(group)
        copy = delivery.copy(item.message, item.ref)
        copy.home = item.home
        copy.kept = item.kept
        if self._hand(held, copy):
            return True
        del shares[item.ref]
        return False

    def _catch_up(self) -> None:
        """
        Look at those for whom a delivery made room for another.
        """
        if self._catching_up or self._delivering:
            return
        self._catching_up = True
        try:
            later = self._later
            while later:
                who = later.popleft()
                if isinstance(who, Holding):
                    self._attend(who)
                else:
                    self._share_out(who)
        finally:
            self._catching_up = False

    # What is counted

    def _gone(self, item: Outbound, reason: int) -> None:
        """
        An item that was counted as queued is dropped.
        """
        self._cross_out(item)
        self._lost(reason)

    def _cross_out(self, item: Outbound) -> None:
        """
        An item that was counted as queued is no more.
        """
        self._count(item.message, -1)
        if item.home:
            self._book().settle(item.ref)

    def _book(self) -> Draft:
        """
        What the ledger's next transaction is to say: for items that have a home, so there is a ledger.
        """
        draft = self.draft
        if draft is None:
            assert self._ledger is not None
            draft = self.draft = self._ledger.draft()
        return draft

    def _lost(self, reason: int, count: int = 1) -> None:
        assert self._hall is not None
        self._hall.dropped(count, reason)

    def _count(self, message: Message, sign: int) -> None:
        self._stats.queued += sign
        self._stats.queued_bytes += sign * message.size
