"""
A store on paper: what the queues say is written down when the test says so, and so is what they ask answered.

It keeps what a disk would keep, as rows of a dict, so that the broker's own tests can show what it owes to a store, a
restart included, without one.
"""

from __future__ import annotations

from collections.abc import Callable

from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.draft import Draft
from txmqtt.broker.filters import Grant
from txmqtt.broker.owed import Owed
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import RELEASED_OUT, SENT, UNAVAILABLE, Claim, Lease, Owner, Survivor
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.turn import Turn


def copied(item: Outbound) -> Outbound:
    """
    An item as it is read: another object that says the same.
    """
    copy = Outbound(item.message, item.qos, item.retain, item.identifiers, item.ref)
    copy.home, copy.mark, copy.packet_id = item.home, item.mark, item.packet_id
    copy.sent, copy.released = item.sent, item.released
    return copy


class Paper:
    """
    See C{txmqtt.broker.ledger.Ledger}.

    @ivar rows: what is written down, by ref.
    @ivar torn: nothing can be written: what is said is lost, and what is asked is not answered.
    @ivar heard: what it was told of sessions and groups.
    """

    owed: Owed

    def __init__(self, policy: Policy, turn: Turn) -> None:
        self.policy = policy
        self.turn = turn
        self.rows: dict[int, Outbound] = {}
        self.holders: dict[int, Holding | Group] = {}
        self.shares: dict[tuple[str, bytes, bytes], int] = {}
        self.left: dict[int, Pile] = {}
        self.torn = False
        self.heard: list[str] = []
        self._hand: Draft | None = None
        self._asked: list[Callable[[], None]] = []

    @property
    def busy(self) -> bool:
        """
        Something was said or asked.
        """
        return self._hand is not None or bool(self._asked)

    # What it is told

    def draft(self) -> Draft:
        if self._hand is None:
            self._hand = Draft(Ticket())
        return self._hand

    def ended(self, held: Holding) -> None:
        self.heard.append(f"ended {held.key[1]}")
        self._forget(held.number)

    def share(self, group: Group) -> int:
        number = self.shares.setdefault(group.key, self.owed.next_ref())
        self.holders[number] = group
        return number

    def disbanded(self, group: Group) -> None:
        self.heard.append(f"disbanded {group.key[1].decode()}")
        del self.shares[group.key]
        self._forget(group.number)

    def _forget(self, home: int) -> None:
        self.holders.pop(home, None)
        self.rows = {ref: row for ref, row in self.rows.items() if row.home != home}
        if self._hand is not None:
            for ref in [ref for ref, item in self._hand.fresh.items() if item.home == home]:
                del self._hand.fresh[ref]

    def backlog(self, group: Group) -> Pile | None:
        return self.left.pop(group.number, None)

    # What it is asked

    def fetch(self, who: Holding | Group, pile: Pile) -> None:
        epoch = pile.epoch

        def answer() -> None:
            if pile.epoch != epoch:
                return
            if self.torn:
                self.owed.unread(who, pile)
                return
            found = self._behind(pile)[: self.policy.queue_page]
            if not found:
                self.owed.missing_behind(pile)
            self.owed.fetched(who, pile, [copied(row) for row in found])

        self._asked.append(answer)

    def trim(self, who: Holding | Group, pile: Pile) -> None:
        def answer() -> None:
            self.owed.trim(who, pile, [(row.ref, row.message.size) for row in self._behind(pile)])

        self._asked.append(answer)

    def purge(self, pile: Pile) -> None:
        def answer() -> None:
            for row in self._behind(pile):
                if row.message.expired(self.turn.wall):
                    pile.add_behind(-1, -row.message.size)
                    self.draft().settle(row.ref)
                    self.owed.expired_behind(row.message.size)
            pile.looked_through(self.turn.wall + 1.0)

        self._asked.append(answer)

    def _behind(self, pile: Pile) -> list[Outbound]:
        found = [row for ref, row in self.rows.items() if row.home == pile.home and ref > pile.last and not row.mark]
        return sorted(found, key=lambda row: row.ref)

    def sent(self, held: Holding) -> list[Outbound]:
        """
        What had been sent to a session, as it is to be recalled.
        """
        rows = [row for row in self.rows.values() if row.home == held.number and row.mark]
        return [copied(row) for row in sorted(rows, key=lambda row: row.mark)]

    # What becomes of it

    def write(self) -> None:
        """
        What was said is written down, or lost, and what was asked is answered.
        """
        hand, self._hand = self._hand, None
        self.owed.draft = None
        if hand is not None and self.torn:
            for item in hand.fresh.values():
                self.owed.withdraw(item, self.holders[item.home])
            hand.ticket.settle(reasons.QUOTA_EXCEEDED)
        elif hand is not None:
            for ref in hand.gone:
                self.rows.pop(ref, None)
            for ref, item in (*hand.fresh.items(), *hand.moved.items()):
                self.rows[ref] = copied(item)
            for ref, flown in hand.flights.items():
                if ref in self.rows:
                    row = self.rows[ref] = copied(flown if flown is not None else self.rows[ref])
                    if flown is None:
                        row.mark = row.packet_id = 0
            hand.ticket.settle()
        asked, self._asked = self._asked, []
        for answer in asked:
            answer()
        self.owed.go_on()


class PaperBackend(MemoryBackend):
    """
    See C{txmqtt.broker.shapes.Backend}.

    @ivar prompt: what is said in a turn is written at its end; otherwise when C{settle_all} is called.
    @ivar full: no session can be opened, and nothing be kept.
    @ivar slow: who wants a session waits for it until the test calls what is in C{openings}.
    """

    lasting = True

    def __init__(self, policy: Policy, stats: Stats, turn: Turn) -> None:
        super().__init__(policy, stats, turn)
        self.prompt = True
        self.full = self.slow = False
        self.openings: list[Callable[[], None]] = []
        self.left: list[Survivor] = []
        self.ledger = Paper(policy, turn)
        self.owed = self._owed = self.ledger.owed = Owed(policy, stats, turn, self.ledger)
        self.open = self._open
        self.close = self._owed.close
        self.discard = self._owed.discard
        self.room = self._owed.room
        self.want = self._owed.want
        self.settle = self._owed.settle
        self.recall = self._owed.recall
        turn.closing = self._turn_over

    def _turn_over(self) -> None:
        if self.prompt and self.ledger.busy:
            self.ledger.write()

    def write(self) -> None:
        """
        All that there is to say and to ask is said and answered.
        """
        for _ in range(100):
            if not self.ledger.busy:
                break
            self.ledger.write()
            self._turn.flush()

    def _open(self, claim: Claim, owner: Owner) -> None:
        held = self._owed.claim(claim, owner)
        if held is None:
            return
        held.expiry = claim.expiry
        if held.durable and not held.number:
            held.number = self._owed.next_ref()
            self.ledger.holders[held.number] = held
        if self.full:
            self._owed.abandoned(held)
            owner.refused(reasons.SERVER_UNAVAILABLE, "no paper")
            return
        if self.slow:
            self.openings.append(lambda: self._enter(held, owner))
        else:
            self._enter(held, owner)

    def _enter(self, held: Holding, owner: Owner) -> None:
        if held.over or held.owner is not owner:
            return
        if held.flown:
            self.ledger.write()
            self._owed.resumed(held, self.ledger.sent(held))
        self._owed.enter(held)
        owner.opened(held)

    def publish(self, message: Message, route: Route, lease: Lease | None, packet_id: int) -> Ticket:
        if self.full and message.qos:
            return UNAVAILABLE
        return super().publish(message, route, lease, packet_id)

    def remember(self, lease: Lease, fact: int, packet_id: int, item: Outbound | None) -> Ticket:
        if item is None:
            return DONE
        if fact == SENT:
            return self._owed.sending(lease, item)
        assert fact == RELEASED_OUT
        return self._owed.released(lease, item)

    def survivors(self) -> list[Survivor]:
        return self.left

    def revived(self, lease: Lease, grants: list[Grant]) -> None:
        self._owed.joined(lease, grants)
