"""
The client's store: publishes, subscriptions and the steps of QoS 2, on disk before anybody relies on them.

Each step is recorded in memory at once and goes to disk with the next transaction, which all steps share that come
while the one before it is written. A step's ticket is settled when the disk has it, in the reactor's thread.

C{queued}, C{wished} and C{unwished} fail when their transaction does, and at once (QUOTA_EXCEEDED) while the disk does
not work or too much waits for it; nothing of them is kept then, nor of the C{sending} of a publish that was not on disk
yet. All other steps wait until the disk works again: they fail only when the store is closed before.

What is queued while the store is not open is kept as soon as it is, unless a publish of a former life has its key.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from txmqtt.backends.client.draft import AT_HOME, Flight
from txmqtt.backends.client.opening import ClientFile
from txmqtt.backends.client.outcomes import Outcomes
from txmqtt.backends.client.remembering import Memory
from txmqtt.backends.client.schema import CLIENT_ID, NOTE, RECEIVED, WISH, wish_row
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.worker import ThreadWorker, Worker
from txmqtt.codec import reasons
from txmqtt.session.keeping import Wish
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, FULL, Caller, Ticket, decided

#: How much may wait for the disk: steps, and bytes of messages.
OPERATIONS: Final = 100_000
SIZE: Final = 64 << 20
#: Of so many publishes with a key it is known how they ended, and for so long, seconds.
OUTCOMES: Final = 10_000
OUTCOME_AGE: Final = 7 * 86_400.0

#: Nothing is kept any more.
_CLOSED: Final = decided(reasons.IMPLEMENTATION_SPECIFIC_ERROR)


class ClientStore(ClientFile):
    """
    See C{txmqtt.session.keeping.Keeper}. One file keeps one session, for one client of one program at a time.

    @ivar refused: how many publishes and subscriptions were refused because the disk failed or too much waited for it.
    @ivar outcomes: how publishes with a key ended.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        reactor: Any,
        durability: str = "full",
        outcomes: int = OUTCOMES,
        outcome_age: float = OUTCOME_AGE,
        operations: int = OPERATIONS,
        size: int = SIZE,
        seconds: Callable[[], float] = monotonic,
        workers: Callable[[str], Worker] = ThreadWorker,
        connect: files.Connect = files.connect,
    ) -> None:
        """
        @param operations: how many steps may wait for the disk when another publish is accepted.
        @param size: and how many bytes of messages.
        @param outcomes: so many publishes with a key that ended are remembered until the application asks.
        @param outcome_age: and for so long, seconds.
        """
        self.refused = 0
        self._operations = operations
        self._size = size
        self._most_outcomes = outcomes
        self._outcome_age = outcome_age
        self._early: dict[int, tuple[Outbound, str, Ticket]] = {}  # queued while it was not open, by numbers below 0
        self._early_size = 0
        self._earliest = 0
        super().__init__(path, reactor, durability, seconds, workers, connect)

    def _make(self) -> None:
        super()._make()
        self.outcomes = Outcomes(self.journal, self._most_outcomes, self._outcome_age)
        self._home = 0
        self._mark = 0
        self._keys: dict[int, str] = {}  # of promises that have one
        self._flown: dict[int, Flight] = {}  # what has left and is not done with
        self._received: dict[int, None] = {}

    def _remembered(self, memory: Memory) -> None:
        found = memory.found
        self._home = memory.home
        self._mark = memory.mark
        for promise in found.promises:
            if promise.key:
                self._keys[promise.home] = promise.key
            if promise.packet_id:
                self._flown[promise.home] = (promise.packet_id, 0, int(promise.released))
        self._received = dict.fromkeys(found.received)
        for key, at in memory.ended:
            self.outcomes.recovered(key, at)
        self.outcomes.tidy(self._reactor.seconds())
        found.outcomes = [outcome for outcome in found.outcomes if outcome.key in self.outcomes]
        known = {*self._keys.values(), *(outcome.key for outcome in found.outcomes)}
        for item, key, ticket in self._take_early():
            item.home = 0
            kept = self.queued(item, key) if key not in known else self._refuse(item)
            if kept.done:
                ticket.settle(kept.reason)
            else:
                kept.wait(Caller(ticket.settle))

    def _unopened(self) -> None:
        for item, _, ticket in self._take_early():
            item.home = 0
            ticket.settle(reasons.IMPLEMENTATION_SPECIFIC_ERROR)

    def _take_early(self) -> list[tuple[Outbound, str, Ticket]]:
        early, self._early, self._early_size = list(self._early.values()), {}, 0
        return early

    def named(self, client_id: str) -> None:
        """
        See C{Keeper.named}.
        """
        if self._kept():
            self.journal.put(NOTE, (CLIENT_ID, client_id))

    # What is published

    def queued(self, item: Outbound, key: str) -> Ticket:
        """
        See C{Keeper.queued}. Said again, it answers for the first time.
        """
        if item.home:
            return self._early[item.home][2] if item.home < 0 else self.books.unsure(item.home) or DONE
        if not self.opened:
            return self._queued_early(item, key)
        books = self.books
        draft = books.draft or books.begin()
        if (
            not self.journal.healthy
            or books.operations + draft.operations >= self._operations
            or books.size + draft.size >= self._size
        ):
            return self._refuse(item)
        self._home = home = self._home + 1
        item.home = home
        draft.operations += 1
        draft.size += item.message.size
        draft.fresh[home] = item
        if key:
            draft.keys[home] = self._keys[home] = key
            self.outcomes.drop(key)
        return draft.ticket

    def _queued_early(self, item: Outbound, key: str) -> Ticket:
        if len(self._early) >= self._operations or self._early_size >= self._size:
            return self._refuse(item)
        self._earliest -= 1
        item.home = self._earliest
        self._early_size += item.message.size
        ticket = Ticket()
        self._early[item.home] = (item, key, ticket)
        return ticket

    def _refuse(self, item: Outbound) -> Ticket:
        item.home = 0
        self.refused += 1
        return FULL

    def sending(self, item: Outbound) -> Ticket:
        """
        See C{Keeper.sending}. Said again, it answers for the first time. It fails where C{queued} does.
        """
        return self._fly(item, 0)

    def released(self, item: Outbound) -> Ticket:
        """
        See C{Keeper.released}. Said again, it answers for the first time.
        """
        return self._fly(item, 1)

    def _fly(self, item: Outbound, released: int) -> Ticket:
        if not self._kept():
            return _CLOSED
        home = item.home
        if home <= 0:
            return DONE
        books = self.books
        known = self._flown.get(home)
        if known is not None and known[0] == item.packet_id and known[2] >= released:
            if books.unsure(home):
                return (books.draft or books.begin()).ticket
            return books.firm_pending() or DONE
        self._mark += 1
        flight = self._flown[home] = (item.packet_id, self._mark, released)
        draft = books.draft or books.begin()
        draft.fly(home, flight)
        return draft.ticket if books.unsure(home) else books.firm()

    def settled(self, item: Outbound, reason: int, words: str) -> None:
        """
        See C{Keeper.settled}.
        """
        home, item.home = item.home, 0
        if home < 0:
            _, _, ticket = self._early.pop(home)
            self._early_size -= item.message.size
            ticket.settle(reasons.SUCCESS)
        if home <= 0 or not self._kept():
            return
        books = self.books
        (books.draft or books.begin()).settle(home)
        self._flown.pop(home, None)
        key = self._keys.pop(home, "")
        if key:
            self.outcomes.put(key, reason, words, self._reactor.seconds())

    def told(self, key: str) -> None:
        """
        See C{Keeper.told}.
        """
        if self._kept():
            self.outcomes.drop(key)

    def _taken_back(self, home: int, item: Outbound) -> None:
        item.home = 0
        self._keys.pop(home, None)
        self._flown.pop(home, None)

    # What is received

    def received(self, packet_id: int) -> Ticket:
        """
        See C{Keeper.received}. Said again, it answers for the first time.
        """
        if not self._kept():
            return _CLOSED
        if packet_id in self._received:
            return self.books.firm_pending() or DONE
        self._received[packet_id] = None
        self.journal.put(RECEIVED, (packet_id,))
        return self.books.firm()

    def finished(self, packet_id: int) -> Ticket:
        """
        See C{Keeper.finished}.
        """
        if not self._kept():
            return _CLOSED
        if packet_id not in self._received:
            return self.books.firm_pending() or DONE
        del self._received[packet_id]
        self.journal.drop(RECEIVED, packet_id)
        return self.books.firm()

    # What is subscribed to

    def wished(self, wishes: list[Wish]) -> Ticket:
        """
        See C{Keeper.wished}.
        """
        if not self._kept():
            return _CLOSED
        if not self._room():
            return FULL
        for wish in wishes:
            self.journal.put(WISH, wish_row(wish), len(wish.subscription.filter))
        return self.journal.ticket()

    def unwished(self, filters: list[bytes]) -> Ticket:
        """
        See C{Keeper.unwished}.
        """
        if not self._kept():
            return _CLOSED
        if not self._room():
            return FULL
        for filter in filters:
            self.journal.drop(WISH, filter)
        return self.journal.ticket()

    def _room(self) -> bool:
        if self.journal.healthy and self.books.waiting()[0] < self._operations:
            return True
        self.refused += 1
        return False

    # The session

    def lost(self) -> None:
        """
        See C{Keeper.lost}.
        """
        if not self._kept():
            return
        books = self.books
        for home, flight in list(self._flown.items()):
            if not flight[2]:
                del self._flown[home]
                (books.draft or books.begin()).fly(home, AT_HOME)
        for packet_id in self._received:
            self.journal.drop(RECEIVED, packet_id)
        self._received.clear()
