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


class BehindTests(SynchronousTestCase):
    """
    Piles whose end is in a store.
    """

    def pile(self, *refs: int) -> Pile:
        pile = Pile(7)
        for ref in refs:
            each = item()
            each.ref = ref
            pile.append(each)
        return pile

    def test_counts(self) -> None:
        """
        What is behind counts, and takes room, as what is in memory does.
        """
        pile = self.pile(1, 2)
        size = pile.size
        pile.add_behind(3, 1_000)
        self.assertEqual((len(pile), pile.size, pile.front), (5, size + 1_000, size))
        self.assertTrue(pile.room(Message(b"t", b""), Policy(max_queued_messages=6)))
        self.assertFalse(pile.room(Message(b"t", b""), Policy(max_queued_messages=5)))
        self.assertFalse(pile.room(Message(b"t", b""), Policy(max_queued_bytes=size + 1_200)))

    def test_far(self) -> None:
        """
        A message waits behind when others do, or when there is much in memory; one that is larger than all that may be
        there comes into memory when it is alone.
        """
        policy = Policy(queue_page=2, queue_page_bytes=600)
        self.assertFalse(self.pile(1).far(policy))
        self.assertTrue(self.pile(1, 2).far(policy))
        self.assertTrue(self.pile(1, 2, 3).far(Policy(queue_page_bytes=600)))
        self.assertFalse(Pile(7).far(Policy(queue_page_bytes=0)))
        pile = self.pile(1)
        pile.add_behind(1, 10)
        self.assertTrue(pile.far(policy))

    def test_put_away(self) -> None:
        """
        A pile that nobody takes from has nothing in memory, and loses nothing: what is read next begins at its start.
        """
        pile = self.pile(4, 5)
        pile.add_behind(1, 100)
        pile.fetching = True
        before = len(pile), pile.size
        pile.put_away()
        self.assertEqual((len(pile), pile.size), before)
        self.assertEqual((list(pile.waiting), pile.behind, pile.front, pile.last), ([], 3, 0, 0))
        self.assertEqual((pile.fetching, pile.epoch), (False, 1))
        pile.append(item())
        self.assertEqual(len(Pile().waiting), 0)  # those that have nothing do not share what one of them gets

    def test_stale(self) -> None:
        """
        It is known when something behind may have expired, also of what was put away.
        """
        pile = Pile(7)
        pile.append(item(expires_at=50.0))
        pile.add_behind(2, 20, 70.0)
        self.assertFalse(pile.stale(60.0))
        pile.put_away()
        self.assertEqual((pile.stale(49.0), pile.stale(50.0)), (False, True))
        pile.looked_through(51.0)
        self.assertEqual((pile.stale(50.0), pile.stale(51.0)), (False, True))
        pile.add_behind(-3, 0)
        self.assertFalse(pile.stale(1e9))

    def test_removed(self) -> None:
        """
        Any of those in memory can be taken out, and whoever waits for room hears of it.
        """
        pile = self.pile(1, 2, 3)
        size, ticket = pile.size, pile.vacant()
        pile.remove(pile.waiting[1])
        self.assertEqual([each.ref for each in pile.waiting], [1, 3])
        self.assertEqual((pile.size, pile.front, ticket.done), (size * 2 // 3, size * 2 // 3, True))

    def test_looked_through(self) -> None:
        """
        A queue that has just been looked through for what has expired is left in peace until something more can have.
        """
        pile = self.pile()
        pile.looked_through(50.0)
        pile.add_behind(2, 10, 5.0)
        self.assertTrue(pile.stale(5.0))
        pile.looked_through(7.0)
        pile.looked_through(6.0)
        self.assertEqual((pile.stale(6.9), pile.stale(7.0)), (False, True))


class HoldingTests(SynchronousTestCase):
    def test_ready(self) -> None:
        """
        A session is ready for more when its owner is there, has room, and has not said that it must wait.
        """
        held = Holding(Claim("", "c", None, True, 10), None, False, True)
        held.credit = 1
        self.assertFalse(held.ready)
