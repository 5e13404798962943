"""
A journal whose threads run when the test says so, on a disk that fails when the test says so.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.backends.sqlite.batch import Batch
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.shapes import Limits
from txmqtt.backends.sqlite.tables import Row, Schema, Table, Value
from txmqtt.backends.sqlite.worker import Worker

MESSAGE = Table(
    "message",
    "id topic payload",
    1,
    "CREATE TABLE message (id INTEGER PRIMARY KEY, topic BLOB NOT NULL, payload BLOB)",
)
QUEUE = Table(
    "queue",
    "session seq message",
    2,
    (
        "CREATE TABLE queue (session INTEGER, seq INTEGER, message INTEGER, PRIMARY KEY (session, seq)) WITHOUT ROWID",
        "CREATE INDEX queue_message ON queue (message)",
    ),
    owner="session",
)
CLIENT = Table("client", "id name", 1, "CREATE TABLE client (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
SCHEMA = Schema("txmqtt test", 1, (MESSAGE, QUEUE, CLIENT))


class FakeReactor(Clock):
    """
    A clock, and calls from threads that wait for the next turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.from_threads.append((call, args))


class ManualWorker:
    """
    See C{Worker}: does its jobs when it is told to.
    """

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.stopped = False

    def do(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def stop(self) -> None:
        self.stopped = True

    def work(self) -> bool:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()
        return bool(jobs)


class Disk:
    """
    Where faults come from.

    @ivar faults: the start of a statement, and what it raises; an exception or None for none.
    @ivar commits_anyway: a COMMIT that fails has happened.
    @ivar heard: every statement.
    """

    def __init__(self) -> None:
        self.faults: dict[str, Exception] = {}
        self.commits_anyway = False
        self.heard: list[str] = []

    def connect(self, path: str, mode: str) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                disk.heard.append(sql)
                fault = next((fault for start, fault in disk.faults.items() if sql.startswith(start)), None)
                if fault is None:
                    return super().execute(sql, parameters)
                if sql == "COMMIT" and disk.commits_anyway:
                    super().execute(sql)
                raise fault

        if error := self.faults.get("open"):
            raise error
        uri = f"file:{quote(path)}?mode={mode}"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=Connection)

    def fail(self, where: str, what: str = "disk I/O error", code: int = sqlite3.SQLITE_IOERR) -> None:
        error = sqlite3.OperationalError(what)
        error.sqlite_errorcode = code
        self.faults[where] = error

    def heal(self) -> None:
        self.faults.clear()

    def count(self, start: str) -> int:
        return sum(sql.startswith(start) for sql in self.heard)


class Books:
    """
    An owner that writes down what it heard.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.losses: list[list[Batch]] = []
        self.on_lost: Callable[[Sequence[Batch]], None] = lambda batches: None

    def taken_up(self) -> None: ...

    def handed_over(self) -> None: ...

    def settling(self) -> None: ...

    def settled(self) -> None:
        self.heard.append("settled")

    def lost(self, batches: Sequence[Batch]) -> None:
        self.heard.append("lost")
        self.losses.append(list(batches))
        self.on_lost(batches)

    def troubled(self, why: str) -> None:
        self.heard.append(f"troubled: {why}")

    def recovered(self) -> None:
        self.heard.append("recovered")


class JournalTestCase(SynchronousTestCase):
    """
    A journal of its own for each test, open.
    """

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "test.db")
        self.reactor = FakeReactor()
        self.disk = Disk()
        self.books = Books()
        self.workers: list[ManualWorker] = []
        self.journal = self.make()
        self.journal.open()
        self.addCleanup(self.end)

    def make(self, schema: Schema = SCHEMA, limits: Limits | None = None) -> Journal:
        def worker(name: str) -> Worker:
            self.workers.append(ManualWorker())
            return self.workers[-1]

        return Journal(
            self.path,
            schema,
            self.reactor,
            self.books,
            limits=limits,
            seconds=self.reactor.seconds,
            workers=worker,
            connect=self.disk.connect,
        )

    def work(self) -> None:
        """
        Let the threads do what they have to, and the reactor hear of it.
        """
        busy = True
        while busy:
            busy = any([worker.work() for worker in self.workers])
            calls, self.reactor.from_threads = self.reactor.from_threads, []
            for call, args in calls:
                busy = True
                call(*args)

    def write(self) -> None:
        """
        The turn ends, and the disk has its time.
        """
        self.journal.flush()
        self.work()

    def end(self) -> None:
        self.disk.heal()
        self.journal.close()
        self.work()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def on_disk(self, sql: str, *parameters: Value) -> list[Row]:
        """
        What somebody else finds in the file.
        """
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def ids(self) -> list[Any]:
        return [number for (number,) in self.on_disk("SELECT id FROM message ORDER BY id")]

    def message(self, number: int, topic: Any = b"t") -> Row:
        return (number, topic, b"payload")
