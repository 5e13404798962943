"""
The sqlite backend on a disk that is as fast, as slow and as faulty as a test wants it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

from tests.backends.sqlite.support import Disk, FakeReactor, ManualWorker
from txmqtt.backends.sqlite.backend import SqliteBackend
from txmqtt.backends.sqlite.worker import Job, Worker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.session.turn import Turn


class PromptWorker:
    """
    See C{Worker}: does its jobs at once.
    """

    def do(self, job: Job) -> None:
        job()

    def stop(self) -> None: ...


class PromptReactor(FakeReactor):
    """
    Calls from threads come at once.
    """

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        call(*args)


class Machine:
    """
    A disk, and one backend after the other on it. Close it when all is done.

    @ivar prompt: threads do what they are asked at once; otherwise when C{work} says so.
    """

    def __init__(self, prompt: bool = False) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "mqtt.db")
        self.prompt = prompt
        self.reactor: FakeReactor = PromptReactor() if prompt else FakeReactor()
        self.disk = Disk()
        self.workers: list[ManualWorker] = []
        self.backend: SqliteBackend | None = None

    def close(self) -> None:
        """
        The test is over.
        """
        self.stop()
        self.folder.cleanup()

    def worker(self, name: str) -> Worker:
        """
        What a backend's jobs run on.
        """
        if self.prompt:
            return PromptWorker()
        self.workers.append(ManualWorker())
        return self.workers[-1]

    def make(self, policy: Policy, stats: Stats, turn: Turn) -> SqliteBackend:
        """
        A backend that is not open.
        """
        self.backend = SqliteBackend(
            policy,
            stats,
            turn,
            self.path,
            self.reactor,
            durability="off",  # no test cuts the power
            seconds=lambda: turn.now,
            workers=self.worker,
            connect=self.disk.connect,
            linger=0.0,
        )
        return self.backend

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

    def finish(self) -> None:
        """
        The turn ends, and the disk has all the time it needs.
        """
        if self.backend is not None:
            self.backend.journal.flush()
        self.work()

    def stop(self) -> None:
        """
        The backend is closed as it should be.
        """
        backend, self.backend = self.backend, None
        if backend is not None:
            self.disk.heal()
            backend.stop()
            self.work()

    def kill(self) -> None:
        """
        The process is killed: what was not committed is gone, and nobody hears of it. The kernel gives the lock back.
        """
        backend, self.backend = self.backend, None
        assert backend is not None
        for worker in self.workers:
            worker.jobs.clear()
        self.workers.clear()
        self.reactor.from_threads.clear()
        journal = backend.journal
        journal._hush()
        journal._lingering.stop()
        journal.abandon()
