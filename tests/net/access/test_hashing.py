"""
Tests of txmqtt.net.access.hashing.
"""

from __future__ import annotations

from threading import Event, get_ident

from twisted.trial.unittest import SynchronousTestCase

from tests.net.access.support import HandReactor
from txmqtt.net.access.hashing import Hashing, InCaller
from txmqtt.net.auth import LoginUndecided


class HashingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = HandReactor()
        self.hashing = Hashing(self.reactor, threads=1, waiting=1, patience=5.0)
        self.addCleanup(self.hashing.stop)

    def test_beside(self) -> None:
        """
        A job is done on another thread, and its result comes back to the reactor's.
        """
        login = self.hashing.do(get_ident)
        self.assertNoResult(login)
        self.reactor.take()
        self.assertNotEqual(self.successResultOf(login), get_ident())

    def test_failing(self) -> None:
        """
        What a job raises comes back too.
        """
        login = self.hashing.do(lambda: 1 // 0)
        self.reactor.take()
        self.failureResultOf(login, ZeroDivisionError)

    def test_busy(self) -> None:
        """
        One job at a time, one waits, the third is turned away.
        """
        go = Event()
        logins = [self.hashing.do(lambda: go.wait(10)) for _ in range(3)]
        self.failureResultOf(logins[2], LoginUndecided)
        self.assertEqual(self.hashing.turned_away, 1)
        go.set()
        self.reactor.take()
        self.reactor.take()
        self.assertEqual([self.successResultOf(each) for each in logins[:2]], [True, True])

    def test_lazy(self) -> None:
        """
        There is no thread, and nothing to do at the end, before the first job; stopping ends all and allows more.
        """
        self.assertEqual(self.reactor.triggers, {})
        self.hashing.stop()
        for _ in range(2):
            login = self.hashing.do(lambda: "done")
            self.reactor.take()
            self.assertEqual(self.successResultOf(login), "done")
            self.assertEqual(len(self.reactor.triggers), 1)
            self.hashing.stop()
            self.assertEqual(self.reactor.triggers, {})

    def test_shutdown(self) -> None:
        """
        The end of the reactor ends the threads, after the job that they are at; whoever waits is told.
        """
        logins = [self.hashing.do(lambda: "done") for _ in range(2)]
        for trigger in self.reactor.triggers.values():
            trigger()
        self.failureResultOf(logins[1], LoginUndecided)
        self.reactor.take()
        self.assertEqual(self.successResultOf(logins[0]), "done")

    def test_in_caller(self) -> None:
        """
        For tests all is done at once.
        """
        hashing = InCaller()
        self.assertEqual(self.successResultOf(hashing.do(get_ident)), get_ident())
        self.failureResultOf(hashing.do(lambda: 1 // 0), ZeroDivisionError)
        hashing.stop()
