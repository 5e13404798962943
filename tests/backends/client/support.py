"""
A program with a client's store, on a disk that is as fast and as faulty as a test wants it; it can be killed.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.backends.sqlite.support import Disk, FakeReactor, ManualWorker
from txmqtt.backends.client.store import ClientStore
from txmqtt.backends.sqlite.worker import Worker
from txmqtt.codec.packets import Subscription
from txmqtt.session.keeping import Keeper, Recollection, Wish
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket

#: What a disk that fails may say.
NO_ROOM = ("database or disk is full", sqlite3.SQLITE_FULL)
BROKEN = ("disk I/O error", sqlite3.SQLITE_IOERR)


class Program:
    """
    One life after the other, on one disk.

    @ivar found: what the present life recalled.
    @ivar items: its publishes, by their payloads.
    @ivar tickets: for each step of this life that has one, in order.
    """

    def __init__(self, **options: Any) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "app.db")
        self.disk = Disk()
        self.options = options
        self.wall = 1_000.0
        self.items: dict[str, Outbound] = {}
        self.tickets: list[Ticket] = []
        self.workers: list[ManualWorker] = []
        self.found = Recollection()
        self.start()

    def make(self) -> ClientStore:
        """
        A store that is not open.
        """

        def worker(name: str) -> Worker:
            self.workers.append(ManualWorker())
            return self.workers[-1]

        return ClientStore(
            self.path,
            self.reactor,
            "off",  # no test cuts the power
            seconds=self.reactor.seconds,
            workers=worker,
            connect=self.disk.connect,
            **self.options,
        )

    def start(self) -> Recollection:
        """
        A life begins.
        """
        self.reactor = FakeReactor()
        self.reactor.advance(self.wall)
        self.workers.clear()
        self.store = self.make()
        self.keeper: Keeper = self.store
        found: list[Any] = []
        self.store.open().addBoth(found.append)
        self.work()
        if isinstance(found[0], Failure):
            found[0].raiseException()
        self.found = found[0]
        self.tickets.clear()
        self.items = {}
        for promise in self.found.promises:
            item = Outbound(promise.message, promise.qos, promise.message.retain)
            item.home, item.packet_id, item.released = promise.home, promise.packet_id, promise.released
            self.items[promise.message.payload.decode("latin-1")] = item
        return self.found

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
        self.reactor.advance(0)
        self.work()

    def wait(self, seconds: float) -> None:
        self.reactor.advance(seconds)
        self.wall = self.reactor.seconds()
        self.work()

    def kill(self) -> Recollection:
        """
        The process is killed and started again: what was not committed is gone. The kernel gives the lock back.
        """
        self.disk.heal()
        self.wall = self.reactor.seconds()
        self.store.journal.abandon()
        return self.start()

    def stop(self) -> Recollection:
        """
        The program ends as it should, and is started again.
        """
        self.close()
        assert not self.reactor.getDelayedCalls(), self.reactor.getDelayedCalls()
        self.wall = self.reactor.seconds()
        return self.start()

    def close(self) -> None:
        self.disk.heal()
        closed: Deferred[None] = self.store.close()
        self.work()
        assert closed.called

    def end(self) -> None:
        """
        The test is over.
        """
        self.close()
        self.folder.cleanup()

    # Steps

    def queue(self, name: str, qos: int = 1, key: str = "", message: Message | None = None) -> None:
        item = Outbound(message or Message(b"t", name.encode(), qos), qos)
        item.retain = item.message.retain
        self.items[name] = item
        self.tickets.append(self.keeper.queued(item, key))

    def send(self, name: str, packet_id: int) -> None:
        self.items[name].packet_id = packet_id
        self.tickets.append(self.keeper.sending(self.items[name]))

    def release(self, name: str) -> None:
        self.items[name].released = True
        self.tickets.append(self.keeper.released(self.items[name]))

    def settle(self, name: str, reason: int = 0, words: str = "") -> None:
        self.keeper.settled(self.items.pop(name), reason, words)

    def told(self, key: str) -> None:
        self.keeper.told(key)

    def receive(self, packet_id: int) -> None:
        self.tickets.append(self.keeper.received(packet_id))

    def finish(self, packet_id: int) -> None:
        self.tickets.append(self.keeper.finished(packet_id))

    def wish(self, filter: bytes, qos: int = 1, identifier: int = 0) -> None:
        self.tickets.append(self.keeper.wished([Wish(Subscription(filter, qos), identifier)]))

    def unwish(self, filter: bytes) -> None:
        self.tickets.append(self.keeper.unwished([filter]))

    def name(self, client_id: str) -> None:
        self.keeper.named(client_id)

    def lose(self) -> None:
        self.keeper.lost()

    # What is known

    def reasons(self) -> list[int | None]:
        """
        What the tickets say; None: nothing yet.
        """
        return [ticket.reason if ticket.done else None for ticket in self.tickets]

    def rows(self, sql: str) -> list[Any]:
        """
        What somebody else finds on the disk.
        """
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def summary(self) -> list[str]:
        """
        What the present life recalled, a word for each thing.
        """
        found = self.found
        said = [f"called {found.client_id}"] if found.client_id else []
        for promise in found.promises:
            key = f" key={promise.key}" if promise.key else ""
            how = f"released {promise.packet_id}" if promise.released else f"sent {promise.packet_id}"
            said.append(f"{promise.message.payload.decode()} {how if promise.packet_id else 'queued'}{key}")
        said += [f"received {packet_id}" for packet_id in found.received]
        said += [f"wish {w.subscription.filter.decode()} {w.subscription.qos} {w.identifier}" for w in found.wishes]
        said += [f"outcome {ended.key} {ended.reason} {ended.words}".strip() for ended in found.outcomes]
        return said


class StoreTestCase(SynchronousTestCase):
    """
    A program of its own for each test.
    """

    options: dict[str, Any] = {}

    def setUp(self) -> None:
        self.program = Program(**self.options)
        self.addCleanup(self.program.end)
