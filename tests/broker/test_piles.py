"""
Tests of txmqtt.broker.piles: messages that wait.
"""

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Claim
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound


def item(payload: bytes = b"", expires_at: float = 0.0) -> Outbound:
    """
    A message that is owed to somebody.
    """
    return Outbound(Message(b"t", payload, 1, False, None, expires_at), 1)


class PileTests(SynchronousTestCase):
    def test_room(self) -> None:
        """
        A pile has room for so many messages and so many bytes.
        """
        pile = Pile()
        policy = Policy(max_queued_messages=2, max_queued_bytes=600)
        self.assertTrue(pile.room(Message(b"t", bytes(343)), policy))
        self.assertFalse(pile.room(Message(b"t", bytes(344)), policy))
        pile.append(item())
        self.assertTrue(pile.room(Message(b"t", bytes(86)), policy))
        self.assertFalse(pile.room(Message(b"t", bytes(87)), policy))
        pile.append(item())
        self.assertFalse(pile.room(Message(b"t", b""), policy))

    def test_purge(self) -> None:
        """
        What has expired is taken out, wherever it lies; the rest keeps its order.
        """
        pile = Pile()
        items = [item(b"%d" % number, float(expiry)) for number, expiry in enumerate((0, 5, 9, 5, 0))]
        for each in items:
            pile.append(each)
        self.assertEqual(pile.purge(4.9), [])
        self.assertEqual(pile.purge(5), [items[1], items[3]])
        self.assertEqual(list(pile.waiting), [items[0], items[2], items[4]])
        pile.take()
        pile.give_back(items[0])
        self.assertEqual(pile.purge(9), [items[2]])
        self.assertEqual(pile.purge(1e9), [])

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(("append", "give_back", "take", "withdraw", "purge"))))
    def test_like_a_queue(self, steps: list[str]) -> None:
        """
        Whatever is done to it, a pile is a queue that knows its size.
        """
        pile = Pile()
        model: deque[Outbound] = deque()
        for number, step in enumerate(steps):
            new = item(bytes(number), float(number % 3) * 1_000)
            if step == "append":
                pile.append(new)
                model.append(new)
            elif step == "give_back":
                pile.give_back(new)
                model.appendleft(new)
            elif step == "take" and model:
                self.assertIs(pile.take(), model.popleft())
            elif step == "withdraw" and model:
                self.assertIs(pile.withdraw(), model.pop())
            elif step == "purge":
                gone = pile.purge(1_500)
                self.assertEqual(gone, [each for each in model if each.message.expired(1_500)])
                model = deque(each for each in model if each not in gone)
            self.assertEqual(pile.waiting, model)
            self.assertEqual(pile.size, sum(each.message.size for each in model))


class HoldingTests(SynchronousTestCase):
    def test_ready(self) -> None:
        """
        A session is ready for more when its owner is there, has room, and has not said that it must wait.
        """
        held = Holding(Claim("", "c", None, True, 10), None, False, True)
        held.credit = 1
        self.assertFalse(held.ready)
