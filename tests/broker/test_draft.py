"""
Tests of txmqtt.broker.draft: what one transaction says about queues.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.draft import Draft
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket


class DraftTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.draft = Draft(Ticket())
        self.item = Outbound(Message(b"t", b"x", 1), 1, ref=5)

    def test_came_and_went(self) -> None:
        """
        What is owed and settled in one transaction, however far it came in between, leaves nothing to write.
        """
        self.draft.owed(self.item)
        self.draft.fly(self.item)
        self.draft.move(self.item)
        self.draft.land(self.item)
        self.assertFalse(self.draft.empty)
        self.draft.settle(5)
        self.assertTrue(self.draft.empty)
        self.assertEqual((self.draft.operations, self.draft.size), (5, self.item.message.size))

    def test_settled(self) -> None:
        """
        What the store has and is settled goes, whatever was said of it before.
        """
        self.draft.move(self.item)
        self.draft.fly(self.item)
        self.draft.settle(5)
        self.assertEqual((self.draft.gone, self.draft.moved, self.draft.flights), ({5: None}, {}, {}))

    def test_flights(self) -> None:
        """
        What the store has is said to have been sent, or not to have been after all.
        """
        self.draft.fly(self.item)
        self.assertEqual(self.draft.flights, {5: self.item})
        self.draft.land(self.item)
        self.assertEqual((self.draft.flights, self.draft.empty), ({5: None}, False))
