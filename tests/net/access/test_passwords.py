"""
Tests of txmqtt.net.access.passwords.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnhandledCredentials
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.access.support import CHEAP, HandReactor, ask
from tests.net.access.test_hashes import OF_MOSQUITTO
from tests.service.support import scratch
from txmqtt.net.access import hashes
from txmqtt.net.access.hashing import InCaller
from txmqtt.net.access.passwords import Passwords, PasswordSettings
from txmqtt.net.auth import LoginDenied, LoginUndecided
from txmqtt.net.options import IReloadable


class Counting(InCaller):
    """
    Hashes in the caller, and counts how often; or later, when it is told to.
    """

    def __init__(self) -> None:
        self.count = 0
        self.later = False
        self.waiting: list[Callable[[], None]] = []
        self.jobs: list[Callable[[], Any]] = []

    def do(self, job: Callable[[], Any]) -> Deferred[Any]:
        self.count += 1
        self.jobs.append(job)
        if not self.later:
            return super().do(job)
        result: Deferred[Any] = Deferred()
        self.waiting.append(lambda: result.callback(job()))
        return result


class PasswordsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.path = scratch(self) / "passwords"
        self.hashing = Counting()
        self.write(ann="sesame", zoë="schlüssel")
        self.checker = self.made()

    def write(self, **users: str) -> None:
        lines = [f"{name}:{hashes.make(password.encode(), **CHEAP)}\n" for name, password in users.items()]
        self.path.write_text("".join(lines))
        self.path.chmod(0o600)

    def made(self, **settings: Any) -> Passwords:
        return Passwords(PasswordSettings(str(self.path), **settings), None, self.hashing, self.clock.seconds)

    def test_interfaces(self) -> None:
        """
        It is a checker that can be read again.
        """
        verifyObject(ICredentialsChecker, self.checker)
        verifyObject(IReloadable, self.checker)

    def test_users(self) -> None:
        """
        Who knows the password comes in, in any alphabet; who does not is denied; a stranger may be known elsewhere.
        """
        self.assertEqual(self.successResultOf(ask(self.checker, "ann", "sesame")), b"ann")
        self.assertEqual(self.successResultOf(ask(self.checker, "zoë", "schlüssel")), "zoë".encode())
        for name, password in (("ann", "schlüssel"), ("ann", ""), ("zoë", "sesame")):
            self.failureResultOf(ask(self.checker, name, password), LoginDenied)
        for name, password in (("bob", "sesame"), ("", "sesame"), ("Ann", "sesame")):
            self.failureResultOf(ask(self.checker, name, password), UnhandledCredentials)
        self.failureResultOf(ask(self.checker, b"\xff", "sesame"), UnhandledCredentials)
        self.assertEqual((self.checker.allowed, self.checker.denied, self.checker.unknown), (2, 3, 3))

    def test_mosquitto(self) -> None:
        """
        A file of mosquitto_passwd is used as it is.
        """
        self.path.write_text("".join(f"u{n}:{text}\n" for n, (_, text) in enumerate(OF_MOSQUITTO)))
        checker = self.made()
        for n, (secret, _) in enumerate(OF_MOSQUITTO):
            self.assertEqual(self.successResultOf(ask(checker, f"u{n}", secret)), f"u{n}".encode())
            self.failureResultOf(ask(checker, f"u{n}", b"x"), LoginDenied)

    def test_stranger(self) -> None:
        """
        A stranger costs one hash, as a user does, and always the same one; his password is never remembered.
        """
        for _ in range(2):
            self.failureResultOf(ask(self.checker, "bob", "sesame"), UnhandledCredentials)
        self.assertEqual(self.hashing.count, 2)
        chosen = {self.checker._somebody(b"bob") for _ in range(5)}
        self.assertEqual(len(chosen), 1)
        everybody = {self.checker._somebody(bytes([n])) for n in range(50)}
        self.assertEqual(len(everybody), 2)

    def test_empty(self) -> None:
        """
        An empty file knows nobody.
        """
        self.write()
        self.failureResultOf(ask(self.made(), "ann", "sesame"), UnhandledCredentials)

    def test_remembered(self) -> None:
        """
        A right password is not hashed again for a while; a wrong one always is.
        """
        checker = self.made(remember=10.0)
        for _ in range(3):
            self.successResultOf(ask(checker, "ann", "sesame"))
        self.assertEqual(self.hashing.count, 1)
        self.failureResultOf(ask(checker, "ann", "other"), LoginDenied)
        self.failureResultOf(ask(checker, "ann", "other"), LoginDenied)
        self.assertEqual(self.hashing.count, 3)
        self.clock.advance(10)
        self.successResultOf(ask(checker, "ann", "sesame"))
        self.assertEqual(self.hashing.count, 4)

    def test_not_remembered(self) -> None:
        """
        With a time of 0 every login is hashed.
        """
        checker = self.made(remember=0.0)
        for _ in range(2):
            self.successResultOf(ask(checker, "ann", "sesame"))
        self.assertEqual(self.hashing.count, 2)

    def test_reload(self) -> None:
        """
        When the file has changed and is read again, it is what counts, remembered passwords included.
        """
        self.successResultOf(ask(self.checker, "ann", "sesame"))
        self.assertFalse(self.checker.changed())
        self.write(ann="other", bob="hammer")
        self.assertTrue(self.checker.changed())
        self.successResultOf(ask(self.checker, "ann", "sesame"))
        self.checker.reload()
        self.assertFalse(self.checker.changed())
        self.failureResultOf(ask(self.checker, "ann", "sesame"), LoginDenied)
        self.successResultOf(ask(self.checker, "ann", "other"))
        self.assertEqual([self.checker.has(name) for name in ("ann", "bob", "zoë")], [True, True, False])

    def test_bad_reload(self) -> None:
        """
        A file that can't be used is named with its line, and the users stay those that they were.
        """
        self.path.write_text("ann:sesame\n")
        with self.assertRaisesRegex(ValueError, r"/passwords:1: not a password hash"):
            self.checker.reload()
        self.assertFalse(self.checker.changed())
        self.successResultOf(ask(self.checker, "ann", "sesame"))
        self.path.unlink()
        with self.assertRaisesRegex(ValueError, "No such file"):
            self.checker.reload()
        self.assertTrue(self.checker.has("ann"))

    def test_reload_meanwhile(self) -> None:
        """
        A password that was changed, or a user who was removed, while it was hashed lets nobody in.
        """
        self.hashing.later = True
        login = ask(self.checker, "ann", "sesame")
        self.write(bob="hammer")
        self.checker.reload()
        self.hashing.waiting.pop()()
        self.failureResultOf(login, LoginUndecided)

    def test_threads(self) -> None:
        """
        Unless told otherwise it hashes beside the reactor, and turns away whom it has no room for.
        """
        reactor = HandReactor()
        checker = Passwords(PasswordSettings(str(self.path), threads=1, waiting=0), reactor)
        self.addCleanup(checker.stop)
        self.assertEqual(checker.turned_away, 0)
        checker.stop()
        login = ask(checker, "ann", "sesame")
        self.failureResultOf(ask(checker, "ann", "sesame"), LoginUndecided)
        self.assertEqual(checker.turned_away, 1)
        reactor.take()
        self.assertEqual(self.successResultOf(login), b"ann")

    def test_secrets(self) -> None:
        """
        What is handed to a thread does not show the password.
        """
        self.hashing.later = True
        ask(self.checker, "ann", "sesame")
        self.assertNotIn("sesame", repr(self.hashing.jobs))
