"""
Tests of txmqtt.session.incoming.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.session.incoming import Incoming
from txmqtt.session.tickets import DONE, Ticket


class IncomingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.incoming = Incoming()

    def test_known_until_released(self) -> None:
        """
        An identifier means the same message until its PUBREL, afterwards a new one [MQTT5-4.3.3-10] [MQTT5-4.3.3-12]
        [MQTT311-4.3.3-2].
        """
        self.assertIsNone(self.incoming.find(5))
        self.incoming.take(5, DONE)
        self.assertIs(self.incoming.find(5), DONE)
        self.assertTrue(self.incoming.release(5))
        self.assertIsNone(self.incoming.find(5))

    def test_released_once(self) -> None:
        """
        A PUBREL for what is not here, or no longer, is told from one that releases something.
        """
        self.assertFalse(self.incoming.release(5))
        self.incoming.take(5, DONE)
        self.assertTrue(self.incoming.release(5))
        self.assertFalse(self.incoming.release(5))
        self.assertEqual(len(self.incoming), 0)

    def test_repeat_joins(self) -> None:
        """
        A repeat that comes while the message is still being kept waits for the same decision.
        """
        ticket = Ticket()
        self.incoming.take(5, ticket)
        self.assertIs(self.incoming.find(5), ticket)
        ticket.settle()
        self.assertIs(self.incoming.find(5), ticket)

    def test_failed(self) -> None:
        """
        What could not be kept is not here: its repeat is a new message [MQTT5-4.3.3-9], and its PUBREL releases
        nothing.
        """
        for packet_id in (5, 6):
            ticket = Ticket()
            self.incoming.take(packet_id, ticket)
            ticket.settle(0x97)
        self.assertIsNone(self.incoming.find(5))
        self.assertFalse(self.incoming.release(6))
        self.assertEqual(len(self.incoming), 0)

    def test_failed_and_come_again(self) -> None:
        """
        A message that failed does not take its successor of the same identifier with it.
        """
        first, second = Ticket(), Ticket()
        self.incoming.take(5, first)
        self.incoming.release(5)
        self.incoming.take(5, second)
        self.incoming.fail(5, first)
        self.assertIs(self.incoming.find(5), second)
        self.incoming.fail(5, second)
        self.assertIsNone(self.incoming.find(5))

    def test_resumed(self) -> None:
        """
        A session that is resumed still knows what it took over before.
        """
        self.incoming.resume(9)
        self.assertIs(self.incoming.find(9), DONE)

    def test_forget(self) -> None:
        """
        A session that is over knows nothing any more.
        """
        self.incoming.resume(9)
        self.incoming.forget()
        self.assertIsNone(self.incoming.find(9))
        self.assertEqual(len(self.incoming), 0)
