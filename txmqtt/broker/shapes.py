"""
What the broker asks of a backend, and what a backend tells the broker: who owes what to whom, and when it is durable.

The broker keeps the state machines of MQTT, the routes, packet identifiers and flow control. A backend keeps sessions,
what they are owed, retained messages, and the facts that QoS 2 must not forget. It answers with tickets, one for all
that goes into one commit, never with Deferreds. Whether it has queues inside, a journal, or a cursor into a log that a
whole cluster shares is its own affair, and taking over a session may take as long as it takes.

A session that lasts is sent QoS 1 and 2 only through C{Owner.deliver}, as far as its credit goes; QoS 0, and QoS 1 and
2 for sessions that end with their connection, never come here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.packets import Subscription, Will
from txmqtt.session.incoming import Incoming
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket, decided

if TYPE_CHECKING:
    from txmqtt.broker.filters import Grant
    from txmqtt.broker.routes import Route

#: There is no room for another retained message.
UNRETAINED: Final = decided(reasons.RETAIN_NOT_SUPPORTED)

#: The store takes nothing more for now: nobody is owed it, and nothing may be said that sounds like yes.
UNAVAILABLE: Final = decided(reasons.QUOTA_EXCEEDED)

#: The facts of C{Backend.remember}.
RELEASED_IN: Final = 1  # a QoS 2 message that we received was released by its sender
SENT: Final = 2  # a message is about to be sent under its packet identifier
RELEASED_OUT: Final = 3  # the receiver took a QoS 2 message over; only its PUBREL may be sent from now on


class Claim:
    """
    Somebody wants to own a session.

    @ivar mount: the mount point.
    @ivar user: the user name, None for anonymous; a session belongs to mount point, user and client identifier.
    @ivar clean: discard what an earlier life left.
    @ivar expiry: seconds that the session outlives its connection; 0: it ends with it.
    @ivar will: what is to be published if its client goes without a word.
    """

    def __init__(
        self, mount: str, client_id: str, user: str | None, clean: bool, expiry: int, will: Will | None = None
    ) -> None:
        self.mount = mount
        self.client_id = client_id
        self.user = user
        self.clean = clean
        self.expiry = expiry
        self.will = will

    @property
    def key(self) -> tuple[str, str]:
        """
        What no two sessions have in common.
        """
        return (self.mount, self.client_id)


class Lease:
    """
    The exclusive ownership of one session. A backend hands it to one owner at a time.

    @ivar present: the session was there before.
    @ivar durable: it lasts: it is owed QoS 1 and 2 by the backend.
    @ivar owner: who is told; None while the session is parked.
    @ivar incoming: the QoS 2 messages that it sent and has not released.
    """

    def __init__(self, claim: Claim, owner: Owner | None, present: bool, durable: bool) -> None:
        self.key = claim.key
        self.user = claim.user
        self.present = present
        self.durable = durable
        self.owner = owner
        self.incoming = Incoming()

    @property
    def ready(self) -> bool:
        """
        The owner is there and takes more.
        """
        return self.owner is not None

    @property
    def load(self) -> int:
        """
        How many messages wait for it.
        """
        return 0


class Kept:
    """
    One subscription as it survived.

    @ivar asked: its options; the QoS is the one that was granted.
    @ivar identifier: the subscription identifier; 0 for none.
    """

    def __init__(self, asked: Subscription, identifier: int) -> None:
        self.asked = asked
        self.identifier = identifier


class Survivor:
    """
    A session that an earlier life of the broker left.

    @ivar lease: nobody owns it. One that does not last is here only because of its will.
    @ivar expiry: seconds that it outlives its connection.
    @ivar parked_at: since when it is parked, wall time; 0.0: its client was connected at the end.
    @ivar will_due: when its will is due, wall time; 0.0: its client had not gone without a word.
    """

    def __init__(self, lease: Lease, expiry: int, parked_at: float, will: Will | None, will_due: float) -> None:
        self.lease = lease
        self.expiry = expiry
        self.parked_at = parked_at
        self.will = will
        self.will_due = will_due
        self.subscriptions: list[Kept] = []


class Owner(Protocol):
    """
    Who holds, or waits for, a lease.
    """

    def opened(self, lease: Lease) -> None:
        """
        The session is yours, and yours alone.
        """

    def refused(self, reason: int, message: str) -> None:
        """
        It can't be.
        """

    def revoked(self, reason: int, ending: bool) -> None:
        """
        Somebody else takes it over: close the lease. C{ending}: the session is discarded.
        """

    def deliver(self, item: Outbound) -> bool:
        """
        One message that is owed, within the credit that was given. C{item.ref} names it when it is settled.

        @return: False when it can't be taken now (the peer does not read): it is still owed, as the first, and the next
            C{want} asks for it again.
        """

    def overrun(self) -> None:
        """
        A message found no room in your queue, and the policy is to let you go for that.
        """


class Reader(Protocol):
    """
    Who asked for retained messages.
    """

    def page(self, messages: list[Message], last: bool, rest: Rest | None) -> None:
        """
        Some of what was found; C{last} when there is no more.

        @param rest: asked for the next page when the reader wants it; None: there is none, or it comes by itself.
        """


class Rest(Protocol):
    """
    The retained messages of a search that have not been looked up yet.
    """

    def following(self, reader: Reader) -> None:
        """
        Look up some more; C{reader} hears of them, now or later.
        """


class Hall(Protocol):
    """
    What a backend tells the broker besides.
    """

    def discarded(self, key: tuple[str, str]) -> None:
        """
        A parked session is no more.
        """

    def dropped(self, count: int, reason: int) -> None:
        """
        Messages that somebody was owed are gone: 0x97 for want of room, 0x83 because their time was over, 0x87 because
        none of those who share them may have them, 0x80 because the session or group that they were for is no more.
        """

    def troubled(self, why: str) -> None:
        """
        What is to be kept can't be for now. Said once; one line.
        """

    def recovered(self) -> None:
        """
        It can be again.
        """


class Backend(Protocol):
    """
    Keeps what must be kept.

    @ivar lasting: what it keeps outlives the process.
    """

    lasting: bool

    def attach(self, hall: Hall) -> None:
        """
        Called once, before anything else.
        """

    def open(self, claim: Claim, owner: Owner) -> None:
        """
        Make C{owner} the only owner of a session. It hears C{opened} when what the claim says is durable, or
        C{refused}; by then every ticket that was given out for this session is decided. An earlier owner hears
        C{revoked} first; so does one that still waits, and hears no more. Of owners that ask at the same time the last
        wins.
        """

    def close(self, lease: Lease, expiry: int) -> None:
        """
        The owner lets go. The session is parked for C{expiry} seconds, or discarded when that is 0.
        """

    def will(self, lease: Lease, due: float) -> None:
        """
        What becomes of the will that came with the claim: C{due} is when it is to be published, wall time, or 0.0 when
        that has been done or will not be.
        """

    def discard(self, key: tuple[str, str]) -> None:
        """
        A parked session has expired. The broker knows; it is not told C{discarded}.
        """

    def subscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        """
        From the moment the ticket is done, every later message that matches is owed.
        """

    def unsubscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        """
        No later message is owed because of these; what is owed already stays.
        """

    def publish(self, message: Message, route: Route, lease: Lease | None, packet_id: int) -> Ticket:
        """
        Keep a message for all that the route says are owed it, and as retained if it is. In order of the calls.

        @param lease: whose QoS 2 message it is, with C{packet_id}; None for QoS 0 and 1, and for those whose session
            ends with the connection: nothing is remembered about the sender then.
        @return: done with 0 when nothing has to be waited for; done with 0x97 when nobody who is owed it had room; at
            QoS 1 and 2 C{UNRETAINED} when it could not be retained: then nobody is owed it either; C{UNAVAILABLE} when
            nothing can be kept for now.
        """

    def room(self, message: Message, route: Route) -> Ticket:
        """
        Whether all that the route says are owed a message have room for it.

        @return: done if so, or if their policy is to drop; otherwise it is settled when some may have come free.
        """

    def want(self, lease: Lease, more: int) -> None:
        """
        Credit for so many more C{deliver}; 0 after one was not taken and now could be. What C{recall} answers counts as
        delivered on this connection.
        """

    def settle(self, lease: Lease, item: Outbound) -> None:
        """
        The receiver is done with an item; it may be said twice, and is made durable when it suits.
        """

    def remember(self, lease: Lease, fact: int, packet_id: int, item: Outbound | None) -> Ticket:
        """
        A step of QoS 1 or 2 that a restart must know of.
        """

    def recall(self, lease: Lease) -> list[Outbound]:
        """
        What was sent in an earlier life and not settled, with C{packet_id} and C{released}, in the order of first
        sending.
        """

    def find(self, mount: str, filter: bytes, reader: Reader) -> None:
        """
        Look up the retained messages that a filter matches; C{reader} hears of them, now or later.
        """

    def survivors(self) -> list[Survivor]:
        """
        What an earlier life of the broker left, once, before anybody is let in.
        """

    def revived(self, lease: Lease, grants: list[Grant]) -> None:
        """
        What a survivor had subscribed to is in force again.
        """

    def change_policy(self, policy: Policy) -> None:
        """
        From now on these are the limits. What is there already stays, also where it is too much.
        """

    def figures(self) -> list[tuple[str, str]]:
        """
        What it counts, each figure with its topic below C{$SYS/broker/}.
        """

    def sweep(self, wall: float) -> None:
        """
        Called now and then: let go of what has expired and nobody has asked for since.
        """


class Permissions(Protocol):
    """
    What one user may do. Asked once for each topic and remembered; a broker without rules has none of these.
    """

    def may_publish(self, topic: str) -> bool:
        """
        May messages with this topic be accepted?
        """

    def granted(self, filter: str, qos: int) -> int:
        """
        The QoS granted to a subscription, at most C{qos}; or, from 0x80 up, why there is none.
        """

    def may_receive(self, topic: str) -> bool:
        """
        May messages with this topic be delivered?
        """
