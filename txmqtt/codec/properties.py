"""
The properties of MQTT 5.0: what they are called, how they travel, and which packet may carry which.

C{property_table} holds the law; reading and writing are two loops over it.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Final, cast

from txmqtt.codec.constants import NAMES, PUBLISH
from txmqtt.codec.errors import LocalProtocolError, RemoteProtocolError
from txmqtt.codec.fields import binary, malformed, put_binary, put_string, put_varint, string, u8, u16, u32, varint
from txmqtt.codec.property_table import (
    AUTHENTICATION_DATA,
    BINARY,
    BYTE,
    PAIR,
    RESPONSE_TOPIC,
    STRING,
    SUBSCRIPTION_IDENTIFIER,
    TABLE,
    U16,
    U32,
    USER_PROPERTY,
    VARINT,
    Law,
)
from txmqtt.codec.property_table import WILL_PROPERTIES as WILL_PROPERTIES
from txmqtt.codec.topics import topic_error


class Properties:
    """
    Properties of one packet or will. What is None, or an empty tuple, is not there.
    """

    def __init__(
        self,
        *,
        payload_format_indicator: int | None = None,
        message_expiry_interval: int | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        subscription_identifiers: tuple[int, ...] = (),
        session_expiry_interval: int | None = None,
        assigned_client_identifier: str | None = None,
        server_keep_alive: int | None = None,
        authentication_method: str | None = None,
        authentication_data: bytes | None = None,
        request_problem_information: int | None = None,
        will_delay_interval: int | None = None,
        request_response_information: int | None = None,
        response_information: str | None = None,
        server_reference: str | None = None,
        reason_string: str | None = None,
        receive_maximum: int | None = None,
        topic_alias_maximum: int | None = None,
        topic_alias: int | None = None,
        maximum_qos: int | None = None,
        retain_available: int | None = None,
        user_properties: tuple[tuple[str, str], ...] = (),
        maximum_packet_size: int | None = None,
        wildcard_subscription_available: int | None = None,
        subscription_identifier_available: int | None = None,
        shared_subscription_available: int | None = None,
    ) -> None:
        self.payload_format_indicator = payload_format_indicator
        self.message_expiry_interval = message_expiry_interval
        self.content_type = content_type
        self.response_topic = response_topic
        self.correlation_data = correlation_data
        self.subscription_identifiers = subscription_identifiers
        self.session_expiry_interval = session_expiry_interval
        self.assigned_client_identifier = assigned_client_identifier
        self.server_keep_alive = server_keep_alive
        self.authentication_method = authentication_method
        self.authentication_data = authentication_data
        self.request_problem_information = request_problem_information
        self.will_delay_interval = will_delay_interval
        self.request_response_information = request_response_information
        self.response_information = response_information
        self.server_reference = server_reference
        self.reason_string = reason_string
        self.receive_maximum = receive_maximum
        self.topic_alias_maximum = topic_alias_maximum
        self.topic_alias = topic_alias
        self.maximum_qos = maximum_qos
        self.retain_available = retain_available
        self.user_properties = user_properties
        self.maximum_packet_size = maximum_packet_size
        self.wildcard_subscription_available = wildcard_subscription_available
        self.subscription_identifier_available = subscription_identifier_available
        self.shared_subscription_available = shared_subscription_available

    def present(self) -> int:
        """
        Which ones are there: a bit for each, by its identifier.
        """
        bits = 0
        if self.payload_format_indicator is not None:
            bits |= 1 << 0x01
        if self.message_expiry_interval is not None:
            bits |= 1 << 0x02
        if self.content_type is not None:
            bits |= 1 << 0x03
        if self.response_topic is not None:
            bits |= 1 << 0x08
        if self.correlation_data is not None:
            bits |= 1 << 0x09
        if self.subscription_identifiers:
            bits |= 1 << 0x0B
        if self.session_expiry_interval is not None:
            bits |= 1 << 0x11
        if self.assigned_client_identifier is not None:
            bits |= 1 << 0x12
        if self.server_keep_alive is not None:
            bits |= 1 << 0x13
        if self.authentication_method is not None:
            bits |= 1 << 0x15
        if self.authentication_data is not None:
            bits |= 1 << 0x16
        if self.request_problem_information is not None:
            bits |= 1 << 0x17
        if self.will_delay_interval is not None:
            bits |= 1 << 0x18
        if self.request_response_information is not None:
            bits |= 1 << 0x19
        if self.response_information is not None:
            bits |= 1 << 0x1A
        if self.server_reference is not None:
            bits |= 1 << 0x1C
        if self.reason_string is not None:
            bits |= 1 << 0x1F
        if self.receive_maximum is not None:
            bits |= 1 << 0x21
        if self.topic_alias_maximum is not None:
            bits |= 1 << 0x22
        if self.topic_alias is not None:
            bits |= 1 << 0x23
        if self.maximum_qos is not None:
            bits |= 1 << 0x24
        if self.retain_available is not None:
            bits |= 1 << 0x25
        if self.user_properties:
            bits |= 1 << 0x26
        if self.maximum_packet_size is not None:
            bits |= 1 << 0x27
        if self.wildcard_subscription_available is not None:
            bits |= 1 << 0x28
        if self.subscription_identifier_available is not None:
            bits |= 1 << 0x29
        if self.shared_subscription_available is not None:
            bits |= 1 << 0x2A
        return bits

    def said(self) -> tuple[object, ...]:
        """
        All values, in the order of the table: what makes two sets of properties equal.
        """
        return cast("tuple[object, ...]", _ALL(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Properties) and self.said() == other.said()

    def __hash__(self) -> int:
        return hash(self.said())

    def __repr__(self) -> str:
        shown = []
        for law, value in zip(TABLE, self.said(), strict=True):
            if value is not None and value != ():
                shown.append(f"{law.name}={_shown(law, value)}")
        return f"Properties({', '.join(shown)})"


def _shown(law: Law, value: object) -> str:
    # Authentication data never reaches a log.
    return "..." if law.identifier == AUTHENTICATION_DATA else repr(value)


def _by_identifier() -> list[Law | None]:
    rows: list[Law | None] = [None] * 256
    for law in TABLE:
        rows[law.identifier] = law
    return rows


#: By identifier: the law of a property.
_LAW: Final = _by_identifier()
#: By packet type: the properties it may carry, and the same as bits.
_LEGAL: Final = [[law for law in TABLE if law.kinds >> kind & 1] for kind in range(16)]
_LEGAL_BITS: Final = [sum([1 << law.identifier for law in rows]) for rows in _LEGAL]
_USER_PROPERTY: Final = bytes((USER_PROPERTY,))

#: Properties that only name subscriptions, by their bytes with the length: a client gets them with every message. So
#: many are remembered, and none that are longer, bytes.
_naming: Final[dict[bytes, Properties]] = {}
_NAMINGS: Final = 1_024
_NAMING_SIZE: Final = 16
_ALL: Final = attrgetter(*[law.name for law in TABLE])


def decode(buffer: bytes, position: int, end: int, kind: int) -> tuple[Properties | None, int]:
    """
    Read a property length and the properties.

    @param end: the end of the packet.
    @param kind: the packet type, or C{WILL_PROPERTIES}.
    @return: the properties, None where there are none, and the position after them. What a PUBLISH says besides naming
        subscriptions is its own; where it says no more than that, others that name the same have the same object.
    """
    start = position
    naming = kind == PUBLISH and position + 1 < end and buffer[position + 1] == SUBSCRIPTION_IDENTIFIER
    if naming:
        stop = position + 1 + buffer[position]
        if stop <= end:
            known = _naming.get(buffer[position:stop])
            if known is not None:
                return known, stop
    size, position = varint(buffer, position, end, "property length")
    if size == 0:
        return None, position
    stop = position + size
    if stop > end:
        raise malformed(f"property length {size}, but {end - position} bytes left in the packet")
    found = Properties()
    seen = 0
    pairs: list[tuple[str, str]] | None = None
    identifiers: list[int] | None = None
    while position < stop:
        # An identifier is a variable byte integer too, but all there are fit in one byte.
        identifier = buffer[position]
        position += 1
        law = _LAW[identifier]
        if law is None:
            raise malformed(f"unknown property identifier 0x{identifier:02X}")
        if not law.kinds >> kind & 1:
            raise malformed(f"property {law.name} in {_owner(kind)}")
        name = law.name
        wire = law.wire
        if wire == PAIR:
            # [MQTT5-1.5.7-1]; their order is kept [MQTT5-3.3.2-18] [MQTT5-3.1.3-10]
            key, position = string(buffer, position, stop, "user property name")
            value, position = string(buffer, position, stop, "user property value")
            if pairs is None:
                pairs = [(key, value)]
            else:
                pairs.append((key, value))
            continue
        if seen >> identifier & 1 and not (wire == VARINT and kind == PUBLISH):
            raise RemoteProtocolError(f"property {name} more than once")
        seen |= 1 << identifier
        if wire == STRING:
            words, position = string(buffer, position, stop, name)
            if identifier == RESPONSE_TOPIC:
                _check_response_topic(words)
            setattr(found, name, words)
            continue
        if wire == BINARY:
            data, position = binary(buffer, position, stop, name)
            setattr(found, name, data)
            continue
        if wire == U32:
            number = u32(buffer, position, stop, name)
            position += 4
        elif wire == U16:
            number = u16(buffer, position, stop, name)
            position += 2
        elif wire == BYTE:
            number = u8(buffer, position, stop, name)
            position += 1
        else:
            number, position = varint(buffer, position, stop, name)
        if not law.low <= number <= law.high:
            raise RemoteProtocolError(f"{name} is {number}; expected {law.low} to {law.high}", law.reason)
        if wire != VARINT:
            setattr(found, name, number)
        elif identifiers is None:
            identifiers = [number]
        else:
            identifiers.append(number)
    if identifiers is not None:
        found.subscription_identifiers = tuple(identifiers)
    if pairs is not None:
        found.user_properties = tuple(pairs)
    if found.authentication_data is not None and found.authentication_method is None:
        raise RemoteProtocolError("authentication_data without authentication_method")
    if naming and size <= _NAMING_SIZE and seen == 1 << SUBSCRIPTION_IDENTIFIER:
        if len(_naming) >= _NAMINGS:
            _naming.clear()
        _naming[buffer[start:stop]] = found
    return found, position


def _owner(kind: int) -> str:
    return NAMES[kind] if kind else "the will"


def _check_response_topic(topic: str) -> None:
    # [MQTT5-3.3.2-14]
    wrong = topic_error(topic.encode("utf-8"))
    if wrong is not None:
        raise RemoteProtocolError(f"response_topic: {wrong}")


def encode(properties: Properties | None, kind: int) -> bytes:
    """
    A property length and the properties, in the order of their identifiers [MQTT5-2.2.2-1].

    @param kind: the packet type, or C{WILL_PROPERTIES}.
    """
    if properties is None:
        return b"\0"
    bits = properties.present()
    if bits & ~_LEGAL_BITS[kind]:
        raise _misplaced(properties, bits & ~_LEGAL_BITS[kind], kind)
    parts: list[bytes] = []
    for law in _LEGAL[kind]:
        if not bits >> law.identifier & 1:
            continue
        value: object = getattr(properties, law.name)
        wire = law.wire
        if wire == PAIR:
            _put_pairs(value, parts)
        elif wire == VARINT:
            _put_identifiers(value, law, kind, parts)
        else:
            parts.append(_put(value, law))
    if properties.authentication_data is not None and properties.authentication_method is None:
        raise LocalProtocolError("authentication_data needs an authentication_method")
    body = b"".join(parts)
    return put_varint(len(body)) + body


def _misplaced(properties: Properties, illegal: int, kind: int) -> LocalProtocolError:
    law = next(law for law in TABLE if illegal >> law.identifier & 1)
    value = _shown(law, getattr(properties, law.name))
    where = ", ".join([_owner(other) for other in range(16) if law.kinds >> other & 1])
    return LocalProtocolError(f"{law.name}={value} in {_owner(kind)}; expected in {where} only")


def _put(value: object, law: Law) -> bytes:
    """
    One property with its identifier: a number, a string or bytes.
    """
    name = law.name
    wire = law.wire
    identifier = law.identifier
    if wire == STRING:
        if not isinstance(value, str):
            raise LocalProtocolError(f"{name}={value!r}; expected str")
        raw = put_string(value, name)
        if identifier == RESPONSE_TOPIC:
            wrong = topic_error(raw[2:])
            if wrong is not None:
                raise LocalProtocolError(f"{name}={value!r}; expected a topic without wildcards: {wrong}")
        return law.prefix + raw
    if wire == BINARY:
        if not isinstance(value, bytes):
            raise LocalProtocolError(f"{name} is {type(value).__name__}; expected bytes")
        return law.prefix + put_binary(value, name)
    number = _number(value, law)
    if wire == U32:
        return (identifier << 32 | number).to_bytes(5, "big")
    if wire == U16:
        return (identifier << 16 | number).to_bytes(3, "big")
    return (identifier << 8 | number).to_bytes(2, "big")


def _number(value: object, law: Law) -> int:
    if not isinstance(value, int) or not law.low <= value <= law.high:
        raise LocalProtocolError(f"{law.name}={value!r}; expected an integer from {law.low} to {law.high}", law.reason)
    return value


def _put_identifiers(value: object, law: Law, kind: int, parts: list[bytes]) -> None:
    if not isinstance(value, tuple):
        raise LocalProtocolError(f"{law.name}={value!r}; expected a tuple of integers")
    if len(value) > 1 and kind != PUBLISH:
        raise LocalProtocolError(f"{law.name}={value!r}; expected at most one in {_owner(kind)}")
    for item in value:
        parts.append(law.prefix + put_varint(_number(item, law)))


def _put_pairs(value: object, parts: list[bytes]) -> None:
    if not isinstance(value, tuple):
        raise LocalProtocolError(f"user_properties={value!r}; expected a tuple of pairs of str")
    for pair in value:
        if not isinstance(pair, tuple) or len(pair) != 2 or not (isinstance(pair[0], str) and isinstance(pair[1], str)):
            raise LocalProtocolError(f"user_properties has {pair!r}; expected a pair of str")
        parts.append(_USER_PROPERTY)
        parts.append(put_string(pair[0], "user property name"))
        parts.append(put_string(pair[1], "user property value"))
