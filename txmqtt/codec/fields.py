"""
The six data types of MQTT: two sizes of integer, variable byte integers, strings, binary data and pairs of strings.

Readers work in place on C{(buffer, position, end)}, where C{end} is the end of the packet and not of the buffer. They
are told what they read, so that an error names it. Writers take what a user gave, and refuse what does not fit.
"""

from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.constants import MAX_REMAINING
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError

#: The longest string or binary data, bytes: the length is two bytes.
MAX_STRING: Final = 65_535
MAX_U16: Final = 65_535
MAX_U32: Final = 4_294_967_295

#: Each byte by itself, and in two bytes the numbers that are most in use. To look one up costs a tenth of making it.
BYTES: Final = [bytes((number,)) for number in range(256)]
PAIRS: Final = [number.to_bytes(2, "big") for number in range(256)]


def malformed(message: str) -> RemoteProtocolError:
    """
    The error for bytes that cannot be a packet (0x81), to be raised.
    """
    return RemoteProtocolError(message, reasons.MALFORMED_PACKET)


def too_short(what: str, needed: int, left: int) -> RemoteProtocolError:
    """
    The error for a field that goes on after its packet has ended.
    """
    return malformed(f"{what}: {needed} bytes needed, {left} left in the packet")


def u8(buffer: bytes, position: int, end: int, what: str) -> int:
    """
    One byte.
    """
    if position >= end:
        raise too_short(what, 1, 0)
    return buffer[position]


def u16(buffer: bytes, position: int, end: int, what: str) -> int:
    """
    Two Byte Integer, the high byte first.
    """
    if end - position < 2:
        raise too_short(what, 2, end - position)
    return buffer[position] << 8 | buffer[position + 1]


def u32(buffer: bytes, position: int, end: int, what: str) -> int:
    """
    Four Byte Integer, the highest byte first.
    """
    if end - position < 4:
        raise too_short(what, 4, end - position)
    return buffer[position] << 24 | buffer[position + 1] << 16 | buffer[position + 2] << 8 | buffer[position + 3]


def varint(buffer: bytes, position: int, end: int, what: str) -> tuple[int, int]:
    """
    Variable Byte Integer, at most four bytes and in the fewest that hold it [MQTT5-1.5.5-1].

    @return: the value, and the position after it.
    """
    value = 0
    shift = 0
    while position < end:
        byte = buffer[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if byte == 0 and shift:
                raise malformed(f"{what}: variable byte integer {value} takes more bytes than it needs")
            return value, position
        shift += 7
        if shift == 28:
            raise malformed(f"{what}: variable byte integer longer than 4 bytes")
    raise malformed(f"{what}: variable byte integer cut off by the end of the packet")


def binary(buffer: bytes, position: int, end: int, what: str) -> tuple[bytes, int]:
    """
    Binary Data: two bytes of length, and that many bytes.

    @return: the bytes, and the position after them.
    """
    start = position + 2
    if start > end:
        raise too_short(what, 2, end - position)
    stop = start + (buffer[position] << 8 | buffer[position + 1])
    if stop > end:
        raise too_short(what, stop - start, end - start)
    return buffer[start:stop], stop


def string(buffer: bytes, position: int, end: int, what: str) -> tuple[str, int]:
    """
    UTF-8 Encoded String.

    @return: the string, and the position after it.
    """
    raw, position = binary(buffer, position, end, what)
    return text(raw, what), position


def text(raw: bytes, what: str) -> str:
    """
    What the bytes of a string say; a byte order mark is a character like any other [MQTT5-1.5.4-3] [MQTT311-1.5.3-3].
    """
    try:
        words = raw.decode("utf-8")
    except UnicodeDecodeError:
        words = "\0"
    if "\0" in words:
        raise malformed(f"{what}: {utf8_error(raw)}")
    return words


def utf8_error(raw: bytes) -> str | None:
    """
    What keeps these bytes from being a UTF-8 Encoded String, or None: ill-formed or surrogates [MQTT5-1.5.4-1]
    [MQTT311-1.5.3-1], or U+0000 [MQTT5-1.5.4-2] [MQTT311-1.5.3-2].
    """
    if not raw.isascii():
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            return f"not UTF-8 at byte {error.start} ({error.reason})"
    if 0 in raw:
        return f"U+0000 at byte {raw.index(0)}"
    return None


def header(first: int, remaining: int) -> bytes:
    """
    A fixed header: type and flags, then the remaining length.
    """
    if remaining < 128:
        return BYTES[first] + BYTES[remaining]
    if remaining < 16_384:
        return (first << 16 | (remaining & 127 | 128) << 8 | remaining >> 7).to_bytes(3, "big")
    return bytes((first,)) + put_varint(remaining)


def put_varint(value: int) -> bytes:
    """
    A Variable Byte Integer, in the fewest bytes. The one number too large for it is the size of a packet.
    """
    if value < 128:
        return BYTES[value]
    if value < 16_384:
        return ((value & 127 | 128) << 8 | value >> 7).to_bytes(2, "big")
    if value < 2_097_152:
        return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))
    if value > MAX_REMAINING:
        raise LocalProtocolError(f"packet with {value} bytes; {MAX_REMAINING} at most", reasons.PACKET_TOO_LARGE)
    return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14 & 127 | 128, value >> 21))


def pair(value: int) -> bytes:
    """
    A Two Byte Integer that is known to be one.
    """
    return PAIRS[value] if value < 256 else BYTES[value >> 8] + BYTES[value & 255]


def put_u16(value: int, what: str) -> bytes:
    """
    A Two Byte Integer.
    """
    if not 0 <= value <= MAX_U16:
        raise LocalProtocolError(f"{what} is {value}; expected 0 to {MAX_U16}")
    return pair(value)


def put_binary(value: bytes, what: str) -> bytes:
    """
    Binary Data.
    """
    size = len(value)
    if size > MAX_STRING:
        raise LocalProtocolError(f"{what} is {size} bytes; expected at most {MAX_STRING}")
    return pair(size) + value


def put_string(value: str, what: str) -> bytes:
    """
    A UTF-8 Encoded String.
    """
    try:
        raw = value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"{what} has a lone surrogate at character {error.start}") from None
    if 0 in raw:
        raise LocalProtocolError(f"{what} has U+0000 at byte {raw.index(0)}")
    return put_binary(raw, what)
