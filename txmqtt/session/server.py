"""
The server's role: CONNECT comes first, CONNACK answers it, and then what the table at the foot of this file allows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import (
    AUTH,
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
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.packets import Disconnect, Packet, Publish, Subscribe, Unsubscribe
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.sink import ServerLink, ServerSink
from txmqtt.session.threshold import LONGEST_WORDS, Threshold
from txmqtt.session.tickets import Gate, Held, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, NEW, OPEN, OPENING


class ServerSession(Threshold):
    """
    One client, seen from the server.

    @ivar member: the broker's own: whom this conversation is with.
    """

    goodbye: Disconnect | None = None
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
        super().__init__(turn, link, write, write_limit, connect_timeout, opening_limit)
        self.sink: Final = sink
        self.member: object | None = None

    # Open

    def _published(self, packet: Publish) -> Ticket:
        self.turn.inbound_bytes += len(packet.payload)
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

    def suback(self, packet_id: int, granted: list[int], ticket: Ticket, words: str = "") -> None:
        """
        Answer a SUBSCRIBE, with a code per filter. If the ticket fails, 5.0 is told 0x97 for what was granted, 3.1.1
        its one way of saying no. 3.1 has none: there a refusal looks like QoS 0, and a failed ticket ends the
        conversation.

        @param words: why what is refused is refused, for a client of 5.0.
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
            self._suback_frame(packet_id, codes, words),
            self._suback_frame(packet_id, failed, _NOT_STORED) if failed is not None else None,
        )

    def _suback_frame(self, packet_id: int, codes: list[int], words: str) -> bytes:
        explained = self._reason_string(words)
        if explained is not None:
            frame = encode.suback(packet_id, codes, explained, MQTT5)
            if len(frame) <= self.send_limit:  # [MQTT5-3.9.2-1]
                return frame
        return encode.suback(packet_id, codes, None, self.version)

    def _reason_string(self, words: str) -> Properties | None:
        """
        A reason string, where there is something to say and the client wants to know [MQTT5-3.1.2-29].
        """
        if words and self.version == MQTT5 and self.problem_information:
            return Properties(reason_string=words[:LONGEST_WORDS])
        return None

    def _ack_frame(self, kind: int, packet_id: int, reason: int) -> bytes:
        if reason >= reasons.FAILURE:  # rare: each message at QoS 1 and 2 comes by here
            explained = self._reason_string(_WORDS.get(reason, ""))
            if explained is not None and reasons.legal(kind, reason):
                frame = encode.ack(kind, packet_id, reason, explained, MQTT5)
                if len(frame) <= self.send_limit:  # [MQTT5-3.4.2-2] [MQTT5-3.5.2-2]
                    return frame
        return super()._ack_frame(kind, packet_id, reason)

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
            self._unsuback_refusal(packet_id, failed),
        )

    def _unsuback_refusal(self, packet_id: int, codes: list[int]) -> bytes:
        explained = self._reason_string(_NOT_STORED)
        if explained is not None:
            frame = encode.unsuback(packet_id, codes, explained, MQTT5)
            if len(frame) <= self.send_limit:  # [MQTT5-3.11.2-1]
                return frame
        return encode.unsuback(packet_id, codes, None, MQTT5)

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
        # The flush may have ended the conversation: after its last words nothing follows [MQTT5-3.14.4-1].
        return self.phase == OPEN and (not self.out_size or self.out_size + size <= self.write_limit)

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
        size = len(head) + len(tail)
        if self.out_size + size > self.write_limit:
            if not self._make_room(size):
                return False
            head, tail = self._aliased(first, message, identifiers)  # what went first may have taken the alias
        if not self.deliver(head + tail):
            return False
        aliases.bind(message.topic)
        return True


_NOT_STORED: Final = "what was asked for could not be stored"

#: What is said about a message that is refused, where a number alone leaves a question. A full queue has no words: it
#: is told to many, and often.
_WORDS: Final = {
    reasons.NOT_AUTHORIZED: "not authorised to publish to this topic",
    reasons.TOPIC_NAME_INVALID: "the topic has too many levels",
    reasons.PAYLOAD_FORMAT_INVALID: "the payload is not the UTF-8 that it says it is",
}

_Handler = Callable[[ServerSession, Packet], None]

#: The whole law: what may arrive when, besides PUBLISH and its acknowledgements, and who answers. While it is opening a
#: client is heard only when it owes an answer to a challenge [MQTT5-3.1.2-30].
_LAW: Final[dict[int, dict[int, _Handler]]] = {
    NEW: {CONNECT: ServerSession._connect},
    OPENING: {AUTH: ServerSession._auth, DISCONNECT: ServerSession._disconnect},
    OPEN: {
        SUBSCRIBE: ServerSession._subscribe,
        UNSUBSCRIBE: ServerSession._unsubscribe,
        PINGREQ: ServerSession._pingreq,
        DISCONNECT: ServerSession._disconnect,
        AUTH: ServerSession._auth,
    },
    CLOSED: {},
}
