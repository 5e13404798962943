"""
A password file: it is read, and every hash in it can tell whether a password fits, or the line that is wrong is named.

Nothing of what follows a name is ever shown: it may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tests.fuzz.harness import Harness
from txmqtt.net.access import hashes, scram_server
from txmqtt.net.access.password_file import entries, lines, name_error

_WHERE: Final = "/etc/passwords"
#: What must not be shown, characters in a row.
_SECRET: Final = 5

_SALT, _DIGEST = "c2FsdHNhbHQ", "MDEyMzQ1Njc4OWFiY2RlZg"
_SEED: Final = (
    f"ann:$argon2id$v=19$m=8,t=1,p=1${_SALT}${_DIGEST}",
    f"bob:$6$c2FsdA==${'QUJD' * 21}QQ==",
    f"joe:$7$10$c2FsdA==${'QUJD' * 21}QQ==",
    f"sue:SCRAM-SHA-256$4096:c2FsdA==${'A' * 43}=:{'A' * 43}=",
    "# a comment",
    "",
    "eve:plain text",
)


def _costs_little(found: hashes.Hash) -> bool:
    numbers = [int(each) for each in re.findall(r"[=$](\d{1,8})(?=[,$])", found.text)[1:]]
    return all(number < 64 for number in numbers)


def _as_scram(data: bytes) -> None:
    """
    The same as a file of SCRAM.
    """
    try:
        found = scram_server.entries(data, _WHERE)
    except ValueError as error:
        told = str(error)
        known = told
        for row in data.decode("utf-8", "replace").splitlines():
            known = known.replace(repr(row.partition(":")[0]), "")  # who it is about may be told
        assert _WHERE in told and "AAAAA" not in known, f"{told!r} does not say where, or too much"
        return
    for name, kept in found.items():
        assert name and len(kept.stored_key) == len(kept.server_key) == 32


def passwords(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    _as_scram(data)
    try:
        found = entries(data, _WHERE)
    except ValueError as error:
        told = str(error)
        match = re.match(rf"{_WHERE}:(\d+): ", told)
        assert match is not None, f"{told!r} does not say where"
        row = data.split(b"\n")[int(match[1]) - 1]
        name, _, secret = row.decode("utf-8", "replace").partition(":")
        known = told.removeprefix(match[0]).replace(repr(name), "").replace(repr(name.removeprefix("\ufeff")), "")
        pieces = {secret[at : at + _SECRET] for at in range(len(secret) - _SECRET + 1)}
        shown = [each for each in pieces if each in known and each not in _EXPLAINED]
        assert not shown, f"{told!r} shows {shown} of what may be a password"
        return
    assert list(found) == [line.name for line in lines(data, _WHERE)]
    for name, each in found.items():
        assert not name_error(name)
        if _costs_little(each):
            assert each.fits(b"secret") in (True, False)


def _words() -> str:
    """
    All that we say of what is no hash, whatever it is.
    """
    said = []
    for text in ("", "$argon2id$", "$argon2id$v=19$m=1,t=0,p=0$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg", "$6$", "$7$"):
        try:
            hashes.read(text)
        except hashes.HashError as error:
            said.append(f"not a password hash: {error}")
    for size in range(100):
        said.append(f"not a password hash: expected a hash of 64 bytes, not {size}")
    said.append("not a password hash: expected a salt and a hash in base64, already, no colon; expected NAME:HASH")
    return "\n".join(said)


_EXPLAINED: Final = _words()


def _seeds() -> Iterator[bytes]:
    yield _SEED[3].encode() + b"\r\n# another\n"
    for row in _SEED:
        yield row.encode() + b"\n"
    yield "\r\n".join(_SEED[:3]).encode()
    yield b"\xef\xbb\xbf" + "\n".join(_SEED[:5]).encode()
    yield b"ann:x\nann:y\n"


def _tokens() -> Iterator[bytes]:
    for word in ("$argon2id$v=19$", "m=8,t=1,p=1", "$6$", "$7$", "$", "==", _SALT, _DIGEST, "QUJD" * 4, "QQ=="):
        yield word.encode()
    yield from (b"SCRAM-SHA-256$4096:", b"A" * 43 + b"=", b"\r\n", b"\xef\xbb\xbf", b":", b"#")


HARNESS: Final = Harness(
    "passwords",
    "a password file is read, or the line that is wrong is named without a password in the message",
    passwords,
    _seeds,
    _tokens,
    longest=600,
)
