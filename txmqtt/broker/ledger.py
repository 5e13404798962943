"""
What the queues of this process ask of a store that keeps them: every change is said, and what is not in memory is
brought in on request.

The memory backend has no ledger. Nothing here is answered at once but numbers: what a ledger is told becomes durable
with the ticket of the batch that it goes into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from txmqtt.session.outgoing import Outbound

if TYPE_CHECKING:
    from txmqtt.broker.piles import Holding, Pile
    from txmqtt.broker.shared import Group


class Ledger(Protocol):
    """
    Keeps what is owed. An item is known by its ref, and C{item.home} says whose it is.
    """

    def owed(self, item: Outbound) -> None:
        """
        A new item.
        """

    def moved(self, item: Outbound) -> None:
        """
        An item has a new home.
        """

    def settled(self, item: Outbound) -> None:
        """
        An item is no more.
        """

    def unsent(self, item: Outbound) -> None:
        """
        An item that was about to be sent waits again.
        """

    def ended(self, held: Holding) -> None:
        """
        A session is no more, and all that belongs to it.
        """

    def share(self, group: Group) -> int:
        """
        The number of a group, which is kept from now on if it was not.
        """

    def disbanded(self, group: Group) -> None:
        """
        Nobody in the group lasts: it is not kept any more, nor what is owed to it.
        """

    def backlog(self, group: Group) -> Pile | None:
        """
        What an earlier life of the broker left to a group, once.
        """

    def fetch(self, who: Holding | Group, pile: Pile) -> None:
        """
        Read the next that are behind; C{Dealing.fetched} hears of them.
        """

    def purge(self, pile: Pile) -> None:
        """
        Some behind may have expired, and their room is needed.
        """
