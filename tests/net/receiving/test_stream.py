"""
Messages to be read one after another.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from tests.net.receiving.support import ReceivingTestCase
from txmqtt import ConnectionClosed, LocalProtocolError, Message, Properties, Refused
from txmqtt.codec.constants import PUBACK, PUBREC
from txmqtt.codec.packets import Ack, Connack, Publish, Suback, Subscribe, Subscription, Unsuback, Unsubscribe
from txmqtt.net.receiving.stream import Messages


class StreamTestCase(ReceivingTestCase):
    def run_it(self, coroutine: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        return Deferred.fromCoroutine(coroutine)

    def opened(self, filter: str | list[str] = "t", settings: Any = None, **options: Any) -> Messages:
        """
        Messages that the server has granted.
        """
        client = self.open(**(settings or {}))
        messages = client.messages(filter, 2, **options)

        async def begin() -> Messages:
            return await messages

        opening = self.run_it(begin())
        self.hears(Suback(1, [2] * (1 if isinstance(filter, str) else len(filter))))
        self.said()
        self.assertIs(self.successResultOf(opening), messages)
        return messages

    def come(self, *words: str, qos: int = 1) -> None:
        self.hears(*[Publish(b"t", word.encode(), qos, packet_id=int(word) if qos else 0) for word in words])

    def payload(self, message: Deferred[Message]) -> str:
        return self.successResultOf(message).payload.decode()

    async def read(self, messages: Messages) -> None:
        async for message in messages:
            self.got.append(message.payload.decode())
        self.got.append("end")


class ReadingTests(StreamTestCase):
    def test_async_with(self) -> None:
        """
        C{async with} subscribes and, at the end, unsubscribes; between the two every message comes, in order, also one
        that overtakes the SUBACK.
        """
        client = self.open()

        async def read() -> None:
            async with client.messages("alarms/#", qos=1) as messages:
                async for message in messages:
                    self.got.append(message.topic)
                    if message.topic == "alarms/last":
                        break
            self.got.append("over")

        reading = self.run_it(read())
        asked = Properties(subscription_identifiers=(100,))
        self.assertEqual(self.said(), [Subscribe(1, [Subscription(b"alarms/#", 1)], asked)])
        self.hears(Publish(b"alarms/kept", b"", retain=True), Suback(1, [1]))
        self.hears(Publish(b"alarms/1", b"", 1, packet_id=1))
        self.assertEqual(self.got, ["alarms/kept", "alarms/1"])
        self.hears(Publish(b"alarms/last", b"", 1, packet_id=2))
        self.assertEqual(self.said(), [Ack(PUBACK, 1), Unsubscribe(2, [b"alarms/#"]), Ack(PUBACK, 2)])
        self.assertNoResult(reading)
        self.hears(Unsuback(2, [0]))
        self.successResultOf(reading)
        self.assertEqual(self.got[-1], "over")

    def test_await(self) -> None:
        """
        Without C{async with}: await it, read, close.
        """
        messages = self.opened()
        self.come("1")
        self.assertEqual((messages.waiting, self.payload(messages.receive()), messages.waiting), (1, "1", 0))
        closed = messages.close()
        self.assertEqual(self.said(), [Ack(PUBACK, 1), Unsubscribe(2, [b"t"])])
        self.hears(Unsuback(2, [0]))
        self.assertIsNone(self.successResultOf(closed))
        self.assertIsNone(self.successResultOf(messages.close()))
        self.failureResultOf(messages.receive(), LocalProtocolError)

    def test_reading_begins_it(self) -> None:
        """
        Whoever just reads has subscribed thereby.
        """
        client = self.open()
        first = client.messages("t").receive()
        self.assertEqual([type(packet) for packet in self.said()], [Subscribe])
        self.hears(Publish(b"t", b"early"), Suback(1, [0]))
        self.assertEqual(self.payload(first), "early")
        reading = self.run_it(self.read(client.messages("u")))
        self.hears(Suback(2, [0]), Publish(b"u", b"x"))
        self.assertEqual(self.got, ["x"])
        self.lose()
        self.failureResultOf(reading, ConnectionClosed)

    def test_refused(self) -> None:
        """
        A subscription that is refused says so to whoever waits, and leaves nothing behind; of several filters those
        that were granted are taken back.
        """
        client = self.open()
        messages = client.messages(["no", "yes"])
        first = messages.receive()

        async def begin() -> None:
            async with messages:
                self.got.append("in")

        opening = self.run_it(begin())
        self.hears(Suback(1, [0x87, 0]))
        self.assertEqual(self.failureResultOf(opening, Refused).value.reason, 0x87)
        self.failureResultOf(first, Refused)
        self.assertEqual(self.said()[1:], [Unsubscribe(2, [b"yes"])])
        self.failureResultOf(messages.receive(), Refused)
        self.hears(Unsuback(2, [0]))
        self.assertEqual((self.got, client.state.handlers.receivers()), ([], []))

    def test_cancelled_opening(self) -> None:
        """
        Cancelling the opening takes the subscription back.
        """
        client = self.open()
        messages = client.messages("t")

        async def begin() -> None:
            await messages

        opening = self.run_it(begin())
        self.said()
        opening.cancel()
        self.failureResultOf(opening, CancelledError)
        self.assertEqual(self.said(), [Unsubscribe(2, [b"t"])])

    def test_timeout(self) -> None:
        """
        C{receive(timeout)} gives up with C{TimeoutError}; nothing is lost by it, nor by cancelling.
        """
        messages = self.opened()
        first = messages.receive(5)
        self.clock.advance(5)
        self.assertIn("no message within 5 s", str(self.failureResultOf(first, TimeoutError).value))
        second = messages.receive()
        second.cancel()
        self.failureResultOf(second, CancelledError)
        third = messages.receive(5)
        self.come("1")
        self.assertEqual(self.payload(third), "1")
        self.come("2")
        self.assertEqual(self.payload(messages.receive(5)), "2")
        for wrong, error in ((0, ValueError), ("1", TypeError)):
            self.assertRaises(error, messages.receive, wrong)

    def test_one_reader(self) -> None:
        """
        A second reader is told that there is one.
        """
        messages = self.opened()
        first = messages.receive()
        with self.assertRaisesRegex(RuntimeError, "somebody waits for the next message already"):
            messages.receive()
        self.come("1")
        self.assertEqual(self.payload(first), "1")

    def test_many_at_once(self) -> None:
        """
        A reader that takes no time reads all that has come without going ever deeper.
        """
        messages = self.opened(limit=3000, policy="drop_newest")
        self.come(*["0"] * 3000, qos=0)
        self.run_it(self.read(messages)).addErrback(lambda _: None)
        self.assertEqual(len(self.got), 3000)

    def test_several_filters(self) -> None:
        """
        One reader may read several filters.
        """
        messages = self.opened(["a", "b/#"])
        self.hears(Publish(b"b/c", b"1"), Publish(b"a", b"2"), Publish(b"c", b"3"))
        self.assertEqual([self.payload(messages.receive()) for _ in "12"], ["1", "2"])
        self.assertEqual(messages.waiting, 0)


class AcknowledgeTests(StreamTestCase):
    def test_when_the_next_is_asked_for(self) -> None:
        """
        A message is acknowledged when the reader asks for the next one, and not before.
        """
        messages = self.opened()
        self.come("1", "2")
        self.come("3", qos=2)
        messages.receive()
        self.assertEqual(self.said(), [])
        messages.receive()
        self.assertEqual(self.said(), [Ack(PUBACK, 1)])
        messages.receive()
        self.assertEqual(self.said(), [Ack(PUBACK, 2)])
        messages.receive().addErrback(lambda _: None)
        self.assertEqual(self.said(), [Ack(PUBREC, 3)])

    def test_received(self) -> None:
        """
        C{"received"}: when it is read.
        """
        messages = self.opened(acknowledge="received")
        self.come("1", "2")
        self.assertEqual(self.said(), [])
        messages.receive()
        self.assertEqual(self.said(), [Ack(PUBACK, 1)])

    def test_manual(self) -> None:
        """
        C{"manual"}: when the application says so.
        """
        messages = self.opened(acknowledge="manual")
        self.come("1", "2")
        one, two = (self.successResultOf(messages.receive()) for _ in "12")
        self.assertEqual(self.said(), [])
        self.assertEqual((one.acknowledge(0x80), one.acknowledge(), two.acknowledge()), (True, False, True))
        self.assertEqual(self.said(), [Ack(PUBACK, 1, 0x80), Ack(PUBACK, 2)])

    def test_error_in_the_block(self) -> None:
        """
        When C{async with} is left because of an error, C{on_error} says what becomes of the message in hand, the rest
        is thrown away, and the error goes on without waiting for the server.
        """
        for on_error, expected in (("acknowledge", [Ack(PUBACK, 1)]), (0x80, [Ack(PUBACK, 1, 0x80)]), ("withhold", [])):
            with self.subTest(on_error=on_error):
                messages = self.opened(on_error=on_error)

                async def read(messages: Messages = messages) -> None:
                    async with messages:
                        async for _ in messages:
                            raise KeyError

                reading = self.run_it(read())
                self.come("1", "2")
                self.failureResultOf(reading, KeyError)
                self.assertEqual(self.said(), [Unsubscribe(2, [b"t"]), *expected, Ack(PUBACK, 2)])
                self.assertEqual((messages.dropped, self.client.figures.failed), (1, 1))
                self.lose()

    def test_keep(self) -> None:
        """
        C{keep}: closing leaves the subscription, and what was not read, or comes later, is not acknowledged.
        """
        messages = self.opened(keep=True)
        self.come("1", "2", "3")
        messages.receive()
        self.assertIsNone(self.successResultOf(messages.close()))
        self.come("4")
        self.assertEqual(self.said(), [Ack(PUBACK, 1)])
        self.assertEqual((messages.dropped, self.client.figures.withheld), (0, 3))

    def test_closed_with_unread(self) -> None:
        """
        Without C{keep} what is not read when it is closed, or comes until the server has agreed, is thrown away,
        acknowledged and counted.
        """
        messages = self.opened()
        self.come("1", "2")
        messages.close()
        self.come("3")
        self.assertEqual(self.said(), [Ack(PUBACK, 1), Ack(PUBACK, 2), Unsubscribe(2, [b"t"]), Ack(PUBACK, 3)])
        self.assertEqual((messages.dropped, self.client.figures.dropped, self.client.figures.waiting), (3, 3, 0))


class EndTests(StreamTestCase):
    def test_connection_lost(self) -> None:
        """
        When the connection ends, what has come is read, and then C{ConnectionClosed} says why.
        """
        messages = self.opened()
        self.come("1", "2")
        self.lose()
        self.assertEqual([self.payload(messages.receive()) for _ in "12"], ["1", "2"])
        self.failureResultOf(messages.receive(), ConnectionClosed)
        self.failureResultOf(self.run_it(self.read(messages)), ConnectionClosed)
        self.assertIsNone(self.successResultOf(messages.close()))

    def test_connection_lost_while_reading(self) -> None:
        """
        Whoever waits for the next message is told.
        """
        messages = self.opened()
        reading = self.run_it(self.read(messages))
        self.lose()
        self.failureResultOf(reading, ConnectionClosed)

    def test_connection_lost_before_it_is_closed(self) -> None:
        """
        C{async with} ends well though the connection goes while the server is being told.
        """
        messages = self.opened()
        self.come("1")

        async def read() -> str:
            async with messages:
                return (await messages.receive()).payload.decode()

        reading = self.run_it(read())
        self.assertNoResult(reading)
        self.lose()
        self.assertEqual(self.successResultOf(reading), "1")

    def test_not_connected(self) -> None:
        """
        Without a connection the first use says so.
        """
        client = self.open()
        messages = client.messages("t")
        self.lose()
        self.failureResultOf(messages.receive(), ConnectionClosed)

    def test_lasting(self) -> None:
        """
        Where somebody connects again, the reader reads on: what it had waits, and what comes on the next connection is
        read as if nothing had been.
        """
        messages = self.opened(settings={"clean_start": False})
        self.client.state.lasting = self.client.state.handlers.lasting = True
        self.come("0", qos=0)
        self.come("1")
        self.lose()
        self.assertEqual(self.payload(messages.receive()), "0")
        self.connect()
        self.hears(Connack(session_present=True), Publish(b"t", b"1", 1, False, True, 1), Publish(b"t", b"2"))
        self.assertEqual([self.payload(messages.receive()) for _ in "12"], ["1", "2"])
        reading = self.run_it(self.read(messages))
        self.client.state.handlers.end(ConnectionClosed("stopped"))
        self.failureResultOf(reading, ConnectionClosed)

    def test_unsubscribed(self) -> None:
        """
        When somebody unsubscribes the filter, reading ends.
        """
        messages = self.opened()
        reading = self.run_it(self.read(messages))
        self.client.unsubscribe("t")
        self.hears(Unsuback(2, [0]))
        self.successResultOf(reading)
        self.assertEqual(self.got, ["end"])
        self.failureResultOf(messages.receive(), LocalProtocolError)

    def test_replaced(self) -> None:
        """
        When another subscription takes the place, whoever reads is told, and only when the server has granted it.
        """
        messages = self.opened()
        reading = self.run_it(self.read(messages))
        self.ignore(self.client.subscribe("t", self.note("refused")))
        self.hears(Suback(2, [0x87]), Publish(b"t", b"0"))
        self.assertEqual(self.got, ["0"])
        self.client.subscribe("t", self.note("other"))
        self.hears(Suback(3, [0]), Publish(b"t", b"1"))
        error = self.failureResultOf(reading, LocalProtocolError).value
        self.assertEqual(str(error), "another subscription to 't' took its place")
        self.assertEqual(self.got, ["0", "other"])
