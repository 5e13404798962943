"""
Which callbacks get a message, and when it counts as handled.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.net.support_client import ClientTestCase
from txmqtt import Message, MQTTClient, Properties
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Disconnect, Publish, Suback
from txmqtt.net.handlers import Callback


class HandlersTestCase(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.got: list[str] = []

    def listening(self, *filters: str, **options: Any) -> MQTTClient:
        """
        A client whose callbacks write down their filter.
        """
        client = self.open(**options)
        for number, filter in enumerate(filters):
            self.ignore(client.subscribe(filter, self.note(filter), qos=2))
            self.hears(Suback(number + 1, [2]))
        self.said()
        return client

    def note(self, word: str) -> Callback:
        return lambda message: self.got.append(word)

    def got_by(self, topic: str) -> list[str]:
        """
        Who gets a message on this topic.
        """
        self.got.clear()
        self.hears(Publish(topic.encode(), b"p"))
        return sorted(self.got)


class RoutingTests(HandlersTestCase):
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


class HandlingTests(HandlersTestCase):
    def busy(self, done: Deferred[Any]) -> Callback:
        return lambda message: done

    def test_deferred_delays_the_acknowledgement(self) -> None:
        """
        A QoS 1 or 2 message is acknowledged when the Deferred that its callback returned fires
        [MQTT5-4.5.0-2] [MQTT311-4.5.0-2].
        """
        for version in (3, 4, 5):
            for qos, kind in ((1, PUBACK), (2, PUBREC)):
                with self.subTest(version=version, qos=qos):
                    client = self.open(version=version)
                    done: Deferred[object] = Deferred()
                    client.on_message = self.busy(done)
                    self.hears(Publish(b"t", b"p", qos, packet_id=7))
                    self.assertEqual(self.said(), [])
                    done.callback("whatever")
                    self.assertEqual(self.said(), [Ack(kind, 7)])

    def test_coroutine_delays_the_acknowledgement(self) -> None:
        """
        A callback may be a coroutine function; its message is acknowledged when it returns.
        """
        client = self.open()
        done: Deferred[None] = Deferred()

        async def handle(message: Message) -> None:
            await done
            self.got.append(message.topic)

        client.on_message = handle
        self.hears(Publish(b"t", b"p", 1, packet_id=7))
        self.assertEqual((self.said(), self.got), ([], []))
        done.callback(None)
        self.assertEqual((self.said(), self.got), ([Ack(PUBACK, 7)], ["t"]))

    def test_coroutine_that_waits_for_nothing(self) -> None:
        """
        A coroutine that is done at once delays nothing.
        """
        client = self.open()

        async def handle(message: Message) -> None:
            self.got.append(message.topic)

        client.on_message = handle
        self.hears(Publish(b"t", b"p", 1, packet_id=7))
        self.assertEqual(self.written(), [Ack(PUBACK, 7)])

    def test_all_callbacks_count(self) -> None:
        """
        A message that reached several callbacks is acknowledged when the last is done with it.
        """
        client = self.open()
        first: Deferred[None] = Deferred()
        second: Deferred[None] = Deferred()
        for filter, done in (("a/b", first), ("a/+", second)):
            self.ignore(client.subscribe(filter, self.busy(done), qos=1))
        self.ignore(client.subscribe("#", self.note("at once"), qos=1))
        self.said()
        self.hears(Publish(b"a/b", b"p", 1, packet_id=7))
        first.callback(None)
        self.assertEqual(self.said(), [])
        second.callback(None)
        self.assertEqual(self.said(), [Ack(PUBACK, 7)])
        self.assertEqual(self.got, ["at once"])

    def test_acknowledged_in_order(self) -> None:
        """
        A message that is done early waits for the earlier ones of its kind [MQTT5-4.6.0-2] [MQTT311-4.6.0-2].
        """
        client = self.open()
        done = [Deferred[None]() for _ in range(3)]
        waiting = iter(done)
        client.on_message = lambda message: next(waiting)
        self.hears(*[Publish(b"t", b"p", 1, packet_id=number) for number in (1, 2, 3)])
        done[2].callback(None)
        done[1].callback(None)
        self.assertEqual(self.said(), [])
        done[0].callback(None)
        self.assertEqual(self.said(), [Ack(PUBACK, 1), Ack(PUBACK, 2), Ack(PUBACK, 3)])

    def test_failures_are_contained(self) -> None:
        """
        A callback that fails, now or later, is logged and counted; the message is acknowledged, the other callbacks get
        it, and the connection goes on.
        """
        client = self.listening("#")

        async def fail_later(message: Message) -> None:
            raise RuntimeError("later")

        def fail(message: Message) -> None:
            raise RuntimeError("now")

        def leave(message: Message) -> None:
            raise SystemExit

        for number, (filter, callback) in enumerate((("a/+", fail), ("a/b", fail_later), ("+/b", leave))):
            self.ignore(client.subscribe(filter, callback, qos=1))
            self.hears(Suback(number + 2, [1]))
        self.said()
        self.got.clear()
        self.hears(Publish(b"a/b", b"p", 1, packet_id=7))
        self.assertEqual(self.said(), [Ack(PUBACK, 7)])
        self.assertEqual(self.got, ["#"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError, SystemExit)), 3)
        self.assertEqual(client.callback_failures, 3)
        self.assertFalse(self.transport.disconnecting)

    def test_deferred_of_qos_0(self) -> None:
        """
        What a QoS 0 callback returns delays nothing, but its failure is noticed.
        """
        client = self.open()
        done: Deferred[None] = Deferred()
        client.on_message = self.busy(done)
        self.hears(Publish(b"t", b"p"))
        self.assertEqual(self.said(), [])
        done.errback(RuntimeError("late"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(client.callback_failures, 1)

    def test_done_after_the_end(self) -> None:
        """
        A callback that is done when the connection is gone harms nobody.
        """
        client = self.open()
        done: Deferred[None] = Deferred()
        client.on_message = self.busy(done)
        self.hears(Publish(b"t", b"p", 1, packet_id=7))
        self.lose()
        done.callback(None)
        self.assertEqual(self.said(), [])

    def test_repeat_while_handled(self) -> None:
        """
        A repeat of a message whose callback is still busy does not call it again, nor is it acknowledged twice.
        """
        client = self.open(version=4)
        done: Deferred[None] = Deferred()

        def handle(message: Message) -> Deferred[None]:
            self.got.append(message.topic)
            return done

        client.on_message = handle
        self.hears(Publish(b"t", b"p", 1, packet_id=7), Publish(b"t", b"p", 1, dup=True, packet_id=7))
        done.callback(None)
        self.assertEqual((self.said(), self.got), ([Ack(PUBACK, 7)], ["t"]))

    def test_repeat_on_the_next_connection(self) -> None:
        """
        A QoS 2 message whose callback is still busy when the connection breaks is not given to it again; the answer is
        sent on the new connection when it is done [MQTT5-4.3.3-10] [MQTT311-4.3.3-2].
        """
        client = self.open(clean_start=False)
        done: Deferred[None] = Deferred()

        def handle(message: Message) -> Deferred[None]:
            self.got.append(message.topic)
            return done

        client.on_message = handle
        self.hears(Publish(b"t", b"p", 2, packet_id=7))
        self.lose()
        self.connect()
        self.written()
        self.client.dataReceived(b"\x20\x03\x01\x00\x00")
        self.hears(Publish(b"t", b"p", 2, dup=True, packet_id=7))
        self.assertEqual(self.said(), [])
        done.callback(None)
        self.assertEqual(self.said(), [Ack(PUBREC, 7)])
        self.hears(Ack(PUBREL, 7))
        self.assertEqual((self.said(), self.got), ([Ack(PUBCOMP, 7)], ["t"]))

    def test_disconnect_in_a_coroutine(self) -> None:
        """
        A coroutine may publish, await and disconnect.
        """
        client = self.open()

        async def handle(message: Message) -> None:
            await client.publish("reply", b"1", qos=1)
            await client.disconnect()
            self.got.append("over")

        client.on_message = handle
        self.hears(Publish(b"t", b"p", 1, packet_id=7))
        self.assertEqual(self.written(), [Publish(b"reply", b"1", 1, packet_id=1)])
        self.hears(Ack(PUBACK, 1))
        self.assertEqual(self.written(), [Disconnect()])
        self.lose()
        self.assertEqual(self.got, ["over"])
