"""
A party to a conversation that says any bytes, and of which a test sees every byte that it hears.
"""

from __future__ import annotations

from typing import Any, NoReturn

from tests.conformance.wires import Wire
from tests.vectors import spell
from txmqtt.codec import encode
from txmqtt.codec.constants import (
    MQTT5,
    NAMES,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    SUBACK,
    UNSUBACK,
)
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import ProtocolError
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Publish,
    Subscribe,
    Subscription,
    Unsubscribe,
)
from txmqtt.codec.properties import Properties

#: What can be said: a packet as our codec writes it, bytes, or bytes as C{tests.vectors} spells them.
Words = Packet | bytes | str


class Peer:
    """
    The raw peer. It answers nothing by itself.

    @ivar version: the protocol level that is spoken; a peer that plays the server learns it from CONNECT.
    @ivar raw: the bytes of the packet that was last heard.
    @ivar connack: how it was let in.
    """

    connack: Connack

    def __init__(
        self, wire: Wire, version: int, *, plays_server: bool = False, patience: float = 0.0, quiet: float = 0.0
    ) -> None:
        """
        @param patience: how long the other side may take to say something, seconds; 0 in memory, where nothing takes
            time, and where the other side is ours and always says why it closes, if it can.
        @param quiet: after how long nothing more is believed to come, where nothing is awaited, seconds.
        """
        self.wire = wire
        self.version = version
        self.raw = b""
        self._patience = patience
        self._quiet = quiet
        self._buffer = b""
        self._decoder = Decoder(0 if plays_server else version)
        self._kept: list[tuple[Packet, bytes]] = []
        self._last_id = 0

    # Speaking

    def say(self, *words: Words) -> None:
        """
        Say all this, in one write.
        """
        self.wire.send(b"".join(self.bytes_of(each) for each in words))

    def say_slowly(self, *words: Words) -> None:
        """
        Say all this, each byte in a write of its own.
        """
        for byte in b"".join(self.bytes_of(each) for each in words):
            self.wire.send(bytes((byte,)))

    def bytes_of(self, words: Words) -> bytes:
        if isinstance(words, bytes):
            return words
        return spell(words) if isinstance(words, str) else encode.packet(words, self.version)

    def drop(self) -> None:
        """
        The connection breaks.
        """
        self.wire.drop()

    def leave(self, reason: int = 0, **properties: Any) -> None:
        """
        Say DISCONNECT, and close.
        """
        self.say(Disconnect(reason, Properties(**properties) if properties else None))
        self.wire.drop()

    # Hearing

    def hear(self) -> Packet:
        """
        The next packet. It is an error if there is none.
        """
        packet = self._next(self._patience)
        if packet is None:
            self._fail("the other side has closed" if self.wire.over else "there was nothing to hear")
        return packet

    def expect(self, what: Words | int, **fields: object) -> Any:
        """
        The next packet is this one.

        @param what: the whole packet, as an object, as bytes or spelled; or its type number, with as many of its
            fields and properties as matter.
        """
        packet = self.hear()
        if isinstance(what, int):
            wrong = self._differs(packet, what, fields)
            if wrong:
                self._fail(f"{wrong}; heard {packet!r}")
        elif isinstance(what, Packet):
            if packet != what:
                self._fail(f"heard {packet!r}; expected {what!r}")
        elif self.raw != self.bytes_of(what):
            self._fail(f"heard {self.raw.hex(' ')}; expected {self.bytes_of(what).hex(' ')}")
        return packet

    def take(self, kind: int, **fields: object) -> Any:
        """
        The first packet that is like this; those before it stay to be heard.
        """
        passed: list[tuple[Packet, bytes]] = []
        while True:
            packet = self._next(self._patience)
            if packet is None:
                self._fail(f"no {NAMES[kind]} {fields or ''} among {[each for each, _ in passed]}")
            if not self._differs(packet, kind, fields):
                self._kept = passed + self._kept
                return packet
            passed.append((packet, self.raw))

    def silence(self) -> None:
        """
        Nothing is said, and the connection stays open.
        """
        packet = self._next(self._quiet)
        if packet is not None:
            self._fail(f"heard {packet!r}; expected nothing")
        if self.wire.over:
            self._fail("the other side has closed; expected it to say nothing and stay")

    def closed(self, *reasons: int, late: float = 0.0) -> None:
        """
        The other side closes. On 5.0 it may say why first; our own does.

        @param reasons: what it may say, if it says something.
        @param late: where time really passes: so much later it may be, seconds.
        """
        said: int | None = None
        while (packet := self._next(self._patience + late)) is not None:
            if self.version < MQTT5 or said is not None or not isinstance(packet, Disconnect | Connack):
                self._fail(f"heard {packet!r}; expected that the other side closes")
            said = packet.reason
            if isinstance(packet, Connack) and said < 0x80:
                self._fail(f"heard {packet!r}; expected to be refused")
        if not self.wire.over:
            self._fail("the connection is open; expected that the other side closes it")
        if reasons and self.version == MQTT5:
            if said is None:
                if not self._patience:
                    self._fail(f"closed without a reason; expected {_codes(reasons)}")
            elif said not in reasons:
                self._fail(f"closed with {said:#04x}; expected {_codes(reasons)}")

    def everything(self) -> bytes:
        """
        All bytes that have come and were not heard as packets.
        """
        while more := self.wire.receive(self._quiet):
            self._buffer += more
        heard, self._buffer = self._buffer, b""
        return heard

    def alive(self) -> None:
        """
        The other side answers a PINGREQ, and says nothing before that.
        """
        self.say(Pingreq())
        self.expect(PINGRESP)

    def messages(self) -> list[Publish]:
        """
        All messages there are, their exchanges completed as a client must.
        """
        found: list[Publish] = []
        while True:
            packet = self._next(self._quiet)
            if packet is None:
                return found
            if isinstance(packet, Publish):
                found.append(packet)
            elif packet.kind != PUBREL:
                self._fail(f"heard {packet!r}; expected messages")
            self.acknowledge(packet)

    def acknowledge(self, packet: Packet, reason: int = 0) -> None:
        """
        The next step of a message's exchange, if there is one.
        """
        if isinstance(packet, Publish) and packet.qos:
            self.say(Ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id, reason))
        elif isinstance(packet, Ack) and packet.kind in (PUBREC, PUBREL):
            self.say(Ack(PUBREL if packet.kind == PUBREC else PUBCOMP, packet.packet_id))

    # What a client does often

    def next_id(self) -> int:
        """
        A packet identifier for something new.
        """
        self._last_id += 1
        return self._last_id

    def subscribe(self, *filters: str | Subscription, qos: int = 0, identifier: int = 0, **options: Any) -> list[int]:
        """
        Subscribe; what is said before the SUBACK stays to be heard.

        @param options: those of C{Subscription}, for filters that are strings.
        @return: the codes of the SUBACK.
        """
        wanted = [x if isinstance(x, Subscription) else Subscription(x.encode(), qos, **options) for x in filters]
        packet_id = self.next_id()
        properties = Properties(subscription_identifiers=(identifier,)) if identifier else None
        self.say(Subscribe(packet_id, wanted, properties))
        codes: list[int] = self.take(SUBACK, packet_id=packet_id).reasons
        return codes

    def unsubscribe(self, *filters: str) -> list[int]:
        """
        Unsubscribe; what is said before the UNSUBACK stays to be heard.

        @return: the codes of the UNSUBACK.
        """
        packet_id = self.next_id()
        self.say(Unsubscribe(packet_id, [each.encode() for each in filters]))
        codes: list[int] = self.take(UNSUBACK, packet_id=packet_id).reasons
        return codes

    def publish(self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False, **properties: Any) -> int:
        """
        Publish, and complete the exchange; what else is said stays to be heard.

        @return: the code of the acknowledgement; at QoS 0, where there is none, 0 when the broker has had it.
        """
        packet_id = self.next_id() if qos else 0
        said = Properties(**properties) if properties else None
        self.say(Publish(topic.encode(), payload, qos, retain, packet_id=packet_id, properties=said))
        if not qos:
            self.say(Pingreq())
            self.take(PINGRESP)
            return 0
        answer: Ack = self.take(PUBACK if qos == 1 else PUBREC, packet_id=packet_id)
        if answer.kind == PUBREC and answer.reason < 0x80:
            self.say(Ack(PUBREL, packet_id))
            self.take(PUBCOMP, packet_id=packet_id)
        return answer.reason

    # How it hears

    def _next(self, seconds: float) -> Packet | None:
        if self._kept:
            packet, self.raw = self._kept.pop(0)
            return packet
        while (size := _size(self._buffer)) == 0 or size > len(self._buffer):
            more = self.wire.receive(seconds)
            if not more:
                if self._buffer and self.wire.over:
                    self._fail(f"closed within a packet: {self._buffer.hex(' ')}")
                return None
            self._buffer += more
        self.raw, self._buffer = self._buffer[:size], self._buffer[size:]
        try:
            self._decoder.feed(self.raw)
            packet_or_none = self._decoder.take()
        except ProtocolError as error:
            self._fail(f"heard what is no packet: {self.raw.hex(' ')}: {error}")
        assert packet_or_none is not None
        if isinstance(packet_or_none, Connect):
            self.version = packet_or_none.version
        return packet_or_none

    def _differs(self, packet: Packet, kind: int, fields: dict[str, object]) -> str:
        if packet.kind != kind:
            return f"not a {NAMES[kind]}"
        for name, wanted in fields.items():
            found = field(packet, name)
            if found != wanted:
                return f"{name} is {found!r}; expected {wanted!r}"
        return ""

    def _fail(self, message: str) -> NoReturn:
        raise AssertionError(message)


def field(packet: Packet, name: str) -> Any:
    """
    What a packet says: one of its fields or properties; None or empty where it says nothing.
    """
    if hasattr(packet, name):
        return getattr(packet, name)
    return getattr(getattr(packet, "properties", None) or Properties(), name)


def _size(data: bytes) -> int:
    """
    The size of the packet at the beginning; 0 while that cannot be told.
    """
    size = 0
    for place, byte in enumerate(data[1:5]):
        size |= (byte & 127) << 7 * place
        if byte < 128:
            return size + place + 2
    return 0


def _codes(reasons: tuple[int, ...]) -> str:
    return " or ".join(f"{reason:#04x}" for reason in reasons)
