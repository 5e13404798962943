"""
SCRAM-SHA-256, the client's side: proves that it knows the password, and checks that the server does.
"""

from __future__ import annotations

from hmac import compare_digest
from secrets import token_urlsafe

from txmqtt.codec import reasons
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.net.access.saslprep import saslprep
from txmqtt.net.access.scram import (
    LEAST_ITERATIONS,
    LONGEST_MESSAGE,
    MOST_ITERATIONS,
    SCRAM_SHA_256,
    attributes,
    client_key,
    decoded,
    encoded,
    is_nonce,
    mix,
    salted,
    server_key,
    sign,
    stored_key,
)

#: The header of who asks for no channel binding, and its base64.
_HEADER = "n,,"
_HEADER_BASE64 = "biws"


class ScramClient:
    """
    One login. C{begin}, C{answer} and C{finish} are called once each, in this order; none of them does any I/O, but
    C{answer} hashes the password as often as the server asks for: 15,000 times take some ten milliseconds.
    """

    method = SCRAM_SHA_256

    def __init__(self, name: str, password: str, nonce: str | None = None) -> None:
        """
        @param nonce: random unless given.
        @raise ValueError: the name or the password can't be one.
        """
        user = saslprep(name).replace("=", "=3D").replace(",", "=2C")
        self._nonce = token_urlsafe(18) if nonce is None else nonce
        self._password = saslprep(password)
        self._first = f"n={user},r={self._nonce}"
        self._expected = b""

    def begin(self) -> bytes:
        """
        The authentication data of CONNECT, or of the AUTH that begins a re-authentication.
        """
        return f"{_HEADER}{self._first}".encode()

    def answer(self, challenge: bytes | None) -> bytes:
        """
        The authentication data that answers the server's challenge.

        @raise RemoteProtocolError: the challenge makes no sense, or asks for too little or too much work.
        """
        text, nonce, salt, iterations = self._read(challenge)
        secret = salted(self._password, salt, iterations)
        unproven = f"c={_HEADER_BASE64},r={nonce}"
        message = f"{self._first},{text},{unproven}".encode()
        key = client_key(secret)
        proof = mix(key, sign(stored_key(key), message))
        self._expected = sign(server_key(secret), message)
        return f"{unproven},p={encoded(proof)}".encode()

    def work(self, challenge: bytes | None) -> int:
        """
        How often C{answer} will hash the password.

        @raise RemoteProtocolError: as C{answer} does.
        """
        return self._read(challenge)[3]

    def _read(self, challenge: bytes | None) -> tuple[str, str, bytes, int]:
        """
        A challenge, its nonce, its salt and its count.
        """
        try:
            if challenge is None or len(challenge) > LONGEST_MESSAGE:
                raise ValueError(f"expected a message of at most {LONGEST_MESSAGE} bytes")
            text = challenge.decode()
            nonce, salt, count = attributes(text, "r", "s", "i")
            if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or not is_nonce(nonce):
                raise ValueError("the nonce is not ours with something of the server's behind it")
            return text, nonce, decoded(salt), _iterations(count)
        except ValueError as error:
            raise _wrong(str(error)) from None

    def finish(self, last_word: bytes | None) -> None:
        """
        Check what the server said at the end: that it knows the password too.

        @raise RemoteProtocolError: it does not.
        """
        try:
            (shown,) = attributes((last_word or b"").decode(), "v")
            genuine = bool(self._expected) and compare_digest(decoded(shown), self._expected)
        except ValueError:
            genuine = False
        if not genuine:
            raise _wrong("the server does not know the password")


def _iterations(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_ITERATIONS)):
        count = int(text)
        if LEAST_ITERATIONS <= count <= MOST_ITERATIONS:
            return count
    raise ValueError(f"{text[:20]!r} iterations; expected {LEAST_ITERATIONS} to {MOST_ITERATIONS}")


def _wrong(why: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{SCRAM_SHA_256}: {why}", reasons.NOT_AUTHORIZED)
