"""
One connection's worth of MQTT, seen from one side: reading packets, and the time.

A conversation is fed bytes and told the time; it collects what it has to say (C{Voice}) and keeps its word about QoS 1
and 2 (C{Sending}, C{Resending}, C{Receiving}: one line of classes, no more than a way to read one idea at a time). What
each role allows and does besides is in C{client} and C{server}. It starts nothing and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.constants import NAMES, PUBACK, PUBREC, PUBREL
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import ProtocolError, RemoteProtocolError
from txmqtt.codec.packets import Ack, Packet, Publish
from txmqtt.session.meter import Meter
from txmqtt.session.receiving import Receiving
from txmqtt.session.sink import Link
from txmqtt.session.turn import Turn
from txmqtt.session.voice import CLOSED, OPEN, PHASES

#: A read of so many bytes shows that a large packet is on its way: the keep-alive does not cut off a slow upload.
_PROGRESS: Final = 1_000


class Conversation(Receiving):
    """
    What both roles share.

    @ivar reading: what arrives is parsed; otherwise it is kept, or forgotten once the conversation is over.
    @ivar last_heard: when the last whole packet came, seconds; until the conversation is open, when it began.
    @ivar meter: how fast the peer may publish; None: as fast as it can.
    """

    meter: Meter | None = None

    def __init__(self, turn: Turn, link: Link, write: Callable[[bytes], None], write_limit: int) -> None:
        super().__init__(turn, link, write, write_limit)
        self.decoder = Decoder()
        self.reading = True
        self.parsing = False
        self.last_heard = turn.now

    # What arrives

    def feed(self, data: bytes, now: float) -> None:
        """
        The peer said C{data}. Whatever is wrong with it ends the conversation; nothing is raised.
        """
        turn = self.turn
        turn.now = now
        turn.bytes_received += len(data)
        if self.phase == CLOSED:
            return
        if len(data) >= _PROGRESS and self.phase == OPEN:
            self.last_heard = now
        self.decoder.feed(data)
        if self.reading:
            self._parse()
        else:
            self._kept()

    def _parse(self) -> None:
        """
        Act on every whole packet that is here, unless one of them makes us stop.
        """
        decoder = self.decoder
        meter = self.meter
        held = 0
        if meter is not None:
            held = decoder.held
            if not meter.ample(self.turn.now, held):
                self._parse_metered(meter)
                return
        heard = others = beside = inbound = 0
        self.parsing = True
        try:
            while self.reading:
                packet = decoder.take()
                if packet is None:
                    break
                heard += 1
                if isinstance(packet, Publish) and self.phase == OPEN:  # nine packets in ten
                    inbound += len(packet.payload)
                    self._publish(packet)
                else:
                    others += 1
                    beside += decoder.taken
                    if isinstance(packet, Ack) and packet.kind == PUBACK and self.phase == OPEN:
                        self._puback(packet)
                    else:
                        self._other_than_publish(packet)
        except ProtocolError as error:
            self.fail(error)
        finally:
            self._parsed(heard, inbound)
            if meter is not None:
                meter.charge(heard - others, held - decoder.held - beside)
        if not self.reading and self.phase != CLOSED:
            self._kept()

    def _parse_metered(self, meter: Meter) -> None:
        """
        The same, where one of the messages may have to wait.
        """
        decoder = self.decoder
        kept = meter.pick_up() if self.reading else None
        heard = inbound = 0
        self.parsing = True
        try:
            while self.reading:
                packet = decoder.take() if kept is None else kept
                if packet is None:
                    break
                kept = None
                heard += 1
                if not isinstance(packet, Publish) or self.phase != OPEN:
                    self._other_than_publish(packet)
                elif meter.admits(self.turn.now, decoder.taken):
                    inbound += len(packet.payload)
                    self._publish(packet)
                else:
                    heard -= 1
                    self._throttle(packet)
        except ProtocolError as error:
            self.fail(error)
        finally:
            self._parsed(heard, inbound)
        if not self.reading and self.phase != CLOSED:
            self._kept()

    def _other_than_publish(self, packet: Packet) -> None:
        if self.phase != OPEN or not isinstance(packet, Ack):
            self._other(packet)
        elif packet.kind == PUBACK:
            self._puback(packet)
        else:
            self._ack(packet)

    def _parsed(self, heard: int, inbound: int) -> None:
        self.parsing = False
        if heard:
            turn = self.turn
            turn.packets_received += heard
            turn.inbound_bytes += inbound
            if self.phase == OPEN:
                self.last_heard = turn.now

    def _throttle(self, packet: Publish) -> None:
        """
        The peer publishes faster than it may: this message and all that follows it has to wait.
        """
        raise NotImplementedError

    def _kept(self) -> None:
        """
        Bytes are kept unparsed, because we have stopped reading.
        """

    def proceed(self) -> None:
        """
        Read again, beginning with what was kept.
        """
        if self.phase != CLOSED:
            self.reading = True
            if not self.parsing:
                self._parse()

    def _ack(self, packet: Ack) -> None:
        """
        The acknowledgements of QoS 2.
        """
        kind = packet.kind
        if kind == PUBREC:
            self._pubrec(packet)
        elif kind == PUBREL:
            self._pubrel(packet)
        else:
            self._pubcomp(packet)

    def _other(self, packet: Packet) -> None:
        """
        Whatever else there is, by the table of the role.

        @raise RemoteProtocolError: it is not legal now.
        """
        raise NotImplementedError

    def unexpected(self, packet: Packet) -> RemoteProtocolError:
        """
        The error for a packet that has no place in the table of this phase.
        """
        return RemoteProtocolError(
            f"unexpected {NAMES[packet.kind]} while {PHASES[self.phase]}", reasons.PROTOCOL_ERROR
        )

    # Time

    def deadline(self) -> float:
        """
        When C{tick} must be called at the latest, seconds; C{NEVER} when nothing can become due.
        """
        if self.resting:
            return self.turn.now
        return min(self._role_deadline(), self._resend_deadline())

    def tick(self, now: float) -> None:
        """
        The alarm rang: do what is due.
        """
        self.turn.now = now
        if self.phase != CLOSED:
            self._role_tick(now)
        if self.resting:
            self.resting = False
            self._refill()
        if self.phase == OPEN and self.resend_interval and not self.paused:
            self._resend(now)

    def _role_deadline(self) -> float:
        """
        When the role has something to do at the latest, seconds.
        """
        raise NotImplementedError

    def _role_tick(self, now: float) -> None:
        """
        Do it, if it is due.
        """
        raise NotImplementedError

    # The end

    def _over(self) -> None:
        self.reading = False
        super()._over()

    def fail(self, error: ProtocolError) -> None:
        """
        The peer broke a rule, or we cannot go on: say why, then close.
        """
        self.end(error.reason, str(error))
