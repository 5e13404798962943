"""
Who gets a message.
"""

from __future__ import annotations

from tests.net.receiving.support import ReceivingTestCase
from txmqtt import Message, Properties
from txmqtt.codec.packets import Publish, Suback


class FilterTests(ReceivingTestCase):
    def test_message(self) -> None:
        """
        A callback is given the message with all that came with it.
        """
        client = self.open()
        messages: list[Message] = []
        client.on_message = messages.append
        properties = Properties(content_type="text/plain", user_properties=(("a", "b"),))
        self.hears(Publish("t/ä".encode(), b"p", 1, True, True, 7, properties), Publish(b"t", b"q"))
        first, second = messages
        self.assertEqual(
            (first.topic, first.payload, first.qos, first.retain, first.dup, first.properties),
            ("t/ä", b"p", 1, True, True, properties),
        )
        self.assertEqual(
            (second.topic, second.payload, second.qos, second.retain, second.dup), ("t", b"q", 0, False, False)
        )
        self.assertEqual(second.properties, Properties())
        self.assertEqual(repr(first), "<message on 't/ä': 1 bytes, QoS 1, retained>")

    def test_by_filter(self) -> None:
        """
        Each callback gets what its filter matches, and a message that several match reaches each of them once.
        """
        self.listening("a/b", "a/+", "a/#", "#", "+/b", "$SYS/#")
        for topic, expected in (
            ("a/b", ["#", "+/b", "a/#", "a/+", "a/b"]),
            ("a", ["#", "a/#"]),
            ("a/b/c", ["#", "a/#"]),
            ("x/b", ["#", "+/b"]),
            ("$SYS/load", ["$SYS/#"]),
            ("a/b", ["#", "+/b", "a/#", "a/+", "a/b"]),
        ):
            with self.subTest(topic=topic):
                self.assertEqual(self.got_by(topic), expected)

    def test_changes_are_seen(self) -> None:
        """
        Whoever comes or goes is heeded from the next message on, also on a topic that came before.
        """
        client = self.listening("a/+")
        self.assertEqual(self.got_by("a/b"), ["a/+"])
        self.ignore(client.subscribe("a/b", self.note("new")))
        self.assertEqual(self.got_by("a/b"), ["a/+", "new"])
        self.hears(Suback(2, [0x87]))
        self.assertEqual(self.got_by("a/b"), ["a/+"])

    def test_shared(self) -> None:
        """
        A shared subscription's callback gets what the filter under the share matches.
        """
        self.listening("$share/group/a/+", "$share/other/a/+")
        self.assertEqual(self.got_by("a/b"), ["$share/group/a/+", "$share/other/a/+"])

    def test_catch_all(self) -> None:
        """
        What no filter matches goes to C{on_message}; without one it is counted, and logged once.
        """
        client = self.listening("a")
        client.on_message = self.note("rest")
        self.assertEqual(self.got_by("a"), ["a"])
        self.assertEqual(self.got_by("b"), ["rest"])
        client.on_message = None
        self.assertEqual(self.got_by("b"), [])
        self.assertEqual(self.got_by("b"), [])
        self.assertEqual(client.unclaimed, 2)
        with self.assertRaisesRegex(TypeError, "on_message is 5"):
            client.on_message = 5  # type: ignore[assignment]

    def test_subscription_without_callback(self) -> None:
        """
        A subscription without a callback leaves its messages to C{on_message}.
        """
        client = self.open(on_message=self.note("rest"))
        client.subscribe("a")
        self.hears(Suback(1, [0]))
        self.assertEqual(self.got_by("a"), ["rest"])

    def test_many_topics(self) -> None:
        """
        However many topics there are, and however long, each finds its callbacks.
        """
        self.listening("+/x")
        for number in range(5000):
            self.hears(Publish(b"%d/x" % number, b"p"))
        self.hears(Publish(b"l" * 1000 + b"/x", b"p"))
        self.assertEqual(len(self.got), 5001)

    def test_callback_that_changes_the_table(self) -> None:
        """
        A callback may subscribe and unsubscribe; the message at hand still reaches all it was for.
        """
        client = self.listening("a/#")

        def meddle(message: Message) -> None:
            self.got.append("meddler")
            self.ignore(client.unsubscribe("a/#"), client.subscribe("a/+", self.note("late")))

        self.ignore(client.subscribe("a/b", meddle))
        self.hears(Suback(2, [0]))
        self.assertEqual(self.got_by("a/b"), ["a/#", "meddler"])
        self.assertEqual(self.got_by("a/c"), ["a/#", "late"])
