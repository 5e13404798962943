"""
Makes the broker's side of every connection of one listener, and knows who is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory

from txmqtt.broker.core import Broker
from txmqtt.broker.terms import Terms
from txmqtt.net.access.mechanisms import IMechanism
from txmqtt.net.door import Door
from txmqtt.net.fairness import AcceptPace, ReadPace
from txmqtt.net.origins import networks
from txmqtt.net.plugins import Plugins
from txmqtt.net.server import MQTTServerProtocol
from txmqtt.net.turns import TurnEnd


class BrokerFactory(Factory):
    """
    Makes the broker's side of every connection of one listener.

    @ivar terms: what they get who come in here.
    @ivar portal: who may come in.
    @ivar mechanisms: how a 5.0 client may prove in several steps who it is, by name.
    @ivar clock: for the alarms of the connections.
    @ivar seconds: a clock that never jumps, seconds.
    @ivar turn_end: says when what was stirred is written.
    @ivar plugins: who is asked about those who come in.
    @ivar accepts: says how many connections are made in one turn.
    @ivar reads: says who is read next of those that say much.
    @ivar door: how many may come, from where and how fast; one for all listeners of a broker.
    @ivar guests: every connection that is not closed, those that have not said who they are included.
    """

    noisy = False

    def __init__(
        self,
        broker: Broker,
        portal: Portal,
        clock: IReactorTime,
        seconds: Callable[[], float] = monotonic,
        terms: Terms | None = None,
        mechanisms: Sequence[IMechanism] = (),
        door: Door | None = None,
    ) -> None:
        """
        @raise ValueError: the policy trusts what is no address.
        """
        self.broker = broker
        self.terms = broker.terms if terms is None else terms
        self.portal = portal
        self.offer(mechanisms)
        self.clock = clock
        self.seconds = seconds
        networks(self.terms.policy.trusted_addresses)
        self.door = Door(broker.stats, seconds) if door is None else door
        self.turn_end = TurnEnd(broker.turn, clock)
        self.accepts = AcceptPace(clock, seconds)
        self.reads = ReadPace(clock)
        self.plugins: Plugins | None = None
        self.guests: set[MQTTServerProtocol] = set()
        self._waiting: list[Deferred[None]] = []

    def offer(self, mechanisms: Sequence[IMechanism]) -> None:
        """
        From now on a 5.0 client may prove in these ways who it is.
        """
        self.mechanisms = {mechanism.name: mechanism for mechanism in mechanisms}

    def buildProtocol(self, addr: IAddress | None) -> MQTTServerProtocol:
        """
        See C{IProtocolFactory}.
        """
        return MQTTServerProtocol(self)

    def shut(self, message: str) -> None:
        """
        Let go of everybody who is still here.
        """
        for guest in list(self.guests):
            guest.session.server_reference = self.terms.policy.server_reference
            guest.session.end(self.terms.at_shutdown, message)

    def left(self, guest: MQTTServerProtocol) -> None:
        """
        A connection is closed.
        """
        self.guests.discard(guest)
        if not self.guests:
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                waiter.callback(None)

    def whenEmpty(self) -> Deferred[None]:
        """
        Fires when no connection is left.
        """
        if not self.guests:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        return waiter
