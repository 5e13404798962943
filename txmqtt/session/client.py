"""
The client's role: CONNECT leaves first, CONNACK says what the server can do, and then the verbs.

Every verb is judged before anything is sent: by the phase, by what this version can say, and by what the server
announced. A verb that is refused raises and leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import (
    CONNACK,
    DISCONNECT,
    MAX_PACKET,
    MQTT5,
    PINGRESP,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError
from txmqtt.codec.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import split_share
from txmqtt.session.aliases import SentAliases
from txmqtt.session.conversation import Conversation
from txmqtt.session.incoming import Incoming
from txmqtt.session.keepalive import Keepalive
from txmqtt.session.message import Message, travelling
from txmqtt.session.outgoing import REFUSED, Outbound, Outgoing
from txmqtt.session.packet_ids import Pending
from txmqtt.session.sending import repeat_releases
from txmqtt.session.sink import ClientSink, Link
from txmqtt.session.tickets import Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, NEVER, NEW, OPEN, OPENING, PHASES

_NO_PROPERTIES: Final = Properties()


class Request(Pending):
    """
    A SUBSCRIBE or UNSUBSCRIBE that waits for its answer.

    @ivar kind: SUBSCRIBE or UNSUBSCRIBE.
    @ivar count: of its filters.
    @ivar ref: the application's handle.
    """

    def __init__(self, kind: int, count: int, ref: int) -> None:
        self.packet_id = 0
        self.kind = kind
        self.count = count
        self.ref = ref


class ClientSession(Conversation):
    """
    One server, seen from the client.

    @param outgoing: the books of what is sent, with what an earlier connection left.
    @param incoming: likewise, of what is received.
    @param max_inflight: how many QoS 1 and 2 messages may fly at once, whatever the server allows.
    @param connect_timeout: seconds from CONNECT until CONNACK.
    @param ping_timeout: seconds that a PINGRESP may take; 0.0 for a quarter of the keep-alive.
    @param topic_aliases: how many topic aliases to use towards a server that allows them.
    """

    def __init__(
        self,
        turn: Turn,
        link: Link,
        write: Callable[[bytes], None],
        sink: ClientSink,
        write_limit: int,
        outgoing: Outgoing,
        incoming: Incoming,
        max_inflight: int,
        connect_timeout: float,
        ping_timeout: float = 0.0,
        resend_interval: float = 0.0,
        topic_aliases: int = 0,
    ) -> None:
        super().__init__(turn, link, write, write_limit)
        self.sink: Final = sink
        self.outgoing = outgoing
        self.incoming = incoming
        self.books: Final = outgoing
        self.offered: Properties = _NO_PROPERTIES  # what the server announced
        self.goodbye: Disconnect | None = None
        self.keep_alive = 0
        self._clean_start = True
        self._max_inflight = max_inflight
        self._connect_timeout = connect_timeout
        self._ping_timeout = ping_timeout
        self._resend_interval = resend_interval
        self._topic_aliases = topic_aliases
        self._announced_aliases = 0
        self._opened_at = 0.0
        self._keepalive: Keepalive | None = None

    # Opening

    def connect(self, packet: Connect, now: float) -> None:
        """
        Say CONNECT.

        @raise LocalProtocolError: it cannot be said in that version; nothing is sent.
        """
        if self.phase != NEW:
            raise LocalProtocolError(f"CONNECT while {PHASES[self.phase]}: there is one for each connection")
        frame = encode.packet(packet, packet.version)
        self.turn.now = now
        self.version = self.decoder.version = packet.version
        self.keep_alive = packet.keep_alive
        self._clean_start = packet.clean_start
        properties = packet.properties
        if properties is not None:
            self.decoder.limit = properties.maximum_packet_size or MAX_PACKET
            self._announced_aliases = properties.topic_alias_maximum or 0
            if packet.version == MQTT5:
                self.receive_maximum = properties.receive_maximum or 0
        self.phase = OPENING
        self._opened_at = now
        self.send(frame)
        if self._connect_timeout:
            self.nearer(now + self._connect_timeout)

    def _connack(self, packet: Packet) -> None:
        assert isinstance(packet, Connack)
        if packet.reason:
            if self.version < MQTT5:
                packet.reason = reasons.from_return_code(packet.reason)
            self.sink.refused(self, packet)
            self.end(packet.reason, f"the server refused the connection: {reasons.name(packet.reason)}")
            return
        if packet.session_present and self._clean_start:  # [MQTT5-3.2.2-4]; 3.1.1 forbids the server to say it
            raise RemoteProtocolError("CONNACK with session present after a clean start")
        offered = self.offered = packet.properties or _NO_PROPERTIES
        if offered.maximum_packet_size is not None:
            self.send_limit = offered.maximum_packet_size
        if offered.server_keep_alive is not None:  # [MQTT5-3.1.2-21]
            self.keep_alive = offered.server_keep_alive
        window = self._max_inflight
        if offered.receive_maximum is not None:
            window = min(window, offered.receive_maximum)
        if self._topic_aliases and offered.topic_alias_maximum:
            self.sent_aliases = SentAliases(min(self._topic_aliases, offered.topic_alias_maximum))
        if not packet.session_present:  # [MQTT5-3.2.2-5]
            self.books.forget()
            if self.incoming is not None:
                self.incoming.forget()
        if self.version < MQTT5:
            self.resend_interval = self._resend_interval
        self.phase = OPEN
        now = self.turn.now
        self._keepalive = Keepalive(self.keep_alive, self._ping_timeout or self.keep_alive * 0.25, now)
        released = self.books.restart(window)
        self.sink.connected(self, packet)
        repeat_releases(self, released)
        self.nearer(self._role_deadline())

    # The verbs

    def _must_be_open(self, verb: str) -> None:
        if self.phase != OPEN:
            raise LocalProtocolError(f"{verb} while {PHASES[self.phase]}: expected an open connection")

    def publish(
        self, topic: bytes, payload: bytes, qos: int, retain: bool, properties: Properties | None, ref: int
    ) -> Outbound | None:
        """
        Send a message, or queue it when the window is full.

        @param topic: a topic that has been checked.
        @param ref: the application's handle, not 0, told to the sink when the message is acknowledged.
        @return: the message on its way; None at QoS 0, which has no way back.
        @raise LocalProtocolError: the server does not take it, or the queue is full.
        """
        self._must_be_open("publish")
        offered = self.offered
        if offered.maximum_qos is not None and qos > offered.maximum_qos:  # [MQTT5-3.2.2-11]
            raise LocalProtocolError(
                f"QoS {qos}, the server's maximum is {offered.maximum_qos}", reasons.QOS_NOT_SUPPORTED
            )
        if retain and offered.retain_available == 0:  # [MQTT5-3.2.2-14]
            raise LocalProtocolError("retain, which the server does not offer", reasons.RETAIN_NOT_SUPPORTED)
        expires_at = 0.0
        if properties is not None:
            if self.version < MQTT5:
                raise LocalProtocolError(f"PUBLISH with properties on protocol level {self.version}, 5.0 has them")
            if properties.message_expiry_interval is not None:
                expires_at = self.turn.wall + properties.message_expiry_interval
            properties = travelling(properties)
        message = Message(topic, payload, qos, retain, properties, expires_at)
        if self.send_limit < MAX_PACKET:  # [MQTT5-3.2.2-15]
            tail = message.tail(self.version, (), self.turn.wall)
            size = len(message.head(0x30 | qos << 1, tail)) + 2 + len(tail)
            if size > self.send_limit:
                raise LocalProtocolError(
                    f"PUBLISH of {size} bytes, the server takes at most {self.send_limit}", reasons.PACKET_TOO_LARGE
                )
        if qos == 0:
            self._publish_0(message)
            return None
        item = Outbound(message, qos, retain, (), ref)
        if self.post(item) == REFUSED:
            raise LocalProtocolError("the queue of outgoing messages is full", reasons.QUOTA_EXCEEDED)
        return item

    def _publish_0(self, message: Message) -> None:
        first = 0x31 if message.retain else 0x30
        if self.sent_aliases is not None:
            head, tail = self._aliased(first, message, ())
        else:
            tail = message.tail(self.version, (), self.turn.wall)
            head = message.head(first, tail)
        size = len(head) + len(tail)
        if self.paused and self.out_size and self.out_size + size > self.write_limit:
            raise LocalProtocolError(
                f"the server does not read: {self.out_size} bytes wait for it", reasons.QUOTA_EXCEEDED
            )
        if not self.touched:
            self.touched = True
            self.turn.touched.append(self)
        self.out.append(head)
        self.out.append(tail)
        self.out_size += size

    def subscribe(self, subscriptions: list[Subscription], properties: Properties | None, ref: int) -> Request:
        """
        Send SUBSCRIBE.

        @raise LocalProtocolError: the server does not offer what is asked, or every packet identifier is in use.
        """
        self._must_be_open("subscribe")
        offered = self.offered
        for subscription in subscriptions:
            share, below = split_share(subscription.filter)
            if share and offered.shared_subscription_available == 0:
                raise LocalProtocolError(
                    f"{subscription.filter!r}: the server offers no shared subscriptions",
                    reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
                )
            if offered.wildcard_subscription_available == 0 and (b"+" in below or b"#" in below):
                raise LocalProtocolError(
                    f"{subscription.filter!r}: the server offers no wildcard subscriptions",
                    reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
                )
        if properties is not None and properties.subscription_identifiers:
            if offered.subscription_identifier_available == 0:
                raise LocalProtocolError(
                    "the server offers no subscription identifiers", reasons.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED
                )
        request = Request(SUBSCRIBE, len(subscriptions), ref)
        packet = Subscribe(self._take(request), subscriptions, properties)
        self._send_request(request, packet)
        return request

    def unsubscribe(self, filters: list[bytes], properties: Properties | None, ref: int) -> Request:
        """
        Send UNSUBSCRIBE.

        @raise LocalProtocolError: every packet identifier is in use.
        """
        self._must_be_open("unsubscribe")
        request = Request(UNSUBSCRIBE, len(filters), ref)
        packet = Unsubscribe(self._take(request), filters, properties)
        self._send_request(request, packet)
        return request

    def _take(self, request: Request) -> int:
        packet_id = self.books.ids.take(request)
        if not packet_id:
            raise LocalProtocolError("all 65,535 packet identifiers are in use", reasons.QUOTA_EXCEEDED)
        return packet_id

    def _send_request(self, request: Request, packet: Packet) -> None:
        try:
            frame = encode.packet(packet, self.version)
            if len(frame) > self.send_limit:
                raise LocalProtocolError(
                    f"a packet of {len(frame)} bytes, the server takes at most {self.send_limit}",
                    reasons.PACKET_TOO_LARGE,
                )
        except LocalProtocolError:
            self.books.ids.free(request.packet_id)
            raise
        self.send(frame)

    def ping(self) -> None:
        """
        Send PINGREQ; C{ponged} follows.
        """
        self._must_be_open("ping")
        self.send(encode.PINGREQ_BYTES)
        if self._keepalive is not None and self._ping_patience():
            self._keepalive.pinged(self.turn.now)
            self.nearer(self._keepalive.deadline())

    def _ping_patience(self) -> float:
        return self._ping_timeout or self.keep_alive * 0.25

    def disconnect(self, reason: int = reasons.SUCCESS, properties: Properties | None = None) -> None:
        """
        Say goodbye and close. [MQTT5-3.14.4-1] [MQTT311-3.14.4-2]
        """
        if self.phase == CLOSED:
            return
        if self.phase == OPEN:
            self.send(encode.packet(Disconnect(reason, properties), self.version))
        self._over()
        self.link.close(reasons.SUCCESS, "", False)

    # Open

    def _published(self, packet: Publish) -> Ticket:
        return self.sink.published(self, packet)

    def _alias_maximum(self) -> int:
        return self._announced_aliases

    def _settled(self, item: Outbound, reason: int, properties: Properties | None) -> None:
        self.sink.settled(self, item, reason, properties)

    def _lapsed(self, item: Outbound) -> None:
        self.sink.settled(self, item, reasons.IMPLEMENTATION_SPECIFIC_ERROR, None)

    def _drained(self) -> None:
        self.sink.drained(self)

    def _left(self) -> None:
        ids = self.books.ids
        for what in list(ids.taken.values()):
            if isinstance(what, Request):  # its answer can no longer come
                ids.free(what.packet_id)
        self.sink.left(self, self.goodbye)

    def _suback(self, packet: Packet) -> None:
        assert isinstance(packet, Suback)
        self._answered(SUBSCRIBE, packet.packet_id, packet.reasons, packet.properties)

    def _unsuback(self, packet: Packet) -> None:
        assert isinstance(packet, Unsuback)
        self._answered(UNSUBSCRIBE, packet.packet_id, packet.reasons, packet.properties)

    def _answered(self, kind: int, packet_id: int, codes: list[int], properties: Properties | None) -> None:
        request = self.books.ids.get(packet_id)
        if not isinstance(request, Request) or request.kind != kind:
            name = "SUBACK" if kind == SUBSCRIBE else "UNSUBACK"
            raise RemoteProtocolError(f"{name} for packet identifier {packet_id}, which asked for none")
        if kind == UNSUBSCRIBE and self.version < MQTT5:
            codes = [reasons.SUCCESS] * request.count
        if len(codes) != request.count:
            raise RemoteProtocolError(f"{len(codes)} reason codes for {request.count} filters")
        self.books.ids.free(packet_id)
        self.sink.answered(self, request, codes, properties)
        if not self.books.idle:
            self.pump()

    def _pingresp(self, packet: Packet) -> None:
        if self._keepalive is not None:
            self._keepalive.ponged()
        self.sink.ponged(self)

    def _disconnect(self, packet: Packet) -> None:
        assert isinstance(packet, Disconnect)
        if self.version < MQTT5:
            raise self.unexpected(packet)
        self.goodbye = packet
        self._over()
        self.link.close(packet.reason, f"the server said {reasons.name(packet.reason)}", False)

    def _other(self, packet: Packet) -> None:
        handler = _LAW[self.phase].get(packet.kind)
        if handler is None:
            raise self.unexpected(packet)
        handler(self, packet)

    # Time

    def _role_deadline(self) -> float:
        if self.phase == OPENING:
            return self._opened_at + self._connect_timeout if self._connect_timeout else NEVER
        if self._keepalive is None:
            return NEVER
        self._keepalive.sent(self.last_sent)
        return self._keepalive.deadline() or NEVER

    def _role_tick(self, now: float) -> None:
        keepalive = self._keepalive
        if keepalive is None:
            if self.phase == OPENING and 0.0 < self._opened_at + self._connect_timeout <= now:
                self.end(reasons.UNSPECIFIED_ERROR, f"no CONNACK within {self._connect_timeout:g} s")
            return
        keepalive.sent(self.last_sent)
        if keepalive.expired(now):
            self.end(reasons.KEEP_ALIVE_TIMEOUT, f"no PINGRESP within {self._ping_patience():g} s")
        elif keepalive.ping_due(now):
            self.send(encode.PINGREQ_BYTES)
            keepalive.pinged(now)

    # The end

    def _farewell(self, reason: int, message: str) -> bytes:
        if self.phase != OPEN or self.version < MQTT5:
            return b""
        return encode.packet(Disconnect(reason), MQTT5)


_Handler = Callable[[ClientSession, Packet], None]

#: The whole law: what may arrive when, besides PUBLISH and its acknowledgements, and who answers. AUTH has no place in
#: it because no CONNECT of ours names an authentication method.
_LAW: Final[dict[int, dict[int, _Handler]]] = {
    NEW: {},
    OPENING: {CONNACK: ClientSession._connack},
    OPEN: {
        SUBACK: ClientSession._suback,
        UNSUBACK: ClientSession._unsuback,
        PINGRESP: ClientSession._pingresp,
        DISCONNECT: ClientSession._disconnect,
    },
    CLOSED: {},
}
