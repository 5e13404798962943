"""
QoS 1 and 2 on the way in: what arrives, and how it is acknowledged.

Each kind of acknowledgement has a gate of its own, made when one must wait for its ticket, so that PUBACKs leave in the
order of the PUBLISHes however long each takes to be kept, and nothing else waits with them.

A message that is withheld is not acknowledged on this connection at all, and the peer sends it again on the next one.
Those behind it are: what leaves still leaves in the order of the PUBLISHes [MQTT5-4.6.0-2] [MQTT5-4.6.0-3], and a
message that was dealt with does not come a second time because its neighbour was not. But it keeps its place in the
Receive Maximum; when withheld messages have taken it all, nothing could come any more, and the connection ends.
"""

from __future__ import annotations

from collections.abc import Callable

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import MAX_PACKET_ID, MQTT5, PUBACK, PUBCOMP, PUBREC
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Ack, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import ReceivedAliases
from txmqtt.session.incoming import Incoming
from txmqtt.session.resending import Resending
from txmqtt.session.sink import Link
from txmqtt.session.tickets import DONE, WITHHELD, Gate, Held, Ticket
from txmqtt.session.turn import Turn


class Receiving(Resending):
    """
    The receiver's half of the acknowledgements.

    @ivar receive_maximum: how many QoS 1 and 2 messages may be under way to us, as we announced; 3.x
        announces none, and there it is all the packet identifiers that a peer can have.
    @ivar under_way: how many are: sent on this connection, and not yet acknowledged to the end.
    @ivar withheld: the packet identifiers of those that will not be acknowledged on this connection.
    @ivar withheld_limit: with so many of them the connection ends; 0: as many as C{receive_maximum}.
    """

    # Defaults of the class: most conversations never have any of these, and a broker has many conversations.
    receive_maximum = MAX_PACKET_ID
    under_way = 0
    withheld: set[int] | None = None
    withheld_limit = 0
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
                self._check_quota(packet.packet_id)
            ticket = self._published(packet)
            if ticket.done and (gate is None or gate.empty):
                if ticket.reason == reasons.SUCCESS:
                    self.send(encode.brief(encode.PUBACK_BYTES, packet.packet_id))
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
                self._check_quota(packet_id)
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

    def _check_quota(self, packet_id: int) -> None:
        """
        One more is about to be under way. What an earlier connection left is not counted: each begins with all of it.
        """
        if self.withheld is not None and packet_id in self.withheld:  # a peer of 3.x sends it again already
            self.withheld.remove(packet_id)
            self.under_way -= 1
        if self.under_way >= self.receive_maximum:
            raise RemoteProtocolError(
                f"more than {self.receive_maximum} QoS 1 and 2 messages under way, the Receive Maximum",
                reasons.RECEIVE_MAXIMUM_EXCEEDED,
            )

    def _done(self) -> None:
        """
        One has been acknowledged, or released. One that an earlier connection left was never counted; but the peer may
        send another for its PUBCOMP all the same (section 4.9 of 5.0), so it makes room for one more.
        """
        self.under_way -= 1

    def _withhold(self, packet_id: int) -> None:
        """
        This one is not acknowledged: it keeps its place, and comes again on the next connection.
        """
        if self.withheld is None:
            self.withheld = set()
        self.withheld.add(packet_id)
        self.under_way += 1
        if len(self.withheld) >= (self.withheld_limit or self.receive_maximum):
            self.end(
                reasons.QUOTA_EXCEEDED,
                f"{len(self.withheld)} messages were not acknowledged: they come again on the next connection",
            )

    def _read_properties(self, packet: Publish, properties: Properties) -> None:
        alias = properties.topic_alias
        if alias is not None:
            if self.received_aliases is None:
                self.received_aliases = ReceivedAliases(self._alias_maximum())
            packet.topic = self.received_aliases.resolve(alias, packet.topic)

    def _alias_maximum(self) -> int:
        """
        How many aliases the peer was told it may use.
        """
        raise NotImplementedError

    def _out_puback(self, held: Held) -> None:
        self._done()
        self._let_puback(held.packet_id, held.ticket.reason)

    def _let_puback(self, packet_id: int, reason: int) -> None:
        if reason == reasons.SUCCESS:
            self.send(encode.brief(encode.PUBACK_BYTES, packet_id))
            return
        if reason == WITHHELD:
            self._withhold(packet_id)
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
            self.send(encode.brief(encode.PUBREC_BYTES, packet_id))
            return
        if reason == WITHHELD:
            self._withhold(packet_id)
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
            if self.kept:
                ticket = self._released(packet_id)
        gate = self._pubcomps
        if reason == reasons.SUCCESS:
            frame = encode.brief(encode.PUBCOMP_BYTES, packet_id)
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
        """
        Its PUBREL came: settled when that is on record.
        """
        raise NotImplementedError
