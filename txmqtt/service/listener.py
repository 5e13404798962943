"""
One address where clients are let in: opened, told who may come, closed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from errno import EACCES
from os import fsdecode
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from typing import Any

from twisted.cred.credentials import IAnonymous
from twisted.cred.portal import IRealm, Portal
from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.lockfile import isLocked

from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.terms import VERSIONS, Terms
from txmqtt.codec.errors import MQTTError
from txmqtt.net.access.mechanisms import IMechanism
from txmqtt.net.auth import Anybody, LocalUser, Realm
from txmqtt.net.door import Door
from txmqtt.net.endpoints import beneath, server_endpoint
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.service.config import only_from_here

_log = Logger()


class CannotListen(MQTTError):
    """
    A listener can't be opened. The message says which, and why.
    """


class Place:
    """
    Where clients may come in, and on what terms: what a listener is made from.

    @ivar name: what the log calls it: an endpoint string, or what an endpoint object says of itself.
    @ivar key: two places with the same key are the same socket; what else they say can change while it is open.
    """

    def __init__(
        self,
        endpoint: str | IStreamServerEndpoint,
        portal: Portal | None = None,
        policy: Policy | None = None,
        mount: str = "",
        key: Hashable = None,
        name: str = "",
        realm: IRealm | None = None,
        mechanisms: Sequence[IMechanism] = (),
        versions: frozenset[int] = VERSIONS,
        max_connections: int = 0,
    ) -> None:
        """
        @param endpoint: an endpoint, or its string.
        @param portal: who may come in, an avatar being an C{IMQTTUser}; None: everybody if only this machine can reach
            the place, and otherwise nobody.
        @param policy: what is allowed here; None: what is allowed everywhere.
        @param mount: the mount point that they live under.
        @param mechanisms: ways for a client of 5.0 to prove who it is.
        @param versions: of MQTT that are spoken here: 3, 4 and 5 for 3.1, 3.1.1 and 5.0.
        @param max_connections: so many clients may be connected here at a time; 0 for no limit of its own.
        @param realm: what those may do who are let in without a portal; None: everything, and look into C{$SYS}.
        """
        self.mechanisms = mechanisms
        self.versions = versions
        self.max_connections = max_connections
        self.name = name or str(endpoint)
        self.realm = Realm(LocalUser) if realm is None else realm
        self.endpoint = endpoint
        self.portal = portal
        self.policy = policy
        self.mount = mount
        self.key = (endpoint if key is None else key, mount)


class Listener:
    """
    One endpoint.

    @ivar place: what it was made from.
    @ivar endpoint: what listens.
    @ivar address: what it listens on, once it does.
    """

    def __init__(
        self, place: Place, broker: Broker, reactor: Any, seconds: Callable[[], float], door: Door | None = None
    ) -> None:
        """
        @param door: that of all listeners of this broker.
        @raise ValueError: the place's endpoint string is none.
        """
        self.place = place
        self.address: IAddress | None = None
        self._broker = broker
        self.endpoint = server_endpoint(reactor, place.endpoint) if isinstance(place.endpoint, str) else place.endpoint
        self._terms = Terms(broker.policy, place.mount)
        self._portal = Portal(Realm(LocalUser))
        self.factory = BrokerFactory(broker, self._portal, reactor, seconds, self._terms, door=door)
        self._opening: Deferred[None] | None = None
        self._port: IListeningPort | None = None
        self.adopt(place)

    def adopt(self, place: Place) -> None:
        """
        From now on this is who may come in, and on what terms. Whoever is connected stays.
        """
        self.place = place
        terms = self._terms
        terms.policy = place.policy or self._broker.policy
        terms.versions = place.versions
        terms.max_connections = place.max_connections
        portal = place.portal
        if portal is None:
            portal = Portal(place.realm)
            if self.address is not None and only_from_here(self.endpoint, self.address):
                portal.registerChecker(Anybody())
        self._portal = self.factory.portal = portal
        self.factory.offer(place.mechanisms)

    def open(self) -> Deferred[None]:
        """
        Begin to listen; fails with C{CannotListen}.
        """
        self._opening = maybeDeferred(self.endpoint.listen, self.factory).addCallbacks(self._opened, self._failed)
        return self._opening

    def _opened(self, port: IListeningPort) -> None:
        self._opening = None
        self._port = port
        self.address = port.getHost()
        self.adopt(self.place)  # now it shows who can reach it, before the first client is accepted

    def _failed(self, failure: Failure) -> None:
        self._opening = None
        raise cannot_listen(self.place.name, failure)

    def close(self) -> Deferred[None]:
        """
        Accept nobody any more.
        """
        opening, self._opening = self._opening, None
        port, self._port = self._port, None
        if opening is not None:
            opening.addErrback(lambda _: None)
            opening.cancel()
        return port.stopListening() or succeed(None) if port is not None else succeed(None)

    def announce(self) -> None:
        """
        Tell the log where it listens, and who may come in.
        """
        where = f"{self.where} ({self.place.name})"
        if self.admits:
            _log.info("listening on {where}: {admits}", where=where, admits=self.admits)
        else:
            _log.warn(
                "listening on {where}: NOBODY IS LET IN, because other machines can reach it and nothing says who "
                "may come; --auth anonymous lets everybody in, --help-auth lists the rest (in a program: a portal)",
                where=where,
            )

    @property
    def admits(self) -> str:
        """
        Who is let in, in words for the log; empty when nobody is.
        """
        known = self._portal.listCredentialsInterfaces()
        if IAnonymous in known:
            return "anonymous clients are let in"
        return "clients must log in" if known or self.factory.mechanisms else ""

    @property
    def where(self) -> str:
        """
        What it listens on, in words for the log.
        """
        address = self.address
        if isinstance(address, UNIXAddress):
            return fsdecode(address.name or b"")
        host, port = getattr(address, "host", None), getattr(address, "port", None)
        if host is None:
            return str(address)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def cannot_listen(name: str, failure: Failure) -> CannotListen:
    """
    What a failure to listen means, in one line.

    @param name: what the listener is called.
    """
    error = failure.value
    cause = error.socketError if isinstance(error, CannotListenError) else error
    why = (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(cause).__name__
    return CannotListen(f"cannot listen on {name}: {' '.join(why.split())}")


class _Probe:
    """
    Stands in for a reactor: takes what an endpoint wants, and gives it back at once.
    """

    def listenTCP(self, port: int, factory: Factory, backlog: int = 50, interface: str = "") -> None:
        """
        See C{IReactorTCP}.
        """
        with socket(AF_INET6 if isIPv6Address(interface) else AF_INET, SOCK_STREAM) as probe:
            probe.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            probe.bind((interface, port))

    def listenSSL(
        self, port: int, factory: Factory, contextFactory: object, backlog: int = 50, interface: str = ""
    ) -> None:
        """
        See C{IReactorSSL}.
        """
        self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self, address: bytes | str, factory: Factory, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> None:
        """
        See C{IReactorUNIX}: whether there is room for the socket, and whether nobody serves it.
        """
        path = fsdecode(address)
        if os.path.isabs(path):  # others depend on the folder that a daemon changes to
            folder = os.path.dirname(path)
            os.stat(folder)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(EACCES, os.strerror(EACCES), folder)
            if wantPID and isLocked(f"{path}.lock"):
                raise CannotListenError(None, path, "another process serves it")


#: Kinds of listeners that can be tried.
_PROBED = ("tcp:", "tcp6:", "ssl:", "tls:", "unix:")


def attempt(description: str) -> None:
    """
    Find out whether a listener could be opened now, and leave nothing open. Unusual ones are taken on trust.

    @raise CannotListen: it could not.
    """
    if beneath(description).startswith(_PROBED) and ":over=" not in description:
        failed: list[Failure] = []
        server_endpoint(_Probe(), description).listen(Factory()).addErrback(failed.append)
        if failed:
            raise cannot_listen(description, failed[0])
