"""
The broker's side of a connection: who it is, whether they may come in, and what the log says about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect
from txmqtt.net.access.mechanisms import IMechanism
from txmqtt.net.auth import IMQTTUser, LoginUndecided, credentials_of
from txmqtt.net.entry import Entry
from txmqtt.net.fairness import whole_read
from txmqtt.net.plugins import Client as PluginClient
from txmqtt.net.proving import Avatar, ProvingProtocol, log_out
from txmqtt.session.server import ServerSession
from txmqtt.session.voice import CLOSED, NEW, OPENING

if TYPE_CHECKING:
    from txmqtt.net.server_factory import BrokerFactory

_log = Logger()

_VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}

#: So much of a name that a client gave itself is shown, characters.
_SHOWN = 64


class MQTTServerProtocol(ProvingProtocol):
    """
    One client of the broker.

    @ivar entry: its way through the door.
    """

    _whole_read = 1 << 30
    _entered = False
    _said_name = ""

    def __init__(self, factory: BrokerFactory) -> None:
        broker = factory.broker
        policy = factory.terms.policy
        super().__init__(broker.turn, factory.clock, factory.seconds, policy.close_timeout)
        self.factory = self._factory = factory
        self._turn_end = factory.turn_end
        self.entry = Entry(self, factory.door, factory.terms)
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
        self._factory.accepts.accepted(self.transport)
        self._whole_read = whole_read(self.transport)
        if not self.entry.knock():
            # Only until the first bytes: what is asked for each read is asked for each message.
            self.dataReceived = self._first_bytes  # type: ignore[method-assign]
        if self.session.phase == NEW:
            self.session.nearer(self.session.deadline())

    def _first_bytes(self, data: bytes) -> None:
        del self.dataReceived
        self.entry.found()
        self.dataReceived(data)

    def dataReceived(self, data: bytes) -> None:
        """
        Feed the conversation; whatever it stirred is written when the turn ends.
        """
        if len(data) < self._whole_read:
            self.session.feed(data, self._seconds())
        else:
            began = self._seconds()
            self.session.feed(data, began)
            self._whole_read = self._factory.reads.read(self, self._seconds() - began)
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
        reason, why = self.entry.ask(packet, self._factory.broker.shedding, partial(self._login, packet))
        if reason:
            self.session.end(reason, why)

    def _login(self, packet: Connect) -> None:
        self.turn.now = self._seconds()
        self._said_name = packet.username or ""
        credentials = credentials_of(packet, self.transport.getPeer(), self._certificate())
        method = self.session.method
        if method is not None:
            self._prove(packet, method, credentials)
            return
        login = self._factory.portal.login(credentials, credentials, IMQTTUser)
        login.addCallback(self._heed, credentials)
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

    def later(self, delay: float, call: Callable[..., object], *more: object) -> IDelayedCall:
        """
        For the entry: call something after so many seconds.
        """
        return self._clock.callLater(delay, call, *more)

    def wait(self) -> None:
        """
        See C{txmqtt.net.fairness.Reader}.
        """
        if self.session.phase != CLOSED:
            self.transport.pauseProducing()

    def go_on(self) -> None:
        """
        See C{txmqtt.net.fairness.Reader}.
        """
        if self.session.phase != CLOSED and not self.session.held:
            self.transport.resumeProducing()

    def shut_out(self, reason: int, message: str) -> None:
        """
        For the entry: go, without a word if it has said none.
        """
        self.session.end(reason, message, self.session.phase == NEW)

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
        self.user = user.name
        permissions = None if user.unrestricted else user
        self.turn.now = self._seconds()
        sees_sys = permissions is not None or user.sees_sys
        plugins = self._factory.plugins
        if plugins is None or not plugins.connects:
            self._enter(packet, permissions, sees_sys)
            return
        asked = Deferred.fromCoroutine(plugins.connect(self._as_client(), packet))
        asked.addCallback(self._judged, packet, permissions, sees_sys).addErrback(self._failed)

    def _judged(self, verdict: int, packet: Connect, permissions: Any, sees_sys: bool) -> None:
        """
        The plugins have decided, and may have changed what the client asked for.
        """
        self.turn.now = self._seconds()
        if self.session.phase != OPENING:
            return
        if verdict:
            self.session.end(verdict, "a plugin said no")
            self._answered()
            return
        self.session.amend(packet)
        self._enter(packet, permissions, sees_sys)

    def _as_client(self) -> PluginClient:
        session, terms = self.session, self._factory.terms
        return PluginClient(session.client_id, self.user, terms.mount, session.version, self.peer)

    def _enter(self, packet: Connect, permissions: Any, sees_sys: bool) -> None:
        """
        Whoever it is is known, and may come in if there is room.
        """
        token = token_hex(16) if not packet.client_id else ""
        broker, terms = self._factory.broker, self._factory.terms
        key = (terms.mount, packet.client_id)
        reason, why = self.entry.enter(self.user, key, broker.registry.find(key))
        if reason:
            self.session.end(reason, why)
        else:
            broker.join(self.session, packet, self.user, permissions, token, terms, sees_sys)
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
        self.entry.inside()
        self.session.flush()  # whoever waits for the CONNACK need not wait for the log
        _log.info(
            "{peer} connected as {client!r}, user {user!r}, MQTT {version}, keep-alive {keep_alive} s",
            peer=self.peer,
            client=self.client,
            user=self.user,
            version=_VERSIONS[self.session.version],
            keep_alive=self.session.keep_alive,
        )
        self._look_at_end()
        if self._factory.plugins is not None:
            self._factory.plugins.connected(self._as_client())

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
            self._denied()
            self.session.end(reasons.BAD_USER_NAME_OR_PASSWORD, f"wrong user name or password, for user {user!r}")
        self._answered()

    def _denied(self) -> None:
        self.entry.failed(self._said_name)

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
        self.entry.leave()
        if reason < reasons.FAILURE:
            _log.info("{peer} {client!r} disconnected", peer=self.peer, client=self.client)
            return
        stats = self._factory.broker.stats
        if self._entered:
            if reason in _BROKEN:
                stats.protocol_errors += 1
            elif reason == reasons.SESSION_TAKEN_OVER:
                self.entry.taken_over((self._factory.terms.mount, self.session.client_id), self.peer)
        else:
            stats.connections_refused += 1
        if self.entry.quiet:
            return
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
        if phase not in (NEW, CLOSED):  # whoever only looks whether somebody listens says nothing, and comes often
            _log.info(
                "{peer} {client!r} went away: {why}",
                peer=self.peer,
                client=self.client,
                why=reason.getErrorMessage(),
            )
        super().connectionLost(reason)
        self.entry.leave()
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        self._factory.left(self)
        self._log_out()
        if self._entered and self._factory.plugins is not None:
            ended = reasons.UNSPECIFIED_ERROR if self.ended is None else self.ended
            self._factory.plugins.disconnected(self._as_client(), ended)

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
