"""
Tests of txmqtt.broker.terms: what the clients of one listener get.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.support import Peer, Town
from txmqtt.broker.policy import Policy
from txmqtt.broker.terms import Terms
from txmqtt.codec.packets import Connect


class TermsTests(SynchronousTestCase):
    def test_cap(self) -> None:
        """
        A session lasts as long as it asks for, and no longer than the policy allows.
        """
        terms = Terms(Policy(max_session_expiry=60))
        self.assertEqual([terms.capped(30), terms.capped(60), terms.capped(61)], [30, 60, 60])

    def test_unfit(self) -> None:
        """
        Of a CONNECT what is not spoken here, or too long, is told before anybody is asked who it is.
        """
        terms = Terms(Policy(max_client_id_bytes=23, max_user_name_bytes=3), versions=frozenset({4, 5}))
        for packet, expected in (
            (Connect("c" * 23, 5, username="ann"), 0),
            (Connect("", 4), 0),
            (Connect("c", 3), 0x84),
            (Connect("c" * 24, 5), 0x85),
            (Connect("c", 5, username="\u00e9\u00e9"), 0x86),
        ):
            with self.subTest(packet=packet):
                reason, why = terms.unfit(packet)
                self.assertEqual((reason, why != ""), (expected, expected != 0))

    def test_keep_alive(self) -> None:
        """
        The keep-alive is what the client asks for, on 5.0 within what the policy allows.
        """
        free, bound = Terms(Policy()), Terms(Policy(min_keep_alive=10, max_keep_alive=100))
        for version, asked, expected in ((5, 0, (0, 100)), (5, 1, (1, 10)), (5, 50, (50, 50)), (5, 200, (200, 100))):
            with self.subTest(version=version, asked=asked):
                packet = Connect("c", version, keep_alive=asked)
                self.assertEqual((free.keep_alive(packet), bound.keep_alive(packet)), expected)
                old = Connect("c", 4, keep_alive=asked)
                self.assertEqual((free.keep_alive(old), bound.keep_alive(old)), (asked, asked))

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
