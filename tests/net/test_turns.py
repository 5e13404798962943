"""
Tests of txmqtt.net.turns.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.turns import TurnEnd


class Count:
    """
    A turn that counts: what was stirred, and what of it was written.
    """

    def __init__(self) -> None:
        self.stirred = 0
        self.flushed = 0

    def flush(self) -> None:
        self.flushed = self.stirred


class TurnEndTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turn = Count()
        self.end = TurnEnd(self.turn, self.clock)  # type: ignore[arg-type]

    def read(self, times: int) -> int:
        """
        So many reads come in one turn of the reactor.

        @return: how many of them were answered before the next came.
        """
        before = self.turn.flushed
        for _ in range(times):
            self.turn.stirred += 1
            self.end.read()
        at_once = self.turn.flushed - before
        self.clock.advance(0)
        self.assertEqual(self.turn.flushed - before, times)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return at_once

    def test_one_at_a_time(self) -> None:
        """
        While reads come one at a time each is answered at once, and hardly ever costs a timer.
        """
        answered = [self.read(1) for _ in range(1_000)]
        self.assertGreater(sum(answered), 980)

    def test_many_at_once(self) -> None:
        """
        While many come in one turn all are read before any is answered.
        """
        for _ in range(20):
            self.read(20)
        self.assertEqual([self.read(20) for _ in range(50)], [0] * 50)

    def test_back(self) -> None:
        """
        When the crowd has gone each read is answered at once again.
        """
        for _ in range(20):
            self.read(20)
        self.read(1)
        self.assertEqual([self.read(1) for _ in range(50)], [1] * 50)
