"""
Every name is that of this machine: what a URL calls the server is looked up without asking anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer


@implementer(IHostResolution)
class _Lookup:
    """
    A name that was looked up.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """
        See C{IHostResolution}: it is over already.
        """


@implementer(IHostnameResolver)
class EverythingIsHere:
    """
    Knows one address, and takes addresses for what they are.
    """

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """
        See C{IHostnameResolver}.
        """
        lookup = _Lookup(hostName)
        resolutionReceiver.resolutionBegan(lookup)
        if isIPv6Address(hostName):
            resolutionReceiver.addressResolved(IPv6Address("TCP", hostName, portNumber))
        else:
            host = hostName if isIPAddress(hostName) else "127.0.0.1"
            resolutionReceiver.addressResolved(IPv4Address("TCP", host, portNumber))
        resolutionReceiver.resolutionComplete()
        return lookup
