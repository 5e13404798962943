"""
The server's role: CONNECT comes first, CONNACK answers it, and then what the table at the foot of this file allows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import (
    CONNECT,
    DISCONNECT,
    MQTT5,
    MQTT311,
    PINGREQ,
    SUBSCRIBE,
    UNSUBSCRIBE,
)
from txmqtt.codec.errors import ProtocolError, RemoteProtocolError, UnsupportedVersion
from txmqtt.codec.packets import Connack, Connect, Disconnect, Packet, Publish, Suback, Subscribe, Unsuback, Unsubscribe
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
    @ivar connect_timeout: seconds from the first byte until CONNACK.
    @ivar opening_limit: bytes that a client may say before it is accepted.
    """

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
        self.server_link: Final = link
        self.sink: Final = sink
        self.client_id = ""
        self.member: object | None = None  # the broker's own: whom this conversation is with
        self.problem_information = True
        self.keep_alive = 0
        self.announced_aliases = 0
        self.session_expiry = 0  # as CONNECT asked, 5.0
        self.goodbye: Disconnect | None = None
        self._patience = connect_timeout
        self._opening_limit = opening_limit
        self._held_link = False
        self._answers: Gate | None = None
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
        self.server_link.connecting(packet)

    def _kept(self) -> None:
        if self.decoder.held > self._opening_limit and not self._held_link:
            self._held_link = True
            self.link.hold()

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
        @param receive_maximum: as announced; 0 on 3.x.
        @param topic_aliases: how many it may use, as announced.
        @param sent_aliases: how many we may use.
        @param resend_interval: 3.x only, seconds; 0 for never.
        """
        self.phase = OPEN
        self.outgoing = outgoing
        self.incoming = incoming
        self.keep_alive = keep_alive
        self._patience = server_patience(keep_alive)
        self.receive_maximum = receive_maximum
        self.announced_aliases = topic_aliases
        self.resend_interval = resend_interval if self.version < MQTT5 else 0.0
        self.decoder.limit = packet_limit
        if sent_aliases:
            self.sent_aliases = SentAliases(sent_aliases)
        self.last_heard = self.turn.now
        self.send(encode.packet(Connack(reasons.SUCCESS, session_present, properties), self.version))
        if self._patience:
            self.nearer(self.last_heard + self._patience)
        self.server_link.admitted()

    def begin(self) -> None:
        """
        After C{accept}: act on what came while we were opening.
        """
        if self._held_link:
            self._held_link = False
            self.link.release()
        self.proceed()

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
        Answer a SUBSCRIBE, with a code per filter; 0x97 for what was granted if the ticket fails.
        """
        if self.version < MQTT5:  # 3.1.1 knows one way of saying no; 3.1 none, and this is the nearest
            granted = [code if code < reasons.FAILURE else reasons.UNSPECIFIED_ERROR for code in granted]
            refused = [reasons.UNSPECIFIED_ERROR for _ in granted]
        else:
            refused = [code if code >= reasons.FAILURE else reasons.QUOTA_EXCEEDED for code in granted]
        version = MQTT311 if self.version < MQTT5 else MQTT5
        self._answer(
            ticket,
            packet_id,
            encode.packet(Suback(packet_id, granted), version),
            encode.packet(Suback(packet_id, refused), version),
        )

    def unsuback(self, packet_id: int, codes: list[int], ticket: Ticket) -> None:
        """
        Answer an UNSUBSCRIBE, with a code per filter on 5.0; 0x80 for all if the ticket fails.
        """
        if self.version < MQTT5:
            self._answer(ticket, packet_id, encode.packet(Unsuback(packet_id, []), self.version), None)
            return
        refused = [reasons.UNSPECIFIED_ERROR for _ in codes]
        self._answer(
            ticket,
            packet_id,
            encode.packet(Unsuback(packet_id, codes), self.version),
            encode.packet(Unsuback(packet_id, refused), self.version),
        )

    def _answer(self, ticket: Ticket, packet_id: int, frame: bytes, refusal: bytes | None) -> None:
        gate = self._answers
        if gate is None:
            if ticket.done and not ticket.failed:
                self.send(frame)
                return
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

    # Delivery at QoS 0

    def room(self, size: int) -> bool:
        """
        Whether a packet of this size may be added to the output: the peer takes it, and it reads.
        """
        return size <= self.send_limit and (self.out_size == 0 or self.out_size + size <= self.write_limit)

    def deliver(self, frame: bytes) -> bool:
        """
        A whole QoS 0 PUBLISH, shared by all who get the same bytes; False when there is no room, and it is dropped.
        """
        size = len(frame)
        total = self.out_size + size
        if size > self.send_limit or (total > self.write_limit and total != size):
            return False
        if not self.touched:
            self.touched = True
            self.turn.touched.append(self)
        self.out.append(frame)
        self.out_size = total
        return True

    def deliver_own(self, message: Message, retain: bool, identifiers: tuple[int, ...]) -> bool:
        """
        A QoS 0 PUBLISH made for this client: retain flag, subscription identifiers, alias; False when it is dropped.
        """
        first = 0x31 if retain else 0x30
        if self.sent_aliases is not None:
            if not self.room(message.size):
                return False
            head, tail = self._aliased(first, message, identifiers)
        else:
            tail = message.tail(self.version, identifiers, self.turn.wall)
            head = message.head(first, tail)
        return self.deliver(head + tail)

    # Time

    def _role_deadline(self) -> float:
        return self.last_heard + self._patience if self._patience and not self._held_link else NEVER

    def _role_tick(self, now: float) -> None:
        if not self._patience or self.last_heard + self._patience > now:
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
            # In the oldest words for the old; a client of a later version reads those of 5.0 [MQTT5-3.1.2-2].
            if error.level > MQTT5:
                self.send(encode.packet(Connack(error.reason), MQTT5))
            else:
                self.send(encode.packet(Connack(reasons.return_code(error.reason)), MQTT311))
        super().fail(error)

    def _farewell(self, reason: int, message: str) -> bytes:
        if self.phase == NEW:
            # A CONNECT that could be read far enough to see that it is of 5.0 is told why it is refused.
            if self.decoder.version == MQTT5 and reason in _CONNACK_REASONS:
                return encode.packet(Connack(reason), MQTT5)
            return b""
        if self.phase == OPENING:
            if self.version == MQTT5:
                return encode.packet(Connack(reason if reason in _CONNACK_REASONS else _CONNACK_REST), MQTT5)
            code = reasons.return_code(reason)
            return encode.packet(Connack(code), self.version) if code > 0 else b""
        if self.version < MQTT5:
            return b""
        said = Properties(reason_string=message) if message and self.problem_information else None
        frame = encode.packet(Disconnect(reason, said), MQTT5)
        if len(frame) > self.send_limit:  # [MQTT5-3.14.2-3]
            frame = encode.packet(Disconnect(reason), MQTT5)
        return frame


#: What CONNACK may say [MQTT5-3.2.2-8], and what it says for anything else.
_CONNACK_REASONS: Final = frozenset(
    (0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C)
) | frozenset((0x9D, 0x9F))
_CONNACK_REST: Final = reasons.SERVER_UNAVAILABLE

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
