"""
An address where MQTT is spoken over WebSocket: C{ws:} in front of the string of any endpoint.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from zope.interface import implementer

from txmqtt.net.handshake import Gate, ServerOpening, WebSocketSettings
from txmqtt.net.options import IReloadable
from txmqtt.net.websocket import WebSocket


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

    def _opening(self, peer: IAddress) -> ServerOpening:
        return ServerOpening(self._gate, peer)

    def buildProtocol(self, addr: IAddress | None) -> WebSocket:
        """
        See C{IProtocolFactory}.
        """
        return WebSocket(self._clock, self._settings, self._opening, self.wrapped.buildProtocol)

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
