"""
The thread's half of the journal: one batch, one transaction, and the truth about what became of it.

A transaction that failed before its COMMIT is lost, surely. After a COMMIT that failed nobody knows: the number of the
last batch, which each transaction writes into C{meta}, tells when the file is opened again. What the number then says
was written has still to be brought into the database file and synced there: a sync that failed may have left the
log's pages in memory only, marked as clean, where they are read back and yet would not survive a power cut. So a log
that is suspect is written anew before it is brought in or grows: a power cut would otherwise find half a transaction
in the database and nothing in the log that mends it, or a hole in the log and nothing of what was written behind it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any

from twisted.logger import Logger

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.errors import StoreUnusable, explain, is_full, is_trouble
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.backends.sqlite.shapes import Figures
from txmqtt.backends.sqlite.tables import SIZES, Row, Schema, Table, Value

_log = Logger()

#: What became of a batch.
WRITTEN, LOST, DOUBTFUL, POISONED = range(4)

#: Bytes that a disk must take before it counts as healthy again.
_PROBE = 256 * 1024

#: Rows between two looks at the length of the log.
_LOOK = 512


class Outcome:
    """
    What became of a batch.

    @ivar error: what went wrong.
    @ivar seconds: how long the transaction took.
    @ivar rows: how many rows it wrote or deleted.
    """

    def __init__(self, batch: Batch, fate: int, seconds: float, rows: int = 0, error: BaseException | None = None):
        self.batch = batch
        self.fate = fate
        self.seconds = seconds
        self.rows = rows
        self.error = error


class Writer:
    """
    The one connection that writes. Opened by any thread, then used by one.

    @ivar store: the identifier of the file.
    @ivar number: of the last committed batch.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        durability: str,
        seconds: Callable[[], float],
        wal_limit: int,
        connect: files.Connect = files.connect,
    ) -> None:
        self.path = path
        self.store = ""
        self.number = 0
        self._schema = schema
        self._durability = durability
        self._seconds = seconds
        self._wal_limit = wal_limit
        self._connect = connect
        self._lock = StoreLock(path)
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._widest = 0
        self._page = 4096
        self._rows = 0  # of the batch in hand
        self._suspect = True  # the log may be less durable than it looks
        self._unchecked = 0  # rows written since the length of the log was looked at

    # Opening and closing

    def open(self) -> None:
        """
        Lock, make or bring up to date, and open.

        @raise StoreError: one line that says why not.
        """
        files.create(self.path)
        self._lock.acquire()
        try:
            self._identity = files.identity(self.path)
            connection = self._connection = self._connect(self.path, "rw")
            version = files.whose(connection, self.path, self._schema)
            files.prepare(connection, self.path, self._durability)
            self._renew()
            files.migrate(connection, self.path, self._schema, version)
            self._widest = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
            self._page = connection.execute("PRAGMA page_size").fetchone()[0]
            (self.store,) = connection.execute("SELECT value FROM meta WHERE key='id'").fetchone()
            self.number = self._last(connection)
            files.sync_names(self.path)
        except Exception as error:
            self.abandon()
            raise explain(error, self.path) from None

    def _last(self, connection: sqlite3.Connection) -> int:
        (number,) = connection.execute("SELECT value FROM meta WHERE key='batch'").fetchone()
        return int(number)

    def reopen(self) -> int:
        """
        Forget the connection, take a new one, and read what a restart would find.

        @return: the number of the last committed batch.
        @raise sqlite3.Error: the trouble lasts; likewise OSError.
        """
        self._suspect = True
        self._shut()
        if files.identity(self.path) != self._identity:
            raise StoreUnusable(f"{self.path} was replaced by another file while it was in use")
        connection = self._connection = self._connect(self.path, "rw")
        files.prepare(connection, self.path, self._durability)
        self.number = self._last(connection)
        return self.number

    def confirm(self) -> None:
        """
        Bring all that is committed into the database file, synced, and show that the disk takes more.

        @raise sqlite3.Error: the trouble lasts; likewise OSError.
        """
        if self.checkpoint("TRUNCATE")[0]:
            raise StoreUnusable(f"{self.path} is read by somebody, which keeps its log from being brought in")
        connection = self._connection
        assert connection is not None
        # In place of what an earlier probe may have left, whose second half failed.
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(?))", (_PROBE,))
        connection.execute("DELETE FROM meta WHERE key='probe'")
        files.sync_names(self.path)

    def _renew(self) -> None:
        """
        Make a suspect log as durable as it looks.
        """
        if not self._suspect:
            return
        if files.size(self.path + "-wal"):
            self._execute("BEGIN IMMEDIATE", ())  # nobody else writes to the log while we do
            try:
                files.renew(self.path + "-wal")
            finally:
                self._rollback()
        self._suspect = False

    def close(self) -> None:
        """
        Bring the log in, as far as it goes, and let go of the file.
        """
        with suppress(Exception):  # all that was acknowledged is in the log
            self.checkpoint("TRUNCATE")
        self.abandon()

    def abandon(self) -> None:
        """
        Let go of the file as it is.
        """
        self._shut()
        self._lock.release()

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        last = self._bystander() if self._suspect else None
        with suppress(sqlite3.Error):
            connection.close()
        if last is not None:
            last.close()

    def _bystander(self) -> sqlite3.Connection | None:
        """
        The connection that is closed last brings the log in, whatever we think of it; one that can't write does not.
        """
        with suppress(sqlite3.Error):
            connection = self._connect(self.path, "ro")
            with suppress(sqlite3.Error):
                connection.execute("SELECT value FROM meta").fetchall()  # now it is there, as far as the log goes
            return connection
        return None

    # One batch

    def write(self, batch: Batch) -> Outcome:
        """
        One transaction.
        """
        started = self._seconds()
        if batch.empty:
            return Outcome(batch, WRITTEN, 0.0)
        batch.number = self.number + 1
        try:
            self._begin()
            self._apply(batch)
            self._execute("UPDATE meta SET value=? WHERE key='batch'", (batch.number,))
            if files.identity(self.path) != self._identity:
                raise StoreUnusable(f"{self.path} was removed or replaced while it was in use")
        except Exception as error:
            self._rollback()
            return self._failed(batch, error, started)
        try:
            self._execute("COMMIT", ())
        except Exception as error:
            return Outcome(batch, self._doubtful(batch, error), self._seconds() - started, 0, error)
        self.number = batch.number
        self._unchecked += self._rows + 1
        return Outcome(batch, WRITTEN, self._seconds() - started, self._rows)

    def _doubtful(self, batch: Batch, error: Exception) -> int:
        """
        What a COMMIT that failed means. On a full disk it is known: the frame that makes a transaction is the last that
        is written to the log, so when there was no room it is not there. It must be known, too: on a full disk nothing
        can be opened again to find out.
        """
        if is_full(error):
            self._rollback()
            with suppress(sqlite3.Error):
                if self._connection is not None and self._last(self._connection) < batch.number:
                    return LOST
        return DOUBTFUL

    def _failed(self, batch: Batch, error: Exception, started: float) -> Outcome:
        if not is_trouble(error):
            try:
                self._search(batch)
                return Outcome(batch, POISONED, self._seconds() - started, 0, error)
            except Exception as worse:
                error = worse
        return Outcome(batch, LOST, self._seconds() - started, 0, error)

    def _begin(self) -> None:
        self._rows = 0
        if self._connection is None:
            raise StoreUnusable(f"{self.path} is not open")
        self._execute("BEGIN IMMEDIATE", ())

    def _rollback(self) -> None:
        connection = self._connection
        if connection is not None and connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._shut()  # which rolls back too

    def _execute(self, sql: str, parameters: Sequence[Value]) -> None:
        assert self._connection is not None
        self._connection.execute(sql, parameters)

    def _apply(self, batch: Batch) -> None:
        batch.compose(self._schema)
        for part in batch.parts:
            for table, words in part.words.items():
                self._drop(_gone(table, words.composed), table.keys, table.drop)
            for table, words in part.words.items():
                self._put(table, [row for row in words.composed.values() if row is not None])
            for sql, parameters in part.statements:
                self._execute(sql, parameters)
                self._rows += 1
        for table, owners in batch.cleared.items():
            self._drop([(owner,) for owner in owners], 1, table.clear)

    def _put(self, table: Table, rows: Sequence[Row]) -> None:
        for some in self._portions(rows, table.width):
            self._execute(table.put(len(some)), tuple(chain.from_iterable(some)))
            self._rows += len(some)

    def _drop(self, keys: Sequence[Row], width: int, statement: Callable[[int], str]) -> None:
        for some in self._portions(keys, width):
            self._execute(statement(len(some)), tuple(chain.from_iterable(some)))
            self._rows += len(some)

    def _portions(self, items: Sequence[Row], width: int) -> Iterator[Sequence[Row]]:
        """
        In portions of the sizes for which there are statements, none with more values than SQLite takes.
        """
        at, left = 0, len(items)
        for size in SIZES:
            while left >= size and (size * width <= self._widest or size == 1):
                yield items[at : at + size]
                at += size
                left -= size

    # What can't be written

    def _search(self, batch: Batch) -> None:
        """
        Find the rows that no transaction can hold, by halves, in a transaction that is undone.
        """
        try:
            self._begin()
            for part in batch.parts:
                for table, words in part.words.items():
                    gone = _gone(table, words.composed)
                    self._halve(batch, table, gone, partial(self._drop, width=table.keys, statement=table.drop))
                for table, words in part.words.items():
                    rows = [row for row in words.composed.values() if row is not None]
                    self._halve(batch, table, rows, partial(self._put, table))
                for sql, parameters in part.statements:
                    try:
                        self._execute(sql, parameters)
                    except Exception as error:
                        if is_trouble(error):
                            raise
        finally:
            self._rollback()

    def _halve(self, batch: Batch, table: Table, rows: Sequence[Row], write: Callable[[Sequence[Row]], None]) -> None:
        if not rows:
            return
        try:
            write(rows)
        except Exception as error:
            if is_trouble(error):
                raise
            if len(rows) == 1:
                batch.culprits.append((table, table.key(rows[0])))
                return
            middle = len(rows) // 2
            self._halve(batch, table, rows[:middle], write)
            self._halve(batch, table, rows[middle:], write)

    # The log

    def checkpoint(self, mode: str) -> tuple[int, int, int]:
        """
        Bring the write-ahead log into the database file.

        @return: what SQLite says: 1 if somebody was in the way, pages in the log, pages brought in.
        """
        if self._connection is None:
            raise StoreUnusable(f"{self.path} is not open")
        self._renew()
        self._unchecked = 0
        try:
            busy, pages, done = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error:
            self._suspect = True
            raise
        return busy, pages, done

    def tidy(self, figures: Figures) -> None:
        """
        Bring the log in as far as nobody is in the way. Where that fails it stays, and grows: nothing is lost as long
        as it can, so it is told and counted, once for as often as it fails on end.
        """
        try:
            self.checkpoint("PASSIVE")
        except Exception as error:
            if not figures.checkpoints_failing:
                _log.error("the log of {path} can't be brought in and grows: {error}", path=self.path, error=str(error))
            figures.checkpoints_failing += 1
        else:
            figures.checkpoints_failing = 0
            figures.checkpoints += 1

    @property
    def log_is_long(self) -> bool:
        """
        It is time for a checkpoint. Looked at once in so many rows.
        """
        if self._unchecked < _LOOK:
            return False
        self._unchecked = 0
        return files.wal_exceeds(self.path, self._wal_limit, self._page)


def _gone(table: Table, last: Mapping[Any, Row | None]) -> list[Row]:
    keys = [key for key, row in last.items() if row is None]
    return [(key,) for key in keys] if table.keys == 1 else keys
