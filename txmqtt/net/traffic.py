"""
When a client's connection is read, and when what it says is written.

What is asked from within a read leaves at its end, anything else at the end of the turn of the reactor: publishing many
messages in one turn makes one write. What is read is handed on at once, unless a buffer is full (C{Pressure}).
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from txmqtt.codec import reasons
from txmqtt.net.protocol import MQTTProtocol
from txmqtt.net.state import ClientState
from txmqtt.net.strangers import stranger
from txmqtt.net.thread_check import check_thread
from txmqtt.net.values import DONE, Acknowledgement
from txmqtt.session.client import ClientSession
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, OPEN


class Traffic(MQTTProtocol):
    """
    One connection to a server, as far as bytes go.

    @ivar state: the session.
    """

    session: ClientSession

    def __init__(self, state: ClientState, clock: IReactorTime, seconds: Callable[[], float] = monotonic) -> None:
        super().__init__(Turn(), clock, seconds, state.settings.close_timeout)
        self.state = state
        self._handlers = state.handlers
        self._pressure = state.handlers.pressure
        self._writable = state.writable
        self._unwritten: list[Deferred[Acknowledgement]] = []  # of QoS 0, until the turn ends or the server reads
        self._flushing: IDelayedCall | None = None
        self._inside = False
        self._met = False
        self.turn.now = seconds()
        self.turn.skew = clock.seconds() - self.turn.now

    # Speaking

    def _enter(self) -> None:
        """
        Something is asked: tell the time, and see to it that what it makes us say is written.
        """
        if not self._inside:
            self.turn.now = self._seconds()
            if self._flushing is None and self.session.phase != CLOSED:
                check_thread("a client")  # once a turn, because it is not for nothing
                self._flushing = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self.turn.now = self._seconds()
        if self._pressure.full or self._pressure.held:
            self._pressure.check()
        self.turn.flush()
        if self._unwritten and not self.session.paused:
            self._written()
        if self._writable.waiting:
            self._writable.tell(self.session)

    def _is_stranger(self, data: bytes) -> bool:
        """
        Judge by the first words of a server.
        """
        self._met = True
        words = stranger(data)
        if words:
            self.session.end(reasons.PROTOCOL_ERROR, words)
        return bool(words)

    def dataReceived(self, data: bytes) -> None:
        """
        See C{MQTTProtocol}.
        """
        self._inside = True
        try:
            if self._met or not self._is_stranger(data):
                self.session.feed(data, self._seconds())
        finally:
            self._inside = False
        if self._pressure.full or self._pressure.held:
            self._pressure.check()
        self.turn.flush()
        if self._unwritten and not self.session.paused:
            self._written()
        if self._writable.waiting:
            self._writable.tell(self.session)

    def _ring(self) -> None:
        super()._ring()
        if self._pressure.held:  # a ping may have become due
            self._pressure.check()
            self.turn.flush()

    # Reading

    @property
    def awaits(self) -> bool:
        """
        The server, or another client through it, has something to say that is waited for.
        """
        session = self.session
        if session.phase != OPEN or session.awaits:
            return True
        requests = self.state.requests
        return requests is not None and len(requests) > 0

    def stop_reading(self) -> None:
        """
        Take no more from the server.
        """
        self.session.reading = False
        self.hold()

    def read_on(self) -> None:
        """
        Take what there is, and what comes.
        """
        inside, self._inside = self._inside, True
        try:
            self.session.proceed()
        finally:
            self._inside = inside
        if not self._pressure.held:
            self.release()

    def resumeProducing(self) -> None:
        """
        See C{MQTTProtocol}: what waited for the server to read is with the transport now.
        """
        super().resumeProducing()
        self._written()
        self._writable.tell(self.session)

    def _written(self) -> None:
        """
        What waited for room is with the transport now.
        """
        unwritten, self._unwritten = self._unwritten, []
        for answer in unwritten:
            answer.callback(DONE)
