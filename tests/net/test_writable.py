"""
Tests of txmqtt.net.writable: who waits for room, or for the end of all that is on its way.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support_client import Client
from txmqtt.codec.constants import PUBACK
from txmqtt.codec.packets import Ack
from txmqtt.net.writable import Writable


class WritableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Client(window=1).opened()
        self.writable = Writable()

    def test_idle(self) -> None:
        """
        Who waits until nothing is on its way need not wait when nothing is, and hears when the last has been answered.
        """
        self.successResultOf(self.writable.idle(self.client.outgoing))
        self.client.publish()
        waiting = self.writable.idle(self.client.outgoing)
        self.writable.tell(self.client.session)
        self.assertNoResult(waiting)
        self.client.hears(Ack(PUBACK, 1))
        self.writable.tell(self.client.session)
        self.successResultOf(waiting)
        self.assertEqual(self.writable.waiting, 0)

    def test_room(self) -> None:
        """
        There is room while a message would leave at once; who waits hears in turn.
        """
        self.successResultOf(self.writable.ask(self.client.session))
        self.client.publish()
        asked = [self.writable.ask(self.client.session), self.writable.ask(None)]
        self.writable.tell(self.client.session)
        for each in asked:
            self.assertNoResult(each)
        self.client.hears(Ack(PUBACK, 1))
        self.writable.tell(self.client.session)
        for each in asked:
            self.successResultOf(each)
