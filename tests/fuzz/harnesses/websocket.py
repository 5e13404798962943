"""
WebSocket, either side of it: the handshake, frames of any kind, and MQTT in frames.

An input is a byte that says which side we are and how far we are, and a script. C{SAY} is bytes or, once the handshake
is done, the payload of a frame whose kind is the number of who says it. C{ASK} is what the protocol above does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from wsproto.utilities import generate_accept_token

from tests.fuzz import script
from tests.fuzz.harness import Harness
from tests.fuzz.harnesses.logged import nothing_logged
from tests.fuzz.mutation import ScriptMutator
from tests.fuzz.packets import CLIENTS, SERVERS
from tests.fuzz.script import AGAIN, ASK, CLOSE, CUT, DEAF, HEAR, SAY, TOGETHER, WAIT, Step
from tests.net.support_websocket import request
from tests.vectors import spell
from tests.vectors.good import GOOD
from txmqtt.codec import frames
from txmqtt.codec.errors import ConnectionClosed
from txmqtt.codec.frames import BINARY, CONTINUATION, PING, FrameReader
from txmqtt.codec.frames import CLOSE as GOODBYE
from txmqtt.net.handshake import Refusal, WebSocketSettings
from txmqtt.net.websocket import WebSocket
from txmqtt.net.websocket_client import ClientOpening, ClientSocket
from txmqtt.net.websocket_server import WebSocketFactory
from txmqtt.testing import Connection, WorldClock

_HERE, _THERE = IPv4Address("TCP", "192.0.2.1", 50_000), IPv4Address("TCP", "192.0.2.2", 8083)
_SETTINGS: Final = WebSocketSettings(
    origin=("https://app.example.com",),
    proxies=("192.0.2.0/24",),
    handshake_timeout=5,
    handshake_bytes=1000,
    max_message=2000,
    max_fragments=5,
    ping_interval=10,
    ping_timeout=5,
    close_timeout=2,
)
_MOST: Final = 3000
_MASK: Final = b"\x11\x22\x33\x44"
#: What kind of frame somebody's words are in, by the number of who says it.
_KINDS: Final = (BINARY, BINARY, PING, GOODBYE)

# What the first byte says.
_AS_CLIENT, _SHAKEN, _RAW, _FINE = 1, 2, 4, 8


class _Above(Protocol):
    """
    The protocol above: keeps what it hears, as one might.
    """

    def __init__(self) -> None:
        self.heard = 0
        self.lost = 0

    def dataReceived(self, data: bytes) -> None:
        assert data and not self.lost
        self.heard += len(data)

    def connectionLost(self, reason: object = None) -> None:
        self.lost += 1


class _Peer(Protocol):
    """
    The other side: what it hears is read by a reader of frames, which must find nothing wrong.
    """

    def __init__(self, as_server: bool) -> None:
        self.reader = FrameReader(as_server, 1 << 30, 1 << 30)
        self.head = b""

    def dataReceived(self, data: bytes) -> None:
        if b"\r\n\r\n" not in self.head:
            self.head += data
            data = (
                self.head.partition(b"\r\n\r\n")[2] if b" 101 " in self.head[:20] or b"GET " in self.head[:4] else b""
            )
        self.reader.feed(data)
        assert not self.reader.broken, f"we said {self.reader.broken}"


class _Play:
    def __init__(self, how: int) -> None:
        self.how = how
        self.clock = WorldClock()
        self.above = _Above()
        self.refused: list[Failure] = []
        as_client = bool(how & _AS_CLIENT)
        self.ours: WebSocket = self._client() if as_client else self._server()
        self.connection = Connection(self.clock, _HERE, _THERE)
        self.connection.client.begin(_Peer(as_client))
        self.connection.server.begin(self.ours)
        self.clock.advance(0)
        if how & _SHAKEN:
            self._shake(as_client)

    def _build(self, address: IAddress | None = None) -> _Above:
        return self.above

    def _server(self) -> WebSocket:
        above = Factory()
        above.buildProtocol = self._build  # type: ignore[assignment,method-assign]
        return WebSocketFactory(above, self.clock, _SETTINGS).buildProtocol(_HERE)

    def _client(self) -> WebSocket:
        waiting: Deferred[Any] = Deferred()
        waiting.addErrback(self.refused.append)
        return ClientSocket(
            self.clock, _SETTINGS, lambda _: ClientOpening("broker.example", "/mqtt", (), 1000), self._build, waiting
        )

    def _shake(self, as_client: bool) -> None:
        peer = self.connection.client.protocol
        assert isinstance(peer, _Peer)
        if not as_client:
            self.say(request())
            return
        key = peer.head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        self.say(
            b"HTTP/1.1 101 Yes\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n"
            b"Sec-WebSocket-Accept: " + generate_accept_token(key) + b"\r\n\r\n"
        )

    def say(self, data: bytes, held: bool = False) -> None:
        """
        The other side says something.
        """
        self.connection.client.write(data)
        if not held:
            self.clock.advance(0)

    def step(self, step: Step) -> None:
        """
        What happens next.
        """
        client = self.connection.client
        if step.verb == WAIT:
            self.clock.advance(script.SECONDS[step.amount])
        elif step.verb in (SAY, AGAIN):
            data = step.data
            if self.how & _SHAKEN and not self.how & _RAW:
                data = self._framed(step)
            for piece in script.reads(step._replace(data=data)):
                self.say(piece, step.amount == TOGETHER)
        elif step.verb == CLOSE:
            client.loseConnection()
        elif step.verb == CUT:
            self.connection.cut()
        elif step.verb == DEAF:
            client.pauseProducing()
        elif step.verb == HEAR:
            client.resumeProducing()
        elif step.verb == ASK and self.above.connected:
            self._ask(step)
        self.clock.advance(0)

    def _framed(self, step: Step) -> bytes:
        """
        What is said, in a frame; C{AGAIN} says the beginning of a message, or goes on with it.
        """
        kind = _KINDS[step.who] if step.verb == SAY else CONTINUATION if step.who else BINARY
        data = step.data if step.verb == SAY else bytes(step.amount * 20)
        data = data if kind in (BINARY, CONTINUATION) else data[:125]
        said = frames.control(kind, data) if self.how & _AS_CLIENT else frames.masked(kind, data, _MASK)
        if step.verb == AGAIN and step.who < 3:
            said = bytes((said[0] & 0x7F,)) + said[1:]  # it goes on
        return said

    def _ask(self, step: Step) -> None:
        transport: Any = self.above.transport
        if step.amount < 4:
            transport.write(b"x" * (1, 125, 300, 70_000)[step.amount])
        elif step.amount < 6:
            transport.loseConnection()
        elif step.amount == 6:
            transport.pauseProducing()
        else:
            transport.resumeProducing()

    def over(self) -> None:
        """
        It ends, and is told so once.
        """
        self.clock.advance(0)
        if not self.above.connected:
            self.clock.advance(_SETTINGS.handshake_timeout + _SETTINGS.close_timeout)
            assert not self.connection.server.connected, "the handshake takes for ever"
        self.connection.cut()
        self.clock.advance(0)
        assert self.above.lost == self.above.connected, f"the end was heard {self.above.lost} times"
        calls = self.clock.getDelayedCalls()
        assert not calls, f"something still waits: {calls}"
        assert all(each.check(Refusal, ConnectionClosed) for each in self.refused), self.refused[0].getTraceback()


def _read(masked: bool, pieces: list[bytes]) -> tuple[bytes, FrameReader]:
    reader = FrameReader(masked, 500, 5)
    heard = []
    for piece in pieces:
        heard.append(reader.feed(piece))
        assert len(reader._tail) < 14 + 125, "more than the beginning of a frame is kept"
    return b"".join(heard), reader


def _in_pieces(data: bytes) -> None:
    """
    The same bytes are the same frames, however they are cut.
    """
    for masked in (True, False):
        heard, reader = _read(masked, [data])
        for size in (1, 7):
            other, another = _read(masked, [data[at : at + size] for at in range(0, len(data), size)])
            assert other == heard, f"{other!r} in pieces, {heard!r} in one read"
            ends = [(each.over, each.code, each.broken, each.ping) for each in (reader, another)]
            assert ends[0] == ends[1], f"{ends[1]} in pieces, {ends[0]} in one read"


def websocket(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    how = data[0] if data else 0
    if how & _FINE and len(data) < 300:
        _in_pieces(data[1:])
        return
    with nothing_logged():
        play = _Play(how)
        for step in script.read(data[1:]):
            play.step(step)
        play.over()


def _seeds() -> Iterator[bytes]:
    hello = [request(), request("/other"), request(Origin="https://app.example.com"), request(verb="POST")]
    hello += [request("/mqtt", "X-Forwarded-For: 198.51.100.1, [2001:db8::1]:5"), request(Sec_WebSocket_Key="x")]
    hello += [request(Origin="null", Host="b\u00fccher.example"), request(version="HTTP/1.0"), request()[:-2]]
    for said in hello:
        yield b"\0" + script.written([Step(SAY, 0, 0, said), Step(SAY, 0, 0, frames.masked(BINARY, b"x", _MASK))])
    for said in (b"HTTP/1.1 404 No\r\n\r\n", b"HTTP/1.1 101 Yes\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n"):
        yield bytes((_AS_CLIENT,)) + Step(SAY, 0, 0, said).written()
    for number, (_, _, spelling, _) in enumerate(GOOD[::4]):
        how = (_SHAKEN, _SHAKEN | _AS_CLIENT)[number & 1]
        yield bytes((how,)) + script.written([Step(SAY, number & 3, 0, spell(spelling)), Step(ASK, 0, number & 7)])
    payloads = [b"", b"x" * 5, b"x" * 126, b"\x03\xe8bye"]
    for kind in (BINARY, PING, GOODBYE, CONTINUATION):
        for payload in payloads:
            for side, said in ((0, frames.masked(kind, payload, _MASK)), (_AS_CLIENT, frames.control(kind, payload))):
                yield bytes((_FINE,)) + said + said
                yield bytes((_SHAKEN | _RAW | side,)) + Step(SAY, 0, 2, said).written()


def _tokens() -> Iterator[bytes]:
    for name in ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Host: a", "Origin: null"):
        yield name.encode() + b"\r\n"
    yield from (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"Sec-WebSocket-Protocol: mqtt\r\n", b"\r\n\r\n")
    yield from (b"GET /mqtt HTTP/1.1\r\n", b"HTTP/1.1 101 \r\n", b"X-Forwarded-For: ", b"Content-Length: 0\r\n")
    yield from (
        b"Transfer-Encoding: chunked\r\n",
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
        b"xn--",
        b"\x82\xfe",
    )


HARNESS: Final = Harness(
    "websocket",
    "whatever is said before and in frames, the connection ends or goes on, and frames are the same in any pieces",
    websocket,
    _seeds,
    _tokens,
    ScriptMutator(CLIENTS + SERVERS, 1, lambda head: 5),
)
