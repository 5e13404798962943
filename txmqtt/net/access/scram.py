"""
SCRAM-SHA-256 (RFC 5802, RFC 7677), what both sides have in common: keys, proofs, and how messages are written.

The password itself is never sent. The server keeps two keys made from it, of which one checks what the client says and
the other shows that the server has them; neither lets anybody in who has stolen them, as long as the password is not
guessed from them.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha256
from os import urandom

from txmqtt.net.access.saslprep import saslprep

#: What the method is called, in MQTT and in files.
SCRAM_SHA_256 = "SCRAM-SHA-256"

#: How often a password is hashed unless said otherwise: what RFC 7677 recommends at least for now.
ITERATIONS = 15_000

#: The bounds of what may be asked for: fewer protect nothing (RFC 7677), more keep a client busy for seconds.
LEAST_ITERATIONS = 4_096
MOST_ITERATIONS = 1_000_000

_SALT_SIZE = 16

#: A message longer than this says nothing that we have asked for, bytes.
LONGEST_MESSAGE = 4_096


def sign(key: bytes, message: bytes) -> bytes:
    """
    HMAC of SHA-256.
    """
    return hmac.digest(key, message, "sha256")


def mix(one: bytes, other: bytes) -> bytes:
    """
    Two strings of one length, bit for bit.
    """
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


def salted(password: str, salt: bytes, iterations: int) -> bytes:
    """
    C{SaltedPassword}: slow on purpose.

    @raise ValueError: the password has characters that a password can't have.
    """
    return pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)


def client_key(salted_password: bytes) -> bytes:
    """
    What the client shows that it has.
    """
    return sign(salted_password, b"Client Key")


def server_key(salted_password: bytes) -> bytes:
    """
    What the server shows that it has.
    """
    return sign(salted_password, b"Server Key")


def stored_key(key: bytes) -> bytes:
    """
    What the server keeps of the client's key.
    """
    return sha256(key).digest()


def scram_line(name: str, password: str, iterations: int = ITERATIONS, salt: bytes | None = None) -> str:
    """
    A line of a file of users, as PostgreSQL writes it after the name: what C{txmqtt passwd --scram} adds.

    @param salt: random unless given.
    @raise ValueError: the name or the password can't be one.
    """
    try:
        user = saslprep(name, stored=True)
    except ValueError as error:
        raise ValueError(f"user name {name!r} has {error}") from None
    if not user or user != user.strip() or user.startswith("#"):
        raise ValueError(f"user name {name!r}; expected one without spaces around it, that does not begin with #")
    if not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise ValueError(f"{iterations} iterations; expected {LEAST_ITERATIONS} to {MOST_ITERATIONS}")
    try:
        prepared = saslprep(password, stored=True)
    except ValueError as error:
        raise ValueError(f"the password has {error}") from None
    if not prepared:
        raise ValueError("the password is empty")
    salt = urandom(_SALT_SIZE) if salt is None else salt
    secret = salted(prepared, salt, iterations)
    keys = f"{encoded(stored_key(client_key(secret)))}:{encoded(server_key(secret))}"
    return f"{user}:{SCRAM_SHA_256}${iterations}:{encoded(salt)}${keys}"


def encoded(data: bytes) -> str:
    """
    Base64.
    """
    return b64encode(data).decode()


def decoded(text: str) -> bytes:
    """
    Base64 read again.

    @raise ValueError: it is none.
    """
    return b64decode(text.encode("ascii"), validate=True)


def attributes(message: str, *expected: str) -> list[str]:
    """
    The values of a message: C{r=...,s=...,i=...} for the letters expected, in their order. What follows them, but for a
    mandatory extension before them, is passed over as the RFC says.

    @raise ValueError: it has others, or not enough.
    """
    parts = message.split(",")
    found: list[str] = []
    for letter, part in zip(expected, parts, strict=False):
        if not part.startswith(f"{letter}="):
            raise ValueError(f"expected the attribute {letter}")
        found.append(part[2:])
    if len(found) < len(expected):
        raise ValueError(f"expected the attributes {', '.join(expected)}")
    return found


def is_nonce(text: str) -> bool:
    """
    May this be a nonce: printable, without a comma?
    """
    return bool(text) and all("!" <= each <= "~" and each != "," for each in text)
