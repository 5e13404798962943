"""
QoS 2 messages on their way to those who are served directly, each when it has been kept for good.

A QoS 2 message that is refused may be published again, and must not come twice: so nobody has it before its ticket is
done, and what the same publisher sends after it does not overtake it [MQTT5-4.6.0-5].
"""

from __future__ import annotations

from collections import deque

from txmqtt.broker.fanout import Fanout
from txmqtt.broker.routes import Route
from txmqtt.session.message import Message
from txmqtt.session.tickets import Ticket, Waiter


class _Kept:
    def __init__(self, ticket: Ticket, message: Message, route: Route) -> None:
        self.ticket = ticket
        self.message = message
        self.route = route


class Onward(Waiter):
    """
    Those of one publisher, first in, first out.
    """

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout
        self._held: deque[_Kept] = deque()

    @property
    def empty(self) -> bool:
        """
        Nothing waits here.
        """
        return not self._held

    def admit(self, ticket: Ticket, message: Message, route: Route) -> None:
        """
        Send the message when the ticket is done and all before it are sent; never if the ticket fails.
        """
        self._held.append(_Kept(ticket, message, route))
        if not ticket.done:
            ticket.wait(self)

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}.
        """
        held = self._held
        while held and held[0].ticket.done:
            kept = held.popleft()
            if not kept.ticket.failed:
                self._fanout.send(kept.message, kept.route)
