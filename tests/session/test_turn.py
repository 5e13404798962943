"""
Tests of txmqtt.session.turn: what happens at the end of a turn of the reactor, and in which order.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.session.turn import Later, Turn


class Chore(Later):
    """
    Something to do at the end, once or several times over.
    """

    def __init__(self, turn: Turn, done: list[str], name: str, again: int = 0) -> None:
        self.turn = turn
        self.done = done
        self.name = name
        self.again = again

    def go_on(self) -> None:
        self.done.append(self.name)
        if self.again:
            self.again -= 1
            self.turn.later.append(self)


class TurnTests(SynchronousTestCase):
    def test_order(self) -> None:
        """
        First what was put off, and what that puts off; then the store is told that the turn is over.
        """
        turn = Turn()
        done: list[str] = []
        turn.later += [Chore(turn, done, "a", 2), Chore(turn, done, "b")]
        turn.closing = lambda: done.append("closing")
        turn.flush()
        self.assertEqual((done, turn.later), (["a", "b", "a", "a", "closing"], []))
        turn.flush()
        self.assertEqual(done[5:], ["closing"])

    def test_wall(self) -> None:
        """
        Wall time goes with the clock that never jumps, so many seconds apart.
        """
        turn = Turn()
        turn.now, turn.skew = 5.0, 1_000_000.0
        self.assertEqual(turn.wall, 1_000_005.0)
