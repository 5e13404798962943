"""
The client's side of WebSocket.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.net.support import Wire
from tests.net.support_endpoints import Dialled
from tests.net.support_websocket import WebSocketTestCase
from txmqtt.codec import frames
from txmqtt.codec.errors import ConnectionClosed, TLSFailure
from txmqtt.net.client import MQTTClient
from txmqtt.net.factory import MQTTClientFactory
from txmqtt.net.handshake import Refusal, WebSocketSettings
from txmqtt.net.websocket import WebSocket
from txmqtt.net.websocket_client import ClientOpening, WebSocketClientEndpoint
from txmqtt.net.websocket_server import WebSocketFactory


class ClientTests(WebSocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.inner = Dialled()
        self.mqtt = MQTTClientFactory(self.clock, self.clock.seconds, client_id="w")

    def dialled(self, **settings: Any) -> Deferred[IProtocol]:
        """
        A client that connects.
        """
        endpoint = WebSocketClientEndpoint(
            self.clock,
            self.inner,
            "broker.example:8083",
            WebSocketSettings(**settings),
            [("Authorization", "Bearer x")],
        )
        self.assertTrue(verifyObject(IStreamClientEndpoint, endpoint))
        return endpoint.connect(self.mqtt)

    def said(self) -> bytes:
        data = bytes(self.inner.wire.value())
        self.inner.wire.clear()
        return data

    def test_conversation(self) -> None:
        """
        A client and our broker find each other by WebSocket, speak MQTT, and part in order.
        """
        waiting = self.dialled()
        ours = self.inner.succeed()
        theirs = WebSocketFactory(self.factory, self.clock).buildProtocol(None)
        wire = Wire()
        theirs.makeConnection(wire)
        self.assertIn(b"\r\nAuthorization: Bearer x\r\n", self.inner.wire.value())

        def exchange() -> None:
            for _ in range(9):
                theirs.dataReceived(self.said())
                data = bytes(wire.value())
                wire.clear()
                ours.dataReceived(data)
                self.clock.advance(0)

        self.assertNoResult(waiting)
        exchange()
        client = self.successResultOf(waiting)
        assert isinstance(client, MQTTClient)
        self.successResultOf(client.whenReady())
        heard: list[bytes] = []
        subscribed = client.subscribe("a", lambda message: heard.append(message.payload))
        exchange()
        self.successResultOf(subscribed)
        sent = client.publish("a", b"x" * 70_000, qos=2)
        exchange()
        self.successResultOf(sent)
        self.assertEqual(heard, [b"x" * 70_000])
        client.disconnect()
        self.assertTrue(ours.getPeer())
        exchange()
        self.assertEqual((wire.asked[-1], self.inner.wire.asked[-1]), ("lose", "lose"))
        for socket in (ours, theirs):
            socket.connectionLost(Failure(ConnectionDone()))

    def test_masked(self) -> None:
        """
        What a client says is masked, each frame with a mask of its own.
        """
        waiting = self.dialled()
        socket = self.inner.succeed()
        self.accept(socket)
        self.successResultOf(waiting)
        self.said()
        socket.write(b"secret")
        socket.write(b"secret")
        said = self.said()
        self.assertEqual(frames.FrameReader(True, 1000, 10).feed(said), b"secretsecret")
        self.assertNotEqual(said[2:6], said[14:18])
        socket.connectionLost(Failure(ConnectionDone()))

    def accept(self, socket: WebSocket) -> None:
        """
        The server says yes.
        """
        theirs = WebSocketFactory(self.factory, self.clock).buildProtocol(None)
        wire = Wire()
        theirs.makeConnection(wire)
        theirs.dataReceived(self.said())
        socket.dataReceived(bytes(wire.value()))
        theirs.connectionLost(Failure(ConnectionDone()))

    def test_refused(self) -> None:
        """
        A server that does not begin a WebSocket is a connection that failed, and the failure says why.
        """
        for answer, why in (
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404 Not Found, not a WebSocket"),
            (b"HTTP/1.1 799 What\r\nContent-Length: 0\r\n\r\n", "answered 799, not a WebSocket"),
            (b"HTTP/1.1 200 OK\r\n\r\nhello", "answered 200 OK, not a WebSocket"),
            (b"\x20\x02\x00\x00\r\n\r\n", "does not speak WebSocket"),
            (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "Bad accept token"),
            (b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", "Upgrade: websocket"),
            (b"x" * 8192, "the server answered with more than 8192 bytes"),
        ):
            with self.subTest(why=why):
                self.inner = Dialled()
                waiting = self.dialled()
                socket = self.inner.succeed()
                self.said()
                socket.dataReceived(answer)
                self.assertIn(why, self.failureResultOf(waiting, Refusal).getErrorMessage())
                self.assertEqual((self.said(), self.inner.wire.asked[-1]), (b"", "lose"))
                socket.connectionLost(Failure(ConnectionDone()))

    def test_no_subprotocol(self) -> None:
        """
        A server must agree on the sub-protocol [MQTT5-6.0.0-4].
        """
        waiting = self.dialled()
        socket = self.inner.succeed()
        theirs = WebSocketFactory(self.factory, self.clock, WebSocketSettings(require_subprotocol=False))
        server, wire = theirs.buildProtocol(None), Wire()
        server.makeConnection(wire)
        server.dataReceived(self.said().replace(b": mqtt\r\n", b": chat\r\n"))
        socket.dataReceived(bytes(wire.value()))
        self.assertIn("sub-protocol", self.failureResultOf(waiting, Refusal).getErrorMessage())
        for each in (socket, server):
            each.connectionLost(Failure(ConnectionDone()))

    def test_silent(self) -> None:
        """
        A server that does not answer in time is left.
        """
        waiting = self.dialled(handshake_timeout=10.0)
        socket = self.inner.succeed()
        self.clock.advance(10)
        self.assertIn("more than 10 s", self.failureResultOf(waiting, Refusal).getErrorMessage())
        socket.connectionLost(Failure(ConnectionDone()))

    def test_lost(self) -> None:
        """
        A connection that is lost during the handshake fails; so does one that is not made.
        """
        waiting = self.dialled()
        self.inner.succeed().connectionLost(Failure(ConnectionDone()))
        error = self.failureResultOf(waiting, ConnectionClosed).value
        self.assertTrue(error.remote)
        self.assertEqual(
            str(error), "the server hung up during the handshake of WebSocket: Connection was closed cleanly."
        )
        self.inner = Dialled()
        waiting = self.dialled()
        self.inner.succeed().connectionLost(Failure(TLSFailure("no certificate", "client")))
        self.failureResultOf(waiting, TLSFailure)
        self.inner = Dialled()
        waiting = self.dialled()
        self.inner.answer.errback(ConnectionRefusedError())
        self.failureResultOf(waiting, ConnectionRefusedError)

    def test_cancelled(self) -> None:
        """
        Whoever does not want to wait any more leaves no connection behind, at whatever moment.
        """
        waiting = self.dialled()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.inner = Dialled()
        waiting = self.dialled()
        socket = self.inner.succeed()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.inner.wire.asked[-1], "abort")
        socket.connectionLost(Failure(ConnectionDone()))

    def test_no_request(self) -> None:
        """
        What HTTP does not allow is refused at once, without repeating what may be a secret.
        """
        for host, path, headers in (
            ("broker.example", "/a b", []),
            ("broker.example", "/a\r\nX: y", []),
            ("broker\n", "/", []),
            ("broker.example", "/", [("Authorization", "secret\r\nX: y")]),
            ("broker.example", "/", [("Authorization", "s\xebcret")]),
        ):
            with self.subTest(host=host, path=path), self.assertRaises(ValueError) as caught:
                WebSocketClientEndpoint(self.clock, self.inner, host, WebSocketSettings(path=path), headers)
            self.assertNotIn("cret", str(caught.exception))

    def test_piece_by_piece(self) -> None:
        """
        An answer may arrive in pieces.
        """
        opening = ClientOpening("a.example", "/", (), 1000)
        for byte in b"HTTP/1.1 404 Not Found\r\n\r":
            self.assertIsNone(opening.feed(bytes((byte,))))
        with self.assertRaises(Refusal):
            opening.feed(b"\n")
