"""
How much one turn of the reactor does for one listener or one connection before others have theirs.

Twisted accepts as many connections in one go as come, each some hundred microseconds of work, and reads 64 KiB at a
time, which may be a thousand messages. With that, whoever connects again and again or publishes without end makes
everybody else wait, the longer the more there is of it.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Port, Server

#: So many connections are accepted in one turn. Fewer would make a busy broker slow to take back everybody after a
#: restart.
_ACCEPTED: Final = 5

#: Acting on what came with one read should take about so long, seconds: a turn of the reactor costs a tenth of it.
_LONG: Final = 0.0005
_SHORT: Final = 0.0001
#: Bytes of one read.
_LEAST: Final = 2 * 1024
_MOST: Final = 64 * 1024


class AcceptPace:
    """
    How many connections the listeners of one factory accept in one turn.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._seen: list[Port] = []

    def accepted(self, transport: object) -> None:
        """
        A connection was made.
        """
        port = getattr(transport, "server", None)
        if isinstance(port, Port) and port not in self._seen:
            self._seen.append(port)
            if len(self._seen) == 1:
                self._clock.callLater(0, self._over)

    def _over(self) -> None:
        # After each go a port takes what it accepted for what it is to accept next, and more if there was more.
        seen, self._seen = self._seen, []
        for port in seen:
            port.numberAccepts = _ACCEPTED


def pace_reads(transport: Server, took: float) -> int:
    """
    Read less at a time from who takes long, and more again from who does not.

    @param took: how long it took to act on what one whole read brought, seconds.
    @return: how many bytes are read at a time from now on.
    """
    size = transport.bufferSize
    if took > _LONG:
        size = max(_LEAST, size // 2)
    elif took < _SHORT:
        size = min(_MOST, size * 2)
    transport.bufferSize = size
    return size
