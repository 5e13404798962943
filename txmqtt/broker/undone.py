"""
Steps of QoS 2 that are taken back when they can't be recorded, so that the books say what is on record.
"""

from __future__ import annotations

from txmqtt.session.incoming import Incoming
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket, Waiter


class StillOurs(Waiter):
    """
    A PUBREL that could not be recorded: the packet identifier is still that of the message which came under it.
    """

    def __init__(self, incoming: Incoming, packet_id: int) -> None:
        self._incoming = incoming
        self._packet_id = packet_id

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}.
        """
        if ticket.failed and self._incoming.find(self._packet_id) is None:
            self._incoming.resume(self._packet_id)


class NotReleased(Waiter):
    """
    A PUBREC that could not be recorded: the message is published again when the session returns.
    """

    def __init__(self, item: Outbound) -> None:
        self._item = item

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}.
        """
        if ticket.failed:
            self._item.released = False
