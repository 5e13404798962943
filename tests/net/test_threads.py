"""
Any thread may use a client, by the way that is there for it; and is told when it takes another.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import Any
from unittest import mock

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.python import threadable
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txmqtt import FromThread, Refused, connect, connect_over
from txmqtt.testing import MQTTWorld


class FromThreadTests(TestCase):
    """
    The reactor that runs is this test's; the client lives in a world of its own, which is moved on while others wait.
    """

    def setUp(self) -> None:
        self.world = MQTTWorld()
        self.addCleanup(self.world.close)
        self.client = self.world.client()
        reactor: Any = installed
        moving = reactor.callLater(0.01, self._move)
        self.calls = [moving]
        self.addCleanup(lambda: self.calls[-1].cancel())
        self.threads = FromThread(self.client, reactor)

    def _move(self) -> None:
        reactor: Any = installed
        self.calls.append(reactor.callLater(0.01, self._move))
        self.world.flush()

    async def test_verbs(self) -> None:
        """
        Each verb returns what its Deferred comes to.
        """
        got: list[bytes] = []

        def work() -> object:
            self.threads.subscribe("t", lambda message: got.append(message.payload), 1, timeout=5)
            self.threads.publish("t", b"x", 1, timeout=5)
            return self.threads.unsubscribe("t", timeout=5).reason

        self.assertEqual(await deferToThread(work), 0)
        self.assertEqual(got, [b"x"])

    async def test_twisteds_reactor(self) -> None:
        """
        Unless another is named, the reactor is Twisted's.
        """
        threads = FromThread(self.client)
        await deferToThread(threads.publish, "t", b"x", 1, timeout=5)

    async def test_errors(self) -> None:
        """
        What a verb raises, and what its Deferred fails with, is raised.
        """
        with self.assertRaises(ValueError):
            await deferToThread(self.threads.publish, "a/#", b"", timeout=5)
        self.world.connection(self.client).cut()
        with self.assertRaisesRegex(Exception, "lost"):
            await deferToThread(self.threads.publish, "t", b"", 1, timeout=5)

    async def test_timeout(self) -> None:
        self.world.connection(self.client).stall()
        with self.assertRaises(TimeoutError):
            await deferToThread(self.threads.publish, "t", b"", 1, timeout=0.05)

    async def test_cancelled(self) -> None:
        """
        What is cancelled before the reactor has come to it is not done.
        """
        called: list[int] = []

        def verb() -> Deferred[None]:
            called.append(1)
            return Deferred()

        future = self.threads.submit(verb)
        future.cancel()
        with self.assertRaises(CancelledError):
            await deferToThread(future.result, 5)
        self.assertEqual(called, [])

    def test_in_the_reactors_thread(self) -> None:
        """
        There it would wait for itself, and says so instead.
        """
        with self.assertRaisesRegex(RuntimeError, "must not wait"):
            self.threads.publish("t", b"")


class WrongThreadTests(SynchronousTestCase):
    def test_told(self) -> None:
        """
        A verb that is called from another thread is refused, connected or not, before it does harm.
        """
        with MQTTWorld() as world:
            client = world.client()
            service = world.service()
            waiting = world.service(client_id="away")
            world.down()
            with mock.patch.object(threadable, "ioThread", -1):
                for call in (
                    lambda: waiting.publish("t", b"", 1),
                    lambda: waiting.subscribe("t"),
                    waiting.startService,
                    waiting.stopService,
                    lambda: connect(world.clock, world.url),
                    lambda: connect_over(world.clock, None),
                ):
                    with self.assertRaisesRegex(RuntimeError, "another thread"):
                        call()
            world.up()
            world.advance(2)
            client = world.client()
            with mock.patch.object(threadable, "ioThread", -1):
                for each in (client, service):
                    with self.assertRaisesRegex(RuntimeError, "FromThread"):
                        each.publish("t", b"", 1)

    def test_no_client(self) -> None:
        with self.assertRaises(TypeError):
            FromThread(Refused("", 0x80))
