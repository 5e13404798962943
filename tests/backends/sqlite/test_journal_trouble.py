"""
When the disk fails, nothing is acknowledged that was not written, and all goes on when it works again.
"""

import os
import sqlite3

from twisted.logger import capturedLogs

from tests.backends.sqlite.support import CLIENT, MESSAGE, QUEUE, JournalTestCase
from txmqtt.codec import reasons

#: How SQLite puts the troubles of a disk.
TROUBLES = (
    ("database or disk is full", sqlite3.SQLITE_FULL),
    ("disk I/O error", sqlite3.SQLITE_IOERR),
    ("attempt to write a readonly database", sqlite3.SQLITE_READONLY),
    ("database is locked", sqlite3.SQLITE_BUSY),
    ("database disk image is malformed", sqlite3.SQLITE_CORRUPT),
)


class TroubleTests(JournalTestCase):
    def test_each_trouble_fails_the_ticket(self) -> None:
        """
        Wherever a transaction fails, its ticket fails, the owner hears what is lost, and a second later all is well.
        """
        number = 0
        for what, code in TROUBLES:
            for where in ("BEGIN", "INSERT INTO message", "UPDATE meta", "COMMIT"):
                with self.subTest(what=what, where=where):
                    number += 1
                    self.books.heard.clear()
                    self.disk.fail(where, what, code)
                    self.journal.put(MESSAGE, self.message(number))
                    ticket = self.journal.ticket()
                    self.write()
                    self.assertEqual((ticket.failed, ticket.reason), (True, reasons.QUOTA_EXCEEDED))
                    self.assertEqual(list(self.books.losses[-1][0].rows(MESSAGE)), [number])
                    self.assertEqual(self.ids(), [])
                    self.assertIn(what, self.books.heard[0])
                    self.assertEqual(self.books.heard[1], "lost")
                    self.disk.heal()
                    self.reactor.advance(1.0)
                    self.work()
                    self.assertEqual((self.journal.healthy, self.books.heard[-1]), (True, "recovered"))

    def test_trouble_is_told_once(self) -> None:
        """
        An hour of a full disk is one line in the log and one when it is over; no new work is taken meanwhile.
        """
        self.disk.fail("INSERT", "database or disk is full", sqlite3.SQLITE_FULL)
        self.journal.put(MESSAGE, self.message(1))
        self.write()
        self.assertEqual((self.journal.healthy, self.journal.accepting), (False, False))
        for _ in range(20):
            self.reactor.advance(1.0)
            self.work()
        self.assertEqual(self.journal.healthy, False)
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertEqual(self.journal.accepting, True)
        self.assertEqual(
            [said.split(":")[0] for said in self.books.heard], ["troubled", "lost", "settled", "recovered"]
        )

    def test_what_waits_is_written_when_the_disk_recovers(self) -> None:
        """
        What nobody waits for, a subscriber's acknowledgement say, is kept through the trouble and written after it.
        """
        self.journal.put(MESSAGE, self.message(1))
        self.journal.put(QUEUE, (1, 1, 1))
        self.write()
        self.books.on_lost = lambda batches: self.journal.retry(batches, QUEUE)
        self.disk.fail("COMMIT")
        self.journal.drop(QUEUE, (1, 1))
        self.journal.put(MESSAGE, self.message(2))
        self.write()
        self.journal.put(QUEUE, (1, 2, 1))
        self.write()
        self.assertEqual(self.on_disk("SELECT seq FROM queue"), [(1,)])
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertEqual((self.on_disk("SELECT seq FROM queue"), self.ids()), ([(2,)], [1]))

    def test_later_words_beat_retried_ones(self) -> None:
        """
        What the owner says while it puts its books back stands, also against what it then tries again.
        """

        def put_back(batches: object) -> None:
            self.journal.put(CLIENT, (1, "as it was"))
            self.journal.retry(self.books.losses[-1], CLIENT)

        self.books.on_lost = put_back
        self.disk.fail("COMMIT")
        self.journal.put(CLIENT, (1, "changed"))
        self.journal.put(CLIENT, (2, "new"))
        self.write()
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertEqual(self.on_disk("SELECT * FROM client"), [(1, "as it was"), (2, "new")])

    def test_all_that_is_not_committed_fails_together(self) -> None:
        """
        A batch that grew on a lost one fails with it: no queue row is written whose message never was.
        """
        self.disk.fail("INSERT INTO message")
        self.journal.put(MESSAGE, self.message(1))
        self.journal.flush()
        write = self.workers[0].jobs.pop()
        write()  # the thread has it ...
        self.journal.put(QUEUE, (1, 1, 1))  # ... and the reactor does not know yet
        second = self.journal.ticket()
        self.write()
        self.assertTrue(second.failed)
        self.assertEqual([len(lost) for lost in self.books.losses], [2])
        self.assertEqual(self.books.heard.count("lost"), 1)
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertEqual(self.on_disk("SELECT * FROM queue"), [])

    def test_full_at_the_commit(self) -> None:
        """
        A COMMIT for which there was no room is known not to have happened: who waits is told at once, though the file
        can't be opened again before there is room.
        """
        self.disk.fail("COMMIT", "database or disk is full", sqlite3.SQLITE_FULL)
        self.disk.fail("open", "unable to open database file", sqlite3.SQLITE_CANTOPEN)
        self.journal.put(MESSAGE, self.message(1))
        ticket = self.journal.ticket()
        self.write()
        self.assertEqual((ticket.failed, self.journal.healthy), (True, False))
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertEqual((self.journal.healthy, self.ids()), (True, []))

    def test_full_and_there_all_the_same(self) -> None:
        """
        If it is there after all, it counts.
        """
        self.disk.commits_anyway = True
        self.disk.fail("COMMIT", "database or disk is full", sqlite3.SQLITE_FULL)
        self.journal.put(MESSAGE, self.message(1))
        ticket = self.journal.ticket()
        self.write()
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertEqual((ticket.done, ticket.failed, self.ids()), (True, False, [1]))

    def test_log_that_stays(self) -> None:
        """
        A log that can't be brought in is told of once, and counted; nothing else suffers.
        """
        self.disk.fail("PRAGMA wal_checkpoint")
        with capturedLogs() as events:
            for number in range(3):
                self.journal.put(MESSAGE, self.message(number))
                self.write()
                self.reactor.advance(10.0)
                self.work()
        self.assertEqual([event["log_level"].name for event in events], ["error"])
        self.assertEqual((self.journal.figures.checkpoints_failing, self.journal.healthy), (3, True))
        self.disk.heal()
        self.journal.put(MESSAGE, self.message(9))
        self.write()
        self.reactor.advance(10.0)
        self.work()
        self.assertEqual(self.journal.figures.checkpoints_failing, 0)

    def test_half_a_probe(self) -> None:
        """
        A probe of which only the first half went well is no obstacle to the next.
        """
        self.disk.fail("COMMIT")
        self.journal.put(MESSAGE, self.message(1))
        self.write()
        self.disk.heal()
        self.disk.fail("DELETE FROM meta")
        self.reactor.advance(1.0)
        self.work()
        self.assertFalse(self.journal.healthy)
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertTrue(self.journal.healthy)

    def test_flapping(self) -> None:
        """
        A disk that takes the probe and refuses what is to be written is tried once a second, and told of once.
        """
        self.books.on_lost = lambda batches: self.journal.retry(batches, MESSAGE)
        self.disk.fail("COMMIT")
        self.journal.put(MESSAGE, self.message(1))
        self.write()
        for _ in range(10):
            self.reactor.advance(1.0)
            self.work()
        self.assertLessEqual(self.disk.count("COMMIT"), 12)
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertEqual(self.ids(), [1])
        self.assertEqual([said for said in self.books.heard if said[0] in "tr"][1:], ["recovered"])

    def test_commit_that_failed_and_did_happen(self) -> None:
        """
        After a COMMIT of unknown fate the file itself is asked; what it has is acknowledged, not refused.
        """
        self.disk.commits_anyway = True
        self.disk.fail("COMMIT")
        self.journal.put(MESSAGE, self.message(1))
        ticket = self.journal.ticket()
        self.write()
        self.assertEqual((ticket.done, ticket.failed, self.ids()), (True, False, [1]))
        self.assertEqual(self.books.losses, [])
        self.disk.heal()
        self.reactor.advance(1.0)
        self.work()
        self.assertTrue(self.journal.healthy)

    def test_unknown_fate_is_not_decided_early(self) -> None:
        """
        While the file can't be opened, or what it has can't be synced, the ticket says neither yes nor no.
        """
        self.disk.commits_anyway = True
        for where in ("open", "PRAGMA wal_checkpoint"):
            with self.subTest(where=where):
                self.disk.fail("COMMIT")
                self.disk.fail(where)
                self.journal.put(MESSAGE, self.message(1, where))
                ticket = self.journal.ticket()
                self.write()
                self.reactor.advance(1.0)
                self.work()
                self.assertFalse(ticket.done)
                self.assertFalse(self.journal.accepting)
                self.disk.heal()
                self.reactor.advance(1.0)
                self.work()
                self.assertEqual((ticket.done, ticket.failed), (True, False))
                self.assertEqual(self.on_disk("SELECT topic FROM message"), [(where,)])

    def test_commit_that_failed_on_a_full_disk(self) -> None:
        """
        A commit that the file does not have is refused at once, though the disk stays full.
        """
        self.disk.fail("COMMIT", "database or disk is full", sqlite3.SQLITE_FULL)
        self.disk.fail("INSERT INTO meta", "database or disk is full", sqlite3.SQLITE_FULL)
        self.journal.put(MESSAGE, self.message(1))
        ticket = self.journal.ticket()
        self.write()
        self.assertEqual((ticket.failed, self.journal.healthy), (True, False))

    def test_file_that_is_gone(self) -> None:
        """
        A file deleted under a running broker takes no more acknowledgements with it.
        """
        os.rename(self.path, self.path + ".gone")
        self.journal.put(MESSAGE, self.message(1))
        ticket = self.journal.ticket()
        self.write()
        self.assertTrue(ticket.failed)
        self.reactor.advance(1.0)
        self.work()
        self.assertFalse(self.journal.healthy)
        self.assertFalse(os.path.exists(self.path))

    def test_close_while_the_disk_fails(self) -> None:
        """
        A broker can be stopped while its disk fails; what was not written is said to be lost.
        """
        for where in ("INSERT INTO message", "COMMIT"):
            with self.subTest(where=where):
                journal = self.make()
                self.journal.close()
                self.work()
                journal.open()
                self.journal = journal
                self.books.on_lost = lambda batches, journal=journal: journal.retry(batches, MESSAGE)  # type: ignore[misc]
                self.disk.fail(where)
                journal.put(MESSAGE, self.message(1))
                ticket = journal.ticket()
                closed = journal.close()
                self.work()
                self.successResultOf(closed)
                self.assertTrue(ticket.failed)
                self.assertEqual(self.reactor.getDelayedCalls(), [])
                self.disk.heal()


class PoisonTests(JournalTestCase):
    def test_row_that_can_not_be_written(self) -> None:
        """
        A value that no disk takes fails its batch, is named, and is left out when the rest is tried again.
        """
        for culprit in (2**70, "\ud800", None, object()):
            with self.subTest(culprit=culprit):
                self.books.on_lost = lambda batches: self.journal.retry(batches, MESSAGE)
                for number in range(100):
                    self.journal.put(MESSAGE, self.message(number))
                self.journal.put(MESSAGE, self.message(7, culprit))
                ticket = self.journal.ticket()
                self.write()
                self.assertEqual((ticket.failed, ticket.reason), (True, reasons.IMPLEMENTATION_SPECIFIC_ERROR))
                self.assertEqual(self.books.losses[-1][0].culprits, [(MESSAGE, 7)])
                self.assertEqual(len(self.ids()), 99)
                self.assertTrue(self.journal.healthy)

    def test_collision(self) -> None:
        """
        A row never silently takes the place of another that is not of its key.
        """
        self.journal.put(CLIENT, (1, "name"))
        self.write()
        self.journal.put(CLIENT, (2, "name"))
        ticket = self.journal.ticket()
        self.write()
        self.assertTrue(ticket.failed)
        self.assertEqual(self.books.losses[-1][0].culprits, [(CLIENT, 2)])
        self.assertEqual(self.on_disk("SELECT * FROM client"), [(1, "name")])

    def test_statement_that_can_not_be_run(self) -> None:
        """
        A statement that is wrong fails its batch and nothing after it.
        """
        self.journal.run("DELETE FROM nowhere")
        ticket = self.journal.ticket()
        self.write()
        self.assertTrue(ticket.failed)
        self.journal.put(MESSAGE, self.message(1))
        self.write()
        self.assertEqual(self.ids(), [1])
