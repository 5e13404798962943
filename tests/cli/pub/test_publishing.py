"""
What C{txmqtt pub -l} does with lines.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.cli.support import JobCase
from txmqtt.broker.policy import Policy
from txmqtt.cli.pub.command import Wish
from txmqtt.cli.pub.lines import Tap
from txmqtt.cli.pub.publishing import Publishing, Stream
from txmqtt.testing import MQTTWorld


def wish(**given: Any) -> Wish:
    defaults: dict[str, Any] = {"topic": "a", "qos": 1, "retain": False, "lines": True, "repeat": 1, "delay": 0.0}
    return Wish(**{**defaults, **given})


class StreamTests(JobCase):
    def stream(self, **given: Any) -> tuple[Stream, Deferred[int]]:
        finished: Deferred[int] = Deferred()
        return Stream(self.run_of(), self.world.service(), wish(**given), None, finished), finished

    def test_all_settled(self) -> None:
        """
        It is done when the last line is acknowledged, not before.
        """
        seen = self.world.watch("a")
        stream, finished = self.stream()
        for line in (b"1", b"2"):
            stream.line(line)
        stream.end(None)
        self.assertNoResult(finished)
        self.world.flush()
        self.assertEqual(self.successResultOf(finished), 0)
        self.assertEqual([each.payload for each in seen], [b"1", b"2"])

    def test_connection_lost(self) -> None:
        """
        Lines that come meanwhile wait, and standard input with them when they are many; none is lost.
        """
        seen = self.world.watch("a", qos=0, client_id="watch")
        stream, finished = self.stream(qos=0)
        self.world.down()
        self.world.flush()
        for number in range(Tap.MESSAGES):
            stream.line(b"%d" % number)
        self.assertEqual(stream.tap.count, Tap.MESSAGES)
        stream.end(None)
        self.world.up()
        seen = self.world.watch("a")
        self.world.advance(10)
        self.assertEqual(self.successResultOf(finished), 0)
        self.assertEqual(len(seen), Tap.MESSAGES)

    def test_wrong_end(self) -> None:
        """
        What is wrong with standard input is told.
        """
        stream, finished = self.stream()
        stream.end("a line is too long")
        self.assertEqual(str(self.failureResultOf(finished).value), "a line is too long")


class PublishingTests(JobCase):
    def publish(self, server: dict[str, Any] | None = None, **given: Any) -> int:
        run = self.run_of()
        target = self.target("PUBLISH", **(server or {}))
        publishing = Publishing(self.clock, run, target, wish(lines=False, **given), b"x")
        run.start(self.clock, lambda reactor, run: publishing.job())
        self.world.advance(5)
        return run.status

    def test_repeat(self) -> None:
        """
        So often, with a pause between.
        """
        seen = self.world.watch("a")
        self.assertEqual(self.publish(repeat=3, delay=1.0), 0)
        self.assertEqual(len(seen), 3)

    def test_refused(self) -> None:
        """
        Who may not come in has the server's reason as exit status.
        """
        self.world = MQTTWorld(users={"ann": "sesame"})
        self.addCleanup(self.world.close)
        self.clock = self.world.clock
        self.assertEqual(self.publish({"username": "ann", "password": "wrong"}), 134)
        self.assertEqual(self.publish({"username": "ann", "password": "wrong", "version": 4}), 4)
        self.assertEqual(self.publish({"username": "ann", "password": "sesame"}), 0)

    def test_too_large(self) -> None:
        """
        What the server does not take is an error, and no hang.
        """
        self.world = MQTTWorld(policy=Policy(max_packet_size=1000))
        self.addCleanup(self.world.close)
        self.clock = self.world.clock
        run = self.run_of()
        publishing = Publishing(self.clock, run, self.target(), wish(lines=False), b"x" * 2000)
        run.start(self.clock, lambda reactor, run: publishing.job())
        self.world.flush()
        self.assertEqual((run.status, len(self.said)), (1, 1))
