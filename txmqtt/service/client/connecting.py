"""
One attempt after another: the endpoint that Twisted's C{ClientService} connects to, again and again.

What that service calls a connection is here a server that has accepted us: whatever goes wrong before, in the network,
in a handshake or in the server's opinion of us, is an attempt that failed, and it backs off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from txmqtt.codec import reasons
from txmqtt.codec.errors import ConnectionClosed
from txmqtt.net.addresses import Address, TLSOption
from txmqtt.net.client import MQTTClient
from txmqtt.net.settings import Settings
from txmqtt.net.state import ClientState
from txmqtt.service.client.servers import Server, Servers, shown

#: A user name and a password.
Credentials = tuple[str | None, str | bytes | None]


class _Building(Factory):
    """
    Makes the one client of one attempt.
    """

    noisy = False

    def __init__(self, build: Callable[[], MQTTClient]) -> None:
        self._build = build
        self.client: MQTTClient | None = None

    def buildProtocol(self, addr: IAddress | None) -> MQTTClient:
        self.client = self._build()
        self.client.factory = self
        return self.client


class _Accepted:
    """
    A server that has accepted us, as the transport of whoever wants to know no more than when it is gone.
    """

    def __init__(self, client: MQTTClient, goodbye: Callable[[MQTTClient], object]) -> None:
        self._client = client
        self._goodbye = goodbye

    def loseConnection(self) -> None:
        self._goodbye(self._client)


@implementer(IStreamClientEndpoint)
class Attempts:
    """
    The way to whichever server is next.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: Callable[[], float],
        servers: Servers,
        settings: Settings,
        state: Callable[[], ClientState],
        reach: Callable[[Server, TLSOption | None], Address],
        tls: object,
        credentials: Callable[[], object] | None,
        goodbye: Callable[[MQTTClient], object],
    ) -> None:
        """
        @param state: gives the session that is connected.
        @param reach: makes an address of a server.
        @param tls: what it needs for it, or what gives that for each attempt.
        @param credentials: is asked at each attempt who we are.
        @param goodbye: says it to a server.
        """
        self._clock = clock
        self._seconds = seconds
        self._servers = servers
        self._settings = settings
        self._state = state
        self._reach = reach
        self._tls = tls
        self._credentials = credentials
        self._goodbye = goodbye
        self._known: tuple[str, Address] | None = None  # the latest

    def watch(
        self,
        attempting: Callable[[], object],
        accepted: Callable[[MQTTClient], object],
        failed: Callable[[Exception], bool],
        lost: Callable[[ConnectionClosed], bool],
    ) -> None:
        """
        Tell somebody how it goes.

        @param failed: says whether it was the last attempt: then C{ClientService}, which would plan another one, hears
            of it only as it stops; likewise C{lost}.
        """
        self._attempting, self._accepted, self._failed, self._lost = attempting, accepted, failed, lost

    def __repr__(self) -> str:
        return f"<the MQTT server {shown(self._servers.next)}>"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        See C{IStreamClientEndpoint}.
        """
        self._attempting()
        return Deferred.fromCoroutine(self._tried(protocolFactory))

    async def _tried(self, factory: IProtocolFactory) -> IProtocol:
        try:
            return await self._connect(factory)
        except CancelledError:
            raise
        except Exception as error:
            if self._failed(error):
                await Deferred()  # until it is cancelled
            raise

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        server = self._servers.next
        tls: Any = await _given(self._tls) if callable(self._tls) else self._tls
        address = self._address(server, tls)
        state = self._state()
        given = await self._who()
        named = {name: value for name, value in address.options.items() if getattr(self._settings, name) is None}
        state.settings = replace(self._settings, **{**named, **given})
        building = _Building(lambda: MQTTClient(state, self._clock, self._seconds))
        timeout = self._settings.timeout
        reaching = address.endpoint.connect(building)
        if timeout:
            too_late = ConnectionClosed(f"no connection within {timeout:g} s", remote=True)
            reaching.addTimeout(timeout, self._clock, lambda _, __: Failure(too_late))
        await reaching
        client = building.client
        assert client is not None
        try:
            await client.whenReady()
        except BaseException:  # cancelling is one
            client.session.end(reasons.UNSPECIFIED_ERROR, "nobody waits for it any more", True)
            raise
        self._servers.accepted()
        handle = factory.buildProtocol(client.transport.getPeer())
        assert handle is not None
        handle.makeConnection(_Accepted(client, self._goodbye))  # type: ignore[arg-type] # all that is asked of it

        def lost(why: ConnectionClosed) -> None:
            if self._lost(why):
                self._clock.callLater(0, handle.connectionLost, Failure(why))
            else:
                handle.connectionLost(Failure(why))

        client.whenClosed().addCallback(lost)
        self._clock.callLater(0, self._accepted, client)  # when ClientService knows it too
        return handle

    def _address(self, server: Server, tls: TLSOption | None) -> Address:
        """
        Made once for each server, unless TLS is another each time: to find out whom the system trusts takes a while.
        """
        if callable(self._tls) or not isinstance(server, str):
            return self._reach(server, tls)
        if self._known is None or self._known[0] != server:
            self._known = server, self._reach(server, tls)
        return self._known[1]

    async def _who(self) -> dict[str, Any]:
        if self._credentials is None:
            return {}
        given = await _given(self._credentials)
        if not isinstance(given, tuple) or len(given) != 2:
            raise TypeError(f"credentials gave {type(given).__name__}; expected a tuple of user name and password")
        return {"username": given[0], "password": given[1]}


async def _given(call: Callable[[], object]) -> object:
    given = call()
    return await given if isawaitable(given) else given


def nothing() -> Any:
    """
    Makes what stands for an accepted connection: it has nothing to do.
    """
    factory = Factory.forProtocol(Protocol)
    factory.noisy = False
    return factory
