"""
What durable sessions and shared groups are owed, as queues in this process.

The memory backend is these queues and nothing else; a backend with a ledger shares them. A queue has a bound in
messages and in bytes, and a message that finds no room is dropped and counted. An item leaves its queue when it is
delivered; until it is settled it is remembered as given: what was sent and not settled when a connection ends is
recalled when the session returns, and what was not sent waits again.

With a ledger, what a parked session is owed is not in memory at all, and of what a connected one is owed only the
front.
"""

from __future__ import annotations

from txmqtt.broker.dealing import Dealing
from txmqtt.broker.filters import Grant
from txmqtt.broker.ledger import Ledger
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

    def __init__(self, policy: Policy, stats: Stats, turn: Turn, ledger: Ledger | None = None) -> None:
        super().__init__(policy, stats, turn, ledger)
        self.last_ref = 0
        self._holdings: dict[tuple[str, str], Holding] = {}

    # Sessions

    def open(self, claim: Claim, owner: Owner) -> None:
        """
        See C{Backend.open}: without a ledger it is done before this returns.
        """
        held = self.claim(claim, owner)
        if held is not None:
            self.enter(held)
            owner.opened(held)

    def claim(self, claim: Claim, owner: Owner) -> Holding | None:
        """
        Make C{owner} the only owner of a session, and turn away whoever else has it or waits for it.

        @return: the session; None when the owner was refused.
        """
        held = self._holdings.get(claim.key)
        if held is not None and held.user != claim.user:
            owner.refused(
                reasons.CLIENT_IDENTIFIER_NOT_VALID, f"client identifier {claim.client_id!r} belongs to another user"
            )
            return None
        if held is not None and held.owner is not None:
            held.owner.revoked(reasons.SESSION_TAKEN_OVER, claim.clean)
            held = self._holdings.get(claim.key)
        if held is not None and (claim.clean or not held.durable):
            # One that does not last and has no owner is what a restart left because of its will.
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
        return held

    def abandoned(self, held: Holding) -> None:
        """
        The session could not be opened: it is parked as before, or never began.
        """
        if held.present:
            held.owner = None
        else:
            self._drop(held)

    def resumed(self, held: Holding, items: list[Outbound]) -> None:
        """
        What had been sent to a session that is being opened is in memory again, in the order in which it is recalled.
        """
        for item in items:
            held.given[item.ref] = item
        held.flown = held.flown_size = 0

    def enter(self, held: Holding) -> None:
        """
        The owner of a session is about to hear that it is.
        """
        held.near = True
        held.credit = -len(held.given)  # what is recalled is under way already

    def find(self, key: tuple[str, str]) -> Holding | None:
        """
        The session of this mount point and client identifier.
        """
        return self._holdings.get(key)

    def revive(self, held: Holding) -> None:
        """
        An earlier life of the broker left this session.
        """
        self._holdings[held.key] = held
        if held.pile is not None:
            self._stats.queued += len(held.pile) + held.flown
            self._stats.queued_bytes += held.pile.size + held.flown_size

    def close(self, lease: Lease, expiry: int) -> None:
        """
        See C{Backend.close}.
        """
        assert isinstance(lease, Holding)
        if lease.owner is None:
            return
        lease.owner = None
        lease.near = False
        lease.credit = 0
        lease.stalled = False
        groups = self._return_shares(lease)
        if not expiry or not lease.durable:
            self._drop(lease)
        else:
            self._keep(lease)
            for group in lease.groups or ():
                self._put_group_away(group)
        for group in groups:
            self._share_out(group)

    def _put_group_away(self, group: Group) -> None:
        pile = self._piles.get(group)
        if pile is not None and pile.home and not group.attended:
            pile.put_away()

    def _keep(self, lease: Holding) -> None:
        """
        What was delivered and never sent waits again, before what came later.
        """
        pile = lease.pile
        for item in reversed([item for item in lease.given.values() if not item.sent]):
            assert pile is not None  # it came from there
            del lease.given[item.ref]
            self._unsend(item)
            pile.give_back(item)
        if pile is not None and pile.home:
            self._put_away(lease, pile)

    def _unsend(self, item: Outbound) -> None:
        if item.packet_id and item.home and self._ledger is not None:
            self._ledger.unsent(item)
        item.packet_id = 0

    def _put_away(self, held: Holding, pile: Pile) -> None:
        """
        The session is parked: what it is owed is with the ledger, and only there.
        """
        for item in held.given.values():
            if item.home:
                held.flown += 1
                held.flown_size += item.message.size
            else:  # it could not be kept, and its publisher knows
                self._count(item.message, -1)
        held.given.clear()
        held.shares = None
        pile.put_away()

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
                groups[group] = None
                self._return_share(self._pile_of(group), item)
            else:
                self._over(item)
        return groups

    def _return_share(self, pile: Pile, item: Outbound) -> None:
        again = Outbound(item.message, item.message.qos, False, (), item.ref)
        again.home = pile.home
        again.kept = item.kept
        self._unsend(item)
        if item.home != pile.home and self._ledger is not None:
            self._ledger.moved(again)
        pile.give_back(again)

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
        held.near = False
        for item in held.given.values():
            self._over(item)
        held.given.clear()
        self._stats.queued -= held.flown
        self._stats.queued_bytes -= held.flown_size
        held.flown = held.flown_size = 0
        pile, held.pile = held.pile, None
        if pile is not None:
            self._scatter(pile)
        held.incoming.forget()
        if held.number and self._ledger is not None:
            self._ledger.ended(held)
        groups, held.groups = held.groups, None
        for group in groups or ():
            self._share_out(group)

    def _over(self, item: Outbound) -> None:
        """
        Its session has ended: what had been sent counts as sent, the rest as dropped.
        """
        if item.sent:
            self._cross_out(item)
        else:
            self._gone(item, reasons.UNSPECIFIED_ERROR)

    # Messages in

    def publish(self, message: Message, route: Route, kept: Ticket | None = None) -> Ticket:
        """
        Owe the message to everybody on the route.

        @param kept: a message of QoS 2 is not delivered before this is done.
        @return: done; with 0x97 when it was for somebody and nobody had room.
        """
        taken = 0
        full = 0
        single = 0  # those of them that are owed it by their own subscription
        for delivery in route.kept:
            if delivery.no_local and delivery.member.client_id == message.publisher:
                if delivery.own is None or not delivery.own.qos:
                    continue
                delivery = delivery.own
            held = delivery.member.lease
            assert isinstance(held, Holding)
            if held.over:  # it ended after the route was found
                self._lost(reasons.UNSPECIFIED_ERROR)
            elif self._owe(message, delivery, held, kept):
                single += 1
            else:
                full += 1
        if single > 1 and self._ledger is not None and not message.number:
            message.number = self.next_ref()  # it is stored once for all of them
        for group in route.groups:
            if not (group.attended or group.durable):
                self._lost(reasons.UNSPECIFIED_ERROR)
            elif self._owe_group(message, group, kept):
                taken += 1
            else:
                full += 1
        return FULL if full and not (taken or single) else DONE

    def next_ref(self) -> int:
        """
        A number that nothing else has.
        """
        self.last_ref += 1
        return self.last_ref

    def _owe(self, message: Message, delivery: Delivery, held: Holding, kept: Ticket | None) -> bool:
        pile = held.pile
        if pile is None:
            pile = held.pile = Pile(held.number, self.last_ref)
        room = self._room(pile, message)
        if not room and (len(pile) or not held.ready):
            self._lost(reasons.QUOTA_EXCEEDED)
            return False
        item = delivery.copy(message, self.next_ref())
        self._wait(item, pile, kept, held.near)
        self._serve(held)
        if not room and pile.waiting and (kept is None or kept.done):  # it would have had to leave at once
            self._gone(pile.withdraw(), reasons.QUOTA_EXCEEDED)
            return False
        return True

    def _owe_group(self, message: Message, group: Group, kept: Ticket | None) -> bool:
        pile = self._pile_of(group)
        if not self._room(pile, message):
            self._lost(reasons.QUOTA_EXCEEDED)
            return False
        item = Outbound(message, message.qos, False, (), self.next_ref())
        self._wait(item, pile, kept, not pile.home or group.attended)
        self._share_out(group)
        return True

    def _wait(self, item: Outbound, pile: Pile, kept: Ticket | None, near: bool) -> None:
        """
        One more waits.
        """
        message = item.message
        self._count(message, 1)
        if pile.home and self._ledger is not None:
            item.home = pile.home
            self._ledger.owed(item)
            if not near or pile.far(self._policy):
                pile.add_behind(1, message.size, message.expires_at)
                return
        if kept is not None and message.qos == 2:
            item.kept = kept
        pile.append(item)

    def _room(self, pile: Pile, message: Message) -> bool:
        """
        Whether one more may wait; where it may not, what has expired makes room.
        """
        if pile.room(message, self._policy):
            return True
        wall = self._turn.wall
        for item in pile.purge(wall):
            self._gone(item, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
        if pile.room(message, self._policy):
            return True
        if pile.behind and pile.stale(wall) and self._ledger is not None:
            self._ledger.purge(pile)  # which takes a moment: this one has come too early
        return False

    def _pile_of(self, group: Group) -> Pile:
        pile = self._piles.get(group)
        if pile is None:
            pile = self._piles[group] = Pile(group.number, self.last_ref)
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
        self._cross_out(item)

    def released(self, lease: Lease, item: Outbound) -> None:
        """
        Its PUBREC came: what is released is recalled in the order of the PUBRECs.
        """
        assert isinstance(lease, Holding)
        if lease.given.pop(item.ref, None) is not None:
            lease.given[item.ref] = item

    def pile(self, group: Group) -> Pile | None:
        """
        What waits for a group.
        """
        return self._piles.get(group)

    def expired_behind(self, size: int) -> None:
        """
        A message that was behind is no more, because its time was over.
        """
        self._stats.queued -= 1
        self._stats.queued_bytes -= size
        self._lost(reasons.IMPLEMENTATION_SPECIFIC_ERROR)

    def missing_behind(self, pile: Pile) -> None:
        """
        What was thought to be behind is not.
        """
        count, size = pile.behind, pile.size - pile.front
        pile.add_behind(-count, -size)
        self._stats.queued -= count
        self._stats.queued_bytes -= size

    def withdraw(self, item: Outbound, who: Holding | Group) -> None:
        """
        A new item could not be kept after all: nobody is owed it. What has been sent already stays with its receiver.
        """
        if isinstance(who, Holding):
            if who.over:
                return
            pile = who.pile
            given = who.given.get(item.ref)
            if given is None and item.sent and not who.near:
                who.flown -= 1
                who.flown_size -= item.message.size
                self._count(item.message, -1)
                return
        else:
            pile = self._piles.get(who)
            given = None
            for delivery in who.rotation():
                held = delivery.member.lease
                assert isinstance(held, Holding)
                given = given or held.given.get(item.ref)
        if given is not None:
            given.home = 0
            return
        if pile is None:
            return
        self._count(item.message, -1)
        for waiting in pile.waiting:
            if waiting.ref == item.ref:
                pile.remove(waiting)
                return
        pile.add_behind(-1, -item.message.size)

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
            if group is not None:
                if lease.groups is None:
                    lease.groups = {}
                lease.groups[group] = None
                if lease.durable and self._ledger is not None and not group.number:
                    self._enrol(group, self._ledger)
                self._share_out(group)

    def _enrol(self, group: Group, ledger: Ledger) -> None:
        """
        The first member that lasts: from now on the ledger keeps what is owed to the group, and what waits already.
        """
        group.number = ledger.share(group)
        left = ledger.backlog(group)
        pile = self._piles.get(group)
        if left is not None:
            self._stats.queued += len(left)
            self._stats.queued_bytes += left.size
            assert pile is None  # survivors come before all others
            self._piles[group] = left
        elif pile is not None:
            pile.home = group.number
            for item in pile.waiting:
                item.home = group.number
                ledger.owed(item)

    def parted(self, lease: Lease, grants: list[Grant]) -> None:
        """
        A session is no longer a member of them.
        """
        assert isinstance(lease, Holding)
        for grant in grants:
            if grant.group is not None and lease.groups is not None:
                lease.groups.pop(grant.group, None)
                self._share_out(grant.group)
