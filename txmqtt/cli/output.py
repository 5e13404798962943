"""
Standard output, for a command that prints as things happen: what is said in one turn of the reactor is written at its
end, and whoever reads it may have had enough.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from twisted.internet.interfaces import IReactorTime


class Output:
    """
    What a command prints.

    @param closed: called once, when nobody reads it any more.
    """

    def __init__(self, clock: IReactorTime, closed: Callable[[], None], stream: BinaryIO | None = None) -> None:
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
        except BrokenPipeError:
            self.broken = True
            hush()
            self._closed()


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
