"""
The broker's side of a connection: who it is, whether they may come in, and what the log says about it.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable
from os import urandom
from time import monotonic

from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.broker.core import Broker
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect
from txmqtt.net.auth import IMQTTUser, credentials_of
from txmqtt.net.protocol import MQTTProtocol
from txmqtt.session.server import ServerSession
from txmqtt.session.voice import CLOSED, OPENING

_log = Logger()

_VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}


class MQTTServerProtocol(MQTTProtocol):
    """
    One client of the broker.
    """

    session: ServerSession

    def __init__(
        self,
        broker: Broker,
        portal: Portal,
        clock: IReactorTime,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        policy = broker.policy
        super().__init__(broker.turn, clock, seconds, policy.close_timeout)
        self._broker = broker
        self._portal = portal
        self._login: Deferred[None] | None = None
        self._logout: Callable[[], object] | None = None
        self._entered = False
        self._user: str | None = None
        broker.turn.now = seconds()
        self.session = ServerSession(
            broker.turn,
            self,
            self._not_connected,
            broker,
            policy.write_buffer,
            policy.connect_timeout,
            policy.opening_bytes,
        )

    @staticmethod
    def _not_connected(data: bytes) -> None:
        raise AssertionError("a write before the connection was made")

    def connectionMade(self) -> None:
        """
        Wait for CONNECT, but not for ever.
        """
        super().connectionMade()
        if isinstance(self.factory, BrokerFactory):
            self.factory.guests.add(self)
        self.session.nearer(self.session.deadline())

    @property
    def peer(self) -> str:
        """
        Who it is, for the log.
        """
        address = self.transport.getPeer()  # type: ignore[union-attr]
        host = getattr(address, "host", None)
        return f"{host}:{address.port}" if host is not None else str(getattr(address, "name", None) or address)

    def connecting(self, packet: Connect) -> None:
        """
        See C{ServerLink}: log in, then join.
        """
        if packet.properties is not None and packet.properties.authentication_method is not None:
            self.session.end(  # [MQTT5-4.12.0-1]
                reasons.BAD_AUTHENTICATION_METHOD,
                f"authentication method {packet.properties.authentication_method!r}, none is supported",
            )
            return
        login: Deferred[tuple[object, IMQTTUser, Callable[[], object]]] = maybeDeferred(
            self._portal.login, credentials_of(packet), None, IMQTTUser
        )
        self._login = login.addCallbacks(
            self._welcome, self._turn_away, callbackArgs=(packet,), errbackArgs=(packet,)
        )
        self._login.addErrback(self._failed)

    def _welcome(self, answer: tuple[object, IMQTTUser, Callable[[], object]], packet: Connect) -> None:
        _, user, logout = answer
        self._login = None
        if self.session.phase != OPENING:
            logout()
            return
        self._logout = logout
        self.turn.now = self._seconds()
        permissions = None if user.unrestricted else user
        token = hexlify(urandom(16)).decode() if not packet.client_id else ""
        self._user = user.name
        self._broker.join(self.session, packet, user.name, permissions, token)  # type: ignore[arg-type]
        self.turn.flush()

    def admitted(self) -> None:
        """
        See C{ServerLink}.
        """
        self._entered = True
        _log.info(
            "{peer} connected as {client!r}, user {user!r}, MQTT {version}, keep-alive {keep_alive} s",
            peer=self.peer,
            client=self.session.client_id,
            user=self._user,
            version=_VERSIONS[self.session.version],
            keep_alive=self.session.keep_alive,
        )

    def _turn_away(self, failure: Failure, packet: Connect) -> None:
        self._login = None
        if failure.check(LoginFailed, UnhandledCredentials) is None:
            _log.failure("the login of {client!r} failed", failure=failure, client=packet.client_id)
            self.session.end(reasons.SERVER_UNAVAILABLE, "the login could not be checked")
        elif packet.username is None and packet.password is None:
            self.session.end(reasons.NOT_AUTHORIZED, "anonymous clients are not allowed here")
        else:
            self.session.end(
                reasons.BAD_USER_NAME_OR_PASSWORD, f"wrong user name or password, for user {packet.username!r}"
            )
        self.turn.flush()

    def _failed(self, failure: Failure) -> None:
        """
        Our own mistake: it must not leave a client waiting for an answer.
        """
        _log.failure("could not let {client!r} in", failure=failure, client=self.session.client_id)
        self.session.end(reasons.UNSPECIFIED_ERROR, "internal error")
        self.turn.flush()

    def closing(self, reason: int, message: str) -> None:
        """
        See C{MQTTProtocol}.
        """
        if reason < reasons.FAILURE:
            _log.info("{peer} {client!r} disconnected", peer=self.peer, client=self.session.client_id)
            return
        if self._entered:
            if reason in _BROKEN:
                self._broker.stats.protocol_errors += 1
        else:
            self._broker.stats.connections_refused += 1
        _log.info(
            "{peer} {client!r} {verb}: {why} ({reason})",
            peer=self.peer,
            client=self.session.client_id,
            verb="was disconnected" if self._entered else "was refused",
            why=message,
            reason=reasons.name(reason),
        )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{MQTTProtocol}.
        """
        if self.session.phase != CLOSED:
            _log.info(
                "{peer} {client!r} went away: {why}",
                peer=self.peer,
                client=self.session.client_id,
                why=reason.getErrorMessage(),
            )
        super().connectionLost(reason)
        login, self._login = self._login, None
        if login is not None:
            login.addErrback(lambda _: None)
            login.cancel()
        logout, self._logout = self._logout, None
        if logout is not None:
            logout()
        if isinstance(self.factory, BrokerFactory):
            self.factory.left(self)


#: The reasons that say that a client broke a rule.
_BROKEN = frozenset(
    (
        reasons.MALFORMED_PACKET,
        reasons.PROTOCOL_ERROR,
        reasons.TOPIC_FILTER_INVALID,
        reasons.TOPIC_NAME_INVALID,
        reasons.RECEIVE_MAXIMUM_EXCEEDED,
        reasons.TOPIC_ALIAS_INVALID,
        reasons.PACKET_TOO_LARGE,
    )
)


class BrokerFactory(Factory):
    """
    Makes the broker's side of every connection of one listener.

    @param portal: who may come in.
    @ivar guests: every connection that is not closed, those that have not said who they are included.
    """

    noisy = False

    def __init__(
        self, broker: Broker, portal: Portal, clock: IReactorTime, seconds: Callable[[], float] = monotonic
    ) -> None:
        self.broker = broker
        self._portal = portal
        self._clock = clock
        self._seconds = seconds
        self.guests: set[MQTTServerProtocol] = set()
        self._waiting: list[Deferred[None]] = []

    def buildProtocol(self, addr: IAddress | None) -> MQTTServerProtocol:
        """
        See C{IProtocolFactory}.
        """
        protocol = MQTTServerProtocol(self.broker, self._portal, self._clock, self._seconds)
        protocol.factory = self
        return protocol

    def shut(self, message: str) -> None:
        """
        Let go of everybody who is still here.
        """
        for guest in list(self.guests):
            guest.session.end(reasons.SERVER_SHUTTING_DOWN, message)

    def left(self, guest: MQTTServerProtocol) -> None:
        """
        A connection is closed.
        """
        self.guests.discard(guest)
        if not self.guests:
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                waiter.callback(None)

    def whenEmpty(self) -> Deferred[None]:
        """
        Fires when no connection is left.
        """
        if not self.guests:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        return waiter
