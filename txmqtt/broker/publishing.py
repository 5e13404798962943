"""
The way of a message into the broker: may it be published, what must be kept, who is sent it at once.
"""

from __future__ import annotations

from typing import Final

from txmqtt.broker.fanout import ALL_FULL, NOBODY_TOOK_IT, TAKEN, Fanout
from txmqtt.broker.features import payload_belies, publish_beyond
from txmqtt.broker.hooks import Hooks
from txmqtt.broker.onward import Onward
from txmqtt.broker.patience import Line, crowded
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member, Mount
from txmqtt.broker.routes import Route, reserved
from txmqtt.broker.shapes import UNAVAILABLE, UNRETAINED, Backend
from txmqtt.broker.stats import Stats
from txmqtt.broker.terms import Terms
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Publish
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import levels
from txmqtt.session.message import Message, travelling, unretained
from txmqtt.session.server import ServerSession
from txmqtt.session.sink import ServerSink
from txmqtt.session.tickets import DONE, FULL, NOBODY, Ticket, decided
from txmqtt.session.turn import Turn

_NOT_AUTHORIZED: Final = decided(reasons.NOT_AUTHORIZED)
_PAYLOAD_INVALID: Final = decided(reasons.PAYLOAD_FORMAT_INVALID)
_TOPIC_INVALID: Final = decided(reasons.TOPIC_NAME_INVALID)


class Publishing(ServerSink):
    """
    The part of the broker that takes messages in.

    @ivar turn: shared by every conversation of this broker.
    @ivar hooks: who is asked about what passes.
    @ivar terms: what is in force where no listener has terms of its own.
    @ivar shedding: memory is short: QoS 0 messages of clients are dropped, unless they are to be retained.
    @ivar lines: publishers of whom something waits until its receivers have room.
    """

    def __init__(self, policy: Policy, turn: Turn, stats: Stats, backend: Backend) -> None:
        self.terms = Terms(policy)
        self.turn = turn
        self.stats = stats
        self.backend = backend
        self.shedding = False
        self.fanout = Fanout(turn, stats)
        self.lines: dict[Line, None] = {}
        self._mounts: dict[str, Mount] = {}
        self._onward = Onward(self.fanout)
        self.hooks: Hooks | None = None

    def hook(self, hooks: Hooks | None) -> None:
        """
        From now on these are asked about what passes; None: nobody is.
        """
        self.hooks = hooks
        self.stats.hooks = hooks if hooks is not None and hooks.drops else None
        self.fanout.hooks = hooks if hooks is not None and hooks.delivers else None
        for mount in self._mounts.values():
            mount.routes.hooks = hooks
            mount.routes.clear()

    @property
    def policy(self) -> Policy:
        """
        What this broker allows.
        """
        return self.terms.policy

    def mount(self, name: str = "") -> Mount:
        """
        The mount point of this name, made when it is first asked for.
        """
        mount = self._mounts.get(name)
        if mount is None:
            mount = self._mounts[name] = Mount(name, self.policy.max_routes, self.stats)
            mount.routes.hooks = self.hooks
        return mount

    def published(self, session: ServerSession, packet: Publish) -> Ticket:
        """
        A message from a client. See C{ServerSink}.
        """
        self.stats.publish_received += 1
        member = session.member
        assert isinstance(member, Member)
        topic = packet.topic
        if member.permissions is not None and topic is not member.allowed and not member.may_publish(topic):
            return self._forbid(session, member)
        routes = member.mount.routes
        route = routes.known.get(topic)
        if route is None:
            policy = member.terms.policy
            if levels(topic) > policy.max_topic_levels or len(topic) > policy.max_topic_bytes:
                return self._refuse(session, _TOPIC_INVALID)
            route = routes.find(topic)
        if route.reserved:
            return self._forbid(session, member)
        if route.asks and self.hooks is not None:
            refusal = self.hooks.publishing(member, packet)
            if refusal >= reasons.FAILURE:
                return self._refuse(session, decided(refusal))
            topic = packet.topic
            route = routes.find(topic)  # it may be another
        properties = packet.properties
        qos = packet.qos
        retain = packet.retain
        longest, holds = 0, False
        if qos or retain:  # what neither waits nor is retained needs no end
            policy = member.terms.policy
            if qos > policy.max_qos or (retain and not policy.retain_available):
                raise publish_beyond(policy, qos, retain)
            longest = policy.max_message_expiry
            holds = qos > 0 and policy.queue_full == "hold"
        if properties is None and not longest:
            message = Message(topic, packet.payload, qos, retain, None, 0.0, member.client_id)
            message.came(packet.frame, session.version)
        else:
            if (
                properties is not None
                and properties.payload_format_indicator
                and member.terms.policy.check_payload_format
                and payload_belies(packet.payload, properties)
            ):
                return self._refuse(session, _PAYLOAD_INVALID)
            message = self._message(topic, packet.payload, qos, retain, properties, member.client_id, longest)
        if qos == 0 and not retain:
            if self.shedding:
                self.stats.dropped_memory += 1
                return DONE
            self.fanout.send(message, route)
            return DONE
        if holds:
            held = self._hold(message, route, member, packet.packet_id, session.version)
            if held is not None:
                return held
        ticket = self.take(message, route, member, packet.packet_id, session.version)
        if ticket.done and session.version < MQTT5 and ticket is not UNAVAILABLE:
            return DONE  # 3.x can only say that it arrived; what became of it is counted
        return ticket

    def take(self, message: Message, route: Route, member: Member, packet_id: int, version: int) -> Ticket:
        """
        A message that may be published goes to all who get it; only not at QoS 0 without being retained.

        @return: what 5.0 is told; to 3.x all is well that is done, unless nothing can be kept.
        """
        qos = message.qos
        if message.retain or route.stored or (qos == 2 and (member.durable or member.onward is not None)):
            remembered = packet_id if qos == 2 and member.durable else 0
            return self._accept(message, route, member, remembered, version == MQTT5)
        taken = self.fanout.send(message, route)
        if taken == TAKEN:
            return DONE
        return FULL if taken == ALL_FULL else NOBODY if route.empty else DONE

    def room(self, message: Message, route: Route) -> Ticket:
        """
        Done when everybody on the route has room; otherwise settled when there may be some.
        """
        return crowded(self, message, route)

    def _hold(self, message: Message, route: Route, member: Member, packet_id: int, version: int) -> Ticket | None:
        line = member.line
        room = crowded(self, message, route)
        if line is None or not len(line):
            if room.done:
                return None
            if line is None:
                line = member.line = Line(self, member)
        return line.admit(message, packet_id, version, room)

    def _forbid(self, session: ServerSession, member: Member) -> Ticket:
        if session.version < MQTT5 and member.terms.policy.refused_publish == "disconnect":
            self.stats.refused_publishes += 1
            session.end(reasons.NOT_AUTHORIZED, "a message that it has no right to publish")
            return _NOT_AUTHORIZED  # so that it is not remembered as taken
        return self._refuse(session, _NOT_AUTHORIZED)

    def _refuse(self, session: ServerSession, verdict: Ticket) -> Ticket:
        self.stats.refused_publishes += 1
        return verdict if session.version == MQTT5 else DONE

    def _message(
        self,
        topic: bytes,
        payload: bytes,
        qos: int,
        retain: bool,
        properties: Properties | None,
        publisher: str,
        longest: int,
    ) -> Message:
        expires_at = 0.0
        if properties is not None and properties.message_expiry_interval is not None:
            # An interval of 0 is over at once, but 0.0 would mean never.
            expires_at = self.turn.wall + max(properties.message_expiry_interval, 1e-6)
        if longest and not 0.0 < expires_at <= self.turn.wall + longest:
            expires_at = self.turn.wall + longest
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
        terms: Terms | None = None,
    ) -> Ticket:
        """
        A message from the program that the broker runs in, or from the broker itself.

        @param terms: of whose last words these are; None for the broker's own.
        """
        if levels(topic) > self.policy.max_topic_levels:
            return _TOPIC_INVALID
        route = self.mount(mount).routes.find(topic)
        longest = 0 if reserved(topic) else (terms or self.terms).policy.max_message_expiry
        message = self._message(topic, payload, qos, retain, properties, publisher, longest)
        return self._accept(message, route, None, 0, False)
