"""
Tests of txmqtt.net.auth.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.cred.checkers import (
    ANONYMOUS,
    AllowAnonymousAccess,
    ICredentialsChecker,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin, UnhandledCredentials
from twisted.cred.portal import IRealm, Portal
from twisted.cred.strcred import makeChecker
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyClass, verifyObject

from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect
from txmqtt.net.auth import (
    Anybody,
    FirstOf,
    IMQTTUser,
    LocalUser,
    LoginDenied,
    LoginUndecided,
    Realm,
    User,
    UsernamePassword,
    credentials_of,
)


def name_of(portal: Portal, packet: Connect) -> str | None:
    """
    Log in, and say as whom.
    """
    results: list[object] = []
    portal.login(credentials_of(packet), None, IMQTTUser).addBoth(results.append)
    (result,) = results
    if isinstance(result, tuple):
        return IMQTTUser(result[1]).name
    result.raiseException()  # type: ignore[attr-defined]
    raise AssertionError


class CredentialsTests(SynchronousTestCase):
    def test_who(self) -> None:
        """
        A CONNECT with user name or password logs in with them, one without either anonymously.
        """
        anonymous = credentials_of(Connect("c", 5))
        self.assertTrue(IAnonymous.providedBy(anonymous))
        for username, password, expected in (
            ("u", b"p", (b"u", b"p")),
            ("u", None, (b"u", b"")),
            (None, b"p", (b"", b"p")),
            ("ü", b"\x00\xff", ("ü".encode(), b"\x00\xff")),
        ):
            with self.subTest(username=username, password=password):
                credentials = credentials_of(Connect("c", 5, username=username, password=password))
                verifyObject(IUsernamePassword, credentials)
                assert isinstance(credentials, UsernamePassword)
                self.assertEqual((credentials.username, credentials.password), expected)

    def test_password(self) -> None:
        """
        A password is right or wrong as a whole, also where a checker keeps it as text.
        """
        credentials = UsernamePassword(b"u", "pä".encode())
        self.assertTrue(credentials.checkPassword("pä".encode()))
        self.assertTrue(credentials.checkPassword("pä"))
        for wrong in (b"", b"p", "pä ".encode(), "p"):
            self.assertFalse(credentials.checkPassword(wrong))

    def test_never_shown(self) -> None:
        """
        Credentials do not show their password when somebody prints them.
        """
        self.assertNotIn("secret", repr(UsernamePassword(b"u", b"secret")) + str(UsernamePassword(b"u", b"secret")))


@implementer(ICredentialsChecker)
class Saying:
    """
    A checker that always fails in the same way.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
        return fail(self.error)


class CheckerTests(SynchronousTestCase):
    def portal(self, *checkers: ICredentialsChecker) -> Portal:
        return Portal(Realm(), checkers)

    def test_anybody(self) -> None:
        """
        Anybody comes in under the name that they give, or under none.
        """
        verifyObject(ICredentialsChecker, Anybody())
        portal = self.portal(Anybody())
        self.assertEqual(name_of(portal, Connect("c", 5, username="ü", password=b"x")), "ü")
        self.assertIsNone(name_of(portal, Connect("c", 5)))

    def test_file(self) -> None:
        """
        Twisted's "file:" checker knows MQTT's user names, whatever alphabet they are in.
        """
        with TemporaryDirectory() as directory:
            path = Path(directory, "passwords")
            path.write_bytes("alice:secret\nzoë:geheim\n".encode())
            portal = self.portal(makeChecker(f"file:{path}"))
            for name, password in (("alice", b"secret"), ("zoë", b"geheim")):
                self.assertEqual(name_of(portal, Connect("c", 5, username=name, password=password)), name)
            for name, password in (("alice", b"geheim"), ("bob", b"secret"), ("alice", b"")):
                with self.assertRaises(UnauthorizedLogin):
                    name_of(portal, Connect("c", 5, username=name, password=password))

    def test_memory(self) -> None:
        """
        Twisted's checker in memory does too.
        """
        checker = InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret")
        portal = self.portal(checker)
        self.assertEqual(name_of(portal, Connect("c", 5, username="alice", password=b"secret")), "alice")
        with self.assertRaises(UnauthorizedLogin):
            name_of(portal, Connect("c", 5, username="alice", password=b"Secret"))

    def test_anonymous(self) -> None:
        """
        Twisted's "anonymous" checker lets in those who give no name, and only those.
        """
        portal = self.portal(makeChecker("anonymous"))
        self.assertIsNone(name_of(portal, Connect("c", 5)))
        with self.assertRaises(UnhandledCredentials):
            name_of(portal, Connect("c", 5, username="u", password=b"p"))

    def test_first_of(self) -> None:
        """
        Of several checkers the first that knows somebody lets them in; the last refusal is told.
        """
        one = InMemoryUsernamePasswordDatabaseDontUse(alice=b"a")
        two = InMemoryUsernamePasswordDatabaseDontUse(bob=b"b")
        first = FirstOf([one, two, AllowAnonymousAccess()])
        verifyObject(ICredentialsChecker, first)
        portal = self.portal(first)
        self.assertEqual(name_of(portal, Connect("c", 5, username="alice", password=b"a")), "alice")
        self.assertEqual(name_of(portal, Connect("c", 5, username="bob", password=b"b")), "bob")
        self.assertIsNone(name_of(portal, Connect("c", 5)))
        with self.assertRaises(LoginFailed):
            name_of(portal, Connect("c", 5, username="bob", password=b"a"))

    def test_who_stops(self) -> None:
        """
        Whoever a checker denies, or can't decide about, does not come in by another that would take him; whoever it
        does not know may.
        """
        for error, may in (
            (UnhandledCredentials(), True),
            (UnauthorizedLogin(), True),  # so say Twisted's own, of strangers too
            (LoginDenied(), False),
            (LoginUndecided("no answer"), False),
            (ValueError(), False),
        ):
            with self.subTest(error=error):
                portal = self.portal(FirstOf([Saying(error), Anybody()]))
                packet = Connect("c", 5, username="ann", password=b"x")
                if may:
                    self.assertEqual(name_of(portal, packet), "ann")
                else:
                    with self.assertRaises(type(error)):
                        name_of(portal, packet)

    def test_undecided(self) -> None:
        """
        A login that can't be decided says what the client is told; that is no word on its password.
        """
        self.assertEqual(LoginUndecided("no answer").reason, reasons.SERVER_UNAVAILABLE)
        self.assertEqual(LoginUndecided("too many", reasons.SERVER_BUSY).reason, reasons.SERVER_BUSY)
        self.assertNotIsInstance(LoginUndecided("no answer"), LoginFailed)


class RealmTests(SynchronousTestCase):
    def test_interfaces(self) -> None:
        """
        Realm and user are what Twisted and the broker ask for.
        """
        verifyObject(IRealm, Realm())
        verifyClass(IMQTTUser, User)
        verifyObject(IMQTTUser, User("u"))

    def test_everything(self) -> None:
        """
        A user may do everything unless a subclass says otherwise.
        """
        user = User(None)
        self.assertTrue(user.unrestricted and user.may_publish("a") and user.may_receive("a"))
        self.assertEqual(user.granted("#", 2), 2)

    def test_sys(self) -> None:
        """
        Everything does not include $SYS, except for users of whom it is said.
        """
        self.assertEqual([User("u").sees_sys, LocalUser("u").sees_sys], [False, True])
        self.assertTrue(LocalUser("u").unrestricted)

    def test_own_users(self) -> None:
        """
        A program makes users of its own from their names; None is anonymous.
        """
        made: list[str | None] = []

        def make(name: str | None) -> User:
            made.append(name)
            return User(name)

        realm = Realm(make)
        for avatar in (b"alice", "bob", "zoë".encode(), ANONYMOUS):
            interface, user, logout = self.successResultOf(realm.requestAvatar(avatar, None, IMQTTUser))
            self.assertIs(interface, IMQTTUser)
            self.assertIsInstance(user, User)
            logout()
        self.assertEqual(made, ["alice", "bob", "zoë", None])

    def test_other_interfaces(self) -> None:
        """
        Whoever asks the realm for another kind of avatar is told that there is none.
        """
        with self.assertRaises(NotImplementedError):
            Realm().requestAvatar(b"alice", None, ICredentials)
