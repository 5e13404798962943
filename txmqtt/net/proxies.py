"""
Whose word is taken for where a client is: proxies that tell it in C{X-Forwarded-For} or in a header of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address as V4
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from ipaddress import IPv6Address as V6

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

#: How a proxy that connects through a UNIX socket is named.
UNIX = "unix"


class TrustedProxies:
    """
    The proxies that may speak for others.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """
        @param names: addresses, networks such as C{10.0.0.0/8}, and C{unix} for whoever comes through a UNIX socket.
        @raise ValueError: one of them is neither.
        """
        self._unix = False
        self._networks: list[IPv4Network | IPv6Network] = []
        for name in names:
            if name == UNIX:
                self._unix = True
                continue
            try:
                self._networks.append(ip_network(name))
            except ValueError as error:
                raise ValueError(
                    f"proxies {name!r}: expected an address, a network such as 10.0.0.0/8, or {UNIX} ({error})"
                ) from error

    def client(self, peer: IAddress, told: Sequence[str]) -> IAddress:
        """
        Where a client is.

        Every proxy adds at the right whom it heard from. So the addresses are believed from the right, up to the first
        that is none of our proxies: what stands left of it the client may have written itself.

        @param peer: whoever is connected to us.
        @param told: what C{X-Forwarded-For} says, one text for each header, in their order.
        """
        found = peer
        if peer not in self:
            return found
        for word in reversed(",".join(told).split(",")):
            address = _address(word)
            if address is None:
                return found
            found = IPv4Address("TCP", str(address), 0) if address.version == 4 else IPv6Address("TCP", str(address), 0)
            if not self._trusts(address):
                return found
        return found

    def __contains__(self, peer: object) -> bool:
        """
        Whether whoever is connected from there may speak for others.
        """
        if isinstance(peer, UNIXAddress):
            return self._unix
        address = _address(str(getattr(peer, "host", "")))
        return address is not None and self._trusts(address)

    def _trusts(self, address: V4 | V6) -> bool:
        return any(address in network for network in self._networks)


def _address(word: str) -> V4 | V6 | None:
    """
    The address that a proxy means: some add a port, and to an address of IPv6 brackets.
    """
    text = word.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, V6) else None) or address
