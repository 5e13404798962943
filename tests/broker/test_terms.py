"""
Tests of txmqtt.broker.terms: what the clients of one listener get.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.support import Peer, Town
from txmqtt.broker.policy import Policy
from txmqtt.broker.terms import Terms


class TermsTests(SynchronousTestCase):
    def test_cap(self) -> None:
        """
        A session lasts as long as it asks for, and no longer than the policy allows.
        """
        terms = Terms(Policy(max_session_expiry=60))
        self.assertEqual([terms.capped(30), terms.capped(60), terms.capped(61)], [30, 60, 60])

    def test_by_listener(self) -> None:
        """
        Each client has the terms of the listener that it came to, also those of them that are changed while it is
        connected.
        """
        town = Town(Policy())
        terms = Terms(Policy(max_subscriptions=1))
        strict, free = Peer(town), Peer(town)
        strict.terms = terms
        strict.connect("strict")
        free.connect("free")
        for peer in (strict, free):
            peer.subscribe("a")
        self.assertEqual(strict.subscribe("b"), [0x97])
        self.assertEqual(free.subscribe("b"), [0])
        terms.policy = Policy()
        self.assertEqual(strict.subscribe("b"), [0])
