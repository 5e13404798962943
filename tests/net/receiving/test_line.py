"""
A callback on terms.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from tests.net.receiving.support import ReceivingTestCase
from txmqtt import Message, MQTTClient
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Disconnect, Packet, Publish, Suback


class LineTestCase(ReceivingTestCase):
    """
    @ivar done: the Deferreds that the callback has returned and nobody has fired.
    """

    def setUp(self) -> None:
        super().setUp()
        self.done: list[Deferred[object]] = []
        self.messages: list[Message] = []

    def busy(self, message: Message) -> Deferred[object]:
        self.got.append(message.payload.decode())
        self.messages.append(message)
        self.done.append(Deferred(lambda _: self.got.append("cancelled")))
        return self.done[-1]

    def on_terms(self, callback: Any = None, version: int = 5, settings: Any = None, **terms: Any) -> MQTTClient:
        """
        A client with one subscription.
        """
        client = self.open(version=version, **(settings or {}))
        self.ignore(client.subscribe("t", callback or self.busy, 2, **terms))
        self.hears(Suback(1, [2]))
        self.said()
        return client

    def come(self, *words: str, qos: int = 1) -> None:
        """
        Messages with these payloads, whose packet identifiers are the payloads too where there are any.
        """
        self.hears(*[Publish(b"t", word.encode(), qos, packet_id=int(word) if qos else 0) for word in words])

    def pubacks(self) -> list[int]:
        return [packet.packet_id for packet in self.acks(PUBACK)]

    def acks(self, kind: int) -> list[Ack]:
        said = self.said()
        assert all(isinstance(packet, Ack) and packet.kind == kind for packet in said), said
        return [packet for packet in said if isinstance(packet, Ack)]


class ConcurrencyTests(LineTestCase):
    def test_so_many_at_once(self) -> None:
        """
        The callback has so many messages in its hands at once; the others wait, in order and unacknowledged.
        """
        client = self.on_terms(concurrency=2)
        self.come("1", "2", "3", "4")
        self.assertEqual((self.got, client.figures.waiting), (["1", "2"], 2))
        self.done[1].callback(None)
        self.assertEqual((self.got, self.pubacks()), (["1", "2", "3"], []))
        self.done[0].callback(None)
        self.assertEqual((self.got, self.pubacks()), (["1", "2", "3", "4"], [1, 2]))
        self.done[3].callback(None)
        self.done[2].callback(None)
        self.assertEqual((self.pubacks(), client.figures.waiting), ([3, 4], 0))

    def test_its_own_publish_is_answered(self) -> None:
        """
        A callback at its limit that awaits its own QoS 2 publish gets its answer, whatever else comes meanwhile.
        """
        client = self.open()

        async def relay(message: Message) -> None:
            await client.publish("relayed", message.payload, qos=2)
            self.got.append(message.payload.decode())

        for policy in ("pause", "drop_newest"):
            with self.subTest(policy=policy):
                self.got.clear()
                client = self.on_terms(relay, concurrency=1, limit=1, policy=policy)
                self.come("0", "1", "2", "3", qos=0)
                for expected in (["0"], ["0", "1"]):
                    (publish,) = self.said()
                    assert isinstance(publish, Publish)
                    self.hears(Ack(PUBREC, publish.packet_id))
                    self.assertEqual(self.said(), [Ack(PUBREL, publish.packet_id)])
                    self.hears(Ack(PUBCOMP, publish.packet_id))
                    self.assertEqual(self.got, expected)
                self.assertEqual(client.figures.dropped, 2)
                self.lose()

    def test_callback_that_returns_at_once(self) -> None:
        """
        However many wait, a callback that takes no time is through with them without going ever deeper.
        """
        first: Deferred[object] = Deferred()

        def callback(message: Message) -> Deferred[object] | None:
            self.got.append(message.payload.decode())
            return first if len(self.got) == 1 else None

        self.on_terms(callback, concurrency=1, limit=5000)
        self.come(*["0"] * 3000, qos=0)
        self.assertEqual(len(self.got), 1)
        first.callback(None)
        self.assertEqual(len(self.got), 3000)

    def test_policies(self) -> None:
        """
        QoS 0 beyond the limit is dropped by the policy, and counted; QoS 1 and 2 never are.
        """
        for policy, expected in (
            ("drop_oldest", ["1", "2", "5", "6", "7"]),
            ("drop_newest", ["1", "2", "3", "4", "7"]),
        ):
            with self.subTest(policy=policy):
                self.got.clear()
                self.done.clear()
                client = self.on_terms(concurrency=1, limit=2, policy=policy)
                self.come("1", "2")
                self.come("3", "4", "5", "6", qos=0)
                self.come("7")
                self.assertEqual((client.figures.dropped, client.figures.waiting), (2, 4))
                while self.done:
                    self.done.pop(0).callback(None)
                self.assertEqual(self.got, expected)
                self.lose()

    def test_unsubscribed_meanwhile(self) -> None:
        """
        What waits when the subscription ends is still handed over.
        """
        client = self.on_terms(concurrency=1)
        self.come("1", "2")
        client.state.handlers.clear()
        self.done[0].callback(None)
        self.assertEqual(self.got, ["1", "2"])


class AcknowledgeTests(LineTestCase):
    def test_received(self) -> None:
        """
        C{"received"}: acknowledged when the callback is called, however long it takes; what waits is not.
        """
        client = self.on_terms(acknowledge="received", concurrency=1)
        self.come("1", "2")
        self.assertEqual(self.pubacks(), [1])
        self.done[0].errback(RuntimeError("late"))
        self.assertEqual(self.pubacks(), [2])
        self.assertEqual((len(self.flushLoggedErrors(RuntimeError)), client.figures.failed), (1, 1))

    def test_manual(self) -> None:
        """
        C{"manual"}: acknowledged when the application says so, once, with what it says, and in order.
        """
        self.on_terms(self.keep, acknowledge="manual")
        self.come("1", "2")
        self.come("3", qos=2)
        self.assertEqual(self.said(), [])
        one, two, three = self.messages
        self.assertTrue(two.acknowledge(0x99))
        self.assertTrue(three.acknowledge())
        self.assertEqual(self.said(), [Ack(PUBREC, 3)])
        self.assertTrue(one.acknowledge())
        self.assertFalse(one.acknowledge())
        self.assertFalse(one.withhold())
        self.assertEqual(self.said(), [Ack(PUBACK, 1), Ack(PUBACK, 2, 0x99)])
        with self.assertRaisesRegex(ValueError, "reason is 0x01; expected 0 or one of 0x80"):
            one.acknowledge(1)
        with self.assertRaisesRegex(TypeError, "reason is 'no'"):
            one.acknowledge("no")  # type: ignore[arg-type]

    def keep(self, message: Message) -> None:
        self.messages.append(message)

    def test_manual_within_the_callback(self) -> None:
        """
        The callback may acknowledge at once; QoS 0 needs nothing.
        """

        def callback(message: Message) -> None:
            self.got.append(str(message.acknowledge()))

        self.on_terms(callback, acknowledge="manual", concurrency=1)
        self.come("1")
        self.come("2", qos=0)
        self.come("3")
        self.assertEqual((self.pubacks(), self.got), ([1, 3], ["True", "False", "True"]))

    def test_manual_holds_its_place(self) -> None:
        """
        With C{concurrency}, a message is in hand until it is acknowledged and the callback is through.
        """
        self.on_terms(acknowledge="manual", concurrency=1)
        self.come("1", "2", "3")
        self.done[0].callback(None)
        self.assertEqual(self.got, ["1"])
        self.messages[0].acknowledge()
        self.assertEqual(self.got, ["1", "2"])
        self.messages[1].acknowledge()
        self.assertEqual((self.got, self.pubacks()), (["1", "2"], [1, 2]))
        self.done[1].callback(None)
        self.assertEqual(self.got, ["1", "2", "3"])

    def test_manual_when_the_connection_is_gone(self) -> None:
        """
        Acknowledged too late: QoS 1 comes again and it is said that this one did not count; of QoS 2 it is remembered,
        and the repeat is answered without being delivered again [MQTT5-4.3.3-10].
        """
        client = self.on_terms(self.keep, settings={"clean_start": False}, acknowledge="manual")
        self.come("1")
        self.come("2", qos=2)
        one, two = self.messages
        self.lose()
        self.assertEqual((one.acknowledge(), two.acknowledge(), one.acknowledge()), (False, True, False))
        self.assertEqual(client.figures.late, 2)
        self.again(Publish(b"t", b"1", 1, True, True, 1), Publish(b"t", b"2", 2, True, True, 2))
        self.assertEqual((self.said(), len(self.messages)), ([Ack(PUBREC, 2)], 3))

    def again(self, *packets: Packet) -> None:
        """
        A new connection for the same session.
        """
        self.connect()
        self.written()
        self.hears(Connack(session_present=True), *packets)

    def test_sent_again_while_it_waits(self) -> None:
        """
        What waits unacknowledged when the connection breaks is handed over once: QoS 1 as the repeat, QoS 2 as it is;
        when the server has lost the session, both as they are.
        """
        for kept in (True, False):
            with self.subTest(kept=kept):
                self.got.clear()
                self.done.clear()
                client = self.on_terms(settings={"clean_start": False}, concurrency=1)
                self.come("1", qos=0)
                self.come("2")
                self.come("3", qos=2)
                self.lose()
                if kept:
                    self.again(Publish(b"t", b"2", 1, False, True, 2), Publish(b"t", b"3", 2, False, True, 3))
                else:
                    self.connect()
                    self.hears(Connack())
                self.written()
                while self.done:
                    self.done.pop(0).callback(None)
                self.assertEqual(sorted(self.got), ["1", "2", "3"])
                self.assertEqual(self.said(), [Ack(PUBREC, 3), Ack(PUBACK, 2)] if kept else [])
                self.assertEqual(client.figures.waiting, 0)
                self.lose()


class FailureTests(LineTestCase):
    def fail(self, message: Message) -> None:  # type: ignore[override]
        self.got.append(message.payload.decode())
        raise RuntimeError("no")

    def failures(self) -> int:
        return len(self.flushLoggedErrors(RuntimeError, TimeoutError))

    def test_reason_code(self) -> None:
        """
        C{on_error} with a reason code: PUBACK and PUBREC carry it; QoS 2 is over then.
        """
        client = self.on_terms(self.fail, on_error=0x83)
        self.come("1")
        self.come("2", qos=2)
        self.come("2", qos=2)
        self.assertEqual(self.said(), [Ack(PUBACK, 1, 0x83), Ack(PUBREC, 2, 0x83), Ack(PUBREC, 2, 0x83)])
        self.assertEqual((self.failures(), client.figures.failed, self.got), (3, 3, ["1", "2", "2"]))

    def test_withhold(self) -> None:
        """
        C{on_error="withhold"}: the message is not acknowledged and comes again on the next connection; those behind it
        are acknowledged, in order [MQTT5-4.6.0-2].
        """
        client = self.on_terms(self.busy, settings={"clean_start": False}, on_error="withhold")
        self.come("1", "2", "3")
        self.come("4", qos=2)
        self.done[3].errback(RuntimeError("no"))
        self.done[2].callback(None)
        self.done[1].callback(None)
        self.assertEqual(self.said(), [])
        self.done[0].errback(RuntimeError("no"))
        self.assertEqual(self.pubacks(), [2, 3])
        self.assertEqual((self.failures(), client.figures.withheld), (2, 2))
        self.lose()
        self.connect()
        self.written()
        self.hears(
            Connack(session_present=True),
            Publish(b"t", b"1", 1, False, True, 1),
            Publish(b"t", b"4", 2, False, True, 4),
        )
        self.assertEqual(self.got, ["1", "2", "3", "4", "1", "4"])
        self.done[4].callback(None)
        self.done[5].callback(None)
        self.assertEqual(self.said(), [Ack(PUBACK, 1), Ack(PUBREC, 4)])

    def test_window_full_of_withheld(self) -> None:
        """
        When withheld messages fill the Receive Maximum nothing could come any more: the connection ends and says so.
        """
        client = self.on_terms(self.fail, settings={"receive_maximum": 3}, on_error="withhold")
        over = client.whenClosed()
        self.come("1", "2")
        self.assertEqual(self.said(), [])
        self.come("3")
        self.assertEqual(self.written(), [Disconnect(0x97)])
        self.lose()
        words = "3 messages were not acknowledged: they come again on the next connection"
        self.assertIn(words, str(self.successResultOf(over)))
        self.failures()

    def test_withheld_on_3(self) -> None:
        """
        3.x has no way to refuse: a reason code withholds. A message that the server sends again on the same connection
        is not counted twice; after ten the connection ends, since the server's window is not known.
        """
        client = self.on_terms(self.fail, version=4, on_error=0x80)
        over = client.whenClosed()
        self.come(*map(str, range(1, 10)))
        self.hears(Publish(b"t", b"9", 1, False, True, 9))
        self.assertEqual((self.said(), self.transport.disconnecting), ([], False))
        self.come("10")
        self.assertTrue(self.transport.disconnecting)
        self.lose()
        self.assertIn("10 messages were not acknowledged", str(self.successResultOf(over)))
        self.failures()

    def test_timeout(self) -> None:
        """
        What takes too long has failed: it is cancelled, logged and counted, and makes room for the next.
        """
        client = self.on_terms(concurrency=1, timeout=5, on_error=0x80)
        self.come("1", "2", "3")
        self.clock.advance(4)
        self.done[0].callback(None)
        self.clock.advance(4)
        self.assertEqual(self.got, ["1", "2"])
        self.clock.advance(1)
        self.assertEqual(self.got, ["1", "2", "3", "cancelled"])
        self.assertEqual(self.said(), [Ack(PUBACK, 1), Ack(PUBACK, 2, 0x80)])
        (error,) = self.flushLoggedErrors(TimeoutError)
        self.assertEqual(str(error.value), "not dealt with within 5 s")
        self.assertEqual((client.figures.timed_out, client.figures.failed), (1, 1))
        self.done[2].callback(None)
        self.assertEqual(self.pubacks(), [3])

    def test_timeout_of_what_is_not_acknowledged(self) -> None:
        """
        With C{"manual"} the time runs until the message is acknowledged.
        """
        self.on_terms(self.messages.append, acknowledge="manual", timeout=5)
        self.come("1", "2")
        self.messages[0].acknowledge()
        self.clock.advance(5)
        self.assertEqual(self.pubacks(), [1, 2])
        self.assertFalse(self.messages[1].acknowledge())
        self.assertEqual(self.failures(), 1)

    def test_stubborn(self) -> None:
        """
        A coroutine that does not let itself be cancelled holds nobody up, and its end does no harm.
        """
        end: Deferred[None] = Deferred()

        async def stubborn(message: Message) -> None:
            self.got.append(message.payload.decode())
            try:
                await Deferred()
            except CancelledError:
                await end
            raise RuntimeError("late")

        client = self.on_terms(stubborn, concurrency=1, timeout=1)
        self.come("1", "2")
        self.clock.advance(1)
        self.assertEqual((self.got, self.pubacks()), (["1", "2"], [1]))
        self.clock.advance(1)
        end.callback(None)
        self.assertEqual((self.pubacks(), self.failures(), client.figures.failed), ([2], 2, 2))


class SeveralTests(LineTestCase):
    def test_the_worst_wins(self) -> None:
        """
        A message for several callbacks is dealt with when all are done with it, and the worst of what they say is said.
        """

        def no(message: Message) -> None:
            raise RuntimeError

        for terms, expected in (
            ([{}, {}], [Ack(PUBACK, 1)]),
            ([{"on_error": 0x83}, {"on_error": 0x97}], [Ack(PUBACK, 1, 0x97)]),
            ([{"on_error": 0x97}, {}], [Ack(PUBACK, 1, 0x97)]),
            ([{"on_error": 0x97}, {"on_error": "withhold"}], []),
        ):
            for late in (False, True):
                with self.subTest(terms=terms, late=late):
                    self.done.clear()
                    client = self.open(version=5)
                    for filter, each in zip(("a/b", "a/+"), terms, strict=True):
                        self.ignore(client.subscribe(filter, self.busy if late else no, 1, **each))  # type: ignore[arg-type]
                    self.ignore(client.subscribe("a/#", lambda message: None, 1))
                    self.said()
                    self.hears(Publish(b"a/b", b"1", 1, packet_id=1))
                    for done in self.done:
                        self.assertEqual(self.said(), [])
                        done.errback(RuntimeError())
                    self.assertEqual(self.said(), expected)
                    self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
                    self.lose()
