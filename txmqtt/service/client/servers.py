"""
Which server is next: each in its turn, or the one that another has sent us to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twisted.internet.interfaces import IStreamClientEndpoint

from txmqtt.codec import reasons
from txmqtt.codec.errors import ConnectionClosed, Refused

#: Where a server may be: a URL, the description of an endpoint, or an endpoint.
Server = str | IStreamClientEndpoint

#: How often a server may send us on to another before its word is no longer followed.
_HOPS = 5


class Servers:
    """
    The servers of one client.

    @ivar round: whether the next attempt begins with the first of them again.
    """

    def __init__(self, servers: Server | Sequence[Server], follow: bool) -> None:
        """
        @param follow: a server that says C{USE_ANOTHER_SERVER} or C{SERVER_MOVED}, and which, is believed.
        """
        one = isinstance(servers, str) or IStreamClientEndpoint.providedBy(servers)
        given: Any = [servers] if one else servers
        self._servers: list[Server] = list(given)
        if not self._servers:
            raise ValueError("no server; expected at least one")
        self._at = 0
        self._follow = follow
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
        reference = self._reference(error)
        tried, self._other = self._other, None
        if reference is None or not reference.strip():
            if tried is None:
                self._at = (self._at + 1) % len(self._servers)
            return
        self._hops += 1
        where = _elsewhere(self._servers[self._at], reference)
        if isinstance(error, Refused | ConnectionClosed) and error.reason == reasons.SERVER_MOVED:
            self._servers[self._at] = where
        else:
            self._other = where

    def _reference(self, error: BaseException) -> str | None:
        if not self._follow or self._hops >= _HOPS or not isinstance(error, Refused | ConnectionClosed):
            return None
        if error.reason not in (reasons.USE_ANOTHER_SERVER, reasons.SERVER_MOVED):
            return None
        return error.server_reference or None


def _elsewhere(server: Server, reference: str) -> Server:
    """
    The first of the servers that a server names (section 4.11 of MQTT 5.0 suggests C{host} or C{host:port}, and blanks
    between several), reached as that server was: as safely, and with the same name and password.
    """
    first = reference.split()[0]
    if not isinstance(server, str) or "://" not in server:
        return first if "://" in first else f"mqtt://{first}"
    url = urlsplit(server)
    host = urlsplit(first).netloc if "://" in first else first
    host = host.rpartition("@")[2]
    user = url.netloc.rpartition("@")[0]
    return urlunsplit((url.scheme, f"{user}@{host}" if user else host, url.path, url.query, ""))
