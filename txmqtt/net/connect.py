"""
C{connect}: from the address of a server to a client that it has accepted. C{connect_over} begins with a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from txmqtt.codec import reasons
from txmqtt.codec.errors import ConnectionClosed
from txmqtt.net.addresses import TLSOption, endpoint_for
from txmqtt.net.client import MQTTClient
from txmqtt.net.factory import MQTTClientFactory
from txmqtt.net.settings import Options
from txmqtt.net.thread_check import check_thread
from txmqtt.net.websocket_headers import HeadersOption


def connect(
    reactor: IReactorTime,
    to: str | IStreamClientEndpoint,
    *,
    tls: TLSOption | None = None,
    proxy: str | None = None,
    headers: HeadersOption | None = None,
    seconds: Callable[[], float] | None = None,
    **options: Unpack[Options],
) -> Deferred[MQTTClient]:
    """
    Connect to a server.

    Cancelling gives up, whatever stage it is at.

    @param to: C{mqtt://user:password@host:port}, C{mqtts://...}, C{ws://host/path}, C{wss://...},
        C{mqtt+srv://domain}, C{mqtts+srv://domain}, C{unix:///path}, a string that describes a Twisted client endpoint,
        or such an endpoint.
    @param tls: how to speak TLS where the URL asks for it: whom to trust, what to show; see C{TLS}.
    @param proxy: C{socks5://user:password@host:port} or C{http://user:password@host:port}; it resolves the server's
        name.
    @param headers: for C{ws://} and C{wss://}, more headers of the request: a mapping, or what is called for it.
    @param seconds: a clock that never jumps, seconds; None: the system's, or that of a C{Clock}.
    @param options: see C{Settings}.
    @return: fires with the client when the server has accepted it. Fails with C{Refused} when it has not, with
        C{TLSFailure} when one side does not trust the other, with C{ProxyFailure} when the proxy did not connect us,
        with another C{MQTTError} when there is no WebSocket, otherwise with C{ConnectionClosed} or an error of Twisted.
    """
    check_thread("connect")
    address = endpoint_for(reactor, to, tls=tls, proxy=proxy, headers=headers)
    named: Options = {**address.options, **options}
    factory = MQTTClientFactory(reactor, seconds, **named)
    return _in_time(reactor, factory, Deferred.fromCoroutine(_connect(address.endpoint, factory)))


def connect_over(
    reactor: IReactorTime,
    transport: Any,
    *,
    seconds: Callable[[], float] | None = None,
    **options: Unpack[Options],
) -> Deferred[MQTTClient]:
    """
    Speak MQTT over a connection that is there already, such as a channel of SSH or the end of a pipe.

    Cancelling gives up and aborts the connection.

    @param transport: of C{ITransport}, C{IConsumer}, C{IPushProducer} and C{ITCPTransport} together it must have
        C{write}, C{registerProducer} and C{unregisterProducer} (for streaming producers), C{pauseProducing},
        C{resumeProducing}, C{loseConnection}, C{abortConnection} and C{getPeer}. It gives what it reads, and the news
        of its end, to its attribute C{protocol}, which is set here to the client; what wraps another protocol
        (C{ProtocolWrapper}, such as Twisted's TLS) to C{wrappedProtocol}. What it has read before is not repeated.
    @return: see C{connect}.
    """
    check_thread("connect_over")
    missing = [name for name in _NEEDED if not callable(getattr(transport, name, None))]
    if missing:
        raise TypeError(f"{type(transport).__name__} is no transport for MQTT: it has no {', '.join(missing)}")
    factory = MQTTClientFactory(reactor, seconds, **options)
    return _in_time(reactor, factory, Deferred.fromCoroutine(_begin(transport, factory)))


_NEEDED = (
    "write",
    "registerProducer",
    "unregisterProducer",
    "pauseProducing",
    "resumeProducing",
    "loseConnection",
    "abortConnection",
    "getPeer",
)


def _in_time(reactor: IReactorTime, factory: MQTTClientFactory, client: Deferred[MQTTClient]) -> Deferred[MQTTClient]:
    """
    Not longer than C{timeout}.
    """
    timeout = factory.settings.timeout
    if not timeout:
        return client

    def too_late(result: MQTTClient | Failure, timeout: float) -> Failure:
        what = "no connection" if factory.client is None else "no CONNACK"
        undone = str(result.value) if factory.client is None and isinstance(result, Failure) else ""
        why = f": {undone}" if undone else ""
        return Failure(ConnectionClosed(f"{what} within {timeout:g} s{why}", remote=True))

    return client.addTimeout(timeout, reactor, too_late)


async def _connect(endpoint: IStreamClientEndpoint, factory: MQTTClientFactory) -> MQTTClient:
    await endpoint.connect(factory)
    assert factory.client is not None
    return await _accepted(factory.client)


async def _begin(transport: Any, factory: MQTTClientFactory) -> MQTTClient:
    client = factory.buildProtocol(transport.getPeer())
    assert client is not None
    if isinstance(transport, ProtocolWrapper):
        transport.wrappedProtocol = client
    else:
        transport.protocol = client
    client.makeConnection(transport)  # type: ignore[no-untyped-call] # Twisted's
    return await _accepted(client)


async def _accepted(client: MQTTClient) -> MQTTClient:
    try:
        return await client.whenReady()
    except Exception:  # cancelling is one
        client.session.end(reasons.UNSPECIFIED_ERROR, "nobody waits for it any more", True)
        raise
