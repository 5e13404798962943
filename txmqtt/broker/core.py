"""
The broker: join, publish, subscribe, leave. The table of contents of this floor.

It is told the time with every entry and answers through the conversations, which are flushed at the end of the turn. What
lasts is the backend's; what a user may do is answered by the permissions that come with a login.
"""

from __future__ import annotations

from txmqtt.broker.arrival import Arrival
from txmqtt.broker.expiry import Calendar
from txmqtt.broker.fanout import ALL_FULL, NOBODY_TOOK_IT, TAKEN, Fanout
from txmqtt.broker.filters import Grant
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member, Mount, Registry
from txmqtt.broker.retrieval import Retrieval
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import RELEASED_IN, RELEASED_OUT, SENT, Backend, Permissions
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Connect, Disconnect, Publish, Subscribe, Subscription, Unsubscribe
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import levels, split_share
from txmqtt.session.message import Message, travelling
from txmqtt.session.outgoing import REFUSED, SEND, Outbound
from txmqtt.session.server import ServerSession
from txmqtt.session.tickets import DONE, FULL, NOBODY, Ticket, Waiter, decided
from txmqtt.session.turn import Turn

_NOT_AUTHORIZED = decided(reasons.NOT_AUTHORIZED)
_TOPIC_INVALID = decided(reasons.TOPIC_NAME_INVALID)

#: A session expiry interval that never ends [MQTT5-3.1.2.11.2].
FOR_EVER = 0xFFFFFFFF


class Broker:
    """
    Many sessions, one message bus.

    @ivar turn: shared by every conversation of this broker.
    """

    def __init__(self, policy: Policy, turn: Turn, stats: Stats, backend: Backend) -> None:
        self.policy = policy
        self.turn = turn
        self.stats = stats
        self.backend = backend
        self.registry = Registry()
        self.calendar = Calendar()
        self.fanout = Fanout(turn, stats)
        self.closing = False
        self._mounts: dict[str, Mount] = {}
        self._assigned = 0
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
    ) -> None:
        """
        Let a client in that has been logged in, or end its conversation.

        @param user: whose session it is to be; None for anonymous.
        @param permissions: what it may do; None for everything.
        @param token: what makes a client identifier unique that the broker has to assign.
        """
        Arrival(self, session, packet, user, permissions, self.mount(mount)).enter(token)

    def arrived(self, member: Member, session: ServerSession) -> None:
        """
        A session is connected: account for it, and take up what it is owed.
        """
        stats = self.stats
        stats.connections += 1
        stats.connections_total += 1
        if stats.connections > stats.connections_max:
            stats.connections_max = stats.connections
        if member.ending is not None:
            self.calendar.cancel(member.ending)
            member.ending = None
        if member.will_due is not None:  # [MQTT5-3.1.3-9]
            self.calendar.cancel(member.will_due)
            member.will_due = None
        if member.durable or any(grant.group is not None for grant in member.grants.values()):
            self.give_credit(member, session)

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
        if packet.retain or (qos and route.stored) or (qos == 2 and member.durable):
            sender = member if qos == 2 and member.durable else None
            ticket = self._accept(message, route, sender, packet.packet_id)
            if ticket.done and session.version < MQTT5:
                return DONE  # 3.x can only say that it arrived; what became of it is counted
            return ticket
        taken = self.fanout.send(message, route)
        if taken == TAKEN or qos == 0 or session.version < MQTT5:
            return DONE
        return FULL if taken == ALL_FULL else NOBODY

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

    def _accept(self, message: Message, route: Route, sender: Member | None, packet_id: int) -> Ticket:
        """
        Keep what must be kept, send what can be sent.
        """
        ticket = DONE
        if message.retain or sender is not None or (message.qos and route.stored):
            lease = sender.lease if sender is not None else None
            ticket = self.backend.publish(message, route, lease, packet_id)
            if message.qos == 2 and not ticket.done:
                # Refused and repeated it must not come twice, so it goes on when it is ours for good.
                ticket.wait(_Onward(self.fanout, message, route))
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
        route = self.mount(mount).routes.find(topic)
        message = self._message(topic, payload, qos, retain, properties, publisher)
        return self._accept(message, route, None, 0)

    def releasing(self, session: ServerSession, packet_id: int) -> Ticket:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        return self.backend.remember(member.lease, RELEASED_IN, packet_id, None) if member.durable else DONE

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
        return self.backend.remember(member.lease, RELEASED_OUT, item.packet_id, item)

    def settled(self, session: ServerSession, item: Outbound, reason: int) -> None:
        """
        See C{ServerSink}.
        """
        member = session.member
        if isinstance(member, Member):
            self.backend.settle(member.lease, item)
            self.backend.want(member.lease, 1)

    def expired(self, session: ServerSession, item: Outbound) -> None:
        """
        See C{ServerSink}.
        """
        self.stats.dropped_expired += 1
        if item.ref:
            self.settled(session, item, reasons.SUCCESS)

    def deliver(self, member: Member, item: Outbound) -> None:
        """
        The backend owes this member a message, and has credit.
        """
        session = member.session
        if session is None:
            return
        if not member.may_receive(item.message.topic):  # the right may have gone while the session was parked
            self.settled(session, item, reasons.NOT_AUTHORIZED)
        elif item.qos == 0:  # a share of a group, granted to this member at QoS 0
            if session.deliver_own(item.message, item.retain, item.identifiers):
                self.stats.publish_sent += 1
            else:
                self.stats.dropped_slow += 1
            self.settled(session, item, reasons.SUCCESS)
        else:
            verdict = session.post(item)
            if verdict == SEND:
                self.stats.publish_sent += 1
            elif verdict == REFUSED:  # more credit was given than there is room
                self.stats.dropped_full += 1
                self.settled(session, item, reasons.QUOTA_EXCEEDED)

    def drained(self, session: ServerSession) -> None:
        """
        See C{ServerSink}: whoever has retained messages coming gets the next of them.
        """
        member = session.member
        if not isinstance(member, Member) or member.retrievals is None:
            session.thirsty = False
            return
        for retrieval in list(member.retrievals):
            retrieval.advance()
        self._tidy_retrievals(member, session)

    def _tidy_retrievals(self, member: Member, session: ServerSession) -> None:
        if member.retrievals is not None:
            member.retrievals = [retrieval for retrieval in member.retrievals if not retrieval.finished] or None
        session.thirsty = member.retrievals is not None

    # Subscribe

    def subscribing(self, session: ServerSession, packet: Subscribe) -> None:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        identifier = 0
        if packet.properties is not None and packet.properties.subscription_identifiers:
            identifier = packet.properties.subscription_identifiers[0]
        codes: list[int] = []
        grants: list[Grant] = []
        wanted: list[Grant] = []
        for asked in packet.subscriptions:
            code = self._judge(member, asked)
            codes.append(code)
            if code >= reasons.FAILURE:
                continue
            known = asked.filter in member.grants
            grant = self._subscribe(member, asked, code, identifier)
            grants.append(grant)
            if grant.group is None and (asked.retain_handling == 0 or (asked.retain_handling == 1 and not known)):
                wanted.append(grant)
        ticket = DONE
        if member.durable or any(grant.group is not None for grant in grants):
            ticket = self.backend.subscribe(member.lease, grants)
            self.give_credit(member, session)
        session.suback(packet.packet_id, codes, ticket)
        for grant in wanted:
            self._retrieve(member, session, grant)

    def _judge(self, member: Member, asked: Subscription) -> int:
        """
        The QoS granted to a subscription, or from 0x80 up why there is none.
        """
        if levels(asked.filter) > self.policy.max_topic_levels:
            return reasons.TOPIC_FILTER_INVALID
        if len(member.grants) >= self.policy.max_subscriptions and asked.filter not in member.grants:
            return reasons.QUOTA_EXCEEDED
        if member.permissions is None:
            return asked.qos
        return member.permissions.granted(asked.filter.decode(), asked.qos)

    def _subscribe(self, member: Member, asked: Subscription, qos: int, identifier: int) -> Grant:
        mount = member.mount
        share, below = split_share(asked.filter)
        old = member.grants.get(asked.filter)
        interest = mount.filters.add(below)
        group: Group | None = None
        if share:
            if interest.groups is None:
                interest.groups = {}
            group = interest.groups.get(share)
            if group is None:
                group = interest.groups[share] = Group(mount.name, share, below)
        grant = Grant(member, asked, below, qos, identifier, group)
        member.grants[asked.filter] = grant
        if group is not None:
            group.join(grant)
        else:
            interest.grants[member] = grant
        if old is None:
            self.stats.subscriptions += 1
            if group is not None:
                self.stats.shared_subscriptions += 1
        mount.routes.forget(below)
        return grant

    def _retrieve(self, member: Member, session: ServerSession, grant: Grant) -> None:
        retrieval = Retrieval(
            member, grant, self.backend, self.fanout, self.turn, self.policy.retained_page
        )
        if member.retrievals is None:
            member.retrievals = [retrieval]
        else:
            member.retrievals.append(retrieval)
        self.backend.find(member.mount.name, grant.below, retrieval)
        self._tidy_retrievals(member, session)

    def unsubscribing(self, session: ServerSession, packet: Unsubscribe) -> None:
        """
        See C{ServerSink}.
        """
        member = session.member
        assert isinstance(member, Member)
        codes: list[int] = []
        gone: list[Grant] = []
        for filter in packet.filters:
            grant = member.grants.pop(filter, None)
            if grant is None:
                codes.append(reasons.NO_SUBSCRIPTION_EXISTED)
            else:
                self._unsubscribe(member, grant)
                gone.append(grant)
                codes.append(reasons.SUCCESS)
        ticket = DONE
        if gone and (member.durable or any(grant.group is not None for grant in gone)):
            ticket = self.backend.unsubscribe(member.lease, gone)
        session.unsuback(packet.packet_id, codes, ticket)

    def _unsubscribe(self, member: Member, grant: Grant) -> None:
        filters = member.mount.filters
        interest = filters.find(grant.below)
        if interest is None:
            return
        self.stats.subscriptions -= 1
        group = grant.group
        if group is None:
            interest.grants.pop(member, None)
        else:
            self.stats.shared_subscriptions -= 1
            group.leave(member)
            if not len(group) and interest.groups is not None:
                interest.groups.pop(group.name, None)
        if interest.empty:
            filters.discard(grant.below)
        member.mount.routes.forget(grant.below)

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
            self._leave(member, session, goodbye)

    def _leave(self, member: Member, session: ServerSession, goodbye: Disconnect | None) -> None:
        self.stats.connections -= 1
        member.session = None
        member.credited = False
        if goodbye is not None:
            if goodbye.reason == reasons.SUCCESS:
                member.will = None  # [MQTT5-3.14.4-3] [MQTT311-3.14.4-3]
            if goodbye.properties is not None and goodbye.properties.session_expiry_interval is not None:
                member.expiry = self.capped(goodbye.properties.session_expiry_interval)
        for retrieval in member.retrievals or ():
            retrieval.flush()
        member.retrievals = None
        replaced, discarded = member.replaced, member.discarded
        member.replaced = member.discarded = False
        ends = discarded or not member.durable or not member.expiry
        delay = 0
        if member.will is not None and member.will.properties is not None:
            delay = member.will.properties.will_delay_interval or 0
        if ends or not delay:
            self._publish_will(member)
        elif replaced:
            member.will = None  # the client is back before its time [MQTT5-3.1.3-9]
        elif member.will is not None:
            # At the end of the delay or of the session, whichever comes first [MQTT5-3.1.2-8].
            member.will_due = self.calendar.add(self.turn.wall + min(delay, member.expiry), member, False)
        if ends:
            self._end(member)
            self.backend.close(member.lease, 0)
        else:
            self.backend.close(member.lease, member.expiry)
            if not replaced and member.expiry != FOR_EVER:
                member.ending = self.calendar.add(self.turn.wall + member.expiry, member, True)

    def capped(self, expiry: int) -> int:
        """
        A session expiry interval, seconds, as far as the policy allows it.
        """
        return min(expiry, self.policy.max_session_expiry)

    def _end(self, member: Member) -> None:
        """
        The session is no more: nobody looks for it, nothing is for it.
        """
        for appointment in (member.ending, member.will_due):
            if appointment is not None:
                self.calendar.cancel(appointment)
        member.ending = member.will_due = None
        grants, member.grants = member.grants, {}
        for grant in grants.values():
            self._unsubscribe(member, grant)
        self.registry.remove(member)
        self.stats.sessions -= 1

    def _publish_will(self, member: Member) -> None:
        will, member.will = member.will, None
        if will is None:
            return
        if not member.may_publish(will.topic):  # it was asked at CONNECT too; the right may have gone since
            self.stats.refused_publishes += 1
            return
        self.stats.wills_sent += 1
        self.publish(
            will.topic, will.payload, will.qos, will.retain, will.properties, member.mount.name, member.client_id
        )

    # What the backend says

    def discarded(self, key: tuple[str, str]) -> None:
        """
        See C{Hall}.
        """
        member = self.registry.find(key)
        if member is not None and member.session is None:
            self._publish_will(member)
            self._end(member)

    def dropped(self, message: Message, reason: int) -> None:
        """
        See C{Hall}.
        """
        stats = self.stats
        if reason == reasons.QUOTA_EXCEEDED:
            stats.dropped_full += 1
        elif reason == reasons.IMPLEMENTATION_SPECIFIC_ERROR:
            stats.dropped_expired += 1
        else:
            stats.dropped_ended += 1

    # Time

    def sweep(self) -> None:
        """
        Do what is due by the wall clock: wills, and sessions that have expired.
        """
        for appointment in self.calendar.due(self.turn.wall):
            member = appointment.member
            if member.session is not None:
                continue
            if appointment.ending:
                self.stats.sessions_expired += 1
                self._publish_will(member)
                self._end(member)
                self.backend.discard(member.key)
            else:
                member.will_due = None
                self._publish_will(member)

    def publish_stats(self, uptime: float, version: str) -> None:
        """
        Tell the world what has been counted, under C{$SYS/broker}, retained.
        """
        for topic, value in self.stats.topics(self.turn, uptime, version):
            self.publish(f"$SYS/broker/{topic}".encode(), value.encode(), 0, True)

    # The end

    def shut(self, message: str) -> None:
        """
        Let everybody go: 5.0 is told that the server shuts down [MQTT5-3.14.2-1].

        Those with a will go first, and wills that are delayed do not wait any longer: no session outlives this process,
        and who watches for wills should see them before it is let go itself.
        """
        self.closing = True
        members = self.registry.everybody()
        for member in members:
            if member.session is not None and member.will is not None:
                member.session.end(reasons.SERVER_SHUTTING_DOWN, message)
        for member in members:
            self._publish_will(member)
        for member in members:
            if member.session is not None:
                member.session.end(reasons.SERVER_SHUTTING_DOWN, message)


class _Onward(Waiter):
    """
    A QoS 2 message that goes on to those who are served directly when it has been kept.
    """

    def __init__(self, fanout: Fanout, message: Message, route: Route) -> None:
        self._fanout = fanout
        self._message = message
        self._route = route

    def settled(self, ticket: Ticket) -> None:
        if not ticket.failed:
            self._fanout.send(self._message, self._route)

