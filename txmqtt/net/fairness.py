"""
How much one turn of the reactor does for one listener or one connection before others have theirs.

Twisted accepts as many connections in one go as come, each some hundred microseconds of work, and reads 64 KiB at a
time, which may be a thousand messages. With that, whoever connects again and again or publishes without end makes
everybody else wait, the longer the more there is of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Port, Server
from twisted.protocols.policies import ProtocolWrapper

from txmqtt.net.direct import PLAIN

#: So many connections are accepted in one turn: two where there is little else to do, and more where turns are long, or
#: a busy broker would be slow to take back everybody after a restart.
_FEW: Final = 2
_MANY: Final = 20
#: For each of them the turn may take so long already, seconds: several times what accepting one takes.
_SHARE: Final = 0.0004

#: Acting on what came with one read should take about so long, seconds: a turn of the reactor costs a fifth of it.
_LONG: Final = 0.00025
_SHORT: Final = 0.00005
#: Bytes of one read; many only for those whose bytes make little work, as large packets do.
_LEAST: Final = 1024
_MOST: Final = 256 * 1024


class AcceptPace:
    """
    How many connections the listeners of one factory accept in one turn.
    """

    def __init__(self, clock: IReactorTime, seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._began = 0.0
        self._seen: list[Port] = []

    def accepted(self, transport: object) -> None:
        """
        A connection was made.
        """
        while isinstance(transport, ProtocolWrapper):  # TLS, a proxy's header
            transport = transport.transport
        port = getattr(transport, "server", None)
        if isinstance(port, Port) and port not in self._seen:
            self._seen.append(port)
            if len(self._seen) == 1:
                self._began = self._seconds()
                self._clock.callLater(0, self._over)

    def _over(self) -> None:
        # After each go a port takes what it accepted for what it is to accept next, and more if there was more.
        seen, self._seen = self._seen, []
        number = min(_MANY, max(_FEW, int((self._seconds() - self._began) / _SHARE)))
        for port in seen:
            port.numberAccepts = number


class Reader(Protocol):
    """
    Who has more to say than was read of it.

    @ivar transport: one that C{whole_read} knows the size for.
    """

    transport: Any

    def wait(self) -> None:
        """
        Read no more for now.
        """

    def go_on(self) -> None:
        """
        Read again.
        """


class ReadPace:
    """
    Of all that have more to say than was read of them, and make us work for it, one is read in each turn. So it does
    not matter to the others how many they are.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[Reader] = deque()

    def read(self, reader: Reader, took: float) -> int:
        """
        All was read that is read at a time, and acted on.

        @param took: how long that took, seconds.
        @return: how many bytes are read at a time from now on.
        """
        if took >= _SHORT:
            reader.wait()
            self._waiting.append(reader)
            if len(self._waiting) == 1:
                self._clock.callLater(0, self._next)
        return adapt(reader.transport, took)

    def _next(self) -> None:
        reader = self._waiting.popleft()
        if self._waiting:
            self._clock.callLater(0, self._next)
        reader.go_on()


def whole_read(transport: object) -> int:
    """
    How many bytes one read brings at most. Only plain connections read as much as they are told; what others bring is
    never taken for a whole read.
    """
    return transport.bufferSize if type(transport) in PLAIN and isinstance(transport, Server) else 1 << 30


def adapt(transport: Server, took: float) -> int:
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
