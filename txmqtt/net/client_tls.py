"""
C{TLS}: whom a client trusts, and what it shows of itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from txmqtt.net.urls import is_address, is_host


@dataclass(frozen=True, kw_only=True)
class TLS:
    """
    How to speak TLS to a server. Files are PEM; they are read when this is made, and again at a connection when they
    have changed, so a renewed certificate is in use with the next connection.

    @ivar ca: whose servers are trusted: a file with the certificates of authorities, a folder of such files, or the PEM
        itself as bytes. None: those that this machine trusts.
    @ivar certificate: the file with the certificate that we show, and after it those that lead to an authority which
        the server knows. None: we show none.
    @ivar key: the file with its private key. None: it is in the file of the certificate.
    @ivar password: unlocks the private key.
    @ivar server_name: what the certificate must be for, and what the server is asked for (SNI). None: the host of the
        URL; with C{mqtts+srv} the domain of the URL, because what DNS says is not proven.
    @ivar alpn: what we offer to speak over TLS, in the order of preference, such as C{["mqtt"]}.
    @ivar verify: whether the server must prove who it is. False takes any server for the right one, and whoever is
        between us can read and change everything.
    @ivar minimum: the oldest version of TLS that we speak, C{"1.2"} or C{"1.3"}.
    @ivar ciphers: an OpenSSL list of cipher suites, separated by colons; those whose names begin with TLS_ are of TLS
        1.3, the others of 1.2. Empty: those with forward secrecy, the strong ones first.
    """

    ca: str | os.PathLike[str] | bytes | None = None
    certificate: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None
    password: str | bytes | None = field(default=None, repr=False)
    server_name: str | None = None
    alpn: Sequence[str] = ()
    verify: bool = True
    minimum: str = "1.2"
    ciphers: str = ""

    def __post_init__(self) -> None:
        for name, (types, expected) in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, types):
                raise TypeError(f"TLS: {name} is {type(value).__name__}; expected {expected}")
        if self.minimum not in ("1.2", "1.3"):
            raise ValueError(f"TLS: minimum is {self.minimum!r}; expected '1.2' or '1.3'")
        if self.server_name is not None and not (is_host(self.server_name) or is_address(self.server_name)):
            raise ValueError(f"TLS: server_name is {self.server_name!r}; expected the name of a host, or an IP address")
        object.__setattr__(self, "alpn", _protocols(self.alpn))
        if self.certificate is None:
            for name in ("key", "password"):
                if getattr(self, name) is not None:
                    raise ValueError(f"TLS: {name} is given without a certificate")
        if self.ca is not None and not self.verify:
            raise ValueError("TLS: ca says whom to trust, but verify is False, which trusts everybody")
        from txmqtt.net.client_contexts import read_context  # needs us

        read_context(self)


def _protocols(alpn: object) -> tuple[str, ...]:
    if isinstance(alpn, (str, bytes)) or not isinstance(alpn, Sequence):
        raise TypeError(f"TLS: alpn is {type(alpn).__name__}; expected a list of names")
    for each in alpn:
        if not isinstance(each, str):
            raise TypeError(f"TLS: alpn has {type(each).__name__}; expected str")
        if not (1 <= len(each) <= 255 and each.isascii()):
            raise ValueError(f"TLS: alpn has {each[:64]!r}; expected names of 1 to 255 ASCII characters")
    if sum(len(each) + 1 for each in alpn) > 65_535:
        raise ValueError("TLS: alpn is longer than TLS allows")
    return tuple(alpn)


_PATH = (str, os.PathLike, type(None))

_TYPES: dict[str, tuple[tuple[Any, ...], str]] = {
    "ca": ((*_PATH, bytes), "a path, PEM as bytes, or None"),
    "certificate": (_PATH, "a path or None"),
    "key": (_PATH, "a path or None"),
    "password": ((str, bytes, type(None)), "str, bytes or None"),
    "server_name": ((str, type(None)), "str or None"),
    "verify": ((bool,), "True or False"),
    "minimum": ((str,), "'1.2' or '1.3'"),
    "ciphers": ((str,), "str"),
}
