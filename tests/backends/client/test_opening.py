"""
Which files are opened, which are refused and why, and how a store ends.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests.backends.client.support import StoreTestCase
from txmqtt.backends.client.store import ClientStore
from txmqtt.backends.sqlite.errors import (
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreTooNew,
    StoreUnusable,
)
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.codec import reasons

NOT_KEPT = reasons.IMPLEMENTATION_SPECIFIC_ERROR
ROOT = Path(__file__).resolve().parents[3]


class RefusalTests(StoreTestCase):
    def refusal(self, kind: type[StoreError]) -> str:
        """
        Why it can't be opened, in one line; and nothing is left open or locked.
        """
        store = self.program.make()
        opening = store.open()
        self.program.work()
        words = str(self.failureResultOf(opening, kind).value)
        self.assertEqual(len(words.splitlines()), 1)
        self.assertIn(self.program.path, words)
        self.successResultOf(store.close())
        return words

    def change(self, sql: str) -> None:
        """
        Change the file, which no program has meanwhile.
        """
        self.program.close()
        with closing(sqlite3.connect(self.program.path)) as connection, connection:
            connection.execute(sql)

    def test_another_client_of_this_program(self) -> None:
        """
        Two clients of one program can't share a file.
        """
        self.assertIn("is in use by another client of this program", self.refusal(StoreLocked))

    def test_another_program(self) -> None:
        """
        Nor can two programs, and the second says who has it.
        """
        self.program.close()
        holder = subprocess.Popen(
            [
                *(sys.executable, "-c"),
                "import sys; from txmqtt.backends.sqlite.lock import StoreLock\n"
                "lock = StoreLock(sys.argv[1]); lock.acquire(); print('held', flush=True); sys.stdin.read()",
                self.program.path,
            ],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None and holder.stdin is not None
        with holder:
            try:
                self.assertEqual(holder.stdout.readline(), b"held\n")
                self.assertIn(f"is in use by process {holder.pid}", self.refusal(StoreLocked))
            finally:
                holder.kill()

    def test_newer(self) -> None:
        """
        A file of a later version is left alone.
        """
        self.change("UPDATE meta SET value=99 WHERE key='schema'")
        self.assertIn("written by a newer txmqtt", self.refusal(StoreTooNew))

    def test_of_a_broker(self) -> None:
        """
        So is what belongs to somebody else.
        """
        self.change("UPDATE meta SET value='txmqtt broker' WHERE key='application'")
        self.assertIn("a store of txmqtt broker, not of txmqtt client", self.refusal(StoreForeign))

    def test_damaged(self) -> None:
        """
        What is read must be what can have been written; the message says what can be done.
        """
        self.program.queue("a")
        self.program.write()
        self.change("UPDATE promise SET properties = x'ff'")
        words = self.refusal(StoreDamaged)
        self.assertIn("restore a backup", words)
        self.assertIn("begin anew", words)
        with open(self.program.path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 16_384)
        self.assertIn("is damaged", self.refusal(StoreDamaged))

    def test_no_place(self) -> None:
        """
        A folder that is not there, or a name that is a folder's.
        """
        self.program.close()
        self.program.path += ".d/app.db"
        self.assertIn("there is no directory", self.refusal(StoreUnusable))
        self.program.path = self.program.folder.name
        self.assertIn("is not a file", self.refusal(StoreUnusable))

    def test_read_only(self) -> None:
        """
        A folder in which nothing can be written.
        """
        if os.getuid() == 0:
            self.skipTest("nothing is read-only for root")
        self.program.close()
        os.chmod(self.program.folder.name, 0o500)
        self.addCleanup(os.chmod, self.program.folder.name, 0o700)
        self.assertIn("is not writable", self.refusal(StoreUnusable))

    def test_no_room(self) -> None:
        """
        A disk that is full when the file is made.
        """
        self.program.close()
        os.unlink(self.program.path)
        self.program.disk.fail("CREATE TABLE", "database or disk is full", sqlite3.SQLITE_FULL)
        self.assertIn("database or disk is full", self.refusal(StoreUnusable))
        self.assertIsNone(StoreLock(self.program.path).holder())

    def test_bad_names(self) -> None:
        """
        What is no name of a file is refused where it is given.
        """
        for name, kind in ((b"app.db", TypeError), (None, TypeError), ("", ValueError), ("a\0b", ValueError)):
            with self.subTest(name=name):
                self.assertRaises(kind, ClientStore, name, self.program.reactor)
        self.assertRaises(ValueError, ClientStore, "app.db", self.program.reactor, "mostly")


class EndTests(StoreTestCase):
    def test_nothing_before_open(self) -> None:
        """
        A store that is only made leaves no trace; and one that is not open keeps nothing, and says so.
        """
        self.program.path += ".later"
        self.program.close()
        store = self.program.make()
        self.assertFalse(os.path.exists(self.program.path))
        self.assertRaises(StoreError, store.received, 1)
        self.assertRaises(StoreError, store.recall)
        self.successResultOf(store.close())
        self.successResultOf(store.close())

    def test_open_again(self) -> None:
        """
        A store that was closed, or is being closed, can be opened again; one that is open can't.
        """
        store = self.program.store
        self.assertRaises(RuntimeError, store.open)
        self.program.queue("a", 2)
        self.program.send("a", 1)
        for wait in (True, False):
            closed = store.close()
            if wait:
                self.program.work()
            opened = store.open()
            self.program.work()
            self.successResultOf(closed)
            (promise,) = self.successResultOf(opened).promises
            self.assertEqual(promise.packet_id, 1)
            self.program.receive(5)
            self.program.write()
            self.assertEqual(self.program.reasons()[-1], 0)

    def test_before_it_is_open(self) -> None:
        """
        What is queued before the store is open, or while it is closed, is kept when it is, behind what a former life
        had queued; or refused, when it can't be opened.
        """
        self.program.queue("a")
        self.program.close()
        self.program.tickets.clear()
        store = self.program.store
        for name in ("b", "c", "d"):
            self.program.queue(name, 2, name)
            self.assertNotEqual(self.program.items[name].home, 0)
            self.assertIs(self.program.keeper.queued(self.program.items[name], name), self.program.tickets[-1])
        self.program.settle("c")
        opening = store.open()
        self.program.queue("e")
        self.program.work()
        found = self.successResultOf(opening)
        self.assertEqual([promise.message.payload for promise in found.promises], [b"a"])
        self.assertEqual(self.program.reasons(), [None, 0, None, None])
        self.program.write()
        self.assertEqual(self.program.reasons(), [0, 0, 0, 0])
        self.program.kill()
        self.assertEqual(self.program.summary(), ["a queued", "b queued key=b", "d queued key=d", "e queued"])
        self.program.close()
        self.program.queue("f")
        lock = StoreLock(self.program.path)
        lock.acquire()
        opening = self.program.store.open()
        self.program.work()
        lock.release()
        self.failureResultOf(opening, StoreLocked)
        self.assertEqual((self.program.reasons(), self.program.items["f"].home), ([NOT_KEPT], 0))

    def test_a_key_that_was_not_known_to_be_taken(self) -> None:
        """
        What is queued before it can be known that a former life has used its key is not kept; what that life had
        promised is.
        """
        self.program.queue("a", 1, "k")
        self.program.queue("b", 1, "l")
        self.program.settle("b")
        self.program.close()
        self.program.tickets.clear()
        for name, key in (("c", "k"), ("d", "l"), ("e", "m"), ("f", "")):
            self.program.queue(name, 1, key)
        opening = self.program.store.open()
        self.program.work()
        self.successResultOf(opening)
        self.program.write()
        self.assertEqual(self.program.reasons(), [reasons.QUOTA_EXCEEDED] * 2 + [0, 0])
        self.program.kill()
        self.assertEqual(self.program.summary(), ["a queued key=k", "e queued key=m", "f queued", "outcome l 0"])

    def test_recall(self) -> None:
        """
        What was found can be asked for until the first step is told.
        """
        self.program.queue("a")
        self.program.write()
        self.program.kill()
        self.assertIs(self.program.keeper.recall(), self.program.found)
        self.assertIs(self.program.keeper.recall(), self.program.found)
        self.program.settle("a")
        self.assertIn("in use", str(self.assertRaises(StoreError, self.program.keeper.recall)))

    def test_close_writes_what_is_in_hand(self) -> None:
        """
        A program that ends as it should loses nothing, and leaves one file without a log, and no lock.
        """
        self.program.queue("a", 2)
        self.program.send("a", 1)
        self.program.receive(5)
        closed = self.program.store.close(), self.program.store.close()
        self.assertNoResult(closed[0])
        self.program.work()
        for each in closed:
            self.successResultOf(each)
        self.assertEqual(self.program.reasons(), [0, 0, 0])
        self.assertEqual(self.program.reactor.getDelayedCalls(), [])
        self.assertEqual(
            sorted(os.listdir(self.program.folder.name)), ["app.db", "app.db.lock"], "a log, or more, was left"
        )
        self.assertIsNone(StoreLock(self.program.path).holder())
        self.assertTrue(all(worker.stopped for worker in self.program.workers))
        self.program.start()
        self.assertEqual(self.program.summary(), ["a sent 1", "received 5"])

    def test_after_the_end(self) -> None:
        """
        Steps that come when the store is closing or closed fail, or are not recorded; none raises.
        """
        self.program.queue("a", 2, "k")
        self.program.write()
        item = self.program.items["a"]
        closed: list[Deferred[None]] = []
        for step in (lambda: closed.append(self.program.store.close()), self.program.work):
            step()
            self.program.tickets.clear()
            self.program.items = {"a": item}
            self.program.send("a", 1)
            self.program.release("a")
            self.program.receive(1)
            self.program.finish(1)
            self.program.wish(b"w")
            self.program.unwish(b"w")
            self.program.settle("a")
            self.program.told("k")
            self.program.name("me")
            self.program.lose()
            self.assertTrue(all(reason and reason >= reasons.FAILURE for reason in self.program.reasons()))
        self.successResultOf(closed[0])
        self.program.start()
        self.assertEqual(self.program.summary(), ["a queued key=k"])

    def test_closed_while_it_opens(self) -> None:
        """
        Closing does not wait to be asked at the right moment.
        """
        self.program.close()
        store = self.program.make()
        opening, closed = store.open(), store.close()
        self.assertNoResult(closed)
        self.program.work()
        self.failureResultOf(opening, StoreError)
        self.successResultOf(closed)
        self.assertIsNone(StoreLock(self.program.path).holder())
        self.program.start()

    def test_a_file_that_is_gone(self) -> None:
        """
        A file deleted under a running program takes no promise with it.
        """
        os.rename(self.program.path, self.program.path + ".gone")
        with capturedLogs():
            self.program.queue("a")
            self.program.write()
            self.assertEqual(self.program.reasons(), [reasons.QUOTA_EXCEEDED])
            os.rename(self.program.path + ".gone", self.program.path)
            self.program.wait(1.0)
        self.assertTrue(self.program.store.healthy)
