"""
Who may come in, and what may they do: twisted.cred, seen from MQTT.

A CONNECT becomes credentials; C{Portal.login} answers with an avatar that provides L{IMQTTUser}. Checkers come from
Twisted (C{--auth}), from a plugin, or from the program that embeds the broker; each may take its time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hmac import compare_digest

from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.cred.credentials import Anonymous, IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from zope.interface import Attribute, Interface, implementer

from txmqtt.codec.packets import Connect


class IMQTTUser(Interface):
    """
    Somebody who is logged in, and what he may do. The answers are immediate, and remembered for each topic.
    """

    name: str | None = Attribute("the user name; None for anonymous: sessions belong to it")
    unrestricted: bool = Attribute("everything is allowed: none of the methods is asked")

    def may_publish(topic: str) -> bool:
        """
        May messages with this topic be accepted?
        """

    def granted(filter: str, qos: int) -> int:
        """
        The QoS granted to a subscription, at most C{qos}; or a reason code from 0x80 up.
        """

    def may_receive(topic: str) -> bool:
        """
        May messages with this topic be delivered?
        """


@implementer(IMQTTUser)
class User:
    """
    A user who may do everything. Subclass it, say C{unrestricted = False}, and answer otherwise.
    """

    unrestricted = True

    def __init__(self, name: str | None) -> None:
        self.name = name

    def may_publish(self, topic: str) -> bool:
        """
        See C{IMQTTUser}.
        """
        return True

    def granted(self, filter: str, qos: int) -> int:
        """
        See C{IMQTTUser}.
        """
        return qos

    def may_receive(self, topic: str) -> bool:
        """
        See C{IMQTTUser}.
        """
        return True


@implementer(IRealm)
class Realm:
    """
    Every user whom a checker lets in may do everything.

    @param make: makes the user from a name, None for anonymous.
    """

    def __init__(self, make: Callable[[str | None], object] = User) -> None:
        self._make = make

    def requestAvatar(
        self, avatarId: bytes | str | tuple[()], mind: object, *interfaces: object
    ) -> Deferred[tuple[type[Interface], object, Callable[[], None]]]:
        """
        See C{IRealm}.
        """
        if IMQTTUser not in interfaces:
            raise NotImplementedError(f"this realm knows {IMQTTUser.__name__} only")
        if avatarId is ANONYMOUS or isinstance(avatarId, tuple):
            name = None
        else:
            name = avatarId.decode() if isinstance(avatarId, bytes) else avatarId
        return succeed((IMQTTUser, self._make(name), _nothing))


def _nothing() -> None:
    """
    How to log out somebody who leaves nothing behind.
    """


@implementer(IUsernamePassword)
class UsernamePassword:
    """
    The user name and password of a CONNECT. A plain password is compared in constant time.
    """

    def __init__(self, username: bytes, password: bytes) -> None:
        self.username = username
        self.password = password

    def checkPassword(self, password: bytes | str) -> bool:
        """
        See C{IUsernamePassword}; some checkers keep passwords as text.
        """
        return compare_digest(self.password, password.encode() if isinstance(password, str) else password)


@implementer(ICredentialsChecker)
class Anybody:
    """
    Lets everybody in, under whatever name they give: for listeners that only this machine can reach.
    """

    credentialInterfaces = (IAnonymous, IUsernamePassword)

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        """
        See C{ICredentialsChecker}.
        """
        if isinstance(credentials, UsernamePassword):
            return succeed(credentials.username)
        return succeed(ANONYMOUS)


@implementer(ICredentialsChecker)
class FirstOf:
    """
    Several checkers as one, because a portal asks only one for each kind of credentials: whoever the first does not
    know may be known to the next.
    """

    def __init__(self, checkers: Sequence[ICredentialsChecker]) -> None:
        self._checkers = checkers
        self.credentialInterfaces = tuple({kind for each in checkers for kind in each.credentialInterfaces})

    async def _ask(self, credentials: ICredentials) -> bytes | tuple[()]:
        refusal: Exception = UnhandledCredentials("no checker for these credentials")
        for checker in self._checkers:
            if any(kind.providedBy(credentials) for kind in checker.credentialInterfaces):
                try:
                    return await maybeDeferred(checker.requestAvatarId, credentials)
                except LoginFailed as error:
                    refusal = error
        raise refusal

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        """
        See C{ICredentialsChecker}.
        """
        return Deferred.fromCoroutine(self._ask(credentials))


def credentials_of(packet: Connect) -> ICredentials:
    """
    What a CONNECT says of who it is.
    """
    if packet.username is None and packet.password is None:
        return Anonymous()
    username = packet.username.encode() if packet.username is not None else b""
    return UsernamePassword(username, packet.password or b"")
