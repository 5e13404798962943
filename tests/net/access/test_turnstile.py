"""
Tests of txmqtt.net.access.turnstile.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.reasons import SERVER_BUSY
from txmqtt.net.access.turnstile import Turnstile
from txmqtt.net.auth import LoginUndecided


class TurnstileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turnstile = Turnstile(self.clock, at_once=2, waiting=2, patience=5.0)
        self.begun: list[str] = []
        self.work: dict[str, Deferred[str]] = {}

    def come(self, name: str) -> Deferred[str]:
        def begin() -> Deferred[str]:
            self.begun.append(name)
            self.work[name] = Deferred()
            return self.work[name]

        return self.turnstile.pass_through(begin)

    def busy(self, login: Deferred[str]) -> None:
        error = self.failureResultOf(login, LoginUndecided).value
        self.assertEqual(error.reason, SERVER_BUSY)

    def test_order(self) -> None:
        """
        So many begin at once, the others when one ends, in the order in which they came.
        """
        logins = [self.come(name) for name in "abcd"]
        self.assertEqual(self.begun, ["a", "b"])
        self.work["b"].callback("B")
        self.assertEqual((self.begun, self.successResultOf(logins[1])), (["a", "b", "c"], "B"))
        self.work["a"].errback(ValueError())
        self.failureResultOf(logins[0], ValueError)
        self.assertEqual(self.begun, ["a", "b", "c", "d"])
        for name in "cd":
            self.work[name].callback(name)
        self.come("e")
        self.come("f")
        self.come("g")
        self.assertEqual(self.begun, ["a", "b", "c", "d", "e", "f"])

    def test_full(self) -> None:
        """
        Whoever comes when all places are taken is told at once that it is busy.
        """
        for name in "abcd":
            self.come(name)
        self.busy(self.come("e"))
        self.assertEqual(self.turnstile.turned_away, 1)

    def test_too_late(self) -> None:
        """
        Whoever has waited for too long is turned away when his turn comes, and the next does not wait for him.
        """
        for name in "ab":
            self.come(name)
        late = self.come("late")
        self.clock.advance(4)
        self.come("d")
        self.clock.advance(1.5)
        self.assertNoResult(late)
        self.work["a"].callback("")
        self.busy(late)
        self.assertEqual(self.begun, ["a", "b", "d"])

    def test_all_too_late(self) -> None:
        """
        When nobody is left who would wait, the room is free again.
        """
        logins = [self.come(name) for name in "abcd"]
        self.clock.advance(6)
        self.work["a"].callback("")
        for login in logins[2:]:
            self.busy(login)
        self.come("e")
        self.assertEqual(self.begun, ["a", "b", "e"])

    def test_cancelled(self) -> None:
        """
        Whoever leaves the queue frees a place in it.
        """
        self.turnstile.pass_through(lambda: fail(ValueError())).addErrback(lambda _: None)
        logins = [self.come(name) for name in "abcd"]
        logins[2].cancel()
        self.failureResultOf(logins[2], CancelledError)
        self.come("e")
        self.work["a"].callback("")
        self.work["b"].callback("")
        self.assertEqual(self.begun, ["a", "b", "d", "e"])

    def test_dismissed(self) -> None:
        """
        When the broker stops, whoever waits is told so, and what has begun may end.
        """
        logins = [self.come(name) for name in "abc"]
        self.turnstile.dismiss()
        self.busy(logins[2])
        self.work["a"].callback("A")
        self.assertEqual(self.successResultOf(logins[0]), "A")

    def test_raises(self) -> None:
        """
        Work that raises instead of failing frees its room too.
        """

        def broken() -> Deferred[str]:
            raise ValueError

        for _ in range(3):
            self.failureResultOf(self.turnstile.pass_through(broken), ValueError)
