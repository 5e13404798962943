"""
What one transaction is to say about publishes: which are new in it, how far others are, and which are done with.

A publish that leaves in the transaction in which it is new is written once, with its packet identifier; one that is
done with before it was written is not written at all.
"""

from __future__ import annotations

from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket

#: Packet identifier, place in the order of sending or of PUBREC, and 1 if its PUBREC came.
Flight = tuple[int, int, int]

#: It has not left.
AT_HOME: Flight = (0, 0, 0)


class Draft:
    """
    The store makes rows of it in the writer's thread, of what was said up to then and nothing later: an identifier that
    is taken meanwhile may be one that another publish gives back only in the next transaction.

    @ivar ticket: that of the transaction.
    @ivar firm: tickets for steps that are said again if the transaction fails, and wait until one succeeds.
    @ivar fresh: publishes that are nowhere but here, by their numbers.
    @ivar keys: the keys of those that have one.
    @ivar flights: how far publishes are, as far as that is new.
    @ivar gone: the numbers of publishes that the store has and that are done with.
    @ivar operations: how much was said, merged or not.
    @ivar size: what the new publishes cost, bytes.
    """

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.firm: list[Ticket] = []
        self.fresh: dict[int, Outbound] = {}
        self.keys: dict[int, str] = {}
        self.flights: dict[int, Flight] = {}
        self.gone: dict[int, None] = {}
        self.operations = 0
        self.size = 0

    @property
    def empty(self) -> bool:
        """
        Nothing is to be written (any more).
        """
        return not (self.fresh or self.flights or self.gone)

    def fly(self, home: int, flight: Flight) -> None:
        """
        This is how far a publish is.
        """
        self.operations += 1
        self.flights[home] = flight

    def settle(self, home: int) -> None:
        """
        A publish is done with.
        """
        self.operations += 1
        self.flights.pop(home, None)
        item = self.fresh.pop(home, None)
        if item is None:
            self.gone[home] = None
        else:
            self.size -= item.message.size
            self.keys.pop(home, None)
