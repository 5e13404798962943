"""
The reactor's half of writing SQLite: owners change rows in memory, and are told when the disk has them.

C{put} and C{drop} change the batch in hand; everybody whose work is in it waits for its one ticket; C{flush} at the end
of a turn lets the writer have it. While one batch is committed the next one grows: nothing is delayed on purpose, and a
batch is as large as the disk is slow.

A batch is written whole or not at all, and only the commit decides. When one fails, all that is not yet committed fails
with it, since it may build on it: the owner hears C{lost} first and puts its books back to what is on disk, then the
tickets are settled, as failed. Nothing more is written until then.

  - The disk fails (full, I/O error): C{healthy} is False, and C{working} and C{accepting} with it, until a probe
    succeeds, tried every second. What owners change meanwhile grows in a batch that waits. A batch whose COMMIT failed
    is neither kept nor lost until the file could be opened again and says which.
  - A row can't be written at all (a value that SQLite does not take, a broken constraint): the batch is lost and names
    its C{culprits}; C{retry} leaves them out. The journal stays healthy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.errors import StoreError, explain
from txmqtt.backends.sqlite.lingering import Lingering
from txmqtt.backends.sqlite.reader import Reader
from txmqtt.backends.sqlite.saying import Saying
from txmqtt.backends.sqlite.shapes import Figures, Limits, Owner
from txmqtt.backends.sqlite.tables import Schema
from txmqtt.backends.sqlite.worker import Slot, ThreadWorker, Worker
from txmqtt.backends.sqlite.writer import DOUBTFUL, POISONED, WRITTEN, Outcome, Writer
from txmqtt.codec import reasons
from txmqtt.session.tickets import Ticket

#: Seconds until a journal with nothing to do tidies its log.
IDLE: Final = 5.0


class Journal(Saying):
    """
    One file and all that is on its way into it.

    @ivar healthy: the last that was heard of the disk was good.
    @ivar working: and what waits for it is within the limits: new work may be begun.
    @ivar accepting: and the disk is not far behind: so may new work of which there is very much.
    @ivar figures: what happened so far.
    @ivar store: the identifier of the file, once open.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        reactor: Any,
        owner: Owner,
        durability: str = "full",
        limits: Limits | None = None,
        seconds: Callable[[], float] = monotonic,
        workers: Callable[[str], Worker] = ThreadWorker,
        connect: files.Connect = files.connect,
    ) -> None:
        """
        Nothing is opened and nothing started here: whoever makes a journal may yet fork.

        @param durability: C{full}, C{normal} or C{off}.
        @param seconds: a clock that never jumps.
        @param workers: makes what the writing and the reading run on.
        """
        if durability not in files.DURABILITY:
            raise ValueError(f"durability is {durability!r}; expected one of {', '.join(files.DURABILITY)}")
        super().__init__()
        self.path = path
        self.healthy = True
        self.working = True
        self.accepting = True
        self.figures = Figures()
        self.store = ""
        self._reactor = reactor
        self._owner = owner
        self.limits = limits or Limits()
        self._seconds = seconds
        self._workers = workers
        self._worker = workers("txmqtt writer")
        self._reads = workers("txmqtt reader")
        self._writer = Writer(path, schema, durability, seconds, self.limits.wal, connect)
        self._reader = Reader(path, self._reads, reactor, workers, connect)
        self._slot = Slot()
        self._schema = schema
        self._lingering = Lingering(reactor, seconds, self.limits.linger, self._let_go)
        self._waiting: deque[Batch] = deque()  # offered to the writer, and undecided
        self._doubt: Batch | None = None
        self._alarmed = False  # the owner was told of trouble, and not yet that it is over
        self._alarm: Any = None  # the next probe, or the tidying of an idle journal
        self._opened = False
        self._over = False
        self._closing: Deferred[None] | None = None
        # What is read without writing, the reader does.
        self.read = self._reader.read
        self.pages = self._reader.pages
        self.rows = self._reader.rows
        self.backup = self._reader.backup
        self.check = self._reader.check

    def open(self) -> None:
        """
        Open the file, after the fork: what is wrong with it is known at once. Blocks.

        @raise StoreError: one line that says why not.
        """
        self._writer.open()
        self._opened = True
        self.store = self._writer.store

    # Tickets

    def ticket(self) -> Ticket:
        """
        What everybody waits for whose work is in the batch in hand.
        """
        return (self._batch or self._begin()).ticket

    def pending(self) -> Ticket | None:
        """
        What decides about all that has been said so far; None when all of it is on disk.
        """
        if self._batch is not None:
            return self._batch.ticket
        return self._waiting[-1].ticket if self._waiting else None

    def flush(self) -> None:
        """
        The turn ends: the writer may have what was changed.
        """
        batch = self._batch
        if batch is None or not self.healthy or not self._opened:
            return
        if batch.empty and not self._waiting:  # all of it came and went: nobody needs the disk
            self._put_down()
            self._settle([batch], reasons.SUCCESS)
        elif not self._lingering.keeps(batch):
            self._offer(batch)

    def _offer(self, batch: Batch) -> None:
        self._put_down()
        self._waiting.append(batch)
        self._judge()
        if not self.accepting and not self._alarmed:
            self._alarmed = True
            self._owner.troubled(f"{self.path} is {self.oldest(self._seconds()):.1f} s behind: the disk is too slow")
        if self._slot.offer(batch):
            self._worker.do(self._write)

    def _put_down(self) -> None:
        """
        There is no batch in our hands any more.
        """
        self._batch = None
        self._lingering.stop()
        self._owner.handed_over()

    def _let_go(self) -> None:
        """
        The batch in hand no longer grows.
        """
        batch = self._batch
        if batch is not None and self.healthy and self._opened:
            self._offer(batch)

    def _begin(self) -> Batch:
        """
        The batch that nobody has taken yet, or a new one.
        """
        if self._over:
            raise StoreError(f"{self.path} is closed: nothing can be written any more")
        batch = self._slot.withdraw()
        if batch is not None:
            self._waiting.pop()
        else:
            batch = Batch(self._seconds(), self._schema)
        self._batch = batch
        self._owner.taken_up()
        self._judge()  # it may have been long since anything was said
        return batch

    # How far the disk is behind

    def _judge(self) -> None:
        """
        Whether the disk works and is not too far behind, looked at whenever that may have changed.
        """
        operations, size = 0, 0
        for each in (*self._waiting, self._batch):
            if each is not None:
                operations += each.operations
                size += each.size
        limits = self.limits
        self.working = self.healthy and operations < limits.operations and size < limits.size
        self.accepting = self.working and self.oldest(self._seconds()) <= limits.age

    def oldest(self, now: float) -> float:
        """
        Seconds since the oldest operation that is not committed, 0 where there is none.
        """
        return max((now - each.since for each in (*self._waiting, self._batch) if each is not None), default=0.0)

    def topics(self) -> list[tuple[str, str]]:
        """
        What is counted, and how far the disk is behind, each with its topic below C{$SYS/broker/}.
        """
        data, log = files.size(self.path), files.size(self.path + "-wal")
        return self.figures.topics(self.oldest(self._seconds()), data, log)

    # The writer's thread

    def _write(self) -> None:
        while (batch := self._slot.take()) is not None:
            outcome = self._writer.write(batch)
            self._reactor.callFromThread(self._decided, outcome)
            if outcome.fate != WRITTEN:
                return  # and nothing is taken until the owner's books are right again
            if self._writer.log_is_long:
                self._tidy()

    def _tidy(self) -> None:
        self._writer.tidy(self.figures)

    def _mend(self) -> None:
        number: int | None = None
        try:
            number = self._writer.reopen()
            self._writer.confirm()
        except Exception:
            self._reactor.callFromThread(self._still, number)
        else:
            self._reactor.callFromThread(self._mended, number)

    # What became of a batch

    def _decided(self, outcome: Outcome) -> None:
        batch = outcome.batch
        if outcome.fate == WRITTEN:
            self._waiting.popleft()
            if outcome.rows:
                self.figures.count(outcome.rows, outcome.seconds, self._seconds() - batch.since)
            self._settle([batch], reasons.SUCCESS)
            self._calm()
            if self._alarm is None and self.healthy:
                self._alarm_in(IDLE, self._idle)
            return
        self.figures.failures += 1
        self._recall()
        self._slot.free()
        if outcome.fate == POISONED:
            self._fail(reasons.IMPLEMENTATION_SPECIFIC_ERROR)
            return
        if outcome.fate == DOUBTFUL:
            self._doubt = batch
        self.healthy = self.working = self.accepting = False
        if not self._alarmed:
            self._alarmed = True
            assert outcome.error is not None
            self._owner.troubled(str(explain(outcome.error, self.path)))
        if self._doubt is None:
            self._fail(reasons.QUOTA_EXCEEDED)
            self._alarm_in(self.limits.probe, self._try_again)
        else:
            self._try_again()

    def _recall(self) -> None:
        """
        The writer has stopped: what lies in the slot is ours again.
        """
        batch = self._slot.withdraw()
        if batch is not None:
            self._waiting.pop()
            self._batch = batch
            self._owner.taken_up()

    def _fail(self, reason: int) -> None:
        """
        All that is not committed fails.
        """
        batches = list(self._waiting)
        self._waiting.clear()
        if self._batch is not None:
            batches.append(self._batch)
            self._put_down()
        self._doubt = None
        self._owner.lost(batches)
        self._settle(batches, reason)

    def _settle(self, batches: Iterable[Batch], reason: int) -> None:
        self._owner.settling()
        for batch in batches:
            batch.ticket.settle(reason)
        self._judge()
        self._owner.settled()
        self.flush()

    def _try_again(self) -> None:
        """
        Open the file again, the reader's connection too, so that what is found is what a restart would find.
        """
        if self._closing is None:
            self._hush()
            self._reader.close().addCallback(lambda _: self._worker.do(self._mend))

    def _still(self, number: int | None) -> None:
        if self._doubt is not None and number is not None and number < self._doubt.number:
            self._fail(reasons.QUOTA_EXCEEDED)
        self._alarm_in(self.limits.probe, self._try_again)

    def _mended(self, number: int) -> None:
        if self._doubt is None:
            self.healthy = True
            self._judge()
            self.flush()
            self._calm()
        elif number < self._doubt.number:
            self._still(number)
        else:
            self._doubt = None
            self._settle([self._waiting.popleft()], reasons.SUCCESS)
            # It is known what was; whether more goes well is another question.
            self._alarm_in(self.limits.probe, self._try_again)

    def _calm(self) -> None:
        """
        The trouble is over when the disk took what there was to write.
        """
        if self._alarmed and self.healthy and not self._waiting:
            self._alarmed = False
            self._owner.recovered()

    def _alarm_in(self, delay: float, call: Callable[[], None]) -> None:
        self._hush()
        if self._closing is None:
            self._alarm = self._reactor.callLater(delay, call)

    def _hush(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None and alarm.active():
            alarm.cancel()

    def _idle(self) -> None:
        self._alarm = None
        if not self._waiting and self.healthy:
            self._worker.do(self._tidy)

    # The end

    def close(self) -> Deferred[None]:
        """
        Write what is in hand, bring the log in, and let go of the file. What the disk does not take is lost, and its
        owner hears of it.
        """
        if not self._opened:
            self._over = True
            return succeed(None)
        if self._batch is not None and self.healthy:
            self._offer(self._batch)
        self._hush()
        self._opened = False
        self._closing = Deferred()
        self._reader.finish().addCallback(lambda _: self._worker.do(self._shut))
        return self._closing

    def abandon(self) -> None:
        """
        Let go of the file as it is, before anything was written. Blocks.
        """
        self._opened, self._over = False, True
        self._writer.abandon()

    def _shut(self) -> None:
        self._writer.close()
        self._reactor.callFromThread(self._closed)

    def _closed(self) -> None:
        self._recall()
        if self._waiting or self._batch is not None:
            self._fail(reasons.QUOTA_EXCEEDED)
        self._over = True
        last = self._batch
        self._put_down()
        if last is not None:  # said while the others were told that they are lost
            last.ticket.settle(reasons.QUOTA_EXCEEDED)
        self._worker.stop()
        self._reads.stop()
        assert self._closing is not None
        self._closing.callback(None)
