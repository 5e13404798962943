"""
Endpoints that connect in memory, and what is connected with them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.net.support import Wire


@implementer(IStreamClientEndpoint)
class Dialled:
    """
    An endpoint that connects when the test says so.

    @ivar wire: the transport of its connection.
    @ivar protocol: what is connected.
    @ivar cancelled: nobody waits for it any more.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self.answer: Deferred[IProtocol] = Deferred(self._cancel)
        self.wire = Wire()
        self.factory: Any = None
        self.protocol: Any = None

    def _cancel(self, answer: object) -> None:
        self.cancelled = True

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        See C{IStreamClientEndpoint}.
        """
        self.factory = protocolFactory
        return self.answer

    def succeed(self) -> Any:
        """
        The connection is there.
        """
        self.factory.doStart()
        self.protocol = self.factory.buildProtocol(None)
        self.protocol.makeConnection(self.wire)
        self.answer.callback(self.protocol)
        return self.protocol

    def lose(self, error: Exception | None = None) -> None:
        """
        The connection is gone.
        """
        self.protocol.connectionLost(Failure(error) if error else connectionDone)
        self.factory.doStop()

    def said(self) -> bytes:
        """
        What was written since this was last asked.
        """
        data = bytes(self.wire.value())
        self.wire.clear()
        return data


class Hearing(Protocol):
    """
    Writes down what it hears.
    """

    def __init__(self) -> None:
        self.heard: list[bytes | str] = []
        self.reason: Failure | None = None

    def connectionMade(self) -> None:
        self.heard.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.heard.append("lost")
        self.reason = reason


class Hearers(Factory):
    """
    Makes them.

    @ivar running: how many connections there are.
    """

    noisy = False
    protocol = Hearing
    running = 0

    def doStart(self) -> None:
        self.running += 1

    def doStop(self) -> None:
        self.running -= 1
