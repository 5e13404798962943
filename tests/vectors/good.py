"""
Well-formed packets in the form in which we would write them: name, version, spelling, packet.
"""

from typing import Final

from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
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
from txmqtt.codec.properties import Properties

Good = tuple[str, int, str, Packet]

_P = Properties
_S = Subscription

CONNECTS: Final[list[Good]] = [
    ("3.1, the least", 3, "10 0f 0006 4d5149736470 03 02 0000 0001 61", Connect("a", 3)),
    ("3.1, all", 3, """10 [ "MQIsdp" 03 ce 003c "id" "w/t" "bye" "joe" "pw" ]""",
     Connect("id", 3, True, 60, "joe", b"pw", Will(b"w/t", b"bye", 1))),
    ("3.1, bridge", 3, """10 [ "MQIsdp" 83 00 0001 "b" ]""", Connect("b", 3, False, 1, bridge=True)),
    ("3.1, a long identifier", 3, """10 [ "MQIsdp" 03 02 0000 "abcdefghijklmnopqrstuvwxyz" ]""",
     Connect("abcdefghijklmnopqrstuvwxyz", 3)),
    ("3.1.1, the least", 4, "10 0c 0004 4d515454 04 02 0000 0000", Connect("", 4)),
    ("3.1.1, keep-alive", 4, """10 [ "MQTT" 04 02 ffff "a" ]""", Connect("a", 4, keep_alive=65535)),
    ("3.1.1, session kept", 4, """10 [ "MQTT" 04 00 000a "a" ]""", Connect("a", 4, False, 10)),
    ("3.1.1, bridge", 4, """10 [ "MQTT" 84 02 0000 "a" ]""", Connect("a", 4, bridge=True)),
    ("3.1.1, user name", 4, """10 [ "MQTT" 04 82 0000 "a" "joe" ]""", Connect("a", 4, username="joe")),
    ("3.1.1, user name and empty password", 4, """10 [ "MQTT" 04 c2 0000 "a" "joe" "" ]""",
     Connect("a", 4, username="joe", password=b"")),
    ("3.1.1, empty user name", 4, """10 [ "MQTT" 04 82 0000 "a" "" ]""", Connect("a", 4, username="")),
    ("3.1.1, password of any bytes", 4, """10 [ "MQTT" 04 c2 0000 "a" "j" 0003 00ffc0 ]""",
     Connect("a", 4, username="j", password=b"\0\xff\xc0")),
    ("3.1.1, will QoS 0", 4, """10 [ "MQTT" 04 06 0000 "a" "w" "gone" ]""", Connect("a", 4, will=Will(b"w", b"gone"))),
    ("3.1.1, will QoS 1", 4, """10 [ "MQTT" 04 0e 0000 "a" "w" "gone" ]""",
     Connect("a", 4, will=Will(b"w", b"gone", 1))),
    ("3.1.1, will QoS 2, retained", 4, """10 [ "MQTT" 04 36 0000 "a" "w" "" ]""",
     Connect("a", 4, will=Will(b"w", b"", 2, True))),
    ("3.1.1, identifier with U+FEFF", 4, """10 [ "MQTT" 04 02 0000 0004 efbbbf61 ]""", Connect("\ufeffa", 4)),
    ("3.1.1, identifier beyond the BMP", 4, """10 [ "MQTT" 04 02 0000 0004 f09f9880 ]""", Connect("\U0001f600", 4)),
    ("3.1.1, identifier with the last code point", 4, """10 [ "MQTT" 04 02 0000 0004 f48fbfbf ]""",
     Connect("\U0010ffff", 4)),
    ("5.0, the least", 5, "10 0d 0004 4d515454 05 02 0000 00 0000", Connect("", 5)),
    ("5.0, session kept", 5, """10 [ "MQTT" 05 00 003c [] "a" ]""", Connect("a", 5, False, 60)),
    ("5.0, password alone", 5, """10 [ "MQTT" 05 42 0000 [] "a" "pw" ]""", Connect("a", 5, password=b"pw")),
    ("5.0, user name and password", 5, """10 [ "MQTT" 05 c2 0000 [] "a" "j" "pw" ]""",
     Connect("a", 5, username="j", password=b"pw")),
    ("5.0, all properties", 5,
     """10 [ "MQTT" 05 02 0000 [ 11 0000003c 15 "SCRAM" 16 "data" 17 00 19 01 21 0014 22 000a 26 "k" "v" 26 "k" "v"
     27 00010000 ] "a" ]""",
     Connect("a", 5, properties=_P(
         session_expiry_interval=60, authentication_method="SCRAM", authentication_data=b"data",
         request_problem_information=0, request_response_information=1, receive_maximum=20, topic_alias_maximum=10,
         user_properties=(("k", "v"), ("k", "v")), maximum_packet_size=65536))),
    ("5.0, will", 5, """10 [ "MQTT" 05 2e 0000 [] "a" [] "w" "gone" ]""",
     Connect("a", 5, will=Will(b"w", b"gone", 1, True))),
    ("5.0, will with all properties", 5,
     """10 [ "MQTT" 05 06 0000 [] "a" [ 01 01 02 0000000a 03 "text" 08 "r/t" 09 "corr" 18 00000005 26 "" "" ]
     "w" "x" ]""",
     Connect("a", 5, will=Will(b"w", b"x", properties=_P(
         payload_format_indicator=1, message_expiry_interval=10, content_type="text", response_topic="r/t",
         correlation_data=b"corr", will_delay_interval=5, user_properties=(("", ""),))))),
]  # fmt: skip

PUBLISHES: Final[list[Good]] = [
    ("QoS 0, no payload", 4, "30 03 0001 61", Publish(b"a", b"")),
    ("QoS 0", 4, "30 05 0001 61 6869", Publish(b"a", b"hi")),
    ("QoS 0, retained", 4, "31 05 0001 61 6869", Publish(b"a", b"hi", retain=True)),
    ("QoS 1", 4, "32 07 0001 61 0001 6869", Publish(b"a", b"hi", 1, packet_id=1)),
    ("QoS 1, again", 4, "3a 07 0001 61 ffff 6869", Publish(b"a", b"hi", 1, dup=True, packet_id=65535)),
    ("QoS 1, retained", 4, "33 05 0001 61 0100", Publish(b"a", b"", 1, True, packet_id=256)),
    ("QoS 2", 4, "34 07 0001 61 0002 6869", Publish(b"a", b"hi", 2, packet_id=2)),
    ("QoS 2, again, retained", 4, "3d 07 0001 61 0002 6869", Publish(b"a", b"hi", 2, True, True, 2)),
    ("3.1, QoS 0", 3, "30 05 0001 61 6869", Publish(b"a", b"hi")),
    ("3.1, QoS 2, again", 3, "3c 07 0001 61 0002 6869", Publish(b"a", b"hi", 2, dup=True, packet_id=2)),
    ("remaining length 127", 4, "30 7f 0001 61 'x'*124", Publish(b"a", b"x" * 124)),
    ("remaining length 128", 4, "30 8001 0001 61 'x'*125", Publish(b"a", b"x" * 125)),
    ("remaining length 16,383", 4, "30 ff7f 0001 61 'x'*16380", Publish(b"a", b"x" * 16380)),
    ("remaining length 16,384", 4, "30 808001 0001 61 'x'*16381", Publish(b"a", b"x" * 16381)),
    ("topic with empty levels", 4, "30 04 0002 2f2f", Publish(b"//", b"")),
    ("topic with blanks", 4, "30 05 0003 'a b'", Publish(b"a b", b"")),
    ("topic that begins with $", 4, "30 07 0005 '$S/ab'", Publish(b"$S/ab", b"")),
    ("topic in another script", 4, "30 08 0006 e6b0b4e6b8a9", Publish("\u6c34\u6e29".encode(), b"")),
    ("topic with U+FEFF", 4, "30 05 0003 efbbbf", Publish(b"\xef\xbb\xbf", b"")),
    ("payload of any bytes", 4, "30 07 0001 61 00ff2b23", Publish(b"a", b"\0\xff+#")),
    ("5.0, QoS 0", 5, "30 06 0001 61 00 6869", Publish(b"a", b"hi")),
    ("5.0, QoS 1", 5, "32 08 0001 61 0001 00 6869", Publish(b"a", b"hi", 1, packet_id=1)),
    ("5.0, QoS 2, again, retained", 5, "3d 06 0001 61 0001 00", Publish(b"a", b"", 2, True, True, 1)),
    ("5.0, alias set", 5, "30 07 0001 61 03 230001", Publish(b"a", b"", properties=_P(topic_alias=1))),
    ("5.0, alias used", 5, "30 07 0000 03 23ffff 78", Publish(b"", b"x", properties=_P(topic_alias=65535))),
    ("5.0, all properties", 5,
     """32 [ "a" 0009 [ 01 00 02 ffffffff 03 "" 08 "r" 09 0002 00ff 0b 01 0b ffffff7f 23 0002 26 "a" "b" 26 "a" "c" ]
     'x' ]""",
     Publish(b"a", b"x", 1, packet_id=9, properties=_P(
         payload_format_indicator=0, message_expiry_interval=0xFFFFFFFF, content_type="", response_topic="r",
         correlation_data=b"\0\xff", subscription_identifiers=(1, 268435455), topic_alias=2,
         user_properties=(("a", "b"), ("a", "c"))))),
    ("5.0, property length of two bytes", 5, """30 [ "a" 8401 09 0081 'y'*129 'x' ]""",
     Publish(b"a", b"x", properties=_P(correlation_data=b"y" * 129))),
]  # fmt: skip

ACKS: Final[list[Good]] = [
    *[
        (f"{name}, version {version}", version, f"{first} 02 {packet_id:04x}", Ack(kind, packet_id))
        for version in (3, 4, 5)
        for packet_id in (1, 65535)
        for name, first, kind in (
            ("PUBACK", "40", PUBACK),
            ("PUBREC", "50", PUBREC),
            ("PUBREL", "62", PUBREL),
            ("PUBCOMP", "70", PUBCOMP),
        )
    ],
    ("PUBACK with a reason", 5, "40 03 0001 10", Ack(PUBACK, 1, 0x10)),
    ("PUBREC with a reason", 5, "50 03 0001 97", Ack(PUBREC, 1, 0x97)),
    ("PUBREL with a reason", 5, "62 03 0001 92", Ack(PUBREL, 1, 0x92)),
    ("PUBCOMP with a reason", 5, "70 03 0001 92", Ack(PUBCOMP, 1, 0x92)),
    ("PUBACK with properties", 5, """40 [ 0001 00 [ 1f "ok" ] ]""", Ack(PUBACK, 1, 0, _P(reason_string="ok"))),
    ("PUBREC with properties", 5, """50 [ 0001 87 [ 1f "no" 26 "a" "b" ] ]""",
     Ack(PUBREC, 1, 0x87, _P(reason_string="no", user_properties=(("a", "b"),)))),
    ("PUBREL with properties", 5, """62 [ 0001 00 [ 26 "a" "b" ] ]""",
     Ack(PUBREL, 1, 0, _P(user_properties=(("a", "b"),)))),
    ("PUBCOMP with properties", 5, """70 [ 0001 92 [ 1f "" ] ]""", Ack(PUBCOMP, 1, 0x92, _P(reason_string=""))),
]  # fmt: skip

ANSWERS: Final[list[Good]] = [
    ("CONNACK 3.1", 3, "20 02 00 00", Connack()),
    ("CONNACK 3.1, refused", 3, "20 02 00 05", Connack(5)),
    ("CONNACK 3.1.1", 4, "20 02 00 00", Connack()),
    ("CONNACK 3.1.1, session present", 4, "20 02 01 00", Connack(0, True)),
    *[(f"CONNACK 3.1.1, return code {code}", 4, f"20 02 00 {code:02x}", Connack(code)) for code in range(1, 6)],
    ("CONNACK 5.0", 5, "20 03 00 00 00", Connack()),
    ("CONNACK 5.0, session present", 5, "20 03 01 00 00", Connack(0, True)),
    ("CONNACK 5.0, refused", 5, "20 03 00 87 00", Connack(0x87)),
    ("CONNACK 5.0, all properties", 5,
     """20 [ 00 00 [ 11 00000000 12 "auto" 13 001e 15 "m" 16 "d" 1a "ri" 1c "sr" 1f "rs" 21 ffff 22 0000 24 01 25 00
     26 "k" "v" 27 00000001 28 00 29 00 2a 01 ] ]""",
     Connack(properties=_P(
         session_expiry_interval=0, assigned_client_identifier="auto", server_keep_alive=30, authentication_method="m",
         authentication_data=b"d", response_information="ri", server_reference="sr", reason_string="rs",
         receive_maximum=65535, topic_alias_maximum=0, maximum_qos=1, retain_available=0,
         user_properties=(("k", "v"),), maximum_packet_size=1, wildcard_subscription_available=0,
         subscription_identifier_available=0, shared_subscription_available=1))),
    ("SUBACK 3.1", 3, "90 05 0001 00 01 02", Suback(1, [0, 1, 2])),
    ("SUBACK 3.1.1", 4, "90 06 0001 00 01 02 80", Suback(1, [0, 1, 2, 0x80])),
    ("SUBACK 5.0", 5, "90 05 ffff 00 02 a2", Suback(65535, [2, 0xA2])),
    ("SUBACK 5.0, properties", 5, """90 [ 0001 [ 1f "x" 26 "a" "b" ] 80 ]""",
     Suback(1, [0x80], _P(reason_string="x", user_properties=(("a", "b"),)))),
    ("UNSUBACK 3.1", 3, "b0 02 0001", Unsuback(1, [])),
    ("UNSUBACK 3.1.1", 4, "b0 02 ffff", Unsuback(65535, [])),
    ("UNSUBACK 5.0", 5, "b0 05 0001 00 00 11", Unsuback(1, [0, 0x11])),
    ("UNSUBACK 5.0, properties", 5, """b0 [ 0001 [ 1f "x" ] 87 ]""", Unsuback(1, [0x87], _P(reason_string="x"))),
]  # fmt: skip

REQUESTS: Final[list[Good]] = [
    ("SUBSCRIBE 3.1", 3, "82 06 0001 0001 61 00", Subscribe(1, [_S(b"a")])),
    ("SUBSCRIBE 3.1, again", 3, "8a 06 0001 0001 61 02", Subscribe(1, [_S(b"a", 2)], dup=True)),
    ("SUBSCRIBE 3.1.1, QoS 0", 4, "82 06 0001 0001 61 00", Subscribe(1, [_S(b"a")])),
    ("SUBSCRIBE 3.1.1, several", 4, """82 [ ffff "a/+" 01 "#" 02 "+" 00 "/+/#" 01 ]""",
     Subscribe(65535, [_S(b"a/+", 1), _S(b"#", 2), _S(b"+"), _S(b"/+/#", 1)])),
    ("SUBSCRIBE 3.1.1, $share is a level", 4, """82 [ 0001 "$share" 00 "$share/a" 00 ]""",
     Subscribe(1, [_S(b"$share"), _S(b"$share/a")])),
    ("SUBSCRIBE 5.0", 5, "82 07 0001 00 0001 61 00", Subscribe(1, [_S(b"a")])),
    ("SUBSCRIBE 5.0, No Local", 5, "82 07 0001 00 0001 61 05", Subscribe(1, [_S(b"a", 1, True)])),
    ("SUBSCRIBE 5.0, Retain As Published", 5, "82 07 0001 00 0001 61 0a", Subscribe(1, [_S(b"a", 2, False, True)])),
    ("SUBSCRIBE 5.0, retain handling 1", 5, "82 07 0001 00 0001 61 10", Subscribe(1, [_S(b"a", 0, False, False, 1)])),
    ("SUBSCRIBE 5.0, all options", 5, "82 07 0001 00 0001 61 2e", Subscribe(1, [_S(b"a", 2, True, True, 2)])),
    ("SUBSCRIBE 5.0, shared", 5, """82 [ 0001 [] "$share/g/a/+" 01 ]""", Subscribe(1, [_S(b"$share/g/a/+", 1)])),
    ("SUBSCRIBE 5.0, properties", 5, """82 [ 0001 [ 0b 8001 26 "a" "b" ] "a" 00 ]""",
     Subscribe(1, [_S(b"a")], _P(subscription_identifiers=(128,), user_properties=(("a", "b"),)))),
    ("UNSUBSCRIBE 3.1", 3, "a2 05 0001 0001 61", Unsubscribe(1, [b"a"])),
    ("UNSUBSCRIBE 3.1, again", 3, "aa 05 0001 0001 61", Unsubscribe(1, [b"a"], dup=True)),
    ("UNSUBSCRIBE 3.1.1", 4, """a2 [ 0001 "a/#" "b" ]""", Unsubscribe(1, [b"a/#", b"b"])),
    ("UNSUBSCRIBE 5.0", 5, """a2 [ 0001 [] "$share/g/#" ]""", Unsubscribe(1, [b"$share/g/#"])),
    ("UNSUBSCRIBE 5.0, properties", 5, """a2 [ 0001 [ 26 "a" "b" ] "a" ]""",
     Unsubscribe(1, [b"a"], _P(user_properties=(("a", "b"),)))),
    *[(f"PINGREQ, version {version}", version, "c0 00", Pingreq()) for version in (3, 4, 5)],
    *[(f"PINGRESP, version {version}", version, "d0 00", Pingresp()) for version in (3, 4, 5)],
    *[(f"DISCONNECT, version {version}", version, "e0 00", Disconnect()) for version in (3, 4, 5)],
    ("DISCONNECT 5.0, with will", 5, "e0 01 04", Disconnect(4)),
    ("DISCONNECT 5.0, properties", 5, """e0 [ 00 [ 11 0000000a 1c "other" 1f "bye" 26 "a" "b" ] ]""",
     Disconnect(0, _P(
         session_expiry_interval=10, server_reference="other", reason_string="bye", user_properties=(("a", "b"),)))),
    ("AUTH", 5, "f0 00", Auth()),
    ("AUTH, continue", 5, """f0 [ 18 [ 15 "SCRAM" 16 0002 00ff 1f "x" 26 "a" "b" ] ]""",
     Auth(0x18, _P(
         authentication_method="SCRAM", authentication_data=b"\0\xff", reason_string="x",
         user_properties=(("a", "b"),)))),
    ("AUTH, again", 5, """f0 [ 19 [ 15 "m" ] ]""", Auth(0x19, _P(authentication_method="m"))),
    ("AUTH, success", 5, """f0 [ 00 [ 15 "m" ] ]""", Auth(0, _P(authentication_method="m"))),
]  # fmt: skip

GOOD: Final[list[Good]] = [*CONNECTS, *PUBLISHES, *ACKS, *ANSWERS, *REQUESTS]
