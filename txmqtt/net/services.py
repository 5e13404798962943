"""
Servers that a domain announces in DNS (SRV, RFC 2782): looked up at each connection, tried in the order it wants.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from zope.interface import implementer

from txmqtt.net.urls import is_host, place

_log = Logger()

#: The type of the records.
_SRV = 33

#: So many servers of a domain are tried.
_MOST = 16

#: So long a server may take when there is another one to be tried, seconds: a client waits 10 s for a connection
#: unless told otherwise, and a server that does not answer must not take it all.
_PATIENCE = 4.0


class Target(NamedTuple):
    """
    A server that a domain announces; the lowest priority is tried first, and a heavy one more often.
    """

    priority: int
    weight: int
    host: str
    port: int


def in_order(targets: Iterable[Target], chance: Callable[[int, int], int] = random.randint) -> list[Target]:
    """
    The order in which to try them, RFC 2782: by priority; among equals by lot, by their weights.

    @param chance: a number from the one to the other.
    """
    left = sorted(targets, key=lambda each: (each.priority, each.weight))
    found: list[Target] = []
    while left:
        equals = [each for each in left if each.priority == left[0].priority]
        lot = chance(0, sum(each.weight for each in equals))
        for each in equals:
            lot -= each.weight
            if lot <= 0:
                break
        left.remove(each)
        found.append(each)
    return found


@implementer(IStreamClientEndpoint)
class ServiceEndpoint:
    """
    Connects with the first server of a domain that can be reached.
    """

    def __init__(
        self,
        reactor: Any,
        service: str,
        domain: str,
        reach: Callable[[str, int], IStreamClientEndpoint],
        resolver: Any = None,
        chance: Callable[[int, int], int] = random.randint,
    ) -> None:
        """
        @param service: of what kind, C{_mqtt._tcp}.
        @param reach: how a host and a port are connected with.
        @param resolver: a resolver of C{twisted.names}; its own unless you have another.
        @param chance: see C{in_order}.
        """
        self._reactor = reactor
        self._name = f"{service}.{domain}"
        self._reach = reach
        self._resolver = resolver
        self._chance = chance

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        See C{IStreamClientEndpoint}. Fails with C{DNSLookupError} when no server is announced, otherwise as the last
        one that was tried does.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        targets = in_order(await self._look_up(), self._chance)[:_MOST]
        for target in targets[:-1]:
            attempt = self._attempt(target, factory).addTimeout(_PATIENCE, self._reactor)
            try:
                return await attempt
            except CancelledError:
                raise
            except Exception as error:
                where = place(target.host, target.port)
                why = str(error) or type(error).__name__
                _log.info("{name}: {where} was not reached: {why}", name=self._name, where=where, why=why)
        return await self._attempt(targets[-1], factory)

    def _attempt(self, target: Target, factory: IProtocolFactory) -> Deferred[IProtocol]:
        attempt: Deferred[IProtocol] = self._reach(target.host, target.port).connect(factory)
        return attempt

    async def _look_up(self) -> list[Target]:
        from twisted.names.client import getResolver  # needed only here, and slow to import
        from twisted.names.error import DNSNameError

        resolver = self._resolver if self._resolver is not None else getResolver()
        try:
            answers, _, _ = await resolver.lookupService(self._name)
        except CancelledError:
            raise
        except DNSNameError:
            raise DNSLookupError(f"{self._name}: there is no such record in DNS") from None
        except Exception as error:  # resolvers have many
            raise DNSLookupError(f"{self._name} was not found in DNS: {str(error) or type(error).__name__}") from error
        targets = [_target(each.payload) for each in answers if each.type == _SRV]
        usable = [each for each in targets if is_host(each.host) and each.port]
        if not usable:
            why = "the domain says that it has no such server" if targets else "there is no such record in DNS"
            raise DNSLookupError(f"{self._name}: {why}")
        return usable


def _target(record: Any) -> Target:
    host = record.target.name.decode("ascii", "replace").rstrip(".")
    return Target(record.priority, record.weight, host, record.port)
