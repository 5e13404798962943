"""
Who listens and who is connected, in memory; and whether anybody gets through at the moment.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import (
    CannotListenError,
    ConnectionRefusedError,
    NotConnectingError,
    TimeoutError,
    UserError,
)
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall, IListeningPort
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.testing.connection import Connection

#: Where whoever does not say otherwise comes from.
HERE = "127.0.0.1"
#: The first port number that a client gets, or somebody who listens and wants any.
_FIRST = 50_000
#: So many connections are remembered.
_REMEMBERED = 10_000

#: What is listened on: the number of a TCP port, or the path of a UNIX socket.
Door = int | str


class MemoryNetwork:
    """
    @ivar connections: the latest that were made, those that are over included, the oldest first.
    @ivar refusing: nobody gets through, and is told so at once.
    @ivar silent: nobody gets through, nor is told: attempts end when their time is over.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.connections: deque[Connection] = deque(maxlen=_REMEMBERED)
        self.refusing = False
        self.silent = False
        self._ports: dict[Door, MemoryPort] = {}
        self._next = _FIRST

    def listen(self, door: Door, factory: Any) -> IListeningPort:
        """
        Let clients in there.

        @raise CannotListenError: somebody does already.
        """
        port = MemoryPort(self, door or self._number(), factory)
        port.startListening()
        return port

    def connect(self, door: Door, factory: Any, timeout: float | None, source: str) -> IConnector:
        """
        Try to get in there.

        @param timeout: seconds.
        @param source: the address that it seems to come from.
        """
        connector = MemoryConnector(self, door, factory, timeout, source or HERE)
        connector.connect()
        return connector

    def listener(self, door: Door) -> MemoryPort | None:
        """
        Who listens there.
        """
        return self._ports.get(door)

    def opened(self, port: MemoryPort) -> None:
        """
        A listener begins.
        """
        if port.door in self._ports:
            raise CannotListenError(HERE, port.door, OSError("somebody listens there already"))
        self._ports[port.door] = port
        port.factory.doStart()

    def closed(self, port: MemoryPort) -> None:
        """
        A listener ends.
        """
        if self._ports.get(port.door) is port:
            del self._ports[port.door]
            port.factory.doStop()

    def address(self, door: Door, host: str = HERE) -> IAddress:
        """
        A listener's address.
        """
        if isinstance(door, str):
            return UNIXAddress(door)
        return IPv6Address("TCP", host, door) if ":" in host else IPv4Address("TCP", host, door)

    def client_address(self, door: Door, source: str) -> IAddress:
        """
        An address for the next client.
        """
        return UNIXAddress(None) if isinstance(door, str) else self.address(self._number(), source)

    def _number(self) -> int:
        self._next += 1
        return self._next - 1


@implementer(IListeningPort)
class MemoryPort:
    """
    One that listens.
    """

    def __init__(self, network: MemoryNetwork, door: Door, factory: Any) -> None:
        self.door = door
        self.factory = factory
        self._network = network

    def startListening(self) -> None:
        """
        See C{IListeningPort}.
        """
        self._network.opened(self)

    def stopListening(self) -> Deferred[None]:
        """
        See C{IListeningPort}.
        """
        self._network.closed(self)
        return succeed(None)

    def getHost(self) -> IAddress:
        """
        See C{IListeningPort}.
        """
        return self._network.address(self.door)


@implementer(IConnector)
class MemoryConnector:
    """
    One that wants to get in, and has got in.
    """

    def __init__(self, network: MemoryNetwork, door: Door, factory: Any, timeout: float | None, source: str) -> None:
        self._network = network
        self._door = door
        self._factory = factory
        self._timeout = timeout
        self._source = source
        self._trying = False
        self._attempt: IDelayedCall | None = None
        self._connection: Connection | None = None

    def connect(self) -> None:
        """
        See C{IConnector}.
        """
        if self._trying or self._connection is not None:
            raise RuntimeError("it is connected, or tries to")
        self._trying = True
        self._factory.doStart()
        self._attempt = self._network.clock.callLater(0, self._arrive)
        self._factory.startedConnecting(self)

    def _arrive(self) -> None:
        network = self._network
        self._attempt = None
        if network.silent:
            if self._timeout is not None:
                self._attempt = network.clock.callLater(self._timeout, self._fail, TimeoutError())
            return
        port = network.listener(self._door)
        if network.refusing or port is None:
            self._fail(ConnectionRefusedError())
            return
        self._trying = False
        here, there = network.client_address(self._door, self._source), port.getHost()
        server = port.factory.buildProtocol(here)
        client = self._factory.buildProtocol(there)
        connection = self._connection = Connection(network.clock, here, there, self._lost)
        network.connections.append(connection)
        connection.begin(client, server)

    def _fail(self, error: Exception) -> None:
        self._attempt = None
        self._trying = False
        self._factory.clientConnectionFailed(self, Failure(error))
        self._factory.doStop()

    def _lost(self, reason: Failure) -> None:
        self._connection = None
        self._factory.clientConnectionLost(self, reason)
        self._factory.doStop()

    def stopConnecting(self) -> None:
        """
        See C{IConnector}.
        """
        if not self._trying:
            raise NotConnectingError("it does not try to connect")
        if self._attempt is not None:
            self._attempt.cancel()
        self._fail(UserError())

    def disconnect(self) -> None:
        """
        See C{IConnector}.
        """
        if self._connection is not None:
            self._connection.client.loseConnection()
        elif self._trying:
            self.stopConnecting()

    def getDestination(self) -> IAddress:
        """
        See C{IConnector}.
        """
        return self._network.address(self._door)
