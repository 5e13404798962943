"""
QoS 2 on the way in: which messages have been taken over and not yet been released by their PUBREL.

Until then a repeat of the same identifier is the same message: it is answered and not delivered again
[MQTT5-4.3.3-10] [MQTT311-4.3.3-2]. The table belongs to the session, not to the connection, and maps each identifier to
its ticket: a repeat that comes while the first is still on its way to the disk joins that ticket, also on a new
connection, and a ticket that fails takes its identifier out again [MQTT5-4.3.3-9].
"""

from __future__ import annotations

from txmqtt.codec.reasons import FAILURE
from txmqtt.session.tickets import DONE, Ticket


class Incoming:
    """
    The incoming half of a session's state.
    """

    def __init__(self) -> None:
        self._received: dict[int, Ticket] | None = None

    def __len__(self) -> int:
        return len(self._received) if self._received is not None else 0

    def find(self, packet_id: int) -> Ticket | None:
        """
        The ticket of a message that is here already; None when this identifier means a new one.
        """
        received = self._received
        if received is None:
            return None
        ticket = received.get(packet_id)
        if ticket is not None and ticket.done and ticket.reason >= FAILURE:
            self._remove(packet_id)
            return None
        return ticket

    def take(self, packet_id: int, ticket: Ticket) -> None:
        """
        A new message is here, and C{ticket} says when it is ours.
        """
        if self._received is None:
            self._received = {}
        self._received[packet_id] = ticket

    def resume(self, packet_id: int) -> None:
        """
        An earlier life of this session had taken this one over.
        """
        self.take(packet_id, DONE)

    def release(self, packet_id: int) -> bool:
        """
        Its PUBREL came: the identifier means a new message again. False when there was none.
        """
        if self.find(packet_id) is None:
            return False
        self._remove(packet_id)
        return True

    def fail(self, packet_id: int, ticket: Ticket) -> None:
        """
        It could not be kept after all: the identifier means a new message again.
        """
        if self._received is not None and self._received.get(packet_id) is ticket:
            self._remove(packet_id)

    def _remove(self, packet_id: int) -> None:
        received = self._received
        assert received is not None
        del received[packet_id]
        if not received:
            self._received = None

    def forget(self) -> None:
        """
        The session is over: nothing of it is left.
        """
        self._received = None
