"""
Who gets a message.
"""

from __future__ import annotations

from typing import Any

from tests.net.receiving.support import ReceivingTestCase
from txmqtt import Message, MQTTClient, Properties
from txmqtt.codec.packets import Connack, Packet, Publish, Suback, Subscribe
from txmqtt.net.receiving.routing import Routing


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


class IdentifierTests(ReceivingTestCase):
    """
    5.0: a message is for the subscriptions that it names.
    """

    def got_with(self, topic: str, *identifiers: int) -> list[str]:
        self.got.clear()
        properties = Properties(subscription_identifiers=identifiers) if identifiers else None
        self.hears(Publish(topic.encode(), b"p", properties=properties))
        return sorted(self.got)

    def numbers(self, client: MQTTClient, *filters: str, **options: Any) -> list[int]:
        """
        The identifiers that SUBSCRIBEs to these carry, one after another.
        """
        for filter in filters:
            self.ignore(client.subscribe(filter, self.note(filter), **options))
        said = [packet for packet in self.said() if isinstance(packet, Subscribe)]
        self.hears(*[Suback(packet.packet_id, [0]) for packet in said])
        return [number for packet in said for number in _identifiers(packet)]

    def test_each_subscription_has_one(self) -> None:
        """
        Each subscription with a callback gets an identifier of its own, several filters in one call the same, and one
        without a callback none; a number that the user gives is taken as it is.
        """
        client = self.open()
        self.assertEqual(self.numbers(client, "a", "b"), [100, 101])
        self.assertEqual(self.numbers(client, "c", identifier=7), [7])
        self.ignore(client.subscribe(["d", "e"], self.note("several")), client.subscribe("f"))
        several, silent = self.said()
        self.assertEqual((_identifiers(several), _identifiers(silent)), ((102,), ()))

    def test_none_where_there_are_none(self) -> None:
        """
        Neither 3.x nor a server that does not offer them is sent identifiers.
        """
        for version, announced in ((4, None), (5, Properties(subscription_identifier_available=0))):
            with self.subTest(version=version):
                client = self.open(announced, version=version)
                self.assertEqual(self.numbers(client, "a/+", "a/b"), [])
                self.assertEqual(self.got_with("a/b"), ["a/+", "a/b"])

    def test_kept_for_the_same_filter(self) -> None:
        """
        Subscribing to a filter again keeps its identifier: what is under way with it reaches the new callback.
        """
        client = self.open()
        self.assertEqual(self.numbers(client, "a/#"), [100])
        self.ignore(client.subscribe("a/#", self.note("new"), qos=1))
        self.assertEqual(_identifiers(self.said()[0]), (100,))
        self.assertEqual(self.got_with("a/b", 100), ["new"])
        self.ignore(client.subscribe("a/#", qos=2))
        self.assertEqual(_identifiers(self.said()[0]), (100,))
        self.assertEqual(self.got_with("a/b", 100), ["new"])

    def test_one_copy_for_all(self) -> None:
        """
        A server that sends one copy with all identifiers: each callback that they name gets it, once.
        """
        client = self.open()
        self.numbers(client, "a/#", "a/+", "a/b", "#")
        self.assertEqual(self.got_with("a/b", 100, 102, 101, 103), ["#", "a/#", "a/+", "a/b"])
        self.assertEqual(self.got_with("a/b", 101, 101), ["a/+"])

    def test_one_copy_for_each(self) -> None:
        """
        A server that sends a copy for each subscription: each callback gets its own copy and no other.
        """
        client = self.open()
        self.numbers(client, "a/#", "a/+", "a/b")
        self.assertEqual([self.got_with("a/b", number) for number in (100, 101, 102)], [["a/#"], ["a/+"], ["a/b"]])

    def test_copy_for_a_subscription_without_a_callback(self) -> None:
        """
        A copy without an identifier, from a server that sends one for each, is for the subscription that has no
        callback.
        """
        client = self.open(on_message=self.note("rest"))
        self.numbers(client, "a/b")
        self.ignore(client.subscribe("a/#"))
        self.assertEqual(self.got_with("a/b", 100), ["a/b"])
        self.assertEqual(self.got_with("a/b"), ["rest"])
        self.assertEqual(self.got_with("a/c"), ["rest"])

    def test_shared_and_not(self) -> None:
        """
        A message for a shared subscription reaches its callback only, though the other matches too.
        """
        client = self.open()
        self.numbers(client, "$share/group/a/+", "a/+")
        self.assertEqual(self.got_with("a/b", 100), ["$share/group/a/+"])
        self.assertEqual(self.got_with("a/b", 101), ["a/+"])

    def test_server_that_sends_none(self) -> None:
        """
        From a server that offers identifiers and forgets to send them every callback that matches gets the message.
        """
        client = self.open()
        self.numbers(client, "a/+", "a/b")
        self.assertEqual(self.got_with("a/b"), ["a/+", "a/b"])

    def test_identifier_that_nobody_knows(self) -> None:
        """
        An identifier that no matching filter has, left by an earlier life of the session, counts for nothing: the topic
        decides.
        """
        client = self.open(on_message=self.note("rest"))
        self.numbers(client, "a/+", "a/b", "x/#")
        self.assertEqual(self.got_with("a/b", 9), ["a/+", "a/b"])
        self.assertEqual(self.got_with("a/b", 100, 9), ["a/+"])
        self.assertEqual(self.got_with("a/b", 102), ["a/+", "a/b"])
        self.assertEqual(self.got_with("y", 100), ["rest"])

    def test_reconnect(self) -> None:
        """
        Identifiers belong to the session: on the next connection they mean the same.
        """
        client = self.open(clean_start=False)
        self.numbers(client, "a/+", "a/b")
        self.lose()
        client = self.connect()
        self.written()
        self.hears(Connack(session_present=True))
        self.assertEqual(self.got_with("a/b", 101), ["a/b"])
        self.assertEqual(self.numbers(client, "c"), [102])

    def test_freed(self) -> None:
        """
        However often a client subscribes and unsubscribes, the identifiers stay small, and none is given twice.
        """
        client = self.open()
        self.numbers(client, "stays")
        routing = client.state.handlers
        routing._last = 16_382
        self.assertEqual(self.numbers(client, "a", "b", "c"), [16_383, 101, 102])

    def test_thousands(self) -> None:
        """
        There are enough of them for anybody.
        """
        routing = Routing()
        given = set()
        for _ in range(20_000):
            number = routing.identifier([b"t"])
            routing._taken[number] = 1
            given.add(number)
        self.assertEqual(len(given), 20_000)

    def test_refused(self) -> None:
        """
        A subscription that is refused leaves the one before under its identifier.
        """
        client = self.open()
        self.ignore(client.subscribe(["t", "u"], self.note("old")))
        self.hears(Suback(1, [0, 0]))
        self.ignore(client.subscribe("t", self.note("new")))
        self.assertEqual([_identifiers(packet) for packet in self.said()], [(100,), (101,)])
        self.hears(Suback(2, [0x97]))
        self.assertEqual(self.got_with("t", 100), ["old"])

    def test_many_sets(self) -> None:
        """
        A server that names ever other sets of identifiers makes nothing grow without bound.
        """
        client = self.open()
        self.numbers(client, "t")
        for number in range(1, 4500):
            self.hears(Publish(b"t", b"p", properties=Properties(subscription_identifiers=(100, number))))
        self.assertEqual(len(self.got), 4499)
        self.assertLess(sum(map(len, client.state.handlers._named.values())), 4_097)


def _identifiers(packet: Packet) -> tuple[int, ...]:
    assert isinstance(packet, Subscribe)
    return packet.properties.subscription_identifiers if packet.properties else ()
