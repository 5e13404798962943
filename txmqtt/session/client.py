"""
The client's role: CONNECT leaves first, CONNACK says what the server can do, and then the verbs.

What it asks is in C{verbs}; here is when it may, what it hears, how it keeps the connection alive and how it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import (
    AUTH,
    CONNACK,
    DISCONNECT,
    MAX_PACKET,
    MQTT5,
    MQTT31,
    PINGRESP,
    SUBACK,
    UNSUBACK,
)
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError
from txmqtt.codec.packets import Connack, Connect, Disconnect, Packet, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import SentAliases
from txmqtt.session.client_proof import ClientProof
from txmqtt.session.incoming import Incoming
from txmqtt.session.keepalive import Keepalive
from txmqtt.session.outgoing import Outbound, Outgoing
from txmqtt.session.resending import repeat_releases
from txmqtt.session.sink import ClientSink, Link
from txmqtt.session.tickets import Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, NEVER, NEW, OPEN, OPENING, PHASES

#: How long a PINGRESP may take where nothing else says so: with the keep-alive turned off, seconds.
_PATIENCE: Final = 15.0


class ClientSession(ClientProof):
    """
    One server, seen from the client.

    @param outgoing: the books of what is sent, with what an earlier connection left.
    @param incoming: likewise, of what is received.
    @param max_inflight: how many QoS 1 and 2 messages may fly at once, whatever the server allows.
    @param connect_timeout: seconds from CONNECT until CONNACK; 0.0 for ever.
    @param ping_timeout: seconds that a PINGRESP may take; 0.0 for a quarter of the keep-alive.
    @param resend_interval: 3.x only, seconds; 0.0 for never.
    @param topic_aliases: how many topic aliases to use towards a server that allows them.
    @param receive_maximum: how many QoS 1 and 2 messages may be under way to us; a server that sends more is let go. On
        5.0 the CONNECT should say so.
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
        receive_maximum: int = 65_535,
    ) -> None:
        super().__init__(turn, link, write, sink, write_limit, outgoing, incoming)
        self.goodbye: Disconnect | None = None
        self.receive_maximum = receive_maximum
        self.keep_alive = 0
        self._clean_start = True
        self._max_inflight = max_inflight
        self._connect_timeout = connect_timeout
        self._ping_timeout = ping_timeout
        self._resend_interval = resend_interval
        self._topic_aliases = topic_aliases
        self._announced_aliases = 0
        self._opened_at = 0.0
        self._refused = False

    # Opening

    def connect(self, packet: Connect, now: float, packet_limit: int = MAX_PACKET) -> None:
        """
        Say CONNECT.

        @param packet_limit: the largest packet that we take, bytes; on 5.0 the CONNECT should say so.
        @raise LocalProtocolError: it cannot be said in that version; nothing is sent.
        """
        if self.phase != NEW:
            raise LocalProtocolError(f"CONNECT while {PHASES[self.phase]}: there is one for each connection")
        frame = encode.packet(packet, packet.version)
        self.turn.now = now
        self.version = self.decoder.version = packet.version
        self.decoder.limit = packet_limit
        self.keep_alive = packet.keep_alive
        self._clean_start = packet.clean_start
        properties = packet.properties
        if properties is not None:
            self.session_expiry = properties.session_expiry_interval or 0
            self._announced_aliases = properties.topic_alias_maximum or 0
            self.method = properties.authentication_method
            self.decoder.unexplained = properties.request_problem_information == 0
        self.phase = OPENING
        self._opened_at = now
        if self.method is not None:
            self._begun()
        self.send(frame)
        self.nearer(self._role_deadline())

    def _connack(self, packet: Packet) -> None:
        assert isinstance(packet, Connack)
        if packet.reason:
            if self.version < MQTT5:
                packet.reason = reasons.from_return_code(packet.reason)
            self._refused = True
            self.sink.refused(self, packet)
            self.end(packet.reason, f"the server refused the connection: {reasons.name(packet.reason)}")
            return
        # [MQTT5-3.2.2-4]; 3.1.1 forbids the server to say it. Without a clean start we have a session, empty or not.
        if packet.session_present and self._clean_start:
            raise RemoteProtocolError("CONNACK with session present after a clean start")
        self._greeted(packet)

    def _open(self, packet: Connack) -> None:
        offered = packet.properties
        window = self._max_inflight
        if offered is not None:
            self.offered = offered
            if offered.maximum_packet_size is not None:
                self.send_limit = offered.maximum_packet_size
            if offered.server_keep_alive is not None:  # [MQTT5-3.1.2-21]
                self.keep_alive = offered.server_keep_alive
            if offered.receive_maximum is not None:
                window = min(window, offered.receive_maximum)
            self.choosy = offered.maximum_qos is not None or offered.retain_available == 0
            if self._topic_aliases and offered.topic_alias_maximum:
                self.sent_aliases = SentAliases(min(self._topic_aliases, offered.topic_alias_maximum))
        # 3.1 cannot say whether there was a session: whoever asked for one goes on as if there was.
        forgotten = not packet.session_present and (self._clean_start or self.version != MQTT31)  # [MQTT5-3.2.2-5]
        done: list[Outbound] = []
        if forgotten:
            if self.lasting:
                done = self.books.renew()
            else:
                self.books.forget()
            assert self.incoming is not None
            self.incoming.forget()
        if self.version < MQTT5:
            self.resend_interval = self._resend_interval
        self.phase = OPEN
        self._keepalive = Keepalive(self.keep_alive, self._ping_patience(), self.turn.now)
        released = self.books.restart(window)
        if forgotten:
            self.sink.forgotten(self)
            for item in done:  # the server that lost the session had taken it over before
                self.sink.settled(self, item, reasons.SUCCESS, None)
        repeat_releases(self, released)
        self.nearer(self._role_deadline())
        self.sink.accepted(self, packet)

    # Open

    def _published(self, packet: Publish) -> Ticket:
        return self.sink.published(self, packet)

    def _lowers(self) -> bool:
        # RabbitMQ has no QoS 2 (seen with 3.10), and 3.x no way to say so before.
        return self.version < MQTT5

    def _alias_maximum(self) -> int:
        return self._announced_aliases

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

    def _ping_patience(self) -> float:
        return self._ping_timeout or self.keep_alive * 0.25 or _PATIENCE

    def _role_deadline(self) -> float:
        if self.phase == OPENING and self._connect_timeout:
            return self._opened_at + self._connect_timeout
        keepalive = self._keepalive
        if self.phase != OPEN or keepalive is None:
            return NEVER
        keepalive.sent(self.last_sent)
        return min(keepalive.deadline() or NEVER, self._exchange_due)

    def _role_tick(self, now: float) -> None:
        keepalive = self._keepalive
        if self.phase == OPENING:
            if self._connect_timeout and self._opened_at + self._connect_timeout <= now:
                self.end(reasons.UNSPECIFIED_ERROR, f"{self._awaited()} within {self._connect_timeout:g} s")
        elif self.phase == OPEN and keepalive is not None and not self._exchange_overdue(now):
            keepalive.sent(self.last_sent)
            if keepalive.expired(now):
                self.end(reasons.KEEP_ALIVE_TIMEOUT, f"no PINGRESP within {self._ping_patience():g} s")
            elif keepalive.ping_due(now):
                self._ping(0)

    # The end

    def disconnect(self, reason: int = reasons.SUCCESS, properties: Properties | None = None) -> None:
        """
        Say goodbye and close; from within the handling of a packet, when that has been answered. [MQTT5-3.14.4-1]
        [MQTT5-3.14.4-2] [MQTT311-3.14.4-1] [MQTT311-3.14.4-2]

        @raise LocalProtocolError: it cannot be said; the connection stays.
        """
        if self.phase == CLOSED:
            return
        if self.version == MQTT5 and reason not in reasons.TO_SERVER:  # section 3.14.2.1
            raise LocalProtocolError(f"DISCONNECT with {reasons.name(reason)}, which a client may not say")
        asked = properties.session_expiry_interval if properties is not None else None
        if asked and not self.session_expiry:  # section 3.14.2.2.2
            raise LocalProtocolError("DISCONNECT with a session expiry interval after a CONNECT without one")
        frame = b""
        if reason or properties is not None or self.phase == OPEN:
            frame = self._goodbye(reason, properties)
        if self.parsing:
            self.reading = False
            self.last_words = frame
        else:
            self._leave(frame)

    def _leave(self, goodbye: bytes) -> None:
        if self.phase == OPEN:
            self.send(goodbye)
        self._over()
        self.link.close(reasons.SUCCESS, "", False)

    def _kept(self) -> None:
        super()._kept()
        if self.last_words is not None:
            self._leave(self.last_words)

    def _left(self) -> None:
        super()._left()
        self.sink.left(self, self.goodbye)

    def _farewell(self, reason: int, message: str) -> bytes:
        # Before CONNACK, too (section 4.13.1 of 5.0); but not to a server that is not trusted yet.
        opening = self.phase == OPENING and self.method is None and not self._refused
        if self.version < MQTT5 or not (opening or self.phase == OPEN):
            return b""
        return encode.packet(Disconnect(reason if reason in reasons.TO_SERVER else reasons.UNSPECIFIED_ERROR), MQTT5)


_Handler = Callable[[ClientSession, Packet], None]

#: The whole law: what may arrive when, besides PUBLISH and its acknowledgements, and who answers. AUTH has its place
#: only when CONNECT named an authentication method.
_LAW: Final[dict[int, dict[int, _Handler]]] = {
    NEW: {},
    OPENING: {CONNACK: ClientSession._connack, AUTH: ClientSession._auth},
    OPEN: {
        SUBACK: ClientSession._suback,
        UNSUBACK: ClientSession._unsuback,
        PINGRESP: ClientSession._pingresp,
        AUTH: ClientSession._auth,
        DISCONNECT: ClientSession._disconnect,
    },
    CLOSED: {},
}
