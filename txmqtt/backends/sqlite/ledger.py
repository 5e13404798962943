"""
The ledger of the embedded queues: what is owed becomes rows, what is behind is read, and what could not be written is
taken back.

An item that is delivered and settled before the writer takes its batch leaves nothing to write. What is read is read
behind a barrier: all that had been said when somebody asked is on disk, so that nothing settled comes back and nothing
owed is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.schema import (
    EXPIRED,
    FLIGHT,
    INBOUND,
    OLDEST,
    QUEUE,
    SENT,
    SESSION,
    SHARE,
    SUBSCRIPTION,
    WAITING,
    WILL,
    item_from,
)
from txmqtt.backends.sqlite.tables import Row, Value
from txmqtt.broker.draft import Draft
from txmqtt.broker.owed import Owed
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.shared import Group
from txmqtt.codec import reasons
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Caller
from txmqtt.session.turn import Turn

_log = Logger()

#: So many expired items are let go of at a time.
_EXPIRED_AT_ONCE: Final = 1_000
#: Seconds until a full queue has room made in it again.
_NEXT_LOOK: Final = 1.0


class SqliteLedger:
    """
    See C{txmqtt.broker.ledger.Ledger}.

    @ivar owed_by: whose queues these are; set by the backend, which makes both.
    """

    owed_by: Owed

    def __init__(self, policy: Policy, turn: Turn, journal: Journal, tell_time: Callable[[], object]) -> None:
        """
        @param tell_time: called whenever a thread's answer begins a turn.
        """
        self.policy = policy
        self._turn = turn
        self._journal = journal
        self._tell_time = tell_time
        self._holders: dict[int, Holding | Group] = {}
        self._shares: dict[tuple[str, bytes, bytes], int] = {}
        self._backlogs: dict[int, Pile] = {}
        self._purging: dict[Pile, None] | None = None  # for whom what has expired is being read

    # Who there is

    def know(self, held: Holding) -> None:
        """
        A session is kept.
        """
        self._holders[held.number] = held

    def left_to_groups(self, shares: dict[tuple[str, bytes, bytes], int], backlogs: dict[int, Pile]) -> None:
        """
        What an earlier life of the broker left: the numbers of groups, and by these what waits for them.
        """
        self._shares = shares
        self._backlogs = backlogs

    def share(self, group: Group) -> int:
        """
        See C{Ledger.share}.
        """
        number = self._shares.get(group.key)
        if number is None:
            number = self._shares[group.key] = self.owed_by.next_ref()
            self._journal.put(SHARE, (number, *group.key))
        self._holders[number] = group
        return number

    def backlog(self, group: Group) -> Pile | None:
        """
        See C{Ledger.backlog}.
        """
        return self._backlogs.pop(group.number, None)

    def disbanded(self, group: Group) -> None:
        """
        See C{Ledger.disbanded}.
        """
        self._shares.pop(group.key, None)
        self._holders.pop(group.number, None)
        self._journal.drop(SHARE, group.number)
        self._journal.clear(QUEUE, group.number)

    def forsake(self) -> None:
        """
        After all survivors are back: what was left to groups of which nobody survived goes, and what is nobody's.
        """
        for key, number in list(self._shares.items()):
            if number not in self._holders:
                del self._shares[key]
                self._journal.drop(SHARE, number)
        for number in self._backlogs:
            self._journal.clear(QUEUE, number)
        self._backlogs.clear()

    def ended(self, held: Holding) -> None:
        """
        See C{Ledger.ended}.
        """
        number = held.number
        self._holders.pop(number, None)
        journal = self._journal
        journal.drop(SESSION, number)
        journal.drop(WILL, number)
        for table in (SUBSCRIPTION, INBOUND, QUEUE):
            journal.clear(table, number)

    # What is owed

    def draft(self) -> Draft:
        """
        See C{Ledger.draft}.
        """
        draft: Draft = self._journal.hand().draft
        return draft

    # What is behind

    def after_all(self, call: Callable[[int], None]) -> None:
        """
        Call back when all that has been said so far is decided, with 0 or why it was lost.
        """
        ticket = self._journal.pending()
        if ticket is None:
            call(reasons.SUCCESS)
        else:
            ticket.wait(Caller(call))

    def read(self, sql: str, parameters: Sequence[Value]) -> Deferred[list[Row]]:
        """
        Read behind all that has been said so far.

        @return: fails with C{StoreError}.
        """
        done: Deferred[list[Row]] = Deferred()

        def decided(reason: int) -> None:
            if reason >= reasons.FAILURE:
                done.errback(StoreError(f"{self._journal.path} can't be read while it can't be written"))
            else:
                self._journal.read(sql, parameters).chainDeferred(done)

        self.after_all(decided)
        return done

    def begin_turn(self) -> None:
        """
        A thread has answered, which begins a turn.
        """
        self._tell_time()

    def end_turn(self) -> None:
        """
        All that follows from the answer is said.
        """
        self._turn.flush()

    def sent(self, held: Holding) -> Deferred[list[Outbound]]:
        """
        What had been sent to a session, as it is to be recalled.
        """
        return self.read(SENT, (held.number,)).addCallback(lambda rows: [item_from(row) for row in rows])

    def fetch(self, who: Holding | Group, pile: Pile) -> None:
        """
        See C{Ledger.fetch}.
        """
        epoch = pile.epoch
        policy = self.policy
        reading = self.read(WAITING, (pile.home, pile.last, policy.queue_page, policy.queue_page_bytes))
        about = (who, pile, epoch)
        reading.addCallbacks(self._fetched, self._unread, callbackArgs=about, errbackArgs=about)
        reading.addErrback(_failed)

    def _fetched(self, rows: list[Row], who: Holding | Group, pile: Pile, epoch: int) -> None:
        if pile.epoch != epoch:
            return  # it was put away meanwhile, or is no more
        if not rows:
            _log.error("{count} messages are missing in a queue; please report this", count=pile.behind)
            self.owed_by.missing_behind(pile)
        self.begin_turn()
        self.owed_by.fetched(who, pile, [item_from(row) for row in rows])
        self.end_turn()

    def _unread(self, failure: Failure, who: Holding | Group, pile: Pile, epoch: int) -> None:
        failure.trap(StoreError)
        if pile.epoch == epoch:
            self.owed_by.unread(who, pile)

    # What has to make room

    def trim(self, who: Holding | Group, pile: Pile) -> None:
        """
        See C{Ledger.trim}.
        """
        if pile.trimming or pile.fetching or self._purging is not None:
            return  # the next that finds no room asks again
        pile.trimming = True
        about = (who, pile, pile.epoch)
        reading = self.read(OLDEST, (pile.home, pile.last, _EXPIRED_AT_ONCE))
        reading.addCallbacks(self._trimmed, self._not_trimmed, callbackArgs=about, errbackArgs=about)
        reading.addErrback(_failed)

    def _trimmed(self, rows: list[Any], who: Holding | Group, pile: Pile, epoch: int) -> None:
        pile.trimming = False
        if pile.epoch == epoch and not pile.fetching:
            self.begin_turn()
            self.owed_by.trim(who, pile, rows)
            self.end_turn()

    def _not_trimmed(self, failure: Failure, who: Holding | Group, pile: Pile, epoch: int) -> None:
        pile.trimming = False
        failure.trap(StoreError)

    # What has expired

    def purge(self, pile: Pile) -> None:
        """
        See C{Ledger.purge}: all piles are looked through at once.
        """
        if self._purging is not None:
            self._purging[pile] = None  # once, however often it is asked for meanwhile
            return
        self._purging = {pile: None}
        reading = self.read(EXPIRED, (self._turn.wall, _EXPIRED_AT_ONCE))
        reading.addCallbacks(self._expired, self._not_purged)
        reading.addErrback(_failed)

    def purge_all(self) -> None:
        """
        Let go of what has expired behind, whoever was owed it.
        """
        if self._purging is None and self._journal.healthy:
            self.purge(Pile())

    def _expired(self, rows: list[Any]) -> None:
        asked, self._purging = self._purging or {}, None
        self.begin_turn()
        for ref, holder, size in rows:
            who = self._holders.get(holder)
            pile = who.pile if isinstance(who, Holding) else self.owed_by.pile(who) if who is not None else None
            # What is in memory, or on its way there, is looked at when it is delivered.
            if pile is not None and pile.behind and ref > pile.last and not (pile.fetching or pile.trimming):
                pile.add_behind(-1, -size)
                self.draft().settle(ref)
                self.owed_by.expired_behind(size)
        for pile in asked:
            pile.looked_through(self._turn.wall + _NEXT_LOOK)
        self.end_turn()

    def _not_purged(self, failure: Failure) -> None:
        self._purging = None
        failure.trap(StoreError)

    # What was lost

    def lost(self, batches: Sequence[Batch]) -> None:
        """
        Nobody is owed what was new in these.
        """
        for batch in batches:
            for item in batch.draft.fresh.values():
                who = self._holders.get(item.home)
                if who is not None:
                    self.owed_by.withdraw(item, who)

    def say_again(self, batches: Sequence[Batch]) -> None:
        """
        What those said that nobody waits for still holds, unless more has been said since.
        """
        journal = self._journal
        now = self.draft()
        drafts: list[Draft] = [batch.draft for batch in batches]
        over = {ref for draft in drafts for ref in (*draft.fresh, *draft.gone)} | {*now.gone}
        over.update(key for batch in batches for table, key in batch.culprits if table in (QUEUE, FLIGHT))
        for draft in drafts:
            for ref in draft.gone:
                now.settle(ref)
            for ref, item in draft.moved.items():
                if ref not in over and ref not in now.moved and item.home:
                    now.move(item)
            for ref, flown in draft.flights.items():
                if ref not in over and ref not in now.flights:
                    now.flights[ref] = flown if flown is not None and flown.packet_id and flown.home else None
        journal.retry(batches, SESSION, WILL, SHARE)
        for table in (SUBSCRIPTION, INBOUND, QUEUE):
            for batch in batches:
                for owner in batch.cleared.get(table, ()):
                    journal.clear(table, owner)


def _failed(failure: Failure) -> None:
    _log.failure("a queue could not be read", failure=failure)
