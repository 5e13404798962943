"""
The broker: join, publish, subscribe, leave. The table of contents of this floor.

It is told the time with every entry and answers through the conversations, which are flushed at the end of the turn.
What lasts is the backend's; what a user may do is answered by the permissions that come with a login.
"""

from __future__ import annotations

from txmqtt.broker.arrival import Arrival
from txmqtt.broker.expiry import Calendar
from txmqtt.broker.fanout import ALL_FULL, NOBODY_TOOK_IT, TAKEN, Fanout
from txmqtt.broker.farewells import Farewells
from txmqtt.broker.onward import Onward
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member, Mount, Registry
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import RELEASED_IN, RELEASED_OUT, SENT, UNAVAILABLE, UNRETAINED, Backend, Permissions
from txmqtt.broker.stats import Stats
from txmqtt.broker.subscriptions import Subscriptions
from txmqtt.broker.undone import NotReleased, StillOurs
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Connect, Disconnect, Publish, Subscribe, Unsubscribe
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import levels
from txmqtt.session.message import Message, travelling, unretained
from txmqtt.session.outgoing import Outbound
from txmqtt.session.server import ServerSession
from txmqtt.session.tickets import DONE, FULL, NOBODY, Ticket, decided
from txmqtt.session.turn import Turn

_NOT_AUTHORIZED = decided(reasons.NOT_AUTHORIZED)
_TOPIC_INVALID = decided(reasons.TOPIC_NAME_INVALID)

#: Where it is told, retained, that nothing can be stored; empty when all is well.
_STORE_ALARM = b"$SYS/broker/store/alarm"


class Broker:
    """
    Many sessions, one message bus.

    @ivar turn: shared by every conversation of this broker.
    @ivar arrivals: who has been logged in and waits for the session to be opened.
    @ivar closing: nobody is let in any more.
    """

    def __init__(self, policy: Policy, turn: Turn, stats: Stats, backend: Backend) -> None:
        self.policy = policy
        self.turn = turn
        self.stats = stats
        self.backend = backend
        self.registry = Registry()
        self.calendar = Calendar()
        self.fanout = Fanout(turn, stats)
        self.subscriptions = Subscriptions(self)
        self.farewells = Farewells(self)
        self.arrivals: dict[Arrival, None] = {}
        self.closing = False
        self._mounts: dict[str, Mount] = {}
        self._onward = Onward(self.fanout)
        backend.attach(self)

    def mount(self, name: str = "") -> Mount:
        """
        The mount point of this name, made when it is first asked for.
        """
        mount = self._mounts.get(name)
        if mount is None:
            mount = self._mounts[name] = Mount(name, self.policy.max_routes, self.stats)
        return mount

    # Join

    def join(
        self,
        session: ServerSession,
        packet: Connect,
        user: str | None,
        permissions: Permissions | None,
        token: str,
        mount: str = "",
        sees_sys: bool = True,
    ) -> None:
        """
        Let a client in that has been logged in, or end its conversation.

        @param user: whose session it is to be; None for anonymous.
        @param permissions: what it may do; None for everything, C{$SYS} only if C{sees_sys}.
        @param token: what makes a client identifier unique that the broker has to assign.
        """
        Arrival(self, session, packet, user, permissions, self.mount(mount), sees_sys).enter(token)

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

    # Publish

    def published(self, session: ServerSession, packet: Publish) -> Ticket:
        """
        A message from a client. See C{ServerSink}.
        """
        self.stats.publish_received += 1
        member = session.member
        assert isinstance(member, Member)
        topic = packet.topic
        if member.permissions is not None and not member.may_publish(topic):
            return self._refuse(session, _NOT_AUTHORIZED)
        routes = member.mount.routes
        route = routes.known.get(topic)
        if route is None:
            if levels(topic) > self.policy.max_topic_levels:
                return self._refuse(session, _TOPIC_INVALID)
            route = routes.find(topic)
        if route.reserved:
            return self._refuse(session, _NOT_AUTHORIZED)
        properties = packet.properties
        qos = packet.qos
        if properties is None:
            message = Message(topic, packet.payload, qos, packet.retain, None, 0.0, member.client_id)
            message.came(packet.frame, session.version)
        else:
            message = self._message(topic, packet.payload, qos, packet.retain, properties, member.client_id)
        if qos == 0 and not packet.retain:
            self.fanout.send(message, route)
            return DONE
        if packet.retain or route.stored or (qos == 2 and (member.durable or member.onward is not None)):
            remembered = packet.packet_id if qos == 2 and member.durable else 0
            ticket = self._accept(message, route, member, remembered, session.version == MQTT5)
            if ticket.done and session.version < MQTT5 and ticket is not UNAVAILABLE:
                return DONE  # 3.x can only say that it arrived; what became of it is counted
            return ticket
        taken = self.fanout.send(message, route)
        if taken == TAKEN or session.version < MQTT5:
            return DONE
        return FULL if taken == ALL_FULL else NOBODY if route.empty else DONE

    def _refuse(self, session: ServerSession, verdict: Ticket) -> Ticket:
        self.stats.refused_publishes += 1
        return verdict if session.version == MQTT5 else DONE

    def _message(
        self, topic: bytes, payload: bytes, qos: int, retain: bool, properties: Properties | None, publisher: str
    ) -> Message:
        expires_at = 0.0
        if properties is not None and properties.message_expiry_interval is not None:
            # An interval of 0 is over at once, but 0.0 would mean never.
            expires_at = self.turn.wall + max(properties.message_expiry_interval, 1e-6)
        return Message(topic, payload, qos, retain, travelling(properties), expires_at, publisher)

    def _accept(
        self, message: Message, route: Route, publisher: Member | None, packet_id: int, may_refuse: bool
    ) -> Ticket:
        """
        Keep what must be kept, send what can be sent.

        @param packet_id: of a QoS 2 message that the publisher's session must remember; 0 otherwise.
        @param may_refuse: the publisher can be told that its message could not be retained; otherwise it is sent to
            those who listen all the same.
        """
        ticket = DONE
        if message.retain or packet_id or (message.qos and route.stored):
            lease = publisher.lease if publisher is not None and packet_id else None
            ticket = self.backend.publish(message, route, lease, packet_id)
            if ticket is UNAVAILABLE:
                return ticket
            if ticket is UNRETAINED:
                if may_refuse:
                    return FULL
                # What was retained before is no longer the last, so it goes too.
                self.backend.publish(Message(message.topic, b"", 0, True), route, None, 0)
                return self._accept(unretained(message), route, publisher, packet_id, False)
        if message.qos == 2:
            onward = self._onward if publisher is None else publisher.onward
            if onward is None and publisher is not None and not ticket.done:
                onward = publisher.onward = Onward(self.fanout)
            if onward is not None and not (ticket.done and onward.empty):
                onward.admit(ticket, message, route)
                return ticket
        taken = self.fanout.send(message, route)
        if not ticket.done or not message.qos:
            return ticket
        if ticket.reason:  # nobody had room among those that are owed it
            return DONE if taken == TAKEN else FULL
        if taken == ALL_FULL and not route.stored:
            return FULL
        if taken == NOBODY_TOOK_IT and route.empty and not message.retain:
            return NOBODY
        return ticket

    def publish(
        self,
        topic: bytes,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
        mount: str = "",
        publisher: str = "",
    ) -> Ticket:
        """
        A message from the program that the broker runs in, or from the broker itself.
        """
        if levels(topic) > self.policy.max_topic_levels:
            return _TOPIC_INVALID
        route = self.mount(mount).routes.find(topic)
        message = self._message(topic, payload, qos, retain, properties, publisher)
        return self._accept(message, route, None, 0, False)

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
            self.stats.dropped_slow += 1
        member = session.member
        if item.ref and isinstance(member, Member):
            self.backend.settle(member.lease, item)
            self.backend.want(member.lease, 1)

    def expired(self, session: ServerSession, item: Outbound) -> None:
        """
        See C{ServerSink}.
        """
        self.stats.dropped_expired += 1
        self.settled(session, item, reasons.SUCCESS)

    def deliver(self, member: Member, item: Outbound) -> bool:
        """
        The backend owes this member a message, and has credit. See C{Owner}.
        """
        session = member.session
        if session is None:
            return False
        if not member.may_receive(item.message.topic):  # the right may have gone while the session was parked
            self.stats.dropped_denied += 1
            self.settled(session, item, reasons.NOT_AUTHORIZED)
        elif not session.ready:
            member.stalled = session.thirsty = True
            return False
        elif item.qos:
            session.post(item)
        else:  # a share of a group, granted to this member at QoS 0
            if session.deliver_own(item.message, item.retain, item.identifiers):
                self.stats.publish_sent += 1
                self.turn.packets_sent += 1
            else:
                self.stats.dropped_slow += 1
            self.settled(session, item, reasons.SUCCESS)
        member.delivered += 1
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

    def capped(self, expiry: int) -> int:
        """
        A session expiry interval, seconds, as far as the policy allows it.
        """
        return min(expiry, self.policy.max_session_expiry)

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

    # Time

    def sweep(self) -> None:
        """
        Do what is due by the wall clock: wills, and sessions that have expired.
        """
        self.farewells.sweep()

    def publish_stats(self, uptime: float, version: str) -> None:
        """
        Tell the world what has been counted, under C{$SYS/broker}, retained.
        """
        for topic, value in self.stats.topics(self.turn, uptime, version) + self.backend.figures():
            self.publish(f"$SYS/broker/{topic}".encode(), value.encode(), 0, True)

    # The end

    def shut(self, message: str) -> None:
        """
        Let everybody go: 5.0 is told that the server shuts down [MQTT5-3.14.2-1].
        """
        self.closing = True
        self.farewells.shut(message)
