"""
All retained messages that some filters match.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.retained.gathering import clear_all, described, gather
from txmqtt.codec.errors import Refused
from txmqtt.codec.properties import Properties
from txmqtt.net.values import Message


class Client:
    """
    A client that agrees to everything.
    """

    on_message: Callable[[Message], object]

    def __init__(self) -> None:
        self.said: list[Any] = []

    def subscribe(self, filters: list[str], callback: None, qos: int, retain_handling: int) -> Deferred[None]:
        self.said.append(filters)
        return succeed(None)

    def ping(self) -> Deferred[None]:
        self.said.append("ping")
        return succeed(None)

    def unsubscribe(self, filters: list[str]) -> Deferred[None]:
        return succeed(None)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, properties: object) -> Deferred[None]:
        self.said.append((topic, payload, retain))
        return fail(Refused("no", 135)) if topic == "b" else succeed(None)


def kept(topic: str, payload: bytes = b"abc", expiry: int | None = None) -> Message:
    return Message(topic, payload, 1, True, False, Properties(message_expiry_interval=expiry))


class GatherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.client: Any = Client()

    def test_until_it_is_quiet(self) -> None:
        """
        As long as more come it goes on; what is not retained, and what is left out, is not among them.
        """
        found = Deferred.fromCoroutine(gather(self.clock, self.client, ("#", "#"), ("b/+",), 0.5))
        self.assertEqual(self.client.said, [["#"], "ping"])
        for topic in ("a", "b/c", "d"):
            self.client.on_message(kept(topic))
            self.clock.advance(0.5)
            self.assertNoResult(found)
        self.client.on_message(Message("live", b"", 0, False, False))
        self.clock.advance(0.5)
        kept_ones: Any = self.successResultOf(found)
        self.assertEqual(list(kept_ones), ["a", "d"])

    def test_clear(self) -> None:
        """
        Each is published empty and retained; what the server refuses is told.
        """
        failed = self.successResultOf(Deferred.fromCoroutine(clear_all(self.client, ["a", "b", "c"], None)))
        self.assertEqual(self.client.said, [(each, b"", True) for each in ("a", "b", "c")])
        self.assertEqual(failed, [("b", "no")])


class DescribedTests(SynchronousTestCase):
    def test_for_people(self) -> None:
        """
        In the order of topics, in columns, without what a terminal would obey.
        """
        found = {each.topic: each for each in (kept("z\x1b"), kept("a", b"x" * 2048, 3000))}
        self.assertEqual(
            b"".join(described(found, False)).decode().splitlines(),
            ["2.0 KiB  QoS 1  a  expires in 3,000 s", "3 bytes  QoS 1  z\\x1b"],
        )

    def test_for_programs(self) -> None:
        """
        A line of JSON for each.
        """
        (line,) = described({"a": kept("a")}, True)
        said = json.loads(line)
        self.assertEqual((said["topic"], said["qos"], said["payload"]), ("a", 1, "abc"))
