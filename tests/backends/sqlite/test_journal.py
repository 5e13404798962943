"""
What is changed in memory is on disk when its ticket says so.
"""

from tests.backends.sqlite.support import CLIENT, MESSAGE, QUEUE, SCHEMA, JournalTestCase
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.shapes import Limits
from txmqtt.backends.sqlite.tables import Schema


class WritingTests(JournalTestCase):
    def test_ticket_waits_for_the_commit(self) -> None:
        """
        Nothing is acknowledged before it is on disk, and all that is in one batch is acknowledged by one ticket.
        """
        self.journal.put(MESSAGE, self.message(1))
        ticket = self.journal.ticket()
        self.journal.put(MESSAGE, self.message(2))
        self.assertIs(self.journal.ticket(), ticket)
        self.journal.flush()
        self.assertFalse(ticket.done)
        self.work()
        self.assertEqual((ticket.done, ticket.failed, self.ids()), (True, False, [1, 2]))
        self.assertEqual(self.books.heard, ["settled"])

    def test_last_word_wins(self) -> None:
        """
        A row changed ten times in a turn is written once, as it was at the end.
        """
        for topic in (b"a", b"b", b"c"):
            self.journal.put(MESSAGE, self.message(1, topic))
        self.journal.put(QUEUE, (1, 1, 1))
        self.journal.drop(QUEUE, (1, 1))
        self.journal.drop(MESSAGE, 2)
        self.journal.put(MESSAGE, self.message(2, b"back"))
        self.write()
        self.assertEqual(self.on_disk("SELECT id, topic FROM message"), [(1, b"c"), (2, b"back")])
        self.assertEqual(self.on_disk("SELECT * FROM queue"), [])
        self.assertEqual(self.disk.count("BEGIN"), 2)  # one made the file

    def test_what_comes_and_goes_costs_nothing(self) -> None:
        """
        A message that is delivered before its batch is written never reaches the disk; its publisher is answered.
        """
        self.journal.put(MESSAGE, self.message(1), fresh=True)
        ticket = self.journal.ticket()
        self.journal.drop(MESSAGE, 1)
        self.write()
        self.assertEqual((ticket.done, ticket.failed), (True, False))
        self.assertEqual(self.disk.count("BEGIN"), 1)  # it made the file
        self.assertEqual(self.journal.figures.commits, 0)

    def test_fresh_is_not_believed_against_what_is_known(self) -> None:
        """
        A row that was on disk is deleted there, whatever was put in its place for a moment.
        """
        self.journal.put(MESSAGE, self.message(1))
        self.write()
        self.journal.drop(MESSAGE, 1)
        self.journal.put(MESSAGE, self.message(1), fresh=True)
        self.journal.drop(MESSAGE, 1)
        self.write()
        self.assertEqual(self.ids(), [])

    def test_next_batch_grows_while_the_disk_works(self) -> None:
        """
        What a slow disk has not taken is one batch, however many turns it took to grow.
        """
        self.journal.put(MESSAGE, self.message(0))
        self.journal.flush()
        first = self.journal.ticket()  # nobody has taken it: it is still the one in hand
        self.journal.put(MESSAGE, self.message(1))
        self.assertIs(self.journal.ticket(), first)
        self.write()
        tickets = set()
        for number in range(2, 300):
            self.journal.put(MESSAGE, self.message(number))
            tickets.add(self.journal.ticket())
            self.journal.flush()
        self.work()
        self.assertEqual((len(tickets), self.journal.figures.commits, len(self.ids())), (1, 2, 300))

    def test_no_batch_is_torn(self) -> None:
        """
        What a turn has begun is not taken from its hands: a message and its queue rows are written together or not.
        """
        self.journal.put(MESSAGE, self.message(1))
        self.journal.flush()
        self.journal.put(QUEUE, (1, 1, 2))  # a turn later, before the writer came
        self.work()
        self.assertEqual(self.ids(), [])
        self.journal.put(MESSAGE, self.message(2))
        self.write()
        self.assertEqual((self.ids(), self.on_disk("SELECT count(*) FROM queue")), ([1, 2], [(1,)]))

    def test_any_number_of_rows(self) -> None:
        """
        Every row of a batch is written and deleted, whatever its size, by few statements.
        """
        for count in (1, 2, 3, 255, 256, 257, 1023):
            with self.subTest(count=count):
                self.disk.heard.clear()
                for number in range(count):
                    self.journal.put(MESSAGE, self.message(number))
                    self.journal.put(QUEUE, (number % 7, number, number))
                self.write()
                self.assertEqual(self.on_disk("SELECT count(*) FROM message, queue WHERE id = message"), [(count,)])
                for number in range(count):
                    self.journal.drop(MESSAGE, number)
                    self.journal.drop(QUEUE, (number % 7, number))
                self.write()
                self.assertEqual(self.on_disk("SELECT count(*) FROM message UNION SELECT count(*) FROM queue"), [(0,)])
                self.assertLess(len(self.disk.heard), 60)

    def test_keys_are_looked_up(self) -> None:
        """
        Deleting from a table of a million rows reads only the rows that go.
        """
        for table, keys in ((MESSAGE, 3), (QUEUE, 6)):
            with self.subTest(table=table.name):
                plan = self.on_disk(f"EXPLAIN QUERY PLAN {table.drop(3)}", *range(keys))
                self.assertFalse([step for *_, step in plan if str(step).startswith("SCAN")], plan)

    def test_names_change_hands(self) -> None:
        """
        What is unique may pass from a row that goes to a row that comes, in one batch.
        """
        self.journal.put(CLIENT, (1, "name"))
        self.write()
        self.journal.put(CLIENT, (2, "name"))
        self.journal.drop(CLIENT, 1)
        self.write()
        self.assertEqual(self.on_disk("SELECT * FROM client"), [(2, "name")])

    def test_statements_keep_their_place(self) -> None:
        """
        A statement sees the rows put before it, and not those put after it.
        """
        self.journal.put(QUEUE, (1, 1, 1))
        self.journal.put(QUEUE, (2, 1, 1))
        self.journal.run("DELETE FROM queue WHERE session=?", (1,))
        self.journal.put(QUEUE, (1, 2, 2))
        self.write()
        self.assertEqual(self.on_disk("SELECT session, seq FROM queue ORDER BY session"), [(1, 2), (2, 1)])

    def test_cleared(self) -> None:
        """
        All rows of an owner go at the end of a transaction, those that came in it included; nobody else's do.
        """
        for owner in (1, 2):
            self.journal.put(QUEUE, (owner, 1, 1))
        self.write()
        self.journal.clear(QUEUE, 1)
        self.journal.put(QUEUE, (1, 2, 2))
        self.journal.put(QUEUE, (2, 2, 2))
        self.write()
        self.assertEqual(self.on_disk("SELECT session, seq FROM queue ORDER BY seq"), [(2, 1), (2, 2)])
        self.assertRaises(ValueError, self.journal.clear, CLIENT, 1)

    def test_row_of_another_table(self) -> None:
        """
        A row of the wrong length is refused where it is put, before it can shift its neighbours.
        """
        self.assertRaises(ValueError, self.journal.put, MESSAGE, (1, b"topic"))


class LagTests(JournalTestCase):
    def make(self, schema: Schema = SCHEMA, limits: Limits | None = None) -> Journal:
        return super().make(schema, Limits(age=2.0, operations=10, size=1000))

    def test_age(self) -> None:
        """
        A disk that takes longer than two seconds for what waits gets no new work, until it is done.
        """
        self.assertTrue(self.journal.accepting)
        self.journal.put(MESSAGE, self.message(1))
        self.journal.flush()
        self.reactor.advance(2.0)
        self.journal.put(MESSAGE, self.message(2))
        self.journal.flush()
        self.assertTrue(self.journal.accepting)
        self.assertEqual(self.journal.oldest(2.0), 2.0)
        self.reactor.advance(0.1)
        self.journal.put(MESSAGE, self.message(3))
        self.journal.flush()
        self.assertEqual((self.journal.accepting, self.journal.working), (False, True))
        self.work()
        self.assertTrue(self.journal.accepting)
        self.assertEqual(self.journal.oldest(2.1), 0.0)

    def test_operations_and_bytes(self) -> None:
        """
        However fast it comes, what waits for the disk is bounded in number and in bytes.
        """
        for count, size in ((10, 0), (1, 1000), (2, 500)):
            with self.subTest(count=count, size=size):
                for number in range(count):
                    self.assertTrue(self.journal.accepting)
                    self.journal.put(MESSAGE, self.message(number), size)
                    self.journal.flush()
                self.assertFalse(self.journal.accepting)
                self.work()
                self.assertTrue(self.journal.accepting)


class ClosingTests(JournalTestCase):
    def test_close_writes_what_is_in_hand(self) -> None:
        """
        A broker that is stopped in order loses nothing, leaves one file and no lock behind.
        """
        self.journal.put(MESSAGE, self.message(1))
        ticket = self.journal.ticket()
        closed = self.journal.close()
        self.assertNoResult(closed)
        self.work()
        self.successResultOf(closed)
        self.assertTrue(ticket.done and not ticket.failed)
        self.assertEqual(files.size(self.path + "-wal"), 0)
        self.assertEqual(self.ids(), [1])
        self.assertTrue(all(worker.stopped for worker in self.workers))
        again = self.make()
        again.open()
        self.assertEqual(list(again.rows("SELECT id FROM message")), [(1,)])
        again.close()
        self.work()

    def test_closed_is_closed(self) -> None:
        """
        What comes too late is told so, rather than swallowed.
        """
        self.journal.close()
        self.work()
        self.assertRaises(StoreError, self.journal.put, MESSAGE, self.message(1))
        self.failureResultOf(self.journal.read("SELECT 1"), StoreError)

    def test_never_opened(self) -> None:
        """
        What was never opened closes at once, and no thread was started.
        """
        self.successResultOf(self.make().close())

    def test_idle(self) -> None:
        """
        A journal with nothing to do brings its log into the database.
        """
        self.journal.put(MESSAGE, self.message(1))
        self.write()
        self.assertEqual(self.journal.figures.checkpoints, 0)
        self.reactor.advance(5.0)
        self.work()
        self.assertEqual(self.journal.figures.checkpoints, 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class LogTests(JournalTestCase):
    def make(self, schema: Schema = SCHEMA, limits: Limits | None = None) -> Journal:
        return super().make(schema, Limits(wal=1 << 20))

    def test_log_is_bounded(self) -> None:
        """
        Under load the write-ahead log is brought in again and again: it does not grow with what passes through.
        """
        for number in range(60):
            self.journal.put(MESSAGE, (number, b"t", b"x" * 100_000))
            for seq in range(100):
                self.journal.put(QUEUE, (number, seq, number))
            self.write()
        self.assertGreater(self.journal.figures.checkpoints, 3)
        self.assertLess(files.size(self.path + "-wal"), 3 << 20)
