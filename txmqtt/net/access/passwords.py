"""
Users and passwords from a file.

A stranger costs as much time as a user, so that nobody learns names from a clock: the password of a stranger is hashed
against the line of somebody whom his name chooses, always the same, and the result is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword
from twisted.cred.error import UnhandledCredentials
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txmqtt.codec.reasons import SERVER_BUSY
from txmqtt.net.access import password_file
from txmqtt.net.access.files import Files, anchored
from txmqtt.net.access.hashes import Hash
from txmqtt.net.access.hashing import Hashing, InCaller
from txmqtt.net.access.remembered import Remembered
from txmqtt.net.auth import LoginDenied, LoginUndecided
from txmqtt.net.options import IReloadable, Range

#: So many logins are remembered, some 200 bytes each.
_REMEMBERED = 20_000


@dataclass(frozen=True)
class PasswordSettings:
    """
    Passwords from a file, and what checking them may cost.

    @ivar file: the password file, lines NAME:HASH, made by txmqtt passwd or mosquitto_passwd.
    @ivar threads: so many passwords are hashed at once, each on a thread of its own, which takes 19 MiB for a hash of
        txmqtt passwd. Two keep two cores busy when everybody comes at once, and leave the broker its own.
    @ivar waiting: so many logins may wait for that; whoever comes then is told that the server is busy. A thousand are
        more than two threads do while a client waits.
    @ivar patience: a login that had to wait longer, seconds, is told that the server is busy: its client would not
        wait for the answer. Half of the time in which a client must be connected unless that is set otherwise.
    @ivar remember: a right password is not hashed again for so many seconds; 0 always hashes. What is remembered is
        a digest with a key that only this process has. Ten minutes serve clients that come, publish and go, and those
        that lost the network for a moment; longer helps a crowd that reconnects after hours, and keeps what whoever
        reads the memory of the broker could guess passwords with.
    """

    file: str
    threads: Annotated[int, Range(1, 64)] = 2
    waiting: Annotated[int, Range(0, 1_000_000)] = 1000
    patience: Annotated[float, Range(0.1, 600)] = 5.0
    remember: Annotated[float, Range(0, 604_800)] = 600.0


@implementer(ICredentialsChecker, IReloadable)
class Passwords:
    """
    Lets in whom a password file knows by name and password.

    @ivar allowed: how many came in.
    @ivar denied: how many users gave a wrong password.
    @ivar unknown: how many strangers there were.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self,
        settings: PasswordSettings,
        reactor: Any = None,
        hashing: Hashing | InCaller | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        """
        @param reactor: the global one, unless you have another.
        @param hashing: where passwords are hashed, unless on threads of its own.
        @param seconds: a clock that never jumps.
        @raise ValueError: the file can't be read, or not be used; says which line.
        """
        self.allowed = self.denied = self.unknown = 0
        if not settings.file:
            raise ValueError("file: expected the name of a password file")
        self._settings = anchored(settings, "file")
        self._reactor = reactor
        self._hashing = hashing
        self._remembered: Remembered[bool] = Remembered(seconds, _REMEMBERED)
        self._files = Files()
        self.reload()

    def reload(self) -> None:
        """
        See C{IReloadable}.
        """
        path = self._settings.file
        self._users = password_file.entries(self._files.read(path, password_file.MOST_BYTES, secret=True), path)
        self._lines = list(self._users.values())
        self._remembered.forget()

    def changed(self) -> bool:
        """
        Is the file another than it was at the last attempt to read it?
        """
        return self._files.changed()

    def has(self, name: str) -> bool:
        """
        Is there a user of this name?
        """
        return name in self._users

    def stop(self) -> None:
        """
        Let go of the threads. They also end with the reactor.
        """
        if self._hashing is not None:
            self._hashing.stop()

    @property
    def turned_away(self) -> int:
        """
        How many were told that the server is busy.
        """
        return self._hashing.turned_away if self._hashing is not None else 0

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
        """
        See C{ICredentialsChecker}. Fails with C{UnhandledCredentials} for a stranger, C{LoginDenied} for a wrong
        password, and L{LoginUndecided} when there is too much to do.
        """
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: ICredentials) -> bytes:
        said: Any = credentials
        username, password = said.username, said.password
        try:
            name = username.decode()
        except UnicodeDecodeError:
            raise UnhandledCredentials("a user name that is not UTF-8") from None
        line = self._users.get(name)
        question = self._remembered.question(username, password, line.text.encode() if line is not None else b"")
        if line is not None and self._remembered.answer(question):
            self.allowed += 1
            return bytes(username)
        against = line if line is not None else self._somebody(username)
        fits = against is not None and await self._threads().do(_Job(against, password))
        if line is None:
            self.unknown += 1
            raise UnhandledCredentials("no such user")
        if not fits:
            self.denied += 1
            raise LoginDenied("wrong password")
        now = self._users.get(name)
        if now is None or now.text != line.text:
            raise LoginUndecided("the password file changed meanwhile", SERVER_BUSY)
        self._remembered.remember(question, True, self._settings.remember)
        self.allowed += 1
        return bytes(username)

    def _somebody(self, stranger: bytes) -> Hash | None:
        """
        Whose line a stranger's password is hashed against; nobody's where there is nobody.
        """
        if not self._lines:
            return None
        return self._lines[int.from_bytes(self._remembered.question(stranger)[:8], "big") % len(self._lines)]

    def _threads(self) -> Hashing | InCaller:
        if self._hashing is None:
            reactor = self._reactor
            if reactor is None:
                from twisted.internet import reactor
            settings = self._settings
            self._hashing = Hashing(reactor, settings.threads, settings.waiting, settings.patience)
        return self._hashing


class _Job:
    """
    One password to hash; shows nobody what it is.
    """

    def __init__(self, line: Hash, password: bytes) -> None:
        self._line = line
        self._password = password

    def __call__(self) -> bool:
        return self._line.fits(self._password)
