"""
QoS 1 and 2 on the way in: what arrives, and how it is acknowledged.

Each kind of acknowledgement has a gate of its own, made when one must wait for its ticket, so that PUBACKs leave in the
order of the PUBLISHes however long each takes to be kept, and nothing else waits with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import MQTT5, PUBACK, PUBCOMP, PUBREC
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Ack, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import ReceivedAliases
from txmqtt.session.incoming import Incoming
from txmqtt.session.sending import Sending
from txmqtt.session.sink import Link
from txmqtt.session.tickets import DONE, Gate, Held, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import OPEN

#: The beginnings of acknowledgements that say no more than that it went well: alike in all versions.
_PUBACK: Final = b"\x40\x02"
_PUBREC: Final = b"\x50\x02"
_PUBCOMP: Final = b"\x70\x02"


class Receiving(Sending):
    """
    The receiver's half of the acknowledgements.

    @ivar receive_maximum: how many QoS 1 and 2 messages may be under way to us, as we announced; 0: any number (3.x).
    """

    def __init__(self, turn: Turn, link: Link, write: Callable[[bytes], None], write_limit: int) -> None:
        super().__init__(turn, link, write, write_limit)
        self.receive_maximum = 0
        self.incoming: Incoming | None = None
        self.received_aliases: ReceivedAliases | None = None
        self._pubacks: Gate | None = None
        self._pubrecs: Gate | None = None
        self._pubcomps: Gate | None = None

    def _publish(self, packet: Publish) -> None:
        if packet.properties is not None:
            self._read_properties(packet, packet.properties)
        qos = packet.qos
        if qos == 0:
            self._published(packet)
        elif qos == 1:
            gate = self._pubacks
            if gate is None:
                ticket = self._published(packet)
                if ticket.done and self.phase == OPEN:
                    self._let_puback(packet.packet_id, ticket.reason)
                    return
                gate = self._pubacks = Gate(self._out_puback)
            else:
                if packet.dup and gate.holds(packet.packet_id):
                    return  # a repeat of one that is being handled: its answer is on its way
                self._check_quota()
                ticket = self._published(packet)
            gate.admit(ticket, packet.packet_id)
        else:
            self._publish_exactly_once(packet)

    def _publish_exactly_once(self, packet: Publish) -> None:
        incoming = self.incoming
        assert incoming is not None
        packet_id = packet.packet_id
        known = incoming.find(packet_id)
        if known is None:
            self._check_quota()
            known = self._published(packet)
            if not (known.done and known.reason >= reasons.FAILURE):
                incoming.take(packet_id, known)
        gate = self._pubrecs
        if gate is None:
            if known.done:
                self._let_pubrec(packet_id, known.reason)
                return
            gate = self._pubrecs = Gate(self._out_pubrec)
        gate.admit(known, packet_id)

    def _check_quota(self) -> None:
        """
        Our Receive Maximum counts what the peer has sent and we have not acknowledged to the end.
        """
        maximum = self.receive_maximum
        if maximum:
            under_way = len(self._pubacks) if self._pubacks is not None else 0
            if self.incoming is not None:
                under_way += len(self.incoming)
            if under_way >= maximum:
                raise RemoteProtocolError(
                    f"more than {maximum} QoS 1 and 2 messages under way, the Receive Maximum that was announced",
                    reasons.RECEIVE_MAXIMUM_EXCEEDED,
                )

    def _read_properties(self, packet: Publish, properties: Properties) -> None:
        alias = properties.topic_alias
        if alias is not None:
            if self.received_aliases is None:
                self.received_aliases = ReceivedAliases(self._alias_maximum())
            packet.topic = self.received_aliases.resolve(alias, packet.topic)

    def _alias_maximum(self) -> int:
        return 0

    def _out_puback(self, held: Held) -> None:
        self._let_puback(held.packet_id, held.ticket.reason)

    def _let_puback(self, packet_id: int, reason: int) -> None:
        if reason == reasons.SUCCESS:
            self.send(_PUBACK + packet_id.to_bytes(2, "big"))
            return
        if reason >= reasons.FAILURE and self.version < MQTT5:
            self._not_kept(reason)
            return
        self._send_ack(PUBACK, packet_id, reason)

    def _out_pubrec(self, held: Held) -> None:
        if held.ticket.reason >= reasons.FAILURE and self.incoming is not None:
            self.incoming.release(held.packet_id)
        self._let_pubrec(held.packet_id, held.ticket.reason)

    def _let_pubrec(self, packet_id: int, reason: int) -> None:
        if reason == reasons.SUCCESS:
            self.send(_PUBREC + packet_id.to_bytes(2, "big"))
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
            ticket = self._released(packet_id)
        else:
            # A repeat, or one that we never had: it must be answered all the same, or its sender waits for ever.
            reason = reasons.PACKET_IDENTIFIER_NOT_FOUND
        gate = self._pubcomps
        if gate is None:
            if ticket.done and ticket.reason < reasons.FAILURE:
                if reason == reasons.SUCCESS:
                    self.send(_PUBCOMP + packet_id.to_bytes(2, "big"))
                else:
                    self._send_ack(PUBCOMP, packet_id, reason)
                return
            gate = self._pubcomps = Gate(self._out_pubcomp)
        gate.admit(ticket, packet_id, encode.ack(PUBCOMP, packet_id, reason, None, self.version))

    def _out_pubcomp(self, held: Held) -> None:
        if held.ticket.reason >= reasons.FAILURE or held.frame is None:
            self._not_kept(held.ticket.reason)
            return
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
