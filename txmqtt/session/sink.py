"""
The verbs that a conversation says to whoever owns it.

A sink owns what is said (the broker, or the client's protocol), a C{Link} owns the wire. Links and C{ClientSink} are
shapes: whoever has these methods will do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mypy_extensions import mypyc_attr

from txmqtt.codec.packets import Connack, Connect, Disconnect, Publish, Subscribe, Unsubscribe
from txmqtt.codec.properties import Properties
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket

if TYPE_CHECKING:
    from txmqtt.session.client import ClientSession
    from txmqtt.session.server import ServerSession
    from txmqtt.session.verbs import Request, Verbs


class Link(Protocol):
    """
    What a conversation asks of the wire that it runs over.
    """

    def hold(self) -> None:
        """
        Read no more for now: what arrives has nowhere to go.
        """

    def release(self) -> None:
        """
        Read again.
        """

    def rearm(self, deadline: float) -> None:
        """
        Wake the conversation at C{deadline}, which is nearer than what was said before.
        """

    def close(self, reason: int, message: str, abort: bool) -> None:
        """
        The conversation is over: write what it has left to say, then close.

        @param reason: a reason code; from 0x80 up something was wrong, and C{message} says what, for the log.
        @param abort: the peer does not read: do not wait for it.
        """


class ServerLink(Link, Protocol):
    """
    What a server's conversation asks besides.
    """

    def connecting(self, packet: Connect) -> None:
        """
        Somebody wants in. The answer is C{accept} or C{end}, now or later.
        """

    def admitted(self) -> None:
        """
        They are in.
        """

    def answering(self, data: bytes | None) -> None:
        """
        The client answers C{challenge}, while it comes in or while it proves again who it is.
        """

    def renewing(self, data: bytes | None) -> None:
        """
        A client that is in wants to prove again who it is. The answer is C{challenge}, C{renewed} or C{end}.
        """


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerSink:
    """
    What a server's conversation tells the broker. A base class and no shape, because a compiled call of a shape's
    method takes the long way, and C{published} is called for each message.
    """

    def published(self, session: ServerSession, packet: Publish) -> Ticket:
        """
        A new message. The ticket says when, and with which reason, it is acknowledged.
        """
        raise NotImplementedError

    def subscribing(self, session: ServerSession, packet: Subscribe) -> None:
        """
        The answer is C{session.suback}.
        """
        raise NotImplementedError

    def unsubscribing(self, session: ServerSession, packet: Unsubscribe) -> None:
        """
        The answer is C{session.unsuback}.
        """
        raise NotImplementedError

    def releasing(self, session: ServerSession, packet_id: int) -> Ticket:
        """
        A QoS 2 message was released by its sender; the ticket says when PUBCOMP may leave.
        """
        raise NotImplementedError

    def sending(self, session: ServerSession, item: Outbound) -> Ticket:
        """
        A message that is kept elsewhere is about to leave under C{item.packet_id}; QoS 2 waits for the ticket.
        """
        raise NotImplementedError

    def received(self, session: ServerSession, item: Outbound) -> Ticket:
        """
        The subscriber has taken over a QoS 2 message; the ticket says when its PUBREL may leave.
        """
        raise NotImplementedError

    def settled(self, session: ServerSession, item: Outbound, reason: int) -> None:
        """
        The subscriber is done with a message that is kept elsewhere; or it takes no packet so large as any message
        (0x95).
        """
        raise NotImplementedError

    def expired(self, session: ServerSession, item: Outbound) -> None:
        """
        A message expired before it could be sent.
        """
        raise NotImplementedError

    def drained(self, session: ServerSession) -> None:
        """
        There is room again: the transport took what it was given.
        """
        raise NotImplementedError

    def left(self, session: ServerSession, goodbye: Disconnect | None) -> None:
        """
        The conversation is over; C{goodbye} is the client's DISCONNECT, None when it went without.
        """
        raise NotImplementedError


class ClientSink(Protocol):
    """
    What a client's conversation tells its owner.
    """

    def accepted(self, session: ClientSession, packet: Connack) -> None:
        """
        The server accepted us.
        """

    def forgotten(self, session: ClientSession) -> None:
        """
        The server accepted us and has no session of ours: what follows is news to it. Comes before C{accepted}, and
        before anything that waited is sent.
        """

    def refused(self, session: ClientSession, packet: Connack) -> None:
        """
        The server did not accept us; C{packet.reason} says why, in the terms of 5.0 on every version.
        """

    def challenged(self, session: Verbs, data: bytes | None) -> None:
        """
        The server wants to know more before it believes us. The answer is C{session.answer} or C{session.end}, now or
        later.
        """

    def convinced(self, session: Verbs, data: bytes | None) -> None:
        """
        The server believes us; C{data}, its last word, may show that it is who it should be. The answer is
        C{session.trust} or C{session.end}, now or later; until then the connection is not open, if it was not.
        """

    def published(self, session: ClientSession, packet: Publish) -> Ticket:
        """
        A new message. The ticket says when, and with which reason, it is acknowledged.
        """

    def sending(self, session: Verbs, item: Outbound) -> Ticket:
        """
        A publish is about to leave under C{item.packet_id}; QoS 2 waits for the ticket. Only of a session that is
        C{kept}, as the next two.
        """

    def released(self, session: Verbs, item: Outbound) -> Ticket:
        """
        The server has taken over a QoS 2 message; the ticket says when its PUBREL may leave.
        """

    def releasing(self, session: Verbs, packet_id: int) -> Ticket:
        """
        The server has released a QoS 2 message; the ticket says when PUBCOMP may leave.
        """

    def settled(self, session: Verbs, item: Outbound, reason: int, properties: Properties | None) -> None:
        """
        A publish has been acknowledged to its end; or, at QoS 0, what had waited has left.
        """

    def answered(self, session: Verbs, request: Request, reasons: list[int], properties: Properties | None) -> None:
        """
        A SUBSCRIBE or UNSUBSCRIBE has been answered.
        """

    def lapsed(self, session: Verbs, item: Outbound, reason: int, why: str) -> None:
        """
        A message that was to be sent is not: it expired in the queue, could not be stored, or is not what this server
        takes.

        @param reason: the nearest reason code.
        """

    def ponged(self, session: Verbs, ref: int) -> None:
        """
        The PINGRESP came that C{ref} has been waiting for.
        """

    def left(self, session: ClientSession, goodbye: Disconnect | None) -> None:
        """
        The conversation is over; C{goodbye} is the server's DISCONNECT, None when it went without.
        """
