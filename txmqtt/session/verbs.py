"""
What a client asks of its server: publish, subscribe, unsubscribe, ping, and how each is answered.

Every verb is judged before anything is sent: by the phase, by what this version can say, and by what the server
announced. A verb that is refused raises and leaves no trace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import MAX_PACKET, MQTT5, PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError
from txmqtt.codec.packets import Packet, Suback, Subscribe, Subscription, Unsuback, Unsubscribe
from txmqtt.codec.properties import Properties
from txmqtt.codec.properties import encode as encode_properties
from txmqtt.codec.topics import split_share
from txmqtt.session.conversation import Conversation
from txmqtt.session.incoming import Incoming
from txmqtt.session.keepalive import Keepalive
from txmqtt.session.message import Message, travelling
from txmqtt.session.outgoing import REFUSED, Outbound, Outgoing
from txmqtt.session.packet_ids import Pending
from txmqtt.session.sink import ClientSink, Link
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import OPEN, PHASES

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


class Verbs(Conversation):
    """
    A client's conversation, as far as what it asks.

    @ivar offered: what the server announced in its CONNACK.
    @ivar session_expiry: how long the server was asked to keep the session, seconds.
    @ivar lasting: the publishes belong to somebody who outlives the session: when the server has lost it, what was sent
        there is sent anew.
    @ivar last_words: what is said, and nothing after it, when the packet in hand is answered.
    @ivar downgrade: what the server does not take at this QoS, or not as retained, is sent as it takes it.
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
    ) -> None:
        super().__init__(turn, link, write, write_limit)
        self.sink: Final = sink
        self.outgoing = outgoing
        self.incoming = incoming
        self.books: Final = outgoing
        self.offered: Properties = _NO_PROPERTIES
        self.session_expiry = 0
        self._keepalive: Keepalive | None = None
        self.lasting = False
        self.downgrade = False
        self.last_words: bytes | None = None
        self._pings: deque[int] = deque()  # who waits for a PINGRESP, oldest first; 0 is the keep-alive

    def _must_be_open(self, verb: str) -> None:
        if self.phase != OPEN or self.last_words is not None:
            doing = PHASES[self.phase] if self.phase != OPEN else "leaving"
            raise LocalProtocolError(f"{verb} while {doing}: expected an open connection")

    # Publish

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
        if self.choosy:
            if self.downgrade:
                qos, retain = self._lowered(qos, retain)
            wrong = self._not_taken(qos, retain)
            if wrong is not None:
                raise LocalProtocolError(wrong[1], wrong[0])
        size = len(topic) + len(payload) + 4
        if self.version == MQTT5:
            size += 1 if properties is None else _properties_size(properties)
        elif properties is not None:
            raise LocalProtocolError(f"PUBLISH with properties on protocol level {self.version}; 5.0 has them")
        if size + 9 > self.send_limit:
            self._check_size(size if qos else size - 2)
        waits = self.lasting and not self.books.idle  # what was published before it may be of QoS 0 too
        if qos == 0 and self.sent_aliases is None and not waits:
            self._append_0(encode.publish(topic, payload, 0, retain, False, 0, properties, self.version), topic)
            return None
        expires_at = 0.0
        if properties is not None:
            if properties.message_expiry_interval is not None:
                # An interval of 0 is over at once, but 0.0 would mean never.
                expires_at = self.turn.wall + max(properties.message_expiry_interval, 1e-6)
            properties = travelling(properties)
        message = Message(topic, payload, qos, retain, properties, expires_at)
        if qos == 0 and not waits:
            head, tail = self._aliased(0x31 if retain else 0x30, message, ())
            self._append_0(head + tail, topic)
            return None
        item = Outbound(message, qos, retain, (), ref)
        self._post(item)
        return item

    def offer(self, item: Outbound) -> None:
        """
        Send a message that has been made, or queue it: what C{publish} does with any other.

        @raise LocalProtocolError: the server does not take it, or the queue is full.
        """
        self._must_be_open("publish")
        if self.choosy:
            if self.downgrade:
                item.qos, item.retain = self._lowered(item.qos, item.retain)
            wrong = self._not_taken(item.qos, item.retain)
            if wrong is not None:
                raise LocalProtocolError(wrong[1], wrong[0])
        message = item.message
        tail = message.tail(self.version, (), self.turn.wall)
        self._check_size(len(message.topic) + len(tail) + (4 if item.qos else 2))
        if not item.qos and self.books.idle and not self.blocked:
            self._transmit_0(item)  # it takes neither an identifier nor a place in the window
        else:
            self._post(item)

    def _post(self, item: Outbound) -> None:
        if self.post(item) == REFUSED:
            raise LocalProtocolError("the queue of outgoing messages is full", reasons.QUOTA_EXCEEDED)

    def _not_taken(self, qos: int, retain: bool) -> tuple[int, str] | None:
        """
        Why a choosy server does not take this: a reason code, and words.
        """
        highest = self.offered.maximum_qos
        if highest is not None and qos > highest:  # [MQTT5-3.2.2-11]
            return reasons.QOS_NOT_SUPPORTED, f"QoS {qos}, the server's maximum is {highest}"
        if retain and self.offered.retain_available == 0:  # [MQTT5-3.2.2-14]
            return reasons.RETAIN_NOT_SUPPORTED, "retain, which the server does not offer"
        return None

    def _lowered(self, qos: int, retain: bool) -> tuple[int, bool]:
        highest = self.offered.maximum_qos
        if highest is not None and qos > highest:
            qos = highest
        return qos, retain and self.offered.retain_available != 0

    def _takes(self, item: Outbound) -> bool:
        # It was accepted when there was no connection, or another.
        if self.downgrade:
            qos, item.retain = self._lowered(item.qos, item.retain)
            if qos == 0 and item.qos:
                self.books.finish(item)  # it needs no identifier
            item.qos = qos
        wrong = self._not_taken(item.qos, item.retain)
        if wrong is not None:
            self.sink.lapsed(self, item, wrong[0], wrong[1])
        return wrong is None

    def _check_size(self, remaining: int) -> None:
        # [MQTT5-3.2.2-15]
        size = remaining + (2 if remaining < 128 else 3 if remaining < 16_384 else 4 if remaining < 2_097_152 else 5)
        if self.sent_aliases is not None:
            size += 4  # an alias makes it longer once, and may make its properties' length a byte longer
        if size > self.send_limit:
            whose = "the server's limit" if self.send_limit < MAX_PACKET else "MQTT's own limit"
            raise LocalProtocolError(
                f"PUBLISH of {size} bytes; {self.send_limit} at most, {whose}", reasons.PACKET_TOO_LARGE
            )

    def _append_0(self, frame: bytes, topic: bytes) -> None:
        size = len(frame)
        if self.paused and self.out_size and self.out_size + size > self.write_limit:
            raise LocalProtocolError(
                f"the server does not read: {self.out_size} bytes wait for it", reasons.QUOTA_EXCEEDED
            )
        turn = self.turn
        if not self.touched:
            self.touched = True
            turn.touched.append(self)
        self.out.append(frame)
        self.out_size += size
        turn.packets_sent += 1
        if self.sent_aliases is not None:
            self.sent_aliases.bind(topic)

    def _settled(self, item: Outbound, reason: int, properties: Properties | None) -> None:
        self.sink.settled(self, item, reason, properties)

    def _lapsed(self, item: Outbound) -> None:
        self.sink.lapsed(self, item, reasons.UNSPECIFIED_ERROR, "it expired before it could be sent")

    def _too_large(self, item: Outbound) -> None:
        # It was accepted when another connection, or none, set the limit.
        self.books.finish(item)
        words = f"the server takes at most {self.send_limit} bytes now"
        self.sink.lapsed(self, item, reasons.PACKET_TOO_LARGE, words)

    def _unkept(self, item: Outbound | None, reason: int) -> None:
        if item is not None:
            self.books.finish(item)
            self.sink.lapsed(self, item, reason, "it could not be stored")

    def _sending(self, item: Outbound) -> Ticket:
        return self.sink.sending(self, item) if self.kept else DONE

    def _received(self, item: Outbound) -> Ticket:
        return self.sink.released(self, item) if self.kept else DONE

    def _released(self, packet_id: int) -> Ticket:
        return self.sink.releasing(self, packet_id) if self.kept else DONE

    # Subscribe and unsubscribe

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
        self._send_request(request, Subscribe(self._take(request), subscriptions, properties))
        return request

    def unsubscribe(self, filters: list[bytes], properties: Properties | None, ref: int) -> Request:
        """
        Send UNSUBSCRIBE.

        @raise LocalProtocolError: every packet identifier is in use.
        """
        self._must_be_open("unsubscribe")
        request = Request(UNSUBSCRIBE, len(filters), ref)
        self._send_request(request, Unsubscribe(self._take(request), filters, properties))
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
                    f"a packet of {len(frame)} bytes; the server takes at most {self.send_limit}",
                    reasons.PACKET_TOO_LARGE,
                )
        except LocalProtocolError:
            self.books.ids.free(request.packet_id)
            raise
        self.send(frame)

    def _suback(self, packet: Packet) -> None:
        assert isinstance(packet, Suback)
        self._answered(SUBSCRIBE, packet.packet_id, packet.reasons, packet.properties)

    def _unsuback(self, packet: Packet) -> None:
        assert isinstance(packet, Unsuback)
        self._answered(UNSUBSCRIBE, packet.packet_id, packet.reasons, packet.properties)

    def _answered(self, kind: int, packet_id: int, codes: list[int], properties: Properties | None) -> None:
        request = self.books.ids.get(packet_id)
        name = "SUBACK" if kind == SUBSCRIBE else "UNSUBACK"
        if not isinstance(request, Request) or request.kind != kind:
            raise RemoteProtocolError(f"{name} for packet identifier {packet_id}, which asked for none")
        if kind == UNSUBSCRIBE and self.version < MQTT5:
            codes = [reasons.SUCCESS] * request.count
        if len(codes) != request.count:
            raise RemoteProtocolError(f"{name} with {len(codes)} reason codes for {request.count} filters")
        self.books.ids.free(packet_id)
        self.sink.answered(self, request, codes, properties)
        if not self.books.idle:  # with every identifier taken, a message may have waited for this one
            self._refill()

    # Ping

    def ping(self, ref: int) -> None:
        """
        Send PINGREQ; C{ponged} follows.

        @param ref: the application's handle, not 0.
        """
        self._must_be_open("ping")
        self._ping(ref)

    def _ping(self, ref: int) -> None:
        self._pings.append(ref)
        self.send(encode.PINGREQ_BYTES)
        keepalive = self._keepalive
        assert keepalive is not None
        keepalive.pinged(self.turn.now)
        self.nearer(self._role_deadline())

    def _pingresp(self, packet: Packet) -> None:
        pings = self._pings
        if not pings:
            return  # nobody asked, and nobody minds
        ref = pings.popleft()
        assert self._keepalive is not None
        self._keepalive.ponged(self.turn.now, len(pings) > 0)
        if ref:
            self.sink.ponged(self, ref)

    # The end

    def _left(self) -> None:
        ids = self.books.ids
        for what in list(ids.taken.values()):
            if isinstance(what, Request):  # its answer can no longer come
                ids.free(what.packet_id)
        self._pings.clear()


def _properties_size(properties: Properties) -> int:
    """
    How many bytes the properties of a PUBLISH take.

    @raise LocalProtocolError: they cannot be said.
    """
    if properties.topic_alias is not None:
        raise LocalProtocolError(f"topic_alias={properties.topic_alias}; expected none: the session assigns them")
    if properties.subscription_identifiers:  # [MQTT5-3.3.4-6]
        raise LocalProtocolError("subscription_identifiers in the PUBLISH of a client")
    return len(encode_properties(properties, PUBLISH))
