"""
The header of the PROXY protocol, both versions: where a client is, in the words of the proxy before us.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address as V4
from ipaddress import IPv6Address as V6
from typing import NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

#: The longest header that we read, bytes. Version 1 ends after 107; version 2 needs 232 without its extras, of which
#: proxies add some hundred.
LONGEST = 4096

_FIRST = b"PROXY "
_FIRST_LONGEST = 107
_SECOND = b"\r\n\r\n\x00\r\nQUIT\n"
_SECOND_FIXED = 16

_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) ([0-9]{1,5}) ([0-9]{1,5})")

_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31


class Header(NamedTuple):
    """
    What the header says.

    @ivar size: how long it is, bytes.
    @ivar source: where the client is; None where the proxy speaks for itself, or does not know.
    @ivar destination: where it called.
    """

    size: int
    source: IAddress | None
    destination: IAddress | None


def parse(data: bytes) -> Header | None:
    """
    Read the header from the first bytes of a connection.

    @return: None when it is not whole yet.
    @raise ValueError: it is none, or too long; says what was seen.
    """
    if data.startswith(_FIRST):
        return _parse_first(data)
    if data.startswith(_SECOND):
        return _parse_second(data)
    if _FIRST.startswith(data) or _SECOND.startswith(data):
        return None
    raise ValueError(f"begins with {data[:16]!r}; expected a PROXY header")


def _parse_first(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, _FIRST_LONGEST)
    if end < 0:
        if len(data) >= _FIRST_LONGEST:
            raise ValueError(f"has a PROXY header that goes on after {_FIRST_LONGEST} bytes; expected CR LF by then")
        return None
    line = data[:end]
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return Header(end + 2, None, None)
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"has the PROXY header {line!r}; expected PROXY TCP4 or TCP6, two addresses and two ports")
    kind = match[1].decode()
    source, destination = (_address(kind, match[at].decode(), int(match[at + 2]), line) for at in (2, 3))
    return Header(end + 2, source, destination)


def _address(kind: str, host: str, port: int, line: bytes) -> IAddress:
    if port > 65_535:
        raise ValueError(f"has the PROXY header {line!r}; expected ports up to 65535")
    try:
        if kind == "TCP4":
            return IPv4Address("TCP", str(V4(host)), port)
        return IPv6Address("TCP", str(V6(host)), port)
    except ValueError:
        raise ValueError(f"has the PROXY header {line!r}; expected addresses of {kind}") from None


def _parse_second(data: bytes) -> Header | None:
    if len(data) < _SECOND_FIXED:
        return None
    command, family = data[12], data[13]
    if command not in (_LOCAL, _PROXY):
        raise ValueError(f"has a PROXY header of version and command 0x{command:02x}; expected 0x20 or 0x21")
    size = _SECOND_FIXED + int.from_bytes(data[14:16], "big")
    if size > LONGEST:
        raise ValueError(f"has a PROXY header of {size} bytes; expected at most {LONGEST}")
    if len(data) < size:
        return None
    if command == _LOCAL or family == _UNSPECIFIED:
        return Header(size, None, None)
    body = data[_SECOND_FIXED:size]
    size_of = {_TCP4: 12, _TCP6: 36, _UNIX: 216}.get(family)
    if size_of is None or len(body) < size_of:
        raise ValueError(f"has a PROXY header of family 0x{family:02x} and {size} bytes; expected two addresses")
    return Header(size, *_addresses(family, body))


def _addresses(family: int, body: bytes) -> tuple[IAddress, IAddress]:
    if family == _UNIX:
        source, destination = (UNIXAddress(body[at : at + 108].partition(b"\0")[0]) for at in (0, 108))
        return source, destination
    if family == _TCP4:
        return (
            IPv4Address("TCP", str(V4(body[:4])), _u16(body, 8)),
            IPv4Address("TCP", str(V4(body[4:8])), _u16(body, 10)),
        )
    return (
        IPv6Address("TCP", str(V6(body[:16])), _u16(body, 32)),
        IPv6Address("TCP", str(V6(body[16:32])), _u16(body, 34)),
    )


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")
