"""
A listener behind a proxy that speaks the PROXY protocol: clients are where the proxy says they are.

Twisted's own waits for the header as long as it takes, wants its first 16 bytes in one piece, keeps what it gets of a
header of up to 64 KiB, and makes the protocol before it knows whom for. Here a header has a bound in bytes and in
seconds, and the protocol is made when it is known where the client is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    ILoggingContext,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from txmqtt.net.descriptions import words
from txmqtt.net.lobby import Caller
from txmqtt.net.proxies import TrustedProxies
from txmqtt.net.proxy_header import Header, parse
from txmqtt.net.tls_endpoints import tls_endpoint

_log = Logger()

#: Seconds that a proxy may take to say for whom it calls; it does so with the first packet.
HEADER_TIMEOUT = 5.0

_PROXIES = "proxies="


class ClientTransport:
    """
    The transport of a connection by way of a proxy, seen by what speaks with the client: the client's own address, and
    the rest as it is.
    """

    def __init__(self, transport: Any, header: Header) -> None:
        directlyProvides(self, providedBy(transport))
        self._transport = transport
        self._header = header

    def getPeer(self) -> IAddress:
        """
        See C{ITransport}.
        """
        return self._header.source or self._transport.getPeer()

    def getHost(self) -> IAddress:
        """
        See C{ITransport}.
        """
        return self._header.destination or self._transport.getHost()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class ProxiedProtocol(Protocol):
    """
    Reads the header, then hands everything on.
    """

    transport: Any

    def __init__(self, factory: ProxiedFactory) -> None:
        self.factory: ProxiedFactory = factory
        self._alarm: IDelayedCall | None = None
        self._head = b""
        self._inner: IProtocol | None = None
        self._caller: Caller | None = None

    def connectionMade(self) -> None:
        """
        Wait for the header, but not for ever.
        """
        self.factory.nameless.add(self)
        self._caller = Caller(self.factory.inner, self.transport.getPeer(), self.transport.abortConnection)
        self._alarm = self.factory.clock.callLater(HEADER_TIMEOUT, self._late)

    def dataReceived(self, data: bytes) -> None:
        """
        See C{IProtocol}.
        """
        if self._inner is not None:
            self._inner.dataReceived(data)
        elif not self.transport.disconnecting:
            self._read(self._head + data)

    def _read(self, data: bytes) -> None:
        """
        What has come so far. It is short: what is kept of it is never longer than a header may be.
        """
        try:
            header = parse(data)
        except ValueError as error:
            self._refuse(str(error))
            return
        if header is None:
            self._head = data
            return
        self._head = b""
        self._named()
        peer = header.source or self.transport.getPeer()
        inner = self.factory.inner.buildProtocol(peer)
        if inner is None:
            self.transport.loseConnection()
            return
        self._inner = inner
        transport: Any = ClientTransport(self.transport, header)
        inner.makeConnection(transport)
        if len(data) > header.size:
            inner.dataReceived(data[header.size :])

    def _late(self) -> None:
        self._alarm = None
        self._refuse(f"did not say within {HEADER_TIMEOUT:g} s for whom it calls")

    def _refuse(self, why: str) -> None:
        self._named()
        _log.info("a connection from the proxy {proxy} was refused: it {why}", proxy=self.transport.getPeer(), why=why)
        self.transport.abortConnection()

    def _named(self) -> None:
        """
        It is settled whom this connection is for, or that it is for nobody.
        """
        self.factory.nameless.discard(self)
        caller, self._caller = self._caller, None
        if caller is not None:
            caller.over()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{IProtocol}.
        """
        self._named()
        if self._inner is not None:
            self._inner.connectionLost(reason)


class ProxiedFactory(Factory):
    """
    Makes the connections of a listener behind proxies.

    @ivar inner: makes what speaks with the clients.
    @ivar clock: for the time that a header may take.
    @ivar nameless: connections of which it is not known yet whom they are for.
    """

    noisy = False

    def __init__(self, inner: IProtocolFactory, clock: IReactorTime, proxies: TrustedProxies | None = None) -> None:
        """
        @param proxies: the machines that are believed; None: whoever can connect is.
        """
        self.inner = inner
        self.clock = clock
        self.nameless: set[ProxiedProtocol] = set()
        self._proxies = proxies

    def buildProtocol(self, addr: IAddress | None) -> ProxiedProtocol | None:  # type: ignore[override] # Twisted's is of any kind
        """
        See C{IProtocolFactory}. None, which closes the connection, for whoever is none of the proxies.
        """
        if self._proxies is not None and addr not in self._proxies:
            _log.info("a connection from {address} was refused: it is none of the proxies", address=addr)
            return None
        return ProxiedProtocol(self)

    def doStart(self) -> None:
        """
        See C{IProtocolFactory}.
        """
        super().doStart()  # type: ignore[no-untyped-call] # Twisted's
        self.inner.doStart()

    def doStop(self) -> None:
        """
        See C{IProtocolFactory}: nobody waits for those who have not said for whom they call.
        """
        for each in list(self.nameless):
            each.transport.abortConnection()
        self.inner.doStop()
        super().doStop()  # type: ignore[no-untyped-call] # likewise

    def logPrefix(self) -> str:
        """
        See C{ILoggingContext}.
        """
        inner = self.inner
        name = inner.logPrefix() if ILoggingContext.providedBy(inner) else type(inner).__name__
        return f"{name} (PROXY)"


@implementer(IStreamServerEndpoint)
class ProxiedServerEndpoint:
    """
    Any listener, behind proxies that speak the PROXY protocol.

    @ivar inner: the listener.
    """

    def __init__(
        self, inner: IStreamServerEndpoint, clock: IReactorTime, proxies: TrustedProxies | None = None
    ) -> None:
        self.inner = inner
        self._clock = clock
        self._proxies = proxies

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        See C{IStreamServerEndpoint}.
        """
        listening: Deferred[IListeningPort] = self.inner.listen(
            ProxiedFactory(protocolFactory, self._clock, self._proxies)
        )
        return listening


def haproxy_endpoint(
    reactor: Any, description: str, server: Callable[[Any, str], IStreamServerEndpoint] = serverFromString
) -> IStreamServerEndpoint:
    """
    The endpoint that a C{haproxy:} string describes::

        haproxy:tcp:1883
        haproxy:tls:8883:certificate=cert.pem
        haproxy:tcp:1883:proxies=10.0.0.0/8|192.168.1.7

    The header comes before TLS, as proxies send it that pass TLS on.

    @param server: makes the endpoints that are neither C{tls:} nor C{ssl:}.
    @raise ValueError: it describes none; says what was expected.
    """
    kind, *rest = words(description)
    if kind != "haproxy" or not rest:
        raise ValueError(f"{description!r}: expected haproxy: and another endpoint, such as haproxy:tcp:1883")
    listed = [word.removeprefix(_PROXIES) for word in rest if word.startswith(_PROXIES)]
    names = [name.replace("\\:", ":").strip() for each in listed for name in each.replace(",", "|").split("|")]
    proxies = TrustedProxies(names) if names else None
    inner = ":".join(word for word in rest if not word.startswith(_PROXIES))
    if rest[0] in ("tls", "ssl"):
        return tls_endpoint(
            reactor, inner, server, beneath=lambda plain: ProxiedServerEndpoint(plain, reactor, proxies)
        )
    if rest[0] in ("ws", "wss", "haproxy"):
        raise ValueError(f"{description!r}: expected a plain or TLS endpoint after haproxy:, as in ws:haproxy:tcp:8080")
    return ProxiedServerEndpoint(server(reactor, inner), reactor, proxies)
