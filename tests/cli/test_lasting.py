"""
A connection that is made again: what is told of it, and how it is left.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.cli.support import JobCase
from txmqtt.broker.policy import Policy
from txmqtt.cli.exits import Ended
from txmqtt.cli.lasting import Lasting
from txmqtt.testing import MQTTWorld


class LastingTests(JobCase):
    def link(self, **given: Any) -> Lasting:
        self.failures: list[Exception] = []
        self.connected: list[bool] = []
        link = Lasting(
            self.clock,
            self.run_of(),
            self.target(**given),
            lambda: self.connected.append(True),
            self.failures.append,
        )
        link.start()
        self.world.flush()
        return link

    def leave(self, link: Lasting) -> None:
        self.world.run(Deferred.fromCoroutine(link.leave()))

    def test_once(self) -> None:
        """
        The first connection is told, later ones go without a word; each loss has one line.
        """
        link = self.link()
        for _ in range(2):
            self.world.connections[-1].cut()
            self.world.advance(5)
        self.leave(link)
        self.assertEqual((self.connected, self.failures, len(self.said)), ([True], [], 2))

    def test_first_attempt(self) -> None:
        """
        A first attempt that fails is final; a refusal has its status.
        """
        self.world = MQTTWorld(users={"ann": "sesame"})
        self.addCleanup(self.world.close)
        self.clock = self.world.clock
        link = self.link(username="ann", password="wrong")
        self.world.flush()
        (failure,) = self.failures
        self.assertIsInstance(failure, Ended)
        self.assertEqual(getattr(failure, "status", None), 134)
        self.leave(link)

    def test_session(self) -> None:
        """
        A session that began anew ends with the command, unless somebody asked for it to be kept (-x, -c).
        """
        for given, kept in (
            ({}, False),
            ({"expiry": 600}, True),
            ({"persistent": True}, True),
            ({"properties": ("DISCONNECT\0user-property\0a\0b",)}, False),
        ):
            with self.subTest(given=given):
                self.leave(self.link(client_id="me", **given))
                again = self.world.client(client_id="me", clean_start=False, session_expiry=0)
                self.assertEqual(again.session_present, kept)
                self.world.run(again.disconnect())

    def test_large_packets(self) -> None:
        """
        What the server announced is kept to.
        """
        self.world = MQTTWorld(policy=Policy(max_packet_size=1000))
        self.addCleanup(self.world.close)
        self.clock = self.world.clock
        link = self.link()
        self.failureResultOf(link.service.publish("a", b"x" * 2000, 1))
        self.leave(link)
