"""
MQTT by WebSocket: what is held back and let go, and how it ends.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from tests.net.support import Waiting, Wire, reasons
from tests.net.support_websocket import Guest, WebSocketTestCase, frame, request
from txmqtt.broker.policy import Policy
from txmqtt.codec import encode, frames
from txmqtt.codec.packets import (
    Connect,
    Disconnect,
    Pingreq,
    Publish,
    Subscribe,
    Subscription,
)
from txmqtt.net.websocket_server import WebSocketFactory

CONNECT = encode.packet(Connect("w", 5), 5)


class BackPressureTests(WebSocketTestCase):
    def test_slow_reader(self) -> None:
        """
        To a client that does not read QoS 0 is dropped and counted, and it goes on when it reads again.
        """
        self.begin(policy=Policy(write_buffer=10_000))
        slow, publisher = self.enter(), self.enter()
        for guest, name in ((slow, "s"), (publisher, "p")):
            guest.say(Connect(name, 5))
            guest.say(Subscribe(1, [Subscription(name.encode())]))
            guest.heard()
        slow.brake.pauseProducing()
        for _ in range(20):
            publisher.say(Publish(b"s", b"x" * 1_000))
        self.assertEqual(len(slow.heard()), 0)
        self.assertEqual(self.stats.dropped_slow, 11)
        slow.brake.resumeProducing()
        self.assertEqual(len(slow.heard()), 9)

    def test_reading_is_held(self) -> None:
        """
        A client that says much before its login is decided is not read any further until it is.
        """
        checker = Waiting()
        self.begin(checker)
        guest = self.enter()
        guest.say(Connect("w", 5))
        guest.say(*[Publish(b"a", b"x" * 10_000)] * 7)
        self.assertEqual(guest.wire.producerState, "paused")
        checker.asked[0][1].callback(b"alice")
        self.assertEqual((guest.wire.producerState, self.stats.publish_received), ("producing", 7))

    def test_producers(self) -> None:
        """
        Any protocol above may register a streaming producer, and hears what the wire has to say; others are refused.
        """
        heard: list[str] = []

        @implementer(IPushProducer)
        class Producer:
            def pauseProducing(self) -> None:
                heard.append("pause")

            def resumeProducing(self) -> None:
                heard.append("resume")

            def stopProducing(self) -> None:
                heard.append("stop")

        doors = WebSocketFactory(Factory.forProtocol(Protocol), self.clock)
        guest = Guest(doors.buildProtocol(None), Wire())
        guest.socket.makeConnection(guest.wire)
        guest.feed(request())
        guest.answer()
        brake = guest.brake
        with self.assertRaisesRegex(ValueError, "streaming"):
            guest.socket.registerProducer(Producer(), False)
        brake.pauseProducing()
        guest.socket.registerProducer(Producer(), True)
        brake.resumeProducing()
        brake.pauseProducing()
        guest.socket.unregisterProducer()
        brake.resumeProducing()
        brake.stopProducing()
        self.assertEqual(heard, ["pause", "resume", "pause"])
        guest.socket.writeSequence([b"a", b"b"])
        self.assertEqual(guest.answer(), b"\x82\x02ab")
        guest.socket.stopProducing()
        self.assertEqual(guest.answer(), b"\x88\x02\x03\xe8")
        guest.leave()


class EndTests(WebSocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.guest = self.enter(close_timeout=3.0)
        self.guest.say(Connect("w", 5))
        self.guest.heard()

    def test_client_disconnects(self) -> None:
        """
        DISCONNECT is answered with CLOSE 1000; the connection is closed when the client has said CLOSE too.
        """
        self.guest.say(Disconnect())
        self.guest.heard()
        self.assertEqual((self.guest.closed, self.guest.wire.disconnecting), (b"\x03\xe8", False))
        self.guest.feed(frame(b"\x03\xe8", frames.CLOSE))
        self.assertEqual((self.guest.answer(), self.guest.wire.asked[-1]), (b"", "lose"))

    def test_both_at_once(self) -> None:
        """
        DISCONNECT and CLOSE may come together.
        """
        self.guest.feed(frame(encode.packet(Disconnect(), 5)) + frame(b"\x03\xe8", frames.CLOSE))
        self.guest.heard()
        self.assertEqual((self.guest.closed, self.guest.wire.asked[-1]), (b"\x03\xe8", "lose"))

    def test_never_says_goodbye(self) -> None:
        """
        A client that does not answer our CLOSE is cut off.
        """
        self.guest.say(Disconnect())
        self.guest.say(Pingreq())
        self.assertEqual(self.guest.heard(), [])
        self.clock.advance(3)
        self.assertEqual(self.guest.wire.asked[-1], "abort")

    def test_client_closes(self) -> None:
        """
        CLOSE is answered with the same code; to MQTT the connection is lost, and the will is published.
        """
        for payload in (b"", b"\x03\xe9", b"\x0f\xa0bye"):
            with self.subTest(payload=payload):
                guest = self.enter()
                guest.feed(frame(payload, frames.CLOSE), frame(CONNECT))
                self.assertEqual(guest.heard(), [])
                self.assertEqual((guest.closed, guest.wire.asked[-1]), (payload[:2], "lose"))
                guest.leave()

    def test_closes_and_stays(self) -> None:
        """
        A client that says CLOSE and does not read our answer is cut off.
        """
        self.guest.feed(frame(b"", frames.CLOSE))
        self.assertEqual(self.guest.wire.asked[-2:], ["unregister", "lose"])
        self.clock.advance(3)
        self.assertEqual(self.guest.wire.asked[-1], "abort")

    def test_no_second_delay(self) -> None:
        """
        A client that answers our CLOSE at the last moment, and does not read, gains no time by it.
        """
        self.guest.socket.loseConnection()
        self.clock.advance(2.9)
        self.guest.feed(frame(b"", frames.CLOSE))
        self.assertEqual(self.guest.wire.asked[-1], "lose")
        self.clock.advance(0.1)
        self.assertEqual(self.guest.wire.asked[-1], "abort")

    def test_not_heard_after(self) -> None:
        """
        What comes after our CLOSE does not reach the protocol above.
        """
        heard: list[bytes] = []

        class Hasty(Protocol):
            def dataReceived(self, data: bytes) -> None:
                heard.append(data)
                self.transport.loseConnection()  # type: ignore[union-attr] # it has one

        guest = Guest(WebSocketFactory(Factory.forProtocol(Hasty), self.clock).buildProtocol(None), Wire())
        guest.socket.makeConnection(guest.wire)
        guest.feed(request(), frame(b"first"), frame(b"late"))
        self.assertEqual(heard, [b"first"])
        guest.leave()

    def test_broken_rule(self) -> None:
        """
        Whoever breaks a rule of WebSocket is told which by CLOSE, logged in one line, and closed.
        """
        for data, code, why in (
            (frame(b"text", frames.TEXT), 1003, b"text, where MQTT is binary"),
            (b"\x82\x01x", 1002, b"a client's frame without a mask"),
            (frame(b"x" * 200)[:2] + b"\xff" * 200, 1009, b""),
        ):
            with self.subTest(code=code):
                guest = self.enter(max_message=65_000)
                guest.feed(data)
                guest.heard()
                assert guest.closed is not None
                self.assertEqual(guest.closed[:2], code.to_bytes(2, "big"))
                self.assertIn(why, guest.closed)
                self.assertEqual(guest.wire.asked[-1], "lose")
                self.assertIn("broke a rule of WebSocket: ", self.log.said[-1])
                guest.leave()

    def test_broken_rule_of_mqtt(self) -> None:
        """
        Whoever breaks a rule of MQTT hears DISCONNECT before CLOSE 1002.
        """
        self.guest.feed(frame(b"\x36\x00"))
        self.assertEqual(reasons(self.guest.heard()), [0x81])
        self.assertEqual(self.guest.closed, b"\x03\xea")

    def test_shutdown(self) -> None:
        """
        At shutdown clients hear DISCONNECT 0x8B and CLOSE 1001.
        """
        self.factory.shut("bye")
        self.assertEqual(reasons(self.guest.heard()), [0x8B])
        self.assertEqual(self.guest.closed, b"\x03\xe9")

    def test_held_and_closed(self) -> None:
        """
        A client that we had stopped reading can still say goodbye.
        """
        self.guest.socket.pauseProducing()
        self.guest.socket.loseConnection()
        self.assertEqual(self.guest.wire.producerState, "producing")
        self.guest.feed(frame(b"", frames.CLOSE))
        self.guest.socket.resumeProducing()
        self.assertEqual(self.guest.wire.asked[-1], "lose")

    def test_nothing_after(self) -> None:
        """
        After our CLOSE nothing is said any more.
        """
        self.guest.socket.loseConnection()
        self.guest.socket.loseConnection()
        self.guest.socket.write(b"late")
        self.guest.brake.pauseProducing()
        self.guest.brake.resumeProducing()
        self.guest.feed(frame(b"x", frames.PING))
        self.guest.heard()
        self.assertEqual((self.guest.closed, self.guest.pongs), (b"\x03\xe8", []))

    def test_abort(self) -> None:
        """
        What is cut off is cut off, without a word.
        """
        self.guest.socket.abortConnection()
        self.assertEqual((self.guest.answer(), self.guest.wire.asked[-1]), (b"", "abort"))


class PingTests(WebSocketTestCase):
    def test_alive(self) -> None:
        """
        With C{ping_interval} a client is pinged, and stays as long as it says anything.
        """
        guest = self.enter(ping_interval=30.0, ping_timeout=5.0)
        guest.say(Connect("w", 5))
        for wanted in (1, 2, 3):
            self.clock.advance(30)
            guest.heard()
            self.assertEqual(guest.pings, wanted)
            guest.feed(frame(b"", frames.PONG))
            self.clock.advance(5)
            self.assertNotIn("abort", guest.wire.asked)

    def test_dead(self) -> None:
        """
        A client that says nothing after a ping is cut off, also while its connection is full.
        """
        for full in (False, True):
            with self.subTest(full=full):
                guest = self.enter(ping_interval=30.0, ping_timeout=5.0)
                guest.say(Connect("w", 5))
                guest.heard()
                if full:
                    guest.brake.pauseProducing()
                self.clock.advance(30)
                guest.heard()
                self.assertEqual(guest.pings, 0 if full else 1)
                self.clock.advance(5)
                self.assertEqual(guest.wire.asked[-1], "abort")
                self.assertIn("did not answer a ping", self.log.said[-1])
                guest.leave()

    def test_not_read(self) -> None:
        """
        A client that we have stopped reading can't be heard, and is not blamed.
        """
        guest = self.enter(ping_interval=30.0, ping_timeout=5.0)
        guest.say(Connect("w", 5))
        guest.socket.pauseProducing()
        self.clock.advance(30)
        self.clock.advance(5)
        self.assertNotIn("abort", guest.wire.asked)

    def test_off(self) -> None:
        """
        Without it nobody is pinged.
        """
        guest = self.enter()
        guest.say(Connect("w", 5))
        self.clock.advance(1_000)
        guest.heard()
        self.assertEqual(guest.pings, 0)
