"""
The broker's side of enhanced authentication: a mechanism judges what the client says, then the realm is asked for the
avatar, when the client comes in and again whenever it proves itself again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.cred.credentials import ICredentials
from twisted.cred.error import LoginFailed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface

from txmqtt.broker.registry import Member
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect
from txmqtt.net.access.mechanisms import Challenge, IExchange, IMechanism, Success
from txmqtt.net.auth import AvatarId, IMQTTUser, LoginUndecided, identity
from txmqtt.net.protocol import MQTTProtocol
from txmqtt.session.server import ServerSession
from txmqtt.session.voice import OPEN, OPENING

_log = Logger()

#: Seconds between two looks at the clock.
_LOOK = 60.0

#: What a login answers: the interface asked for, the avatar, and how to log it out.
Avatar = tuple[type[Interface], object, Callable[[], object]]


class ProvingProtocol(MQTTProtocol):
    """
    The part of the broker's protocol in which a client proves who it is.
    """

    session: ServerSession

    let_in_by = ""
    user: str | None = None
    _logout: Callable[[], object] | None = None
    _exchange: IExchange | None = None
    _said: Any = None
    _packet: Connect | None = None
    _good_until: float | None = None
    _ending: IDelayedCall | None = None
    _proven: str | None = None

    def _prove(self, packet: Connect, method: str, said: ICredentials) -> None:
        """
        Let a client in that names an authentication method, if it proves who it is.

        @param said: what CONNECT and its connection say of who it is.
        """
        offered = self._offered()
        if method not in offered:  # [MQTT5-4.12.0-1]
            names = ", ".join(sorted(offered)) or "none"
            self.session.end(
                reasons.BAD_AUTHENTICATION_METHOD, f"authentication method {method[:64]!r}; supported: {names}"
            )
            return
        self._said = said
        self._packet = packet
        self._begin(packet.properties.authentication_data if packet.properties is not None else None)

    def answering(self, data: bytes | None) -> None:
        """
        See C{ServerLink}.
        """
        self._run(self._step(data))

    def renewing(self, data: bytes | None) -> None:
        """
        See C{ServerLink}.
        """
        self._begin(data)

    def _begin(self, data: bytes | None) -> None:
        self._exchange = None
        self._run(self._step(data))

    def _run(self, flow: Awaitable[None]) -> None:
        # Nobody cancels it when the client leaves: what a stranger's mechanism began, it ends.
        Deferred.fromCoroutine(flow).addErrback(self._unproven)  # type: ignore[arg-type] # every coroutine is one

    async def _step(self, data: bytes | None) -> None:
        """
        The client has spoken, and is answered.
        """
        method = self.session.method or ""
        if self._exchange is None:
            mechanism = self._offered().get(method)
            if mechanism is None:
                raise LoginFailed("it is no longer offered")
            self._exchange = mechanism.begin(self._said)
        answer: object = await maybeDeferred(self._exchange.step, data)
        self.turn.now = self._seconds()
        if isinstance(answer, Challenge):
            self.session.challenge(answer.data)
            self._answered()
        elif isinstance(answer, Success):
            await self._succeeded(answer)
        else:
            raise TypeError(f"{method!r} answered {type(answer).__name__}; expected Challenge or Success")

    async def _succeeded(self, success: Success) -> None:
        self._exchange = None
        phase = self.session.phase
        if phase not in (OPENING, OPEN):
            return  # it did not wait for the answer
        name = identity(success.identity).name
        if phase == OPEN and name != self._proven:
            raise LoginFailed(f"now it is {name!r}")
        avatar = await self._avatar(success.identity)
        self._said.let_in_by = self.session.method or ""
        self._heed(avatar, self._said)
        if phase == OPENING:
            self._proven = name
            self.session.last_word = success.data
            assert self._packet is not None
            packet, self._packet = self._packet, None
            self._welcome(avatar, packet)
        else:
            self._replace(avatar, success.data)

    async def _avatar(self, avatar_id: AvatarId) -> Avatar:
        asked: Deferred[Avatar] = maybeDeferred(self._realm().requestAvatar, avatar_id, self._said, IMQTTUser)
        return await asked

    def _replace(self, avatar: Avatar, last_word: bytes | None) -> None:
        """
        From now on the client may do what its new avatar may.
        """
        _, who, logout = avatar
        user: Any = IMQTTUser(who)
        member = self.session.member
        if self.session.phase != OPEN or not isinstance(member, Member) or user.name != self.user:
            log_out(logout, self.session.client_id)
            if self.session.phase == OPEN:
                raise LoginFailed(f"now it is {user.name!r}")
            return
        old, self._logout = self._logout, logout
        permissions = None if user.unrestricted else user
        member.change_permissions(permissions, permissions is not None or user.sees_sys)
        self._look_at_end()
        self.turn.now = self._seconds()
        self.session.renewed(last_word)
        self._answered()
        log_out(old, self.session.client_id)

    # How long it is good

    def _heed(self, avatar: Avatar, said: Any) -> Avatar:
        """
        A login may be good for some time only.

        @param said: the credentials, on which the realm has noted it.
        """
        self._good_until = said.good_until
        self.let_in_by = said.let_in_by
        return avatar

    def _look_at_end(self) -> None:
        """
        Let the client go when what let it in is no longer good. The clock of the world decides, which may be set, so it
        is looked at now and then.
        """
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        self._ending = None
        if self._good_until is None or self.session.phase != OPEN:
            return
        self.turn.now = self._seconds()
        left = self._good_until - self.turn.wall
        if left > 0:
            self._ending = self._clock.callLater(min(left, _LOOK), self._look_at_end)
            return
        self.session.end(reasons.MAXIMUM_CONNECT_TIME, "what let it in is no longer good")
        self._answered()

    def _unproven(self, failure: Failure) -> None:
        """
        The client is not who it says, or that could not be found out.
        """
        self._exchange = None
        phase = self.session.phase
        if phase not in (OPENING, OPEN):
            return
        self.turn.now = self._seconds()
        method = self.session.method
        error: Any = failure.value
        if failure.check(LoginUndecided) is not None:
            reason, why = error.reason, str(error)
        elif failure.check(LoginFailed) is None:
            _log.failure("{method!r} could not be judged", failure=failure, method=method)
            reason, why = reasons.SERVER_UNAVAILABLE, "the authentication could not be judged"
        else:
            _log.info(
                "{method!r} of client {client!r}: {why}",
                method=method,
                client=self.session.client_id[:64],
                why=failure.getErrorMessage(),
            )
            self._denied()
            again = "re-" if phase == OPEN else ""
            reason, why = reasons.NOT_AUTHORIZED, f"{again}authentication by {method!r} failed"
        self.session.end(reason, why)  # [MQTT5-4.12.0-4] [MQTT5-4.12.1-2]
        self._answered()

    # What the rest of the protocol does about it

    def _offered(self) -> Mapping[str, IMechanism]:
        """
        The mechanisms that there are at this time, by name.
        """
        raise NotImplementedError

    def _realm(self) -> Any:
        """
        Who makes avatars at this time, an C{IRealm}.
        """
        raise NotImplementedError

    def _welcome(self, answer: Avatar, packet: Connect) -> None:
        raise NotImplementedError

    def _answered(self) -> None:
        raise NotImplementedError

    def _denied(self) -> None:
        """
        The client is not who it says: whoever guesses is slowed.
        """
        raise NotImplementedError


def log_out(logout: Callable[[], object] | None, client_id: str) -> None:
    """
    Tell whoever made an avatar that it is no longer needed.
    """
    if logout is not None:
        try:
            logout()
        except Exception:
            _log.failure("the logout of {client!r} failed", client=client_id[:64])
