"""
A program of a user's that stays connected does what it says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.service.support import scratch
from tests.users import typed_service
from txmqtt.testing import MQTTWorld


class TypedServiceTests(SynchronousTestCase):
    def test_it_runs(self) -> None:
        """
        What the type checker believes is also true: an order that was taken without a server is carried out later.
        """
        words = ["ConnectionRefusedError", "NO_MATCHING_SUBSCRIBERS", "stopped"]
        self.assertEqual(typed_service.main(Path(scratch(self)) / "shop.db"), words)


class TypedThreadsTests(TestCase):
    async def test_it_runs(self) -> None:
        """
        So is what it believes of threads.
        """
        reactor: Any = installed
        with MQTTWorld() as world:
            service = world.service(client_id="me")
            moving = [reactor.callLater(0.01, lambda: move())]

            def move() -> None:
                world.flush()
                moving[0] = reactor.callLater(0.01, move)

            self.addCleanup(lambda: moving[0].cancel())
            said, heard = await typed_service.talk(reactor, service)
        self.assertEqual((said, heard), (["GRANTED_QOS_1", "SUCCESS", "SUCCESS"], [b"hello", b"goodbye"]))
