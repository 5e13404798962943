"""
Packets that we take and would write otherwise: name, version, spelling, packet.
"""

from typing import Final

from tests.vectors.good import Good
from txmqtt.codec.constants import PUBACK, PUBREL
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Publish,
    Subscribe,
    Subscription,
    Unsubscribe,
)
from txmqtt.codec.properties import Properties

LENIENT: Final[list[Good]] = [
    ("5.0, PUBACK in the long form", 5, "40 04 0001 00 00", Ack(PUBACK, 1)),
    ("5.0, PUBACK with a reason in the long form", 5, "40 04 0001 10 00", Ack(PUBACK, 1, 0x10)),
    ("5.0, PUBREL with reason 0", 5, "62 03 0001 00", Ack(PUBREL, 1)),
    ("5.0, DISCONNECT with reason 0", 5, "e0 01 00", Disconnect()),
    ("5.0, DISCONNECT in the long form", 5, "e0 02 04 00", Disconnect(4)),
    ("5.0, properties in another order", 5, """30 [ "a" [ 26 "a" "b" 03 "t" 26 "c" "d" 01 01 ] ]""",
     Publish(b"a", b"", properties=Properties(
         payload_format_indicator=1, content_type="t", user_properties=(("a", "b"), ("c", "d"))))),
    ("5.0, CONNACK of a server that knows 3.1.1 only", 5, "20 02 00 01", Connack(0x84)),
    ("5.0, refusal in the words of 3.1.1", 5, "20 02 00 05", Connack(0x87)),
    ("3.1, QoS 0 with DUP", 3, "38 03 0001 61", Publish(b"a", b"", dup=True)),
    ("3.1, flags without a meaning", 3, "c9 00", Pingreq()),
    ("3.1, PUBREL again", 3, "6a 02 0001", Ack(PUBREL, 1)),
    ("3.1, SUBSCRIBE with RETAIN", 3, "83 06 0001 0001 61 00", Subscribe(1, [Subscription(b"a")])),
    ("3.1, UNSUBSCRIBE with RETAIN", 3, "a3 05 0001 0001 61", Unsubscribe(1, [b"a"])),
    ("3.1, unused bits beside the QoS", 3, "82 06 0001 0001 61 fd", Subscribe(1, [Subscription(b"a", 1)])),
    ("3.1, CONNACK with a reserved byte", 3, "20 02 ff 00", Connack()),
    ("3.1, refusal with a reserved byte", 3, "20 02 01 02", Connack(2)),
    ("3.1, CONNECT with flags", 3, """1f [ "MQIsdp" 03 02 0000 "a" ]""", Connect("a", 3)),
    ("3.1, reserved connect flag", 3, """10 [ "MQIsdp" 03 03 0000 "a" ]""", Connect("a", 3)),
    ("3.1, will QoS and retain without a will", 3, """10 [ "MQIsdp" 03 3a 0000 "a" ]""", Connect("a", 3)),
    ("3.1, no identifier", 3, """10 [ "MQIsdp" 03 02 0000 "" ]""", Connect("", 3)),
    ("3.1, user name announced and missing", 3, """10 [ "MQIsdp" 03 82 0000 "a" ]""", Connect("a", 3)),
    ("3.1, password announced and missing", 3, """10 [ "MQIsdp" 03 c2 0000 "a" "j" ]""",
     Connect("a", 3, username="j")),
    ("3.1, user name and password announced and missing", 3, """10 [ "MQIsdp" 03 c2 0000 "a" ]""", Connect("a", 3)),
    ("3.1.1, no identifier and no clean session", 4, """10 [ "MQTT" 04 00 0000 "" ]""", Connect("", 4, False)),
]  # fmt: skip
