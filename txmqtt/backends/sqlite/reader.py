"""
Reading beside the writer: a connection that can't write, on a thread of its own, a page at a time.

A read sees all that was committed before it began, and nothing of what still waits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreError, explain
from txmqtt.backends.sqlite.tables import Row, Value
from txmqtt.backends.sqlite.worker import Worker

T = TypeVar("T")

#: What a page handler may answer with: the next page is read when it fires.
Page = Callable[[list[Row]], "Deferred[None] | None"]


def in_thread(worker: Worker, reactor: Any, work: Callable[[], T]) -> Deferred[T]:
    """
    Have work done by a worker; fires in the reactor's thread.
    """
    done: Deferred[T] = Deferred()

    def job() -> None:
        try:
            found = work()
        except Exception:
            reactor.callFromThread(done.errback, Failure())
        else:
            reactor.callFromThread(done.callback, found)

    worker.do(job)
    return done


class Reader:
    """
    Reads of one file.
    """

    def __init__(
        self,
        path: str,
        worker: Worker,
        reactor: Any,
        workers: Callable[[str], Worker],
        connect: files.Connect = files.connect,
    ) -> None:
        """
        @param worker: what the reads run on.
        @param workers: makes another for what would hold them up.
        """
        self._path = path
        self._workers = workers
        self._worker = worker
        self._reactor = reactor
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._over = False

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> Deferred[list[Row]]:
        """
        All rows of one query. Whoever does not know that they are few asks for C{pages}.

        @return: fails with C{StoreError}.
        """
        if self._over:
            return fail(StoreError(f"{self._path} is closed: nothing can be read any more"))
        return in_thread(self._worker, self._reactor, lambda: self._fetch(sql, parameters))

    def pages(self, sql: str, parameters: Sequence[Value], after: Row, page: Page, count: int = 256) -> Deferred[None]:
        """
        Hand over the rows of a query page by page, so that only one page is in memory at any time.

        The query ends in C{... AND (key) > (?, ...) ORDER BY key LIMIT ?} and selects the key first: each page begins
        after the last key of the page before it, wherever the rows before it may have gone meanwhile.

        @param parameters: those ahead of the key.
        @param after: the key to begin after.
        @param page: gets each page that is not empty; if it answers with a Deferred, the next is read when that fires.
        @return: fires after the last page; fails with C{StoreError} or with what C{page} failed with.
        """
        return Deferred.fromCoroutine(self._pages(sql, parameters, after, page, count))

    async def _pages(self, sql: str, parameters: Sequence[Value], after: Row, page: Page, count: int) -> None:
        while True:
            rows = await self.read(sql, (*parameters, *after, count))
            if rows and (pause := page(rows)) is not None:
                await pause
            if len(rows) < count:
                return
            after = rows[-1][: len(after)]

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> Generator[Row, None, None]:
        """
        The rows of a query, read here and now: for the start, before there is anybody to keep waiting.

        @raise StoreError: it can't be read.
        """
        try:
            connection = self._connect(self._path, "ro")
            try:
                yield from connection.execute(sql, parameters)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def backup(self, target: str) -> Deferred[None]:
        """
        Copy everything committed into another file, which must not exist, while the writing goes on.

        @return: fails with C{StoreError}.
        """
        return self._aside(lambda: files.backup(self._path, target))

    def check(self, thorough: bool = False) -> Deferred[list[str]]:
        """
        Look the file over while the writing goes on.

        @return: fires with what is wrong; nothing where all is well.
        """
        return self._aside(lambda: files.check(self._path, thorough))

    def _aside(self, work: Callable[[], T]) -> Deferred[T]:
        worker = self._workers("txmqtt store")

        def done(result: T) -> T:
            worker.stop()
            return result

        return in_thread(worker, self._reactor, work).addBoth(done)

    def close(self) -> Deferred[None]:
        """
        Let go of the file; the next read opens it again.
        """
        return in_thread(self._worker, self._reactor, self._shut)

    def finish(self) -> Deferred[None]:
        """
        Let go of the file for good, after the reads that were asked for.
        """
        self._over = True
        return self.close()

    def _fetch(self, sql: str, parameters: Sequence[Value]) -> list[Row]:
        try:
            if self._connection is None:
                self._connection = self._connect(self._path, "ro")
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            self._shut()
            raise explain(error, self._path) from error

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
