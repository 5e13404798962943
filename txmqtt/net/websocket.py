"""
WebSocket between a stream and MQTT: a transport to the protocol above it, a protocol to the transport below.

The protocol above is made when the opening handshake is done, never before. It gets what a read brought in one piece,
and each of its writes leaves as one binary frame, so that many packets of one turn share a frame too.

Both roles are the same once the handshake is done, but for the mask: this is the server's, and the client adds its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from typing import Protocol as Shape

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.codec import frames
from txmqtt.net.direct import Transport, writer
from txmqtt.net.handshake import Opened, Refusal, WebSocketSettings
from txmqtt.net.protocol import MQTTProtocol

_log = Logger()

#: The phases of a connection.
_OPENING, _OPEN, _CLOSING, _OVER = range(4)


class Opening(Shape):
    """
    What a role knows of the handshake.
    """

    begin: bytes
    masked: bool

    def feed(self, data: bytes) -> Opened | None: ...


@implementer(IPushProducer)
class _Brake:
    """
    Hears from the transport below how fast the peer reads. (C{WebSocket} has methods of the same names, by which the
    protocol above stops the peer.)
    """

    __slots__ = ("_socket",)

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    def pauseProducing(self) -> None:
        """
        The transport has enough.
        """
        self._socket.jammed(True)

    def resumeProducing(self) -> None:
        """
        The transport has room again.
        """
        self._socket.jammed(False)

    def stopProducing(self) -> None:
        """
        The transport is gone; C{connectionLost} follows.
        """


class WebSocket(Protocol):
    """
    One connection, either role.

    @param opening: the handshake.
    @param build: makes the protocol above for an address, or None, which refuses.
    """

    transport: Transport  # type: ignore[assignment] # Twisted promises less than every transport of a stream has

    def __init__(
        self,
        clock: IReactorTime,
        settings: WebSocketSettings,
        opening: Callable[[IAddress], Opening],
        build: Callable[[IAddress], IProtocol | None],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._begin = opening
        self._build = build
        self._opening: Opening | None = None
        self._above: IProtocol | None = None
        self._reader: frames.FrameReader | None = None
        self._peer: IAddress | None = None
        self._phase = _OPENING
        self._alarm: IDelayedCall | None = None
        self._producer: Any = None
        self._full = False
        self._held = False
        self._heard = False

    # Opening

    def connectionMade(self) -> None:
        """
        Begin the handshake, or wait for it, but not for ever.
        """
        transport = self.transport
        no_delay = getattr(transport, "setTcpNoDelay", None)
        if no_delay is not None:
            no_delay(True)
        self._write = writer(transport)
        self._opening = self._begin(transport.getPeer())
        self._alarm = self._clock.callLater(self._settings.handshake_timeout, self._too_slow)
        if self._opening.begin:
            self._write(self._opening.begin)

    def dataReceived(self, data: bytes) -> None:
        """
        See C{IProtocol}.
        """
        reader = self._reader
        if reader is None:
            self._shake_hands(data)
            return
        self._heard = True
        data = reader.feed(data)
        if data and self._phase == _OPEN:
            self._above.dataReceived(data)  # type: ignore[union-attr] # there is one where there is a reader
        if reader.stirred:
            self._act(reader)

    def _shake_hands(self, data: bytes) -> None:
        opening = self._opening
        if opening is None:  # it was refused
            return
        try:
            opened = opening.feed(data)
            if opened is not None:
                self._open(opened, opening.masked)
        except Refusal as refusal:
            self._refuse(refusal)

    def _open(self, opened: Opened, masked: bool) -> None:
        settings = self._settings
        peer = opened.peer or self.transport.getPeer()
        above = self._build(peer)
        if above is None:
            raise Refusal(503, "nobody is let in now")
        self._peer = peer
        self._opening = None
        self._disarm()
        self._phase = _OPEN
        self._above = above
        self._reader = frames.FrameReader(masked, settings.max_message, settings.max_fragments)
        if opened.answer:
            self._write(opened.answer)
        self.transport.registerProducer(_Brake(self), True)
        if settings.ping_interval:
            self._alarm = self._clock.callLater(settings.ping_interval, self._ping)
        above.makeConnection(self)  # type: ignore[arg-type] # a Transport is an ITransport
        self._made(above)
        if opened.rest:
            self.dataReceived(opened.rest)

    def _made(self, above: IProtocol) -> None:
        """
        The protocol above has begun; for a role in which somebody waits for that.
        """

    def _too_slow(self) -> None:
        self._alarm = None
        self._refuse(Refusal(408, f"the handshake took more than {self._settings.handshake_timeout:g} s"))

    def _refuse(self, refusal: Refusal) -> None:
        """
        There will be no WebSocket.
        """
        _log.info(
            "{peer} was refused: {why} ({status})", peer=_place(self.transport), why=str(refusal), status=refusal.status
        )
        self._opening = None
        self._write(refusal.answer)
        self._leave()

    # What this role says: a server masks nothing

    _whole = staticmethod(frames.binary)

    def _say(self, opcode: int, payload: bytes) -> None:
        self._write(frames.control(opcode, payload))

    # What the peer says besides

    def _act(self, reader: frames.FrameReader) -> None:
        """
        Answer what came besides data.
        """
        reader.stirred = False
        if reader.ping is not None and self._phase == _OPEN and not self._full:
            self._pong(reader)
        if not reader.over or self._phase == _OVER:
            return
        if reader.broken:
            _log.info("{peer} broke a rule of WebSocket: {why}", peer=_place(self), why=reader.broken)
        if self._phase == _OPEN:
            self._say(frames.CLOSE, frames.farewell(reader.code, reader.broken))
        self._leave()

    def _pong(self, reader: frames.FrameReader) -> None:
        ping, reader.ping = reader.ping, None
        if ping is not None:
            self._say(frames.PONG, ping)

    def _ping(self) -> None:
        self._heard = False
        if not self._full:
            self._say(frames.PING, b"")
        self._alarm = self._clock.callLater(self._settings.ping_timeout, self._missed)

    def _missed(self) -> None:
        """
        Nothing may have come because we do not read.
        """
        self._alarm = None
        if self._heard or self._held:
            self._alarm = self._clock.callLater(self._settings.ping_interval, self._ping)
            return
        _log.info("{peer} did not answer a ping", peer=_place(self))
        self.abortConnection()

    def jammed(self, full: bool) -> None:
        """
        The transport below has enough, or has room again.
        """
        self._full = full
        if self._phase != _OPEN:
            return
        if not full and self._reader is not None:
            self._pong(self._reader)
        if self._producer is not None:
            if full:
                self._producer.pauseProducing()
            else:
                self._producer.resumeProducing()

    # The end

    def _leave(self) -> None:
        """
        All is said: close when it is written, or when the peer does not read it in time.
        """
        if self._phase != _CLOSING:  # otherwise it is set
            self._disarm()
            self._alarm = self._clock.callLater(self._settings.close_timeout, self._give_up)
        self._phase = _OVER
        if self._reader is not None:
            # With a producer registered a transport waits for a peer that may never read.
            self.transport.unregisterProducer()
        self.transport.loseConnection()  # last, because a transport may be gone before this returns

    def _give_up(self) -> None:
        self._alarm = None
        self.transport.abortConnection()

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{IProtocol}.
        """
        if self._phase == _OPENING:  # whoever only looks whether somebody listens comes often
            why = reason.getErrorMessage()
            _log.debug("{peer} went away before the handshake: {why}", peer=_place(self.transport), why=why)
        self._phase = _OVER
        self._disarm()
        self._opening = None
        self._producer = None
        if self._above is not None:
            self._above.connectionLost(reason)

    # The transport of the protocol above

    def write(self, data: bytes) -> None:
        """
        Say this in one message.
        """
        if self._phase == _OPEN:
            self._write(self._whole(data))

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """
        Say all of this in one message.
        """
        self.write(b"".join(data))

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """
        See C{IConsumer}.

        @raise ValueError: it would have to be asked for each piece.
        """
        if not streaming:
            raise ValueError("expected a streaming producer")
        self._producer = producer
        if self._full:
            self._producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """
        See C{IConsumer}.
        """
        self._producer = None

    def pauseProducing(self) -> None:
        """
        Do not read on. What has been read was handed over: nothing is kept here.
        """
        self._held = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """
        Read on.
        """
        self._held = False
        if self._phase != _OVER:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """
        See C{IPushProducer}.
        """
        self.loseConnection()

    def loseConnection(self) -> None:
        """
        Say goodbye, and close when the peer has said it too, or does not.
        """
        if self._phase != _OPEN:
            return
        self._phase = _CLOSING
        self._disarm()
        self._alarm = self._clock.callLater(self._settings.close_timeout, self._give_up)
        ended = self._above.ended if isinstance(self._above, MQTTProtocol) else None
        self._say(frames.CLOSE, frames.farewell(frames.code_of(ended), ""))
        if self._held:  # its goodbye must be read
            self.resumeProducing()

    def abortConnection(self) -> None:
        """
        Close now, whatever is not written.
        """
        if self._phase != _OVER:
            self._phase = _OVER
            self._disarm()
        self.transport.abortConnection()

    def getPeer(self) -> IAddress:
        """
        Where the peer is: behind a proxy that we trust, where it says that the client is.
        """
        return self._peer or self.transport.getPeer()

    def getHost(self) -> IAddress:
        """
        See C{ITransport}.
        """
        host: IAddress = self.transport.getHost()  # type: ignore[attr-defined] # every transport has it
        return host

    def getPeerCertificate(self) -> Any:
        """
        What the peer showed for TLS, verified; None for nothing.
        """
        shown = getattr(self.transport, "getPeerCertificate", None)
        return shown() if shown is not None else None


def _place(transport: Any) -> str:
    address = transport.getPeer()
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
