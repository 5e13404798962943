"""
How far it is: on a terminal, and only when it takes long.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from typing import TextIO

_LONG = 1.0  # seconds until there is anything to say
_OFTEN = 0.2  # and from then on


class Progress:
    """
    One line that is written over and over, and is gone at the end.
    """

    def __init__(self, stream: TextIO | None = None, seconds: Callable[[], float] = monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._seconds = seconds
        self._shows = self._stream.isatty()
        self._next = seconds() + _LONG
        self._width = 0

    def tell(self, how_far: str) -> None:
        """
        So far it is.
        """
        if self._shows and self._seconds() >= self._next:
            self._next = self._seconds() + _OFTEN
            self._write(how_far)

    def end(self) -> None:
        """
        It is done.
        """
        if self._width:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()

    def _write(self, words: str) -> None:
        self._stream.write(f"\r{words:<{self._width}}")
        self._stream.flush()
        self._width = len(words)
