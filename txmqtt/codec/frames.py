"""
WebSocket frames, for either role: RFC 6455, section 5, as far as MQTT uses it.

Payloads are passed on as they come, so that neither a frame nor a message is ever kept, however long: MQTT has its own
limits, and packets may be split over frames and joined in them at will [MQTT5-6.0.0-2]. Extensions are none of ours.

All payloads of one read are unmasked at once, as one large integer: a frame then costs little more than its slices.
"""

from __future__ import annotations

from typing import Final

from txmqtt.codec import reasons

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

# Why a connection ends: RFC 6455, section 7.4.1.
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED: Final = 1003
NO_STATUS: Final = 1005  # never sent: the peer gave none
INVALID_DATA: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
TRY_AGAIN: Final = 1013

_FINAL: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_WHOLE_BINARY: Final = _FINAL | BINARY
_MAX_CONTROL: Final = 125
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127

#: What stands in front of a short binary frame, by its length.
_HEADS: Final = [bytes((_WHOLE_BINARY, size)) for size in range(_MAX_CONTROL + 1)]


def binary(payload: bytes) -> bytes:
    """
    A whole binary message, unmasked: what a server says.
    """
    size = len(payload)
    if size <= _MAX_CONTROL:
        return _HEADS[size] + payload
    return _head(BINARY, size, 0) + payload


def masked(opcode: int, payload: bytes, key: bytes) -> bytes:
    """
    A whole message or a control frame as a client says it.

    @param key: four bytes that nobody can foresee.
    """
    size = len(payload)
    return _head(opcode, size, _MASKED) + key + _unmasked(payload, _mask(key, size))


def control(opcode: int, payload: bytes) -> bytes:
    """
    A control frame, unmasked.
    """
    return _head(opcode, len(payload), 0) + payload


def farewell(code: int, reason: str) -> bytes:
    """
    The payload of a CLOSE, its reason cut to what fits.
    """
    if code == NO_STATUS:
        return b""
    return code.to_bytes(2, "big") + reason.encode()[: _MAX_CONTROL - 2].decode("utf-8", "ignore").encode()


#: What a CLOSE says when MQTT has ended a connection, by the reason code. Whatever else went wrong was not allowed.
_CODES: Final = {
    reasons.UNSPECIFIED_ERROR: INTERNAL_ERROR,
    reasons.MALFORMED_PACKET: PROTOCOL_ERROR,
    reasons.PROTOCOL_ERROR: PROTOCOL_ERROR,
    reasons.IMPLEMENTATION_SPECIFIC_ERROR: INTERNAL_ERROR,
    reasons.SERVER_UNAVAILABLE: TRY_AGAIN,
    reasons.SERVER_BUSY: TRY_AGAIN,
    reasons.SERVER_SHUTTING_DOWN: GOING_AWAY,
    reasons.TOPIC_FILTER_INVALID: PROTOCOL_ERROR,
    reasons.TOPIC_NAME_INVALID: PROTOCOL_ERROR,
    reasons.RECEIVE_MAXIMUM_EXCEEDED: PROTOCOL_ERROR,
    reasons.TOPIC_ALIAS_INVALID: PROTOCOL_ERROR,
    reasons.PACKET_TOO_LARGE: TOO_BIG,
}


def code_of(reason: int | None) -> int:
    """
    What the CLOSE says of a connection that MQTT has ended.

    @param reason: the reason code; None: none was given.
    """
    if reason is None or reason < reasons.FAILURE:
        return NORMAL
    return _CODES.get(reason, POLICY)


def _head(opcode: int, size: int, mask: int) -> bytes:
    if size <= _MAX_CONTROL:
        return bytes((_FINAL | opcode, mask | size))
    if size < 1 << 16:
        return bytes((_FINAL | opcode, mask | _TWO_BYTES)) + size.to_bytes(2, "big")
    return bytes((_FINAL | opcode, mask | _EIGHT_BYTES)) + size.to_bytes(8, "big")


def _mask(key: bytes, size: int) -> bytes:
    return (key * ((size >> 2) + 1))[:size]


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    return (int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")).to_bytes(len(payload), "little")


class _BrokenFrame(Exception):
    """
    The peer broke a rule of WebSocket.

    @ivar code: what our CLOSE must say.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class FrameReader:
    """
    Takes the frames of one peer apart.

    @ivar stirred: something came besides data: look at the following, then say C{False}.
    @ivar ping: what the latest PING said, until it is answered; None for none.
    @ivar over: nothing more is read.
    @ivar code: once it is over, what the peer's CLOSE said, or what ours must say.
    @ivar broken: once it is over, the rule that the peer broke; empty when it closed in order.
    """

    def __init__(self, masked: bool, max_message: int, max_fragments: int) -> None:
        """
        @param masked: the peer is a client, so it has to mask what it says.
        @param max_message: so long may a message be, bytes.
        @param max_fragments: of so many frames may it be made.
        """
        self._masked = masked
        self._max_message = max_message
        self._max_fragments = max_fragments
        self._tail = b""  # the beginning of a frame, without any of its data
        self._inside = False  # a message goes on in the next frame
        self._message = 0  # its length so far
        self._fragments = 0
        self._left = 0  # of the frame that is being read
        self._key = b""
        self.stirred = False
        self.ping: bytes | None = None
        self.over = False
        self.code = NO_STATUS
        self.broken = ""

    def feed(self, data: bytes) -> bytes:
        """
        The peer said C{data}.

        @return: what of it is MQTT.
        """
        if self.over:
            return b""
        if self._tail:
            data = self._tail + data
            self._tail = b""
        end = len(data)
        at = 0
        pieces: list[bytes] = []
        masks: list[bytes] = []
        if self._left:
            at = self._more(data, 0, end, pieces, masks)
        quick = self._masked
        try:
            while at + 1 < end and not self.over:
                size = data[at + 1] - _MASKED
                # Nine frames in ten: a short message in one frame that is here in full.
                if quick and data[at] == _WHOLE_BINARY and 0 <= size <= _MAX_CONTROL and not self._inside:
                    start = at + 6
                    stop = start + size
                    if stop <= end:
                        pieces.append(data[start:stop])
                        masks.append((data[at + 2 : start] * 32)[:size])
                        at = stop
                        continue
                after = self._frame(data, at, end, pieces, masks)
                if after < 0:
                    break
                at = after
            if not self.over:
                self._tail = data[at:]
        except _BrokenFrame as error:
            self._end(error.code, str(error))
        if not pieces:
            return b""
        payload = b"".join(pieces)
        return _unmasked(payload, b"".join(masks)) if self._masked else payload

    def _frame(self, data: bytes, at: int, end: int, pieces: list[bytes], masks: list[bytes]) -> int:
        """
        One frame of any kind.

        @return: where the next one begins; negative when more must be here first.
        """
        first = data[at]
        opcode = first & 0x0F
        size = data[at + 1] & ~_MASKED
        self._check(first, data[at + 1])
        start = at + 2
        if size == _TWO_BYTES:
            start += 2
            if start > end:
                return -1
            size = int.from_bytes(data[start - 2 : start], "big")
            if size < _TWO_BYTES:
                raise _BrokenFrame(PROTOCOL_ERROR, "a length of 2 bytes where 1 would do")
        elif size == _EIGHT_BYTES:
            start += 8
            if start > end:
                return -1
            size = int.from_bytes(data[start - 8 : start], "big")
            if size >> 63:
                raise _BrokenFrame(PROTOCOL_ERROR, "a length of 64 bits, the highest is reserved")
            if size < 1 << 16:
                raise _BrokenFrame(PROTOCOL_ERROR, "a length of 8 bytes where 2 would do")
        key = b""
        if self._masked:
            start += 4
            key = data[start - 4 : start]
        if start > end:
            return -1
        if opcode >= CLOSE:
            if start + size > end:
                return -1
            payload = data[start : start + size]
            self._control(opcode, _unmasked(payload, _mask(key, size)) if self._masked else payload)
            return start + size
        self._measure(opcode, size)
        self._inside = not first & _FINAL
        self._left = size
        self._key = key
        return self._more(data, start, end, pieces, masks)

    def _check(self, first: int, second: int) -> None:
        """
        What the first two bytes of a frame must obey.
        """
        opcode = first & 0x0F
        if first & _RESERVED:
            raise _BrokenFrame(PROTOCOL_ERROR, "a reserved bit is set, and no extension was agreed on")
        if bool(second & _MASKED) != self._masked:
            raise _BrokenFrame(PROTOCOL_ERROR, "a client's frame without a mask" if self._masked else "a masked frame")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise _BrokenFrame(PROTOCOL_ERROR, f"unknown opcode {opcode}")
            if not first & _FINAL:
                raise _BrokenFrame(PROTOCOL_ERROR, "a control frame in fragments")
            if second & ~_MASKED > _MAX_CONTROL:
                raise _BrokenFrame(PROTOCOL_ERROR, "a control frame of more than 125 bytes")
        elif opcode == CONTINUATION:
            if not self._inside:
                raise _BrokenFrame(PROTOCOL_ERROR, "a continuation of nothing")
        elif opcode > BINARY:
            raise _BrokenFrame(PROTOCOL_ERROR, f"unknown opcode {opcode}")
        elif self._inside:
            raise _BrokenFrame(PROTOCOL_ERROR, "a new message within another")
        elif opcode == TEXT:
            raise _BrokenFrame(UNSUPPORTED, "text, where MQTT is binary")  # [MQTT5-6.0.0-1]

    def _measure(self, opcode: int, size: int) -> None:
        """
        Whether a data frame of this size still fits into its message.
        """
        if opcode == BINARY:
            self._message = 0
            self._fragments = 0
        self._message += size
        self._fragments += 1
        if self._message > self._max_message:
            raise _BrokenFrame(TOO_BIG, f"a message of more than {self._max_message} bytes")
        if self._fragments > self._max_fragments:
            raise _BrokenFrame(POLICY, f"a message of more than {self._max_fragments} frames")

    def _more(self, data: bytes, at: int, end: int, pieces: list[bytes], masks: list[bytes]) -> int:
        """
        What is here of the frame that is being read.
        """
        size = min(self._left, end - at)
        self._left -= size
        pieces.append(data[at : at + size])
        if self._masked:
            key = self._key
            masks.append(_mask(key, size))
            turn = size & 3
            self._key = key[turn:] + key[:turn]
        return at + size

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PONG:
            return
        self.stirred = True
        if opcode == PING:
            self.ping = payload  # of several only the latest must be answered
            return
        if not payload:
            self._end(NO_STATUS, "")
            return
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or not _sendable(code):
            raise _BrokenFrame(PROTOCOL_ERROR, "a CLOSE with a code that nobody may send")
        try:
            payload[2:].decode()
        except UnicodeDecodeError as error:
            raise _BrokenFrame(INVALID_DATA, "a CLOSE with a reason that is not UTF-8") from error
        self._end(code, "")

    def _end(self, code: int, broken: str) -> None:
        self.stirred = True
        self.over = True
        self.code = code
        self.broken = broken


def _sendable(code: int) -> bool:
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
