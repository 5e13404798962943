"""
What a store for clients gives back.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.packets import Subscription
from txmqtt.session.keeping import Outcome, Promise, Recollection, Wish
from txmqtt.session.message import Message


class RecollectionTests(SynchronousTestCase):
    def test_blank(self) -> None:
        """
        A store that has seen nothing remembers no name and owes nothing.
        """
        blank = Recollection()
        self.assertEqual(
            (blank.client_id, blank.promises, blank.received, blank.wishes, blank.outcomes), ("", [], [], [], [])
        )

    def test_least(self) -> None:
        """
        What is not said of a publish, a subscription or an outcome is what is so of most.
        """
        message = Message(b"t", b"p", 1)
        promise = Promise(message, 1, 7)
        self.assertEqual((promise.message, promise.qos, promise.home), (message, 1, 7))
        self.assertEqual((promise.packet_id, promise.released, promise.key, promise.until), (0, False, "", 0.0))
        wish = Wish(Subscription(b"a"))
        self.assertEqual((wish.subscription, wish.identifier), (Subscription(b"a"), 0))
        outcome = Outcome("bill 7", 0x97)
        self.assertEqual((outcome.key, outcome.reason, outcome.words), ("bill 7", 0x97, ""))
