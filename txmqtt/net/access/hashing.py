"""
Hashing passwords takes long on purpose: it is done on a few threads of its own, beside the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from txmqtt.net.access.turnstile import Turnstile

T = TypeVar("T")


class Hashing:
    """
    The threads. They start with the first password, because C{twistd} forks before anybody logs in, and end with the
    reactor or when they are told to.
    """

    def __init__(self, reactor: Any, threads: int, waiting: int, patience: float) -> None:
        """
        @param threads: so many passwords are hashed at once.
        @param waiting: so many logins may wait for that.
        @param patience: seconds that one waits at most.
        """
        self._reactor = reactor
        self._threads = threads
        self._turnstile = Turnstile(reactor, threads, waiting, patience)
        self._pool: ThreadPool | None = None
        self._trigger: Any = None

    @property
    def turned_away(self) -> int:
        """
        How many logins were told that it is busy.
        """
        return self._turnstile.turned_away

    def do(self, job: Callable[[], T]) -> Deferred[T]:
        """
        Do this on a thread.

        @return: what it returns; fails with C{LoginUndecided} when too much waits already.
        """
        return self._turnstile.pass_through(lambda: deferToThreadPool(self._reactor, self._running(), job))

    def _running(self) -> ThreadPool:
        if self._pool is None:
            self._pool = ThreadPool(0, self._threads, "txmqtt passwords")
            self._pool.start()
            self._trigger = self._reactor.addSystemEventTrigger("during", "shutdown", self._shut)
        return self._pool

    def stop(self) -> None:
        """
        Let go of the threads; what waits is not done any more. A later job starts new ones.
        """
        self._turnstile.dismiss()
        if self._pool is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._shut()

    def _shut(self) -> None:
        self._turnstile.dismiss()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # waits for what is being hashed just now


class InCaller:
    """
    Hashes at once, where it is asked: for tests and for tools.
    """

    turned_away = 0

    def do(self, job: Callable[[], T]) -> Deferred[T]:
        """
        See C{Hashing.do}.
        """
        return execute(job)

    def stop(self) -> None:
        """
        See C{Hashing.stop}.
        """
