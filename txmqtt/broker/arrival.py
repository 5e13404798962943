"""
From a CONNECT that has been logged in to a client that is in: the session is opened, then CONNACK tells what is in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txmqtt.broker.registry import Member, Mount
from txmqtt.broker.shapes import Claim, Lease, Permissions
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Connect
from txmqtt.codec.properties import Properties
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.sending import repeat_releases
from txmqtt.session.server import ServerSession

if TYPE_CHECKING:
    from txmqtt.broker.core import Broker


class Arrival:
    """
    A client on the threshold. It owns the lease until the session is the client's.
    """

    def __init__(
        self,
        broker: Broker,
        session: ServerSession,
        packet: Connect,
        user: str | None,
        permissions: Permissions | None,
        mount: Mount,
    ) -> None:
        self._broker = broker
        self._session = session
        self._packet = packet
        self._user = user
        self._permissions = permissions
        self._mount = mount
        self._expiry = 0
        self._assigned = False
        self._gone = False

    def enter(self, token: str) -> None:
        """
        Ask for the session.
        """
        broker, session, packet = self._broker, self._session, self._packet
        if broker.closing:
            session.end(reasons.SERVER_SHUTTING_DOWN, "the broker is shutting down")
            return
        if broker.stats.connections >= broker.policy.max_connections:
            broker.stats.connections_refused += 1
            session.end(reasons.QUOTA_EXCEEDED, f"{broker.stats.connections} connections, no more are allowed")
            return
        if not packet.client_id:
            if packet.version < MQTT5 and not packet.clean_start:  # [MQTT311-3.1.3-8]
                session.end(reasons.CLIENT_IDENTIFIER_NOT_VALID, "an empty client identifier without clean session")
                return
            self._assigned = True
            session.client_id = f"auto-{token}"
        will = packet.will
        if will is not None and self._permissions is not None and not self._permissions.may_publish(
            will.topic.decode()
        ):
            session.end(reasons.NOT_AUTHORIZED, f"not allowed to publish its will to {will.topic!r}")
            return
        if packet.version == MQTT5:
            asked = session.session_expiry
            self._expiry = broker.capped(asked)
        else:
            self._expiry = 0 if packet.clean_start else broker.policy.max_session_expiry
        claim = Claim(self._mount.name, session.client_id, self._user, packet.clean_start, self._expiry)
        if broker.registry.find(claim.key) is None and len(broker.registry) >= broker.policy.max_sessions:
            broker.stats.connections_refused += 1
            session.end(reasons.QUOTA_EXCEEDED, f"{len(broker.registry)} sessions, no more are allowed")
            return
        session.member = self
        broker.backend.open(claim, self)

    def gone(self) -> None:
        """
        The connection ended before the session was opened.
        """
        self._gone = True

    def opened(self, lease: Lease) -> None:
        """
        See C{Owner}.
        """
        broker, session, packet = self._broker, self._session, self._packet
        if self._gone:
            broker.backend.close(lease, self._expiry if lease.durable else 0)
            return
        member = broker.registry.find(lease.key)
        if member is None:
            member = Member(broker, self._mount, session.client_id, self._user, lease)
            broker.registry.add(member)
            broker.stats.sessions += 1
        member.lease = lease
        lease.owner = member
        member.session = session
        member.permissions = self._permissions
        member.forget_rights()
        member.expiry = self._expiry
        member.will = packet.will
        session.member = member
        self._accept(member, lease)

    def _accept(self, member: Member, lease: Lease) -> None:
        broker, session, packet = self._broker, self._session, self._packet
        policy = broker.policy
        asked = packet.properties
        window = policy.max_inflight
        sent_aliases = 0
        keep_alive = packet.keep_alive
        if packet.version == MQTT5:
            window = policy.max_inflight_5
            if asked is not None:
                window = min(window, asked.receive_maximum or window)
                sent_aliases = min(policy.max_topic_aliases, asked.topic_alias_maximum or 0)
            if keep_alive > policy.max_keep_alive or (not keep_alive and policy.max_keep_alive < 65_535):
                keep_alive = policy.max_keep_alive
        outgoing = Outgoing(window, policy.max_queued_messages, policy.max_queued_bytes)
        for item in broker.backend.recall(lease):
            outgoing.resume(item, item.packet_id)
        released = outgoing.restart(window)
        session.accept(
            lease.present and packet.version > 3,
            outgoing,
            lease.incoming,
            self._announced(keep_alive) if packet.version == MQTT5 else None,
            keep_alive,
            policy.max_packet_size,
            policy.receive_maximum if packet.version == MQTT5 else 0,
            policy.topic_alias_maximum if packet.version == MQTT5 else 0,
            sent_aliases,
            policy.resend_interval,
        )
        repeat_releases(session, released)
        broker.arrived(member, session)
        session.begin()

    def _announced(self, keep_alive: int) -> Properties | None:
        """
        What a 5.0 client must know of what is in force here, where it differs from what it would assume.
        """
        session, policy = self._session, self._broker.policy
        announced = Properties(
            receive_maximum=policy.receive_maximum if policy.receive_maximum < 65_535 else None,
            maximum_packet_size=policy.max_packet_size,
            topic_alias_maximum=policy.topic_alias_maximum or None,
        )
        if self._assigned:
            announced.assigned_client_identifier = session.client_id
        if keep_alive != self._packet.keep_alive:
            announced.server_keep_alive = keep_alive
        if self._expiry != session.session_expiry:
            announced.session_expiry_interval = self._expiry
        return announced

    def refused(self, reason: int, message: str) -> None:
        """
        See C{Owner}.
        """
        self._broker.stats.connections_refused += 1
        self._session.member = None
        self._session.end(reason, message)

    def revoked(self, reason: int, ending: bool) -> None:
        """
        See C{Owner}: another connection wants the same session before this one has it. DISCONNECT may not precede a
        CONNACK [MQTT5-3.14.0-1], so the CONNACK says it.
        """
        self._gone = True
        self._session.member = None
        self._session.end(reasons.SERVER_UNAVAILABLE, "another connection took the session over")

    def deliver(self, item: Outbound) -> None:
        """
        See C{Owner}: nothing is wanted yet.
        """
        raise AssertionError("a delivery without credit")
