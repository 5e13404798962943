"""
The header of the PROXY protocol, in pieces, before the first byte of a client.

Once a header is whole it is the same however much follows it, and however it was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from tests.fuzz.harness import Harness
from tests.fuzz.harnesses.logged import nothing_logged
from txmqtt.net.proxied import HEADER_TIMEOUT, ProxiedFactory
from txmqtt.net.proxy_header import LONGEST, Header, parse
from txmqtt.testing import Connection, WorldClock

_HERE, _THERE = IPv4Address("TCP", "192.0.2.1", 50_000), IPv4Address("TCP", "192.0.2.2", 1883)
_MAGIC: Final = b"\r\n\r\n\x00\r\nQUIT\n"


class _Inner(Protocol):
    def __init__(self, at: IAddress) -> None:
        self.at = at
        self.heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data


class _Door(Factory):
    """
    @ivar inside: who has come through.
    """

    def __init__(self) -> None:
        self.inside: list[_Inner] = []

    def buildProtocol(self, addr: IAddress) -> _Inner:  # type: ignore[override]
        self.inside.append(_Inner(addr))
        return self.inside[-1]


def _through(pieces: list[bytes]) -> tuple[IAddress, bytes] | None:
    """
    Who came through the door, and what it said; None: nobody.
    """
    clock, door = WorldClock(), _Door()
    factory = ProxiedFactory(door, clock)
    connection = Connection(clock, _HERE, _THERE)
    connection.client.begin(Protocol())
    outer = factory.buildProtocol(_HERE)
    assert outer is not None
    connection.server.begin(outer)
    for piece in pieces:
        connection.client.write(piece)
        clock.advance(0)
        assert len(outer._head) <= LONGEST
    clock.advance(HEADER_TIMEOUT + 1)
    assert door.inside or not connection.server.connected, "somebody waits for ever"
    connection.cut()
    clock.advance(1)
    assert not clock.getDelayedCalls() and not factory.nameless
    return (door.inside[0].at, door.inside[0].heard) if door.inside else None


def _parsed(data: bytes) -> Header | str | None:
    try:
        return parse(data)
    except ValueError as error:
        assert str(error)
        return "refused"


def proxy(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    size, data = (data[0] & 15) + 1 if data else 1, data[1:]
    whole = _parsed(data)
    seen: Header | str | None = None
    for end in range(1, min(len(data), 300) + 1):
        seen = seen or _parsed(data[:end])
    if seen is not None and len(data) <= 300:
        assert (seen == "refused") == (whole == "refused"), f"{seen} byte by byte, {whole} in one read"
        assert seen == whole
    if isinstance(whole, Header):
        assert whole.size <= min(len(data), LONGEST) and (whole.source is None) == (whole.destination is None)
    with nothing_logged():
        said = [data[at : at + size] for at in range(0, min(len(data), 300), size)]
        one, many = _through([data[:300]] if data else []), _through(said)
    assert one == many, f"{many} in pieces, {one} in one read"
    if isinstance(whole, Header) and len(data) <= 300:
        assert one == (whole.source or _HERE, data[whole.size :])


def _seeds() -> Iterator[bytes]:
    rest = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"
    for line in (
        *(b"PROXY TCP4 192.0.2.7 192.0.2.2 5000 1883", b"PROXY TCP6 2001:db8::1 ::1 5000 1883", b"PROXY UNKNOWN"),
        *(b"PROXY UNKNOWN a b", b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1"),
    ):
        yield b"\x03" + line + b"\r\n" + rest
    for command, family, body in (
        *((0x21, 0x11, bytes(12)), (0x21, 0x21, bytes(36)), (0x21, 0x31, b"/run/a" + bytes(210)), (0x20, 0, b"")),
        *((0x21, 0x11, bytes(12) + b"\x03\x00\x04abcd"), (0x21, 0, bytes(5)), (0x22, 0x11, bytes(12))),
    ):
        yield b"\x05" + _MAGIC + bytes((command, family)) + len(body).to_bytes(2, "big") + body + rest


HARNESS: Final = Harness(
    "proxy",
    "a PROXY header is read, waited for or refused, the same in any pieces",
    proxy,
    _seeds,
    lambda: (_MAGIC, b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b"\r\n", b"\x21\x11\x00\x0c", b"\x20\x00\x00\x00"),
    longest=400,
)
