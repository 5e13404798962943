"""
What the sending side refuses before a byte is written: values that do not fit, and what a version cannot say.

Functions named C{check_} raise C{LocalProtocolError}; those named C{bad_} make one, to be raised.
"""

from collections.abc import Sequence

from txmqtt.codec import reasons
from txmqtt.codec.constants import CONNECT, MAX_PACKET_ID, MQTT5, MQTT31, NAMES
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.fields import MAX_STRING, pair
from txmqtt.codec.properties import Properties
from txmqtt.codec.properties import encode as encode_properties
from txmqtt.codec.topics import filter_error, topic_error


def check_topic_size(size: int, properties: Properties | None, version: int) -> None:
    """
    Only on 5.0 may a topic be empty, and only with an alias in its place.
    """
    if size > MAX_STRING:
        raise bad_topic_size(size)
    if size == 0 and (version != MQTT5 or properties is None or properties.topic_alias is None):
        raise LocalProtocolError("topic is empty; possible on MQTT 5.0 only, with a topic alias")


def bad_topic_size(size: int) -> LocalProtocolError:
    """
    A topic too long for its two bytes of length.
    """
    return LocalProtocolError(f"topic is {size} bytes; {MAX_STRING} at most", reasons.TOPIC_NAME_INVALID)


def bad_qos(qos: int) -> LocalProtocolError:
    """
    A QoS that is none.
    """
    return LocalProtocolError(f"QoS is {qos}; expected 0, 1 or 2")


def bad_packet_id(packet_id: int, kind: int) -> LocalProtocolError:
    """
    A packet identifier that is none [MQTT5-2.2.1-3] [MQTT311-2.3.1-1].
    """
    return LocalProtocolError(f"packet identifier of {NAMES[kind]} is {packet_id}; expected 1 to {MAX_PACKET_ID}")


def bad_properties(kind: int, version: int) -> LocalProtocolError:
    """
    Properties before 5.0.
    """
    return LocalProtocolError(f"properties in {NAMES[kind]} at protocol level {version}; only MQTT 5.0 has them")


def properties_bytes(properties: Properties | None, kind: int, version: int) -> bytes:
    """
    The properties of a packet; nothing at all before 5.0.
    """
    if version == MQTT5:
        return encode_properties(properties, kind)
    if properties is not None:
        raise bad_properties(kind or CONNECT, version)
    return b""


def packet_id_bytes(packet_id: int, kind: int) -> bytes:
    """
    A packet identifier.
    """
    if not 0 < packet_id <= MAX_PACKET_ID:
        raise bad_packet_id(packet_id, kind)
    return pair(packet_id)


def check_topic(topic: bytes, what: str) -> None:
    """
    A topic must be well formed.
    """
    wrong = topic_error(topic)
    if wrong is not None:
        raise LocalProtocolError(f"{what} {topic[:80]!r}: {wrong}", reasons.TOPIC_NAME_INVALID)


def check_filter(filter: bytes, version: int) -> None:
    """
    A filter must be well formed; C{$share} means something on 5.0 only.
    """
    wrong = filter_error(filter, version == MQTT5)
    if wrong is not None:
        raise LocalProtocolError(f"filter {filter[:80]!r}: {wrong}", reasons.TOPIC_FILTER_INVALID)


def check_reason(reason: int, kind: int, version: int) -> None:
    """
    A packet has its own list of reason codes, on 3.x of return codes.
    """
    if not reasons.legal(kind, reason, version):
        raise LocalProtocolError(f"{NAMES[kind]} at protocol level {version} cannot say {reason}")


def codes_bytes(codes: Sequence[int], kind: int, version: int) -> bytes:
    """
    The reason codes of SUBACK or UNSUBACK.
    """
    if not codes:
        raise LocalProtocolError(f"{NAMES[kind]} without a reason code")
    for code in codes:
        check_reason(code, kind, version)
    return bytes(codes)


def first_byte(dup: bool, first: int, version: int) -> int:
    """
    The first byte of SUBSCRIBE or UNSUBSCRIBE: only 3.1 can say that it comes again.
    """
    if not dup:
        return first
    if version != MQTT31:
        raise LocalProtocolError(f"{NAMES[first >> 4]} with DUP; possible on MQTT 3.1 only")
    return first | 8
