"""
A transport in memory: bytes under way, read by the other end when the clock gets to it, as a reactor would read them.

It keeps the habits of Twisted's TCP transports: nothing is lost or read before the next turn, C{loseConnection} waits
for a producer and until the system would have taken what was written, a producer is paused when 64 KiB wait, and an
exception in C{dataReceived} ends the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IDelayedCall,
    IHalfCloseableProtocol,
    IProducer,
    IProtocol,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.testing.record import Record

_log = Logger()

#: Bytes that are read at a time, and that may wait before a producer is paused.
_READ = 65_536
#: So many bytes a system takes at least: whoever wrote no more may close and need not stay to see them arrive.
_TAKEN = 65_536
#: On a slow wire, seconds between two reads, if a byte takes no longer.
_PACE = 0.1


@implementer(ITCPTransport, IConsumer, IPushProducer)
class MemoryTransport:
    """
    One end of a connection.

    @ivar protocol: who speaks here; None until the connection is made.
    @ivar other: the other end.
    @ivar waiting: what was written here and is under way.
    @ivar record: all that was written here.
    @ivar stalled: nothing that is written here arrives.
    @ivar rate: so much of it arrives, bytes a second; 0 for all at once.
    @ivar connected: it is neither lost nor closed.
    @ivar disconnecting: it is to be closed.
    """

    other: MemoryTransport

    def __init__(
        self, clock: IReactorTime, host: IAddress, record: Record, lost: Callable[[Failure], object] | None
    ) -> None:
        """
        @param host: where this end is.
        @param lost: called after the protocol was told that the connection is over.
        """
        self.protocol: IProtocol | None = None
        self.waiting = bytearray()
        self.record = record
        self.stalled = False
        self.rate = 0.0
        self.connected = True
        self.disconnected = False
        self.disconnecting = False
        self.producer: IProducer | None = None
        self.streaming = False
        self._clock = clock
        self._host = host
        self._tell = lost
        self._reads = True
        self._held = False
        self._last_words: Failure | None = None  # what the other end hears after all that was written
        self._half = False
        self._moving: IDelayedCall | None = None
        self._ending: IDelayedCall | None = None
        self._no_delay = self._keep_alive = False

    def begin(self, protocol: IProtocol) -> None:
        """
        The connection is made.
        """
        self.protocol = protocol
        protocol.makeConnection(self)

    # What a protocol asks

    def write(self, data: bytes) -> None:
        """
        See C{ITransport}.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data is {type(data).__name__}; expected bytes")
        if not data or not self.connected or self._half:
            return
        self.waiting += data
        self.record.add(data)
        self._move_on()
        if len(self.waiting) > _READ and self.streaming and self.producer is not None and not self._held:
            self._held = True
            self.producer.pauseProducing()  # type: ignore[attr-defined] # a streaming one can

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """
        See C{ITransport}.
        """
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """
        See C{ITransport}.
        """
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._read_no_more()
            self._ending = self._clock.callLater(0, self._close)

    def abortConnection(self) -> None:
        """
        See C{ITCPTransport}.
        """
        if self.connected:
            self._drop()
            self._end_soon(Failure(ConnectionAborted()))

    def loseWriteConnection(self) -> None:
        """
        See C{ITCPTransport}: the other end hears that there is no more, and may go on talking.
        """
        if self.connected and not self._half:
            self._half = True
            self._last_words = Failure(ConnectionDone())
            self._move_on()

    def pauseProducing(self) -> None:
        """
        See C{IPushProducer}: read no more.
        """
        self._read_no_more()

    def resumeProducing(self) -> None:
        """
        See C{IPushProducer}: read again.
        """
        if self.connected and not self.disconnecting:
            self._reads = True
            self.other.look_again()

    def stopProducing(self) -> None:
        """
        See C{IProducer}.
        """
        self.loseConnection()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        See C{IConsumer}.
        """
        if self.producer is not None:
            raise RuntimeError(f"{producer!r} can't be registered: {self.producer!r} was never unregistered")
        if not self.connected:
            producer.stopProducing()
            return
        self.producer, self.streaming = producer, streaming
        if not streaming:
            producer.resumeProducing()  # type: ignore[attr-defined] # one that is pulled can

    def unregisterProducer(self) -> None:
        """
        See C{IConsumer}.
        """
        self.producer = None
        self._held = False
        if self.connected and self.disconnecting and self._ending is None:
            self._ending = self._clock.callLater(0, self._close)

    def getHost(self) -> IAddress:  # type: ignore[override] # a UNIX socket is one too
        """
        See C{ITransport}.
        """
        return self._host

    def getPeer(self) -> IAddress:  # type: ignore[override]
        """
        See C{ITransport}.
        """
        return self.other.getHost()

    def getTcpNoDelay(self) -> bool:
        """
        See C{ITCPTransport}.
        """
        return self._no_delay

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        See C{ITCPTransport}.
        """
        self._no_delay = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        """
        See C{ITCPTransport}.
        """
        return self._keep_alive

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """
        See C{ITCPTransport}.
        """
        self._keep_alive = bool(enabled)

    # Bytes on their way

    def look_again(self) -> None:
        """
        Whether bytes can move, and how fast, has changed.
        """
        if self._moving is not None:
            self._moving.cancel()
            self._moving = None
        self._move_on()

    def _move_on(self) -> None:
        other = self.other
        if self._moving is not None or self.stalled:
            return
        if other.disconnecting and self._last_words is not None:
            self.waiting.clear()  # it does not read, and nobody reads what it has still to say
        elif not other.reads:
            return
        if self.waiting:
            size, delay = _READ, 0.0
            if self.rate:
                size = min(len(self.waiting), max(1, int(self.rate * _PACE)), _READ)
                delay = size / self.rate
            self._moving = self._clock.callLater(delay, self._move, size)
        elif self._last_words is not None:
            self._moving = self._clock.callLater(0, self._finish)

    def _read_no_more(self) -> None:
        self._reads = False
        self.other.look_again()

    @property
    def reads(self) -> bool:
        """
        Whether what arrives here is read.
        """
        return self.connected and self._reads

    def _move(self, size: int) -> None:
        self._moving = None
        data = bytes(self.waiting[:size])
        del self.waiting[:size]
        self.other.arrived(data)
        if self.connected:
            self._drained()
        self._move_on()

    def arrived(self, data: bytes) -> None:
        """
        This end reads something.
        """
        assert self.protocol is not None
        try:
            self.protocol.dataReceived(data)
        except Exception:
            failure = Failure()
            _log.failure("the connection ends, because what was read could not be dealt with", failure=failure)
            self.end(failure)

    def _drained(self) -> None:
        producer = self.producer
        if producer is None:
            if self.disconnecting and self._ending is None:
                self._close()
        elif not self.waiting and (self._held or not self.streaming):
            self._held = False
            producer.resumeProducing()  # type: ignore[attr-defined]

    def _finish(self) -> None:
        """
        The other end hears that this one has no more to say.
        """
        self._moving = None
        other, why, self._last_words = self.other, self._last_words, None
        assert why is not None
        if not self._half:
            other.end(why)
            return
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.writeConnectionLost()
        if IHalfCloseableProtocol.providedBy(other.protocol):
            other.protocol.readConnectionLost()
        else:
            other.end(why)

    # The end

    def _close(self) -> None:
        self._ending = None
        if len(self.waiting) <= _TAKEN and self.producer is None:
            self.end(Failure(ConnectionDone()))

    def _drop(self) -> None:
        """
        What is under way is gone, and nothing more is read.
        """
        self.waiting.clear()
        self._last_words = None
        self.look_again()
        self._read_no_more()

    def _end_soon(self, why: Failure) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self._clock.callLater(0, self.end, why)

    def end(self, why: Failure) -> None:
        """
        It is over at this end, and the other hears of it as soon as it hears anything.
        """
        if not self.connected:
            return
        self.connected = self.disconnecting = False
        self.disconnected = True
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        self._ending = None
        polite = why.check(ConnectionDone) is not None
        if not polite or not self.other.connected:
            self.waiting.clear()
        if self.other.connected:
            self._half = False
            self._last_words = Failure(ConnectionDone() if polite else ConnectionLost())
        else:
            self._last_words = None
        self.look_again()
        self.other.unheard()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        if self.protocol is not None:
            self.protocol.connectionLost(why)
        if self._tell is not None:
            self._tell(why)

    def unheard(self) -> None:
        """
        Nobody listens any more to what is written here.
        """
        self._last_words = None
        self.look_again()

    def cut(self) -> None:
        """
        It is lost, at this end, in the next turn.
        """
        if self.connected:
            self._drop()
            self._end_soon(Failure(ConnectionLost()))
