"""
MQTT by WebSocket: how it begins, and what is written and read.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel

from tests.net.support import Reactor, Wire, plain
from tests.net.support_websocket import MASK, Guest, WebSocketTestCase, frame, request
from txmqtt.codec import encode, frames
from txmqtt.codec.packets import (
    Connack,
    Connect,
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
