"""
The sessions of this process that are owed something: who has them, and what becomes of it when they let go.

What was sent and not settled when a connection ends is recalled when the session returns, and what was not sent waits
again. With a ledger, what a parked session is owed is not in memory at all.
"""

from __future__ import annotations

from txmqtt.broker.dealing import Dealing
from txmqtt.broker.ledger import Ledger
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Claim, Lease, Owner
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.outgoing import Outbound
from txmqtt.session.turn import Turn


class Holdings(Dealing):
    """
    Every session that a backend keeps in this process.

    @ivar last_ref: the last number that was given to anything.
    """

    def __init__(self, policy: Policy, stats: Stats, turn: Turn, ledger: Ledger | None = None) -> None:
        super().__init__(policy, stats, turn, ledger)
        self.last_ref = 0
        self._recorded = False  # the message in hand has gone into the ledger
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
        clean = claim.clean
        if held is not None and held.user != claim.user and self.policy.other_user == "discard":
            clean = True
        elif held is not None and held.user != claim.user:
            owner.refused(
                reasons.CLIENT_IDENTIFIER_NOT_VALID, f"client identifier {claim.client_id!r} belongs to another user"
            )
            return None
        if held is not None and held.owner is not None:
            held.owner.revoked(reasons.SESSION_TAKEN_OVER, clean)
            held = self._holdings.get(claim.key)
        if held is not None and (clean or not held.durable):
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
            for group in held.groups or ():
                self._put_group_away(group)
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
        if item.packet_id and item.home:
            self._book().land(item)
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
        if item.home != pile.home:
            self._book().move(again)
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

    def _pile_of(self, group: Group) -> Pile:
        pile = self._piles.get(group)
        if pile is None:
            pile = self._piles[group] = Pile(group.number, self.last_ref)
        return pile
