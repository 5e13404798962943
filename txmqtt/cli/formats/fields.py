"""
What a format can show of a message: a row for each letter.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from txmqtt.cli.formats.json_line import json_line
from txmqtt.net.values import Message


class Arrival(NamedTuple):
    """
    A message, and when it came.

    @ivar nanoseconds: since 1970.
    @ivar packet_id: its packet identifier, 0 at QoS 0.
    """

    message: Message
    nanoseconds: int
    packet_id: int = 0


class Field(NamedTuple):
    """
    One that may be padded and cut.

    @ivar text: what it shows.
    @ivar cuts: a maximum width is heeded.
    @ivar zeros: it may be padded with zeros.
    """

    text: Callable[[Arrival], bytes]
    cuts: bool = False
    zeros: bool = False


class Shape(NamedTuple):
    """
    How wide a field is.

    @ivar width: at least so many characters.
    @ivar most: at most so many; None for any number.
    @ivar left: what is shorter stands at the left.
    @ivar zeros: what is shorter is filled up with zeros.
    """

    width: int
    most: int | None
    left: bool
    zeros: bool

    def apply(self, data: bytes, field: Field) -> bytes:
        """
        The field, padded and cut.
        """
        if self.most is not None and field.cuts:
            data = data[: self.most]
        if len(data) >= self.width:
            return data
        if self.left:
            return data.ljust(self.width)
        return data.rjust(self.width, b"0" if self.zeros and field.zeros else b" ")


def _text(value: str | None) -> bytes:
    return b"" if value is None else value.encode()


def _number(value: int | None) -> bytes:
    return b"" if value is None else b"%d" % value


def _iso(arrival: Arrival) -> bytes:
    when = datetime.fromtimestamp(arrival.nanoseconds // 1_000_000_000).astimezone()
    return when.strftime("%Y-%m-%dT%H:%M:%S%z").encode()


def _identifiers(arrival: Arrival) -> bytes:
    return b" ".join([b"%d" % each for each in arrival.message.properties.subscription_identifiers])


def _pairs(arrival: Arrival) -> bytes:
    return " ".join([f"{key}:{value}" for key, value in arrival.message.properties.user_properties]).encode()


#: By letter: what may have flags and a width.
SHAPED: Final[dict[str, Field]] = {
    "A": Field(lambda arrival: _number(arrival.message.properties.topic_alias), zeros=True),
    "C": Field(lambda arrival: _text(arrival.message.properties.content_type), cuts=True),
    "E": Field(lambda arrival: _number(arrival.message.properties.message_expiry_interval), zeros=True),
    "F": Field(lambda arrival: _number(arrival.message.properties.payload_format_indicator), zeros=True),
    "I": Field(_iso, cuts=True),
    "l": Field(lambda arrival: b"%d" % len(arrival.message.payload), zeros=True),
    "m": Field(lambda arrival: b"%d" % arrival.packet_id, zeros=True),
    "p": Field(lambda arrival: arrival.message.payload, zeros=True),
    "R": Field(lambda arrival: _text(arrival.message.properties.response_topic), cuts=True),
    "S": Field(_identifiers, zeros=True),
    "t": Field(lambda arrival: arrival.message.topic.encode(), cuts=True),
    "x": Field(lambda arrival: hexlify(arrival.message.payload), zeros=True),
    "X": Field(lambda arrival: hexlify(arrival.message.payload).upper(), zeros=True),
}

#: By letter: what is shown as it is.
PLAIN: Final[dict[str, Callable[[Arrival], bytes]]] = {
    "D": lambda arrival: arrival.message.properties.correlation_data or b"",
    "P": _pairs,
    "q": lambda arrival: b"%d" % arrival.message.qos,
    "r": lambda arrival: b"%d" % arrival.message.retain,
    "U": lambda arrival: b"%d.%09d" % divmod(arrival.nanoseconds, 1_000_000_000),
}


def _json(arrival: Arrival, pretty: bool) -> bytes:
    return json_line(arrival.message, arrival.nanoseconds, arrival.packet_id, False, pretty)


def _json_within(arrival: Arrival, pretty: bool) -> bytes:
    return json_line(arrival.message, arrival.nanoseconds, arrival.packet_id, True, pretty)


#: By letter: the message as JSON.
JSON: Final[dict[str, Callable[[Arrival, bool], bytes]]] = {"j": _json, "J": _json_within}
