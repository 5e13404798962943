"""
SCRAM-SHA-256, the server's side: users from a file, who prove that they know their passwords without saying them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from secrets import token_bytes, token_urlsafe
from typing import NamedTuple

from twisted.cred.error import LoginFailed
from zope.interface import implementer

from txmqtt.net.access.files import Files
from txmqtt.net.access.mechanisms import Challenge, IExchange, IMechanism, Success
from txmqtt.net.access.saslprep import saslprep
from txmqtt.net.access.scram import (
    LEAST_ITERATIONS,
    LONGEST_MESSAGE,
    MOST_ITERATIONS,
    SCRAM_SHA_256,
    attributes,
    decoded,
    encoded,
    is_nonce,
    mix,
    sign,
    stored_key,
)
from txmqtt.net.auth import IMQTTCredentials
from txmqtt.net.options import IReloadable

#: What separates a name from what is kept about it.
_KEPT = f":{SCRAM_SHA_256}$"

#: A file may have so many bytes: some hundred thousand users.
_MOST_BYTES = 64 * 1024 * 1024

_KEY_SIZE = 32


@dataclass(frozen=True)
class ScramSettings:
    """
    Who may come in by SCRAM-SHA-256.

    @ivar file: a file of users, a line each: C{name:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey}, what PostgreSQL
        keeps in C{rolpassword} with the name before it. There is none by default, because nobody else can make it.
    """

    file: str = ""


class Kept(NamedTuple):
    """
    What is known of a user. Its keys never show.
    """

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return f"<kept for SCRAM, {self.iterations} iterations>"


def entries(data: bytes, path: str) -> dict[str, Kept]:
    """
    The users of a file, by name. Empty lines and those that begin with C{#} say nothing.

    @raise ValueError: a line can't be used; says which, and not what is in it.
    """
    users: dict[str, Kept] = {}
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path!r} is not UTF-8") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, kept = line.rpartition(_KEPT)
        try:
            user = saslprep(name, stored=True)
            entry = _entry(kept)
        except ValueError:
            raise ValueError(
                f"{path!r}, line {number}: expected name:{SCRAM_SHA_256}$iterations:salt$StoredKey:ServerKey"
            ) from None
        if not user:
            raise ValueError(f"{path!r}, line {number}: no user name")
        if user in users:
            raise ValueError(f"{path!r}, line {number}: user {user!r} for the second time")
        if not LEAST_ITERATIONS <= entry.iterations <= MOST_ITERATIONS:
            raise ValueError(
                f"{path!r}, line {number}: {entry.iterations} iterations;"
                f" expected {LEAST_ITERATIONS} to {MOST_ITERATIONS}"
            )
        users[user] = entry
    return users


def _entry(kept: str) -> Kept:
    shape, keys = kept.split("$")
    iterations, salt = shape.split(":")
    stored, server = keys.split(":")
    if not (iterations.isascii() and iterations.isdigit() and len(iterations) < 10):
        raise ValueError("no number of iterations")
    entry = Kept(int(iterations), decoded(salt), decoded(stored), decoded(server))
    if not entry.salt or len(entry.stored_key) != _KEY_SIZE or len(entry.server_key) != _KEY_SIZE:
        raise ValueError("keys of another size")
    return entry


@implementer(IMechanism, IReloadable)
class Scram:
    """
    Lets in who proves that he knows the password of a user of the file.

    A stranger is asked as a user would be, with a salt of his own that is always the same, so that nobody finds out
    who is a user. The salts of strangers change when the broker is started with another file.

    @ivar allowed: how many proved it.
    @ivar denied: how many did not.
    """

    name = SCRAM_SHA_256

    def __init__(self, settings: ScramSettings) -> None:
        """
        @raise ValueError: the file can't be read, or not be used; says which line.
        """
        if not settings.file:
            raise ValueError(f"{SCRAM_SHA_256} needs a file of users")
        self.allowed = self.denied = 0
        self._settings = settings
        self._files = Files()
        self._users: dict[str, Kept] = {}
        self._shapes: list[tuple[int, int]] = []
        self._seed = b""
        self.reload()

    def reload(self) -> None:
        """
        See C{IReloadable}.
        """
        path = self._settings.file
        data = self._files.read(path, _MOST_BYTES, secret=True)
        self._users = entries(data, path)
        self._shapes = _shapes(self._users)
        if not self._seed:
            # From secrets that last, so that it outlives a restart.
            self._seed = sign(b"salts of strangers", data) if self._users else token_bytes(_KEY_SIZE)

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

    def begin(self, credentials: IMQTTCredentials) -> IExchange:
        """
        See C{IMechanism}.
        """
        return ScramExchange(self)

    def look_up(self, name: str) -> tuple[Kept, bool]:
        """
        What is kept of a user, and whether there is such a user; for a stranger something that looks the same.
        """
        kept = self._users.get(name)
        if kept is not None:
            return kept, True
        secret = sign(self._seed, name.encode())
        iterations, size = self._shapes[int.from_bytes(secret[:4], "big") % len(self._shapes)]
        salt = b"".join(sign(secret, bytes((count,))) for count in range(-(-size // _KEY_SIZE)))[:size]
        return Kept(iterations, salt, sign(secret, b"stored"), sign(secret, b"server")), False


def _shapes(users: Mapping[str, Kept]) -> list[tuple[int, int]]:
    """
    The iterations and sizes of salts that there are, as often as they are: strangers get them as often.
    """
    return sorted((kept.iterations, len(kept.salt)) for kept in users.values()) or [(LEAST_ITERATIONS, 16)]


@implementer(IExchange)
class ScramExchange:
    """
    One client on its way in.
    """

    def __init__(self, scram: Scram, nonce: str | None = None) -> None:
        """
        @param nonce: our part of it; random unless given.
        """
        self._scram = scram
        self._nonce = token_urlsafe(18) if nonce is None else nonce
        self._prompted = False
        self._header = ""
        self._name = ""
        self._kept: Kept | None = None
        self._known = False
        self._said = ""  # the client's first message without its header, and our answer

    def step(self, data: bytes | None) -> Challenge | Success:
        """
        See C{IExchange}.
        """
        if data is None and not self._prompted and self._kept is None:
            self._prompted = True
            return Challenge()
        try:
            if data is None or len(data) > LONGEST_MESSAGE:
                raise ValueError(f"expected a message of at most {LONGEST_MESSAGE} bytes")
            text = data.decode()
            return self._first(text) if self._kept is None else self._last(text, self._kept)
        except ValueError as error:  # UnicodeDecodeError is one
            self._scram.denied += 1
            raise LoginFailed(f"{SCRAM_SHA_256}: {error}") from None

    def _first(self, text: str) -> Challenge:
        """
        C{client-first-message}: C{n,,n=user,r=nonce}.
        """
        flag, authorize_as, bare = _three(text)
        if flag not in ("n", "y"):
            raise ValueError("channel binding is not offered")
        user, nonce = attributes(bare, "n", "r")
        self._name = saslprep(_name(user))
        if not self._name:
            raise ValueError("no user name")
        if authorize_as and (not authorize_as.startswith("a=") or saslprep(_name(authorize_as[2:])) != self._name):
            raise ValueError("nobody may act as somebody else")
        if not is_nonce(nonce):
            raise ValueError("a nonce that is none")
        self._header = f"{flag},{authorize_as},"
        self._nonce = nonce + self._nonce
        self._kept, self._known = self._scram.look_up(self._name)
        answer = f"r={self._nonce},s={encoded(self._kept.salt)},i={self._kept.iterations}"
        self._said = f"{bare},{answer}"
        return Challenge(answer.encode())

    def _last(self, text: str, kept: Kept) -> Success:
        """
        C{client-final-message}: C{c=header,r=nonce,p=proof}.
        """
        unproven, _, proof = text.rpartition(",p=")
        header, nonce = attributes(unproven, "c", "r")
        if decoded(header) != self._header.encode():
            raise ValueError("another header than at first")
        if not compare_digest(nonce.encode(), self._nonce.encode()):
            raise ValueError("another nonce than ours")
        shown = decoded(proof)
        if len(shown) != _KEY_SIZE:
            raise ValueError("a proof of another size")
        message = f"{self._said},{unproven}".encode()
        key = mix(shown, sign(kept.stored_key, message))
        if not compare_digest(stored_key(key), kept.stored_key) or not self._known:
            raise ValueError(f"a wrong password for {self._name[:64]!r}, or no such user")
        self._scram.allowed += 1
        return Success(self._name, b"v=" + encoded(sign(kept.server_key, message)).encode())


def _three(text: str) -> tuple[str, str, str]:
    parts = text.split(",", 2)
    if len(parts) < 3:
        raise ValueError("no header")
    return parts[0], parts[1], parts[2]


def _name(written: str) -> str:
    """
    A name as SCRAM writes it: C{=2C} is a comma, C{=3D} is C{=}.
    """
    name = written.replace("=2C", ",").replace("=3D", "\0")
    if "=" in name or "\0" in written:
        raise ValueError("a name that is written wrong")
    return name.replace("\0", "=")
