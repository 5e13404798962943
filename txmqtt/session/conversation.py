"""
What both roles of a conversation share: reading packets, the acknowledgements of both directions, and the output.

A conversation is fed bytes and told the time; it collects what it has to say in C{out}. Nothing leaves before the turn
of the reactor ends: then C{Turn.flush} writes to each conversation that was touched, once. It starts nothing and waits
for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import (
    MAX_PACKET,
    MQTT5,
    NAMES,
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
)
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import ProtocolError, RemoteProtocolError
from txmqtt.codec.packets import Ack, Packet, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import ReceivedAliases, SentAliases
from txmqtt.session.incoming import Incoming
from txmqtt.session.message import Message
from txmqtt.session.outgoing import SEND, Outbound, Outgoing
from txmqtt.session.sink import Link
from txmqtt.session.tickets import DONE, Gate, Held, Ticket

#: The phases of a conversation. OPENING: CONNECT is said, CONNACK is not.
NEW: Final = 0
OPENING: Final = 1
OPEN: Final = 2
CLOSED: Final = 3

PHASES: Final = ("new", "opening", "open", "closed")

#: No alarm is set.
NEVER: Final = float("inf")

#: What a small frame costs beyond its bytes while it waits for a peer that does not read.
_FRAME_COST: Final = 64


class Turn:
    """
    What one turn of the reactor shares: the time, and who has something to write at its end.

    @ivar now: seconds of a clock that never jumps: for the deadlines of connections.
    @ivar skew: what to add to C{now} for wall time: for all that is stored or told to others.
    @ivar bytes_received: in all since the start; likewise C{bytes_sent}, C{packets_received}, C{packets_sent}.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.skew = 0.0
        self.bytes_received = 0
        self.bytes_sent = 0
        self.packets_received = 0
        self.packets_sent = 0
        self.touched: list[Conversation] = []

    @property
    def wall(self) -> float:
        """
        Wall time, seconds.
        """
        return self.now + self.skew

    def flush(self) -> None:
        """
        One write for each conversation that has something to say. Every entry from the reactor ends here.
        """
        touched = self.touched
        at = 0
        while at < len(touched):  # a flush may touch others
            touched[at].flush()
            at += 1
        touched.clear()


class Conversation:
    """
    One connection's worth of MQTT, seen from one side.

    @ivar write: takes the bytes of one flush.
    @ivar link: the wire, for the rare things.
    @ivar paused: the transport asked us to hold our tongue: the peer does not read fast enough.
    @ivar alarm_at: when C{tick} will be called next, seconds.
    @ivar send_limit: the largest packet the peer takes, bytes.
    @ivar write_limit: how much may wait in C{out} before QoS 0 is dropped and QoS 1 and 2 stay where they are, bytes.
    """

    def __init__(self, turn: Turn, link: Link, write: Callable[[bytes], None], write_limit: int) -> None:
        self.turn = turn
        self.link = link
        self.write = write
        self.phase = NEW
        self.version = 0
        self.decoder = Decoder()
        self.out: list[bytes] = []
        self.out_size = 0
        self.touched = False
        self.paused = False
        self.holding = False  # what arrives is kept, not parsed
        self.parsing = False
        self.thirsty = False  # the owner has more to say as soon as there is room
        self.send_limit = MAX_PACKET
        self.write_limit = write_limit
        self.receive_maximum = 0  # what we announced; 0: nothing (3.x)
        self.resend_interval = 0.0
        self.alarm_at = NEVER
        self.last_heard = turn.now
        self.last_sent = turn.now
        self.outgoing: Outgoing | None = None
        self.incoming: Incoming | None = None
        self.sent_aliases: SentAliases | None = None
        self.received_aliases: ReceivedAliases | None = None
        self._pubacks: Gate | None = None
        self._pubrecs: Gate | None = None
        self._pubcomps: Gate | None = None
        self._pubrels: Gate | None = None
        self._publishes: Gate | None = None

    # What arrives

    def feed(self, data: bytes, now: float) -> None:
        """
        The peer said C{data}. Whatever is wrong with it ends the conversation; nothing is raised.
        """
        turn = self.turn
        turn.now = now
        turn.bytes_received += len(data)
        self.last_heard = now
        if self.phase == CLOSED:
            return
        self.decoder.feed(data)
        if not self.holding:
            self._parse()
        else:
            self._kept()

    def _parse(self) -> None:
        """
        Act on every whole packet that is here, unless one of them makes us stop.
        """
        decoder = self.decoder
        self.parsing = True
        try:
            while True:
                packet = decoder.take()
                if packet is None:
                    break
                self.turn.packets_received += 1
                self.receive(packet)
                if self.holding or self.phase == CLOSED:
                    break
        except ProtocolError as error:
            self.fail(error)
        finally:
            self.parsing = False
        if self.holding:
            self._kept()

    def _kept(self) -> None:
        """
        Bytes are kept unparsed, because we hold.
        """

    def proceed(self) -> None:
        """
        Go on with what was kept while we held.
        """
        self.holding = False
        if self.phase != CLOSED and not self.parsing:
            self._parse()

    def receive(self, packet: Packet) -> None:
        """
        Act on one packet.

        @raise RemoteProtocolError: it is not legal now.
        """
        if self.phase == OPEN:
            if isinstance(packet, Publish):  # nine packets in ten
                self._publish(packet)
                return
            if isinstance(packet, Ack):
                kind = packet.kind
                if kind == PUBACK:
                    self._puback(packet)
                elif kind == PUBREC:
                    self._pubrec(packet)
                elif kind == PUBREL:
                    self._pubrel(packet)
                else:
                    self._pubcomp(packet)
                return
        self._other(packet)

    def _other(self, packet: Packet) -> None:
        raise NotImplementedError

    def unexpected(self, packet: Packet) -> RemoteProtocolError:
        """
        The error for a packet that has no place in the table of this phase.
        """
        return RemoteProtocolError(f"unexpected {NAMES[packet.kind]} while {PHASES[self.phase]}", reasons.PROTOCOL_ERROR)

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

    def _puback(self, packet: Ack) -> None:
        outgoing = self.outgoing
        assert outgoing is not None
        item = outgoing.get(packet.packet_id)
        if item is None:
            return  # an answer to nothing: harmless, and real clients send it after a resumption
        if item.qos != 1:
            raise RemoteProtocolError(f"PUBACK for packet identifier {packet.packet_id}, which is of QoS 2")
        outgoing.finish(item)
        if item.ref:
            self._settled(item, packet.reason, packet.properties)
        if self.thirsty or not outgoing.idle:
            self._refill()

    def _pubrec(self, packet: Ack) -> None:
        outgoing = self.outgoing
        assert outgoing is not None
        item = outgoing.get(packet.packet_id)
        if item is None:
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
            outgoing.release(item)
            if item.ref:
                ticket = self._received(item)
        gate = self._pubrels
        if gate is None:
            if ticket.done:
                self._let_pubrel(item.packet_id, ticket.reason)
                return
            gate = self._pubrels = Gate(self._out_pubrel)
        gate.admit(ticket, item.packet_id)

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
                self._send_ack(PUBCOMP, packet_id, reason)
                return
            gate = self._pubcomps = Gate(self._out_pubcomp)
        gate.admit(ticket, packet_id, encode.ack(PUBCOMP, packet_id, reason, None, self.version))

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
            self._settled(item, packet.reason, packet.properties)
        if self.thirsty or not outgoing.idle:
            self._refill()

    # What the roles do with it

    def _published(self, packet: Publish) -> Ticket:
        raise NotImplementedError

    def _released(self, packet_id: int) -> Ticket:
        return DONE

    def _sending(self, item: Outbound) -> Ticket:
        return DONE

    def _received(self, item: Outbound) -> Ticket:
        return DONE

    def _settled(self, item: Outbound, reason: int, properties: Properties | None) -> None:
        raise NotImplementedError

    def _lapsed(self, item: Outbound) -> None:
        """
        A message expired before it was sent.
        """
        raise NotImplementedError

    def _drained(self) -> None:
        raise NotImplementedError

    def _left(self) -> None:
        raise NotImplementedError

    def _farewell(self, reason: int, message: str) -> bytes:
        """
        The last frame: what, if anything, this version and phase allow us to say about why.
        """
        raise NotImplementedError

    # What the gates let out

    def _out_puback(self, held: Held) -> None:
        self._let_puback(held.packet_id, held.ticket.reason)

    def _let_puback(self, packet_id: int, reason: int) -> None:
        if reason >= reasons.FAILURE and self.version < MQTT5:
            self._not_kept(reason)
            return
        self._send_ack(PUBACK, packet_id, reason)

    def _out_pubrec(self, held: Held) -> None:
        if held.ticket.reason >= reasons.FAILURE and self.incoming is not None:
            self.incoming.release(held.packet_id)
        self._let_pubrec(held.packet_id, held.ticket.reason)

    def _let_pubrec(self, packet_id: int, reason: int) -> None:
        if reason >= reasons.FAILURE and self.version < MQTT5:
            self._not_kept(reason)
            return
        self._send_ack(PUBREC, packet_id, reason)

    def _out_pubrel(self, held: Held) -> None:
        self._let_pubrel(held.packet_id, held.ticket.reason)

    def _let_pubrel(self, packet_id: int, reason: int) -> None:
        if reason >= reasons.FAILURE:
            self._not_kept(reason)
            return
        self._send_ack(PUBREL, packet_id, reasons.SUCCESS)
        item = self.outgoing.get(packet_id) if self.outgoing is not None else None
        if item is not None:
            item.sent_at = self.turn.now

    def _out_pubcomp(self, held: Held) -> None:
        if held.ticket.reason >= reasons.FAILURE or held.frame is None:
            self._not_kept(held.ticket.reason)
            return
        self.send(held.frame)

    def _out_publish(self, held: Held) -> None:
        item = self.outgoing.get(held.packet_id) if self.outgoing is not None else None
        if held.ticket.reason >= reasons.FAILURE:
            self._not_kept(held.ticket.reason)
        elif item is not None:
            self._transmit(item)

    def _not_kept(self, reason: int) -> None:
        """
        A frame would promise what could not be kept, and cannot say so itself: the connection ends instead.
        """
        self.end(reason, "what was to be acknowledged could not be stored")

    # What leaves

    def send(self, frame: bytes) -> None:
        """
        Append a frame that is no PUBLISH: it is never dropped, but a peer that lets too many pile up is let go.
        """
        if self.phase == CLOSED:
            return
        if not self.touched:
            self.touched = True
            self.turn.touched.append(self)
        self.turn.packets_sent += 1
        self.out.append(frame)
        self.out_size += len(frame)
        if self.paused:
            self.out_size += _FRAME_COST
            if self.out_size > 2 * self.write_limit:
                self.end(reasons.QUOTA_EXCEEDED, f"the peer does not read: {self.out_size} bytes wait for it", True)

    def _send_ack(self, kind: int, packet_id: int, reason: int) -> None:
        self.send(encode.ack(kind, packet_id, reason, None, self.version))

    def post(self, item: Outbound) -> int:
        """
        Send a QoS 1 or 2 message now or when its turn comes: C{SEND}, C{QUEUED} or C{REFUSED}.
        """
        outgoing = self.outgoing
        assert outgoing is not None
        verdict = outgoing.admit(item, self.paused or self.out_size >= self.write_limit)
        if verdict == SEND:
            self._launch(item)
        return verdict

    def pump(self) -> None:
        """
        Send what has been waiting, as far as window and transport allow.
        """
        outgoing = self.outgoing
        if outgoing is None:
            return
        while not self.paused and self.out_size < self.write_limit and self.phase == OPEN:
            item = outgoing.next()
            if item is None:
                return
            if not item.sent and item.message.expired(self.turn.wall):
                outgoing.finish(item)
                self._lapsed(item)
                continue
            self._launch(item)

    def _launch(self, item: Outbound) -> None:
        """
        The item has its identifier and its place in the window: it leaves, at QoS 2 once that is on record.
        """
        if item.ref:
            ticket = self._sending(item)
            if item.qos == 2:
                gate = self._publishes
                if gate is None and not ticket.done:
                    gate = self._publishes = Gate(self._out_publish)
                if gate is not None:
                    gate.admit(ticket, item.packet_id)
                    return
        self._transmit(item)

    def _transmit(self, item: Outbound) -> None:
        message = item.message
        turn = self.turn
        first = 0x30 | item.qos << 1
        if item.retain:
            first |= 1
        if item.sent:
            first |= 8
        packet_id = item.packet_id.to_bytes(2, "big")
        if self.sent_aliases is not None:
            head, tail = self._aliased(first, message, item.identifiers)
        else:
            tail = message.tail(self.version, item.identifiers, turn.wall)
            head = message.head(first, tail)
        size = len(head) + 2 + len(tail)
        if size > self.send_limit:
            self._too_large(item, size)
            return
        if not self.touched:
            self.touched = True
            turn.touched.append(self)
        out = self.out
        out.append(head)
        out.append(packet_id)
        out.append(tail)
        self.out_size += size
        turn.packets_sent += 1
        item.sent = True
        item.sent_at = turn.now
        interval = self.resend_interval
        if interval and turn.now + interval < self.alarm_at:
            self.nearer(turn.now + interval)

    def _aliased(self, first: int, message: Message, identifiers: tuple[int, ...]) -> tuple[bytes, bytes]:
        """
        Head and tail for a receiver that takes topic aliases: the topic once in full, from then on by number. The alias
        is bound here, where the bytes are appended, because what is queued may be dropped.
        """
        aliases = self.sent_aliases
        assert aliases is not None
        alias = aliases.number(message.topic)
        topic = b""
        if not alias:
            topic = message.topic
            alias = aliases.bind(topic)
        message.tail(self.version, (), self.turn.wall)  # counts the expiry down
        tail = message.told(identifiers, alias)
        return encode.publish_head(first, topic, tail, 2 if first & 6 else 0), tail

    def _too_large(self, item: Outbound, size: int) -> None:
        """
        The peer takes no packet of this size: it counts as delivered [MQTT5-3.1.2-25].
        """
        assert self.outgoing is not None
        self.outgoing.finish(item)
        if item.ref:
            self._settled(item, reasons.PACKET_TOO_LARGE, None)

    def flush(self) -> None:
        """
        Hand what there is to the transport, in one write.
        """
        self.touched = False
        out = self.out
        if self.paused or not out:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self.out_size = 0
        self.last_sent = self.turn.now
        self.turn.bytes_sent += len(data)
        self.write(data)
        if self.thirsty or not (self.outgoing is None or self.outgoing.idle):
            self._refill()

    def _refill(self) -> None:
        if not self.paused and self.phase == OPEN:
            self.pump()
            if self.thirsty and not self.paused:
                self._drained()

    def pause(self) -> None:
        """
        The transport has enough: the peer reads more slowly than we write.
        """
        self.paused = True

    def resume(self) -> None:
        """
        The transport has room again.
        """
        self.paused = False
        if self.out:
            self.flush()
        self._refill()

    # Time

    def nearer(self, deadline: float) -> None:
        """
        Something must happen earlier than the alarm that is set.
        """
        if deadline < self.alarm_at:
            self.alarm_at = deadline
            self.link.rearm(deadline)

    def deadline(self) -> float:
        """
        When C{tick} must be called at the latest, seconds; C{NEVER} when nothing can become due.
        """
        return min(self._role_deadline(), self._resend_deadline())

    def tick(self, now: float) -> None:
        """
        The alarm rang: do what is due.
        """
        self.turn.now = now
        if self.phase != CLOSED:
            self._role_tick(now)
        if self.phase == OPEN and self.resend_interval and not self.paused:
            self._resend(now)

    def _role_deadline(self) -> float:
        return NEVER

    def _role_tick(self, now: float) -> None:
        pass

    def _resend_deadline(self) -> float:
        if not self.resend_interval or self.outgoing is None or self.paused:
            return NEVER
        oldest = NEVER
        for item in self.outgoing.unanswered():
            if item.sent_at < oldest:
                oldest = item.sent_at
        return oldest + self.resend_interval

    def _resend(self, now: float) -> None:
        """
        On 3.x, what has been unanswered for too long goes again, oldest first. 5.0 forbids it on a live connection
        [MQTT5-4.4.0-1], so the interval is always 0 there.
        """
        assert self.outgoing is not None
        for item in self.outgoing.unanswered():
            if item.sent_at + self.resend_interval <= now:
                if item.released:
                    if self._pubrels is None or not self._pubrels.holds(item.packet_id):
                        self._let_pubrel(item.packet_id, reasons.SUCCESS)
                elif item.counted:
                    self._transmit(item)

    # The end

    def fail(self, error: ProtocolError) -> None:
        """
        The peer broke a rule, or we cannot go on: say why, then close.
        """
        self.end(error.reason, str(error))

    def end(self, reason: int, message: str, abort: bool = False) -> None:
        """
        End the conversation from our side.

        @param message: for the log, and on 5.0 for the peer that asked for it.
        @param abort: the peer does not read; nothing more is said to it.
        """
        if self.phase == CLOSED:
            return
        frame = b"" if abort else self._farewell(reason, message)
        if frame and len(frame) <= self.send_limit:
            self.send(frame)
        self._over()
        self.link.close(reason, message, abort)

    def lost(self) -> None:
        """
        The connection is gone.
        """
        if self.phase != CLOSED:
            self._over()
        self.out.clear()
        self.out_size = 0

    def _over(self) -> None:
        """
        Nothing is said or heard any more. The books stay with their owner; what belongs to the connection dies here.
        """
        self.phase = CLOSED
        for gate in (self._pubacks, self._pubrecs, self._pubcomps, self._pubrels, self._publishes):
            if gate is not None:
                gate.shut()
        self._pubacks = self._pubrecs = self._pubcomps = self._pubrels = self._publishes = None
        self._left()


def repeat_releases(conversation: Conversation, released: list[Outbound]) -> None:
    """
    Begin a resumed conversation: the PUBRELs go again at once, then what was published, then what waits.
    """
    for item in released:
        conversation.send(encode.ack(PUBREL, item.packet_id, reasons.SUCCESS, None, conversation.version))
        item.sent_at = conversation.turn.now
    conversation.pump()

