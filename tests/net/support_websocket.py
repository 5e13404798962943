"""
WebSocket without sockets: requests, and a client that says frames and understands answers.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from tests.net.support import BrokerTestCase, Wire
from txmqtt.codec import encode, frames
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Packet
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.websocket import WebSocket
from txmqtt.net.websocket_server import WebSocketFactory

KEY = "dGhlIHNhbXBsZSBub25jZQ=="

#: What C{KEY} must be answered with: RFC 6455, section 1.3.
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

MASK = b"\x11\x22\x33\x44"


def request(
    path: str = "/mqtt", *more: str, verb: str = "GET", version: str = "HTTP/1.1", **changed: str | None
) -> bytes:
    """
    The beginning of a WebSocket.

    @param more: more lines.
    @param changed: headers by their names, with underscores; None leaves one out.
    """
    headers: dict[str, str | None] = {
        "Host": "broker.example:8083",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Protocol": "mqtt",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    lines = [f"{verb} {path} {version}", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def frame(payload: bytes, opcode: int = frames.BINARY) -> bytes:
    """
    As a client says it.
    """
    return frames.masked(opcode, payload, MASK)


class Guest:
    """
    A client of the broker by WebSocket.

    @ivar closed: the payload of the CLOSE that it was told; None for none.
    @ivar pongs: what it was answered.
    """

    def __init__(self, socket: WebSocket, wire: Wire) -> None:
        self.socket = socket
        self.wire = wire
        self.gone = False
        self.closed: bytes | None = None
        self.pongs: list[bytes] = []
        self.pings = 0
        self._decoder = Decoder(5)

    @property
    def brake(self) -> Any:
        """
        What a transport tells that it has enough.
        """
        return self.wire.producer

    def feed(self, *data: bytes) -> None:
        """
        Send bytes, each a read of its own.
        """
        for part in data:
            self.socket.dataReceived(part)

    def say(self, *packets: Packet) -> None:
        """
        Send packets, a message each, in one read.
        """
        self.feed(b"".join(frame(encode.packet(packet, 5)) for packet in packets))

    def answer(self) -> bytes:
        """
        What HTTP has said.
        """
        said = self.wire.value()
        self.wire.clear()
        return bytes(said)

    def heard(self) -> list[Packet]:
        """
        What came since it was last asked: whole frames, of which only a CLOSE is the last.
        """
        data = self.answer()
        while data:
            assert self.closed is None
            opcode, size, start = data[0], data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10], "big"), 10
            payload, data = data[start : start + size], data[start + size :]
            assert len(payload) == size
            if opcode == 0x82:
                self._decoder.feed(payload)
            elif opcode == 0x8A:
                self.pongs.append(payload)
            elif opcode == 0x89:
                self.pings += 1
            else:
                assert opcode == 0x88
                self.closed = payload
        packets: list[Packet] = []
        while (packet := self._decoder.take()) is not None:
            packets.append(packet)
        return packets

    def leave(self) -> None:
        """
        Close the connection.
        """
        self.gone = True
        self.socket.connectionLost(Failure(ConnectionDone()))


class WebSocketTestCase(BrokerTestCase):
    """
    A broker behind WebSocket.
    """

    def setUp(self) -> None:
        super().setUp()
        self.people: list[Guest] = []

    def tearDown(self) -> None:
        for guest in self.people:
            if not guest.gone:
                guest.leave()
        super().tearDown()

    def knock(self, peer: IAddress | None = None, **settings: Any) -> Guest:
        """
        A connection that has said nothing.
        """
        doors = WebSocketFactory(self.factory, self.clock, WebSocketSettings(**settings))
        guest = Guest(doors.buildProtocol(peer), Wire(peerAddress=peer) if peer is not None else Wire())
        guest.socket.makeConnection(guest.wire)
        self.people.append(guest)
        return guest

    def enter(self, **settings: Any) -> Guest:
        """
        A connection whose handshake is done.
        """
        guest = self.knock(**settings)
        guest.feed(request())
        self.assertIn(b" 101 ", guest.answer())
        return guest
