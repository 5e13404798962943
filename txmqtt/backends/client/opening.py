"""
A client's file, from its opening to its end.

Opening may take long (a log to bring in, a long queue to read), so a thread does it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from txmqtt.backends.client.books import Books
from txmqtt.backends.client.remembering import Memory, remember
from txmqtt.backends.client.schema import SCHEMA
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreDamaged, StoreError, StoreLocked
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.reader import in_thread
from txmqtt.backends.sqlite.shapes import Limits
from txmqtt.backends.sqlite.worker import ThreadWorker, Worker
from txmqtt.session.keeping import Recollection
from txmqtt.session.outgoing import Outbound

#: What a store is doing.
_NEW, _OPENING, _OPEN, _CLOSING, _CLOSED = range(5)


def nothing() -> None:
    """
    Nobody minds.
    """


class ClientFile:
    """
    What is to be known of a store besides the steps that it keeps.

    @ivar path: the file.
    @ivar journal: what is on its way into it.
    @ivar books: what waits, and what is said again.
    @ivar wake: see C{Keeper}.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        reactor: Any,
        durability: str = "full",
        seconds: Callable[[], float] = monotonic,
        workers: Callable[[str], Worker] = ThreadWorker,
        connect: files.Connect = files.connect,
    ) -> None:
        """
        Nothing is opened and nothing started here: whoever makes a store may yet fork.

        @param path: the database file; it is made when it is not there.
        @param durability: C{full}: kept when the power is cut; C{normal}, C{off}: when the program is killed.
        @param seconds: a clock that never jumps.
        @param workers: makes what opening, writing and reading run on.
        """
        name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
        if not isinstance(name, str):
            raise TypeError(f"path is {path!r}; expected the name of a file, as str or os.PathLike")
        if not name or "\0" in name:
            raise ValueError(f"path is {path!r}; expected the name of a file")
        self.path = os.path.abspath(name)
        self.wake: Callable[[], object] = nothing
        self._reactor = reactor
        self._durability = durability
        self._seconds = seconds
        self._workers = workers
        self._connect = connect
        self._state = _NEW
        self._found: Recollection | None = None
        self._flushing: Any = None
        self._closed: list[Deferred[None]] = []
        self._make()

    def _make(self) -> None:
        """
        Begin with nothing in mind.
        """
        self.books = Books(self.path, self._later, self._taken_back, lambda: self.wake())
        limits = Limits(float("inf"), 1 << 62, 1 << 62)  # the bounds are looked at where there is somebody to be told
        self.journal = self.books.journal = Journal(
            self.path,
            SCHEMA,
            self._reactor,
            self.books,
            self._durability,
            limits,
            self._seconds,
            self._workers,
            self._connect,
        )

    @property
    def waiting(self) -> tuple[int, int]:
        """
        How many steps wait for the disk, and how many bytes of messages are in them.
        """
        return self.books.waiting()

    @property
    def healthy(self) -> bool:
        """
        The last that was heard of the disk was good.
        """
        return self.journal.healthy

    # Opening

    def open(self) -> Deferred[Recollection]:
        """
        Open the file, and read what a former life of the program left. It may be opened again when it was closed.

        @return: fires with what C{recall} gives; fails with C{StoreError}, one line that says why it can't be used.
        """
        if self._state == _CLOSING:
            return self.close().addCallback(lambda _: self.open())
        if self._state in (_OPENING, _OPEN):
            raise RuntimeError(f"{self.path} is open; expected it to be closed first")
        if self._state == _CLOSED:
            self._make()
        self._state = _OPENING
        worker = self._workers("txmqtt opening")

        def done(result: Memory | Failure) -> Recollection | Failure:
            worker.stop()
            return self._opened(result)

        return in_thread(worker, self._reactor, self._open).addBoth(done)

    def _open(self) -> Memory:
        self.journal.open()
        try:
            return remember(self.journal)
        except BaseException:
            self.journal.abandon()
            raise

    def _opened(self, result: Memory | Failure) -> Recollection | Failure:
        closing = self._state == _CLOSING
        if isinstance(result, Failure):
            self._unopened()
            self._end()
            return self._explained(result)
        if closing:
            self._unopened()
            self._shut()
            return Failure(StoreError(f"{self.path} was closed while it was being opened"))
        self._state = _OPEN
        self._remembered(result)
        self._found = result.found
        return result.found

    def _explained(self, failure: Failure) -> Failure:
        """
        The same, in the words of a client.
        """
        error = failure.value
        if isinstance(error, StoreLocked) and error.pid == os.getpid():
            return Failure(StoreLocked(f"{self.path} is in use by another client of this program", error.pid))
        if isinstance(error, StoreDamaged):
            ways = f"restore a backup (rm {self.path}-wal; cp BACKUP {self.path}), or begin anew without it"
            return Failure(StoreDamaged(f"{self.path} is damaged ({error.found}): {ways}", error.found))
        return failure

    def _remembered(self, memory: Memory) -> None:
        """
        This is what was found.
        """
        raise NotImplementedError

    def _unopened(self) -> None:
        """
        It could not be opened.
        """
        raise NotImplementedError

    def recall(self) -> Recollection:
        """
        See C{Keeper.recall}: once the store is open, and until the first step is told.

        @raise StoreError: it is not, or more is known by now.
        """
        if self._found is None:
            why = "not open" if self._state != _OPEN else "in use: it is recalled before the first step"
            raise StoreError(f"{self.path} is {why}")
        return self._found

    # In use

    @property
    def opened(self) -> bool:
        """
        It is open, and not being closed.
        """
        return self._state == _OPEN

    def _kept(self) -> bool:
        """
        Whether a step is recorded: not when the store has been closed.

        @raise StoreError: it is not open yet.
        """
        if self._state < _OPEN:
            raise StoreError(f"{self.path} is not open yet: nothing can be kept in it")
        return self._state == _OPEN

    def flush(self) -> None:
        """
        See C{Keeper.flush}.
        """
        if self._state == _OPEN:
            self.journal.flush()

    def _later(self) -> None:
        """
        Something is in hand: let the writer have it at the end of the turn, should nobody else say when that is.
        """
        self._found = None
        if self._flushing is None and self._state == _OPEN:
            self._flushing = self._reactor.callLater(0, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self.journal.flush()

    def _taken_back(self, home: int, item: Outbound) -> None:
        """
        A publish is not on disk, and will not be.
        """
        raise NotImplementedError

    # The end

    def close(self) -> Deferred[None]:
        """
        Write what is in hand, and let go of the file. What the disk does not take is lost, and its tickets fail.

        @return: fires when that is done.
        """
        if self._state == _CLOSED:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        before, self._state = self._state, _CLOSING
        if before == _OPEN:
            self._shut()
        elif before == _NEW:
            self._end()
        return closed

    def _shut(self) -> None:
        self.books.over = True
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self.journal.close().addCallback(lambda _: self._end())

    def _end(self) -> None:
        self._state = _CLOSED
        self._found = None
        closed, self._closed = self._closed, []
        for waiter in closed:
            waiter.callback(None)
