"""
Lines as they come in on standard input, without ever waiting for one, and no faster than they are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from txmqtt.cli.pub.payload import LONGEST


class Lines(Protocol):
    """
    Cuts what comes into lines. An empty line is none.

    @param line: called with each, without its end.
    @param ended: called when there are no more, with what went wrong or None.
    """

    def __init__(self, line: Callable[[bytes], None], ended: Callable[[str | None], None]) -> None:
        self._line = line
        self._ended = ended
        self._rest = bytearray()
        self._searched = 0
        self._over = False

    def dataReceived(self, data: bytes) -> None:
        """
        See C{IProtocol}.
        """
        if self._over:
            return
        self._rest += data
        start = 0
        while (end := self._rest.find(b"\n", max(start, self._searched))) >= 0:
            if end > start:
                self._line(bytes(self._rest[start:end]))
            start = end + 1
        del self._rest[:start]
        self._searched = len(self._rest)
        if len(self._rest) > LONGEST:
            self._finish(f"a line is longer than {LONGEST} bytes, which is the most that MQTT can carry")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{IProtocol}: the end of standard input.
        """
        if not self._over and self._rest:
            self._line(bytes(self._rest))
        self._finish(None)

    def _finish(self, wrong: str | None) -> None:
        if not self._over:
            self._over = True
            self._rest.clear()
            self._ended(wrong)


class Tap:
    """
    Lets standard input flow while little is on its way, and stops it while much is.

    @ivar count: how many messages are on their way.
    @ivar size: their bytes.
    """

    #: Above either it stops; at half of it it flows again.
    MESSAGES: Final = 1_000
    BYTES: Final = 256 * 1024

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self.transport: Any = None
        self._paused = False

    def sent(self, size: int) -> None:
        """
        One more is on its way.
        """
        self.count += 1
        self.size += size
        if not self._paused and (self.count >= self.MESSAGES or self.size >= self.BYTES):
            self._paused = True
            self._call("pauseProducing")

    def arrived(self, size: int) -> None:
        """
        One has arrived, or never will.
        """
        self.count -= 1
        self.size -= size
        if self._paused and self.count <= self.MESSAGES // 2 and self.size <= self.BYTES // 2:
            self._paused = False
            self._call("resumeProducing")

    def _call(self, verb: str) -> None:
        if self.transport is not None:
            getattr(self.transport, verb)()
