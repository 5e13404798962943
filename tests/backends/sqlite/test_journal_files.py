"""
Which files are opened, which are refused and why, and how they are copied and looked over.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.backends.sqlite.support import CLIENT, MESSAGE, QUEUE, SCHEMA, JournalTestCase
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import (
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreTooNew,
    StoreTooOld,
    StoreUnusable,
)
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.tables import Row, Schema

ROOT = Path(__file__).resolve().parents[3]


class OpeningTests(JournalTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.journal.close()
        self.work()

    def refusal(self, kind: type[StoreError], journal: Journal | None = None) -> str:
        error = self.assertRaises(kind, (journal or self.make()).open)
        self.assertEqual(len(str(error).splitlines()), 1)
        return str(error)

    def test_nothing_before_open(self) -> None:
        """
        A journal that is only made leaves no trace: its maker may yet fork.
        """
        self.path = os.path.join(self.folder, "later.db")
        self.make()
        self.assertFalse(os.path.exists(self.path))

    def test_new_file(self) -> None:
        """
        A new store is readable by its owner alone, and keeps the identifier it was given.
        """
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        journal = self.make()
        journal.open()
        self.assertEqual((len(journal.store), journal.store), (32, self.journal.store))
        journal.close()
        self.work()

    def test_second_process(self) -> None:
        """
        Two brokers can't share one file, and the second says who has it; kill -9 of the first frees it.
        """
        holder = subprocess.Popen(
            [
                *(sys.executable, "-c"),
                "import sys; from txmqtt.backends.sqlite.lock import StoreLock\n"
                "lock = StoreLock(sys.argv[1]); lock.acquire(); print('held', flush=True); sys.stdin.read()",
                self.path,
            ],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None and holder.stdin is not None
        with holder:
            try:
                self.assertEqual(holder.stdout.readline(), b"held\n")
                self.assertIn(f"process {holder.pid}", self.refusal(StoreLocked))
            finally:
                holder.kill()
        journal = self.make()
        journal.open()
        journal.close()
        self.work()

    def test_newer(self) -> None:
        """
        A file of a newer version is refused and left as it was.
        """
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("UPDATE meta SET value=2 WHERE key='schema'")
        connection.close()
        self.assertIn("schema 2, written by a newer txmqtt", self.refusal(StoreTooNew))

    def test_older(self) -> None:
        """
        A file of an older version is brought up to date in one step, with all that it holds.
        """
        steps = {1: ("ALTER TABLE client ADD COLUMN colour",), 2: ("UPDATE client SET colour='red'",)}
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("INSERT INTO client VALUES (1, 'name')")
        connection.close()
        self.refusal(StoreTooOld, self.make(Schema("txmqtt test", 3, (), {1: steps[1]})))
        journal = self.make(Schema("txmqtt test", 3, (MESSAGE, QUEUE, CLIENT), steps))
        journal.open()
        self.assertEqual(list(journal.rows("SELECT * FROM client")), [(1, "name", "red")])
        journal.close()
        self.work()
        self.refusal(StoreTooNew)

    def test_foreign(self) -> None:
        """
        A database that is not ours is refused, and not a byte of it is changed.
        """
        self.assertIn("txmqtt test, not of other", self.refusal(StoreForeign, self.make(Schema("other", 1, ()))))
        for ddl in ("CREATE TABLE t (x)", "CREATE TABLE meta (a, b)"):
            with self.subTest(ddl=ddl):
                os.unlink(self.path)
                connection = sqlite3.connect(self.path)
                connection.execute(ddl)
                connection.close()
                with open(self.path, "rb") as file:
                    before = file.read()
                self.assertIn("another program", self.refusal(StoreForeign))
                with open(self.path, "rb") as file:
                    self.assertEqual(file.read(), before)

    def test_damaged(self) -> None:
        """
        A damaged file is refused with what was found and the two ways out.
        """
        with open(self.path, "r+b") as file:
            whole = file.read()
        for name, content in (
            ("not a database", b"garbage" * 1000),
            ("torn", whole[:100] + b"\xff" * (len(whole) - 100)),
            ("cut", whole[:4096]),
        ):
            with self.subTest(name=name):
                with open(self.path, "wb") as file:
                    file.write(content)
                message = self.refusal(StoreDamaged)
                self.assertIn(f"cp BACKUP {self.path}", message)
                self.assertIn(f"txmqtt store export {self.path}", message)

    def test_no_place(self) -> None:
        """
        Where there can be no file the operating system's reason is told.
        """
        for path, words in (
            (os.path.join(self.folder, "nowhere", "x.db"), "there is no directory"),
            (self.folder, "it is not a file"),
            ("/proc/x.db", "can't be"),
        ):
            with self.subTest(path=path):
                self.path = path
                self.assertIn(words, self.refusal(StoreUnusable))

    def test_refused_is_let_go(self) -> None:
        """
        A store that was refused is locked by nobody.
        """
        self.refusal(StoreForeign, self.make(Schema("other", 1, ())))
        journal = self.make()
        journal.open()
        journal.close()
        self.work()

    def test_left_half_done(self) -> None:
        """
        A file that a crash left in the middle of being made is no reason not to start, as a daemon either, which looks
        before it forks; who only reads is told what to do.
        """
        made = os.path.join(self.folder, "made.db")
        connection = sqlite3.connect(made, isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute("PRAGMA cache_size=1")
        connection.execute("CREATE TABLE something (value)")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO something VALUES (zeroblob(1000000))")  # more than memory holds
        os.unlink(self.path)
        for ending in ("", "-journal"):
            shutil.copyfile(made + ending, self.path + ending)
        self.assertRegex(files.check(self.path)[0], "left in the middle of a change.* start the broker once")
        files.look(self.path, SCHEMA)
        self.assertIn("another program", self.refusal(StoreForeign))  # it was opened: what was half done is gone

    def test_durability_is_a_word(self) -> None:
        """
        A durability that does not exist is refused before anything is opened.
        """
        self.assertRaises(ValueError, Journal, self.path, SCHEMA, self.reactor, self.books, "ful")


class DurabilityTests(JournalTestCase):
    def test_what_sqlite_is_told(self) -> None:
        """
        The default syncs every commit, also after the file had to be opened again.
        """
        for durability, level in (("full", "FULL"), ("normal", "NORMAL"), ("off", "OFF")):
            with self.subTest(durability=durability):
                self.assertEqual(files.DURABILITY[durability], level)
        self.assertEqual(self.disk.count("PRAGMA synchronous=FULL"), 1)
        self.disk.fail("COMMIT")
        self.journal.put(MESSAGE, self.message(1))
        self.write()
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertGreater(self.disk.count("PRAGMA synchronous=FULL"), 1)


class ReadingTests(JournalTestCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(10):
            self.journal.put(QUEUE, (number % 2, number, number))
        self.write()

    def test_read(self) -> None:
        """
        A read sees all that was committed, and a wrong one tells why.
        """
        rows = self.journal.read("SELECT seq FROM queue WHERE session=? ORDER BY seq", (1,))
        self.assertNoResult(rows)
        self.work()
        self.assertEqual(self.successResultOf(rows), [(1,), (3,), (5,), (7,), (9,)])
        for sql in ("SELECT nonsense", "DELETE FROM queue"):
            with self.subTest(sql=sql):
                wrong = self.journal.read(sql)
                self.work()
                self.failureResultOf(wrong, StoreError)

    def test_pages(self) -> None:
        """
        A long queue comes page by page, one at a time, each row once, whatever is deleted meanwhile.
        """
        pages: list[list[object]] = []

        def page(rows: list[Row]) -> None:
            pages.append([seq for _, seq in rows])
            self.journal.drop(QUEUE, rows[-1])
            self.journal.flush()

        done = self.journal.pages(
            "SELECT session, seq FROM queue WHERE (session, seq) > (?, ?) ORDER BY session, seq LIMIT ?",
            (),
            (0, 2),
            page,
            3,
        )
        self.work()
        self.successResultOf(done)
        self.assertEqual(pages, [[4, 6, 8], [1, 3, 5], [7, 9]])

    def test_rows(self) -> None:
        """
        At the start everything can be read at once, row by row.
        """
        self.assertEqual(sum(1 for _ in self.journal.rows("SELECT * FROM queue WHERE session=?", (0,))), 5)

        def wrong() -> None:
            list(self.journal.rows("SELECT nonsense"))

        self.assertRaises(StoreError, wrong)

    def test_backup(self) -> None:
        """
        A copy made while the broker runs holds all that was committed, in one file, and overwrites nothing.
        """
        target = os.path.join(self.folder, "backup.db")
        done = self.journal.backup(target)
        self.work()
        self.successResultOf(done)
        self.assertEqual(files.check(target, thorough=True), [])
        connection = sqlite3.connect(target)
        self.assertEqual(connection.execute("SELECT count(*) FROM queue").fetchone(), (10,))
        connection.close()
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("backup")], ["backup.db"])
        again = self.journal.backup(target)
        self.work()
        self.assertIn("exists", str(self.failureResultOf(again, StoreUnusable).value))

    def test_check(self) -> None:
        """
        A sound file has no faults; a damaged one has them listed.
        """
        sound = self.journal.check()
        self.work()
        self.assertEqual(self.successResultOf(sound), [])
        self.journal.close()
        self.work()
        with open(self.path, "r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 4096)
        self.assertNotEqual(files.check(self.path), [])
