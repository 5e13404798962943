"""
TLS to a server, over whatever connects with it: a connection is one only when the server has proven who it is.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.codec.errors import TLSFailure
from txmqtt.net.client_contexts import ServerConnection
from txmqtt.net.stages import Stage, dial
from txmqtt.net.tls_failures import understood
from txmqtt.net.tls_protocol import TLSFactory


@implementer(IHandshakeListener)
class TLSStage(Stage):
    """
    Waits until TLS has come about.
    """

    undone = "the handshake of TLS was not over"

    def handshakeCompleted(self) -> None:
        """
        See C{IHandshakeListener}. Nothing of ours has left yet, our certificate neither.
        """
        if self.over:
            return
        connection = self._connection()
        problem = connection.unproven() if isinstance(connection, ServerConnection) else None
        if problem is not None:
            self.give_up(problem)
        else:
            self.hand_over(b"")

    def _connection(self) -> object:
        return cast(Any, self.transport).getHandle()

    def why(self, reason: Failure) -> Failure:
        """
        See C{Stage}: also later, since in TLS 1.3 a server may refuse us when all is done on our side.
        """
        connection = self._connection()
        name = ""
        if isinstance(connection, ServerConnection):
            if connection.failure is not None:
                return Failure(connection.failure)
            name = connection.name
        error = understood(reason, name)
        if error is None and self._above is None and reason.check(ConnectionDone, ConnectionLost):
            error = TLSFailure(
                "the server hung up during the handshake of TLS: perhaps it does not speak TLS there "
                f"({reason.getErrorMessage()})",
                "plain",
            )
        return Failure(error) if error is not None else reason


@implementer(IStreamClientEndpoint)
class TLSClientEndpoint:
    """
    Connects where another endpoint does, and speaks TLS there.
    """

    def __init__(self, reactor: Any, inner: IStreamClientEndpoint, creator: IOpenSSLClientConnectionCreator) -> None:
        """
        @param reactor: for the alarms of the connections.
        @param inner: where the server is.
        @param creator: makes our side of TLS: C{ClientContexts}, or what C{optionsForClientTLS} returns.
        """
        self._reactor = reactor
        self._inner = inner
        self._creator = creator

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        See C{IStreamClientEndpoint}. Fails with C{TLSFailure} when TLS does not come about.
        """
        return dial(self._encrypted, protocolFactory, lambda waiting: TLSStage(protocolFactory, waiting))

    def _encrypted(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = self._inner.connect(TLSFactory(self._creator, True, factory, self._reactor))
        return connecting
