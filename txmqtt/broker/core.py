"""
The broker: join, publish, subscribe, leave. The table of contents of this floor.

It is told the time with every entry and answers through the conversations, which are flushed at the end of the turn.
What lasts is the backend's; what a user may do is answered by the permissions that come with a login.
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.arrival import Arrival
from txmqtt.broker.expiry import Calendar
from txmqtt.broker.farewells import Farewells
from txmqtt.broker.metering import measure_all
from txmqtt.broker.policy import Policy
from txmqtt.broker.publishing import Publishing
from txmqtt.broker.registry import Member, Registry
from txmqtt.broker.shapes import RELEASED_IN, RELEASED_OUT, SENT, Backend, Permissions
from txmqtt.broker.stats import Stats
from txmqtt.broker.subscriptions import Subscriptions
from txmqtt.broker.terms import Terms
from txmqtt.broker.undone import NotReleased, StillOurs
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect, Disconnect, Subscribe, Unsubscribe
from txmqtt.session.outgoing import Outbound
from txmqtt.session.server import ServerSession
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.turn import Turn

#: Where it is told, retained, that nothing can be stored; empty when all is well.
_STORE_ALARM: Final = b"$SYS/broker/store/alarm"


class Broker(Publishing):
    """
    Many sessions, one message bus.

    @ivar arrivals: who has been logged in and waits for the session to be opened.
    @ivar closing: nobody is let in any more.
    """

    def __init__(self, policy: Policy, turn: Turn, stats: Stats, backend: Backend) -> None:
        super().__init__(policy, turn, stats, backend)
        self.registry = Registry()
        self.calendar = Calendar()
        self.subscriptions = Subscriptions(self)
        self.farewells = Farewells(self)
        self.arrivals: dict[Arrival, None] = {}
        self.closing = False
        backend.attach(self)

    # Join

    def join(
        self,
        session: ServerSession,
        packet: Connect,
        user: str | None,
        permissions: Permissions | None,
        token: str,
        terms: Terms | None = None,
        sees_sys: bool = True,
    ) -> None:
        """
        Let a client in that has been logged in, or end its conversation.

        @param user: whose session it is to be; None for anonymous.
        @param permissions: what it may do; None for everything, C{$SYS} only if C{sees_sys}.
        @param token: what makes a client identifier unique that the broker has to assign.
        @param terms: those of the listener that it came to; None for the broker's own.
        """
        its_terms = self.terms if terms is None else terms
        Arrival(self, session, packet, user, permissions, its_terms, sees_sys).enter(token)

    def arrived(self, member: Member) -> None:
        """
        A session is connected: account for it, and call off what was to happen if it stayed away.
        """
        stats = self.stats
        stats.connections += 1
        stats.connections_total += 1
        stats.connections_max = max(stats.connections_max, stats.connections)
        self.farewells.call_off(member)

    def give_credit(self, member: Member, session: ServerSession) -> None:
        """
        From now on the backend may deliver to this connection, as much as its window holds.
        """
        if not member.credited and session.outgoing is not None:
            member.credited = True
            self.backend.want(member.lease, session.outgoing.window)

    def releasing(self, session: ServerSession, packet_id: int) -> Ticket:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        if not member.durable:
            return DONE
        ticket = self.backend.remember(member.lease, RELEASED_IN, packet_id, None)
        if not ticket.done:
            ticket.wait(StillOurs(member.lease.incoming, packet_id))
        return ticket

    # Deliver

    def sending(self, session: ServerSession, item: Outbound) -> Ticket:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        return self.backend.remember(member.lease, SENT, item.packet_id, item)

    def received(self, session: ServerSession, item: Outbound) -> Ticket:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        ticket = self.backend.remember(member.lease, RELEASED_OUT, item.packet_id, item)
        if not ticket.done:
            ticket.wait(NotReleased(item))
        return ticket

    def settled(self, session: ServerSession, item: Outbound, reason: int) -> None:
        """
        See C{ServerSink}.
        """
        if reason == reasons.PACKET_TOO_LARGE:
            self.stats.slow(session.client_id, item.message.topic, reason)
        member = session.member
        if item.ref and isinstance(member, Member):
            self.backend.settle(member.lease, item)
            self.backend.want(member.lease, 1)

    def expired(self, session: ServerSession, item: Outbound) -> None:
        """
        See C{ServerSink}.
        """
        self.stats.drop(1, reasons.IMPLEMENTATION_SPECIFIC_ERROR, session.client_id, item.message.topic)
        self.settled(session, item, reasons.SUCCESS)

    def deliver(self, member: Member, item: Outbound) -> bool:
        """
        The backend owes this member a message, and has credit. See C{Owner}.
        """
        session = member.session
        if session is None:
            return False
        if not member.may_receive(item.message.topic):  # the right may have gone while the session was parked
            self.stats.drop(1, reasons.NOT_AUTHORIZED, member.client_id, item.message.topic)
            self.settled(session, item, reasons.NOT_AUTHORIZED)
        elif not session.ready:
            member.stalled = session.thirsty = True
            return False
        elif self.fanout.hooks is not None and not item.sent and not self._passes(member, item):
            self.settled(session, item, reasons.NOT_AUTHORIZED)
        elif item.qos:
            session.post(item)
        else:  # a share of a group, granted to this member at QoS 0
            if session.deliver_own(item.message, item.retain, item.identifiers):
                self.fanout.sent(item.message)
            else:
                self.stats.slow(member.client_id, item.message.topic)
            self.settled(session, item, reasons.SUCCESS)
        member.delivered += 1
        return True

    def _passes(self, member: Member, item: Outbound) -> bool:
        """
        Whether the hooks let a copy leave; what leaves may be another message.
        """
        passed = self.fanout.passed(member, item.message)
        if passed is None:
            return False
        item.message = passed
        return True

    def drained(self, session: ServerSession) -> None:
        """
        See C{ServerSink}: the backend is asked again for what could not be taken, and retained messages go on.
        """
        member = session.member
        assert isinstance(member, Member)
        session.thirsty = False
        if member.stalled:
            member.stalled = False
            self.backend.want(member.lease, 0)
        self.subscriptions.go_on(member)

    # Subscribe

    def subscribing(self, session: ServerSession, packet: Subscribe) -> None:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        self.subscriptions.subscribe(member, session, packet)

    def unsubscribing(self, session: ServerSession, packet: Unsubscribe) -> None:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        self.subscriptions.unsubscribe(member, session, packet)

    # Leave

    def left(self, session: ServerSession, goodbye: Disconnect | None) -> None:
        """
        A conversation is over. See C{ServerSink}.
        """
        member = session.member
        session.member = None
        if isinstance(member, Arrival):
            member.gone()
        elif isinstance(member, Member):
            self.farewells.leave(member, session, goodbye)

    # What the backend says

    def discarded(self, key: tuple[str, str]) -> None:
        """
        See C{Hall}.
        """
        self.farewells.discarded(key)

    def dropped(self, count: int, reason: int) -> None:
        """
        See C{Hall}.
        """
        self.stats.drop(count, reason)

    def troubled(self, why: str) -> None:
        """
        See C{Hall}: told at once, and to whoever subscribes later.
        """
        self.publish(_STORE_ALARM, why.encode(), 0, True)

    def recovered(self) -> None:
        """
        See C{Hall}.
        """
        self.publish(_STORE_ALARM, b"", 0, True)

    # What may change meanwhile

    def change_policy(self, policy: Policy) -> None:
        """
        From now on these are the limits.
        """
        self.terms.policy = policy
        self.backend.change_policy(policy)
        measure_all(self.registry)

    def rights_changed(self) -> None:
        """
        What users may do may have changed: nothing that was remembered of it can be trusted.
        """
        for member in self.registry.everybody():
            member.forget_rights()
        for mount in self._mounts.values():
            mount.routes.clear()

    # Time

    def sweep(self) -> None:
        """
        Do what is due by the wall clock: wills, and sessions that have expired.
        """
        self.farewells.sweep()

    def publish_stats(self, uptime: float, version: str) -> None:
        """
        Tell the world what has been counted, under C{$SYS/broker}, retained; what has not changed was told before.
        """
        figures = self.stats.topics(self.turn, uptime, version) + self.backend.figures()
        for topic, value in self.stats.news(figures):
            self.publish(f"$SYS/broker/{topic}".encode(), value.encode(), 0, True)

    # The end

    def shut(self, message: str) -> None:
        """
        Let everybody go: 5.0 is told that the server shuts down [MQTT5-3.14.2-1].
        """
        self.closing = True
        self.farewells.shut(message)
