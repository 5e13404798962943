"""
Tests of txmqtt.broker.onward: QoS 2 messages that go on when they are kept.
"""

from tests.broker.support import BrokerTestCase
from txmqtt.broker.onward import Onward
from txmqtt.session.message import Message
from txmqtt.session.tickets import DONE, Ticket


class OnwardTests(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = self.join("c")
        self.client.subscribe("t", qos=2)
        self.onward = Onward(self.broker.fanout)

    def admit(self, ticket: Ticket, payload: bytes) -> None:
        self.onward.admit(ticket, Message(b"t", payload, 2), self.broker.mount().routes.find(b"t"))

    def heard(self) -> list[bytes]:
        self.town.turn.flush()
        return self.client.payloads()

    def test_in_order(self) -> None:
        """
        Messages leave in the order in which they came, whichever ticket is done first; what failed does not leave.
        """
        one, two, three = Ticket(), Ticket(), Ticket()
        for ticket, payload in ((one, b"1"), (two, b"2"), (two, b"2b"), (DONE, b"done"), (three, b"3")):
            self.admit(ticket, payload)
        two.settle()
        self.assertEqual(self.heard(), [])
        one.settle(0x97)
        self.assertEqual(self.heard(), [b"2", b"2b", b"done"])
        self.assertFalse(self.onward.empty)
        three.settle()
        self.assertEqual(self.heard(), [b"3"])
        self.assertTrue(self.onward.empty)
