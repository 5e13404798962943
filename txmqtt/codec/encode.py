"""
Packets to bytes.

C{packet} takes any packet. Those who send much call the function of their packet type instead, and need no object for
it. All of them refuse what the version at hand cannot say, and what no version can, with C{LocalProtocolError}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txmqtt.codec.checks import (
    bad_packet_id,
    bad_properties,
    bad_qos,
    bad_topic_size,
    check_filter,
    check_reason,
    check_topic,
    check_topic_size,
    codes_bytes,
    first_byte,
    packet_id_bytes,
    properties_bytes,
)
from txmqtt.codec.constants import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MAX_PACKET_ID,
    MQTT5,
    MQTT31,
    MQTT311,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.fields import BYTES, MAX_STRING, PAIRS, header, pair, put_binary, put_string, put_u16
from txmqtt.codec.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.codec.properties import encode as encode_properties
from txmqtt.codec.topics import SHARE

#: What stands before the packet identifier of an acknowledgement that has nothing more to say.
PUBACK_BYTES: Final = b"\x40\x02"
PUBREC_BYTES: Final = b"\x50\x02"
PUBREL_BYTES: Final = b"\x62\x02"
PUBCOMP_BYTES: Final = b"\x70\x02"
_BRIEF: Final = [PUBACK_BYTES, PUBREC_BYTES, PUBREL_BYTES, PUBCOMP_BYTES]

PINGREQ_BYTES: Final = b"\xc0\x00"
PINGRESP_BYTES: Final = b"\xd0\x00"


def packet(packet: Packet, version: int) -> bytes:
    """
    The bytes of any packet.

    @param version: the protocol level that the connection speaks.
    """
    if not MQTT31 <= version <= MQTT5:
        raise LocalProtocolError(f"protocol level {version}; expected 3, 4 or 5")
    if isinstance(packet, Publish):
        topic = packet.topic
        if topic:
            check_topic(topic, "topic")
        return publish(
            topic, packet.payload, packet.qos, packet.retain, packet.dup, packet.packet_id, packet.properties, version
        )
    if isinstance(packet, Ack):
        return ack(packet.kind, packet.packet_id, packet.reason, packet.properties, version)
    if isinstance(packet, Connect):
        if packet.version != version:
            raise LocalProtocolError(f"CONNECT of protocol level {packet.version} where {version} is spoken")
        return connect(packet)
    if isinstance(packet, Connack):
        return connack(packet.reason, packet.session_present, packet.properties, version)
    if isinstance(packet, Subscribe):
        return subscribe(packet.packet_id, packet.subscriptions, packet.properties, version, packet.dup)
    if isinstance(packet, Suback):
        return suback(packet.packet_id, packet.reasons, packet.properties, version)
    if isinstance(packet, Unsubscribe):
        return unsubscribe(packet.packet_id, packet.filters, packet.properties, version, packet.dup)
    if isinstance(packet, Unsuback):
        return unsuback(packet.packet_id, packet.reasons, packet.properties, version)
    if isinstance(packet, Pingreq):
        return PINGREQ_BYTES
    if isinstance(packet, Pingresp):
        return PINGRESP_BYTES
    if isinstance(packet, Disconnect):
        return disconnect(packet.reason, packet.properties, version)
    if isinstance(packet, Auth):
        return auth(packet.reason, packet.properties, version)
    raise LocalProtocolError(f"{type(packet).__name__} is none of MQTT's packets")


def publish(
    topic: bytes,
    payload: bytes,
    qos: int,
    retain: bool,
    dup: bool,
    packet_id: int,
    properties: Properties | None,
    version: int,
) -> bytes:
    """
    PUBLISH. The topic has been found valid (C{topics.topic_error}): only its length is looked at here.

    @param packet_id: 0 with QoS 0 [MQTT5-2.2.1-2] [MQTT311-2.3.1-5].
    """
    size = len(topic)
    if size - 1 >= MAX_STRING or size == 0:
        check_topic_size(size, properties, version)
    first = 0x31 if retain else 0x30
    middle = b""
    if version == MQTT5:
        middle = b"\0" if properties is None else encode_properties(properties, PUBLISH)
    elif properties is not None:
        raise bad_properties(PUBLISH, version)
    if qos:
        if qos != 1 and qos != 2:
            raise bad_qos(qos)
        if not 0 < packet_id <= MAX_PACKET_ID:
            raise bad_packet_id(packet_id, PUBLISH)
        first |= qos << 1
        if dup:
            first |= 8
        middle = pair(packet_id) + middle if middle else pair(packet_id)
    elif dup or packet_id:
        # [MQTT5-3.3.1-2] [MQTT311-3.3.1-2]
        raise LocalProtocolError("PUBLISH of QoS 0 with DUP or a packet identifier")
    remaining = 2 + size + len(middle) + len(payload)
    if remaining < 128:
        return b"%b%b%b%b%b%b" % (BYTES[first], BYTES[remaining], PAIRS[size], topic, middle, payload)
    return b"".join((header(first, remaining), pair(size), topic, middle, payload))


def publish_head(first: int, topic: bytes, tail: bytes, id_size: int) -> bytes:
    """
    The fixed header and topic of a PUBLISH, so that a fan-out shares them, and C{tail}, between many receivers and puts
    each one's packet identifier between.

    @param first: the first byte.
    @param tail: all that follows the packet identifier: on 5.0 the properties, then the payload.
    @param id_size: 2 with QoS 1 and 2, otherwise 0.
    """
    size = len(topic)
    remaining = 2 + size + id_size + len(tail)
    if remaining < 128:
        return b"%b%b%b%b" % (BYTES[first], BYTES[remaining], PAIRS[size], topic)
    if size > MAX_STRING:
        raise bad_topic_size(size)
    return b"".join((header(first, remaining), pair(size), topic))


def brief(beginning: bytes, packet_id: int) -> bytes:
    """
    An acknowledgement that says no more than that it went well, which is the same in all versions.

    @param beginning: what stands before its packet identifier: C{PUBACK_BYTES} and so on.
    """
    return b"%b%b%b" % (beginning, BYTES[packet_id >> 8], BYTES[packet_id & 255])


def ack(kind: int, packet_id: int, reason: int, properties: Properties | None, version: int) -> bytes:
    """
    PUBACK, PUBREC, PUBREL or PUBCOMP, in the shortest form there is.
    """
    if not PUBACK <= kind <= PUBCOMP:
        raise LocalProtocolError(f"{kind} is no packet type of an acknowledgement")
    if not 0 < packet_id <= MAX_PACKET_ID:
        raise bad_packet_id(packet_id, kind)
    if reason == 0 and properties is None:
        return brief(_BRIEF[kind - PUBACK], packet_id)
    first = 0x62 if kind == PUBREL else kind << 4
    check_reason(reason, kind, version)
    if properties is None:
        return (first << 32 | 0x03000000 | packet_id << 8 | reason).to_bytes(5, "big")
    body = (packet_id << 8 | reason).to_bytes(3, "big") + properties_bytes(properties, kind, version)
    return header(first, len(body)) + body


def connect(packet: Connect) -> bytes:
    """
    CONNECT, for the version that it names.
    """
    version = packet.version
    if not MQTT31 <= version <= MQTT5:
        raise LocalProtocolError(f"protocol level {version}; expected 3, 4 or 5")
    flags = 0x02 if packet.clean_start else 0
    level = version
    if packet.bridge:
        if version == MQTT5:
            raise LocalProtocolError("the bridge flag is not of MQTT 5.0")
        level |= 0x80
    if not packet.client_id and (version == MQTT31 or (version == MQTT311 and not packet.clean_start)):
        # [MQTT311-3.1.3-7]
        raise LocalProtocolError("client identifier is empty; MQTT 3.1 needs one, 3.1.1 for all but a clean session")
    if packet.password is not None and packet.username is None and version != MQTT5:
        raise LocalProtocolError("password without user name; possible on MQTT 5.0 only")  # [MQTT311-3.1.2-22]
    properties = properties_bytes(packet.properties, CONNECT, version)
    parts = [properties, put_string(packet.client_id, "client identifier")]
    if packet.will is not None:
        flags |= _will(packet.will, parts, version)
    if packet.username is not None:
        flags |= 0x80
        parts.append(put_string(packet.username, "user name"))
    if packet.password is not None:
        flags |= 0x40
        parts.append(put_binary(packet.password, "password"))
    name = b"\0\6MQIsdp" if version == MQTT31 else b"\0\4MQTT"
    body = name + bytes((level, flags)) + put_u16(packet.keep_alive, "keep-alive") + b"".join(parts)
    return header(0x10, len(body)) + body


def _will(will: Will, parts: list[bytes], version: int) -> int:
    """
    Append a will to the payload of CONNECT.

    @return: its connect flags.
    """
    check_topic(will.topic, "will topic")
    if not 0 <= will.qos <= 2:
        raise bad_qos(will.qos)
    parts.append(properties_bytes(will.properties, WILL_PROPERTIES, version))
    parts.append(put_binary(will.topic, "will topic"))
    parts.append(put_binary(will.payload, "will payload"))
    return 0x04 | will.qos << 3 | (0x20 if will.retain else 0)


def connack(reason: int, session_present: bool, properties: Properties | None, version: int) -> bytes:
    """
    CONNACK.

    @param reason: on 3.x a return code, 0 to 5.
    """
    check_reason(reason, CONNACK, version)
    if session_present:
        if reason:
            raise LocalProtocolError("CONNACK refuses and has a session")  # [MQTT5-3.2.2-6] [MQTT311-3.2.2-4]
        if version == MQTT31:
            raise LocalProtocolError("MQTT 3.1 cannot say that a session is present")
    body = bytes((1 if session_present else 0, reason)) + properties_bytes(properties, CONNACK, version)
    return header(0x20, len(body)) + body


def subscribe(
    packet_id: int,
    subscriptions: Sequence[Subscription],
    properties: Properties | None,
    version: int,
    dup: bool = False,
) -> bytes:
    """
    SUBSCRIBE.

    @param dup: sent again, which only 3.1 can say.
    """
    if not subscriptions:
        raise LocalProtocolError("SUBSCRIBE without a filter")  # [MQTT5-3.8.3-2] [MQTT311-3.8.3-3]
    parts = [packet_id_bytes(packet_id, SUBSCRIBE), properties_bytes(properties, SUBSCRIBE, version)]
    for subscription in subscriptions:
        filter = subscription.filter
        check_filter(filter, version)
        qos = subscription.qos
        if not 0 <= qos <= 2:
            raise bad_qos(qos)
        handling = subscription.retain_handling
        if not 0 <= handling <= 2:
            raise LocalProtocolError(f"retain handling is {handling}; expected 0, 1 or 2")
        options = (
            qos
            | (0x04 if subscription.no_local else 0)
            | (0x08 if subscription.retain_as_published else 0)
            | handling << 4
        )
        if options != qos and version != MQTT5:
            raise LocalProtocolError("subscription options other than QoS are of MQTT 5.0 only")
        if subscription.no_local and filter.startswith(SHARE):
            raise LocalProtocolError(f"No Local on the shared subscription {filter!r}")  # [MQTT5-3.8.3-4]
        parts.append(put_binary(filter, "filter"))
        parts.append(BYTES[options])
    body = b"".join(parts)
    return header(first_byte(dup, 0x82, version), len(body)) + body


def suback(packet_id: int, codes: Sequence[int], properties: Properties | None, version: int) -> bytes:
    """
    SUBACK.

    @param codes: one for each filter of the SUBSCRIBE, in its order.
    """
    parts = [
        packet_id_bytes(packet_id, SUBACK),
        properties_bytes(properties, SUBACK, version),
        codes_bytes(codes, SUBACK, version),
    ]
    body = b"".join(parts)
    return header(0x90, len(body)) + body


def unsubscribe(
    packet_id: int, filters: Sequence[bytes], properties: Properties | None, version: int, dup: bool = False
) -> bytes:
    """
    UNSUBSCRIBE.

    @param dup: sent again, which only 3.1 can say.
    """
    if not filters:
        raise LocalProtocolError("UNSUBSCRIBE without a filter")  # [MQTT5-3.10.3-2] [MQTT311-3.10.3-2]
    parts = [packet_id_bytes(packet_id, UNSUBSCRIBE), properties_bytes(properties, UNSUBSCRIBE, version)]
    for filter in filters:
        check_filter(filter, version)
        parts.append(put_binary(filter, "filter"))
    body = b"".join(parts)
    return header(first_byte(dup, 0xA2, version), len(body)) + body


def unsuback(packet_id: int, codes: Sequence[int], properties: Properties | None, version: int) -> bytes:
    """
    UNSUBACK.

    @param codes: one for each filter of the UNSUBSCRIBE on 5.0, none on 3.x.
    """
    parts = [packet_id_bytes(packet_id, UNSUBACK), properties_bytes(properties, UNSUBACK, version)]
    if version == MQTT5:
        parts.append(codes_bytes(codes, UNSUBACK, version))
    elif codes:
        raise LocalProtocolError("UNSUBACK has reason codes on MQTT 5.0 only")
    body = b"".join(parts)
    return header(0xB0, len(body)) + body


def disconnect(reason: int, properties: Properties | None, version: int) -> bytes:
    """
    DISCONNECT, in the shortest form there is.
    """
    check_reason(reason, DISCONNECT, version)
    if properties is not None:
        body = bytes((reason,)) + properties_bytes(properties, DISCONNECT, version)
        return header(0xE0, len(body)) + body
    return b"\xe0\x01" + bytes((reason,)) if reason else b"\xe0\x00"


def auth(reason: int, properties: Properties | None, version: int = MQTT5) -> bytes:
    """
    AUTH, in the shortest form there is.
    """
    if version != MQTT5:
        raise LocalProtocolError("AUTH is of MQTT 5.0 only")
    check_reason(reason, AUTH, version)
    if properties is None and reason == 0:
        return b"\xf0\x00"
    if properties is None or properties.authentication_method is None:
        raise LocalProtocolError("AUTH needs an authentication_method")  # section 3.15.2.2.2
    body = bytes((reason,)) + encode_properties(properties, AUTH)
    return header(0xF0, len(body)) + body
