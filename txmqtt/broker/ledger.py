"""
What the queues of this process ask of a store that keeps them: a draft for every change, and what is not in memory
brought in on request.

The memory backend has no ledger. Nothing here is answered at once but numbers and drafts: what a draft says becomes
durable with its ticket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from txmqtt.broker.draft import Draft

if TYPE_CHECKING:
    from txmqtt.broker.piles import Holding, Pile
    from txmqtt.broker.shared import Group


class Ledger(Protocol):
    """
    Keeps what is owed. An item is known by its ref, and C{item.home} says whose it is.
    """

    def draft(self) -> Draft:
        """
        What the next transaction is to say. It is drawn on until C{Dealing.draft} is set back to None.
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

    def trim(self, who: Holding | Group, pile: Pile) -> None:
        """
        There are too many behind; C{Crowding.trim} hears which are the oldest.
        """

    def purge(self, pile: Pile) -> None:
        """
        Some behind may have expired, and their room is needed.
        """
