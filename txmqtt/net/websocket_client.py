"""
MQTT over WebSocket for clients: an endpoint that wraps another, so that whatever connects with an endpoint can use it.

It has connected when the opening handshake is done, so a refusal by HTTP is a connection that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from os import urandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, Request
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError
from zope.interface import implementer

from txmqtt.codec import frames
from txmqtt.codec.errors import ConnectionClosed
from txmqtt.net.handshake import END, SUBPROTOCOLS, Opened, Refusal, WebSocketSettings
from txmqtt.net.stages import dial
from txmqtt.net.tls_failures import understood
from txmqtt.net.websocket import Opening, WebSocket

#: More headers of a request, such as a token that a proxy wants to see.
Headers = Sequence[tuple[str, str]]


class ClientOpening:
    """
    The handshake with one server.

    @ivar begin: the request.
    @ivar masked: the frames that follow are not masked.
    """

    masked = False

    def __init__(self, host: str, path: str, headers: Headers, limit: int) -> None:
        """
        @param limit: so large may the answer be, bytes.
        """
        more = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
        self._handshake = H11Handshake(ConnectionType.CLIENT)
        self.begin = self._handshake.send(
            Request(host=host, target=path, subprotocols=list(SUBPROTOCOLS[:1]), extra_headers=more)
        )
        self._limit = limit
        self._said = bytearray()

    def feed(self, data: bytes) -> Opened | None:
        """
        The server said C{data}.

        @return: None while the handshake is not complete.
        @raise Refusal: it will not be.
        """
        self._said += data
        end = self._said.find(END, max(0, len(self._said) - len(data) - len(END)), self._limit)
        if end < 0:
            if len(self._said) >= self._limit:
                raise Refusal(431, f"the server answered with more than {self._limit} bytes")
            return None
        end += len(END)
        self._check(bytes(self._said[:end]))
        return Opened(b"", bytes(self._said[end:]), None)

    def _check(self, head: bytes) -> None:
        try:
            self._handshake.receive_data(head)
            for event in self._handshake.events():
                if isinstance(event, AcceptConnection):
                    if event.subprotocol is None:  # [MQTT5-6.0.0-4]
                        raise Refusal(400, "the server did not agree on the WebSocket sub-protocol mqtt")
                    return
                if isinstance(event, RejectConnection):
                    status = event.status_code
                    known = HTTPStatus(status).phrase if status in {known.value for known in HTTPStatus} else ""
                    raise Refusal(status, f"the server answered {status} {known}".strip() + ", not a WebSocket")
        except RemoteProtocolError as error:
            raise Refusal(400, f"the server does not speak WebSocket: {error}") from error
        except (UnicodeError, NotImplementedError) as error:  # wsproto reads some headers as ASCII
            raise Refusal(400, "the server does not speak WebSocket") from error
        raise Refusal(400, "the server does not speak WebSocket")


class ClientSocket(WebSocket):
    """
    The client's side of a connection: what it says is masked, each time anew.
    """

    undone = "the handshake of WebSocket was not over"

    def __init__(
        self,
        clock: IReactorTime,
        settings: WebSocketSettings,
        opening: Callable[[IAddress], Opening],
        build: Callable[[IAddress], IProtocol | None],
        waiting: Deferred[IProtocol],
    ) -> None:
        """
        @param waiting: fires with the protocol above when the handshake is done.
        """
        super().__init__(clock, settings, opening, build)
        self._waiting: Deferred[IProtocol] | None = waiting

    def _whole(self, data: bytes) -> bytes:
        return frames.masked(frames.BINARY, data, urandom(4))

    def _say(self, opcode: int, payload: bytes) -> None:
        self._write(frames.masked(opcode, payload, urandom(4)))

    def _made(self, above: IProtocol) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(above)

    def _refuse(self, refusal: Refusal) -> None:
        self._opening = None
        self._leave()
        self._fail(Failure(refusal))

    def _fail(self, why: Failure) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(why)

    def forget(self) -> None:
        """
        Nobody waits for the handshake any more.
        """
        self._waiting = None
        self.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{IProtocol}.
        """
        super().connectionLost(reason)
        if self._waiting is not None:
            words = f"the server hung up during the handshake of WebSocket: {reason.getErrorMessage()}"
            self._fail(Failure(understood(reason) or ConnectionClosed(words, remote=True)))


@implementer(IStreamClientEndpoint)
class WebSocketClientEndpoint:
    """
    Connects where another endpoint does, and begins a WebSocket there.
    """

    def __init__(
        self,
        reactor: Any,
        inner: IStreamClientEndpoint,
        host: str,
        settings: WebSocketSettings | None = None,
        headers: Headers = (),
    ) -> None:
        """
        @param reactor: for the alarms of the connections.
        @param inner: where the server is; behind TLS for C{wss}.
        @param host: what it is asked for, with the port unless that is the usual one: C{broker.example.com:8083}.
        @param settings: the path to ask for, the limits and the times; what only servers decide does not matter.
        @param headers: what the request says besides; it may hold secrets and appears in no message.
        @raise ValueError: HTTP allows no such host, path or header.
        """
        self._reactor = reactor
        self._inner = inner
        self._host = host
        self._settings = settings or WebSocketSettings()
        self._headers = headers
        try:
            self._opening(None)
        except Exception:  # of three libraries
            raise ValueError(
                f"host {host!r}, path {self._settings.path!r} and {len(headers)} headers: expected what HTTP allows"
            ) from None

    def _opening(self, peer: IAddress | None) -> ClientOpening:
        settings = self._settings
        return ClientOpening(self._host, settings.path or "/", self._headers, settings.handshake_bytes)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        See C{IStreamClientEndpoint}. Fails with C{Refusal} when the server does not begin a WebSocket, with
        C{ConnectionClosed} when it hangs up meanwhile.
        """

        def make(waiting: Deferred[IProtocol]) -> ClientSocket:
            return ClientSocket(self._reactor, self._settings, self._opening, protocolFactory.buildProtocol, waiting)

        return dial(self._inner.connect, protocolFactory, make)
