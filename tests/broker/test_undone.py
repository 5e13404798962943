"""
Tests of txmqtt.broker.undone: steps of QoS 2 that could not be recorded.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.undone import NotReleased, StillOurs
from txmqtt.session.incoming import Incoming
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, Ticket


class UndoneTests(SynchronousTestCase):
    def settled(self, waiter: StillOurs | NotReleased, reason: int) -> None:
        ticket = Ticket()
        ticket.wait(waiter)
        ticket.settle(reason)

    def test_still_ours(self) -> None:
        """
        An identifier whose release could not be recorded is still that of its message, unless a new one has it.
        """
        for reason, expected in ((0, None), (0x97, 0)):
            incoming = Incoming()
            self.settled(StillOurs(incoming, 5), reason)
            found = incoming.find(5)
            self.assertEqual(found.reason if found is not None else None, expected)
        incoming, newer = Incoming(), Ticket()
        incoming.take(5, newer)
        self.settled(StillOurs(incoming, 5), 0x97)
        self.assertIs(incoming.find(5), newer)
        self.assertIsNot(newer, DONE)

    def test_not_released(self) -> None:
        """
        A message whose PUBREC could not be recorded is not released.
        """
        for reason in (0, 0x97):
            item = Outbound(Message(b"t", b"x", 2), 2)
            item.released = True
            self.settled(NotReleased(item), reason)
            self.assertEqual(item.released, reason == 0)
