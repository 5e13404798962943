"""
When to ping and when to give up.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.session.keepalive import Keepalive, server_patience


class KeepaliveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.keepalive = Keepalive(60, 15, 1000.0)

    def test_ping_leaves_early(self) -> None:
        """
        A client that has nothing to say pings so early that the PINGREQ arrives within the interval [MQTT5-3.1.2-20]
        [MQTT311-3.1.2-23].
        """
        self.assertEqual(self.keepalive.deadline(), 1045.0)
        self.assertFalse(self.keepalive.ping_due(1044.9))
        self.assertTrue(self.keepalive.ping_due(1045.0))

    def test_whatever_is_sent_counts(self) -> None:
        """
        Who publishes needs no pings.
        """
        self.keepalive.sent(1040.0)
        self.assertEqual(self.keepalive.deadline(), 1085.0)
        self.assertFalse(self.keepalive.ping_due(1084.0))

    def test_one_ping_at_a_time(self) -> None:
        """
        While an answer is due no other ping leaves by itself, and later ones do not move the deadline.
        """
        self.keepalive.pinged(1045.0)
        self.keepalive.pinged(1050.0)
        self.assertEqual(self.keepalive.deadline(), 1060.0)
        self.assertFalse(self.keepalive.ping_due(1200.0))

    def test_no_answer(self) -> None:
        """
        A server that does not answer a ping in time is given up.
        """
        self.keepalive.pinged(1045.0)
        self.assertFalse(self.keepalive.expired(1059.9))
        self.assertTrue(self.keepalive.expired(1060.0))

    def test_answer(self) -> None:
        """
        A server that answers is not given up, and pinged again when it is time.
        """
        self.keepalive.pinged(1045.0)
        self.keepalive.ponged(1046.0, False)
        self.assertFalse(self.keepalive.expired(2000.0))
        self.assertEqual(self.keepalive.deadline(), 1090.0)

    def test_answer_to_one_of_several(self) -> None:
        """
        Each ping is owed its own answer.
        """
        self.keepalive.pinged(1045.0)
        self.keepalive.pinged(1046.0)
        self.keepalive.ponged(1047.0, True)
        self.assertEqual(self.keepalive.deadline(), 1062.0)
        self.assertTrue(self.keepalive.expired(1062.0))

    def test_turned_off(self) -> None:
        """
        With a keep-alive of 0 nobody pings by himself; a ping that was asked for is still owed its answer.
        """
        keepalive = Keepalive(0, 15, 1000.0)
        self.assertFalse(keepalive.ping_due(1e9))
        self.assertEqual(keepalive.deadline(), 0.0)
        keepalive.pinged(2000.0)
        self.assertTrue(keepalive.expired(2015.0))

    def test_endless_patience(self) -> None:
        """
        A patience of 0 never ends.
        """
        keepalive = Keepalive(60, 0, 1000.0)
        keepalive.pinged(1045.0)
        keepalive.ponged(1046.0, True)
        self.assertFalse(keepalive.expired(1e9))


class ServerPatienceTests(SynchronousTestCase):
    def test_one_and_a_half(self) -> None:
        """
        A server waits half as long again as the client promised [MQTT5-3.1.2-22] [MQTT311-3.1.2-24], or for ever.
        """
        self.assertEqual([server_patience(0), server_patience(1), server_patience(60)], [0.0, 1.5, 90.0])
