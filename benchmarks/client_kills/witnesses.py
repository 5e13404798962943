"""
Two clients that stay connected while another is killed, made of nothing but the codec: one hears all that it publishes,
the other publishes what it is to receive.
"""

from __future__ import annotations

from benchmarks.accounting.loop import Loop
from benchmarks.accounting.wire import Wire
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    Subscription,
)

#: Level 4: 3.1.1.
_VERSION = 4
#: Messages under way to the program that is killed, at most.
_WINDOW = 20


class Witness:
    """
    A connection that must not break.
    """

    def __init__(self, loop: Loop, port: int, name: str) -> None:
        self.ready = False
        self._wire = Wire(loop, port, _VERSION, self._heard, self._lost)
        self._wire.say(Connect(name, _VERSION, clean_start=True, keep_alive=0))
        self._wire.flush()

    def _lost(self, wrong: str) -> None:
        raise SystemExit(f"the broker closed the connection of a client that stays {wrong}")

    def _heard(self, packets: list[Packet]) -> None:
        for packet in packets:
            if isinstance(packet, Connack):
                self.connected()
            else:
                self.heard(packet)
        self._wire.flush()

    def connected(self) -> None:
        raise NotImplementedError

    def heard(self, packet: Packet) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._wire.close()


class Listener(Witness):
    """
    Hears all.

    @ivar heard_of: topic and number of each message, in the order of their coming.
    """

    def __init__(self, loop: Loop, port: int) -> None:
        self.heard_of: list[tuple[str, int]] = []
        self.numbers: set[int] = set()
        super().__init__(loop, port, "listener")

    def connected(self) -> None:
        self._wire.say(Subscribe(1, [Subscription(b"out/#", 2)]))

    def heard(self, packet: Packet) -> None:
        if isinstance(packet, Suback):
            self.ready = True
        elif isinstance(packet, Publish):
            number = int(packet.payload.rstrip(b"."))
            self.heard_of.append((packet.topic.decode(), number))
            self.numbers.add(number)
            if packet.qos:
                self._wire.say(Ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id))
        elif isinstance(packet, Ack) and packet.kind == PUBREL:
            self._wire.say(Ack(PUBCOMP, packet.packet_id))


class Sender(Witness):
    """
    Publishes at QoS 2, one number after the other.

    @ivar number: the last.
    @ivar under_way: numbers that the broker has not taken over, by packet identifier.
    """

    def __init__(self, loop: Loop, port: int) -> None:
        self.number = 0
        self.under_way: dict[int, int] = {}
        super().__init__(loop, port, "sender")

    def connected(self) -> None:
        self.ready = True

    def send(self, count: int) -> None:
        while count and len(self.under_way) < _WINDOW:
            count -= 1
            self.number += 1
            packet_id = self.number % 60_000 + 1
            self.under_way[packet_id] = self.number
            self._wire.say(Publish(b"in/all", b"%d" % self.number, 2, packet_id=packet_id))
        self._wire.flush()

    def heard(self, packet: Packet) -> None:
        if isinstance(packet, Ack) and packet.kind == PUBREC:
            self._wire.say(Ack(PUBREL, packet.packet_id))
        elif isinstance(packet, Ack) and packet.kind == PUBCOMP:
            self.under_way.pop(packet.packet_id, None)
