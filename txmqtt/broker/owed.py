"""
What durable sessions and shared groups are owed, as queues in this process.

The memory backend is these queues and nothing else; a backend with a journal shares them. A queue has a bound in
messages and in bytes, and a message that finds no room is dropped and counted. An item leaves its queue when it is
settled, not when it is delivered: what was delivered and not settled when a connection ends is first when the session
returns.
"""

from __future__ import annotations

from collections import deque

from txmqtt.broker.filters import Grant
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import Claim, Hall, Lease, Owner
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, FULL, Ticket
from txmqtt.session.turn import Turn


class Pile:
    """
    Messages that wait for one session or one group, oldest first.
    """

    def __init__(self) -> None:
        self.waiting: deque[Outbound] = deque()
        self.size = 0

    def room(self, message: Message, policy: Policy) -> bool:
        """
        Whether one more may wait.
        """
        return (
            len(self.waiting) < policy.max_queued_messages and self.size + message.size <= policy.max_queued_bytes
        )

    def append(self, item: Outbound) -> None:
        """
        One more waits.
        """
        self.waiting.append(item)
        self.size += item.message.size

    def give_back(self, item: Outbound) -> None:
        """
        It was taken and could not be finished: it is first again.
        """
        self.waiting.appendleft(item)
        self.size += item.message.size

    def take(self) -> Outbound:
        """
        The oldest.
        """
        item = self.waiting.popleft()
        self.size -= item.message.size
        return item


class Holding(Lease):
    """
    One session and what it is owed.

    @ivar given: delivered and not settled, in the order of delivery, by their refs.
    @ivar credit: how many more its owner wants.
    @ivar groups: the shared groups that it takes from.
    """

    def __init__(self, claim: Claim, owner: Owner | None, present: bool, durable: bool) -> None:
        super().__init__(claim, owner, present, durable)
        self.pile: Pile | None = None
        self.given: dict[int, Outbound] = {}
        self.credit = 0
        self.groups: list[Group] = []
        self.shares: dict[int, Group] | None = None  # of what was given: which group's it is


class Owed:
    """
    Every queue of this process.
    """

    def __init__(self, policy: Policy, stats: Stats, turn: Turn) -> None:
        self._policy = policy
        self._stats = stats
        self._turn = turn
        self._hall: Hall | None = None
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._piles: dict[tuple[str, bytes, bytes], Pile] = {}
        self._last_ref = 0

    def attach(self, hall: Hall) -> None:
        """
        Who is told of what is dropped and discarded.
        """
        self._hall = hall

    def open(self, claim: Claim, owner: Owner) -> None:
        """
        See C{Backend.open}: here it is done before this returns.
        """
        held = self._holdings.get(claim.key)
        if held is not None and held.user != claim.user:
            owner.refused(
                reasons.CLIENT_IDENTIFIER_NOT_VALID, f"client identifier {claim.client_id!r} belongs to another user"
            )
            return
        if held is not None and held.owner is not None:
            held.owner.revoked(reasons.SESSION_TAKEN_OVER, claim.clean)
            held = self._holdings.get(claim.key)
        if held is not None and claim.clean:
            self._drop(held)
            if self._hall is not None:
                self._hall.discarded(claim.key)
            held = None
        if held is None:
            held = Holding(claim, owner, False, claim.expiry > 0)
            self._holdings[claim.key] = held
        else:
            held.present = True
            held.owner = owner
        owner.opened(held)

    def close(self, lease: Lease, expiry: int) -> None:
        """
        See C{Backend.close}.
        """
        assert isinstance(lease, Holding)
        if lease.owner is None:
            return
        lease.owner = None
        lease.credit = 0
        groups = lease.groups
        self._return_shares(lease)
        if not expiry or not lease.durable:
            self._drop(lease)
            lease.groups = []
        elif lease.given:
            pile = lease.pile
            if pile is None:
                pile = lease.pile = Pile()
            fresh = [item for item in lease.given.values() if not item.sent]
            for item in reversed(fresh):  # delivered and never sent: they simply wait again
                del lease.given[item.ref]
                pile.give_back(item)
        for group in groups:
            if len(group):
                self._share_out(group)
            else:
                self._abandon(group)

    def _return_shares(self, lease: Holding) -> None:
        """
        What a member leaves undone goes back to its group, but not a QoS 2 message that it was sent
        [MQTT5-4.8.2-4] [MQTT5-4.8.2-5].
        """
        shares, lease.shares = lease.shares, None
        if shares is None:
            return
        for ref in sorted(shares, reverse=True):
            item = lease.given.get(ref)
            if item is None or (item.qos == 2 and item.sent):
                continue
            del lease.given[ref]
            group = shares[ref]
            again = Outbound(item.message, item.message.qos)
            again.ref = ref
            if group.attended or group.durable:
                self._pile_of(group).give_back(again)
                self._count(again.message, 1)
            else:
                self._lost(item.message, reasons.UNSPECIFIED_ERROR)
            self._count(item.message, -1)

    def discard(self, key: tuple[str, str]) -> None:
        """
        See C{Backend.discard}.
        """
        held = self._holdings.get(key)
        if held is not None:
            self._drop(held)

    def _drop(self, held: Holding) -> None:
        self._holdings.pop(held.key, None)
        for item in held.given.values():
            self._count(item.message, -1)
            self._lost(item.message, reasons.UNSPECIFIED_ERROR)
        held.given.clear()
        if held.pile is not None:
            for item in held.pile.waiting:
                self._count(item.message, -1)
                self._lost(item.message, reasons.UNSPECIFIED_ERROR)
            held.pile = None
        held.incoming.forget()

    def _lost(self, message: Message, reason: int) -> None:
        if self._hall is not None:
            self._hall.dropped(message, reason)

    def _count(self, message: Message, sign: int) -> None:
        self._stats.queued += sign
        self._stats.queued_bytes += sign * message.size

    # Messages in

    def publish(self, message: Message, route: Route) -> Ticket:
        """
        Owe the message to everybody on the route.

        @return: done; with 0x97 when it was for somebody and nobody had room.
        """
        taken = 0
        full = 0
        for delivery in route.kept:
            if delivery.no_local and delivery.member.client_id == message.publisher:
                if delivery.own is None or not delivery.own.qos:
                    continue
                delivery = delivery.own
            if self._owe(message, delivery):
                taken += 1
            else:
                full += 1
        for group in route.groups:
            if self._owe_group(message, group):
                taken += 1
            else:
                full += 1
        return FULL if full and not taken else DONE

    def _ref(self) -> int:
        self._last_ref += 1
        return self._last_ref

    def _owe(self, message: Message, delivery: Delivery) -> bool:
        held = delivery.member.lease
        assert isinstance(held, Holding)
        pile = held.pile
        if pile is None:
            pile = held.pile = Pile()
        if not pile.room(message, self._policy):
            self._lost(message, reasons.QUOTA_EXCEEDED)
            return False
        pile.append(delivery.copy(message, self._ref()))
        self._count(message, 1)
        self._serve(held)
        return True

    def _owe_group(self, message: Message, group: Group) -> bool:
        if not (group.attended or group.durable):
            self._lost(message, reasons.UNSPECIFIED_ERROR)
            return False
        pile = self._pile_of(group)
        if not pile.room(message, self._policy):
            self._lost(message, reasons.QUOTA_EXCEEDED)
            return False
        pile.append(Outbound(message, message.qos, False, (), self._ref()))
        self._count(message, 1)
        self._share_out(group)
        return True

    def _pile_of(self, group: Group) -> Pile:
        pile = self._piles.get(group.key)
        if pile is None:
            pile = self._piles[group.key] = Pile()
        return pile

    # Messages out

    def want(self, lease: Lease, more: int) -> None:
        """
        See C{Backend.want}.
        """
        assert isinstance(lease, Holding)
        lease.credit += more
        self._serve(lease)
        for group in lease.groups:
            if lease.credit <= 0:
                break
            self._share_out(group)

    def _serve(self, held: Holding) -> None:
        """
        Deliver what waits for a session, as far as its credit goes.
        """
        pile = held.pile
        while pile is not None and pile.waiting and held.credit > 0 and held.owner is not None:
            item = pile.take()
            if item.message.expired(self._turn.wall):
                self._count(item.message, -1)
                self._lost(item.message, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
                continue
            held.credit -= 1
            held.given[item.ref] = item
            held.owner.deliver(item)

    def _share_out(self, group: Group) -> None:
        """
        Deliver what waits for a group to the members that have room, in turn.
        """
        pile = self._piles.get(group.key)
        while pile is not None and pile.waiting:
            message = pile.waiting[0].message
            if message.expired(self._turn.wall):
                pile.take()
                self._count(message, -1)
                self._lost(message, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
                continue
            found = self._taker(group, message)
            if found is None:
                if not (group.attended or group.durable):
                    self._abandon(group)
                return
            delivery, held = found
            item = pile.take()
            share = delivery.copy(item.message, item.ref)
            held.credit -= 1
            held.given[share.ref] = share
            if held.shares is None:
                held.shares = {}
            held.shares[share.ref] = group
            assert held.owner is not None
            held.owner.deliver(share)
        if pile is not None and not pile.waiting:
            self._piles.pop(group.key, None)

    def _taker(self, group: Group, message: Message) -> tuple[Delivery, Holding] | None:
        for delivery in group.rotation():
            member = delivery.member
            held = member.lease
            assert isinstance(held, Holding)
            if held.credit > 0 and member.session is not None and member.may_receive(message.topic):
                return delivery, held
        return None

    def _abandon(self, group: Group) -> None:
        """
        Nobody is left who could ever take what waits for a group.
        """
        pile = self._piles.pop(group.key, None)
        if pile is not None:
            for item in pile.waiting:
                self._count(item.message, -1)
                self._lost(item.message, reasons.UNSPECIFIED_ERROR)

    def settle(self, lease: Lease, item: Outbound) -> None:
        """
        See C{Backend.settle}.
        """
        assert isinstance(lease, Holding)
        if lease.given.pop(item.ref, None) is None:
            return
        if lease.shares is not None:
            lease.shares.pop(item.ref, None)
        self._count(item.message, -1)

    def released(self, lease: Lease, item: Outbound) -> None:
        """
        Its PUBREC came: what is released is recalled in the order of the PUBRECs.
        """
        assert isinstance(lease, Holding)
        if lease.given.pop(item.ref, None) is not None:
            lease.given[item.ref] = item

    def recall(self, lease: Lease) -> list[Outbound]:
        """
        See C{Backend.recall}.
        """
        assert isinstance(lease, Holding)
        return list(lease.given.values())

    # Groups

    def joined(self, lease: Lease, grants: list[Grant]) -> None:
        """
        A session became a member of the groups that are named here.
        """
        assert isinstance(lease, Holding)
        for grant in grants:
            group = grant.group
            if group is not None and group not in lease.groups:
                lease.groups.append(group)
                self._share_out(group)

    def parted(self, lease: Lease, grants: list[Grant]) -> None:
        """
        A session is no longer a member of them.
        """
        assert isinstance(lease, Holding)
        for grant in grants:
            group = grant.group
            if group is not None and group in lease.groups:
                lease.groups.remove(group)
                if not len(group):
                    self._abandon(group)
