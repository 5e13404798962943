"""
A thread that does one job after another, and the slot through which batches reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Protocol

from twisted.logger import Logger

from txmqtt.backends.sqlite.batch import Batch

_log = Logger()

Job = Callable[[], None]


class Worker(Protocol):
    """
    Does jobs in the order in which they come. Tests do them in their own thread.
    """

    def do(self, job: Job) -> None:
        """
        Do this when all before it is done.
        """

    def stop(self) -> None:
        """
        No more jobs come. Returns when the last is done.
        """


class ThreadWorker:
    """
    See C{Worker}: a thread, from the first job on. It does not keep the program from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None

    def do(self, job: Job) -> None:
        """
        See C{Worker.do}.
        """
        if self._thread is None:
            self._thread = Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def stop(self) -> None:
        """
        See C{Worker.stop}.
        """
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                _log.failure("a job of the thread {name} failed", name=self._name)


class Slot:
    """
    Where the reactor leaves its batch at the end of a turn and the writer takes it when it is free.

    What the writer has not taken the reactor takes back when there is more to write: so the next batch grows while the
    previous one is committed, the writer never waits for the reactor, and never sees half of what belongs together.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._batch: Batch | None = None
        self._busy = False

    def offer(self, batch: Batch) -> bool:
        """
        Leave it. True if the writer sleeps and must be woken.
        """
        with self._lock:
            self._batch = batch
            if self._busy:
                return False
            self._busy = True
            return True

    def withdraw(self) -> Batch | None:
        """
        Take it back, unless the writer has it.
        """
        with self._lock:
            batch, self._batch = self._batch, None
            return batch

    def take(self) -> Batch | None:
        """
        For the writer: the batch, or None and the writer sleeps.
        """
        with self._lock:
            batch, self._batch = self._batch, None
            self._busy = batch is not None
            return batch

    def free(self) -> None:
        """
        The writer, which stopped without taking, sleeps.
        """
        with self._lock:
            self._busy = False
