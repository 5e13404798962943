"""
QoS 1 and 2 on the way in: what arrives, and how it is acknowledged.

Each kind of acknowledgement has a gate of its own, made when one must wait for its ticket, so that PUBACKs leave in the
order of the PUBLISHes however long each takes to be kept, and nothing else waits with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.constants import MAX_PACKET_ID, MQTT5, PUBACK, PUBCOMP, PUBREC
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Ack, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import ReceivedAliases
from txmqtt.session.incoming import Incoming
from txmqtt.session.sending import Sending
from txmqtt.session.sink import Link
from txmqtt.session.tickets import DONE, Gate, Held, Ticket
from txmqtt.session.turn import Turn

#: The beginnings of acknowledgements that say no more than that it went well: alike in all versions.
_PUBACK: Final = 0x40020000
_PUBREC: Final = 0x50020000
_PUBCOMP: Final = 0x70020000


class Receiving(Sending):
    """
    The receiver's half of the acknowledgements.

    @ivar receive_maximum: how many QoS 1 and 2 messages may be under way to us, as we announced; 3.x
        announces none, and there it is all the packet identifiers that a peer can have.
    @ivar under_way: how many are: sent on this connection, and not yet acknowledged to the end.
    """

    # Defaults of the class: most conversations never have any of these, and a broker has many conversations.
    receive_maximum = MAX_PACKET_ID
    under_way = 0
    received_aliases: ReceivedAliases | None = None
    _pubacks: Gate | None = None
    _pubrecs: Gate | None = None
    _pubcomps: Gate | None = None

    def __init__(self, turn: Turn, link: Link, write: Callable[[bytes], None], write_limit: int) -> None:
        super().__init__(turn, link, write, write_limit)
        self.incoming: Incoming | None = None

    def _publish(self, packet: Publish) -> None:
        if packet.properties is not None:
            self._read_properties(packet, packet.properties)
        qos = packet.qos
        if qos == 0:
            self._published(packet)
        elif qos == 1:
            gate = self._pubacks
            if gate is not None and packet.dup and gate.holds(packet.packet_id):
                return  # a repeat of one that is being handled: its answer is on its way
            if self.under_way:
                self._check_quota()
            ticket = self._published(packet)
            if ticket.done and (gate is None or gate.empty):
                if ticket.reason == reasons.SUCCESS:
                    self.send((_PUBACK | packet.packet_id).to_bytes(4, "big"))
                else:
                    self._let_puback(packet.packet_id, ticket.reason)
                return
            if gate is None:
                gate = self._pubacks = Gate(self._out_puback)
            self.under_way += 1
            gate.admit(ticket, packet.packet_id)
        else:
            self._publish_exactly_once(packet)

    def _publish_exactly_once(self, packet: Publish) -> None:
        incoming = self.incoming
        assert incoming is not None
        packet_id = packet.packet_id
        known = incoming.find(packet_id)
        gate = self._pubrecs
        if known is None:
            if self.under_way:
                self._check_quota()
            known = self._published(packet)
            if not known.failed:
                incoming.take(packet_id, known)
                self.under_way += 1
        elif gate is not None and gate.holds(packet_id):
            return  # a repeat of one that is being handled: its answer is on its way
        if known.done and (gate is None or gate.empty):
            self._let_pubrec(packet_id, known.reason)
            return
        if gate is None:
            gate = self._pubrecs = Gate(self._out_pubrec)
        gate.admit(known, packet_id)

    def _check_quota(self) -> None:
        """
        One more is about to be under way. What an earlier connection left is not counted: each begins with all of it.
        """
        if self.under_way >= self.receive_maximum:
            raise RemoteProtocolError(
                f"more than {self.receive_maximum} QoS 1 and 2 messages under way, the Receive Maximum",
                reasons.RECEIVE_MAXIMUM_EXCEEDED,
            )

    def _done(self) -> None:
        """
        One has been acknowledged, or released, perhaps one that an earlier connection left.
        """
        if self.under_way:
            self.under_way -= 1

    def _read_properties(self, packet: Publish, properties: Properties) -> None:
        alias = properties.topic_alias
        if alias is not None:
            if self.received_aliases is None:
                self.received_aliases = ReceivedAliases(self._alias_maximum())
            packet.topic = self.received_aliases.resolve(alias, packet.topic)

    def _alias_maximum(self) -> int:
        return 0

    def _out_puback(self, held: Held) -> None:
        self._done()
        self._let_puback(held.packet_id, held.ticket.reason)

    def _let_puback(self, packet_id: int, reason: int) -> None:
        if reason == reasons.SUCCESS:
            self.send((_PUBACK | packet_id).to_bytes(4, "big"))
            return
        if reason >= reasons.FAILURE and self.version < MQTT5:
            self._not_kept(reason)
            return
        self._send_ack(PUBACK, packet_id, reason)

    def _out_pubrec(self, held: Held) -> None:
        if held.ticket.failed and self.incoming is not None:
            self.incoming.fail(held.packet_id, held.ticket)
            self._done()
        self._let_pubrec(held.packet_id, held.ticket.reason)

    def _let_pubrec(self, packet_id: int, reason: int) -> None:
        if reason == reasons.SUCCESS:
            self.send((_PUBREC | packet_id).to_bytes(4, "big"))
            return
        if reason >= reasons.FAILURE and self.version < MQTT5:
            self._not_kept(reason)
            return
        self._send_ack(PUBREC, packet_id, reason)

    def _pubrel(self, packet: Ack) -> None:
        incoming = self.incoming
        assert incoming is not None
        packet_id = packet.packet_id
        reason = reasons.SUCCESS
        ticket = DONE
        if incoming.release(packet_id):
            self._done()
            ticket = self._released(packet_id)
        else:
            # A repeat, or one that we never had: it must be answered all the same, or its sender waits for ever.
            reason = reasons.PACKET_IDENTIFIER_NOT_FOUND
        gate = self._pubcomps
        if reason == reasons.SUCCESS:
            frame = (_PUBCOMP | packet_id).to_bytes(4, "big")
        else:
            frame = self._ack_frame(PUBCOMP, packet_id, reason)
        if ticket.done and not ticket.failed and (gate is None or gate.empty):
            self.send(frame)
            return
        if gate is None:
            gate = self._pubcomps = Gate(self._out_pubcomp)
        gate.admit(ticket, packet_id, frame)

    def _out_pubcomp(self, held: Held) -> None:
        if held.ticket.failed or held.frame is None:
            self._not_kept(held.ticket.reason)
        else:
            self.send(held.frame)

    # The end

    def _shut_gates(self) -> None:
        super()._shut_gates()
        for gate in (self._pubacks, self._pubrecs, self._pubcomps):
            if gate is not None:
                gate.shut()
        self._pubacks = self._pubrecs = self._pubcomps = None

    # What the roles do about it

    def _published(self, packet: Publish) -> Ticket:
        raise NotImplementedError

    def _released(self, packet_id: int) -> Ticket:
        return DONE
