"""
The backend that keeps everything on disk: the embedded queues with a journal.

What the broker asks is done in memory at once and recorded in the batch in hand; its ticket is what an acknowledgement
waits for. When a batch can't be written the books go back to what is on disk: what was new in it is taken back, what
nobody waited for is said again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.ledger import SqliteLedger
from txmqtt.backends.sqlite.notes import Notes
from txmqtt.backends.sqlite.opening import Opening
from txmqtt.backends.sqlite.recovery import recover
from txmqtt.backends.sqlite.retained import SqliteRetained
from txmqtt.backends.sqlite.schema import (
    INBOUND,
    NOTE,
    SCHEMA,
    SESSION,
    SUBSCRIPTION,
    TOTALS,
    WILL,
    subscription_row,
)
from txmqtt.backends.sqlite.shapes import Limits
from txmqtt.backends.sqlite.worker import ThreadWorker, Worker
from txmqtt.broker.filters import Grant
from txmqtt.broker.owed import Owed
from txmqtt.broker.piles import Holding
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import (
    RELEASED_IN,
    SENT,
    UNAVAILABLE,
    UNRETAINED,
    Claim,
    Hall,
    Lease,
    Owner,
    Reader,
    Survivor,
)
from txmqtt.broker.shelves import Shelves
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, Caller, Ticket
from txmqtt.session.turn import Turn

_log = Logger()


class SqliteBackend:
    """
    See C{txmqtt.broker.shapes.Backend}. It is opened with C{start}, after the fork.

    @ivar journal: the file, and what is on its way there.
    """

    lasting = True

    def __init__(
        self,
        policy: Policy,
        stats: Stats,
        turn: Turn,
        path: str,
        reactor: Any,
        durability: str = "full",
        seconds: Callable[[], float] = monotonic,
        workers: Callable[[str], Worker] = ThreadWorker,
        connect: files.Connect = files.connect,
        linger: float = 0.025,
    ) -> None:
        """
        @param path: the database file; it is made when it is not there.
        @param durability: C{full}, C{normal} or C{off}.
        @param seconds: a clock that never jumps.
        @param workers: makes what the writing and the reading run on.
        @param linger: how long a batch is kept back while it grows, seconds.
        """
        self._stats, self._turn, self._seconds = stats, turn, seconds
        limits = Limits(linger=linger).within(policy.store_delay, policy.store_operations, policy.store_bytes)
        self.journal = Journal(path, SCHEMA, reactor, self, durability, limits, seconds, workers, connect)
        self._ledger = SqliteLedger(policy, turn, self.journal, self.begin_turn)
        self._owed = self._ledger.owed_by = Owed(policy, stats, turn, self._ledger)
        self._shelves = Shelves(policy, stats)
        self._retained = SqliteRetained(self._shelves, self.journal)
        self._lost: list[Batch] = []
        self._hall: Hall | None = None
        self._notes = Notes(self.journal)
        # The queues answer for themselves, and so do the notes.
        self.room = self._owed.room
        self.want = self._owed.want
        self.settle = self._owed.settle
        self.recall = self._owed.recall
        self.discard = self._owed.discard
        self.note = self._notes.put
        self.noted = self._notes.find
        self.figures = self.journal.topics

    def attach(self, hall: Hall) -> None:
        """
        See C{Backend.attach}.
        """
        self._hall = hall
        self._owed.attach(hall)

    # Start and stop

    def start(self) -> None:
        """
        Open the file. Blocks.

        @raise StoreError: one line that says why it can't be.
        """
        self.journal.open()

    def survivors(self) -> list[Survivor]:
        """
        See C{Backend.survivors}. Blocks.

        @raise StoreError: the file can't be read.
        """
        found, notes = recover(self.journal, self._owed, self._ledger, self._shelves)
        self._notes.recovered(notes)
        self._stats.resume(self._turn, notes.get(TOTALS, {}))
        return found

    def revived(self, lease: Lease, grants: list[Grant]) -> None:
        """
        See C{Backend.revived}.
        """
        self._owed.joined(lease, grants)

    def recovered_all(self) -> None:
        """
        All survivors are revived: what belongs to none of them goes.
        """
        self._ledger.forsake()
        self.journal.flush()

    def stop(self) -> Deferred[None]:
        """
        Write what is left, and let go of the file.
        """
        self._note_totals()
        return self.journal.close()

    def abandon(self) -> None:
        """
        Let go of a file that could not be brought back, as it is.
        """
        self.journal.abandon()

    # Sessions

    def open(self, claim: Claim, owner: Owner) -> None:
        """
        See C{Backend.open}.
        """
        before = self._owed.find(claim.key)
        # A session that lasts, or that ended one which did. The will of any other is recorded, but nobody waits for it.
        waits = claim.expiry > 0 or (before is not None and before.number > 0 and before.durable)
        if waits and not self.journal.working:
            owner.refused(reasons.SERVER_UNAVAILABLE, "nothing can be stored at the moment")
            return
        held = self._owed.claim(claim, owner)
        if held is None:
            return
        opening = Opening(self._owed, self._ledger, held, owner)
        held.expiry = claim.expiry
        held.parked_at = 0.0
        if held.durable or claim.will is not None:
            if not held.number:
                held.number = self._owed.next_ref()
                self._ledger.know(held)
            self.journal.say(SESSION, held.number, held)
        if claim.will is not None or held.will is not None:
            held.will = claim.will
            held.will_due = 0.0
            self.journal.say(WILL, held.number, held)
        if waits:
            self.journal.ticket().wait(Caller(opening.decided))
        else:
            opening.decided(reasons.SUCCESS)

    def close(self, lease: Lease, expiry: int) -> None:
        """
        See C{Backend.close}.
        """
        assert isinstance(lease, Holding)
        if lease.owner is None:
            return
        if lease.number and lease.durable and expiry:
            lease.expiry = expiry
            lease.parked_at = self._turn.wall
            self.journal.say(SESSION, lease.number, lease)
        self._owed.close(lease, expiry)

    def will(self, lease: Lease, due: float) -> None:
        """
        See C{Backend.will}.
        """
        assert isinstance(lease, Holding)
        if lease.will is None or lease.over:
            return
        if not due:
            lease.will = None
        lease.will_due = due
        self.journal.say(WILL, lease.number, lease)

    def subscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        """
        See C{Backend.subscribe}.
        """
        if not lease.durable:
            self._owed.joined(lease, grants)
            return DONE
        if not self.journal.working:
            return UNAVAILABLE
        assert isinstance(lease, Holding)
        for grant in grants:
            self.journal.put(SUBSCRIPTION, subscription_row(lease.number, grant))
        return self._when_kept(lease, grants, self._owed.joined)

    def unsubscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        """
        See C{Backend.unsubscribe}.
        """
        if not lease.durable:
            self._owed.parted(lease, grants)
            return DONE
        if not self.journal.working:
            return UNAVAILABLE
        assert isinstance(lease, Holding)
        for grant in grants:
            self.journal.drop(SUBSCRIPTION, (lease.number, grant.filter))
        return self._when_kept(lease, grants, self._owed.parted)

    def _when_kept(self, lease: Holding, grants: list[Grant], call: Callable[[Lease, list[Grant]], None]) -> Ticket:
        """
        Membership in groups changes when the ticket is done.
        """
        ticket = self.journal.ticket()
        shared = [grant for grant in grants if grant.group is not None]
        if shared:

            def decided(reason: int) -> None:
                if reason < reasons.FAILURE and not lease.over:
                    call(lease, shared)

            ticket.wait(Caller(decided))
        return ticket

    # Messages

    def publish(self, message: Message, route: Route, lease: Lease | None, packet_id: int) -> Ticket:
        """
        See C{Backend.publish}.
        """
        journal = self.journal
        qos = message.qos
        if qos:
            if not journal.accepting:
                return UNAVAILABLE
            if qos == 1 and not message.retain:
                return self._owed.publish(message, route)
        if message.retain and not self._retained.put(message, route) and qos:
            return UNRETAINED
        if not qos:
            return DONE
        verdict = self._owed.publish(message, route)
        if verdict.reason and verdict.done:
            return verdict
        if lease is not None and packet_id:
            assert isinstance(lease, Holding)
            journal.put(INBOUND, (lease.number, packet_id))
        return journal.ticket()

    def remember(self, lease: Lease, fact: int, packet_id: int, item: Outbound | None) -> Ticket:
        """
        See C{Backend.remember}.
        """
        if fact == RELEASED_IN:
            assert isinstance(lease, Holding)
            self.journal.drop(INBOUND, (lease.number, packet_id))
            return self.journal.ticket()
        assert item is not None
        return self._owed.sending(lease, item) if fact == SENT else self._owed.released(lease, item)

    def find(self, mount: str, filter: bytes, reader: Reader) -> None:
        """
        See C{Backend.find}: it is all in memory.
        """
        self._shelves.find(mount, filter, self._turn, reader)

    def change_policy(self, policy: Policy) -> None:
        """
        See C{Backend.change_policy}.
        """
        self._owed.policy = self._ledger.policy = self._shelves.policy = policy
        self.journal.limits.within(policy.store_delay, policy.store_operations, policy.store_bytes)

    # Time

    def sweep(self, wall: float) -> None:
        """
        See C{Backend.sweep}.
        """
        assert self._hall is not None
        expired = self._retained.expire(wall)
        if expired:
            self._hall.dropped(expired, reasons.IMPLEMENTATION_SPECIFIC_ERROR)
        self._ledger.purge_all()
        self._owed.go_on()  # a queue that could not be read is read again, though nothing be written meanwhile
        self._note_totals()

    def _note_totals(self) -> None:
        self.note(TOTALS, self._stats.totals(self._turn))

    # What the journal says

    def begin_turn(self) -> None:
        """
        A thread has answered.
        """
        self._turn.now = self._seconds()

    def taken_up(self) -> None:
        """
        See C{shapes.Owner}: turns in which nothing is to be stored know nothing of the store.
        """
        self._turn.closing = self.journal.flush

    def handed_over(self) -> None:
        """
        See C{shapes.Owner}.
        """
        self._turn.closing = None
        self._owed.draft = None

    def settling(self) -> None:
        """
        See C{shapes.Owner}.
        """
        self.begin_turn()

    def settled(self) -> None:
        """
        See C{shapes.Owner}.
        """
        if self._lost:
            lost, self._lost = self._lost, []
            self._ledger.say_again(lost)
            self._retained.say_again(lost)
            self.journal.retry(lost, NOTE)
        self._retained.settled()
        self._owed.go_on()
        self._turn.flush()

    def lost(self, batches: Sequence[Batch]) -> None:
        """
        See C{shapes.Owner}.
        """
        self._retained.lost(batches)
        self._ledger.lost(batches)
        self._lost = list(batches)

    def troubled(self, why: str) -> None:
        """
        See C{shapes.Owner}.
        """
        _log.critical("nothing more can be stored: {why}; QoS 1 and 2 are refused, QoS 0 goes on", why=why)
        assert self._hall is not None
        self._hall.troubled(why)
        self._turn.flush()

    def recovered(self) -> None:
        """
        See C{shapes.Owner}.
        """
        _log.info("{path} can be written again", path=self.journal.path)
        assert self._hall is not None
        self._hall.recovered()
        self._turn.flush()
