"""
Standard output, for a command that prints as things happen: what is said in one turn of the reactor is written at its
end, and whoever reads it may have had enough.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from twisted.internet.interfaces import IReactorTime, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer


class Output:
    """
    What a command prints.

    @param closed: called once, when no more can be written: with None when nobody reads it any more, else with why.
    """

    def __init__(
        self, clock: IReactorTime, closed: Callable[[OSError | None], None], stream: BinaryIO | None = None
    ) -> None:
        self._stream = sys.stdout.buffer if stream is None else stream
        self._clock = clock
        self._closed = closed
        self._waiting: list[bytes] = []
        self.broken = False

    def write(self, data: bytes) -> None:
        """
        Print it, at the end of this turn.
        """
        if self.broken:
            return
        if not self._waiting:
            self._clock.callLater(0, self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        """
        Print it now.
        """
        waiting, self._waiting = self._waiting, []
        if self.broken or not waiting:
            return
        try:
            self._stream.write(b"".join(waiting))
            self._stream.flush()
        except OSError as error:
            self._end(None if isinstance(error, BrokenPipeError) else error)

    def watch(self, reactor: Any) -> None:
        """
        Notice that nobody reads any more also while there is nothing to say: whoever waits for one message and has it
        (C{| head -1}) is not kept waiting for a second.
        """
        try:
            number = self._stream.fileno()
            pipe = stat.S_ISFIFO(os.fstat(number).st_mode)
        except (OSError, ValueError):  # it is no file
            return
        if pipe:
            reactor.addReader(_Reader(number, lambda: self._end(None)))

    def _end(self, why: OSError | None) -> None:
        if not self.broken:
            self.broken = True
            hush()
            self._closed(why)


@implementer(IReadDescriptor)
class _Reader:
    """
    Our end of a pipe, which can't be read; but the system tells when the other end is closed.
    """

    def __init__(self, number: int, gone: Callable[[], None]) -> None:
        self._number = number
        self._gone = gone

    def fileno(self) -> int:
        """
        See C{IFileDescriptor}.
        """
        return self._number

    def logPrefix(self) -> str:
        """
        See C{ILoggingContext}.
        """
        return "standard output"

    def doRead(self) -> None:
        """
        See C{IReadDescriptor}.
        """

    def connectionLost(self, reason: Failure) -> None:
        """
        See C{IFileDescriptor}.
        """
        self._gone()


def hush() -> None:
    """
    Nobody reads standard output: Python shall not say so when it flushes it at the end.
    """
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # it is no file
        return
