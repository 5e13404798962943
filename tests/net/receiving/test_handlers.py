"""
When a message that a callback gets counts as handled.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.net.receiving.support import ReceivingTestCase
from txmqtt import Message
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Disconnect, Publish, Suback
from txmqtt.net.receiving.receivers import Callback


class HandlingTests(ReceivingTestCase):
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
