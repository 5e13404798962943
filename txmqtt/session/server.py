"""
The server's role: CONNECT comes first, CONNACK answers it, and then what the table at the foot of this file allows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT5,
    MQTT31,
    MQTT311,
    PINGREQ,
    SUBACK,
    SUBSCRIBE,
    UNSUBSCRIBE,
)
from txmqtt.codec.errors import ProtocolError, RemoteProtocolError, UnsupportedVersion
from txmqtt.codec.packets import Connect, Disconnect, Packet, Publish, Subscribe, Unsubscribe
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import SentAliases
from txmqtt.session.conversation import Conversation
from txmqtt.session.incoming import Incoming
from txmqtt.session.keepalive import server_patience
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.sink import ServerLink, ServerSink
from txmqtt.session.tickets import Gate, Held, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, NEVER, NEW, OPEN, OPENING


class ServerSession(Conversation):
    """
    One client, seen from the server.

    @ivar client_id: known once the CONNECT is here; the broker sets the one it assigned.
    @ivar member: the broker's own: whom this conversation is with.
    @ivar held: we do not read, so the client is not expected to say anything.
    @param connect_timeout: seconds from the connection until CONNACK.
    @param opening_limit: bytes that a client may say before it is accepted.
    """

    problem_information = True
    session_expiry = 0  # as CONNECT asked, 5.0
    announced_aliases = 0
    goodbye: Disconnect | None = None
    held = False
    _answers: Gate | None = None

    def __init__(
        self,
        turn: Turn,
        link: ServerLink,
        write: Callable[[bytes], None],
        sink: ServerSink,
        write_limit: int,
        connect_timeout: float,
        opening_limit: int,
    ) -> None:
        super().__init__(turn, link, write, write_limit)
        self.sink: Final = sink
        self.client_id = ""
        self.member: object | None = None
        self.keep_alive = 0
        self._patience = connect_timeout
        self.decoder.limit = opening_limit

    # Opening

    def _connect(self, packet: Packet) -> None:
        assert isinstance(packet, Connect)
        self.version = packet.version
        self.client_id = packet.client_id
        self.keep_alive = packet.keep_alive
        self.phase = OPENING
        self.reading = False
        properties = packet.properties
        if properties is not None:
            if properties.maximum_packet_size is not None:
                self.send_limit = properties.maximum_packet_size
            if properties.request_problem_information is not None:
                self.problem_information = bool(properties.request_problem_information)
            if properties.session_expiry_interval is not None:
                self.session_expiry = properties.session_expiry_interval
        self._door.connecting(packet)

    @property
    def _door(self) -> ServerLink:
        return cast(ServerLink, self.link)

    def _kept(self) -> None:
        if self.decoder.held > self.decoder.limit:
            self.hold()

    def accept(
        self,
        session_present: bool,
        outgoing: Outgoing,
        incoming: Incoming,
        properties: Properties | None,
        keep_alive: int,
        packet_limit: int,
        receive_maximum: int,
        topic_aliases: int,
        sent_aliases: int,
        resend_interval: float,
    ) -> None:
        """
        The client is in: CONNACK leaves, and after it whatever its session had to say.

        @param outgoing: the books of what it is sent, with what an earlier life left.
        @param properties: of the CONNACK, 5.0.
        @param keep_alive: seconds, as it is in force.
        @param packet_limit: the largest packet that it may send, bytes.
        @param receive_maximum: as announced; on 3.x, which announces none, all the packet identifiers there are.
        @param topic_aliases: how many it may use, as announced.
        @param sent_aliases: how many we may use.
        @param resend_interval: 3.x only, seconds; 0 for never.
        """
        self.phase = OPEN
        self.outgoing = outgoing
        self.incoming = incoming
        self.keep_alive = keep_alive
        self._patience = server_patience(keep_alive)
        if receive_maximum != self.receive_maximum:
            self.receive_maximum = receive_maximum
        if topic_aliases:
            self.announced_aliases = topic_aliases
        if resend_interval and self.version < MQTT5:
            self.resend_interval = resend_interval
        self.decoder.limit = packet_limit
        if sent_aliases:
            self.sent_aliases = SentAliases(sent_aliases)
        self.last_heard = self.turn.now
        self.send(encode.connack(reasons.SUCCESS, session_present, properties, self.version))
        if self.phase == OPEN:  # and not ended because the client takes no packet of that size
            self.nearer(self._role_deadline())
            self._door.admitted()

    def begin(self) -> None:
        """
        After C{accept}: act on what came while we were opening.
        """
        self.release()
        self.proceed()

    def hold(self) -> None:
        """
        Read no more for now. The clock of the keep-alive stands still meanwhile: nobody could hear the client.
        """
        if not self.held:
            self.held = True
            self.link.hold()

    def release(self) -> None:
        """
        Read again.
        """
        if self.held and self.phase != CLOSED:
            self.held = False
            self.last_heard = self.turn.now
            self.nearer(self._role_deadline())
            self.link.release()

    # Open

    def _published(self, packet: Publish) -> Ticket:
        return self.sink.published(self, packet)

    def _read_properties(self, packet: Publish, properties: Properties) -> None:
        if properties.subscription_identifiers:  # [MQTT5-3.3.4-6]
            raise RemoteProtocolError("a client's PUBLISH with a subscription identifier")
        super()._read_properties(packet, properties)

    def _alias_maximum(self) -> int:
        return self.announced_aliases

    def _released(self, packet_id: int) -> Ticket:
        return self.sink.releasing(self, packet_id)

    def _sending(self, item: Outbound) -> Ticket:
        return self.sink.sending(self, item)

    def _received(self, item: Outbound) -> Ticket:
        return self.sink.received(self, item)

    def _settled(self, item: Outbound, reason: int, properties: Properties | None) -> None:
        self.sink.settled(self, item, reason)

    def _too_large(self, item: Outbound) -> None:
        assert self.outgoing is not None
        self.outgoing.finish(item)
        self.sink.settled(self, item, reasons.PACKET_TOO_LARGE)

    def _lapsed(self, item: Outbound) -> None:
        self.sink.expired(self, item)

    def _drained(self) -> None:
        self.sink.drained(self)

    def _left(self) -> None:
        if self._answers is not None:
            self._answers.shut()
            self._answers = None
        self.sink.left(self, self.goodbye)

    def _subscribe(self, packet: Packet) -> None:
        assert isinstance(packet, Subscribe)
        self.sink.subscribing(self, packet)

    def _unsubscribe(self, packet: Packet) -> None:
        assert isinstance(packet, Unsubscribe)
        self.sink.unsubscribing(self, packet)

    def suback(self, packet_id: int, granted: list[int], ticket: Ticket) -> None:
        """
        Answer a SUBSCRIBE, with a code per filter. If the ticket fails, 5.0 is told 0x97 for what was granted, 3.1.1
        its one way of saying no. 3.1 has none: there a refusal looks like QoS 0, and a failed ticket ends the
        conversation.
        """
        version = self.version
        no = reasons.GRANTED_QOS_0 if version == MQTT31 else reasons.UNSPECIFIED_ERROR
        codes = [code if reasons.legal(SUBACK, code, version) else no for code in granted]
        failed: list[int] | None = None
        if version == MQTT5:
            failed = [code if code >= reasons.FAILURE else reasons.QUOTA_EXCEEDED for code in codes]
        elif version == MQTT311:
            failed = [no for _ in codes]
        self._answer(
            ticket,
            packet_id,
            encode.suback(packet_id, codes, None, version),
            encode.suback(packet_id, failed, None, version) if failed is not None else None,
        )

    def unsuback(self, packet_id: int, codes: list[int], ticket: Ticket) -> None:
        """
        Answer an UNSUBSCRIBE, with a code per filter on 5.0; 0x80 for all if the ticket fails. 3.x cannot say no, so
        there a failed ticket ends the conversation.
        """
        if self.version < MQTT5:
            self._answer(ticket, packet_id, encode.unsuback(packet_id, [], None, self.version), None)
            return
        failed = [reasons.UNSPECIFIED_ERROR for _ in codes]
        self._answer(
            ticket,
            packet_id,
            encode.unsuback(packet_id, codes, None, MQTT5),
            encode.unsuback(packet_id, failed, None, MQTT5),
        )

    def _answer(self, ticket: Ticket, packet_id: int, frame: bytes, refusal: bytes | None) -> None:
        gate = self._answers
        if ticket.done and not ticket.failed and (gate is None or gate.empty):
            self.send(frame)
            return
        if gate is None:
            gate = self._answers = Gate(self._out_answer)
        gate.admit(ticket, packet_id, frame, refusal)

    def _out_answer(self, held: Held) -> None:
        frame = held.refusal if held.ticket.failed else held.frame
        if frame is None:
            self._not_kept(held.ticket.reason)
        else:
            self.send(frame)

    def _pingreq(self, packet: Packet) -> None:
        self.send(encode.PINGRESP_BYTES)

    def _disconnect(self, packet: Packet) -> None:
        assert isinstance(packet, Disconnect)
        asked = packet.properties.session_expiry_interval if packet.properties is not None else None
        if asked and not self.session_expiry:
            raise RemoteProtocolError("DISCONNECT with a session expiry interval after a CONNECT without one")
        self.goodbye = packet
        self._over()
        self.link.close(reasons.SUCCESS, "", False)

    def _other(self, packet: Packet) -> None:
        handler = _LAW[self.phase].get(packet.kind)
        if handler is None:
            raise self.unexpected(packet)
        handler(self, packet)

    # Delivery

    @property
    def ready(self) -> bool:
        """
        A QoS 1 or 2 message would be sent at once.
        """
        outgoing = self.outgoing
        return (
            not self.paused
            and self.out_size < self.write_limit
            and outgoing is not None
            and outgoing.idle
            and outgoing.flying < outgoing.window
        )

    def deliver(self, frame: bytes) -> bool:
        """
        A whole QoS 0 PUBLISH, shared by all who get the same bytes; False when it is dropped, because the client takes
        no packet of that size or does not read what is there.
        """
        size = len(frame)
        total = self.out_size + size
        if total > self.write_limit or size > self.send_limit:
            if not self._make_room(size):
                return False
            total = self.out_size + size
        if not self.touched:
            self.touched = True
            self.turn.touched.append(self)
        self.out.append(frame)
        self.out_size = total
        return True

    def _make_room(self, size: int) -> bool:
        """
        Whether a packet can be taken that would overfill the output, once the transport has been given what is there.
        One that is larger than the limit is taken when it is alone.
        """
        if size > self.send_limit:
            return False
        if self.out_size and not self.paused:
            self.flush()
        return not self.out_size or self.out_size + size <= self.write_limit

    def deliver_own(self, message: Message, retain: bool, identifiers: tuple[int, ...]) -> bool:
        """
        A QoS 0 PUBLISH made for this client: retain flag, subscription identifiers, alias; False when it is dropped.
        """
        first = 0x31 if retain else 0x30
        aliases = self.sent_aliases
        if aliases is None:
            tail = message.tail(self.version, identifiers, self.turn.wall)
            return self.deliver(message.head(first, tail) + tail)
        head, tail = self._aliased(first, message, identifiers)
        if not self.deliver(head + tail):
            return False
        aliases.bind(message.topic)
        return True

    # Time

    def _role_deadline(self) -> float:
        if self.phase == OPEN and (self.held or not self._patience):
            return NEVER
        return self.last_heard + self._patience

    def _role_tick(self, now: float) -> None:
        if self._role_deadline() > now:
            return
        if self.phase == OPEN:
            self.end(
                reasons.KEEP_ALIVE_TIMEOUT,
                f"nothing heard for {self._patience:g} s, one and a half times the keep-alive of {self.keep_alive} s",
            )
        else:
            self.end(reasons.SERVER_BUSY, f"not connected after {self._patience:g} s")

    # The end

    def fail(self, error: ProtocolError) -> None:
        if self.phase == NEW and isinstance(error, UnsupportedVersion):
            # The refusal is in the oldest words for the old; a client of a later version reads those of 5.0
            # [MQTT5-3.1.2-2] [MQTT311-3.1.2-2].
            self.version = MQTT5 if error.level >= MQTT5 else MQTT311
        super().fail(error)

    def _farewell(self, reason: int, message: str) -> bytes:
        if self.phase != OPEN:
            # Of a CONNECT that could not be read this is all we know: the version that it names, if it got that far.
            version = self.version or self.decoder.version
            if version == MQTT5:
                if not reasons.legal(CONNACK, reason):
                    reason = reasons.SERVER_UNAVAILABLE
                return encode.connack(reason, False, None, MQTT5)
            code = reasons.return_code(reason)
            return encode.connack(code, False, None, version) if version and code > 0 else b""
        if self.version < MQTT5:
            return b""
        if not reasons.legal(DISCONNECT, reason):
            reason = reasons.UNSPECIFIED_ERROR
        frame = encode.disconnect(reason, None, MQTT5)
        if message and self.problem_information:
            told = encode.disconnect(reason, Properties(reason_string=message[:_LONGEST_WORDS]), MQTT5)
            if len(told) <= self.send_limit:  # [MQTT5-3.14.2-3]
                frame = told
        return frame


#: So much of our reasons is told to a client, characters.
_LONGEST_WORDS: Final = 256

_Handler = Callable[[ServerSession, Packet], None]

#: The whole law: what may arrive when, besides PUBLISH and its acknowledgements, and who answers. AUTH has no place in
#: it because no authentication method is accepted: a CONNECT that names one is refused with 0x8C.
_LAW: Final[dict[int, dict[int, _Handler]]] = {
    NEW: {CONNECT: ServerSession._connect},
    OPENING: {},
    OPEN: {
        SUBSCRIBE: ServerSession._subscribe,
        UNSUBSCRIBE: ServerSession._unsubscribe,
        PINGREQ: ServerSession._pingreq,
        DISCONNECT: ServerSession._disconnect,
    },
    CLOSED: {},
}
