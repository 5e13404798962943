"""
The reactor's half of writing SQLite: owners change rows in memory, and are told when the disk has them.

C{put} and C{drop} change the batch in hand; everybody whose work is in it waits for its one ticket; C{flush} at the end
of a turn lets the writer have it. While one batch is committed the next one grows: nothing is delayed on purpose, and a
batch is as large as the disk is slow.

A batch is written whole or not at all, and only the commit decides. When one fails, all that is not yet committed fails
with it, since it may build on it: the owner hears C{lost} first and puts its books back to what is on disk, then the
tickets are settled, as failed. Nothing more is written until then.

  - The disk fails (full, I/O error): C{healthy} is False and C{accepting} says no until a probe succeeds, tried every
    second. What owners change meanwhile grows in a batch that waits. A batch whose COMMIT failed is neither kept nor
    lost until the file could be opened again and says which.
  - A row can't be written at all (a value that SQLite does not take, a broken constraint): the batch is lost and names
    its C{culprits}; C{retry} leaves them out. The journal stays healthy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred, succeed

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.errors import StoreError, explain
from txmqtt.backends.sqlite.reader import Reader, in_thread
from txmqtt.backends.sqlite.shapes import Figures, Limits, Owner
from txmqtt.backends.sqlite.tables import Key, Row, Schema, Table, Value
from txmqtt.backends.sqlite.worker import Slot, ThreadWorker, Worker
from txmqtt.backends.sqlite.writer import DOUBTFUL, POISONED, WRITTEN, Outcome, Writer
from txmqtt.codec import reasons
from txmqtt.session.tickets import Ticket

T = TypeVar("T")

#: Seconds between two tries while the disk fails, and until a journal with nothing to do tidies its log.
PROBE: Final = 1.0
IDLE: Final = 5.0


class Journal:
    """
    One file and all that is on its way into it.

    @ivar healthy: the last that was heard of the disk was good.
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
        self.path = path
        self.healthy = True
        self.figures = Figures()
        self.store = ""
        self._reactor = reactor
        self._owner = owner
        self._limits = limits or Limits()
        self._seconds = seconds
        self._workers = workers
        self._worker = workers("txmqtt writer")
        self._reads = workers("txmqtt reader")
        self._writer = Writer(path, schema, durability, seconds, self._limits.wal, connect)
        self._reader = Reader(path, self._reads, reactor, connect)
        self._slot = Slot()
        self._batch: Batch | None = None  # in our hands: it grows, or waits for the disk to recover
        self._waiting: deque[Batch] = deque()  # offered to the writer, and undecided
        self._doubt: Batch | None = None
        self._alarm: Any = None  # the next probe, or the tidying of an idle journal
        self._opened = False
        self._over = False
        self._closing: Deferred[None] | None = None
        self.read = self._reader.read
        self.pages = self._reader.pages
        self.rows = self._reader.rows

    def open(self) -> None:
        """
        Open the file, after the fork: what is wrong with it is known at once. Blocks.

        @raise StoreError: one line that says why not.
        """
        self._writer.open()
        self._opened = True
        self.store = self._writer.store

    # Changing rows

    def put(self, table: Table, row: Row, size: int = 0, fresh: bool = False) -> None:
        """
        This is the row of its key from now on.

        @param size: how many bytes it holds, for the limit on what waits.
        @param fresh: no row of this key exists, on disk or on the way there, so that a C{drop} before the batch is
            taken leaves nothing to write.
        """
        batch = self._batch or self._begin()
        batch.operations += 1
        batch.size += size
        batch.put(table, row, fresh)

    def drop(self, table: Table, key: Key) -> None:
        """
        There is no row of this key from now on.
        """
        batch = self._batch or self._begin()
        batch.operations += 1
        batch.drop(table, key)

    def release(self, table: Table, key: Key) -> None:
        """
        The row of this key goes at the end of the transaction, unless C{table.needed} holds for it then.
        """
        batch = self._batch or self._begin()
        batch.operations += 1
        batch.release(table, key)

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """
        Run a statement of your own between the rows that came before it and those that come after.
        """
        batch = self._batch or self._begin()
        batch.operations += 1
        batch.run(sql, parameters)

    def retry(self, batches: Sequence[Batch], *tables: Table) -> None:
        """
        For an owner in C{lost}: what those batches say about these tables still holds, unless more has been said since.
        """
        for table in tables:
            again: dict[Key, Row | None] = {}
            for batch in batches:
                poison = {key for culprit, key in batch.culprits if culprit is table}
                again.update({key: row for key, row in batch.rows(table).items() if key not in poison})
            said = (self._batch or self._begin()).rows(table)
            for key, row in again.items():
                if key in said:
                    continue
                if row is None:
                    self.drop(table, key)
                else:
                    self.put(table, row)

    def ticket(self) -> Ticket:
        """
        What everybody waits for whose work is in the batch in hand.
        """
        return (self._batch or self._begin()).ticket

    def flush(self) -> None:
        """
        The turn ends: the writer may have what was changed.
        """
        batch = self._batch
        if batch is None or not self.healthy or not self._opened:
            return
        self._batch = None
        self._waiting.append(batch)
        if self._slot.offer(batch):
            self._worker.do(self._write)

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
            batch = Batch(self._seconds())
        self._batch = batch
        return batch

    # How far the disk is behind

    def accepting(self, now: float) -> bool:
        """
        Whether new work that somebody waits for should be begun: the disk works, and is not too far behind.
        """
        if not self.healthy:
            return False
        batch, waiting = self._batch, self._waiting
        if not waiting:
            if batch is None:
                return True
            oldest, operations, size = batch.since, batch.operations, batch.size
        else:
            oldest = waiting[0].since
            operations = sum(each.operations for each in waiting)
            size = sum(each.size for each in waiting)
            if batch is not None:
                operations += batch.operations
                size += batch.size
        limits = self._limits
        return now - oldest <= limits.age and operations < limits.operations and size < limits.size

    def oldest(self, now: float) -> float:
        """
        Seconds since the oldest operation that is not committed, 0 where there is none.
        """
        batch = self._waiting[0] if self._waiting else self._batch
        return now - batch.since if batch is not None else 0.0

    def sizes(self) -> tuple[int, int]:
        """
        Bytes of the database file and of its write-ahead log.
        """
        return files.size(self.path), files.size(self.path + "-wal")

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
        try:
            self._writer.checkpoint("PASSIVE")
        except Exception:
            return  # the log stays; if it can't grow either, the next batch will say so
        self.figures.checkpoints += 1

    def _mend(self) -> None:
        number: int | None = None
        try:
            number = self._writer.reopen()
            self._writer.confirm()
        except Exception as error:
            self._reactor.callFromThread(self._still, number, error)
        else:
            self._reactor.callFromThread(self._mended, number)

    # What became of a batch

    def _decided(self, outcome: Outcome) -> None:
        batch = outcome.batch
        if outcome.fate == WRITTEN:
            self._waiting.popleft()
            if outcome.rows:
                self.figures.count(outcome.rows, outcome.seconds)
            self._settle([batch], reasons.SUCCESS)
            if self._alarm is None and not self._waiting and self.healthy and self._closing is None:
                self._alarm = self._reactor.callLater(IDLE, self._idle)
            return
        self.figures.failures += 1
        self._recall()
        if outcome.fate == POISONED:
            self._fail(reasons.IMPLEMENTATION_SPECIFIC_ERROR)
            self._resume()
            return
        if outcome.fate == DOUBTFUL:
            self._doubt = batch
        self.healthy = False
        assert outcome.error is not None
        self._owner.troubled(str(explain(outcome.error, self.path)))
        if self._doubt is None:
            self._fail(reasons.QUOTA_EXCEEDED)
        if self._closing is None:
            self._try_again()

    def _recall(self) -> None:
        """
        The writer has stopped: what lies in the slot is ours again.
        """
        batch = self._slot.withdraw()
        if batch is not None:
            self._waiting.pop()
            self._batch = batch

    def _fail(self, reason: int) -> None:
        """
        All that is not committed fails.
        """
        batches = list(self._waiting)
        self._waiting.clear()
        batch, self._batch = self._batch, None
        if batch is not None:
            batches.append(batch)
        self._doubt = None
        self._owner.lost(batches)
        self._settle(batches, reason)

    def _settle(self, batches: Iterable[Batch], reason: int) -> None:
        for batch in batches:
            batch.ticket.settle(reason)
        self._owner.settled()
        self.flush()

    def _try_again(self) -> None:
        """
        Open the file again, the reader's connection too, so that what is found is what a restart would find.
        """
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        self._reader.close().addCallback(lambda _: self._worker.do(self._mend))

    def _still(self, number: int | None, error: Exception) -> None:
        if self._doubt is not None and number is not None and number < self._doubt.number:
            self._fail(reasons.QUOTA_EXCEEDED)
        if self._closing is None:
            self._alarm = self._reactor.callLater(PROBE, self._try_again)

    def _mended(self, number: int) -> None:
        if self._doubt is not None:
            if number >= self._doubt.number:
                self._doubt = None
                batch = self._waiting.popleft()
                self._settle([batch], reasons.SUCCESS)
            else:
                self._fail(reasons.QUOTA_EXCEEDED)
        self.healthy = True
        self._owner.recovered()
        self._resume()

    def _resume(self) -> None:
        self._slot.free()
        self.flush()

    def _idle(self) -> None:
        self._alarm = None
        if not self._waiting and self.healthy:
            self._worker.do(self._tidy)

    # Beside the writing

    def backup(self, target: str) -> Deferred[None]:
        """
        Copy everything committed into another file, which must not exist, while the writing goes on.

        @return: fails with C{StoreError}.
        """
        return self._aside(lambda: files.backup(self.path, target))

    def check(self, thorough: bool = False) -> Deferred[list[str]]:
        """
        Look the file over while the writing goes on.

        @return: fires with what is wrong; nothing where all is well.
        """
        return self._aside(lambda: files.check(self.path, thorough))

    def _aside(self, work: Callable[[], T]) -> Deferred[T]:
        worker = self._workers("txmqtt store")  # its own: a long copy must not hold up the reads

        def done(result: T) -> T:
            worker.stop()
            return result

        return in_thread(worker, self._reactor, work).addBoth(done)

    # The end

    def close(self) -> Deferred[None]:
        """
        Write what is in hand, bring the log in, and let go of the file. What the disk does not take is lost, and its
        owner hears of it.
        """
        if not self._opened:
            self._over = True
            return succeed(None)
        self.flush()
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._opened = False
        self._closing = Deferred()
        self._reader.finish().addCallback(lambda _: self._worker.do(self._shut))
        return self._closing

    def _shut(self) -> None:
        self._writer.close()
        self._reactor.callFromThread(self._closed)

    def _closed(self) -> None:
        self._recall()
        if self._waiting or self._batch is not None:
            self._fail(reasons.QUOTA_EXCEEDED)
        self._over = True
        last, self._batch = self._batch, None
        if last is not None:  # said while the others were told that they are lost
            last.ticket.settle(reasons.QUOTA_EXCEEDED)
        self._worker.stop()
        self._reads.stop()
        assert self._closing is not None
        self._closing.callback(None)
