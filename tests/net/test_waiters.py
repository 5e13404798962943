"""
Who waits for what.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.waiters import Waiters


class WaitersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.waiters: Waiters[str] = Waiters()
        self.sent_home: list[Deferred[str]] = []

    def expect(self) -> tuple[int, Deferred[str]]:
        return self.waiters.expect(self.sent_home.append)

    def test_each_has_a_number(self) -> None:
        """
        No two that wait have the same number, and none has 0.
        """
        numbers = [self.expect()[0] for _ in range(3)]
        self.assertEqual(len({0, *numbers}), 4)
        self.assertEqual(list(self.waiters.waiting), numbers)

    def test_forget(self) -> None:
        """
        Who is forgotten waits no more; forgetting twice does no harm.
        """
        number, waiter = self.expect()
        self.assertEqual(self.waiters.forget(waiter), number)
        self.assertEqual(self.waiters.forget(waiter), 0)
        self.assertEqual(self.waiters.waiting, {})

    def test_cancel(self) -> None:
        """
        Who cancels is told to whoever made the Deferred.
        """
        _, waiter = self.expect()
        waiter.cancel()
        self.assertEqual(self.sent_home, [waiter])
        self.failureResultOf(waiter)

    def test_abandon(self) -> None:
        """
        When none will be answered each fails with an error of its own, oldest first, and finds the books in order.
        """
        failed: list[tuple[int, BaseException]] = []

        def note(failure: Failure, number: int) -> str:
            assert failure.value is not None
            failed.append((number, failure.value))
            self.assertNotIn(number, self.waiters.waiting)
            return ""

        for _ in range(3):
            number, waiter = self.expect()
            waiter.addErrback(note, number)
        self.waiters.abandon(lambda: ValueError("gone"))
        self.assertEqual([number for number, _ in failed], [1, 2, 3])
        self.assertEqual(len({id(error) for _, error in failed}), 3)
        self.assertEqual(self.waiters.waiting, {})

    def test_meddling(self) -> None:
        """
        Who fails may make another fail first, or begin to wait anew: he fails too.
        """
        _, first = self.expect()
        _, second = self.expect()
        later: list[Deferred[str]] = []

        def meddle(failure: Failure) -> str:
            self.waiters.forget(second)
            later.append(self.expect()[1])
            return ""

        first.addErrback(meddle)
        self.waiters.abandon(lambda: ValueError("gone"))
        self.assertNoResult(second)
        self.failureResultOf(later[0], ValueError)
