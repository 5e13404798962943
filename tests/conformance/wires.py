"""
What a raw peer speaks over: to a broker or a client in memory, or to any broker through a socket.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any
from typing import Protocol as Shape

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from txmqtt.testing import MQTTWorld


class Wire(Shape):
    """
    @ivar over: the other side has closed, and nothing more will come.
    """

    over: bool

    def send(self, data: bytes) -> None:
        """
        Say bytes, in one write.
        """

    def receive(self, seconds: float) -> bytes:
        """
        Wait for more, no longer than so many seconds. Nothing: there was nothing.
        """

    def drop(self) -> None:
        """
        The connection breaks.
        """


class _Ear(Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True


class WorldWire:
    """
    A connection to the broker of a world.
    """

    def __init__(self, world: MQTTWorld, endpoint: IStreamClientEndpoint) -> None:
        self.over = False
        self._world = world
        self._ear: Any = world.run(endpoint.connect(Factory.forProtocol(_Ear)))

    def send(self, data: bytes) -> None:
        if self._ear.transport is not None and not self._ear.lost:
            self._ear.transport.write(data)
            self._world.flush()

    def receive(self, seconds: float) -> bytes:
        self._world.flush()
        heard: bytes = self._ear.heard
        self._ear.heard = b""
        self.over = self._ear.lost and not heard
        return heard

    def drop(self) -> None:
        if not self._ear.lost:
            self._ear.transport.abortConnection()
            self._world.flush()


class ClientWire:
    """
    A connection from a client.
    """

    def __init__(self, client: IProtocol, transport: StringTransport, clock: Clock) -> None:
        """
        @param client: which is connected to this transport.
        """
        self.over = False
        self.transport = transport
        self._client = client
        self._clock = clock
        self._lost = False

    def send(self, data: bytes) -> None:
        if not self._lost and not self.transport.disconnecting:
            self._client.dataReceived(data)
            self._clock.advance(0)

    def receive(self, seconds: float) -> bytes:
        self._clock.advance(0)
        heard: bytes = self.transport.value()
        self.transport.clear()
        if self.transport.disconnecting:
            self._lose(ConnectionDone())
        self.over = self._lost and not heard
        return heard

    def drop(self) -> None:
        self._lose(ConnectionLost())

    def _lose(self, why: Exception) -> None:
        if not self._lost:
            self._lost = True
            self._client.connectionLost(Failure(why))
            self._clock.advance(0)


class SocketWire:
    """
    A connection to any broker.
    """

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.over = False
        self._socket = socket.create_connection((host, port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        with suppress(OSError):  # it has closed, which the next read tells
            self._socket.sendall(data)

    def receive(self, seconds: float) -> bytes:
        if self.over:
            return b""
        self._socket.settimeout(seconds)
        try:
            heard = self._socket.recv(65_536)
        except TimeoutError:
            return b""
        except OSError:
            heard = b""
        self.over = not heard
        return heard

    def drop(self) -> None:
        self.over = True
        self._socket.close()
