"""
From a command to its end.
"""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as ConnectRefused
from twisted.internet.error import DNSLookupError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.exits import Ended, refusal
from txmqtt.cli.running import Run
from txmqtt.codec import reasons
from txmqtt.codec.errors import ConnectionClosed, Refused


class RunTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.run()
        self.said: list[str] = []

    def run_job(self, job: Any, endless: bool = False) -> Run:
        run = Run(quiet=False, debug=False, version=5, endless=endless)
        self.patch(run, "say", self.said.append)
        run.start(self.reactor, job)
        return run

    def ended(self, result: int | Exception | None) -> int:
        async def job(reactor: Any, run: Run) -> int | None:
            if isinstance(result, Exception):
                raise result
            return result

        run = self.run_job(job)
        self.assertTrue(self.reactor.hasStopped)
        return run.status

    def test_statuses(self) -> None:
        """
        Each end has its status, and each that is no success has its words.
        """
        for result, status, words in (
            (None, 0, []),
            (0, 0, []),
            (7, 7, []),
            (Ended(27, "time is up"), 27, ["time is up"]),
            (Refused("no", reasons.NOT_AUTHORIZED), 135, ["no"]),
            (ConnectionClosed("gone"), 1, ["gone"]),
            (ConnectRefused("x"), 1, ["can't connect: Connection was refused by other side: x."]),
            (DNSLookupError("y"), 1, ["no such host: DNS lookup failed: y."]),
            (ValueError("bad"), 1, ["bad"]),
            (KeyError("bug"), 1, ["KeyError: 'bug'"]),
        ):
            with self.subTest(result=result):
                self.said.clear()
                self.assertEqual(self.ended(result), status)
                self.assertEqual(self.said, words)

    def test_before_it_begins(self) -> None:
        """
        A job that can't even be made ends the command all the same.
        """

        def job(reactor: Any, run: Run) -> Any:
            raise ValueError("no such option")

        run = self.run_job(job)
        self.assertEqual((run.status, self.said, self.reactor.hasStopped), (1, ["no such option"], True))

    def waits(self, closing: Deferred[None]) -> Any:
        async def job(reactor: Any, run: Run) -> None:
            try:
                await Deferred()
            finally:
                await closing

        return job

    def test_signal(self) -> None:
        """
        The first ends it in good order: what the job has to close is closed. The status says which signal it was.
        """
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            self.reactor.hasStopped = False
            closing: Deferred[None] = Deferred()
            run = self.run_job(self.waits(closing))
            run.signalled(number)
            self.assertFalse(self.reactor.hasStopped)
            closing.callback(None)
            self.assertTrue(self.reactor.hasStopped)
            self.assertEqual((run.status, self.said), (status, []))

    def test_endless(self) -> None:
        """
        For what has no end of its own a signal is a good end.
        """
        closing: Deferred[None] = Deferred()
        run = self.run_job(self.waits(closing), endless=True)
        run.signalled(signal.SIGINT)
        closing.callback(None)
        self.assertEqual(run.status, 0)

    def test_stop(self) -> None:
        """
        A job that is stopped since nobody reads any more has done well.
        """
        closing: Deferred[None] = Deferred()
        run = self.run_job(self.waits(closing))
        run.stop()
        closing.callback(None)
        self.assertEqual((run.status, self.said), (0, []))


class RefusalTests(SynchronousTestCase):
    def test_refusals(self) -> None:
        """
        5.0 gives its reason code, 3.x the return code of its CONNACK, as mosquitto's commands do.
        """
        for reason, version, connecting, status in (
            (reasons.BAD_USER_NAME_OR_PASSWORD, 5, True, 134),
            (reasons.BAD_USER_NAME_OR_PASSWORD, 4, True, 4),
            (reasons.NOT_AUTHORIZED, 3, True, 5),
            (reasons.NOT_AUTHORIZED, 4, False, 135),
            (reasons.UNSPECIFIED_ERROR, 4, True, 1),
            (reasons.SUCCESS, 5, False, 1),
        ):
            with self.subTest(reason=reason, version=version):
                self.assertEqual(refusal(reason, version, connecting), status)
