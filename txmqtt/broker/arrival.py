"""
From a CONNECT that has been logged in to a client that is in: its session is opened, then CONNACK says what is agreed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txmqtt.broker.features import announce, will_refusal
from txmqtt.broker.metering import measure
from txmqtt.broker.registry import Member
from txmqtt.broker.routes import reserved
from txmqtt.broker.shapes import Claim, Lease, Permissions
from txmqtt.broker.terms import Terms
from txmqtt.codec import reasons
from txmqtt.codec.constants import MAX_PACKET_ID, MQTT5, MQTT31, MQTT311
from txmqtt.codec.packets import Connect
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import levels
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.resending import repeat_releases
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
        terms: Terms,
        sees_sys: bool = True,
    ) -> None:
        self._broker = broker
        self._session = session
        self._packet = packet
        self._user = user
        self._permissions = permissions
        self._terms = terms
        self._mount = broker.mount(terms.mount)
        self._sees_sys = sees_sys
        self._expiry = 0
        self._assigned = False
        self._gone = False

    def enter(self, token: str) -> None:
        """
        Ask for the session.
        """
        broker, session, packet = self._broker, self._session, self._packet
        redirection = self._terms.redirection
        if broker.closing or redirection:
            away = "the broker is shutting down" if broker.closing else "clients are to use another server"
            self.turn_away(self._terms.at_shutdown if broker.closing else redirection, away)
            return
        if not packet.client_id:
            # 3.1 knows no empty identifier at all; 3.1.1 only for a session that ends with its connection.
            if packet.version == MQTT31 or (packet.version == MQTT311 and not packet.clean_start):  # [MQTT311-3.1.3-8]
                session.end(reasons.CLIENT_IDENTIFIER_NOT_VALID, "an empty client identifier without clean session")
                return
            self._assigned = True
            session.client_id = f"auto-{token}"
        wrong = self._will_wrong()
        if wrong:
            topic = packet.will.topic.decode() if packet.will is not None else ""
            session.end(wrong, f"the will to {topic!r} would not be published")
            return
        if packet.version == MQTT5:
            asked = session.session_expiry
            self._expiry = self._terms.capped(asked)
        else:
            self._expiry = 0 if packet.clean_start else self._terms.policy.max_session_expiry
        claim = Claim(self._mount.name, session.client_id, self._user, packet.clean_start, self._expiry, packet.will)
        full = self._full(claim)
        if full:
            self.turn_away(self._terms.when_full, full)
            return
        session.member = self
        broker.arrivals[self] = None
        broker.backend.open(claim, self)

    def _full(self, claim: Claim) -> str:
        """
        Why there is no room, in words, or nothing. Whoever takes over a connection needs no more room than it had.
        """
        broker = self._broker
        policy = self._terms.policy
        member = broker.registry.find(claim.key)
        connections = broker.stats.connections + len(broker.arrivals)
        if connections >= policy.max_connections and (member is None or member.session is None):
            return f"{connections} connections, no more are allowed"
        sessions = len(broker.registry) + len(broker.arrivals)
        if sessions >= policy.max_sessions and member is None:
            return f"{sessions} sessions, no more are allowed"
        return ""

    def _will_wrong(self) -> int:
        """
        Why its will may not be published, as a reason code; 0 when it may.
        """
        will = self._packet.will
        if will is None:
            return 0
        policy = self._terms.policy
        if len(will.payload) > policy.max_will_payload:
            return reasons.QUOTA_EXCEEDED
        if levels(will.topic) > policy.max_topic_levels or len(will.topic) > policy.max_topic_bytes:
            return reasons.TOPIC_NAME_INVALID
        if reserved(will.topic):
            return reasons.NOT_AUTHORIZED
        if self._permissions is not None and not self._permissions.may_publish(will.topic.decode()):
            return reasons.NOT_AUTHORIZED
        return will_refusal(self._terms.policy, will)

    def gone(self) -> None:
        """
        The connection ended before the session was opened.
        """
        self._gone = True
        self._broker.arrivals.pop(self, None)

    def turn_away(self, reason: int, message: str) -> None:
        """
        It will not be let in after all. DISCONNECT may not precede a CONNACK [MQTT5-3.14.0-1], so the CONNACK says it.
        """
        self._session.server_reference = self._terms.policy.server_reference
        self._session.end(reason, message)

    def shut(self, message: str) -> None:
        """
        The broker lets everybody go.
        """
        self.turn_away(self._terms.at_shutdown, message)

    def opened(self, lease: Lease) -> None:
        """
        See C{Owner}.
        """
        broker, session, packet = self._broker, self._session, self._packet
        broker.arrivals.pop(self, None)
        member = broker.registry.find(lease.key)
        if self._gone:
            # A session that was parked goes on waiting; a new one never began.
            broker.backend.close(lease, member.expiry if member is not None else 0)
            return
        if member is None:
            member = Member(broker, self._mount, session.client_id, self._user, lease)
            broker.registry.add(member)
            broker.stats.sessions += 1
        member.terms = self._terms
        member.lease = lease
        lease.owner = member
        member.session = session
        member.change_permissions(self._permissions, self._sees_sys)
        member.expiry = self._expiry
        member.will = packet.will
        member.graced = False
        session.member = member
        self._accept(member, lease)

    def _accept(self, member: Member, lease: Lease) -> None:
        broker, session, packet = self._broker, self._session, self._packet
        policy = self._terms.policy
        asked = packet.properties
        window = policy.max_inflight
        sent_aliases = 0
        keep_alive = self._terms.keep_alive(packet)
        if packet.version == MQTT5:
            window = policy.max_inflight_5
            if asked is not None:
                window = min(window, asked.receive_maximum or window)
                sent_aliases = min(policy.max_topic_aliases, asked.topic_alias_maximum or 0)
        outgoing = Outgoing(window, policy.max_queued_messages, policy.max_queued_bytes)
        for item in broker.backend.recall(lease):
            outgoing.resume(item, item.packet_id)
        released = outgoing.restart(window)
        broker.arrived(member)
        session.accept(
            lease.present and packet.version > 3,
            outgoing,
            lease.incoming,
            self._announced(keep_alive) if packet.version == MQTT5 else None,
            keep_alive,
            policy.max_packet_size,
            policy.receive_maximum if packet.version == MQTT5 else MAX_PACKET_ID,
            policy.topic_alias_maximum if packet.version == MQTT5 else 0,
            sent_aliases,
            policy.resend_interval,
        )
        repeat_releases(session, released)
        if member.owed and member.session is session:
            broker.give_credit(member, session)
        measure(member)
        session.begin()

    def _announced(self, keep_alive: int) -> Properties | None:
        """
        What a 5.0 client must know of what is in force here, where it differs from what it would assume.
        """
        session, policy = self._session, self._terms.policy
        announced = Properties(
            receive_maximum=policy.receive_maximum if policy.receive_maximum < 65_535 else None,
            maximum_packet_size=policy.max_packet_size,
            topic_alias_maximum=policy.topic_alias_maximum or None,
        )
        announce(policy, announced)
        asked = self._packet.properties
        if asked is not None and asked.request_response_information:  # [MQTT5-3.1.2-28]
            announced.response_information = self._terms.response_information(session.client_id, self._user)
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
        self._broker.arrivals.pop(self, None)
        self._session.member = None
        self._session.problem_information = False  # whose session it is, or what ails the disk, is for the log
        self._session.end(reason, message)

    def revoked(self, reason: int, ending: bool) -> None:
        """
        See C{Owner}: another connection wants the same session before this one has it.
        """
        self.turn_away(reasons.SERVER_UNAVAILABLE, "another connection took the session over")

    def deliver(self, item: Outbound) -> bool:
        """
        See C{Owner}: nothing is wanted yet.
        """
        raise AssertionError("a delivery without credit")

    def overrun(self) -> None:
        """
        See C{Owner}: it has not been asked to take anything yet.
        """
