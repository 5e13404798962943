"""
One address where clients are let in: opened, told who may come, closed.
"""

from __future__ import annotations

from twisted.cred.credentials import IAnonymous
from twisted.cred.portal import Portal
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.python.failure import Failure

from txmqtt.codec.errors import MQTTError
from txmqtt.net.auth import Anybody
from txmqtt.net.server import BrokerFactory
from txmqtt.service.config import only_from_here


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
        raise cannot_listen(self.name, failure.value)

    def close(self) -> Deferred[None]:
        """
        Accept nobody any more.
        """
        opening, self._opening = self._opening, None
        port, self._port = self._port, None
        if opening is not None:
            opening.addErrback(lambda _: None)
            opening.cancel()
        return maybeDeferred(port.stopListening) if port is not None else succeed(None)

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
            return str(address.name)
        host = getattr(address, "host", None)
        return f"{host or '*'}:{getattr(address, 'port', '?')}" if host is not None else str(address)


def cannot_listen(name: str, error: BaseException) -> CannotListen:
    """
    What went wrong, in one line.
    """
    cause = error.socketError if isinstance(error, CannotListenError) else error
    why = (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(cause).__name__
    return CannotListen(f"cannot listen on {name}: {' '.join(why.split())}")
