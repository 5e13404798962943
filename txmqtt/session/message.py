"""
A message as such: what was published, whoever gets it and however often it is sent.

The frames that go out for it are kept here while they can be shared: all receivers that would get the same bytes get
the same object, and the payload is copied once per distinct frame, not once per receiver. Outgoing frames have up to
three pieces: a head (fixed header and topic), the packet identifier where there is one, and a tail (the properties on
5.0, and the payload). Only head and identifier differ between the receivers of QoS 1 and 2.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from mypy_extensions import mypyc_attr

from txmqtt.codec import encode, fields, properties
from txmqtt.codec.constants import MQTT5, PUBLISH
from txmqtt.codec.properties import Properties

#: Adding an interval to the time and taking the time off again may make it longer by less than this, seconds.
_ROUNDING: Final = 0.001

#: What a message costs beyond its topic and payload, bytes: for the limits of queues, which count memory.
OVERHEAD: Final = 256


@mypyc_attr(acyclic=True, free_list_len=1)
class Message:
    """
    One application message.

    @ivar qos: the QoS at which it was published.
    @ivar retain: the retain flag with which it was published.
    @ivar properties: what travels with it unchanged (5.0), or None; no expiry, alias or subscription identifier.
    @ivar expires_at: when it expires, seconds of the wall clock; 0.0 is never.
    @ivar publisher: the client identifier of who published it, for no-local; empty for the broker itself.
    @ivar number: under which a store keeps it once for several receivers; 0: it does not.
    """

    number = 0

    # The frames that can be shared. Defaults of the class: most messages use one of them, many none.
    _frame3: bytes | None = None  # the whole QoS 0 frame, retain flag off, on 3.x
    _frame5: bytes | None = None  # and on 5.0, without subscription identifiers
    _head: bytes | None = None
    _head_for = 0  # the first byte and the tail's length that the head is for
    _tail5: bytes | None = None
    _rest: bytes | None = None  # the properties as they travel, without their length
    _seconds_left = 0  # what the frames above say of the expiry

    def __init__(
        self,
        topic: bytes,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
        expires_at: float = 0.0,
        publisher: str = "",
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.expires_at = expires_at
        self.publisher = publisher

    @property
    def size(self) -> int:
        """
        What keeping it costs, bytes.
        """
        return len(self.topic) + len(self.payload) + OVERHEAD

    def expired(self, wall: float) -> bool:
        """
        Its time is over: a receiver that has not been sent it yet does not get it [MQTT5-3.3.2-5].
        """
        return 0.0 < self.expires_at <= wall

    def frame(self, version: int, wall: float) -> bytes:
        """
        The whole PUBLISH at QoS 0 without retain flag and identifiers: what most receivers get.
        """
        if version != MQTT5:
            frame = self._frame3
            if frame is None:
                frame = self._frame3 = encode.publish(self.topic, self.payload, 0, False, False, 0, None, version)
            return frame
        if self.expires_at and self._aged(wall):
            self._frame5 = None
        if self._frame5 is None:
            tail = self.tail(version, (), wall)
            self._frame5 = encode.publish_head(0x30, self.topic, tail, 0) + tail
        return self._frame5

    def came(self, frame: bytes | None, version: int) -> None:
        """
        Keep what of the bytes that brought it can be sent on (C{Publish.frame}).
        """
        if frame is None:
            return
        if self.qos:
            self._head = frame
            self._head_for = len(self.payload) + (1 if version == MQTT5 else 0) << 8 | 0x30 | self.qos << 1
        elif version == MQTT5:
            self._frame5 = frame
        else:
            self._frame3 = frame

    def head(self, first: int, tail: bytes) -> bytes:
        """
        Fixed header and topic of a PUBLISH with a packet identifier (QoS 1, 2) or without (QoS 0) before C{tail}.

        @param first: the first byte: type, DUP, QoS and retain.
        """
        key = len(tail) << 8 | first
        head = self._head
        if head is None or self._head_for != key:
            head = encode.publish_head(first, self.topic, tail, 2 if first & 6 else 0)
            self._head, self._head_for = head, key
        return head

    def tail(self, version: int, identifiers: tuple[int, ...], wall: float) -> bytes:
        """
        What follows the packet identifier: on 5.0 the properties, then the payload.
        """
        if version != MQTT5:
            return self.payload
        if self.properties is None and not self.expires_at and not identifiers:
            if self._tail5 is None:
                self._tail5 = b"\x00" + self.payload
            return self._tail5
        aged = self.expires_at != 0.0 and self._aged(wall)
        if identifiers:
            return self.told(identifiers, 0)
        if self._tail5 is None or aged:
            self._tail5 = self.told((), 0)
        return self._tail5

    def told(self, identifiers: tuple[int, ...], alias: int) -> bytes:
        """
        A 5.0 tail made for one receiver, with subscription identifiers and topic alias (0: none).
        """
        rest = self._rest
        if rest is None:
            rest = self._rest = _unprefixed(properties.encode(self.properties, PUBLISH))
        own = b""
        if self.expires_at:
            own += b"\x02" + self._seconds_left.to_bytes(4, "big")
        if alias:
            own += b"\x23" + alias.to_bytes(2, "big")
        for identifier in identifiers:
            own += b"\x0b" + fields.put_varint(identifier)
        return b"".join((fields.put_varint(len(own) + len(rest)), own, rest, self.payload))

    def _aged(self, wall: float) -> bool:
        """
        Count the expiry down to C{wall}; whether that changed what a frame must say [MQTT5-3.3.2-6].

        A message that has been sent once is sent again whatever its age, so the count stops at 1, not below.
        """
        left = max(1, ceil(self.expires_at - wall - _ROUNDING))
        if left == self._seconds_left:
            return False
        self._seconds_left = left
        self._frame5 = self._tail5 = None
        return True


def unretained(message: Message) -> Message:
    """
    The same message, not to be retained.
    """
    return Message(
        message.topic,
        message.payload,
        message.qos,
        False,
        message.properties,
        message.expires_at,
        message.publisher,
    )


def travelling(given: Properties | None) -> Properties | None:
    """
    What of a received PUBLISH's properties is forwarded unchanged: all but alias, expiry and subscription identifiers.
    """
    if given is None:
        return None
    kept = Properties(
        payload_format_indicator=given.payload_format_indicator,
        content_type=given.content_type,
        response_topic=given.response_topic,
        correlation_data=given.correlation_data,
        user_properties=given.user_properties,
    )
    return None if kept == _NOTHING else kept


_NOTHING: Final = Properties()


def _unprefixed(encoded: bytes) -> bytes:
    at = 1
    while encoded[at - 1] & 0x80:
        at += 1
    return encoded[at:]
