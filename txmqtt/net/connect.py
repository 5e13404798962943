"""
C{connect}: from the address of a server to a client that it has accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack
from urllib.parse import SplitResult, unquote, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, clientFromString, wrapClientTLS
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure

from txmqtt.codec import reasons
from txmqtt.codec.errors import ConnectionClosed
from txmqtt.net.client import MQTTClient
from txmqtt.net.factory import MQTTClientFactory
from txmqtt.net.settings import Options

_EXPECTED = "mqtt://host:port, mqtts://host:port, unix:///path, or a client endpoint such as tcp:host=...:port=..."


def connect(
    reactor: IReactorTime,
    to: str | IStreamClientEndpoint,
    *,
    seconds: Callable[[], float] | None = None,
    **options: Unpack[Options],
) -> Deferred[MQTTClient]:
    """
    Connect to a server.

    Cancelling gives up, whatever stage it is at.

    @param to: C{mqtt://user:password@host:port}, C{mqtts://...}, C{unix:///path}, a string that describes a Twisted
        client endpoint, or such an endpoint.
    @param seconds: a clock that never jumps, seconds; None: the system's, or that of a C{Clock}.
    @param options: see C{Settings}.
    @return: fires with the client when the server has accepted it; fails with C{Refused} when it has not.
    """
    endpoint, found = endpoint_for(reactor, to)
    named: Options = {**found, **options}
    factory = MQTTClientFactory(reactor, seconds, **named)
    timeout = factory.settings.timeout
    client = Deferred.fromCoroutine(_connect(endpoint, factory))
    if not timeout:
        return client

    def too_late(result: MQTTClient | Failure, timeout: float) -> Failure:
        what = "no connection" if factory.client is None else "no CONNACK"
        return Failure(ConnectionClosed(f"{what} within {timeout:g} s", remote=True))

    return client.addTimeout(timeout, reactor, too_late)


async def _connect(endpoint: IStreamClientEndpoint, factory: MQTTClientFactory) -> MQTTClient:
    await endpoint.connect(factory)
    client = factory.client
    assert client is not None
    try:
        return await client.whenReady()
    except Exception:  # cancelling is one
        client.session.end(reasons.UNSPECIFIED_ERROR, "nobody waits for it any more", True)
        raise


def endpoint_for(reactor: object, to: object) -> tuple[IStreamClientEndpoint, Options]:
    """
    The endpoint that a user means, and what the URL says besides.

    A URL may hold a password: it appears in no message.
    """
    if IStreamClientEndpoint.providedBy(to):
        return to, {}
    if not isinstance(to, str):
        raise TypeError(f"cannot connect to {type(to).__name__}; expected {_EXPECTED}")
    if "://" not in to:
        try:
            return clientFromString(reactor, to), {}
        except Exception as error:  # whatever the endpoint's parser makes of it
            raise ValueError(f"cannot connect to {to!r}: {error}; expected {_EXPECTED}") from None
    url = urlsplit(to)
    if url.scheme in ("ws", "wss"):
        raise ValueError(f"cannot connect to {url.scheme}://: WebSocket is not supported yet; expected {_EXPECTED}")
    if url.scheme not in ("mqtt", "mqtts", "unix"):
        raise ValueError(f"cannot connect to {url.scheme}://; expected {_EXPECTED}")
    if url.query or url.fragment:
        raise ValueError(f"cannot connect to {url.scheme}:// with a query or fragment; expected {_EXPECTED}")
    if url.scheme == "unix":
        return _unix(reactor, url)
    return _internet(reactor, url)


def _unix(reactor: object, url: SplitResult) -> tuple[IStreamClientEndpoint, Options]:
    if url.netloc or not url.path.strip("/"):
        raise ValueError("cannot connect to unix:// without an absolute path; expected unix:///path")
    return UNIXClientEndpoint(reactor, unquote(url.path)), {}


def _internet(reactor: object, url: SplitResult) -> tuple[IStreamClientEndpoint, Options]:
    secure = url.scheme == "mqtts"
    if url.path not in ("", "/"):
        raise ValueError(f"cannot connect to {url.scheme}:// with the path {url.path!r}; expected {_EXPECTED}")
    host = url.hostname
    if not host:
        raise ValueError(f"cannot connect to {url.scheme}:// without a host; expected {_EXPECTED}")
    try:
        port = url.port or (8883 if secure else 1883)
    except ValueError as error:
        raise ValueError(f"cannot connect to {url.scheme}://{host}: {error}") from None
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, host, port)
    if secure:
        from twisted.internet.ssl import optionsForClientTLS  # slow to import, and most do not need it

        endpoint = wrapClientTLS(optionsForClientTLS(host), endpoint)
    found: Options = {}
    if url.username:
        found["username"] = unquote(url.username)
    if url.password is not None:
        found["password"] = unquote(url.password)
    return endpoint, found
