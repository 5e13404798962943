"""
MQTT by WebSocket: what is written and read, held back and let go, and how it ends.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, Protocol, ServerFactory
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel
from zope.interface import implementer

from tests.net.support import Reactor, Waiting, Wire, plain, reasons
from tests.net.support_websocket import MASK, Guest, WebSocketTestCase, frame, request
from txmqtt.broker.policy import Policy
from txmqtt.codec import encode, frames
from txmqtt.codec.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
)
from txmqtt.net.websocket import WebSocket
from txmqtt.net.websocket_server import WebSocketFactory

CONNECT = encode.packet(Connect("w", 5), 5)


class OpeningTests(WebSocketTestCase):
    def test_handshake(self) -> None:
        """
        A client that begins a WebSocket is let in, and MQTT follows, in frames.
        """
        guest = self.knock()
        guest.feed(request())
        self.assertTrue(guest.answer().startswith(b"HTTP/1.1 101 "))
        guest.say(Connect("w", 5))
        self.assertEqual([type(packet) for packet in guest.heard()], [Connack])
        self.assertEqual(guest.wire.asked[0], "no delay True")

    def test_nothing_before(self) -> None:
        """
        Before the handshake is done nothing of MQTT exists.
        """
        guest = self.knock()
        guest.feed(request()[:-1])
        self.assertEqual((self.factory.guests, guest.answer()), (set(), b""))
        guest.feed(b"\n" + frame(CONNECT))
        self.assertEqual(len(self.factory.guests), 1)
        self.assertIn(b"HTTP/1.1 101 ", guest.answer())

    def test_impatient(self) -> None:
        """
        A client that does not wait for the answer loses nothing of what it says.
        """
        guest = self.knock()
        guest.feed(request() + frame(CONNECT)[:5], frame(CONNECT)[5:])
        self.assertEqual(guest.answer().partition(b"\r\n\r\n")[2][::2][:2], b"\x82\x20")

    def test_refused(self) -> None:
        """
        Whoever is refused is answered, logged in one line, and closed; whatever else it says is not heard.
        """
        guest = self.knock(IPv4Address("TCP", "192.0.2.7", 4711))
        guest.feed(request("/other"), request())
        self.assertEqual(guest.answer().count(b"HTTP/1.1"), 1)
        self.assertEqual(guest.wire.asked[-1], "lose")
        self.assertEqual(self.log.said, ["192.0.2.7:4711 was refused: nothing is at '/other': MQTT is at /mqtt (404)"])

    def test_refused_and_stays(self) -> None:
        """
        Whoever does not read why it was refused is cut off.
        """
        guest = self.knock(close_timeout=5.0)
        guest.feed(request("/other"))
        self.clock.advance(4.9)
        self.assertEqual(guest.wire.asked[-1], "lose")
        self.clock.advance(0.1)
        self.assertEqual(guest.wire.asked[-1], "abort")

    def test_too_slow(self) -> None:
        """
        A handshake that takes too long is ended with 408, however busy it looks.
        """
        guest = self.knock(handshake_timeout=10.0)
        for part in (request()[at : at + 1] for at in range(9)):
            guest.feed(part)
            self.clock.advance(1)
        self.assertEqual(guest.answer(), b"")
        self.clock.advance(1)
        self.assertTrue(guest.answer().startswith(b"HTTP/1.1 408 Request Timeout\r\n"))
        self.assertEqual(guest.wire.asked[-1], "lose")

    def test_too_large(self) -> None:
        """
        A handshake that never ends is ended with 431, and is not kept meanwhile.
        """
        guest = self.knock()
        guest.feed(b"GET /mqtt HTTP/1.1\r\n", *[b"X: " + b"x" * 997 + b"\r\n"] * 10)
        self.assertTrue(guest.answer().startswith(b"HTTP/1.1 431 "))
        self.assertEqual(self.factory.guests, set())

    def test_nobody_there(self) -> None:
        """
        When the protocol above refuses, the answer is 503.
        """

        class Full(ServerFactory):
            def buildProtocol(self, addr: IAddress | None) -> None:
                return None

        guest = Guest(WebSocketFactory(Full(), self.clock).buildProtocol(None), Wire())
        guest.socket.makeConnection(guest.wire)
        guest.feed(request())
        self.assertTrue(guest.answer().startswith(b"HTTP/1.1 503 "))
        guest.leave()

    def test_gone_early(self) -> None:
        """
        Whoever leaves during the handshake leaves nothing behind.
        """
        guest = self.knock()
        guest.feed(request()[:50])
        guest.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.log.records[-1]["log_level"], LogLevel.debug)
        self.assertIn("went away before the handshake: ", self.log.said[-1])

    def test_peer(self) -> None:
        """
        Behind a proxy that is trusted the log names the client, not the proxy; elsewhere whoever is connected.
        """
        told = request("/mqtt", "X-Forwarded-For: 203.0.113.9")
        for trusted, name in ((("192.0.2.7",), "203.0.113.9:0"), ((), "192.0.2.7:80")):
            with self.subTest(trusted=trusted):
                guest = self.knock(IPv4Address("TCP", "192.0.2.7", 80), proxies=trusted)
                guest.feed(told)
                guest.say(Connect("w", 5))
                self.assertIn(f"{name} connected as 'w'", self.log.said[-1])
                guest.leave()


class TalkTests(WebSocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.guest = self.enter()
        self.guest.say(Connect("w", 5))
        self.guest.heard()

    def test_split(self) -> None:
        """
        A packet may be cut into many frames, and these into many reads [MQTT5-6.0.0-2].
        """
        packet = encode.packet(Subscribe(1, [Subscription(b"a")]), 5)
        parts = [packet[:1], b"", packet[1:4], packet[4:]]
        said = b""
        for at, part in enumerate(parts):
            opcode = frames.CONTINUATION if at else frames.BINARY
            whole = frames.masked(opcode, part, MASK)
            said += whole if part is parts[-1] else bytes((whole[0] & 0x7F,)) + whole[1:]
        self.guest.feed(*(said[at : at + 1] for at in range(len(said))))
        self.assertEqual(self.guest.heard(), [Suback(1, [0])])

    def test_joined(self) -> None:
        """
        A frame may hold many packets, and the end of one with the beginning of another [MQTT5-6.0.0-2].
        """
        data = encode.packet(Pingreq(), 5) * 3
        self.guest.feed(frame(data[:3]) + frame(data[3:]))
        self.assertEqual(self.guest.heard(), [Pingresp()] * 3)

    def test_one_frame_a_flush(self) -> None:
        """
        All that is said in one turn leaves in one frame and one write.
        """
        self.guest.say(Subscribe(1, [Subscription(b"a")]))
        self.guest.heard()
        before = self.guest.wire.writes
        self.guest.say(*[Publish(b"a", b"x" * 100)] * 50)
        said = self.guest.wire.value()
        self.assertEqual((self.guest.wire.writes - before, said[:2]), (1, b"\x82\x7e"))
        self.assertEqual(len(self.guest.heard()), 50)

    def test_large(self) -> None:
        """
        Messages of every size come back as they were said.
        """
        self.guest.say(Subscribe(1, [Subscription(b"a")]))
        self.guest.heard()
        for size in (0, 110, 120, 130, 65_530, 65_540, 200_000):
            with self.subTest(size=size):
                data = frame(encode.packet(Publish(b"a", b"x" * size), 5))
                self.guest.feed(*(data[at : at + 60_000] for at in range(0, len(data), 60_000)))
                self.assertEqual(self.guest.heard(), [Publish(b"a", b"x" * size)])

    def test_ping(self) -> None:
        """
        A ping is answered with what it said, between the fragments of a message too; of many in one read the last.
        """
        self.guest.feed(frame(b"1", frames.PING) + frame(b"2", frames.PING), frame(b"3", frames.PING))
        self.guest.heard()
        self.assertEqual(self.guest.pongs, [b"2", b"3"])

    def test_pings_to_a_full_wire(self) -> None:
        """
        To a client that sends pings and never reads, answers do not pile up; when it reads again it gets the last.
        """
        self.guest.brake.pauseProducing()
        self.guest.feed(*(frame(b"%d" % at, frames.PING) for at in range(1000)))
        self.assertEqual(self.guest.wire.value(), b"")
        self.guest.brake.resumeProducing()
        self.guest.heard()
        self.assertEqual(self.guest.pongs, [b"999"])

    def test_unknown_pong(self) -> None:
        """
        A pong that nobody asked for does no harm.
        """
        self.guest.feed(frame(b"x", frames.PONG) + frame(encode.packet(Pingreq(), 5)))
        self.assertEqual(self.guest.heard(), [Pingresp()])


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


class TransportTests(WebSocketTestCase):
    def test_at_once(self) -> None:
        """
        On a plain connection frames go to the socket at once, and no byte of MQTT leaves without one.
        """
        reactor = Reactor()
        socket = WebSocketFactory(self.factory, self.clock).buildProtocol(None)
        transport, below = plain(socket, reactor)
        transport.setTcpNoDelay = lambda enabled: None  # type: ignore[method-assign] # the socket is none
        socket.dataReceived(request())
        socket.dataReceived(frame(encode.packet(Connect("w", 5), 5)))
        answer = below.sent.partition(b"\r\n\r\n")[2]
        self.assertEqual((answer[0], answer[1], answer[2]), (0x82, len(answer) - 2, 0x20))
        self.assertEqual(reactor.writers, set())
        socket.connectionLost()

    def test_addresses(self) -> None:
        """
        The protocol above can ask its transport where both ends are, and for the client's certificate.
        """

        class Secure(Wire):
            def getPeerCertificate(self) -> str:
                return "certificate"

        here, there = IPv4Address("TCP", "192.0.2.1", 1), IPv4Address("TCP", "192.0.2.2", 2)
        for wire, shown in ((Secure(here, there), "certificate"), (Wire(here, there), None)):
            with self.subTest(shown=shown):
                socket: WebSocket = WebSocketFactory(self.factory, self.clock).buildProtocol(None)
                assert isinstance(wire, StringTransport)
                socket.makeConnection(wire)
                self.assertEqual((socket.getHost(), socket.getPeer()), (wire.getHost(), wire.getPeer()))
                self.assertEqual(socket.getPeerCertificate(), shown)
                socket.connectionLost()

    def test_factory(self) -> None:
        """
        The factory above begins and ends with ours.
        """
        wrapped = ServerFactory()
        heard: list[str] = []
        wrapped.startFactory = lambda: heard.append("start")  # type: ignore[method-assign]
        wrapped.stopFactory = lambda: heard.append("stop")  # type: ignore[method-assign]
        doors = WebSocketFactory(wrapped, self.clock)
        doors.doStart()
        doors.doStop()
        self.assertEqual(heard, ["start", "stop"])
