"""
The numbers that both halves of the codec share: packet types, protocol levels and sizes.

Plain integers, not enums: these are compared for every packet, and a compiled comparison of two integers costs a
fiftieth of one with an enum member.
"""

from typing import Final

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREC: Final = 5
PUBREL: Final = 6
PUBCOMP: Final = 7
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14
AUTH: Final = 15

#: Packet types by number, for messages to people.
NAMES: Final = (
    "reserved type 0",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
)

#: Protocol levels: the byte of CONNECT that names the version.
MQTT31: Final = 3
MQTT311: Final = 4
MQTT5: Final = 5

#: The largest remaining length that four bytes of variable byte integer can say, bytes.
MAX_REMAINING: Final = 268_435_455
#: The largest packet there can be: a type byte, four bytes of length, the rest.
MAX_PACKET: Final = MAX_REMAINING + 5
#: The largest packet identifier.
MAX_PACKET_ID: Final = 65_535
