"""
What durable sessions and shared groups are owed, as queues in this process.

The memory backend is these queues and nothing else; a backend with a journal shares them. A queue has a bound in
messages and in bytes, and a message that finds no room is dropped and counted. An item leaves its queue when it is
delivered; until it is settled it is remembered as given: what was sent and not settled when a connection ends is
recalled when the session returns, and what was not sent waits again.
"""

from __future__ import annotations

from txmqtt.broker.dealing import Dealing
from txmqtt.broker.filters import Grant
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import Claim, Lease, Owner
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, FULL, Ticket
from txmqtt.session.turn import Turn


class Owed(Dealing):
    """
    Every queue of this process.
    """

    def __init__(self, policy: Policy, stats: Stats, turn: Turn) -> None:
        super().__init__(stats, turn)
        self._policy = policy
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._last_ref = 0

    # Sessions

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
            assert self._hall is not None
            self._hall.discarded(claim.key)
            self._drop(held)
            held = None
        if held is None:
            held = Holding(claim, owner, False, claim.expiry > 0)
            self._holdings[claim.key] = held
        else:
            held.present = True
            held.owner = owner
            held.credit = -len(held.given)  # what is recalled is under way already
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
        lease.stalled = False
        groups = self._return_shares(lease)
        if not expiry or not lease.durable:
            self._drop(lease)
        else:
            self._keep(lease)
        for group in groups:
            self._share_out(group)

    def _keep(self, lease: Holding) -> None:
        """
        What was delivered and never sent waits again, before what came later.
        """
        pile = lease.pile
        for item in reversed([item for item in lease.given.values() if not item.sent]):
            assert pile is not None  # it came from there
            del lease.given[item.ref]
            pile.give_back(item)

    def _return_shares(self, lease: Holding) -> dict[Group, None]:
        """
        What a member leaves undone goes back to its group, but not a QoS 2 message that it was sent
        [MQTT5-4.8.2-4] [MQTT5-4.8.2-5].

        @return: the groups that have something again.
        """
        groups: dict[Group, None] = {}
        shares, lease.shares = lease.shares, None
        if shares is None:
            return groups
        for ref in sorted(shares, reverse=True):
            item = lease.given[ref]
            if item.qos == 2 and item.sent:
                continue
            del lease.given[ref]
            group = shares[ref]
            if group.attended or group.durable:
                self._pile_of(group).give_back(Outbound(item.message, item.message.qos, False, (), ref))
                groups[group] = None
            else:
                self._over(item)
        return groups

    def discard(self, key: tuple[str, str]) -> None:
        """
        See C{Backend.discard}.
        """
        held = self._holdings.get(key)
        if held is not None and held.owner is None:
            self._drop(held)

    def _drop(self, held: Holding) -> None:
        self._holdings.pop(held.key, None)
        held.over = True
        for item in held.given.values():
            self._over(item)
        held.given.clear()
        pile, held.pile = held.pile, None
        if pile is not None:
            self._scatter(pile)
        held.incoming.forget()
        groups, held.groups = held.groups, None
        for group in groups or ():
            self._share_out(group)

    def _over(self, item: Outbound) -> None:
        """
        Its session has ended: what had been sent counts as sent, the rest as dropped.
        """
        if item.sent:
            self._count(item.message, -1)
        else:
            self._gone(item, reasons.UNSPECIFIED_ERROR)

    def _scatter(self, pile: Pile) -> None:
        while pile.waiting:
            self._gone(pile.take(), reasons.UNSPECIFIED_ERROR)

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
            held = delivery.member.lease
            assert isinstance(held, Holding)
            if held.over:  # it ended after the route was found
                self._lost(message, reasons.UNSPECIFIED_ERROR)
            elif self._owe(message, delivery, held):
                taken += 1
            else:
                full += 1
        for group in route.groups:
            if not (group.attended or group.durable):
                self._lost(message, reasons.UNSPECIFIED_ERROR)
            elif self._owe_group(message, group):
                taken += 1
            else:
                full += 1
        return FULL if full and not taken else DONE

    def _ref(self) -> int:
        self._last_ref += 1
        return self._last_ref

    def _owe(self, message: Message, delivery: Delivery, held: Holding) -> bool:
        pile = held.pile
        if pile is None:
            pile = held.pile = Pile()
        room = self._room(pile, message)
        if not room and (pile.waiting or not held.ready):
            self._lost(message, reasons.QUOTA_EXCEEDED)
            return False
        pile.append(delivery.copy(message, self._ref()))
        self._count(message, 1)
        self._serve(held)
        if not room and pile.waiting:  # it would have had to leave at once
            self._gone(pile.withdraw(), reasons.QUOTA_EXCEEDED)
            return False
        return True

    def _owe_group(self, message: Message, group: Group) -> bool:
        pile = self._pile_of(group)
        if not self._room(pile, message):
            self._lost(message, reasons.QUOTA_EXCEEDED)
            return False
        pile.append(Outbound(message, message.qos, False, (), self._ref()))
        self._count(message, 1)
        self._share_out(group)
        return True

    def _room(self, pile: Pile, message: Message) -> bool:
        """
        Whether one more may wait; where it may not, what has expired makes room.
        """
        if pile.room(message, self._policy):
            return True
        for item in pile.purge(self._turn.wall):
            self._gone(item, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
        return pile.room(message, self._policy)

    def _pile_of(self, group: Group) -> Pile:
        pile = self._piles.get(group)
        if pile is None:
            pile = self._piles[group] = Pile()
        return pile

    # Messages out

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
            if grant.group is not None:
                if lease.groups is None:
                    lease.groups = {}
                lease.groups[grant.group] = None
                self._share_out(grant.group)

    def parted(self, lease: Lease, grants: list[Grant]) -> None:
        """
        A session is no longer a member of them.
        """
        assert isinstance(lease, Holding)
        for grant in grants:
            if grant.group is not None and lease.groups is not None:
                lease.groups.pop(grant.group, None)
                self._share_out(grant.group)
