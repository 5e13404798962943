"""
Tests of txmqtt.broker.expiry: what happens later.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.support import Town
from txmqtt.broker.expiry import Calendar
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member
from txmqtt.broker.shapes import Claim, Lease


class CalendarTests(SynchronousTestCase):
    def setUp(self) -> None:
        broker = Town(Policy()).broker
        lease = Lease(Claim("", "c", None, True, 10), None, False, True)
        self.member = Member(broker, broker.mount(), "c", None, lease)
        self.calendar = Calendar()

    def test_due(self) -> None:
        """
        What is due is told once, in its order; of what falls together the first that was noted comes first.
        """
        for due in (3.0, 1.0, 2.0, 1.0):
            self.calendar.add(due, self.member, due == 2.0)
        self.assertEqual(self.calendar.due(0.5), [])
        self.assertEqual([each.due for each in self.calendar.due(2.0)], [1.0, 1.0, 2.0])
        self.assertEqual(len(self.calendar), 1)
        (last,) = self.calendar.due(1e9)
        self.assertEqual((last.due, last.member, last.ending), (3.0, self.member, False))
        self.assertEqual((len(self.calendar), self.calendar.due(1e9)), (0, []))

    def test_cancel(self) -> None:
        """
        What is called off does not happen, however often it is called off, and what has happened can't be called off.
        """
        kept, gone = (self.calendar.add(1.0, self.member, True) for _ in range(2))
        for _ in range(2):
            self.calendar.cancel(gone)
        self.assertEqual(len(self.calendar), 1)
        self.assertEqual(self.calendar.due(1.0), [kept])
        self.calendar.cancel(kept)
        self.assertEqual(len(self.calendar), 0)

    def test_called_off_all_day(self) -> None:
        """
        Appointments that are made and called off all day cost no memory.
        """
        kept = self.calendar.add(5.0, self.member, True)
        for _ in range(10_000):
            self.calendar.cancel(self.calendar.add(9e9, self.member, True))
        self.assertEqual(len(self.calendar), 1)
        self.assertLess(len(self.calendar._heap), 3_000)
        self.assertEqual(self.calendar.due(9.0), [kept])
