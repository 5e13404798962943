"""
The seam between a conversation and a Twisted transport: read and feed, flush and write, one alarm, back-pressure.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from twisted.internet import tcp
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
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
    _PLAIN: tuple[type, ...] = (tcp.Server, tcp.Client)
else:
    _PLAIN = (tcp.Server, tcp.Client, unix.Server, unix.Client)

_log = Logger()


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
        if type(transport) in _PLAIN:
            self.session.write = self._write_now
        else:
            self.session.write = transport.write  # type: ignore[union-attr]
        transport.registerProducer(self, True)  # type: ignore[union-attr]

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

        Only for the plain transports, told by their exact type: TLS and wrappers forward unknown attributes, and the
        bytes would leave in the clear.
        """
        transport = self.transport
        if transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting:  # type: ignore[union-attr]
            transport.write(data)  # type: ignore[union-attr]
            return
        sent = transport.writeSomeData(data)  # type: ignore[union-attr]
        if type(sent) is not int:
            sent = 0  # the connection is lost: the reactor finds that out when it tries to write
        if sent < len(data):
            transport.write(data[sent:])  # type: ignore[union-attr]

    # What the conversation asks of the wire

    def hold(self) -> None:
        """
        See C{Link}.
        """
        self.transport.pauseProducing()  # type: ignore[union-attr]

    def release(self) -> None:
        """
        See C{Link}.
        """
        if not self._closing:
            self.transport.resumeProducing()  # type: ignore[union-attr]

    def rearm(self, deadline: float) -> None:
        """
        See C{Link}.
        """
        if self._closing:
            return
        delay = max(0.0, deadline - self._seconds())
        if self._alarm is None:
            self._alarm = self._clock.callLater(delay, self._ring)
        else:
            self._alarm.reset(delay)

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
        assert transport is not None
        # With a producer registered a transport waits for a peer that may never read.
        transport.unregisterProducer()
        if abort:
            transport.abortConnection()  # type: ignore[attr-defined]
            return
        self.session.paused = False
        self.session.flush()
        transport.loseConnection()
        self._abort = self._clock.callLater(self._close_timeout, self._give_up)

    def closing(self, reason: int, message: str) -> None:
        """
        The conversation is over from our side; for the log.
        """

    def _give_up(self) -> None:
        self._abort = None
        self.transport.abortConnection()  # type: ignore[union-attr]

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
