"""
Bytes to packets: any bytes are packets that can be said again, or a broken rule, however they are cut.

An input is a byte that says version and limits, one that says how the rest is cut, and the bytes of a stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.fuzz.harness import Harness
from tests.fuzz.mutation import stream_of
from tests.fuzz.packets import CLIENTS, SERVERS
from tests.fuzz.script import READS
from tests.vectors import spell
from tests.vectors.bad import BAD
from tests.vectors.good import GOOD
from tests.vectors.lenient import LENIENT
from txmqtt.codec import encode
from txmqtt.codec.constants import CONNECT, MAX_PACKET
from txmqtt.codec.decode import Decoder
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError
from txmqtt.codec.fields import header
from txmqtt.codec.packets import Connect, Packet, Publish
from txmqtt.codec.topics import KnownTopics

_VERSIONS: Final = (0, 3, 4, 5)
_LIMITS: Final = (MAX_PACKET, 100)
#: Shorter streams are also read byte by byte.
_SHORT: Final = 48


def _decoder(how: int) -> Decoder:
    decoder = Decoder(_VERSIONS[how & 3], _LIMITS[how >> 2 & 1], KnownTopics(size=8))
    decoder.unexplained = bool(how & 8)
    return decoder


class _Heard:
    """
    What a decoder made of a stream.

    @ivar packets: with the version and the size of each.
    @ivar error: how it ended; None: it waits for more.
    """

    def __init__(self, decoder: Decoder, pieces: list[bytes]) -> None:
        self.packets: list[tuple[Packet, int, int]] = []
        self.error: RemoteProtocolError | None = None
        self.held = 0
        fed = taken = 0
        try:
            for piece in pieces:
                decoder.feed(piece)
                fed += len(piece)
                while (packet := decoder.take()) is not None:
                    self.packets.append((packet, decoder.version, decoder.taken))
                    taken += decoder.taken
                assert decoder.held == fed - taken, f"{decoder.held} bytes are kept; {fed - taken} have come"
                assert decoder.held < decoder.limit, f"{decoder.held} bytes are kept; the limit is {decoder.limit}"
        except RemoteProtocolError as error:
            self.error = error
            assert decoder.held == 0, "something is kept after an error"
        self.held = decoder.held


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data]


def _cannot_say(packet: Packet, version: int) -> bool:
    """
    Whether it is one that we take, and would not say so.
    """
    if isinstance(packet, Connect) and not packet.client_id:
        return version == 3 or (version == 4 and not packet.clean_start)  # the broker gives it a name, or says no
    return isinstance(packet, Publish) and version == 3 and packet.dup and packet.qos == 0


def _check_header(data: bytes) -> None:
    """
    Its length is written in as few bytes as can be, and is right.
    """
    digits = next(number for number in range(1, 5) if data[number] < 128)
    assert data.startswith(header(data[0], len(data) - 1 - digits)), f"{data[:6]!r} was taken for a header"


def _say_again(packet: Packet, version: int) -> None:
    try:
        said = encode.packet(packet, packet.version if isinstance(packet, Connect) else version)
    except LocalProtocolError as error:
        assert _cannot_say(packet, version), f"{packet!r} was taken, and can't be said: {error}"
        return
    assert not _cannot_say(packet, version), f"{packet!r} can be said"
    decoder = Decoder(0 if packet.kind == CONNECT else version, topics=KnownTopics(size=8))
    decoder.feed(said)
    again = decoder.take()
    assert again == packet, f"{packet!r} is {again!r} when it is said again"
    assert encode.packet(again, decoder.version) == said
    repr(packet)
    hash(packet)
    if isinstance(packet, Publish) and packet.frame is not None:
        rest = packet.packet_id.to_bytes(2, "big") if packet.qos else b""
        rest += (b"\0" if version == 5 else b"") + packet.payload if packet.qos else b""
        assert packet.frame + rest == said, f"{packet!r} would go on as {packet.frame + rest!r}"


def decoder(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    if len(data) < 3:
        return
    how, cuts, stream = data[0], data[1], data[2:]
    whole = _Heard(_decoder(how), [stream])
    sizes = {1 if len(stream) < _SHORT else 17, READS[cuts & 7] or (cuts >> 3) + 1}
    for pieces in (_cut(stream, size) for size in sizes if size < len(stream)):
        other = _Heard(_decoder(how), pieces)
        assert other.packets == whole.packets, f"{other.packets} in pieces, {whole.packets} in one read"
        assert (other.error is None) == (whole.error is None), f"{other.error} in pieces, {whole.error} in one read"
        assert other.held == whole.held
    at = 0
    for packet, version, size in whole.packets:
        _check_header(stream[at : at + size])
        _say_again(packet, version)
        at += size


def _seeds() -> Iterator[bytes]:
    for _, version, spelling, packet in (*GOOD, *LENIENT):
        how = 0 if packet.kind == CONNECT else version - 2
        yield bytes((how, 0)) + spell(spelling)
    for _, version, spelling, _ in BAD:
        yield bytes((version - 2 if version else 0, 0)) + spell(spelling)


HARNESS: Final = Harness(
    "decoder",
    "bytes are packets that can be said again, or a broken rule, however they are cut",
    decoder,
    _seeds,
    mutate=stream_of(CLIENTS + SERVERS, 2, lambda data: _VERSIONS[data[0] & 3] or 5),
    longest=512,
)
