"""
What one transaction is to say about queues: the items that are new in it, those that are no more, and how far others
are.

An item that comes and goes while its transaction grows leaves nothing to be written. That is the common case while
receivers are connected, and the reason why these few lines are on a floor that is compiled.
"""

from __future__ import annotations

from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket


class Draft:
    """
    A store makes rows of it when it writes the transaction: as the items are then, which may be later than they were
    said.

    @ivar ticket: that of the transaction.
    @ivar fresh: items that are nowhere but here, by their refs.
    @ivar moved: items whose home is another than the store knows.
    @ivar flights: items that have been sent, or released, since the store heard of them; None: not sent after all.
    @ivar gone: refs of items that the store has and nobody is owed any more.
    @ivar operations: how much was said, merged or not.
    @ivar size: what the new items cost, bytes.
    """

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.fresh: dict[int, Outbound] = {}
        self.moved: dict[int, Outbound] = {}
        self.flights: dict[int, Outbound | None] = {}
        self.gone: dict[int, None] = {}
        self.operations = 0
        self.size = 0

    @property
    def empty(self) -> bool:
        """
        Nothing is to be written (any more).
        """
        return not (self.fresh or self.gone or self.flights or self.moved)

    def owed(self, item: Outbound) -> None:
        """
        A new item.
        """
        self.operations += 1
        self.size += item.message.size
        self.fresh[item.ref] = item

    def move(self, item: Outbound) -> None:
        """
        An item has a new home, or is another object.
        """
        self.operations += 1
        if item.ref in self.fresh:
            self.fresh[item.ref] = item
        else:
            self.moved[item.ref] = item

    def fly(self, item: Outbound) -> None:
        """
        An item is about to be sent, or was released.
        """
        self.operations += 1
        if item.ref not in self.fresh:
            self.flights[item.ref] = item

    def land(self, item: Outbound) -> None:
        """
        An item that was about to be sent waits again.
        """
        self.operations += 1
        if item.ref not in self.fresh:
            self.flights[item.ref] = None

    def settle(self, ref: int) -> None:
        """
        Nobody is owed an item any more.
        """
        self.operations += 1
        if self.fresh.pop(ref, None) is None:
            self.gone[ref] = None
            if self.moved:
                self.moved.pop(ref, None)
            if self.flights:
                self.flights.pop(ref, None)
