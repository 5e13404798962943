"""
A server's conversation at its two ends: until the client is in, and when it has to go.

CONNECT is handed on; until it is answered nothing that follows is acted on, and no more of it is kept than a bound. Who
is let in has its CONNACK before anything else; who is not, and who has to leave, is told why as far as its version can
say it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import encode, reasons
from txmqtt.codec.constants import CONNACK, DISCONNECT, MQTT5, MQTT311
from txmqtt.codec.errors import ProtocolError, UnsupportedVersion
from txmqtt.codec.packets import Connect, Packet, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.aliases import SentAliases
from txmqtt.session.incoming import Incoming
from txmqtt.session.keepalive import server_patience
from txmqtt.session.meter import LONGEST_PAUSE, Meter
from txmqtt.session.outgoing import Outgoing
from txmqtt.session.proof import Proof
from txmqtt.session.sink import ServerLink
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, NEW, OPEN, OPENING

#: So much of our reasons is told to a client, characters.
LONGEST_WORDS: Final = 256


class Threshold(Proof):
    """
    What lets a client in and out.

    @ivar client_id: known once the CONNECT is here; the broker sets the one it assigned.
    @ivar session_expiry: as CONNECT asked, 5.0, seconds.
    @ivar server_reference: where the client is told to go when it is sent to another server.
    @ivar held: we do not read, so the client is not expected to say anything.
    @param connect_timeout: seconds from the connection until CONNACK.
    @param opening_limit: bytes that a client may say before it is accepted.
    """

    problem_information = True
    session_expiry = 0
    announced_aliases = 0
    server_reference = ""
    held = False

    def __init__(
        self,
        turn: Turn,
        link: ServerLink,
        write: Callable[[bytes], None],
        write_limit: int,
        connect_timeout: float,
        opening_limit: int,
    ) -> None:
        super().__init__(turn, link, write, write_limit)
        self.client_id = ""
        self.keep_alive = 0
        self._patience = connect_timeout
        self.decoder.limit = opening_limit

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
            if properties.authentication_method is not None:
                self.method = properties.authentication_method
                self.exchange_timeout = self._patience
        self._door.connecting(packet)

    def amend(self, packet: Connect) -> None:
        """
        Somebody has changed the CONNECT before it is accepted: client identifier, keep-alive, session expiry.
        """
        self.client_id = packet.client_id
        self.keep_alive = packet.keep_alive
        properties = packet.properties
        expiry = properties.session_expiry_interval if properties is not None else None
        self.session_expiry = expiry or 0

    def _kept(self) -> None:
        if self.decoder.held > self.decoder.limit or self.throttled:
            self.hold()

    def _listen(self) -> None:
        if self.held:  # not C{release}: the time in which it must be in runs on
            self.held = False
            self.link.release()
        self.proceed()

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
        if self.method is not None:  # [MQTT5-4.12.0-5] [MQTT5-4.12.0-6]
            properties = properties or Properties()
            properties.authentication_method = self.method
            properties.authentication_data = self.last_word
            self.last_word = None
            self._proven()
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

    # Who publishes too fast

    @property
    def throttled(self) -> bool:
        """
        A message waits until the client may publish it, and so does all that follows.
        """
        return self.meter is not None and self.meter.kept is not None

    def _throttle(self, packet: Publish) -> None:
        meter = self.meter
        assert meter is not None
        now = self.turn.now
        meter.keep(packet, now)
        self.reading = False
        self.turn.throttled += 1
        if not self.held:
            meter.looked = now
        self.hold()
        self.nearer(meter.wake)

    def _unthrottle(self, meter: Meter, now: float) -> None:
        """
        Go on with what had to wait, as far as it may pass now. While something has to wait, only look now and then
        whether the client is still there: what one more read brings is kept unparsed, if there is not too much already.
        """
        if meter.patience(now) > 0.0:
            meter.doze(now)
        else:
            self.proceed()
        if not self.throttled:
            self.release()
        elif now >= meter.looked + LONGEST_PAUSE and self.decoder.held <= self.decoder.limit:
            meter.looked = now
            self.release()

    # Time

    def _role_deadline(self) -> float:
        meter = self.meter
        if meter is not None and meter.kept is not None:
            return meter.wake
        if self.phase == OPEN and (self.held or not self._patience):
            return self._renewal_due
        return min(self.last_heard + self._patience, self._renewal_due)

    def _role_tick(self, now: float) -> None:
        if self._role_deadline() > now or self._renewal_overdue(now):
            return
        meter = self.meter
        if meter is not None and meter.kept is not None:
            self._unthrottle(meter, now)
            return
        if self.phase == OPEN:
            self.end(
                reasons.KEEP_ALIVE_TIMEOUT,
                f"nothing heard for {self._patience:g} s, one and a half times the keep-alive of {self.keep_alive} s",
            )
        else:
            self.end(reasons.SERVER_BUSY, f"not connected after {self._patience:g} s")

    # The end

    def lost(self) -> None:
        meter = self.meter
        if meter is not None and meter.kept is not None and self.phase == OPEN:
            meter.set(0.0, 0.0, 0.0, 0.0)  # it has been said, and can't be said any slower
            self.proceed()
        super().lost()

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
                return self._explained(CONNACK, reason, message if self.phase == OPENING else "")
            code = reasons.return_code(reason)
            return encode.connack(code, False, None, version) if version and code > 0 else b""
        if self.version < MQTT5:
            return b""
        if not reasons.legal(DISCONNECT, reason):
            reason = reasons.UNSPECIFIED_ERROR
        return self._explained(DISCONNECT, reason, message)

    def _explained(self, kind: int, reason: int, message: str) -> bytes:
        """
        A refusal or a DISCONNECT of 5.0, with as much of the explanation as the client wants and takes
        [MQTT5-3.2.2-19] [MQTT5-3.14.2-3].
        """
        reference = self.server_reference if reason in _ELSEWHERE and self.server_reference else None
        words = message[:LONGEST_WORDS] if message and self.problem_information else None
        frame = b""
        if words is not None:
            frame = _last_frame(kind, reason, Properties(server_reference=reference, reason_string=words))
        if reference is not None and not 0 < len(frame) <= self.send_limit:
            frame = _last_frame(kind, reason, Properties(server_reference=reference))
        return frame if 0 < len(frame) <= self.send_limit else _last_frame(kind, reason, None)


#: The reasons that come with the name of another server.
_ELSEWHERE: Final = (reasons.USE_ANOTHER_SERVER, reasons.SERVER_MOVED)


def _last_frame(kind: int, reason: int, properties: Properties | None) -> bytes:
    if kind == CONNACK:
        return encode.connack(reason, False, properties, MQTT5)
    return encode.disconnect(reason, properties, MQTT5)
