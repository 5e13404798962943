"""
What stands in each packet after its fixed header: one reader per type, all but PUBLISH, which the decoder reads itself.

A reader gets C{(data, position, end, first, version)}: the packet is C{data[position:end]} without its fixed header,
C{first} its first byte. It answers with the packet, or raises C{RemoteProtocolError}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.constants import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT5,
    MQTT31,
    MQTT311,
    NAMES,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from txmqtt.codec.errors import RemoteProtocolError, UnsupportedVersion
from txmqtt.codec.fields import binary, malformed, string, u8, u16, utf8_error
from txmqtt.codec.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.codec.properties import decode as decode_properties
from txmqtt.codec.topics import SHARE, filter_syntax_error, topic_error

#: In the protocol level, on 3.x: a bridge is calling.
_BRIDGE: Final = 0x80


def read(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    """
    The packet of any type but PUBLISH.
    """
    kind = first >> 4
    flags = first & 15
    if kind == CONNECT:
        return _connect(data, position, end, first, version)  # it names the version by which its flags are judged
    expected = 2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0
    # [MQTT5-2.1.3-1] [MQTT311-2.2.2-2]; 3.1 does not use the flags of most packets, and these three may be repeated.
    if flags != expected and (version != MQTT31 or (expected and flags & 6 != 2)):
        raise malformed(f"{NAMES[kind]} with flags {flags:04b}; expected {expected:04b}")
    return _READERS[kind](data, position, end, first, version)


def level_named(data: bytes, position: int, end: int) -> int:
    """
    The protocol level that a CONNECT names, whatever else may be wrong with it; 0 for none that we speak.
    """
    if end - position > 6 and data[position : position + 6] == b"\0\4MQTT":
        level = data[position + 6] & 0x7F
        return level if level in (MQTT311, MQTT5) else 0
    if end - position > 8 and data[position : position + 8] == b"\0\6MQIsdp":
        return MQTT31 if data[position + 8] & 0x7F == MQTT31 else 0
    return 0


def _connect(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    name, position = binary(data, position, end, "CONNECT protocol name")
    level = u8(data, position, end, "CONNECT protocol level")
    position += 1
    bridge = level >= _BRIDGE
    level &= 0x7F
    # [MQTT5-3.1.2-1] [MQTT5-3.1.2-2] [MQTT311-3.1.2-1] [MQTT311-3.1.2-2]
    if name == b"MQTT":
        known = level == MQTT311 or (level == MQTT5 and not bridge)
    elif name == b"MQIsdp":
        known = level == MQTT31
    else:
        raise UnsupportedVersion(f"CONNECT protocol name {name[:40]!r}; expected 'MQTT' or 'MQIsdp'", level)
    if not known:
        raise UnsupportedVersion(
            f"CONNECT protocol name {name.decode()} level {level | (_BRIDGE if bridge else 0)};"
            " expected MQIsdp 3, MQTT 4 or MQTT 5",
            level,
        )
    if first != 0x10 and level != MQTT31:
        raise malformed(f"CONNECT with flags {first & 15:04b}; expected 0000")
    flags = u8(data, position, end, "CONNECT flags")
    will_flag = flags & 0x04
    will_qos = flags >> 3 & 3
    if level != MQTT31:
        _check_connect_flags(flags, level)
    if will_flag and will_qos == 3:
        raise malformed("CONNECT will QoS 3")  # [MQTT5-3.1.2-12] [MQTT311-3.1.2-14]
    if flags & 0xC0 == 0x40 and level != MQTT5:
        raise malformed("CONNECT with a password and no user name")  # [MQTT311-3.1.2-22]
    position += 1
    keep_alive = u16(data, position, end, "CONNECT keep-alive")
    position += 2
    properties: Properties | None = None
    if level == MQTT5:
        properties, position = decode_properties(data, position, end, CONNECT)
    # The payload, always in this order [MQTT5-3.1.3-1] [MQTT311-3.1.3-1].
    client_id, position = string(data, position, end, "CONNECT client identifier")
    will: Will | None = None
    if will_flag:
        will_properties: Properties | None = None
        if level == MQTT5:
            will_properties, position = decode_properties(data, position, end, WILL_PROPERTIES)
        topic, position = binary(data, position, end, "CONNECT will topic")
        _check_will_topic(topic)
        payload, position = binary(data, position, end, "CONNECT will payload")
        will = Will(topic, payload, will_qos, flags & 0x20 != 0, will_properties)
    # To 3.1 the remaining length is stronger than the flags: user name and password may be missing all the same.
    username: str | None = None
    if flags & 0x80 and (position < end or level != MQTT31):
        username, position = string(data, position, end, "CONNECT user name")
    password: bytes | None = None
    if flags & 0x40 and (position < end or level != MQTT31):
        password, position = binary(data, position, end, "CONNECT password")
    _check_end(position, end, CONNECT)
    return Connect(client_id, level, flags & 0x02 != 0, keep_alive, username, password, will, properties, bridge)


def _check_connect_flags(flags: int, level: int) -> None:
    if flags & 0x01:
        raise malformed("CONNECT with the reserved flag set")  # [MQTT5-3.1.2-3] [MQTT311-3.1.2-3]
    if not flags & 0x04 and flags & 0x38:
        # [MQTT5-3.1.2-11] [MQTT5-3.1.2-13] [MQTT311-3.1.2-11]
        raise malformed("CONNECT with will QoS or will retain, and no will")


def _check_will_topic(topic: bytes) -> None:
    wrong = utf8_error(topic)
    if wrong is not None:
        raise malformed(f"CONNECT will topic: {wrong}")  # [MQTT5-3.1.3-11] [MQTT311-3.1.3-10]
    wrong = topic_error(topic)
    if wrong is not None:
        raise RemoteProtocolError(f"CONNECT will {wrong}", reasons.TOPIC_NAME_INVALID)


def _connack(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    flags = u8(data, position, end, "CONNACK flags")
    reason = u8(data, position + 1, end, "CONNACK reason code")
    position += 2
    if version == MQTT31:
        flags = 0  # a reserved byte there
    if version == MQTT5 and position == end and flags == 0 and 0 < reason <= 5:
        # Who does not know 5.0 answers in the words of 3.1.1 [MQTT311-3.1.2-2].
        return Connack(reasons.from_return_code(reason))
    if flags & 0xFE:
        raise malformed(f"CONNACK with flags {flags:08b}; expected 0 or 1")  # [MQTT5-3.2.2-1]
    _check_reason(reason, CONNACK, version)
    if flags and reason:
        raise RemoteProtocolError(f"CONNACK refuses ({reason}) and has a session")  # [MQTT5-3.2.2-6] [MQTT311-3.2.2-4]
    properties: Properties | None = None
    if version == MQTT5:
        properties, position = decode_properties(data, position, end, CONNACK)
    _check_end(position, end, CONNACK)
    return Connack(reason, flags == 1, properties)


def _ack(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    kind = first >> 4
    packet_id = _packet_id(data, position, end, kind)
    position += 2
    reason = 0
    properties: Properties | None = None
    if version == MQTT5 and position < end:
        reason = data[position]
        position += 1
        _check_reason(reason, kind, version)
        if position < end:
            properties, position = decode_properties(data, position, end, kind)
    _check_end(position, end, kind)
    return Ack(kind, packet_id, reason, properties)


def _subscribe(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    packet_id = _packet_id(data, position, end, SUBSCRIBE)
    position += 2
    properties: Properties | None = None
    if version == MQTT5:
        properties, position = decode_properties(data, position, end, SUBSCRIBE)
    if position >= end:
        raise RemoteProtocolError("SUBSCRIBE without a filter")  # [MQTT5-3.8.3-2] [MQTT311-3.8.3-3]
    subscriptions: list[Subscription] = []
    while position < end:
        filter, position = _filter(data, position, end, "SUBSCRIBE filter", version)
        options = u8(data, position, end, "SUBSCRIBE options")
        position += 1
        qos = options & 3
        if version != MQTT5:
            if version == MQTT311 and options & 0xFC:
                raise malformed(f"SUBSCRIBE options {options:08b}; expected QoS alone")  # [MQTT311-3.8.3-4]
            if qos == 3:
                raise malformed("SUBSCRIBE for QoS 3")
            subscriptions.append(Subscription(filter, qos))
            continue
        if options & 0xC0:
            raise malformed(f"SUBSCRIBE options {options:08b}; the first two bits are reserved")  # [MQTT5-3.8.3-5]
        if qos == 3:
            raise RemoteProtocolError("SUBSCRIBE for QoS 3")
        retain_handling = options >> 4
        if retain_handling == 3:
            raise RemoteProtocolError("SUBSCRIBE with retain handling 3")
        no_local = options & 0x04 != 0
        if no_local and filter.startswith(SHARE):
            raise RemoteProtocolError("SUBSCRIBE to a shared subscription with No Local")  # [MQTT5-3.8.3-4]
        subscriptions.append(Subscription(filter, qos, no_local, options & 0x08 != 0, retain_handling))
    return Subscribe(packet_id, subscriptions, properties, first & 8 != 0)


def _suback(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    packet_id = _packet_id(data, position, end, SUBACK)
    position += 2
    properties: Properties | None = None
    if version == MQTT5:
        properties, position = decode_properties(data, position, end, SUBACK)
    return Suback(packet_id, _reasons(data, position, end, SUBACK, version), properties)


def _unsubscribe(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    packet_id = _packet_id(data, position, end, UNSUBSCRIBE)
    position += 2
    properties: Properties | None = None
    if version == MQTT5:
        properties, position = decode_properties(data, position, end, UNSUBSCRIBE)
    if position >= end:
        raise RemoteProtocolError("UNSUBSCRIBE without a filter")  # [MQTT5-3.10.3-2] [MQTT311-3.10.3-2]
    filters: list[bytes] = []
    while position < end:
        filter, position = _filter(data, position, end, "UNSUBSCRIBE filter", version)
        filters.append(filter)
    return Unsubscribe(packet_id, filters, properties, first & 8 != 0)


def _unsuback(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    packet_id = _packet_id(data, position, end, UNSUBACK)
    position += 2
    if version != MQTT5:
        _check_end(position, end, UNSUBACK)
        return Unsuback(packet_id, [])
    properties, position = decode_properties(data, position, end, UNSUBACK)
    return Unsuback(packet_id, _reasons(data, position, end, UNSUBACK, version), properties)


def _pingreq(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    _check_end(position, end, first >> 4)
    return Pingreq()


def _pingresp(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    _check_end(position, end, first >> 4)
    return Pingresp()


def _disconnect(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    reason = 0
    properties: Properties | None = None
    if version == MQTT5 and position < end:
        reason = data[position]
        position += 1
        _check_reason(reason, DISCONNECT, version)
        if position < end:
            properties, position = decode_properties(data, position, end, DISCONNECT)
    _check_end(position, end, DISCONNECT)
    return Disconnect(reason, properties)


def _auth(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    if version != MQTT5:
        raise malformed("AUTH before MQTT 5.0")
    if position == end:
        return Auth()
    reason = data[position]
    _check_reason(reason, AUTH, version)
    properties, position = decode_properties(data, position + 1, end, AUTH)
    _check_end(position, end, AUTH)
    if properties is None or properties.authentication_method is None:
        raise RemoteProtocolError("AUTH without authentication_method")  # section 3.15.2.2.2
    return Auth(reason, properties)


def _reserved(data: bytes, position: int, end: int, first: int, version: int) -> Packet:
    raise malformed(f"packet type {first >> 4} is reserved")


def _packet_id(data: bytes, position: int, end: int, kind: int) -> int:
    if end - position < 2:
        raise malformed(f"{NAMES[kind]} without a packet identifier")
    packet_id = data[position] << 8 | data[position + 1]
    if packet_id == 0:
        raise no_packet_id(kind)
    return packet_id


def no_packet_id(kind: int) -> RemoteProtocolError:
    """
    The error for packet identifier 0, which no packet may have [MQTT5-2.2.1-3] [MQTT311-2.3.1-1].
    """
    return RemoteProtocolError(f"{NAMES[kind]} with packet identifier 0")


def _filter(data: bytes, position: int, end: int, what: str, version: int) -> tuple[bytes, int]:
    filter, position = binary(data, position, end, what)
    wrong = utf8_error(filter)
    if wrong is not None:
        raise malformed(f"{what}: {wrong}")  # [MQTT5-3.8.3-1] [MQTT5-3.10.3-1] [MQTT311-3.8.3-1]
    wrong = filter_syntax_error(filter, version == MQTT5)
    if wrong is not None:
        raise RemoteProtocolError(f"{what} {filter[:80]!r}: {wrong}", reasons.TOPIC_FILTER_INVALID)
    return filter, position


def _reasons(data: bytes, position: int, end: int, kind: int, version: int) -> list[int]:
    if position >= end:
        raise RemoteProtocolError(f"{NAMES[kind]} without a reason code")
    found: list[int] = []
    while position < end:
        reason = data[position]
        _check_reason(reason, kind, version)
        found.append(reason)
        position += 1
    return found


def _check_reason(reason: int, kind: int, version: int) -> None:
    if not reasons.legal(kind, reason, version):
        raise RemoteProtocolError(f"{NAMES[kind]} with reason code 0x{reason:02X}, which it may not have")


def _check_end(position: int, end: int, kind: int) -> None:
    if position != end:
        raise malformed(f"{NAMES[kind]} goes on for {end - position} bytes after its last field")


_Reader = Callable[[bytes, int, int, int, int], Packet]

#: By packet type. PUBLISH is the decoder's own.
_READERS: Final[tuple[_Reader, ...]] = (
    _reserved,
    _connect,
    _connack,
    _reserved,
    _ack,
    _ack,
    _ack,
    _ack,
    _subscribe,
    _suback,
    _unsubscribe,
    _unsuback,
    _pingreq,
    _pingresp,
    _disconnect,
    _auth,
)
