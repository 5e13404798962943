"""
How a WebSocket begins, seen from the server: an HTTP request, judged and answered.

Until the answer is yes nothing of MQTT exists, and a connection costs what it has said, at most C{handshake_bytes} and
one read. Compression (permessage-deflate) is never agreed on: a small message could become a huge one, and each
connection would need a window of 32 KiB or more in both directions, for packets that are mostly short.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from twisted.internet.interfaces import IAddress
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, Request
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError

from txmqtt.codec.constants import MAX_PACKET
from txmqtt.codec.errors import MQTTError
from txmqtt.net.options import UNBOUNDED, Range
from txmqtt.net.proxies import TrustedProxies

#: The sub-protocols that mean MQTT, the best first [MQTT5-6.0.0-4] [MQTT311-6.0.0-4]; the second is what clients of 3.1
#: used to ask for.
SUBPROTOCOLS = ("mqtt", "mqttv3.1")

#: A handshake ends with an empty line.
END = b"\r\n\r\n"

#: The origin that stands for all.
_ANY = "*"

#: So much of what a stranger says is repeated in a log, characters.
_SHOWN = 64


@dataclass(frozen=True)
class WebSocketSettings:
    """
    What a listener for WebSockets allows.

    @ivar path: the path that clients must ask for, anything else is answered 404; empty allows every path. What follows
        a question mark does not count. C{/mqtt} is what most clients use unless they are told otherwise.
    @ivar origin: web pages of these origins may connect, such as C{https://app.example.com}, others are answered 403;
        C{*} allows all, C{null} is a page from a file. Empty allows pages of the host that the client asked for, on
        whatever port, since otherwise any page that a user happens to open could talk to a broker that only this
        machine can reach. Clients that are no browsers name no origin, and are not asked for one.
    @ivar proxies: the reverse proxies whose C{X-Forwarded-For} is believed: addresses, networks, or C{unix} for whoever
        comes through a UNIX socket. Empty believes nobody, because everybody can write that header.
    @ivar require_subprotocol: whoever does not offer the sub-protocol C{mqtt} or C{mqttv3.1} is answered 400, as MQTT
        has it; switch it off only for clients that can't be repaired.
    @ivar handshake_timeout: so long the opening handshake may take, seconds; then the answer is 408. Generous for a
        slow network, short for whoever only wants to occupy a connection.
    @ivar handshake_bytes: so large may its request be, bytes; then the answer is 431. Browsers send cookies along, and
        8 KiB is what web servers allow.
    @ivar max_message: so long may one WebSocket message be, bytes; then the connection is closed with 1009. Messages
        are not kept, so the default is the largest packet of MQTT; what a client may send is limited by
        C{max_packet_size}.
    @ivar max_fragments: of so many frames may one message be made; then the connection is closed with 1008. It ends
        messages that go on for ever without saying anything.
    @ivar ping_interval: ping a client so often, seconds; 0 never does, since MQTT has its own keep-alive. For proxies
        that cut silent connections sooner than clients ping.
    @ivar ping_timeout: a client that says nothing for so long after a ping is cut off, seconds. As long as a network
        may be gone for a moment.
    @ivar close_timeout: so long a client may take to answer our close and to read our last words, seconds. As for
        MQTT.
    """

    path: str = "/mqtt"
    origin: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    require_subprotocol: bool = True
    handshake_timeout: Annotated[float, Range(0.1, 3600)] = 10.0
    handshake_bytes: Annotated[int, Range(512, 1 << 20)] = 8192
    max_message: Annotated[int, Range(1024, UNBOUNDED)] = MAX_PACKET
    max_fragments: Annotated[int, Range(1, UNBOUNDED)] = 100_000
    ping_interval: Annotated[float, Range(0, 86_400)] = 0.0
    ping_timeout: Annotated[float, Range(0.1, 3600)] = 20.0
    close_timeout: Annotated[float, Range(0.1, 3600)] = 5.0


class Refusal(MQTTError):
    """
    There will be no WebSocket: the message says why.

    @ivar status: of HTTP.
    @ivar headers: more headers for the answer.
    """

    def __init__(self, status: int, message: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers

    @property
    def answer(self) -> bytes:
        """
        What the client is told.
        """
        body = f"{self}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode() + END + body


class Opened(NamedTuple):
    """
    A WebSocket has begun.

    @ivar answer: what the other side must be told first.
    @ivar rest: what it has said since.
    @ivar peer: where it is; None: where its connection comes from.
    """

    answer: bytes
    rest: bytes
    peer: IAddress | None


class Gate:
    """
    Judges the requests of one listener.
    """

    def __init__(self, settings: WebSocketSettings) -> None:
        """
        @raise ValueError: the settings mean nothing; says which.
        """
        if settings.path and not settings.path.startswith("/"):
            raise ValueError(f"path {settings.path!r}: expected a path that begins with a slash")
        for origin in settings.origin:
            if origin not in (_ANY, "null") and not _is_origin(origin):
                raise ValueError(
                    f"origin {origin!r}: expected scheme and host, such as https://app.example.com, {_ANY} or null"
                )
        self.settings = settings
        self._origins = frozenset(origin.lower() for origin in settings.origin)
        self._proxies = TrustedProxies(settings.proxies)

    def judge(self, head: bytes, peer: IAddress) -> tuple[bytes, IAddress]:
        """
        @param head: a request, to its end.
        @return: the answer, and where the client is.
        @raise Refusal: there is no reason to say yes.
        """
        line = head.partition(b"\r\n")[0].split(b" ")
        if len(line) == 3 and line[0] != b"GET":
            raise Refusal(405, "expected GET, the beginning of a WebSocket", [("Allow", "GET")])
        if line[-1] != b"HTTP/1.1":
            raise Refusal(400, "expected HTTP/1.1")
        handshake = H11Handshake(ConnectionType.SERVER)
        request = self._request(handshake, head)
        headers = request.extra_headers
        self._check_path(request.target)
        self._check_origin(_texts(headers, b"origin"), request.host)
        _check_key(b", ".join(value for name, value in headers if name == b"sec-websocket-key"))
        if _texts(headers, b"transfer-encoding") or set(_texts(headers, b"content-length")) - {"0"}:
            raise Refusal(400, "a request with a body can't become a WebSocket")
        chosen = next((name for name in SUBPROTOCOLS if name in request.subprotocols), None)
        if chosen is None and self.settings.require_subprotocol:  # [MQTT5-6.0.0-3] [MQTT311-6.0.0-3]
            raise Refusal(400, "expected the WebSocket sub-protocol mqtt (Sec-WebSocket-Protocol: mqtt)")
        answer = handshake.send(AcceptConnection(subprotocol=chosen))
        return answer, self._proxies.client(peer, _texts(headers, b"x-forwarded-for"))

    def _request(self, handshake: H11Handshake, head: bytes) -> Request:
        try:
            handshake.receive_data(head)
            for event in handshake.events():
                if isinstance(event, Request):
                    return event
        except RemoteProtocolError as error:
            raise _misunderstood(head, error) from error
        except UnicodeError as error:  # wsproto reads some headers as ASCII, and the host as IDNA
            raise Refusal(400, "expected ASCII in the headers of the request") from error
        raise Refusal(400, "expected an HTTP request")

    def _check_path(self, target: str) -> None:
        path = target.partition("?")[0]
        if self.settings.path and path != self.settings.path:
            raise Refusal(404, f"nothing is at {path[:_SHOWN]!r}: MQTT is at {self.settings.path}")

    def _check_origin(self, origins: list[str], host: str) -> None:
        if not origins:
            return  # no browser
        if len(origins) == 1:
            origin = origins[0].lower()
            if _ANY in self._origins or origin in self._origins:
                return
            if not self._origins and _same_host(origin, host):
                return
        raise Refusal(403, f"pages from {origins[0][:_SHOWN]!r} are not allowed to connect here")


def _texts(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in headers if name == wanted]


def _check_key(key: bytes) -> None:
    try:
        if len(b64decode(key, validate=True)) == 16:
            return
    except ValueError:
        pass
    raise Refusal(400, "expected 16 bytes in Base64 as Sec-WebSocket-Key")


def _misunderstood(head: bytes, error: RemoteProtocolError) -> Refusal:
    hint = error.event_hint
    status = hint.status_code if isinstance(hint, RejectConnection) else 400
    if b"\r\nupgrade:" not in head.lower() or status == 426:
        ways = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        return Refusal(426, "expected the beginning of a WebSocket, version 13: MQTT is spoken here", ways)
    return Refusal(status, f"not the beginning of a WebSocket: {error}")


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        return False


def _same_host(origin: str, host: str) -> bool:
    try:
        # wsproto hands the host over decoded; an origin is in ASCII.
        page = (urlsplit(origin).hostname or "").encode("ascii").decode("idna")
        here = urlsplit(f"//{host}").hostname
    except ValueError:  # UnicodeError is one
        return False
    return bool(page) and page == here


class ServerOpening:
    """
    The handshake of one client, as it arrives.

    @ivar begin: what is said first: nothing.
    @ivar masked: the frames that follow are masked.
    """

    begin = b""
    masked = True

    def __init__(self, gate: Gate, peer: IAddress) -> None:
        self._gate = gate
        self._peer = peer
        self._said = bytearray()

    def feed(self, data: bytes) -> Opened | None:
        """
        The client said C{data}.

        @return: None while the handshake is not complete.
        @raise Refusal: it will not be.
        """
        limit = self._gate.settings.handshake_bytes
        self._said += data
        end = self._said.find(END, max(0, len(self._said) - len(data) - len(END)), limit)
        if end < 0:
            if len(self._said) >= limit:
                raise Refusal(431, f"a request of more than {limit} bytes")
            return None
        end += len(END)
        answer, peer = self._gate.judge(bytes(self._said[:end]), self._peer)
        return Opened(answer, bytes(self._said[end:]), peer)
