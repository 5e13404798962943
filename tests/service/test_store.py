"""
The broker as a service that keeps things on disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.backends.sqlite.support import Disk, ManualWorker
from tests.backends.sqlite.support_backend import PromptWorker
from tests.service.support import Client, FakeEndpoint, Stage, scratch
from txmqtt.backends.sqlite.errors import StoreDamaged, StoreError, StoreLocked
from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5, PUBACK
from txmqtt.codec.errors import Refused
from txmqtt.codec.packets import Ack, Connect, Disconnect, Publish
from txmqtt.codec.properties import Properties
from txmqtt.service.broker import BrokerService


def returning(name: str) -> Connect:
    """
    The CONNECT of somebody who wants the session back.
    """
    return Connect(name, MQTT5, clean_start=False, keep_alive=60, properties=Properties(session_expiry_interval=3600))


class Reactor(MemoryReactorClock):
    """
    Calls from threads come at once.
    """

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        callable(*args, **kwargs)


class StoreTestCase(SynchronousTestCase):
    """
    Services on one file, with a disk that does what the test says.
    """

    def setUp(self) -> None:
        self.folder = scratch(self)
        self.path = self.folder / "mqtt.db"
        self.disk = Disk()
        self.workers: list[ManualWorker] = []

    def stage(self, prompt: bool = True, **settings: Any) -> Stage:
        """
        A service that has not started.

        @param prompt: the disk is done at once; otherwise when C{work} says so.
        """
        return Stage(
            Policy(sys_interval=0),
            reactor=Reactor(),
            store=self.path,
            workers=lambda name: PromptWorker() if prompt else self.worker(),
            connect=self.disk.connect,
            **settings,
        )

    def worker(self) -> ManualWorker:
        self.workers.append(ManualWorker())
        return self.workers[-1]

    def started(self, prompt: bool = True, **settings: Any) -> Stage:
        stage = self.stage(prompt, **settings)
        stage.service.startService()
        return stage

    def stopped(self, stage: Stage) -> None:
        self.successResultOf(stage.service.stopService())

    def work(self) -> None:
        """
        The disk has all the time it needs.
        """
        while any([worker.work() for worker in self.workers]):
            pass

    def rows(self, sql: str) -> list[Any]:
        """
        What somebody else finds in the file.
        """
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        """
        What somebody else does to the file.
        """
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(sql)

    def publish(self, stage: Stage, payload: bytes, retain: bool = False) -> None:
        """
        The program publishes to C{t}, and it is kept.
        """
        published = stage.service.publish("t", payload, 1, retain)
        stage.reactor.advance(0)
        self.assertLess(self.successResultOf(published), reasons.FAILURE)

    def park(self, stage: Stage, name: str = "sleeper") -> None:
        """
        Somebody subscribes to C{t}, and goes.
        """
        client = stage.client(name=name, expiry=3600)
        client.subscribe(b"t", 1)
        client.say(Disconnect())

    def waiting(self, stage: Stage, name: str = "sleeper") -> list[bytes]:
        """
        What is there for somebody who comes back; it is acknowledged.
        """
        client = Client(stage.endpoint.factory)
        client.say(returning(name))
        found = [each for each in client.heard() if isinstance(each, Publish)]
        for each in found:
            client.say(Ack(PUBACK, each.packet_id))
        client.say(Disconnect())
        return [each.payload for each in found]

    def open_files(self) -> list[str]:
        """
        Which files of the store this process has open.
        """
        opened = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        return [name for name in opened if name.startswith(str(self.folder))]


class ReturnTests(StoreTestCase):
    def test_another_process(self) -> None:
        """
        Sessions, subscriptions, what is queued and what is retained are there for the next service on the same file.
        """
        first = self.started()
        self.park(first)
        self.publish(first, b"word", retain=True)
        self.stopped(first)
        second = self.started()
        stats = second.service.stats
        self.assertEqual((stats.sessions, stats.subscriptions, stats.queued, stats.retained), (1, 1, 1, 1))
        self.assertEqual(self.waiting(second), [b"word"])
        self.stopped(second)

    def test_killed(self) -> None:
        """
        They are there too when the first was not stopped, as after kill -9.
        """
        first = self.started()
        self.park(first)
        self.publish(first, b"word")
        for name in os.listdir(self.folder):
            if not name.endswith(("-shm", ".lock")):
                (self.folder / f"found-{name}").write_bytes((self.folder / name).read_bytes())
        self.stopped(first)
        self.path = self.folder / "found-mqtt.db"
        second = self.started()
        self.assertEqual(self.waiting(second), [b"word"])
        self.stopped(second)

    def test_started_again(self) -> None:
        """
        A service that was stopped and is started again comes back from the file, as another process would.
        """
        stage = self.started()
        for word in (b"one", b"two"):
            self.park(stage)
            self.publish(stage, word)
            self.stopped(stage)
            self.assertFalse(stage.endpoint.port.listening)
            self.change("UPDATE queue SET payload = CAST(payload || '!' AS BLOB)")
            ready = stage.service.whenReady()
            stage.service.startService()
            self.assertEqual(self.successResultOf(ready), [stage.endpoint.port.address])
            self.assertEqual(stage.service.stats.sessions, 1)
            self.assertEqual(self.waiting(stage), [word + b"!"])
        self.stopped(stage)

    def test_first_words(self) -> None:
        """
        The log says where things are kept, how safely, and what came back.
        """
        stage = self.started()
        self.park(stage, "one")
        self.park(stage, "two")
        self.publish(stage, b"word", retain=True)
        self.stopped(stage)
        for durability in ("full", "normal", "off"):
            with capturedLogs() as events:
                stage = self.started(durability=durability)
            self.stopped(stage)
            (said,) = [event["log_format"].format(**event) for event in events if "durability" in event]
            self.assertEqual(
                said.rpartition(" after ")[0],
                f"sessions and messages are kept in {self.path} (durability {durability}): "
                f"2 sessions, 2 queued and 1 retained messages are back",
            )
            self.assertIn(f"PRAGMA synchronous={durability.upper()}", self.disk.heard)

    def test_relative(self) -> None:
        """
        A relative file name is meant where the service was made, wherever the program goes later.
        """
        home = os.getcwd()
        self.addCleanup(os.chdir, home)
        os.chdir(self.folder)
        self.path = Path("here.db")
        stage = self.stage()
        os.chdir(home)
        stage.service.startService()
        self.assertTrue((self.folder / "here.db").exists())
        self.stopped(stage)


class RefusalTests(StoreTestCase):
    def refused(self, kind: type[StoreError], stage: Stage) -> str:
        """
        What a start is answered that fails, after which nobody is let in and nothing stays open.
        """
        early = stage.service.whenReady()
        with capturedLogs() as events, self.assertRaises(kind) as caught:
            stage.service.startService()
        said = str(caught.exception)
        self.assertEqual([each["trouble"] for each in events if each["log_level"].name == "critical"], [said])
        self.assertFalse(stage.endpoint.port.listening)
        for ready in (early, stage.service.whenReady()):
            self.assertEqual(str(self.failureResultOf(ready, kind).value), said)
        self.assertEqual(stage.reactor.getDelayedCalls(), [])
        return said

    def test_in_use(self) -> None:
        """
        A second service on the same file is refused with the number of the first one's process, and may have the file
        when the first has stopped.
        """
        first, slow = self.started(), FakeEndpoint()
        second = self.stage(listen=[prompt := FakeEndpoint(), slow])
        second.endpoint = prompt
        for _ in range(2):
            said = self.refused(StoreLocked, second)
            self.assertEqual(said, f"{self.path} is in use by process {os.getpid()}")
        self.stopped(first)
        slow.slow = True
        second.service.startService()
        ready = second.service.whenReady()
        self.assertNoResult(ready)
        slow.opening.callback(slow.port)
        self.assertEqual(self.successResultOf(ready), [prompt.port.address, slow.port.address])
        self.stopped(second)

    def test_no_place(self) -> None:
        """
        Where there can be no file, the start says so; to stop what did not start does no harm.
        """
        self.path = self.folder / "nowhere" / "mqtt.db"
        stage = self.stage()
        self.assertIn(f"there is no directory {self.folder}/nowhere", self.refused(StoreError, stage))
        self.stopped(stage)

    def test_damaged(self) -> None:
        """
        A file that holds what nobody wrote is refused, with the two ways out, and let go of, whoever finds out.
        """
        for damage in (
            "UPDATE retained SET properties = x'ffffff'",
            "UPDATE retained SET topic = NULL",
            "UPDATE note SET value = '{'",
            "UPDATE session SET client_id = CAST(x'ff' AS TEXT)",
        ):
            with self.subTest(damage=damage):
                self.path.unlink(missing_ok=True)
                stage = self.started()
                self.park(stage)
                self.publish(stage, b"word", retain=True)
                self.stopped(stage)
                self.change(damage)
                before = self.path.read_bytes()
                said = self.refused(StoreDamaged, self.stage())
                self.assertRegex(said, rf"^{self.path} is damaged \(.*cp BACKUP {self.path}")
                self.assertEqual(self.path.read_bytes(), before)
                self.assertEqual(self.open_files(), [])


class WaitingTests(StoreTestCase):
    def test_publish_waits(self) -> None:
        """
        What the program publishes is kept when its Deferred fires, and not before.
        """
        stage = self.started(prompt=False)
        self.addCleanup(self.work)
        self.addCleanup(stage.service.stopService)
        published = stage.service.publish("t", b"word", 1, retain=True)
        stage.reactor.advance(0)
        self.assertNoResult(published)
        self.assertEqual(self.rows("SELECT * FROM retained"), [])
        self.work()
        self.assertEqual(self.successResultOf(published), reasons.SUCCESS)
        self.assertEqual(self.rows("SELECT topic, payload FROM retained"), [(b"t", b"word")])

    def test_publish_fails(self) -> None:
        """
        While the disk fails the program learns that its message is not kept; then it can publish again.
        """
        stage = self.started()
        self.addCleanup(stage.service.stopService)
        self.disk.fail("INSERT INTO retained", "disk I/O error")
        for _ in range(2):
            published = stage.service.publish("t", b"word", 1, retain=True)
            stage.reactor.advance(0)
            refused = self.failureResultOf(published, Refused).value
            self.assertEqual(refused.reason, reasons.QUOTA_EXCEEDED)
        self.disk.heal()
        stage.reactor.advance(1)
        self.publish(stage, b"again", retain=True)

    def test_publish_without_a_store(self) -> None:
        """
        While the store is not open nothing can be published, since what comes back could not know of it.
        """
        stage = self.stage()
        self.failureResultOf(stage.service.publish("t", b"early", 1, retain=True), Refused)
        stage.service.startService()
        self.publish(stage, b"word", retain=True)
        self.stopped(stage)
        for qos in (0, 1):
            self.failureResultOf(stage.service.publish("t", b"late", qos, retain=True), Refused)
        self.stopped(stage)
        self.assertEqual(self.rows("SELECT payload FROM retained"), [(b"word",)])

    def test_stop_writes(self) -> None:
        """
        A stop is over when all is written: what was published before, and that who was connected is gone.
        """
        stage = self.started(prompt=False)
        client = Client(stage.endpoint.factory)
        client.say(returning("sleeper"))
        self.work()
        self.assertEqual(self.rows("SELECT client_id, parked_at FROM session"), [("sleeper", None)])
        published = stage.service.publish("t", b"word", 1, retain=True)
        stopped = stage.service.stopService()
        self.assertNoResult(stopped)
        self.assertIn(str(self.path), self.open_files())
        self.work()
        self.successResultOf(stopped)
        self.assertEqual(self.successResultOf(published), reasons.SUCCESS)
        ((parked_at,),) = self.rows("SELECT parked_at FROM session")
        self.assertGreater(parked_at, 0)
        self.assertEqual(self.rows("SELECT payload FROM retained"), [(b"word",)])
        self.assertEqual(self.open_files(), [])

    def test_stop_while_the_disk_fails(self) -> None:
        """
        A disk that fails does not keep the broker from stopping; what could not be written is refused.
        """
        stage = self.started()
        self.disk.fail("BEGIN IMMEDIATE")
        published = stage.service.publish("t", b"word", 1, retain=True)
        self.stopped(stage)
        self.failureResultOf(published, Refused)
        self.assertEqual(self.open_files(), [])


class ThreadTests(TestCase):
    timeout = 30

    async def test_threads(self) -> None:
        """
        What was published comes back, and of a service that has stopped no thread and no open file is left.
        """
        folder = scratch(self)
        path, policy = folder / "mqtt.db", Policy(sys_interval=0)
        for found in (0, 1):
            service = BrokerService(global_reactor, [FakeEndpoint()], None, policy, store=path)
            service.startService()
            self.assertEqual(service.stats.retained, found)
            self.assertEqual(await service.publish("t", b"word", 1, retain=True), reasons.SUCCESS)
            await service.stopService()
        self.assertEqual([each.name for each in threading.enumerate() if each.name.startswith("txmqtt")], [])
        opened = {os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}
        self.assertEqual([name for name in opened if name.startswith(str(folder))], [])
