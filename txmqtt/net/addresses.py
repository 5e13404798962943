"""
Where a server is: a URL, a string that describes an endpoint of Twisted, or an endpoint.

What is read here is asked again at each connection: names in DNS, files of certificates, headers that are called for.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from twisted.internet.endpoints import UNIXClientEndpoint, clientFromString
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint

from txmqtt.net.client_contexts import ClientContexts
from txmqtt.net.client_tls import TLS
from txmqtt.net.client_tls_endpoint import TLSClientEndpoint
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.services import ServiceEndpoint
from txmqtt.net.settings import Options
from txmqtt.net.tunnel import through
from txmqtt.net.urls import URL, Complaint, is_address, place, read_url
from txmqtt.net.websocket_headers import HeadersEndpoint, HeadersOption

_EXPECTED = (
    "mqtt://host:port, mqtts://host:port, ws://host:port/path, wss://host:port/path, mqtt+srv://domain, "
    "mqtts+srv://domain, unix:///path, or a client endpoint such as tcp:host=...:port=..."
)
_COMPLAINT = Complaint("cannot connect to", _EXPECTED)

#: How TLS is made; the second is Twisted's way.
TLSOption = TLS | IOpenSSLClientConnectionCreator


class _Scheme(NamedTuple):
    """
    @ivar port: the usual one; 0 where DNS says it.
    @ivar service: what DNS calls it.
    """

    port: int
    secure: bool = False
    websocket: bool = False
    service: str = ""


_PLAIN, _SECURE = _Scheme(1883), _Scheme(8883, secure=True)

_SCHEMES = {
    "mqtt": _PLAIN,
    "tcp": _PLAIN,
    "mqtts": _SECURE,
    "ssl": _SECURE,
    "ws": _Scheme(80, websocket=True),
    "wss": _Scheme(443, secure=True, websocket=True),
    "mqtt+srv": _Scheme(0, service="_mqtt._tcp"),
    "mqtts+srv": _Scheme(0, secure=True, service="_secure-mqtt._tcp"),
}

#: The path of a WebSocket, if its URL has none.
_PATH = "/mqtt"


class Address:
    """
    Where a server is, and what its URL says besides.

    @ivar endpoint: connects with it, as often as it is asked.
    @ivar options: what the URL says of the user.
    @ivar name: for messages and logs, without secrets.
    """

    def __init__(self, name: str, endpoint: IStreamClientEndpoint, options: Options | None = None) -> None:
        self.name = name
        self.endpoint = endpoint
        self.options: Options = options if options is not None else {}

    def __repr__(self) -> str:
        return f"<Address {self.name}>"


def endpoint_for(
    reactor: Any,
    to: object,
    *,
    tls: TLSOption | None = None,
    proxy: str | None = None,
    headers: HeadersOption | None = None,
    resolver: Any = None,
) -> Address:
    """
    What a user means by an address.

    @param to: C{mqtt://user:password@host:port} (C{tcp://} is the same), C{mqtts://...} (C{ssl://}), C{ws://host/path},
        C{wss://...}, C{mqtt+srv://domain}, C{mqtts+srv://domain}, C{unix:///path}, a string that describes a client
        endpoint of Twisted, or such an endpoint.
    @param tls: how to speak TLS where the URL asks for it; over an endpoint and over C{unix://} it is spoken if this is
        given. None: C{TLS()}.
    @param proxy: C{socks5://user:password@host:port} (C{socks5h://} is the same) or C{http://...}.
    @param headers: for WebSocket, more headers of its request; what is callable is called at each connection.
    @param resolver: of C{twisted.names}, for C{+srv}.
    @raise TypeError: something is of the wrong type.
    @raise ValueError: it cannot be understood, or things do not go together. A URL may hold a password: it appears in
        no message.
    """
    if tls is not None and not isinstance(tls, TLS) and not IOpenSSLClientConnectionCreator.providedBy(tls):
        raise TypeError(f"tls is {type(tls).__name__}; expected TLS or None")
    if IStreamClientEndpoint.providedBy(to):
        _only_tls("an endpoint", proxy, headers)
        return Address(type(to).__name__, _over(reactor, to, tls))
    if not isinstance(to, str):
        raise TypeError(f"cannot connect to {type(to).__name__}; expected {_EXPECTED}")
    if "://" not in to:
        _only_tls("an endpoint", proxy, headers)
        return _described(reactor, to, tls)
    if to.lower().startswith("unix:"):
        _only_tls("unix://", proxy, headers)
        return _unix(reactor, to, tls)
    url = read_url(to, _COMPLAINT)
    scheme = _SCHEMES.get(url.scheme)
    if scheme is None:
        raise _COMPLAINT(url.scheme)
    _check(url, scheme, tls, headers)
    return _internet(reactor, url, scheme, tls, proxy, headers, resolver)


def _only_tls(what: str, proxy: object, headers: object) -> None:
    """
    What is no URL can be put behind TLS, and nothing else.
    """
    for name, value in (("proxy", proxy), ("headers", headers)):
        if value is not None:
            raise ValueError(f"{name} means nothing with {what}; expected a URL with a host")


def _over(reactor: Any, endpoint: IStreamClientEndpoint, tls: TLSOption | None) -> IStreamClientEndpoint:
    """
    An endpoint that we did not make, which does not say what its server must be called.
    """
    if tls is None:
        return endpoint
    if isinstance(tls, TLS) and tls.server_name is None and tls.verify:
        raise ValueError("tls has no server_name; expected the name that the server's certificate must be for")
    return TLSClientEndpoint(reactor, endpoint, _creator(tls, "localhost"))


def _creator(tls: TLSOption, name: str) -> IOpenSSLClientConnectionCreator:
    """
    What makes our side of TLS.
    """
    return IOpenSSLClientConnectionCreator(ClientContexts(tls, name) if isinstance(tls, TLS) else tls)


@cache
def _usual() -> TLS:
    return TLS()


def _described(reactor: Any, to: str, tls: TLSOption | None) -> Address:
    shown = to.rpartition("@")[2]  # somebody may have left away the scheme of a URL
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, to)
    except Exception as error:  # whatever the endpoint's parser makes of it
        why = f": {error}" if shown == to else ""
        raise ValueError(f"cannot connect to {shown!r}{why}; expected {_EXPECTED}") from None
    return Address(to.partition(":")[0], _over(reactor, endpoint, tls))


def _unix(reactor: Any, to: str, tls: TLSOption | None) -> Address:
    path = to.partition("://")[2]
    if not path.startswith("/") or not path.strip("/") or re.search(r"[?#\x00-\x1f]", path):
        raise ValueError("cannot connect to unix:// without an absolute path; expected unix:///path")
    path = unquote(path)
    if "\0" in path:
        raise ValueError("cannot connect to unix:// with a NUL in its path; expected unix:///path")
    return Address(f"unix://{path}", _over(reactor, UNIXClientEndpoint(reactor, path), tls))


def _check(url: URL, scheme: _Scheme, tls: TLSOption | None, headers: HeadersOption | None) -> None:
    """
    Whether the parts of a URL go together.
    """
    if not url.host:
        raise _COMPLAINT(url.scheme, "without a host")
    if scheme.websocket:
        if re.search(r"[^\x21-\x7e]", url.path + url.query):
            raise _COMPLAINT(
                url.scheme, "its path or query is not ASCII; other characters are written %C3%A9 and so on"
            )
    else:
        if url.path not in ("", "/"):
            raise _COMPLAINT(url.scheme, f"with the path {url.path[:64]!r}")
        if url.query:
            raise _COMPLAINT(url.scheme, "with a query")
        if headers is not None:
            raise ValueError(f"headers means nothing with {url.scheme}://; expected ws:// or wss://")
    if scheme.service and (url.port is not None or is_address(url.host)):
        raise _COMPLAINT(url.scheme, "with a port or an address; DNS says where the servers of a domain are")
    if tls is not None and not scheme.secure:
        raise ValueError(f"tls is given, but {url.scheme}:// is without TLS; expected mqtts://, wss:// or mqtts+srv://")


def _internet(
    reactor: Any,
    url: URL,
    scheme: _Scheme,
    tls: TLSOption | None,
    proxy: str | None,
    headers: HeadersOption | None,
    resolver: Any,
) -> Address:
    dialled = through(reactor, proxy)
    creator = _creator(tls if tls is not None else _usual(), url.host) if scheme.secure else None

    def reach(host: str, port: int) -> IStreamClientEndpoint:
        endpoint = dialled(host, port)
        return endpoint if creator is None else TLSClientEndpoint(reactor, endpoint, creator)

    options: Options = {}
    if url.username is not None:
        options["username"] = url.username
    if url.password is not None:
        options["password"] = url.password
    if scheme.service:
        service = ServiceEndpoint(reactor, scheme.service, url.host, reach, resolver)
        return Address(f"{url.scheme}://{url.host}", service, options)
    port = url.port or scheme.port
    name = f"{url.scheme}://{place(url.host, port)}"
    endpoint = reach(url.host, port)
    if scheme.websocket:
        path = url.path or _PATH
        path_asked = path + (f"?{url.query}" if url.query else "")
        # How long all of it may take is what the client's timeout says.
        settings = WebSocketSettings(path=path_asked, handshake_timeout=3_600.0)
        host = place(url.host, port if port != scheme.port else None)
        endpoint, name = HeadersEndpoint(reactor, endpoint, host, settings, headers), name + path
    return Address(name, endpoint, options)
