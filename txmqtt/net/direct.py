"""
What we use of a transport, and the shortest way into it: to the socket at once where nothing waits before.

It saves two changes of the poll set and a turn of the reactor for each write.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from socket import socket as Socket

from twisted.internet import tcp
from twisted.internet.interfaces import IAddress

#: Twisted's own connections, with nothing between them and the socket.
PLAIN: tuple[type, ...]
try:
    from twisted.internet import unix
except ImportError:  # no UNIX sockets on this platform
    PLAIN = (tcp.Server, tcp.Client)
else:
    PLAIN = (tcp.Server, tcp.Client, unix.Server, unix.Client)


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
    disconnected: bool
    dataBuffer: bytes
    socket: Socket
    _tempDataBuffer: list[bytes]


def writer(transport: Transport) -> Callable[[bytes], None]:
    """
    How to write to this transport.

    Directly only to the plain transports, told by their exact type: TLS and wrappers forward unknown attributes, and
    the bytes would leave in the clear.
    """
    if type(transport) in PLAIN:
        return _DirectWriter(transport).write  # type: ignore[arg-type] # its type was looked at
    return transport.write


class _DirectWriter:
    """
    Gives bytes to the socket of a plain transport, and leaves only the rest to the transport.
    """

    __slots__ = ("_send", "_transport")

    def __init__(self, transport: PlainTransport) -> None:
        self._transport = transport
        self._send = transport.socket.send

    def write(self, data: bytes) -> None:
        """
        See C{ITransport}. Only while C{startTLS} was not called on it.
        """
        transport = self._transport
        if (
            transport.dataBuffer
            or transport._tempDataBuffer
            or transport.disconnecting
            or transport.TLS
            or transport.disconnected  # it has no socket any more; TLS has last words all the same
        ):
            transport.write(data)
            return
        try:
            sent = self._send(data)
        except OSError:  # the peer reads too slowly, or is gone: the reactor finds that out when it tries to write
            sent = 0
        if sent < len(data):
            transport.write(data[sent:])
