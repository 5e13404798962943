"""
QoS 1 and 2 on the way out: PUBLISH, and what the peer answers.

The books are in C{Outgoing}; here they become packets. A QoS 2 PUBLISH and its PUBREL each wait at a gate of their own
until somebody above has on record that they leave.
"""

from __future__ import annotations

from collections.abc import Callable

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import MQTT5, PUBREL
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.fields import pair
from txmqtt.codec.packets import Ack
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import SentAliases
from txmqtt.session.message import Message
from txmqtt.session.outgoing import SEND, Outbound, Outgoing
from txmqtt.session.sink import Link
from txmqtt.session.tickets import DONE, Gate, Held, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import OPEN, Voice


class Sending(Voice):
    """
    The sender's half of the acknowledgements.

    @ivar thirsty: the owner has more to say as soon as there is room.
    @ivar resting: it has said enough for one turn, and goes on when the alarm rings.
    @ivar choosy: the peer does not take every QoS, or no retained messages.
    @ivar kept: a client's session of which each step is put on record (C{ClientSink.sending} and what follows it); what
        an earlier connection has put there may not be there yet.
    @ivar resend_interval: how long a packet may be unanswered before it is sent again, seconds; 0.0 for ever.
    """

    resend_interval = 0.0
    resting = False
    choosy = False
    kept = False
    _publishes: Gate | None = None
    _pubrels: Gate | None = None

    def __init__(self, turn: Turn, link: Link, write: Callable[[bytes], None], write_limit: int) -> None:
        super().__init__(turn, link, write, write_limit)
        self.thirsty = False
        self.outgoing: Outgoing | None = None
        self.sent_aliases: SentAliases | None = None

    def post(self, item: Outbound) -> int:
        """
        Send a QoS 1 or 2 message now or when its turn comes: C{SEND}, C{QUEUED} or C{REFUSED}.
        """
        outgoing = self.outgoing
        assert outgoing is not None
        verdict = outgoing.admit(item, self.blocked)
        if verdict == SEND:
            if item.ref:
                self._launch(item)
            else:
                self._transmit(item)
        return verdict

    @property
    def blocked(self) -> bool:
        """
        The peer has enough to read.
        """
        return self.paused or self.out_size >= self.write_limit

    def pump(self) -> None:
        """
        Send what has been waiting, as far as window and transport allow.
        """
        outgoing = self.outgoing
        assert outgoing is not None
        while not self.paused and self.out_size < self.write_limit and self.phase == OPEN:
            item = outgoing.next()
            if item is None:
                return
            if not item.sent and (item.message.expired(self.turn.wall) or 0.0 < item.until <= self.turn.wall):
                outgoing.finish(item)
                self._lapsed(item)
            elif self.choosy and not item.sent and not self._takes(item):
                outgoing.finish(item)
            else:
                self._launch(item)

    def _launch(self, item: Outbound) -> None:
        """
        The item has its identifier and its place in the window: it leaves, at QoS 2 once that is on record. What was
        sent on an earlier connection is on record.
        """
        if not item.qos:
            self._transmit_0(item)
            return
        if item.ref and not item.sent:
            ticket = self._sending(item)
            if item.qos == 2:
                gate = self._publishes
                if gate is None and (ticket.failed or not ticket.done):
                    gate = self._publishes = Gate(self._out_publish)
                if gate is not None:
                    gate.admit(ticket, item.packet_id)
                    return
        self._transmit(item)

    def _out_publish(self, held: Held) -> None:
        item = self.outgoing.get(held.packet_id) if self.outgoing is not None else None
        if held.ticket.reason >= reasons.FAILURE:
            self._unkept(item, held.ticket.reason)
        elif item is not None and not item.sent:
            self._transmit(item)

    def _transmit(self, item: Outbound) -> None:
        message = item.message
        turn = self.turn
        first = 0x30 | item.qos << 1 | item.retain | item.sent << 3
        packet_id = pair(item.packet_id)
        if self.sent_aliases is not None:
            head, tail = self._aliased(first, message, item.identifiers)
        else:
            tail = message.payload if self.version != MQTT5 else message.tail(MQTT5, item.identifiers, turn.wall)
            head = message.head(first, tail)
        size = len(head) + 2 + len(tail)
        if size > self.send_limit:
            self._too_large(item)
            return
        if not self.touched:
            self.touched = True
            turn.touched.append(self)
        out = self.out
        out.append(head)
        out.append(packet_id)
        out.append(tail)
        self.out_size += size
        if self.sent_aliases is not None:
            self.sent_aliases.bind(message.topic)
        turn.packets_sent += 1
        if not item.sent:
            item.sent = True
            turn.publishes_sent += 1
            turn.outbound_bytes += len(message.payload)
        item.sent_at = turn.now
        interval = self.resend_interval
        if interval and turn.now + interval < self.alarm_at:
            self.nearer(turn.now + interval)

    def _transmit_0(self, item: Outbound) -> None:
        """
        What a client queued at QoS 0 leaves, and that is all there is to it.
        """
        message = item.message
        turn = self.turn
        first = 0x30 | item.retain
        if self.sent_aliases is not None:
            head, tail = self._aliased(first, message, ())
        else:
            tail = message.tail(self.version, (), turn.wall)
            head = message.head(first, tail)
        if len(head) + len(tail) > self.send_limit:
            self._too_large(item)
            return
        self.send(head + tail)
        if self.sent_aliases is not None:
            self.sent_aliases.bind(message.topic)
        item.sent = True
        turn.publishes_sent += 1
        turn.outbound_bytes += len(message.payload)
        self._settled(item, reasons.SUCCESS, None)

    def _aliased(self, first: int, message: Message, identifiers: tuple[int, ...]) -> tuple[bytes, bytes]:
        """
        Head and tail for a receiver that takes topic aliases: the topic once in full, from then on by number. Whoever
        appends them binds the alias (C{SentAliases.bind}).
        """
        aliases = self.sent_aliases
        assert aliases is not None
        alias = aliases.number(message.topic)
        topic = b""
        if not alias:
            topic = message.topic
            alias = aliases.vacant()
        message.tail(self.version, (), self.turn.wall)  # counts the expiry down
        tail = message.told(identifiers, alias)
        return encode.publish_head(first, topic, tail, 2 if first & 6 else 0), tail

    def _too_large(self, item: Outbound) -> None:
        """
        The peer takes no packet of this size: it counts as delivered [MQTT5-3.1.2-25].
        """
        raise NotImplementedError

    def _flushed(self) -> None:
        if self.thirsty or not (self.outgoing is None or self.outgoing.idle):
            self._refill()

    def _refill(self) -> None:
        if not self.paused and self.phase == OPEN:
            self.pump()
            if self.thirsty and not (self.paused or self.resting) and self.phase == OPEN:
                self._drained()

    def rest(self) -> None:
        """
        Let others have their turn, and go on in the next.
        """
        if not self.resting:
            self.resting = True
            self.nearer(self.turn.now)

    # What the peer answers

    def _puback(self, packet: Ack) -> None:
        outgoing = self.outgoing
        assert outgoing is not None
        item = outgoing.puback(packet.packet_id)
        if item is None:
            return  # an answer to nothing: harmless, and real clients send it after a resumption
        reason = packet.reason
        if item.qos != 1:
            if not item.sent or item.released or not self._lowers():
                raise RemoteProtocolError(f"PUBACK for packet identifier {packet.packet_id}, which is of QoS 2")
            outgoing.finish(item)
            reason = reasons.GRANTED_QOS_1
        if item.ref:
            self._settled(item, reason, packet.properties)
        if self.thirsty or not outgoing.idle:
            self._refill()

    def _pubrec(self, packet: Ack) -> None:
        outgoing = self.outgoing
        assert outgoing is not None
        item = outgoing.get(packet.packet_id)
        if item is None or not item.sent:
            self._send_ack(PUBREL, packet.packet_id, reasons.PACKET_IDENTIFIER_NOT_FOUND)
            return
        if item.qos != 2:
            raise RemoteProtocolError(f"PUBREC for packet identifier {packet.packet_id}, which is of QoS 1")
        if packet.reason >= reasons.FAILURE:  # on 5.0 this ends it [MQTT5-4.4.0-2]
            outgoing.finish(item)
            if item.ref:
                self._settled(item, packet.reason, packet.properties)
            if self.thirsty or not outgoing.idle:
                self._refill()
            return
        ticket: Ticket = DONE
        if not item.released:
            outgoing.release(item, packet.reason)
            if item.ref:
                ticket = self._received(item)
        self._pubrel_when(ticket, item)

    def _pubrel_when(self, ticket: Ticket, item: Outbound) -> None:
        gate = self._pubrels
        if gate is None:
            if ticket.done:
                self._let_pubrel(item.packet_id, ticket.reason)
                return
            gate = self._pubrels = Gate(self._out_pubrel)
        gate.admit(ticket, item.packet_id)

    def _out_pubrel(self, held: Held) -> None:
        self._let_pubrel(held.packet_id, held.ticket.reason)

    def _let_pubrel(self, packet_id: int, reason: int) -> None:
        if reason >= reasons.FAILURE:
            self._not_kept(reason)
            return
        self.send(encode.brief(encode.PUBREL_BYTES, packet_id))
        item = self.outgoing.get(packet_id) if self.outgoing is not None else None
        if item is not None:
            item.sent_at = self.turn.now
            if self.resend_interval:
                self.nearer(self.turn.now + self.resend_interval)

    def _pubcomp(self, packet: Ack) -> None:
        outgoing = self.outgoing
        assert outgoing is not None
        item = outgoing.get(packet.packet_id)
        if item is None:
            return
        if item.qos != 2 or not item.released:
            raise RemoteProtocolError(f"PUBCOMP for packet identifier {packet.packet_id}, which has had no PUBREL")
        outgoing.finish(item)
        if item.ref:
            # Its PUBREC said that the peer has it. 0x92 answers a PUBREL that was sent again after the PUBCOMP had been
            # lost, which is no error then [MQTT5-3.7.2-1].
            self._settled(item, item.heard, packet.properties)
        if self.thirsty or not outgoing.idle:
            self._refill()

    # The end

    def _shut_gates(self) -> None:
        for gate in (self._publishes, self._pubrels):
            if gate is not None:
                gate.shut()
        self._publishes = self._pubrels = None

    # What the roles do about it

    def _sending(self, item: Outbound) -> Ticket:
        """
        It is about to leave for the first time: settled when that is on record.
        """
        raise NotImplementedError

    def _received(self, item: Outbound) -> Ticket:
        """
        Its PUBREC came: settled when that is on record.
        """
        raise NotImplementedError

    def _unkept(self, item: Outbound | None, reason: int) -> None:
        """
        That a QoS 2 message is about to leave could not be put on record.
        """
        self._not_kept(reason)

    def _lowers(self) -> bool:
        """
        Whether the peer may answer QoS 2 as if it were QoS 1.
        """
        return False

    def _takes(self, item: Outbound) -> bool:
        """
        Whether a peer that is choosy takes a message that waited; otherwise whoever owns it has been told.
        """
        raise NotImplementedError

    def _settled(self, item: Outbound, reason: int, properties: Properties | None) -> None:
        raise NotImplementedError

    def _lapsed(self, item: Outbound) -> None:
        """
        A message expired before it was sent.
        """
        raise NotImplementedError

    def _drained(self) -> None:
        raise NotImplementedError
