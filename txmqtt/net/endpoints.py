"""
The door for every endpoint string: Twisted's own, those of plugins, and ours.

C{ws:} stands in front of another string and takes its own settings out of it: C{ws:tcp:8083:path=/mqtt} is
C{tcp:8083}, spoken to by WebSocket at C{/mqtt}. Several values of one setting are joined by C{|}; a colon in a value is
written C{\\:}, as everywhere in such strings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.plugin import IPlugin
from zope.interface import implementer

from txmqtt.net.descriptions import BACKLOG
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.options import UNBOUNDED, Range
from txmqtt.net.proxied import ProxiedServerEndpoint, haproxy_endpoint
from txmqtt.net.tls_endpoints import tls_endpoint
from txmqtt.net.websocket_server import WebSocketEndpoint

_WEBSOCKET = "ws"
_PROXY = "haproxy"
#: What Twisted's own parser makes of C{haproxy:}.
_WRAPPER = "_WrapperServerEndpoint"
_TRUE = ("true", "yes", "1")
_FALSE = ("false", "no", "0")


def server_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    The endpoint that a string describes, with room for many clients to arrive at once.

    @raise ValueError: it describes none; says what was expected.
    """
    try:
        return _endpoint(reactor, description)
    except Exception as error:  # parsers, ours and those of plugins, raise what they like
        why = str(error) or type(error).__name__
        raise ValueError(
            f"{description!r}: expected an endpoint, such as tcp:1883, unix:/run/mqtt.sock or ws:tcp:8083 ({why})"
        ) from error


def _endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    return _KINDS.get(description.partition(":")[0], _of_twisted)(reactor, description)


def with_backlog(description: str) -> str:
    """
    The same endpoint string with our backlog, where the kind of endpoint has one and the string leaves it open.
    """
    if beneath(description).startswith(("tcp:", "tcp6:", "unix:")) and ":backlog=" not in description:
        return f"{description}:backlog={BACKLOG}"
    return description


def beneath(description: str) -> str:
    """
    An endpoint string without what only wraps another endpoint: where the socket is.
    """
    return description.removeprefix(f"{_WEBSOCKET}:").removeprefix(f"{_PROXY}:")


def speaks_for_others(endpoint: object) -> bool:
    """
    Whether clients come through a proxy that says where they are.
    """
    while endpoint is not None:
        if isinstance(endpoint, ProxiedServerEndpoint) or type(endpoint).__name__ == _WRAPPER:
            return True
        if isinstance(endpoint, WebSocketEndpoint) and endpoint.settings.proxies:
            return True
        endpoint = getattr(endpoint, "inner", None)
    return False


# Twisted's


def _of_twisted(reactor: Any, description: str) -> IStreamServerEndpoint:
    endpoint: IStreamServerEndpoint = serverFromString(reactor, with_backlog(description))
    return endpoint


# WebSocket


@implementer(IPlugin, IStreamServerEndpointStringParser)
class WebSocketParser:
    """
    C{ws:} for C{serverFromString}, so that every program of Twisted knows it.
    """

    prefix = _WEBSOCKET

    def parseStreamServer(self, reactor: Any, *args: str, **kwargs: str) -> WebSocketEndpoint:  # type: ignore[override]
        """
        See C{IStreamServerEndpointStringParser}.

        @raise ValueError: it describes no endpoint; says what was expected.
        """
        if not args:
            raise ValueError("expected an endpoint after ws:, such as ws:tcp:8083")
        ours = {name: kwargs.pop(name) for name in list(kwargs) if name in _HINTS}
        words = [quoteStringArgument(word) for word in args]
        words += [f"{name}={quoteStringArgument(value)}" for name, value in kwargs.items()]
        settings = websocket_settings(ours)
        return WebSocketEndpoint(reactor, _endpoint(reactor, ":".join(words)), settings)


def _websocket(reactor: Any, description: str) -> IStreamServerEndpoint:
    endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    return endpoint


_HINTS = get_type_hints(WebSocketSettings, include_extras=True)


def websocket_settings(words: Mapping[str, str]) -> WebSocketSettings:
    """
    The settings that the words of an endpoint string mean.

    @raise ValueError: one of them means nothing; says which, and what was expected.
    """
    return WebSocketSettings(**{name: _read(name, word) for name, word in words.items()})


def _read(name: str, word: str) -> Any:
    hint = _HINTS[name]
    if hint is bool:
        if word.lower() not in _TRUE + _FALSE:
            raise ValueError(f"{name} {word!r}: expected yes or no")
        return word.lower() in _TRUE
    if hint is str:
        return word
    if get_origin(hint) is tuple:
        return tuple(part.strip() for part in word.split("|") if part.strip())
    kind, allowed = get_args(hint)
    return _number(name, word, kind, allowed)


def _number(name: str, word: str, kind: type, allowed: Range) -> float:
    try:
        number: float = kind(word)
        if allowed.low <= number <= allowed.high:
            return number
    except ValueError:
        pass
    what = "a whole number" if kind is int else "a number"
    bound = f"from {allowed.low:.15g}" + ("" if allowed.high == UNBOUNDED else f" to {allowed.high:.15g}")
    raise ValueError(f"{name} {word!r}: expected {what} {bound}")


def _tls(reactor: Any, description: str) -> IStreamServerEndpoint:
    endpoint: IStreamServerEndpoint = IStreamServerEndpoint(tls_endpoint(reactor, description, _endpoint))
    return endpoint


def _proxied(reactor: Any, description: str) -> IStreamServerEndpoint:
    return haproxy_endpoint(reactor, description, _endpoint)


#: Who makes an endpoint of which kind; whatever does not stand here is Twisted's, or a plugin's.
_KINDS: dict[str, Callable[[Any, str], IStreamServerEndpoint]] = {
    _WEBSOCKET: _websocket,
    _PROXY: _proxied,
    "tls": _tls,
    "ssl": _tls,
}
