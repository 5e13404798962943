"""
What becomes of transactions: what waits for the disk, and what is said again when one fails.

Two kinds of steps are told apart. What somebody asks for and can be told no (a publish, a subscription) fails with its
transaction. What follows from a promise that was made before is said again, and its ticket waits for as long as the
disk needs: answering such a step with no would break the promise, and there are never more of them than promises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.logger import Logger

from txmqtt.backends.client.draft import Draft
from txmqtt.backends.client.schema import FLIGHT, NOTE, OUTCOME, PROMISE, RECEIVED
from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.codec import reasons
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Caller, Ticket

_log = Logger()


class Books:
    """
    The owner of a client's journal: see C{shapes.Owner}.

    @ivar journal: set by the store, which makes both.
    @ivar draft: of the transaction in hand; None: there is none.
    @ivar operations: how much waits in transactions that are no longer in hand; C{size}: and what it costs, bytes.
    @ivar over: nothing is said again any more.
    """

    journal: Journal

    def __init__(
        self,
        path: str,
        later: Callable[[], object],
        forget: Callable[[int, Outbound], object],
        wake: Callable[[], object],
    ) -> None:
        """
        @param later: sees to it that what is in hand is flushed at the end of the turn.
        @param forget: told each publish that was new in a transaction that failed, with its number.
        @param wake: called before tickets are settled.
        """
        self.draft: Draft | None = None
        self.operations = 0
        self.size = 0
        self.over = False
        self._path = path
        self._later = later
        self._forget = forget
        self._wake = wake
        self._undecided: dict[Batch, None] = {}
        self._lost: list[Batch] = []

    def begin(self) -> Draft:
        """
        A transaction in hand.

        @raise StoreError: the store is closed.
        """
        draft: Draft = self.journal.hand().draft
        return draft

    def firm(self) -> Ticket:
        """
        What a step waits for that is said again until it is on disk.
        """
        draft = self.draft or self.begin()
        if not draft.firm:
            draft.firm.append(Ticket())
        return draft.firm[0]

    def firm_pending(self) -> Ticket | None:
        """
        What decides about all steps that were said so far; None when they are on disk.
        """
        return self.firm() if self._undecided else None

    def unsure(self, home: int) -> Ticket | None:
        """
        What decides whether a publish is on disk; None when it is.
        """
        for batch in self._undecided:
            if home in batch.draft.fresh:
                return batch.ticket
        return None

    def waiting(self) -> tuple[int, int]:
        """
        How many steps wait for the disk, and how many bytes are in them.
        """
        batches = list(self._undecided)
        return sum(batch.operations for batch in batches), sum(batch.size for batch in batches)

    # What the journal says

    def taken_up(self) -> None:
        """
        See C{shapes.Owner}.
        """
        batch = self.journal.hand()
        self.draft = batch.draft
        if batch not in self._undecided:
            self._undecided[batch] = None
            batch.ticket.wait(Caller(partial(self._decided, batch)))
        self._measure()
        self._later()

    def handed_over(self) -> None:
        """
        See C{shapes.Owner}.
        """
        self.draft = None

    def _measure(self) -> None:
        behind = [batch for batch in self._undecided if batch.draft is not self.draft]
        self.operations = sum(batch.operations for batch in behind)
        self.size = sum(batch.size for batch in behind)

    def _decided(self, batch: Batch, reason: int) -> None:
        self._undecided.pop(batch, None)
        self._measure()
        if reason < reasons.FAILURE or self.over:
            for ticket in batch.draft.firm:
                ticket.settle(reason)

    def settling(self) -> None:
        """
        See C{shapes.Owner}.
        """
        self._wake()

    def settled(self) -> None:
        """
        See C{shapes.Owner}.
        """
        if self._lost:
            lost, self._lost = self._lost, []
            if not self.over:
                self._say_again(lost)

    def lost(self, batches: Sequence[Batch]) -> None:
        """
        See C{shapes.Owner}: what was new is not promised.
        """
        self._lost = list(batches)
        for batch in batches:
            draft: Draft = batch.draft
            for home, item in draft.fresh.items():
                self._forget(home, item)

    def _say_again(self, lost: list[Batch]) -> None:
        """
        All but what was new, unless more has been said since.
        """
        now = self.draft or self.begin()
        drafts: list[Draft] = [batch.draft for batch in lost]
        for draft in drafts:
            now.firm.extend(draft.firm)
            now.operations += len(draft.gone) + len(draft.flights)
        over = {home for draft in drafts for home in (*draft.fresh, *draft.gone)} | {*now.gone}
        over.update(key for batch in lost for table, key in batch.culprits if table in (PROMISE, FLIGHT))
        for draft in drafts:
            now.gone.update(draft.gone)
        for draft in reversed(drafts):
            for home, flight in draft.flights.items():
                if home not in over:
                    now.flights.setdefault(home, flight)
        # Rows that were to go may be there, so that none of their keys is new.
        for table in (RECEIVED, OUTCOME, NOTE):
            for words in self.journal.hand().words(table):
                words.fresh.clear()
        self.journal.retry(lost, RECEIVED, OUTCOME, NOTE)

    def troubled(self, why: str) -> None:
        """
        See C{shapes.Owner}.
        """
        _log.critical("nothing more can be stored: {why}; publishes are refused", why=why)

    def recovered(self) -> None:
        """
        See C{shapes.Owner}.
        """
        _log.info("{path} can be written again", path=self._path)
