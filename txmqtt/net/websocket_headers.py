"""
The headers that an application wants in the request for a WebSocket: given once, or asked for at each connection.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.websocket_client import WebSocketClientEndpoint

#: Header names and their values; or what is called for them, and may take its time.
HeadersOption = (
    Mapping[str, str] | Callable[[], Mapping[str, str] | Awaitable[Mapping[str, str]] | Deferred[Mapping[str, str]]]
)

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")

#: What the handshake says itself.
_OURS = ("host", "upgrade", "connection", "content-length", "transfer-encoding")
_OURS_TOO = "sec-websocket-"


def checked(headers: object) -> list[tuple[str, str]]:
    """
    Headers as HTTP takes them. Values may be secrets, and appear in no message.

    @raise TypeError: they are no mapping of str to str.
    @raise ValueError: HTTP does not allow them, or they are part of the handshake.
    """
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers is {type(headers).__name__}; expected a mapping of str to str")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"headers has {type(name).__name__} to {type(value).__name__}; expected str to str")
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"headers has the name {name[:64]!r}; expected letters, digits and hyphens")
        if name.lower() in _OURS or name.lower().startswith(_OURS_TOO):
            raise ValueError(f"headers has {name}; expected none that the handshake of WebSocket needs itself")
        if value and not _VALUE.fullmatch(value):
            raise ValueError(f"headers has a value for {name} that HTTP does not allow; expected printable ASCII")
    return list(headers.items())


@implementer(IStreamClientEndpoint)
class HeadersEndpoint:
    """
    Begins a WebSocket where another endpoint connects, with headers that are fresh.
    """

    def __init__(
        self,
        reactor: Any,
        inner: IStreamClientEndpoint,
        host: str,
        settings: WebSocketSettings,
        headers: HeadersOption | None,
    ) -> None:
        """
        @param host: see C{WebSocketClientEndpoint}, as for the other parameters.
        @param headers: may be called, and may then return an awaitable or a Deferred.
        @raise TypeError: see C{checked}.
        @raise ValueError: the same.
        """
        self._reactor = reactor
        self._inner = inner
        self._host = host
        self._settings = settings
        self._headers = headers if callable(headers) else checked(headers or {})

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        See C{IStreamClientEndpoint}.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        headers = self._headers
        if callable(headers):
            headers = checked(await maybeDeferred(headers))
        endpoint = WebSocketClientEndpoint(self._reactor, self._inner, self._host, self._settings, headers)
        return await endpoint.connect(factory)
