"""
What every backend promises about retained messages.
"""

from __future__ import annotations

from tests.backends.promises import Promises, Reader
from tests.broker.support import START
from txmqtt.broker.shapes import (
    UNRETAINED,
)
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message


class RetainedPromises(Promises):
    """
    The last message of each topic.
    """

    def test_retained(self) -> None:
        """
        The last retained message of each topic is found by the filters that match it, at its mount point alone.
        """
        here, there = self.route(), self.route(mount="there")
        for route, payload in ((here, b"1"), (here, b"2"), (there, b"3")):
            self.assertDone(self.publish(route, payload, 1, retain=True))
        self.publish(here, b"flying", 1)
        self.assertEqual((self.find(), self.find(b"t"), self.find(b"+/a")), ([b"2"], [b"2"], []))
        self.assertEqual(self.find(mount="there"), [b"3"])
        self.assertEqual((self.stats.retained, self.find(mount="nowhere")), (2, []))
        self.assertDone(self.publish(here, b"", 0, retain=True))
        self.assertEqual((self.find(), self.stats.retained), ([], 1))

    def test_retained_whole(self) -> None:
        """
        A retained message is found as it was published.
        """
        said = Properties(content_type="text/plain", user_properties=(("b", "1"), ("a", "2")))
        self.publish(self.route(), b"x", 2, retain=True, properties=said, expires_at=START + 9, publisher="c")
        reader = Reader()
        self.backend.find("", b"t", reader)
        self.finish()
        (found,) = reader.messages
        self.assertEqual(
            (found.topic, found.payload, found.qos, found.properties, found.expires_at, found.publisher),
            (b"t", b"x", 2, said, START + 9, "c"),
        )

    def test_retained_and_owed(self) -> None:
        """
        A message that is retained is owed like any other.
        """
        owner = self.open("c")
        self.want(owner)
        self.publish(self.route(owner), b"x", 1, retain=True)
        self.publish(self.route(owner), b"", 1, retain=True)
        self.assertEqual(owner.payloads, [b"x", b""])

    def test_retained_bounds(self) -> None:
        """
        A retained message that finds no room is not kept and owed to nobody, counted, and at QoS 1 and 2 its ticket
        says so; at QoS 0 the older goes.
        """
        owner = self.open("c")
        self.want(owner)
        for number in range(3):
            message = Message(b"%d" % number, b"x", 1, True)
            self.assertDone(self.backend.publish(message, self.route(owner), None, 0))
        self.assertDone(self.publish(self.route(owner), b"y", 1, retain=True), UNRETAINED.reason)
        self.assertDone(self.backend.publish(Message(b"1", bytes(2_000), 0, True), self.route(), None, 0))
        self.finish()
        self.assertEqual((self.find(b"1"), self.stats.retained, self.stats.dropped_retained), ([], 2, 2))
        self.assertEqual(len(owner.items), 3)
        self.assertDone(self.publish(self.route(), b"y", 1, retain=True))

    def test_retained_expires(self) -> None:
        """
        A retained message is found until its time is over, and swept away then.
        """
        self.publish(self.route(), b"x", 1, retain=True, expires_at=START + 5)
        self.turn.now = START + 5
        self.assertEqual(self.find(), [])
        self.backend.sweep(START + 5)
        self.finish()
        self.assertEqual((self.stats.retained, self.stats.retained_bytes), (0, 0))
