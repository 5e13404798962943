"""
A commit is put off while its batch grows, and only then.
"""

from tests.backends.sqlite.support import MESSAGE, SCHEMA, JournalTestCase
from txmqtt.backends.sqlite.journal import Journal
from txmqtt.backends.sqlite.shapes import Limits
from txmqtt.backends.sqlite.tables import Schema


class LingeringTests(JournalTestCase):
    def make(self, schema: Schema = SCHEMA, limits: Limits | None = None) -> Journal:
        return super().make(schema, Limits(linger=0.025))

    def turn(self, count: int, first: int = 0) -> None:
        """
        One turn of the reactor, in which so much is said.
        """
        for number in range(first, first + count):
            self.journal.put(MESSAGE, self.message(number), fresh=True)
        self.journal.flush()
        self.work()
        # As a reactor does, and a Clock does not: calls that are made by calls wait for the next turn.
        for call in [call for call in self.reactor.calls if call.getTime() <= self.reactor.seconds()]:
            self.reactor.calls.remove(call)
            call.called = 1
            call.func(*call.args)
        self.work()

    def test_little_is_not_kept(self) -> None:
        """
        Who is alone with the broker does not wait for others.
        """
        self.turn(3)
        self.assertEqual(self.ids(), [0, 1, 2])

    def test_kept_while_it_grows(self) -> None:
        """
        Under load a batch is written when a turn has added nothing to it.
        """
        self.turn(100)
        self.turn(10, 100)
        self.assertEqual(self.ids(), [])
        self.turn(0)
        self.assertEqual(len(self.ids()), 110)

    def test_not_for_ever(self) -> None:
        """
        However steadily it grows, it is written when it is so old, or so large.
        """
        for turn in range(5):
            self.assertEqual(self.ids(), [])
            self.turn(20, 20 * turn)
            self.reactor.rightNow += 0.006
        self.turn(20, 100)
        self.assertEqual(len(self.ids()), 120)
        self.turn(20_000, 1_000)
        self.assertEqual(len(self.ids()), 20_120)

    def test_what_came_and_went(self) -> None:
        """
        A batch of which nothing is left is acknowledged without the disk.
        """
        for number in range(100):
            self.journal.put(MESSAGE, self.message(number), fresh=True)
        self.journal.flush()
        ticket = self.journal.ticket()
        commits = self.disk.count("COMMIT")
        for number in range(100):
            self.journal.drop(MESSAGE, number)
        self.journal.flush()
        self.assertEqual((ticket.done, ticket.failed, self.journal.figures.commits), (True, False, 0))
        self.assertEqual(self.disk.count("COMMIT"), commits)

    def test_written_at_the_end(self) -> None:
        """
        What is kept back when the journal is closed is written.
        """
        for number in range(100):
            self.journal.put(MESSAGE, self.message(number))
        self.journal.flush()
        self.assertEqual(self.ids(), [])
        self.journal.close()
        self.work()
        self.assertEqual(len(self.ids()), 100)
