"""
What durable sessions and shared groups are owed, as queues in this process.

The memory backend is these queues and nothing else; a backend with a ledger shares them. A queue has a bound in
messages and in bytes, and a message that finds no room is dropped and counted. An item leaves its queue when it is
delivered; until it is settled it is remembered as given: what was sent and not settled when a connection ends is
recalled when the session returns, and what was not sent waits again.

With a ledger, only the front of what a connected session is owed is in memory.
"""

from __future__ import annotations

from txmqtt.broker.crowding import DROPPED, REFUSED, ROOM, Crowding
from txmqtt.broker.filters import Grant
from txmqtt.broker.ledger import Ledger
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import Lease
from txmqtt.broker.shared import Group
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, FULL, Ticket


class Owed(Crowding):
    """
    Every queue of this process.
    """

    # Messages in

    def publish(self, message: Message, route: Route) -> Ticket:
        """
        Owe the message to everybody on the route. A message of QoS 2 is not delivered before it is kept.

        @return: the ledger's; without one it is done. Done with 0x97 when it was for somebody and nobody had room.
        """
        self._recorded = False
        kept: Ticket | None = None
        if message.qos == 2 and self._ledger is not None:
            kept = self._book().ticket
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
            else:
                verdict = self._owe(message, delivery, held, kept)
                if verdict == ROOM:
                    single += 1
                elif verdict == REFUSED:
                    full += 1
        if single > 1 and self._ledger is not None and not message.number:
            message.number = self.next_ref()  # it is stored once for all of them
        for group in route.groups:
            if not (group.durable or group.attended):
                self._lost(reasons.UNSPECIFIED_ERROR)
            else:
                verdict = self._owe_group(message, group, kept)
                if verdict == ROOM:
                    taken += 1
                elif verdict == REFUSED:
                    full += 1
        if full and not (taken or single):
            return FULL
        return self._book().ticket if self._recorded else DONE

    def next_ref(self) -> int:
        """
        A number that nothing else has.
        """
        self.last_ref += 1
        return self.last_ref

    def _owe(self, message: Message, delivery: Delivery, held: Holding, kept: Ticket | None) -> int:
        pile = held.pile
        if pile is None:
            pile = held.pile = Pile(held.number, self.last_ref)
        policy = held.policy = delivery.member.terms.policy
        room = self._fits(pile, message, policy)
        if not room and (len(pile) or not held.ready):
            verdict = self.admit(message, pile, policy, held)
            if verdict != ROOM:
                return verdict
            room = True
        item = delivery.copy(message, self.next_ref())
        self._wait(item, pile, kept, held.near)
        self._serve(held)
        if not room and pile.waiting and (kept is None or kept.done):  # it would have had to leave at once
            self._gone(pile.withdraw(), reasons.QUOTA_EXCEEDED)
            return DROPPED if policy.queue_full.startswith("drop") else REFUSED
        return ROOM

    def _owe_group(self, message: Message, group: Group, kept: Ticket | None) -> int:
        pile = self._pile_of(group)
        verdict = self.admit(message, pile, self.policy, group)
        if verdict != ROOM:
            return verdict
        item = Outbound(message, message.qos, False, (), self.next_ref())
        self._wait(item, pile, kept, not pile.home or group.attended)
        self._share_out(group)
        return ROOM

    def _wait(self, item: Outbound, pile: Pile, kept: Ticket | None, near: bool) -> None:
        """
        One more waits.
        """
        message = item.message
        self._count(message, 1)
        if pile.home:
            item.home = pile.home
            self._book().owed(item)
            self._recorded = True
            if not near or pile.far(self.policy):
                pile.add_behind(1, message.size, message.expires_at)
                return
        if kept is not None and message.qos == 2:
            item.kept = kept
        pile.append(item)

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

    def sending(self, lease: Lease, item: Outbound) -> Ticket:
        """
        An item is about to be sent: it is recalled in the order of first sending.

        @return: at QoS 2, when that is on record.
        """
        assert isinstance(lease, Holding)
        if not item.home or item.ref not in lease.given:
            return DONE
        if item.home != lease.number:  # a group's: at QoS 1 it stays that until it is settled
            if item.qos != 2:
                return DONE
            if not lease.durable:  # it ends with this connection, and so does the message
                draft = self._book()
                draft.settle(item.ref)
                item.home = 0
                return draft.ticket
            item.home = lease.number
            self._book().move(item)
        return self._fly(item)

    def released(self, lease: Lease, item: Outbound) -> Ticket:
        """
        Its PUBREC came: what is released is recalled in the order of the PUBRECs.

        @return: when that is on record.
        """
        assert isinstance(lease, Holding)
        if lease.given.pop(item.ref, None) is None:
            return DONE
        lease.given[item.ref] = item
        return self._fly(item) if item.home == lease.number and item.home else DONE

    def _fly(self, item: Outbound) -> Ticket:
        item.mark = self.next_ref()
        draft = self._book()
        draft.fly(item)
        return draft.ticket if item.qos == 2 else DONE

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
            for delivery in who.everybody():
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
                self._book().owed(item)

    def parted(self, lease: Lease, grants: list[Grant]) -> None:
        """
        A session is no longer a member of them.
        """
        assert isinstance(lease, Holding)
        for grant in grants:
            if grant.group is not None and lease.groups is not None:
                lease.groups.pop(grant.group, None)
                self._share_out(grant.group)
