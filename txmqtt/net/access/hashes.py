"""
The forms in which password files keep a password: argon2id, and the two of C{mosquitto_passwd}.

Each is read once, when the file is, into an object that can tell whether a password is the right one. Numbers in it are
bounded, so that no line of a file can keep a thread busy for minutes or take all memory.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha512
from hmac import compare_digest
from secrets import token_bytes
from typing import Annotated, Protocol

from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type, hash_secret, verify_secret

from txmqtt.net.options import Range

#: The most that a line of a file may ask for: KiB and passes of argon2, iterations of PBKDF2.
MOST_MEMORY = 1024 * 1024
MOST_PASSES = 100
MOST_LANES = 64
MOST_ITERATIONS = 10_000_000

#: What a new hash costs unless told otherwise, as OWASP's cheat sheet has it: 19 MiB, two passes, one lane. That is
#: some 20 to 40 ms, and still dear for who guesses. RFC 9106's second choice (64 MiB, 3 passes, 4 lanes) costs five
#: times as much, which a broker pays again for each of thousands of clients that come back after a restart.
MEMORY = 19 * 1024
PASSES = 2
LANES = 1

_SALT = 16
_LENGTH = 32


class Hash(Protocol):
    """
    A password as a file keeps it.

    @ivar text: as it stands in the file.
    """

    text: str

    def fits(self, password: bytes) -> bool:
        """
        Is it this one? Takes long; the same time whatever the password is.
        """


class HashError(ValueError):
    """
    Not a hash that we can use; says what was expected, never what it is.
    """


class _Argon2id:
    _FORM = re.compile(
        r"\$argon2id\$v=19\$m=(0|[1-9][0-9]{0,7}),t=(0|[1-9][0-9]{0,3}),p=(0|[1-9][0-9]{0,2})"
        r"\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
    )

    def __init__(self, text: str) -> None:
        found = self._FORM.fullmatch(text)
        if found is None or len(found[4]) < 11 or len(found[5]) < 22:
            raise HashError("expected $argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH, salt and hash of 8 and 16 bytes")
        # What argon2 itself could not read would be found out only when somebody logs in.
        if not (_is_unpadded(found[4]) and _is_unpadded(found[5])):
            raise HashError("expected a salt and a hash in base64 without padding, none of them cut off")
        memory, passes, lanes = (int(number) for number in found.group(1, 2, 3))
        if not (8 * lanes <= memory <= MOST_MEMORY and 1 <= passes <= MOST_PASSES and 1 <= lanes <= MOST_LANES):
            raise HashError(
                f"expected m from 8 times p to {MOST_MEMORY}, t from 1 to {MOST_PASSES} and p from 1 to {MOST_LANES}"
            )
        self.text = text
        self._encoded = text.encode()

    def fits(self, password: bytes) -> bool:
        try:
            return verify_secret(self._encoded, password, Type.ID)
        except VerifyMismatchError:
            return False


class _Sha512:
    _FORM = re.compile(r"\$6\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")

    def __init__(self, text: str) -> None:
        found = self._FORM.fullmatch(text)
        if found is None:
            raise HashError("expected $6$SALT$HASH, both in base64")
        self.text = text
        self._salt, self._wanted = _decoded(found[1]), _digest(found[2])

    def fits(self, password: bytes) -> bool:
        return compare_digest(sha512(password + self._salt).digest(), self._wanted)


class _Pbkdf2:
    _FORM = re.compile(r"\$7\$([0-9]{1,8})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")

    def __init__(self, text: str) -> None:
        found = self._FORM.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= MOST_ITERATIONS:
            raise HashError(f"expected $7$ITERATIONS$SALT$HASH, from 1 to {MOST_ITERATIONS:,} iterations, then base64")
        self.text = text
        self._iterations = int(found[1])
        self._salt, self._wanted = _decoded(found[2]), _digest(found[3])

    def fits(self, password: bytes) -> bool:
        return compare_digest(pbkdf2_hmac("sha512", password, self._salt, self._iterations), self._wanted)


def _is_unpadded(text: str) -> bool:
    """
    Whether it is the base64 of some bytes, all of them and no bits besides, without the C{=} at its end.
    """
    try:
        return b64encode(b64decode(text + "=" * (-len(text) % 4))).decode("ascii").rstrip("=") == text
    except binascii.Error:
        return False


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        raise HashError("expected a salt and a hash in base64") from None


def _digest(text: str) -> bytes:
    found = _decoded(text)
    if len(found) != 64:
        raise HashError(f"expected a hash of 64 bytes, not {len(found)}")
    return found


_KINDS: dict[str, type[_Argon2id] | type[_Sha512] | type[_Pbkdf2]] = {
    "$argon2id$": _Argon2id,
    "$6$": _Sha512,
    "$7$": _Pbkdf2,
}


#: What every hash begins with one of.
BEGINNINGS = tuple(_KINDS)


def read(text: str) -> Hash:
    """
    What a file says after the name.

    @raise HashError: it is none of the forms. What it is is not repeated: it may be a password.
    """
    for beginning, kind in _KINDS.items():
        if text.startswith(beginning):
            return kind(text)
    raise HashError("expected $argon2id$..., $6$... or $7$..., as txmqtt passwd or mosquitto_passwd make them")


def make(
    password: bytes,
    memory: Annotated[int, Range(8, MOST_MEMORY)] = MEMORY,
    passes: Annotated[int, Range(1, MOST_PASSES)] = PASSES,
    lanes: Annotated[int, Range(1, MOST_LANES)] = LANES,
) -> str:
    """
    A new hash of a password, argon2id.

    @param memory: KiB.
    """
    return hash_secret(password, token_bytes(_SALT), passes, memory, lanes, _LENGTH, Type.ID).decode("ascii")
