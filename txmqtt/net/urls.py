"""
What a URL says, with its user and password kept out of every message.

A password that should have been percent-encoded makes other parts of the URL look wrong, so those are not shown either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote, urlsplit

import idna

#: Letters, digits, and what stands between them; underscores are no names of hosts, and all the same in use.
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?", re.IGNORECASE)


class Complaint:
    """
    Makes the error that says what is wrong with a URL, and what was expected.
    """

    def __init__(self, beginning: str, expected: str) -> None:
        """
        @param beginning: what can't be done with it.
        @param expected: what can.
        """
        self._beginning = beginning
        self._expected = expected

    def __call__(self, scheme: str, problem: str = "") -> ValueError:
        said = f"{self._beginning} {scheme}://" + (f": {problem}" if problem else "")
        return ValueError(f"{said}; expected {self._expected}")


@dataclass(frozen=True)
class URL:
    """
    The parts of a URL; secrets do not show.

    @ivar host: in ASCII, an IPv6 address without its brackets; empty if there is none.
    @ivar port: None if it has none.
    @ivar username: decoded, None if there is none.
    @ivar password: decoded, None if there is none.
    @ivar path: as it stands there.
    @ivar query: the same, without the question mark.
    """

    scheme: str
    host: str = ""
    port: int | None = None
    username: str | None = None
    password: str | None = None
    path: str = ""
    query: str = ""

    def __repr__(self) -> str:
        return f"<URL {self.scheme}://{place(self.host, self.port) if self.port else self.host}>"


def read_url(text: str, complaint: Complaint) -> URL:
    """
    Take a URL apart.

    @param text: with C{://} in it.
    @raise ValueError: it is none.
    """
    scheme = text.partition("://")[0].lower()
    if not re.fullmatch(r"[a-z][a-z0-9+.-]{0,31}", scheme):
        raise complaint("...", "its scheme is none")
    if re.search(r"[\x00-\x20\x7f]", text):
        raise complaint(scheme, "it has a blank or a control character in it")
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:  # in its words is what may be a password
        raise complaint(scheme, "its host can't be read") from None
    if parts.fragment or text.endswith("#"):
        raise complaint(scheme, "a fragment (#) means nothing there; in a password it is written %23")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.rpartition("@")[2].endswith(":"):
        raise complaint(
            scheme, "its port is no number from 1 to 65535; / : @ # ? in a password are written %2F and so on"
        )
    if "@" in parts.path or "@" in parts.query:
        raise complaint(scheme, "there is an @ after the host; / : @ # ? in a password are written %2F and so on")
    try:
        username = unquote(parts.username, errors="strict") if parts.username is not None else None
        password = unquote(parts.password, errors="strict") if parts.password is not None else None
    except UnicodeDecodeError:
        raise complaint(scheme, "its user or password is not UTF-8") from None
    return URL(scheme, _ascii(host, complaint, scheme), port, username or None, password, parts.path, parts.query)


def _ascii(host: str, complaint: Complaint, scheme: str) -> str:
    """
    A host as the network knows it.
    """
    if not host:
        return ""
    if ":" in host:
        try:
            return str(IPv6Address(host.replace("%25", "%")))
        except ValueError:
            raise complaint(scheme, "its host is no IPv6 address") from None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise complaint(scheme, "its host is no name") from None
    if not _NAME.fullmatch(host):
        raise complaint(scheme, "its host is no name")
    return host


def is_host(name: str) -> bool:
    """
    Whether this may be the name of a host, or is an IPv4 address.
    """
    return _NAME.fullmatch(name) is not None


def is_address(name: str) -> bool:
    """
    Whether this is an IPv4 or IPv6 address.
    """
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def place(host: str, port: int | None) -> str:
    """
    Host and port as they stand in a URL.
    """
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host
