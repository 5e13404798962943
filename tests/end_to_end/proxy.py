"""
Real proxies, in the process of the tests: SOCKS5 and CONNECT of HTTP, written from their specifications and not from
our client.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from ipaddress import ip_address
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure


class _Outgoing(Protocol):
    """
    From the proxy to the server.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr] # it is TCP

    def dataReceived(self, data: bytes) -> None:
        assert self._proxy.transport is not None
        self._proxy.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert self._proxy.transport is not None
        self._proxy.transport.loseConnection()


class Proxy(Protocol):
    """
    A client of the proxy.
    """

    factory: Proxies

    def __init__(self) -> None:
        self._heard = b""
        self._out: Any = None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr] # it is TCP

    def dataReceived(self, data: bytes) -> None:
        if self._out is not None:
            self._out.transport.write(data)
            return
        self._heard += data
        self.converse()

    def converse(self) -> None:
        raise NotImplementedError

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def go(self, host: str, port: int, yes: bytes, no: bytes) -> None:
        """
        Connect with the server, and say how that went.
        """
        self.factory.asked.append(host)
        made = _Outgoing(self)

        def connected(_: object) -> None:
            self._out = made
            self.say(yes)

        def refused(_: object) -> None:
            self.say(no)

        endpoint = HostnameEndpoint(self.factory.reactor, host, port)
        factory = Factory.forProtocol(lambda: made)
        factory.noisy = False
        endpoint.connect(factory).addCallbacks(connected, refused)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._out is not None:
            self._out.transport.loseConnection()


class SocksProxy(Proxy):
    """
    RFC 1928, and RFC 1929 with a user named "ann" whose password is "sesame".
    """

    step = 0

    def converse(self) -> None:
        heard = self._heard
        if self.step == 0 and len(heard) >= 2 + heard[1]:
            way = b"\x02" if self.factory.login else b"\x00"
            self.say(b"\x05" + (way if way in heard[2 : 2 + heard[1]] else b"\xff"))
            self._heard, self.step = b"", 1 if self.factory.login else 2
        elif self.step == 1 and heard:
            self.say(b"\x01\x00" if heard == b"\x01\x03ann\x06sesame" else b"\x01\x01")
            self._heard, self.step = b"", 2
        elif self.step == 2 and len(heard) >= 4:
            if heard[3] == 3:
                host = heard[5 : 5 + heard[4]].decode()
            else:
                host = str(ip_address(heard[4:-2]))
            (port,) = struct.unpack(">H", heard[-2:])
            self.go(host, port, b"\x05\x00\x00\x01" + bytes(6), b"\x05\x05\x00\x01" + bytes(6))


class HTTPProxy(Proxy):
    """
    CONNECT.
    """

    def converse(self) -> None:
        head, found, _ = self._heard.partition(b"\r\n\r\n")
        if not found:
            return
        line, *headers = head.decode().split("\r\n")
        said = dict(each.split(": ", 1) for each in headers)
        if self.factory.login and b64decode(said.get("Proxy-Authorization", "Basic ")[6:]) != b"ann:sesame":
            self.say(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
            return
        method, place, _ = line.split(" ")
        assert method == "CONNECT", line
        host, _, port = place.rpartition(":")
        self.go(
            host.strip("[]"),
            int(port),
            b"HTTP/1.1 200 Connection established\r\nVia: a test\r\n\r\n",
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        )


class Proxies(Factory):
    """
    A proxy.

    @ivar asked: the hosts that it was asked for.
    """

    noisy = False

    def __init__(self, reactor: Any, kind: type[Proxy], login: bool) -> None:
        """
        @param login: whether clients must log in.
        """
        self.reactor = reactor
        self.protocol = kind  # type: ignore[assignment] # it is one
        self.login = login
        self.asked: list[str] = []
