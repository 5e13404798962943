"""
The law of properties: what they are called, how they travel, which numbers they take, and which packet may carry which.
"""

from typing import Final

from txmqtt.codec import reasons
from txmqtt.codec.constants import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MAX_REMAINING,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from txmqtt.codec.fields import MAX_U16, MAX_U32

#: Beside the packet types: the properties of the will, within CONNECT.
WILL_PROPERTIES: Final = 0

# The identifiers that need a word of their own.
RESPONSE_TOPIC: Final = 0x08
SUBSCRIPTION_IDENTIFIER: Final = 0x0B
AUTHENTICATION_DATA: Final = 0x16
USER_PROPERTY: Final = 0x26

# How a property travels.
BYTE: Final = 1
U16: Final = 2
U32: Final = 3
VARINT: Final = 4
STRING: Final = 5
BINARY: Final = 6
PAIR: Final = 7


class Law:
    """
    One row of the table.

    @ivar prefix: the identifier, as it stands before the value.
    @ivar kinds: the packets that may carry it, as bits by number.
    @ivar low: the smallest number allowed.
    @ivar high: the largest.
    @ivar reason: the code for a number out of range.
    """

    def __init__(
        self,
        identifier: int,
        name: str,
        wire: int,
        kinds: tuple[int, ...],
        low: int = 0,
        high: int = MAX_U32,
        reason: int = reasons.PROTOCOL_ERROR,
    ) -> None:
        self.identifier: Final = identifier
        self.prefix: Final = bytes((identifier,))
        self.name: Final = name
        self.wire: Final = wire
        self.kinds: Final = _bits(kinds)
        self.low: Final = low
        self.high: Final = high
        self.reason: Final = reason


def _bits(kinds: tuple[int, ...]) -> int:
    bits = 0
    for kind in kinds:
        bits |= 1 << kind
    return bits


_MESSAGE: Final = (PUBLISH, WILL_PROPERTIES)
_ACKS: Final = (PUBACK, PUBREC, PUBREL, PUBCOMP)
_EXPLAINED: Final = (CONNACK, *_ACKS, SUBACK, UNSUBACK, DISCONNECT, AUTH)
_EVERYWHERE: Final = (WILL_PROPERTIES, CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, *_EXPLAINED)

#: Table 2-4 of the standard: the whole law, in the order in which we write properties.
TABLE: Final = (
    Law(0x01, "payload_format_indicator", BYTE, _MESSAGE, 0, 1),
    Law(0x02, "message_expiry_interval", U32, _MESSAGE),
    Law(0x03, "content_type", STRING, _MESSAGE),  # [MQTT5-3.3.2-19]
    Law(RESPONSE_TOPIC, "response_topic", STRING, _MESSAGE),  # [MQTT5-3.3.2-13]
    Law(0x09, "correlation_data", BINARY, _MESSAGE),
    Law(SUBSCRIPTION_IDENTIFIER, "subscription_identifiers", VARINT, (PUBLISH, SUBSCRIBE), 1, MAX_REMAINING),
    Law(0x11, "session_expiry_interval", U32, (CONNECT, CONNACK, DISCONNECT)),
    Law(0x12, "assigned_client_identifier", STRING, (CONNACK,)),
    Law(0x13, "server_keep_alive", U16, (CONNACK,), 0, MAX_U16),
    Law(0x15, "authentication_method", STRING, (CONNECT, CONNACK, AUTH)),
    Law(AUTHENTICATION_DATA, "authentication_data", BINARY, (CONNECT, CONNACK, AUTH)),
    Law(0x17, "request_problem_information", BYTE, (CONNECT,), 0, 1),
    Law(0x18, "will_delay_interval", U32, (WILL_PROPERTIES,)),
    Law(0x19, "request_response_information", BYTE, (CONNECT,), 0, 1),
    Law(0x1A, "response_information", STRING, (CONNACK,)),
    Law(0x1C, "server_reference", STRING, (CONNACK, DISCONNECT)),
    Law(0x1F, "reason_string", STRING, _EXPLAINED),
    Law(0x21, "receive_maximum", U16, (CONNECT, CONNACK), 1, MAX_U16),
    Law(0x22, "topic_alias_maximum", U16, (CONNECT, CONNACK), 0, MAX_U16),
    Law(0x23, "topic_alias", U16, (PUBLISH,), 1, MAX_U16, reasons.TOPIC_ALIAS_INVALID),  # [MQTT5-3.3.2-8]
    Law(0x24, "maximum_qos", BYTE, (CONNACK,), 0, 1),
    Law(0x25, "retain_available", BYTE, (CONNACK,), 0, 1),
    Law(USER_PROPERTY, "user_properties", PAIR, _EVERYWHERE),
    Law(0x27, "maximum_packet_size", U32, (CONNECT, CONNACK), 1),
    Law(0x28, "wildcard_subscription_available", BYTE, (CONNACK,), 0, 1),
    Law(0x29, "subscription_identifier_available", BYTE, (CONNACK,), 0, 1),
    Law(0x2A, "shared_subscription_available", BYTE, (CONNACK,), 0, 1),
)
