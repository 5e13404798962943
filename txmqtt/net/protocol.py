"""
The seam between a conversation and a Twisted transport: read and feed, flush and write, one alarm, back-pressure.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from time import monotonic

from twisted.internet import tcp
from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.session.conversation import Conversation
from txmqtt.session.turn import Turn
from txmqtt.session.voice import NEVER

try:
    from twisted.internet import unix
except ImportError:  # no UNIX sockets on this platform
    PLAIN: tuple[type, ...] = (tcp.Server, tcp.Client)
else:
    PLAIN = (tcp.Server, tcp.Client, unix.Server, unix.Client)

_log = Logger()


class Transport(typing.Protocol):
    """
    What we use of a transport: of C{ITransport}, C{IConsumer} and C{ITCPTransport} together.
    """

    def write(self, data: bytes) -> None: ...
    def registerProducer(self, producer: object, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def getPeer(self) -> IAddress: ...


class PlainTransport(Transport, typing.Protocol):
    """
    What we know besides of Twisted's own TCP and UNIX connections.
    """

    TLS: bool
    disconnecting: bool
    dataBuffer: bytes
    _tempDataBuffer: list[bytes]

    def writeSomeData(self, data: bytes) -> int | Exception: ...


@implementer(IPushProducer)
class MQTTProtocol(Protocol):
    """
    One connection, either role.

    @ivar session: the conversation that is held over it.
    @param clock: for the alarm.
    @param seconds: a clock that never jumps, seconds; C{reactor.seconds} is wall time, and a step of it must not end
        every connection.
    @param close_timeout: how long the peer may take to read our last words, seconds.
    """

    session: Conversation
    transport: Transport  # type: ignore[assignment] # Twisted promises less than every transport of a stream has

    def __init__(
        self, turn: Turn, clock: IReactorTime, seconds: Callable[[], float] = monotonic, close_timeout: float = 5.0
    ) -> None:
        self.turn = turn
        self._clock = clock
        self._seconds = seconds
        self._close_timeout = close_timeout
        self._alarm: IDelayedCall | None = None
        self._abort: IDelayedCall | None = None
        self._closing = False

    def connectionMade(self) -> None:
        """
        Prepare the transport; the role begins its conversation.
        """
        transport = self.transport
        no_delay = getattr(transport, "setTcpNoDelay", None)
        if no_delay is not None:
            no_delay(True)
        if type(transport) in PLAIN:
            self.session.write = self._write_now
        else:
            self.session.write = transport.write
        transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """
        Feed the conversation; whatever it stirred is written before this returns.
        """
        self.session.feed(data, self._seconds())
        self.turn.flush()

    def _write_now(self, data: bytes) -> None:
        """
        Give the bytes to the socket at once where nothing is buffered before them, and leave only the rest to the
        transport: it saves two changes of the poll set and a turn of the reactor for each write.

        Only for the plain transports, told by their exact type, and only while C{startTLS} was not called on them: TLS
        and wrappers forward unknown attributes, and the bytes would leave in the clear.
        """
        transport: PlainTransport = self.transport  # type: ignore[assignment] # connectionMade looked at its type
        if transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting or transport.TLS:
            transport.write(data)
            return
        sent = transport.writeSomeData(data)
        if not isinstance(sent, int):
            sent = 0  # the connection is lost: the reactor finds that out when it tries to write
        if sent < len(data):
            transport.write(data[sent:])

    # What the conversation asks of the wire

    def hold(self) -> None:
        """
        See C{Link}.
        """
        self.transport.pauseProducing()

    def release(self) -> None:
        """
        See C{Link}.
        """
        if not self._closing:
            self.transport.resumeProducing()

    def rearm(self, deadline: float) -> None:
        """
        See C{Link}.
        """
        if self._closing:
            return
        if self._alarm is not None:
            self._alarm.cancel()  # reset() would look for it among all timers, one by one
        self._alarm = self._clock.callLater(max(0.0, deadline - self._seconds()), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        session = self.session
        session.alarm_at = NEVER
        session.tick(self._seconds())
        if not self._closing:
            session.nearer(session.deadline())
        self.turn.flush()

    def close(self, reason: int, message: str, abort: bool) -> None:
        """
        See C{Link}.
        """
        if self._closing:
            return
        self._closing = True
        self.closing(reason, message)
        self._disarm()
        transport = self.transport
        # With a producer registered a transport waits for a peer that may never read.
        transport.unregisterProducer()
        if abort:
            transport.abortConnection()
            return
        self.session.paused = False
        self.session.flush()
        self._abort = self._clock.callLater(self._close_timeout, self._give_up)
        transport.loseConnection()  # last, because a transport may be gone before this returns

    def closing(self, reason: int, message: str) -> None:
        """
        The conversation is over from our side; for the log.
        """

    def _give_up(self) -> None:
        self._abort = None
        self.transport.abortConnection()

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The connection is gone, whoever ended it.
        """
        self._closing = True
        self._disarm()
        if self._abort is not None:
            self._abort.cancel()
            self._abort = None
        self.turn.now = self._seconds()
        self.session.lost()
        self.turn.flush()

    # IPushProducer: the transport tells us how fast the peer reads

    def pauseProducing(self) -> None:
        """
        The transport has enough.
        """
        self.session.pause()

    def resumeProducing(self) -> None:
        """
        The transport has room again.
        """
        self.turn.now = self._seconds()
        self.session.resume()
        self.turn.flush()

    def stopProducing(self) -> None:
        """
        The transport is gone; C{connectionLost} follows.
        """
