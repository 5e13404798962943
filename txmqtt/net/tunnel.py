"""
Through a proxy: SOCKS5, or CONNECT of HTTP. The proxy resolves the server's name, and knows nothing of what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Protocol as Shape

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.codec.errors import ProxyFailure
from txmqtt.net.http_connect import HTTPConnect
from txmqtt.net.socks import Socks5
from txmqtt.net.stages import Stage, dial
from txmqtt.net.urls import URL, Complaint, place, read_url

_EXPECTED = "socks5://user:password@host:port or http://user:password@host:port"

#: How a host and a port are connected with.
Reach = Callable[[str, int], IStreamClientEndpoint]


class Handshake(Shape):
    """
    What is said to a proxy.

    @ivar begin: what is said first.
    @ivar rest: what was heard since it ended well; None until then.
    """

    begin: bytes
    rest: bytes | None

    def feed(self, data: bytes) -> bytes: ...


class Tunnel(Stage):
    """
    Has a proxy connect us.
    """

    def __init__(
        self, factory: IProtocolFactory, waiting: Deferred[IProtocol], handshake: Handshake, proxy: str
    ) -> None:
        """
        @param proxy: where it is, for messages.
        """
        super().__init__(factory, waiting)
        self._handshake = handshake
        self._proxy = proxy
        self.undone = f"the proxy {proxy} had not connected us"

    def connectionMade(self) -> None:
        """
        Say what we want.
        """
        self.transport.write(self._handshake.begin)

    def dataReceived(self, data: bytes) -> None:
        """
        See C{IProtocol}.
        """
        if self.over:
            return
        handshake = self._handshake
        try:
            answer = handshake.feed(data)
        except ProxyFailure as error:
            self.give_up(ProxyFailure(f"the proxy {self._proxy} {error}"))
            return
        if answer:
            self.transport.write(answer)
        if handshake.rest is not None:
            self.hand_over(handshake.rest)

    def why(self, reason: Failure) -> Failure:
        """
        See C{Stage}.
        """
        if self._above is not None:
            return reason
        return Failure(
            ProxyFailure(f"the proxy {self._proxy} hung up before it had connected us: {reason.getErrorMessage()}")
        )


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """
    Connects where a proxy can.
    """

    def __init__(self, inner: IStreamClientEndpoint, handshake: Callable[[], Handshake], proxy: str) -> None:
        """
        @param inner: where the proxy is.
        @param handshake: what it is told, anew for each connection.
        @param proxy: where it is, for messages.
        """
        self._inner = inner
        self._handshake = handshake
        self._proxy = proxy

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        See C{IStreamClientEndpoint}. Fails with C{ProxyFailure}.
        """
        return dial(
            self._to_proxy,
            protocolFactory,
            lambda waiting: Tunnel(protocolFactory, waiting, self._handshake(), self._proxy),
        )

    def _to_proxy(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = self._inner.connect(factory)
        return connecting.addErrback(self._not_reached)

    def _not_reached(self, why: Failure) -> Failure:
        if why.check(ConnectError, DNSLookupError) is None:
            return why
        return Failure(ProxyFailure(f"the proxy {self._proxy} was not reached: {why.getErrorMessage()}"))


def _socks(url: URL, host: str, port: int) -> Handshake:
    return Socks5(host, port, url.username, url.password)


def _http(url: URL, host: str, port: int) -> Handshake:
    return HTTPConnect(host, port, url.username, url.password)


#: What speaks to a proxy, and its usual port.
_KINDS: dict[str, tuple[Callable[[URL, str, int], Handshake], int]] = {
    "socks5": (_socks, 1080),
    "socks5h": (_socks, 1080),
    "http": (_http, 80),
}


def through(reactor: Any, proxy: object) -> Reach:
    """
    How to connect through a proxy, or, where there is none, directly.

    @param proxy: its URL, or None.
    @raise TypeError: it is none of these.
    @raise ValueError: the URL means nothing; says why, without its user and password.
    """
    if proxy is None:
        return lambda host, port: HostnameEndpoint(reactor, host, port)
    if not isinstance(proxy, str):
        raise TypeError(f"proxy is {type(proxy).__name__}; expected a URL or None")
    complaint = Complaint("cannot use the proxy", _EXPECTED)
    url = read_url(proxy, complaint)
    if url.scheme not in _KINDS:
        raise complaint(url.scheme)
    if not url.host:
        raise complaint(url.scheme, "without a host")
    if url.path not in ("", "/") or url.query:
        raise complaint(url.scheme, "a path or a query means nothing there")
    speak, usual = _KINDS[url.scheme]
    at = place(url.host, url.port or usual)
    try:
        speak(url, "localhost", 1883)
    except ValueError as error:
        raise complaint(url.scheme, str(error)) from None

    def reach(host: str, port: int) -> IStreamClientEndpoint:
        speak(url, host, port)  # says now what it can't say
        inner = HostnameEndpoint(reactor, url.host, url.port or usual)
        return TunnelEndpoint(inner, lambda: speak(url, host, port), at)

    return reach
