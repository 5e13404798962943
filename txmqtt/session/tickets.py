"""
What a frame waits for until what it promises is durable, and the gates that keep waiting frames in order.

Whoever accepts a message answers with a C{Ticket}. Most are done from the start (nothing had to be kept). The others
are settled when the disk, the cluster or the application's own handler has decided; all that goes into one commit
shares one ticket. A C{Gate} holds the acknowledgements of one kind of one connection and lets them out first in, first
out: PUBACKs in the order of the PUBLISHes [MQTT5-4.6.0-2], PUBRECs likewise [MQTT5-4.6.0-3], PUBRELs in the order of
the PUBRECs [MQTT5-4.6.0-4]. Gates belong to the connection and die with it; tickets do not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from txmqtt.codec import reasons

#: The verdict that says nothing to the peer: not acknowledged, so that it comes again on the next connection. It is no
#: reason code, and worse than all of them.
WITHHELD: Final = 0x100


class Waiter:
    """
    Somebody who wants to know when a ticket has been decided.
    """

    def settled(self, ticket: Ticket) -> None:
        """
        C{ticket} is done now; it may have failed.
        """
        raise NotImplementedError


class Ticket:
    """
    A promise that something is kept, which is decided once.

    @ivar done: it has been decided.
    @ivar reason: what the acknowledgement says, once done: 0 or another success, or from 0x80 up why it failed;
        C{WITHHELD}: there is none.
    """

    def __init__(self) -> None:
        self.done = False
        self.reason = 0
        self._waiters: list[Waiter] | None = None

    @property
    def failed(self) -> bool:
        """
        It has been decided, and the answer was no.
        """
        return self.done and self.reason >= reasons.FAILURE

    def wait(self, waiter: Waiter) -> None:
        """
        Tell C{waiter} when the ticket is settled. Only for tickets that are not done yet.
        """
        if self._waiters is None:
            self._waiters = [waiter]
        elif self._waiters[-1] is not waiter:  # a gate with many frames on one ticket is told once
            self._waiters.append(waiter)

    def settle(self, reason: int = reasons.SUCCESS) -> None:
        """
        Decide. Whoever calls this from the reactor flushes the turn afterwards.
        """
        if self.done:
            return
        self.done = True
        self.reason = reason
        waiters, self._waiters = self._waiters, None
        if waiters is not None:
            for waiter in waiters:
                waiter.settled(self)


class Caller(Waiter):
    """
    Tells a function, for those above this floor.
    """

    def __init__(self, call: Callable[[int], object]) -> None:
        self._call = call

    def settled(self, ticket: Ticket) -> None:
        """
        See C{Waiter}: pass the reason on.
        """
        self._call(ticket.reason)


def decided(reason: int) -> Ticket:
    """
    A ticket that is done from the start.
    """
    ticket = Ticket()
    ticket.settle(reason)
    return ticket


#: Nothing had to be kept, or it already is.
DONE: Final = decided(reasons.SUCCESS)
#: Fine, and nobody listens [MQTT5-3.4.2-1].
NOBODY: Final = decided(reasons.NO_MATCHING_SUBSCRIBERS)
#: No queue that the message was for had room.
FULL: Final = decided(reasons.QUOTA_EXCEEDED)


class Held:
    """
    One frame at a gate, as the number it concerns and the ticket that it waits for.

    @ivar frame: the frame if it is ready made, and C{refusal} what leaves in its place when the ticket fails; None
        where whoever lets it out makes it from the number and the verdict.
    """

    def __init__(self, ticket: Ticket, packet_id: int, frame: bytes | None, refusal: bytes | None) -> None:
        self.ticket = ticket
        self.packet_id = packet_id
        self.frame = frame
        self.refusal = refusal


class Gate(Waiter):
    """
    Frames of one kind that leave in the order in which they came, each when its ticket is done.
    """

    def __init__(self, out: Callable[[Held], None]) -> None:
        self._out = out
        self._held: deque[Held] = deque()

    @property
    def empty(self) -> bool:
        """
        Nothing waits here.
        """
        return not self._held

    def holds(self, packet_id: int) -> bool:
        """
        Whether a frame about this packet identifier waits here.
        """
        return any(held.packet_id == packet_id for held in self._held)

    def admit(self, ticket: Ticket, packet_id: int, frame: bytes | None = None, refusal: bytes | None = None) -> None:
        """
        Let the frame out when the ticket is done and all before it are out.
        """
        held = Held(ticket, packet_id, frame, refusal)
        if ticket.done and not self._held:
            self._out(held)
            return
        self._held.append(held)
        if not ticket.done:
            ticket.wait(self)

    def settled(self, ticket: Ticket) -> None:
        held = self._held
        while held and held[0].ticket.done:
            self._out(held.popleft())

    def shut(self) -> None:
        """
        The connection is gone: nothing leaves any more, whatever the tickets say.
        """
        self._held.clear()
