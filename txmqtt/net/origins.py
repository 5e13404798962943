"""
Where a connection comes from, as far as limits and bans are concerned: an address of IPv4, or a network of IPv6.

Whoever has IPv6 has at least a /64 network of it, and may use a new address each time: all of it counts as one.
What comes over a UNIX socket comes from this machine and has no origin at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from twisted.internet.interfaces import IAddress
from twisted.protocols.tls import TLSMemoryBIOProtocol

from txmqtt.net.direct import PLAIN

#: A network of either version of IP.
Network = IPv4Network | IPv6Network

#: How an address of IPv4 begins when it is written as one of IPv6.
_MAPPED = bytes(10) + b"\xff\xff"
#: What is no address but came as one, from a proxy, is cut here, characters.
_LONGEST = 64


def origin(address: IAddress | None) -> str:
    """
    Where somebody comes from: C{"192.0.2.1"} or C{"2001:db8::/64"}; empty for UNIX sockets and the like.
    """
    host = getattr(address, "host", None)
    return origin_of(host) if isinstance(host, str) else ""


def origin_of(host: str) -> str:
    """
    The same for an address as text, with or without the length of its network.
    """
    if ":" not in host:
        return host[:_LONGEST]
    try:
        packed = inet_pton(AF_INET6, host.partition("%")[0].partition("/")[0])
    except (OSError, ValueError):
        return host[:_LONGEST]
    if packed.startswith(_MAPPED):
        return inet_ntop(AF_INET, packed[12:])
    return inet_ntop(AF_INET6, packed[:8] + bytes(8)) + "/64"


def direct(transport: object) -> bool:
    """
    Whether a transport knows from the start where its peer is. One that stands for a proxy's learns it with the first
    bytes.
    """
    while isinstance(transport, TLSMemoryBIOProtocol):
        transport = transport.transport
    return type(transport) in PLAIN


@lru_cache(maxsize=16)
def networks(words: str) -> Sequence[Network]:
    """
    The addresses and networks in a text, blanks or commas between them.

    @raise ValueError: one is none.
    """
    found = []
    for word in words.replace(",", " ").split():
        try:
            found.append(ip_network(word))
        except ValueError as error:
            raise ValueError(f"{word!r}: expected an address or a network, such as 192.0.2.0/24: {error}") from error
    return tuple(found)


def within(place: str, among: Sequence[Network]) -> bool:
    """
    Whether an origin is in one of these networks, in whole or, of IPv6, in part: who trusts one address of a /64 trusts
    its neighbours.
    """
    try:
        network = ip_network(place)
    except ValueError:
        return False
    return any(network.version == each.version and network.overlaps(each) for each in among)
