"""
Which server is next: each in its turn, or the one that another has sent us to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from txmqtt.codec import reasons
from txmqtt.codec.errors import ConnectionClosed, Refused
from txmqtt.net.urls import Complaint, read_url

#: Where a server may be: a URL, the description of an endpoint, or an endpoint.
Server = str | IStreamClientEndpoint

#: How often a server may send us on to another before its word is no longer followed.
_HOPS = 5

#: The kind of URL with which another server is reached, unless it is the same: its name is no domain.
_SCHEMES = {"mqtt+srv": "mqtt", "mqtts+srv": "mqtts"}

#: Endpoints that are known to be plain TCP; of others nobody can tell how another server would be reached as safely.
_PLAIN = (HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint)


class Servers:
    """
    The servers of one client.

    @ivar round: whether the next attempt begins with the first of them again.
    """

    def __init__(self, servers: Server | Sequence[Server], follow: bool, secure: bool = False) -> None:
        """
        @param follow: a server that says C{USE_ANOTHER_SERVER} or C{SERVER_MOVED}, and which, is believed.
        @param secure: TLS is spoken over endpoints, too.
        @raise TypeError: these are no servers.
        """
        one = isinstance(servers, str) or IStreamClientEndpoint.providedBy(servers)
        given: Any = [servers] if one else servers
        if not isinstance(given, Sequence) or isinstance(given, bytes | bytearray):
            raise TypeError(f"servers is {type(servers).__name__}; expected a URL, an endpoint, or a list of them")
        self._servers: list[Server] = list(given)
        if not self._servers:
            raise ValueError("no server; expected at least one")
        self._at = 0
        self._follow = follow
        self._secure = secure
        self._other: Server | None = None
        self._hops = 0

    @property
    def next(self) -> Server:
        """
        The one to try.
        """
        return self._other if self._other is not None else self._servers[self._at]

    @property
    def round(self) -> bool:
        return self._at == 0 and self._other is None

    def __len__(self) -> int:
        return len(self._servers)

    def all(self) -> list[Server]:
        """
        All that were given.
        """
        return list(self._servers)

    def accepted(self) -> None:
        """
        The one that was tried was the right one.
        """
        self._hops = 0

    def failed(self, error: BaseException) -> None:
        """
        The one that was tried was not.
        """
        where = self._named(error)
        tried, self._other = self._other, None
        if where is None:
            if tried is None:
                self._at = (self._at + 1) % len(self._servers)
            return
        self._hops += 1
        if isinstance(error, Refused | ConnectionClosed) and error.reason == reasons.SERVER_MOVED:
            self._servers[self._at] = where
        else:
            self._other = where

    def _named(self, error: BaseException) -> str | None:
        """
        The other server that this one names, if we are to go there and know how.
        """
        if not self._follow or self._hops >= _HOPS or not isinstance(error, Refused | ConnectionClosed):
            return None
        if error.reason not in (reasons.USE_ANOTHER_SERVER, reasons.SERVER_MOVED):
            return None
        return _elsewhere(self._servers[self._at], error.server_reference or "", self._secure)


def is_web(server: Server) -> bool:
    """
    Whether it speaks WebSocket, as far as its address says.
    """
    return isinstance(server, str) and server.lower().startswith(("ws://", "wss://"))


def shown(server: Server) -> str:
    """
    A server for the log: user and password stay out of it.
    """
    if not isinstance(server, str):
        return type(server).__name__
    scheme, mark, rest = server.partition("://")
    if not mark:  # what other endpoints than tcp: have in their descriptions is not known
        return server if server.lower().startswith("tcp:") else server.partition(":")[0]
    return scheme + mark + rest.rpartition("@")[2].partition("?")[0]


def _elsewhere(server: Server, reference: str, secure: bool) -> str | None:
    """
    The first of the servers that a server names (section 4.11 of MQTT 5.0 suggests C{host} or C{host:port}, and blanks
    between several), reached as that server was: as safely, and with the same name and password.

    @param secure: TLS is spoken over endpoints.
    @return: None if it names none, or cannot be reached as safely as far as we know.
    """
    if isinstance(server, str) and "://" in server:
        url = urlsplit(server)
        scheme = _SCHEMES.get(url.scheme, url.scheme)
        user, path, query = url.netloc.rpartition("@")[0], url.path, url.query
    elif isinstance(server, _PLAIN) or (isinstance(server, str) and server.lower().startswith("tcp:")):
        scheme = "mqtts" if secure else "mqtt"
        user = path = query = ""
    else:
        return None
    host = reference.strip().partition(" ")[0].rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    if scheme == "unix" or not host:
        return None
    where = urlunsplit((scheme, f"{user}@{host}" if user else host, path, query, ""))
    try:
        return where if read_url(where, Complaint("", "")).host else None
    except ValueError:
        return None
