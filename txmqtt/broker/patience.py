"""
Messages that wait until everybody they are for has room, with C{queue_full = hold}: they are acknowledged then, and so
their publisher is slowed down to the pace of the slowest receiver.

Only acknowledgements wait. The publisher is read all the while, so two clients that feed each other go on, and each is
heard when it acknowledges what it was sent. What one publisher sends after a message that waits, waits behind it, as
acknowledgements leave in order anyway. A message is for nobody before it is for all: what is refused in the end, and
published again, does not come twice.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from txmqtt.broker.routes import Route
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.tickets import DONE, FULL, Ticket, Waiter
from txmqtt.session.turn import Later

if TYPE_CHECKING:
    from txmqtt.broker.publishing import Publishing
    from txmqtt.broker.registry import Member


class _Waiting(Waiter):
    """
    One message.

    @ivar ticket: what its publisher's acknowledgement waits for.
    @ivar due: when it waits no longer, seconds.
    """

    def __init__(self, message: Message, packet_id: int, version: int, due: float) -> None:
        self.message = message
        self.packet_id = packet_id
        self.version = version
        self.due = due
        self.ticket = Ticket()

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}: it has been kept, or could not be.
        """
        self.ticket.settle(ticket.reason)


class Line(Waiter):
    """
    What waits of one publisher, first in, first out.
    """

    def __init__(self, broker: Publishing, member: Member) -> None:
        self._broker = broker
        self._member = member
        self._waiting: deque[_Waiting] = deque()
        self._awaited: Ticket | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def admit(self, message: Message, packet_id: int, version: int, room: Ticket) -> Ticket:
        """
        One more waits.

        @param room: settled when there may be room for it.
        """
        broker = self._broker
        policy = self._member.terms.policy
        if len(self._waiting) >= policy.hold_limit:
            broker.stats.held_refused += 1
            return FULL
        broker.stats.held += 1
        waiting = _Waiting(message, packet_id, version, broker.turn.now + policy.hold_seconds)
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            broker.lines[self] = None
            self._await(room)
        return waiting.ticket

    def _await(self, room: Ticket) -> None:
        if room is not self._awaited:
            self._awaited = room
            room.wait(self)

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}: there may be room, but we are in the middle of what made it.
        """
        if ticket is self._awaited:
            self._awaited = None
            self._broker.turn.later.append(_Look(self))

    def go_on(self) -> None:
        """
        Publish what has room now, or has waited long enough.
        """
        broker, waiting = self._broker, self._waiting
        while waiting:
            first = waiting[0]
            route = self._member.mount.routes.find(first.message.topic)
            room = broker.room(first.message, route)
            late = first.due <= broker.turn.now
            if not (room.done or late):
                self._await(room)
                return
            waiting.popleft()
            self._publish(first, route, not room.done)
        broker.lines.pop(self, None)

    def _publish(self, first: _Waiting, route: Route, late: bool) -> None:
        verdict = self._broker.take(first.message, route, self._member, first.packet_id, first.version)
        if not verdict.done:
            verdict.wait(first)
            return
        if late and verdict.failed:
            self._broker.stats.held_refused += 1
        first.ticket.settle(verdict.reason)

    def leave(self) -> None:
        """
        The publisher's connection has ended: what was not acknowledged is not ours, and it may publish it again.
        """
        waiting, self._waiting = self._waiting, deque()
        self._broker.stats.held_refused += len(waiting)
        self._broker.lines.pop(self, None)
        for each in waiting:
            each.ticket.settle(reasons.QUOTA_EXCEEDED)


class _Look(Later):
    def __init__(self, line: Line) -> None:
        self._line = line

    def go_on(self) -> None:
        self._line.go_on()


def crowded(broker: Publishing, message: Message, route: Route) -> Ticket:
    """
    Whether anybody who is served directly has no room, or of those who are owed it.

    @return: done when all have; otherwise settled when there may be some.
    """
    for delivery in route.deliveries:
        member = delivery.member
        session = member.session
        if member.durable or session is None or not delivery.qos:
            continue
        if (
            delivery.no_local
            and member.client_id == message.publisher
            and (delivery.own is None or not delivery.own.qos)
        ):
            continue
        outgoing = session.outgoing
        if outgoing is None or member.terms.policy.queue_full.startswith("drop"):
            continue
        if not outgoing.room(message.size, session.paused or session.out_size >= session.write_limit):
            return outgoing.vacant()
    return broker.backend.room(message, route) if route.stored else DONE
