"""
One address where clients are let in: opened, told who may come, closed.
"""

from __future__ import annotations

import os
from errno import EACCES
from os import fsdecode
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

from twisted.cred.credentials import IAnonymous
from twisted.cred.portal import Portal
from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.python.lockfile import isLocked

from txmqtt.codec.errors import MQTTError
from txmqtt.net.auth import Anybody
from txmqtt.net.endpoints import beneath
from txmqtt.net.server import BrokerFactory
from txmqtt.service.config import listener, only_from_here


class CannotListen(MQTTError):
    """
    A listener can't be opened. The message says which, and why.
    """


class Listener:
    """
    One endpoint.

    @ivar name: as it was asked for: an endpoint string, or what an endpoint object says of itself.
    @ivar address: what it listens on, once it does.
    """

    def __init__(
        self, name: str, endpoint: IStreamServerEndpoint, factory: BrokerFactory, portal: Portal, open_at_home: bool
    ) -> None:
        """
        @param open_at_home: let everybody in if it turns out that only this machine can reach it.
        """
        self.name = name
        self.factory = factory
        self.address: IAddress | None = None
        self._endpoint = endpoint
        self._portal = portal
        self._open_at_home = open_at_home
        self._opening: Deferred[None] | None = None
        self._port: IListeningPort | None = None

    def open(self) -> Deferred[None]:
        """
        Begin to listen; fails with C{CannotListen}.
        """
        self._opening = maybeDeferred(self._endpoint.listen, self.factory).addCallbacks(self._opened, self._failed)
        return self._opening

    def _opened(self, port: IListeningPort) -> None:
        self._opening = None
        self._port = port
        self.address = port.getHost()
        if self._open_at_home and only_from_here(self.name, self.address):
            # Before the first client is accepted. A portal without checkers refuses everybody.
            self._portal.registerChecker(Anybody())
            self._open_at_home = False

    def _failed(self, failure: Failure) -> None:
        self._opening = None
        raise _cannot_listen(self.name, failure)

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

    @property
    def admits(self) -> str:
        """
        Who is let in, in words for the log; empty when nobody is.
        """
        known = self._portal.listCredentialsInterfaces()
        if not known:
            return ""
        return "anonymous clients are let in" if IAnonymous in known else "clients must log in"

    @property
    def place(self) -> str:
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


def _cannot_listen(name: str, failure: Failure) -> CannotListen:
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


def attempt(description: str) -> None:
    """
    Find out whether a listener could be opened now, and leave nothing open. Unusual ones are taken on trust.

    @raise CannotListen: it could not.
    """
    if beneath(description).startswith(("tcp:", "tcp6:", "ssl:", "unix:")):
        failed: list[Failure] = []
        listener(_Probe(), description).listen(Factory()).addErrback(failed.append)
        if failed:
            raise _cannot_listen(description, failed[0])
