"""
An address where MQTT is spoken over WebSocket: C{ws:} in front of the string of any endpoint.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.net.handshake import Gate, ServerOpening, WebSocketSettings
from txmqtt.net.lobby import Caller
from txmqtt.net.options import IReloadable
from txmqtt.net.websocket import WebSocket


class ServerSocket(WebSocket):
    """
    The broker's side of one connection, counted as long as its handshake is not done.
    """

    def __init__(self, factory: WebSocketFactory, clock: IReactorTime, settings: WebSocketSettings) -> None:
        super().__init__(clock, settings, factory.opening, self._through)
        self._wrapped = factory.wrapped
        self._caller: Caller | None = None

    def connectionMade(self) -> None:
        """
        See C{IProtocol}.
        """
        super().connectionMade()
        self._caller = Caller(self._wrapped, self.transport.getPeer(), self.transport.abortConnection)

    def _through(self, peer: IAddress) -> IProtocol | None:
        self._not_waiting()
        return self._wrapped.buildProtocol(peer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{IProtocol}.
        """
        self._not_waiting()
        super().connectionLost(reason)

    def _not_waiting(self) -> None:
        caller, self._caller = self._caller, None
        if caller is not None:
            caller.over()


class WebSocketFactory(Factory):
    """
    Lets clients in by WebSocket, and hands them to the factory of the protocol above.

    @ivar wrapped: makes the protocol above, when a handshake is done.
    """

    noisy = False

    def __init__(
        self, wrapped: IProtocolFactory, clock: IReactorTime, settings: WebSocketSettings | None = None
    ) -> None:
        """
        @param clock: for the alarms of the connections.
        @raise ValueError: the settings mean nothing; says which.
        """
        self.wrapped = wrapped
        self._clock = clock
        self._settings = settings or WebSocketSettings()
        self._gate = Gate(self._settings)

    def opening(self, peer: IAddress) -> ServerOpening:
        """
        A handshake with this peer.
        """
        return ServerOpening(self._gate, peer)

    def buildProtocol(self, addr: IAddress | None) -> WebSocket:
        """
        See C{IProtocolFactory}.
        """
        return ServerSocket(self, self._clock, self._settings)

    def doStart(self) -> None:
        """
        See C{IProtocolFactory}.
        """
        self.wrapped.doStart()

    def doStop(self) -> None:
        """
        See C{IProtocolFactory}.
        """
        self.wrapped.doStop()


@implementer(IStreamServerEndpoint, IReloadable)
class WebSocketEndpoint:
    """
    Listens where another endpoint does.

    @ivar inner: that endpoint.
    @ivar settings: what it allows.
    """

    def __init__(self, reactor: Any, inner: IStreamServerEndpoint, settings: WebSocketSettings) -> None:
        """
        @raise ValueError: the settings mean nothing; says which.
        """
        Gate(settings)  # now, not when somebody listens
        self.inner = inner
        self.settings = settings
        self._reactor = reactor

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        See C{IStreamServerEndpoint}.
        """
        listening: Deferred[IListeningPort] = self.inner.listen(
            WebSocketFactory(protocolFactory, self._reactor, self.settings)
        )
        return listening

    def changed(self) -> bool:
        """
        See C{IReloadable}.
        """
        return IReloadable.providedBy(self.inner) and IReloadable(self.inner).changed()

    def reload(self) -> None:
        """
        See C{IReloadable}: what is below may have certificates.
        """
        if IReloadable.providedBy(self.inner):
            IReloadable(self.inner).reload()
