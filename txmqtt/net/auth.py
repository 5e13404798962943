"""
Who may come in, and what may they do: twisted.cred, seen from MQTT.

A CONNECT becomes credentials; C{Portal.login} answers with an avatar that provides L{IMQTTUser}. Checkers come from
Twisted (C{--auth}), from a plugin, or from the program that embeds the broker; each may take its time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Any

from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.cred.credentials import IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin, UnhandledCredentials
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress
from zope.interface import Attribute, Interface, implementer

from txmqtt.codec.packets import Connect
from txmqtt.codec.reasons import SERVER_UNAVAILABLE


class IMQTTUser(Interface):
    """
    Somebody who is logged in, and what he may do. The answers are immediate, and remembered for each topic.
    """

    name: str | None = Attribute("the user name; None for anonymous: sessions belong to it")
    unrestricted: bool = Attribute("everything is allowed: none of the methods is asked")
    sees_sys: bool = Attribute("if unrestricted: may subscribe to C{$SYS}; otherwise C{granted} is asked about it too")

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
    A user who may do everything, only not look into the broker: C{$SYS} is not for everybody. Subclass it, say
    C{unrestricted = False}, and answer otherwise.
    """

    unrestricted = True
    sees_sys = False

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


class LocalUser(User):
    """
    A user who may do everything, and sees C{$SYS}: for listeners that only this machine can reach.
    """

    sees_sys = True


class Identity:
    """
    Whom a checker recognised, where a name does not say it all: what C{requestAvatarId} may answer instead of one.

    @ivar name: the user name; None for anonymous.
    @ivar permissions: what he may do, an C{IMQTTUser}; None where the realm decides.
    @ivar expires_at: when what let him in is no longer good, seconds of the world's clock (C{time.time}); None: never.
    """

    def __init__(self, name: str | None, permissions: object | None = None, expires_at: float | None = None) -> None:
        self.name = name
        self.permissions = permissions
        self.expires_at = expires_at


class LoginDenied(UnauthorizedLogin):
    """
    A checker knows who this is, or claims to be, and says no: no other checker is asked.
    """


class LoginUndecided(Exception):
    """
    A checker can't tell now: it has too much to do, or whom it asks does not answer. Nobody is let in, no other
    checker is asked, and the client may come again.

    @ivar reason: the reason code for the client, C{SERVER_BUSY} or C{SERVER_UNAVAILABLE}.
    """

    def __init__(self, message: str, reason: int = SERVER_UNAVAILABLE) -> None:
        super().__init__(message)
        self.reason = reason


#: What a checker may answer: Twisted's own answer with bytes, or C{ANONYMOUS}.
AvatarId = bytes | str | tuple[()] | Identity


def identity(avatar_id: AvatarId) -> Identity:
    """
    Whom a checker means, whatever the form of its answer.
    """
    if isinstance(avatar_id, Identity):
        return avatar_id
    if isinstance(avatar_id, tuple):
        return Identity(None)
    return Identity(avatar_id.decode() if isinstance(avatar_id, bytes) else avatar_id)


def recognised(avatar_id: AvatarId, mind: object) -> Identity:
    """
    Whom a realm is asked for. How long what let him in is good is noted on his credentials, for the connection to heed.

    @param mind: the credentials.
    """
    who = identity(avatar_id)
    if isinstance(mind, _Said):
        mind.good_until = who.expires_at
    return who


@implementer(IRealm)
class Realm:
    """
    Every user whom a checker lets in may do everything, unless the checker itself says what he may do.

    @param make: makes the user from a name, None for anonymous.
    """

    def __init__(self, make: Callable[[str | None], object] = User) -> None:
        self._make = make

    def requestAvatar(
        self, avatarId: AvatarId, mind: object, *interfaces: object
    ) -> Deferred[tuple[type[Interface], object, Callable[[], None]]]:
        """
        See C{IRealm}.

        @param mind: the credentials that let the user in, an C{IMQTTCredentials}; None where there were none.
        """
        if IMQTTUser not in interfaces:
            raise NotImplementedError(f"this realm knows {IMQTTUser.__name__} only")
        who = recognised(avatarId, mind)
        return succeed((IMQTTUser, who.permissions or self._make(who.name), _nothing))


def _nothing() -> None:
    """
    How to log out somebody who leaves nothing behind.
    """


class IMQTTCredentials(ICredentials):
    """
    All that a CONNECT and its connection say of who it is. Every credentials of ours provide it, besides Twisted's own
    interface of their kind, for checkers that want to know more than a name and a password.
    """

    username: bytes | None = Attribute("the user name, UTF-8; None: it gave none")
    password: bytes | None = Attribute("the password; None: it gave none")
    client_id: str = Attribute("the client identifier; empty: it wants one assigned")
    version: int = Attribute("3, 4 or 5: MQTT 3.1, 3.1.1 or 5.0")
    address: IAddress | None = Attribute("where it is: the client's own address, also behind a proxy that tells it")
    good_until: float | None = Attribute(
        "when what let it in is no longer good, seconds of the world's clock; written by the realm, None: never"
    )
    let_in_by: str = Attribute("which of several checkers let it in, by the name that it has there; empty: unknown")
    certificate: Any = Attribute("what it showed for TLS, verified, an OpenSSL.crypto.X509; None: it showed none")


class _Said:
    """
    What the credentials of every kind know.
    """

    def __init__(
        self,
        username: bytes | None = None,
        password: bytes | None = None,
        client_id: str = "",
        version: int = 5,
        address: IAddress | None = None,
        certificate: Any = None,
    ) -> None:
        self.username = username
        self.password = password
        self.client_id = client_id
        self.version = version
        self.address = address
        self.certificate = certificate
        self.good_until: float | None = None
        self.let_in_by = ""


@implementer(IAnonymous, IMQTTCredentials)
class Nameless(_Said):
    """
    A CONNECT with neither user name nor password.
    """


@implementer(IUsernamePassword, IMQTTCredentials)
class UsernamePassword(_Said):
    """
    The user name and password of a CONNECT. A plain password is compared in constant time.
    """

    username: bytes
    password: bytes

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

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
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

    Who goes on and who stops: C{UnhandledCredentials} says "I do not know him", and the next is asked.
    L{LoginDenied} says "I know him, and no", and nobody else is: otherwise whoever is blocked here, or has a new
    password here, would come in by what some older place still says of him. Any other C{LoginFailed} goes on, because
    Twisted's own checkers say the same of a stranger and of a wrong password. Whatever else is raised, a
    L{LoginUndecided} above all, ends the login: that a checker can't be asked must not open a way around it.
    """

    def __init__(self, checkers: Sequence[ICredentialsChecker], names: Sequence[str] = ()) -> None:
        """
        @param names: what they are called; whose answer it was is noted on the credentials.
        """
        self._checkers = checkers
        self._names = names or [""] * len(checkers)
        self.credentialInterfaces = tuple({kind for each in checkers for kind in each.credentialInterfaces})

    async def _ask(self, credentials: ICredentials) -> AvatarId:
        refusal: Exception = UnhandledCredentials("no checker for these credentials")
        for checker, name in zip(self._checkers, self._names, strict=True):
            if any(kind.providedBy(credentials) for kind in checker.credentialInterfaces):
                try:
                    answer: Any = await maybeDeferred(checker.requestAvatarId, credentials)
                except LoginDenied:
                    raise
                except LoginFailed as error:
                    refusal = error
                    continue
                if isinstance(credentials, _Said):
                    credentials.let_in_by = name
                found: AvatarId = answer
                return found
        raise refusal

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
        """
        See C{ICredentialsChecker}.
        """
        return Deferred.fromCoroutine(self._ask(credentials))


def credentials_of(packet: Connect, address: IAddress | None = None, certificate: Any = None) -> ICredentials:
    """
    What a CONNECT says of who it is.

    @param address: where it comes from.
    @param certificate: what it showed for TLS, an C{OpenSSL.crypto.X509}; None for none.
    """
    about = (packet.client_id, packet.version, address, certificate)
    if packet.username is None and packet.password is None:
        return Nameless(None, None, *about)
    username = packet.username.encode() if packet.username is not None else b""
    return UsernamePassword(username, packet.password or b"", *about)
