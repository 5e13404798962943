"""
When the connection is not read, and when it must be.
"""

from __future__ import annotations

from typing import Any

from tests.net.receiving.test_stream import StreamTestCase
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Pingreq, Pingresp, Publish, Suback, Subscribe
from txmqtt.codec.properties import Properties
from txmqtt.net.receiving.stream import Messages


class PressureTests(StreamTestCase):
    def full(self, *, limit: int = 4, more: str = "", **options: Any) -> Messages:
        """
        A reader's buffer that is full of QoS 0.

        @param more: what comes beyond it in the same read.
        """
        messages = self.opened(limit=limit, **options)
        self.come(*"1234"[:limit], *more, qos=0)
        return messages

    @property
    def paused(self) -> bool:
        return self.transport.producerState == "paused"

    def words(self, messages: Messages, count: int) -> list[str]:
        return [self.payload(messages.receive()) for _ in range(count)]

    def test_paused(self) -> None:
        """
        A full buffer stops the reading, also of what has been read already; with half of it read, reading goes on, and
        nothing is lost.
        """
        messages = self.full(more="56789")
        self.assertTrue(self.paused)
        self.assertEqual(messages.waiting, 4)
        self.assertEqual(self.words(messages, 1), ["1"])
        self.clock.advance(0)
        self.assertTrue(self.paused)
        self.assertEqual(self.words(messages, 1), ["2"])
        self.clock.advance(0)
        self.assertEqual((messages.waiting, self.paused), (4, True))
        self.assertEqual(self.words(messages, 4), ["3", "4", "5", "6"])
        self.clock.advance(0)
        self.assertEqual((messages.waiting, self.paused), (3, False))
        self.assertEqual(self.words(messages, 3), ["7", "8", "9"])
        self.assertEqual(messages.dropped, 0)

    def test_data_that_comes_all_the_same(self) -> None:
        """
        What a transport still delivers while it is paused is kept, unparsed.
        """
        messages = self.full()
        self.come("5", "6", qos=0)
        self.assertEqual(messages.waiting, 4)
        self.assertEqual(self.words(messages, 2), ["1", "2"])
        self.clock.advance(0)
        self.assertEqual(self.words(messages, 4), ["3", "4", "5", "6"])

    def test_request(self) -> None:
        """
        A reader that asks somebody else in between gets the response, however full its buffer is.
        """
        self.full()
        self.said()
        answer = self.client.request("t", b"p")
        (subscribe,) = self.said()
        assert isinstance(subscribe, Subscribe)
        self.assertFalse(self.paused)
        self.hears(Suback(subscribe.packet_id, [2]))
        (request,) = self.said()
        assert isinstance(request, Publish) and request.properties is not None
        self.assertFalse(self.paused)
        said = Properties(correlation_data=request.properties.correlation_data)
        self.hears(Publish(subscribe.subscriptions[0].filter, b"r", properties=said))
        self.assertEqual(self.successResultOf(answer).payload, b"r")
        self.assertTrue(self.paused)

    def test_dropping(self) -> None:
        """
        Other policies never stop the reading: what finds no room is dropped and counted.
        """
        for policy, expected in (("drop_oldest", "3456"), ("drop_newest", "1234")):
            with self.subTest(policy=policy):
                messages = self.full(more="56", policy=policy)
                self.assertFalse(self.paused)
                self.assertEqual(messages.dropped, 2)
                self.assertEqual(self.words(messages, 4), list(expected))
                self.lose()

    def test_acknowledged_messages_do_not_pause(self) -> None:
        """
        QoS 1 and 2 need no pause: they wait unacknowledged, and the Receive Maximum bounds them.
        """
        messages = self.opened(limit=1)
        self.come("1", "2", "3")
        self.assertEqual((self.paused, messages.waiting, messages.dropped), (False, 3, 0))

    def test_more_than_the_receive_maximum(self) -> None:
        """
        A server that has more under way than we take is let go, with words that say so; 5.0 was told how many that is,
        on 3.x it is all that is left to do.
        """
        for version in (4, 5):
            with self.subTest(version=version):
                messages = self.opened(settings={"version": version, "receive_maximum": 3})
                over = self.client.whenClosed()
                self.come("1", "2", "3")
                self.assertFalse(self.transport.disconnecting)
                self.come("4")
                self.assertTrue(self.transport.disconnecting)
                self.lose()
                words = "more than 3 QoS 1 and 2 messages under way, the Receive Maximum"
                self.assertIn(words, str(self.successResultOf(over)))
                self.assertEqual(self.words(messages, 3), ["1", "2", "3"])

    def test_verb_resumes(self) -> None:
        """
        Asking something while paused reads on at once; what finds no room until the answer is here is dropped and
        counted, and then reading stops again.
        """
        for verb in ("publish", "subscribe", "ping"):
            with self.subTest(verb=verb):
                messages = self.full(more="56")
                client = self.client
                if verb == "publish":
                    answer = client.publish("u", b"", 2)
                    packets = [Ack(PUBREC, 2), Ack(PUBCOMP, 2)]
                elif verb == "subscribe":
                    answer, packets = client.subscribe("u"), [Suback(2, [0])]  # type: ignore[list-item]
                else:
                    answer, packets = client.ping(), [Pingresp()]  # type: ignore[list-item]
                self.clock.advance(0)
                self.assertEqual((self.paused, messages.dropped), (False, 2))
                for packet in packets:
                    self.come("7", qos=0)
                    self.hears(packet)
                self.successResultOf(answer)
                self.assertTrue(self.paused)
                self.assertEqual((messages.waiting, messages.dropped), (4, 2 + len(packets)))
                self.lose()

    def test_verb_in_a_callback_of_the_same_read(self) -> None:
        """
        So does a callback that asks something in the very read that filled the buffer.
        """
        messages = self.opened(limit=2)
        client = self.client
        self.ignore(client.subscribe("ask", lambda message: client.publish("u", b"", 1), 0))
        self.hears(Suback(2, [0]))
        self.said()
        self.hears(Publish(b"t", b"1"), Publish(b"ask", b""), Publish(b"t", b"2"), Publish(b"t", b"3"))
        self.assertFalse(self.paused)
        self.assertEqual(messages.dropped, 1)
        self.hears(Ack(PUBACK, 3))
        self.assertTrue(self.paused)

    def test_reader_that_awaits_its_own_publish(self) -> None:
        """
        A reader with a full buffer that awaits its own publish gets its answer.
        """
        messages = self.full(more="5")
        client = self.client

        async def relay() -> None:
            async for message in messages:
                await client.publish("u", message.payload, 2)
                self.got.append(message.payload.decode())

        self.run_it(relay()).addErrback(lambda _: None)
        for number in (2, 3):
            self.assertEqual(self.said(), [Publish(b"u", b"%d" % (number - 1), 2, packet_id=number)])
            self.come("6", qos=0)
            self.hears(Ack(PUBREC, number))
            self.assertEqual(self.said(), [Ack(PUBREL, number)])
            self.hears(Ack(PUBCOMP, number))
        self.assertEqual(self.got, ["1", "2"])

    def test_keep_alive(self) -> None:
        """
        Nobody dies of the keep-alive while paused: a ping that becomes due is sent and its answer read; then reading
        stops again.
        """
        messages = self.full(settings={"keep_alive": 60})
        for _ in range(5):
            self.assertTrue(self.paused)
            self.clock.advance(45)
            self.assertEqual(self.said(), [Pingreq()])
            self.assertFalse(self.paused)
            self.come("5", qos=0)
            self.hears(Pingresp())
        self.assertEqual((messages.waiting, messages.dropped), (4, 5))
        self.assertFalse(self.transport.disconnecting)

    def test_end_while_paused(self) -> None:
        """
        A connection that ends while it is paused is read again, so that its end is heard.
        """
        messages = self.full()
        over = self.client.disconnect()
        self.assertFalse(self.paused)
        self.lose()
        self.successResultOf(over)
        self.assertEqual(self.words(messages, 4), ["1", "2", "3", "4"])

    def test_lost_while_paused(self) -> None:
        """
        A connection that is lost while paused leaves the next one alone.
        """
        self.full()
        self.lose()
        self.connect()
        self.assertFalse(self.paused)

    def test_closed_while_paused(self) -> None:
        """
        A reader that closes with a full buffer frees the connection.
        """
        messages = self.full(more="56")
        messages.close()
        self.clock.advance(0)
        self.assertEqual((self.paused, messages.dropped), (False, 6))

    def test_two_full_buffers(self) -> None:
        """
        Reading goes on when all have room.
        """
        messages = self.opened(limit=2)
        other = self.client.messages("u", limit=2)
        first = other.receive()
        self.hears(Suback(2, [0]), Publish(b"u", b"0"))
        self.assertEqual(self.payload(first), "0")
        self.come("1", "2", qos=0)
        self.assertEqual((messages.waiting, self.paused), (2, True))
        self.words(messages, 2)
        self.clock.advance(0)
        self.hears(Publish(b"u", b"1"), Publish(b"t", b"1"), Publish(b"u", b"2"))
        self.assertTrue(self.paused)
        self.words(messages, 1)
        self.clock.advance(0)
        self.assertTrue(self.paused)
        self.words(other, 1)
        self.clock.advance(0)
        self.assertFalse(self.paused)
