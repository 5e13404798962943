"""
The journal on its own threads and a real reactor, and what kill -9 leaves of it.
"""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.backends.sqlite.support import MESSAGE, QUEUE, SCHEMA, Books
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.session.tickets import Caller, Ticket

ROOT = Path(__file__).resolve().parents[3]


class ThreadTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "test.db")
        self.journal = Journal(self.path, SCHEMA, reactor, Books())
        self.journal.open()
        self.addCleanup(self.journal.close)

    def settled(self, ticket: Ticket) -> "Deferred[int]":
        done: Deferred[int] = Deferred()
        ticket.wait(Caller(done.callback))
        return done

    async def test_written(self) -> None:
        """
        What is put, ticket after ticket, is there for every reader when the ticket is settled.
        """
        for number in range(50):
            self.journal.put(MESSAGE, (number, b"t", b"p"))
            ticket = self.journal.ticket()
            self.journal.flush()
            self.assertEqual(await self.settled(ticket), 0)
            self.assertEqual(await self.journal.read("SELECT count(*) FROM message"), [(number + 1,)])

    async def test_all_at_once(self) -> None:
        """
        Writing, reading page by page, copying and checking go on beside each other.
        """
        tickets = []
        for turn in range(40):
            for number in range(turn * 50, turn * 50 + 50):
                self.journal.put(QUEUE, (1, number, number))
            tickets.append(self.journal.ticket())
            self.journal.flush()
            if turn == 20:
                copied = self.journal.backup(self.path + ".copy")
                checked = self.journal.check()
        for ticket in tickets:
            if not ticket.done:
                self.assertEqual(await self.settled(ticket), 0)
        seen: list[object] = []
        await self.journal.pages(
            "SELECT seq FROM queue WHERE session=? AND seq > ? ORDER BY seq LIMIT ?",
            (1,),
            (-1,),
            lambda rows: seen.extend(seq for (seq,) in rows),
            100,
        )
        self.assertEqual(seen, list(range(2000)))
        await copied
        self.assertEqual(await checked, [])
        self.assertEqual(files.check(self.path + ".copy"), [])


class KillTests(SynchronousTestCase):
    def test_nothing_acknowledged_is_lost(self) -> None:
        """
        A program is killed at any moment, five times over: what it said was kept is there, whole, in a sound file.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "test.db")
            acknowledged: set[int] = set()
            number = 0
            for _ in range(5):
                program = subprocess.Popen(
                    [sys.executable, "-m", "tests.backends.sqlite.killed", path, str(number)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                )
                assert program.stdout is not None
                with program:
                    for _ in range(random.randrange(1, 60)):
                        if not (line := program.stdout.readline()):
                            break
                        acknowledged.update(range(*map(int, line.split())))
                    program.kill()
                    for line in program.stdout:
                        acknowledged.update(range(*map(int, line.split())))
                connection = sqlite3.connect(path)
                messages = {number for (number,) in connection.execute("SELECT id FROM message")}
                queued = {number for (number,) in connection.execute("SELECT message FROM queue")}
                connection.close()
                self.assertEqual(acknowledged - messages, set())
                self.assertEqual(messages, queued)
                self.assertEqual(files.check(path, thorough=True), [])
                number = max(messages, default=-1) + 1
            self.assertGreater(len(acknowledged), 50)
