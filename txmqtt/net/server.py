"""
The broker's side of a connection: who it is, whether they may come in, and what the log says about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from time import monotonic
from typing import Any

from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txmqtt.broker.core import Broker
from txmqtt.broker.terms import Terms
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect
from txmqtt.net.access.mechanisms import IMechanism
from txmqtt.net.auth import IMQTTUser, LoginUndecided, credentials_of
from txmqtt.net.proving import Avatar, ProvingProtocol, log_out
from txmqtt.net.turns import TurnEnd
from txmqtt.session.server import ServerSession
from txmqtt.session.voice import CLOSED, NEW, OPENING

_log = Logger()

_VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}

#: So much of a name that a client gave itself is shown, characters.
_SHOWN = 64


class MQTTServerProtocol(ProvingProtocol):
    """
    One client of the broker.
    """

    _entered = False

    def __init__(self, factory: BrokerFactory) -> None:
        broker = factory.broker
        policy = factory.terms.policy
        super().__init__(broker.turn, factory.clock, factory.seconds, policy.close_timeout)
        self.factory = self._factory = factory
        self._turn_end = factory.turn_end
        broker.turn.now = factory.seconds()
        self.session = ServerSession(
            broker.turn,
            self,
            _not_connected,
            broker,
            policy.write_buffer,
            policy.connect_timeout,
            policy.opening_bytes,
        )

    def connectionMade(self) -> None:
        """
        Wait for CONNECT, but not for ever.
        """
        super().connectionMade()
        self._factory.guests.add(self)
        self._factory.broker.stats.sockets += 1
        self.session.nearer(self.session.deadline())

    def dataReceived(self, data: bytes) -> None:
        """
        Feed the conversation; whatever it stirred is written when the turn ends.
        """
        self.session.feed(data, self._seconds())
        self._turn_end.read()

    @property
    def peer(self) -> str:
        """
        Where it is, for the log.
        """
        address = self.transport.getPeer()
        if isinstance(address, IPv4Address):
            return f"{address.host}:{address.port}"
        if isinstance(address, IPv6Address):
            return f"[{address.host}]:{address.port}"
        return str(address)

    @property
    def client(self) -> str:
        """
        Who it is, for the log.
        """
        return _shown(self.session.client_id)

    def connecting(self, packet: Connect) -> None:
        """
        See C{ServerLink}: log in, then join.
        """
        credentials = credentials_of(packet, self.transport.getPeer(), self._certificate())
        method = self.session.method
        if method is not None:
            self._prove(packet, method, credentials)
            return
        login = self._factory.portal.login(credentials, credentials, IMQTTUser)
        login.addBoth(self._clocked, self._seconds())
        # Nobody cancels a login when the client leaves: a cancelled Deferred swallows the avatar that comes all the
        # same, and with it the logout.
        login.addCallbacks(self._welcome, self._turn_away, callbackArgs=(packet,), errbackArgs=(packet,))
        login.addErrback(self._failed)

    def _offered(self) -> Mapping[str, IMechanism]:
        return self._factory.mechanisms

    def _realm(self) -> Any:
        return self._factory.portal.realm

    def _clocked(self, answer: Any, asked: float) -> Any:
        self._factory.broker.stats.logins.observe(self._seconds() - asked)
        return answer

    def _certificate(self) -> Any:
        """
        What the client showed for TLS, verified when it came; None for nothing.
        """
        shown = getattr(self.transport, "getPeerCertificate", None)
        return shown() if shown is not None else None

    def _welcome(self, answer: Avatar, packet: Connect) -> None:
        _, avatar, self._logout = answer
        if self.session.phase != OPENING:  # it did not wait for the answer
            self._log_out()
            return
        user = IMQTTUser(avatar)
        self._user = user.name
        permissions = None if user.unrestricted else user
        token = token_hex(16) if not packet.client_id else ""
        self.turn.now = self._seconds()
        sees_sys = permissions is not None or user.sees_sys
        factory = self._factory
        factory.broker.join(self.session, packet, user.name, permissions, token, factory.terms, sees_sys)
        self._answered()

    def _answered(self) -> None:
        """
        Write the answer, unless it came so fast that we are still reading: then all is written when that is done.
        """
        if not self.session.parsing:
            self.turn.flush()

    def admitted(self) -> None:
        """
        See C{ServerLink}.
        """
        self._entered = True
        _log.info(
            "{peer} connected as {client!r}, user {user!r}, MQTT {version}, keep-alive {keep_alive} s",
            peer=self.peer,
            client=self.client,
            user=self._user,
            version=_VERSIONS[self.session.version],
            keep_alive=self.session.keep_alive,
        )

    def _turn_away(self, failure: Failure, packet: Connect) -> None:
        if self.session.phase != OPENING:
            return
        if failure.check(LoginUndecided) is not None:  # the checker has logged why, where that matters
            error: Any = failure.value
            self.session.end(error.reason, str(error))
        elif failure.check(LoginFailed, UnhandledCredentials) is None:
            _log.failure("the login of {client!r} could not be checked", failure=failure, client=self.client)
            self.session.end(reasons.SERVER_UNAVAILABLE, "the login could not be checked")
        elif packet.username is None and packet.password is None:
            self.session.end(reasons.NOT_AUTHORIZED, "anonymous clients are not allowed here")
        else:
            user = _shown(packet.username or "")
            self.session.end(reasons.BAD_USER_NAME_OR_PASSWORD, f"wrong user name or password, for user {user!r}")
        self._answered()

    def _failed(self, failure: Failure) -> None:
        """
        Our own mistake: it must not leave a client waiting for an answer.
        """
        _log.failure("could not let {client!r} in", failure=failure, client=self.client)
        self.session.end(reasons.UNSPECIFIED_ERROR, "internal error")
        self._answered()

    def closing(self, reason: int, message: str) -> None:
        """
        See C{MQTTProtocol}.
        """
        if reason < reasons.FAILURE:
            _log.info("{peer} {client!r} disconnected", peer=self.peer, client=self.client)
            return
        stats = self._factory.broker.stats
        if self._entered:
            if reason in _BROKEN:
                stats.protocol_errors += 1
        else:
            stats.connections_refused += 1
        _log.info(
            "{peer} {client!r} {verb}: {why} ({reason})",
            peer=self.peer,
            client=self.client,
            verb="was disconnected" if self._entered else "was refused",
            why=message,
            reason=reasons.name(reason),
        )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See C{MQTTProtocol}.
        """
        phase = self.session.phase
        if phase != CLOSED:
            _log.emit(
                # Whoever only looks whether somebody listens says nothing, and comes often.
                LogLevel.debug if phase == NEW else LogLevel.info,
                "{peer} {client!r} went away: {why}",
                peer=self.peer,
                client=self.client,
                why=reason.getErrorMessage(),
            )
        super().connectionLost(reason)
        self._factory.left(self)
        self._log_out()

    def _log_out(self) -> None:
        logout, self._logout = self._logout, None
        log_out(logout, self.client)


def _not_connected(data: bytes) -> None:
    raise AssertionError("a write before the connection was made")


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


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
        reasons.RETAIN_NOT_SUPPORTED,
        reasons.QOS_NOT_SUPPORTED,
        reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
        reasons.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
        reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
    )
)


class BrokerFactory(Factory):
    """
    Makes the broker's side of every connection of one listener.

    @ivar terms: what they get who come in here.
    @ivar portal: who may come in.
    @ivar mechanisms: how a 5.0 client may prove in several steps who it is, by name.
    @ivar clock: for the alarms of the connections.
    @ivar seconds: a clock that never jumps, seconds.
    @ivar turn_end: says when what was stirred is written.
    @ivar guests: every connection that is not closed, those that have not said who they are included.
    """

    noisy = False

    def __init__(
        self,
        broker: Broker,
        portal: Portal,
        clock: IReactorTime,
        seconds: Callable[[], float] = monotonic,
        terms: Terms | None = None,
        mechanisms: Sequence[IMechanism] = (),
    ) -> None:
        self.broker = broker
        self.terms = broker.terms if terms is None else terms
        self.portal = portal
        self.offer(mechanisms)
        self.clock = clock
        self.seconds = seconds
        self.turn_end = TurnEnd(broker.turn, clock)
        self.guests: set[MQTTServerProtocol] = set()
        self._waiting: list[Deferred[None]] = []

    def offer(self, mechanisms: Sequence[IMechanism]) -> None:
        """
        From now on a 5.0 client may prove in these ways who it is.
        """
        self.mechanisms = {mechanism.name: mechanism for mechanism in mechanisms}

    def buildProtocol(self, addr: IAddress | None) -> MQTTServerProtocol:
        """
        See C{IProtocolFactory}.
        """
        return MQTTServerProtocol(self)

    def shut(self, message: str) -> None:
        """
        Let go of everybody who is still here.
        """
        for guest in list(self.guests):
            guest.session.server_reference = self.terms.policy.server_reference
            guest.session.end(self.terms.at_shutdown, message)

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
