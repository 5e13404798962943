"""
TLS for any listener: certificates chosen by the name that a client asks for, client certificates checked, and all of it
read again while clients stay connected.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorTime, IStreamServerEndpoint
from zope.interface import implementer

from txmqtt.net.options import IReloadable
from txmqtt.net.tls_contexts import Contexts
from txmqtt.net.tls_protocol import TLSFactory
from txmqtt.net.tls_settings import TLSSettings

__all__ = ["Contexts", "TLSServerEndpoint", "TLSSettings"]


@implementer(IStreamServerEndpoint, IReloadable)
class TLSServerEndpoint:
    """
    Any listener, behind TLS.

    @ivar settings: what TLS is made from.
    @ivar inner: where the encrypted bytes come in.
    """

    def __init__(self, inner: IStreamServerEndpoint, settings: TLSSettings, clock: IReactorTime | None = None) -> None:
        """
        @param clock: the global reactor, unless you have another.
        @raise ValueError: see L{Contexts}.
        """
        self.settings = settings
        self.inner = inner
        self._contexts = Contexts(settings)
        self._clock = clock

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        See C{IStreamServerEndpoint}.
        """
        listening: Deferred[IListeningPort] = self.inner.listen(
            TLSFactory(self._contexts, False, protocolFactory, self._clock)
        )
        return listening

    def changed(self) -> bool:
        """
        See L{Contexts.changed}.
        """
        return self._contexts.changed()

    def reload(self) -> None:
        """
        See C{IReloadable}.
        """
        self._contexts.reload()
