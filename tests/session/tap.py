"""
Somebody who listens at one end of a wire, and knows what the standards let this end say.
"""

from __future__ import annotations

from collections import deque

from txmqtt.codec.constants import MQTT5, PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Ack, Packet, Publish, Suback, Subscribe, Unsuback, Unsubscribe


class Use:
    """
    What an identifier stands for; a request has no payload.
    """

    def __init__(self, payload: bytes | None, qos: int) -> None:
        self.payload = payload
        self.qos = qos
        self.released = False


class Tap:
    """
    One end of all the connections of one session.

    @ivar window: how many QoS 1 and 2 messages it may have under way on this connection.
    @ivar swallowed: something that it meant to say, and may take for said, never reached the wire.
    @ivar fullest: how many it ever had.
    """

    def __init__(self, version: int) -> None:
        self.version = version
        self.window = 0
        self.fullest = 0
        self.swallowed = False
        self.in_use: dict[int, Use] = {}
        self.unanswered: set[int] = set()
        self.owed: dict[int, deque[int]] = {}
        self._released: list[int] = []
        self._said = Decoder(version)

    def forget(self) -> None:
        """
        The session is over, and another begins.
        """
        self.in_use.clear()
        self._released.clear()
        self.owed = {PUBACK: deque(), PUBREC: deque(), PUBCOMP: deque(), PUBREL: deque()}

    def begin(self, window: int) -> None:
        """
        A new connection.
        """
        self.window = window
        self.unanswered.clear()
        self.in_use = {packet_id: use for packet_id, use in self.in_use.items() if use.payload is not None}
        self.owed = {PUBACK: deque(), PUBREC: deque(), PUBCOMP: deque(), PUBREL: deque(self._released)}
        self._said = Decoder(self.version)

    # What this end says

    def says(self, data: bytes) -> None:
        """
        Bytes that it writes.
        """
        self._said.feed(data)
        while (packet := self._said.take()) is not None:
            if isinstance(packet, Publish):
                self._publishes(packet)
            elif isinstance(packet, (Subscribe, Unsubscribe)):
                assert packet.packet_id not in self.in_use, f"identifier {packet.packet_id} is in use"
                self.in_use[packet.packet_id] = Use(None, 0)
            elif isinstance(packet, Ack):
                self._acknowledges(packet)

    def _publishes(self, packet: Publish) -> None:
        if not packet.qos:
            assert not packet.dup, "[MQTT5-3.3.1-2]"
            return
        packet_id = packet.packet_id
        use = self.in_use.get(packet_id)
        if use is None:
            assert not packet.dup or self.swallowed, f"{packet} is no repeat"
            self.in_use[packet_id] = Use(packet.payload, packet.qos)
        else:
            assert (use.payload, use.qos) == (packet.payload, packet.qos), f"identifier {packet_id} is in use"
            assert packet.dup, f"{packet} is a repeat [MQTT5-3.3.1-1]"
            assert not use.released, f"{packet} had its PUBREC [MQTT5-4.3.3-6]"
            assert self.version < MQTT5 or packet_id not in self.unanswered, f"{packet} again [MQTT5-4.4.0-1]"
        self.unanswered.add(packet_id)
        self.fullest = max(self.fullest, len(self.unanswered))
        assert len(self.unanswered) <= self.window, f"{len(self.unanswered)} under way, {self.window} allowed"

    def _acknowledges(self, packet: Ack) -> None:
        owed = self.owed[packet.kind]
        if packet.packet_id not in owed:  # PUBREL: an answer to a PUBREC for nothing; or said again
            assert packet.kind == PUBREL, f"{packet} answers nothing, or comes too late"
            return
        while owed.popleft() != packet.packet_id:
            pass  # one that was withheld, or a repeat that is answered once

    # What it hears

    def hears(self, packet: Packet) -> None:
        """
        A packet that is about to be told to it.
        """
        if isinstance(packet, Publish):
            if packet.qos:
                self.owed[PUBACK if packet.qos == 1 else PUBREC].append(packet.packet_id)
        elif isinstance(packet, (Suback, Unsuback)):
            assert self.in_use.pop(packet.packet_id).payload is None
        elif isinstance(packet, Ack):
            self._answered(packet)

    def _answered(self, packet: Ack) -> None:
        packet_id = packet.packet_id
        if packet.kind == PUBREL:
            self.owed[PUBCOMP].append(packet_id)
            return
        use = self.in_use.get(packet_id)
        if use is None:
            return
        if packet.kind == PUBREC and packet.reason < 0x80:
            if not use.released:
                use.released = True
                self._released.append(packet_id)
            self.owed[PUBREL].append(packet_id)
        else:
            del self.in_use[packet_id]
            self.unanswered.discard(packet_id)
            if packet_id in self._released:
                self._released.remove(packet_id)
