"""
Why: the reason codes of MQTT 5.0, the return codes of 3.x, and which packet may carry which.

C{ReasonCode} is for the door (users see it); the plain integers are for the inside.
"""

from enum import IntEnum
from typing import Final

from txmqtt.codec.constants import CONNACK, MQTT5, MQTT311, SUBACK

SUCCESS: Final = 0x00
GRANTED_QOS_0: Final = 0x00
GRANTED_QOS_1: Final = 0x01
GRANTED_QOS_2: Final = 0x02
DISCONNECT_WITH_WILL: Final = 0x04
NO_MATCHING_SUBSCRIBERS: Final = 0x10
NO_SUBSCRIPTION_EXISTED: Final = 0x11
CONTINUE_AUTHENTICATION: Final = 0x18
RE_AUTHENTICATE: Final = 0x19
UNSPECIFIED_ERROR: Final = 0x80
MALFORMED_PACKET: Final = 0x81
PROTOCOL_ERROR: Final = 0x82
IMPLEMENTATION_SPECIFIC_ERROR: Final = 0x83
UNSUPPORTED_PROTOCOL_VERSION: Final = 0x84
CLIENT_IDENTIFIER_NOT_VALID: Final = 0x85
BAD_USER_NAME_OR_PASSWORD: Final = 0x86
NOT_AUTHORIZED: Final = 0x87
SERVER_UNAVAILABLE: Final = 0x88
SERVER_BUSY: Final = 0x89
BANNED: Final = 0x8A
SERVER_SHUTTING_DOWN: Final = 0x8B
BAD_AUTHENTICATION_METHOD: Final = 0x8C
KEEP_ALIVE_TIMEOUT: Final = 0x8D
SESSION_TAKEN_OVER: Final = 0x8E
TOPIC_FILTER_INVALID: Final = 0x8F
TOPIC_NAME_INVALID: Final = 0x90
PACKET_IDENTIFIER_IN_USE: Final = 0x91
PACKET_IDENTIFIER_NOT_FOUND: Final = 0x92
RECEIVE_MAXIMUM_EXCEEDED: Final = 0x93
TOPIC_ALIAS_INVALID: Final = 0x94
PACKET_TOO_LARGE: Final = 0x95
MESSAGE_RATE_TOO_HIGH: Final = 0x96
QUOTA_EXCEEDED: Final = 0x97
ADMINISTRATIVE_ACTION: Final = 0x98
PAYLOAD_FORMAT_INVALID: Final = 0x99
RETAIN_NOT_SUPPORTED: Final = 0x9A
QOS_NOT_SUPPORTED: Final = 0x9B
USE_ANOTHER_SERVER: Final = 0x9C
SERVER_MOVED: Final = 0x9D
SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: Final = 0x9E
CONNECTION_RATE_EXCEEDED: Final = 0x9F
MAXIMUM_CONNECT_TIME: Final = 0xA0
SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: Final = 0xA1
WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: Final = 0xA2

#: From here up a reason code says that it did not work.
FAILURE: Final = 0x80


class ReasonCode(IntEnum):
    """
    The reason codes of MQTT 5.0, section 2.4, by the standard's own names.
    """

    SUCCESS = 0x00
    GRANTED_QOS_1 = 0x01
    GRANTED_QOS_2 = 0x02
    DISCONNECT_WITH_WILL = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    CONTINUE_AUTHENTICATION = 0x18
    RE_AUTHENTICATE = 0x19
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    MESSAGE_RATE_TOO_HIGH = 0x96
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    USE_ANOTHER_SERVER = 0x9C
    SERVER_MOVED = 0x9D
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    CONNECTION_RATE_EXCEEDED = 0x9F
    MAXIMUM_CONNECT_TIME = 0xA0
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2


#: What CONNACK says on 3.1 and 3.1.1 (table 3.1 of 3.1.1), by number.
RETURN_CODES: Final = (
    "connection accepted",
    "unacceptable protocol version",
    "identifier rejected",
    "server unavailable",
    "bad user name or password",
    "not authorized",
)


def name(reason: int) -> str:
    """
    A reason code in words, for a person: C{"0x97 quota exceeded"}.
    """
    try:
        words = ReasonCode(reason).name.lower().replace("_", " ")
    except ValueError:
        words = "unknown reason"
    return f"0x{reason:02X} {words}"


#: CONNACK on 3.x for a refusal that 5.0 gives with a reason code; what is not here has no return code there, and the
#: connection is closed without a CONNACK [MQTT311-3.2.2-6].
_RETURN_CODE: Final = {
    UNSUPPORTED_PROTOCOL_VERSION: 1,
    CLIENT_IDENTIFIER_NOT_VALID: 2,
    SERVER_UNAVAILABLE: 3,
    SERVER_BUSY: 3,
    SERVER_SHUTTING_DOWN: 3,
    USE_ANOTHER_SERVER: 3,
    SERVER_MOVED: 3,
    CONNECTION_RATE_EXCEEDED: 3,
    QUOTA_EXCEEDED: 3,
    BAD_USER_NAME_OR_PASSWORD: 4,
    NOT_AUTHORIZED: 5,
    BANNED: 5,
}

#: The other way: what a 3.x return code means in the terms of 5.0, so that users see one set of reasons.
_REASON: Final = (
    SUCCESS,
    UNSUPPORTED_PROTOCOL_VERSION,
    CLIENT_IDENTIFIER_NOT_VALID,
    SERVER_UNAVAILABLE,
    BAD_USER_NAME_OR_PASSWORD,
    NOT_AUTHORIZED,
)


def return_code(reason: int) -> int:
    """
    The 3.x CONNACK return code for a reason code; -1 where 3.x has none and the connection is just closed.
    """
    if reason == SUCCESS:
        return 0
    return _RETURN_CODE.get(reason, -1)


def from_return_code(code: int) -> int:
    """
    The reason code that a 3.x CONNACK return code stands for.
    """
    return _REASON[code] if code < len(_REASON) else UNSPECIFIED_ERROR


def _table(*reasons: int) -> bytes:
    table = bytearray(256)
    for reason in reasons:
        table[reason] = 1
    return bytes(table)


_NONE: Final = _table()
_PUBLISHED: Final = _table(0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
_RELEASED: Final = _table(0x00, 0x92)

#: What 5.0 allows, by packet type: a byte for each reason code, 1 if the packet may carry it.
LEGAL: Final = (
    _NONE,
    _NONE,
    # CONNACK [MQTT5-3.2.2-8]
    _table(0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F),
    _NONE,
    _PUBLISHED,  # PUBACK [MQTT5-3.4.2-1]
    _PUBLISHED,  # PUBREC [MQTT5-3.5.2-1]
    _RELEASED,  # PUBREL [MQTT5-3.6.2-1]
    _RELEASED,  # PUBCOMP [MQTT5-3.7.2-1]
    _NONE,
    _table(0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2),  # SUBACK [MQTT5-3.9.3-2]
    _NONE,
    _table(0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91),  # UNSUBACK [MQTT5-3.11.3-2]
    _NONE,
    _NONE,
    # DISCONNECT [MQTT5-3.14.2-1]
    _table(
        *(0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90),
        *range(0x93, 0xA3),
    ),
    _table(0x00, 0x18, 0x19),  # AUTH [MQTT5-3.15.2-1]
)


#: The reasons that DISCONNECT may give to a server: in the standard's table the others are the server's alone.
TO_SERVER: Final = frozenset((0x00, 0x04, *range(0x80, 0x84), 0x90, *range(0x93, 0x9A)))


def legal(kind: int, reason: int, version: int = MQTT5) -> bool:
    """
    Whether a packet of this type may carry this reason code, on 3.x this return code.
    """
    if version == MQTT5:
        return 0 <= reason <= 255 and LEGAL[kind][reason] == 1
    if kind == CONNACK:
        return 0 <= reason < len(RETURN_CODES)
    if kind == SUBACK:  # 3.1 cannot say no [MQTT311-3.9.3-2]
        return 0 <= reason <= 2 or (reason == UNSPECIFIED_ERROR and version == MQTT311)
    return reason == SUCCESS
