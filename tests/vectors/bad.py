"""
Bytes that break a rule: name, version (0 where no CONNECT has told it yet), spelling, the reason code they get.
"""

from typing import Final

Bad = tuple[str, int, str, int]

_ALL = (3, 4, 5)
_LATER = (4, 5)

HEADERS: Final[list[Bad]] = [
    *[(f"type 0, version {version}", version, "00 00", 0x81) for version in _ALL],
    *[(f"AUTH, version {version}", version, "f0 00", 0x81) for version in (3, 4)],
    *[(f"remaining length of 5 bytes, version {v}", v, "30 ff ff ff ff 7f", 0x81) for v in _ALL],
    ("remaining length of 5 bytes, all but zero", 4, "c0 80 80 80 80 00", 0x81),
    ("remaining length of 5 bytes in CONNECT", 0, "10 80 80 80 80 01", 0x81),
    ("remaining length 0 in two bytes", 4, "c0 80 00", 0x81),
    ("remaining length 0 in three bytes", 4, "c0 80 80 00", 0x81),
    ("remaining length 0 in four bytes", 4, "c0 80 80 80 00", 0x81),
    ("remaining length 3 in two bytes", 5, "30 83 00 0001 61", 0x81),
    ("remaining length 128 in three bytes", 5, "30 80 81 00 'x'*128", 0x81),
    *[
        (f"flags of {name}, version {version}", version, spelling, 0x81)
        for version in _LATER
        for name, spelling in (
            ("CONNACK", "21 02 00 00"),
            ("PUBACK", "41 02 0001"),
            ("PUBACK as PUBREL", "42 02 0001"),
            ("PUBREC", "58 02 0001"),
            ("PUBREL without", "60 02 0001"),
            ("PUBREL with DUP", "6a 02 0001"),
            ("PUBREL with RETAIN", "63 02 0001"),
            ("PUBREL of QoS 2", "64 02 0001"),
            ("PUBREL of QoS 3", "66 02 0001"),
            ("PUBCOMP", "72 02 0001"),
            ("SUBSCRIBE without", "80 06 0001 0001 61 00"),
            ("SUBSCRIBE with DUP", "8a 06 0001 0001 61 00"),
            ("SUBACK", "91 03 0001 00"),
            ("UNSUBSCRIBE without", "a0 05 0001 0001 61"),
            ("UNSUBSCRIBE with DUP", "aa 05 0001 0001 61"),
            ("UNSUBACK", "b4 02 0001"),
            ("PINGREQ", "c1 00"),
            ("PINGRESP", "d8 00"),
            ("DISCONNECT", "e2 00"),
        )
    ],
    ("flags of AUTH", 5, "f1 00", 0x81),
    ("flags of CONNECT 3.1.1", 0, """11 [ "MQTT" 04 02 0000 "a" ]""", 0x81),
    ("flags of CONNECT 5.0", 0, """18 [ "MQTT" 05 02 0000 [] "a" ]""", 0x81),
    ("3.1, PUBREL of QoS 0", 3, "60 02 0001", 0x81),
    ("3.1, PUBREL of QoS 2", 3, "64 02 0001", 0x81),
    ("3.1, SUBSCRIBE of QoS 0", 3, "80 06 0001 0001 61 00", 0x81),
    ("3.1, UNSUBSCRIBE of QoS 3", 3, "a6 05 0001 0001 61", 0x81),
    ("first packet is PUBLISH", 0, "30 03 0001 61", 0x82),
    ("first packet is PUBLISH, QoS 1", 0, "32 05 0001 61 0001", 0x82),
    ("first packet is PUBACK", 0, "40 02 0001", 0x82),
    ("first packet is SUBSCRIBE", 0, "82 06 0001 0001 61 00", 0x82),
    ("first packet is PINGREQ", 0, "c0 00", 0x82),
    ("first packet is DISCONNECT", 0, "e0 00", 0x82),
    ("first packet is AUTH", 0, "f0 00", 0x82),
    ("first packet is HTTP", 0, "'GET / HTTP/1.1'", 0x82),
    *[
        (f"{name} with a body, version {version}", version, f"{first} 01 00", 0x81)
        for version in _ALL
        for name, first in (("PINGREQ", "c0"), ("PINGRESP", "d0"))
    ],
]

CONNECTS: Final[list[Bad]] = [
    ("empty", 0, "10 00", 0x81),
    ("name cut off", 0, "10 04 0004 4d51", 0x81),
    ("no level", 0, """10 [ "MQTT" ]""", 0x81),
    ("level 0", 0, """10 [ "MQTT" 00 02 0000 "a" ]""", 0x84),
    ("level 3 under the new name", 0, """10 [ "MQTT" 03 02 0000 "a" ]""", 0x84),
    ("level 6", 0, """10 [ "MQTT" 06 02 0000 [] "a" ]""", 0x84),
    ("level 5 as a bridge", 0, """10 [ "MQTT" 85 02 0000 [] "a" ]""", 0x84),
    ("level 4 under the old name", 0, """10 [ "MQIsdp" 04 02 0000 "a" ]""", 0x84),
    ("level 2 under the old name", 0, """10 [ "MQIsdp" 02 02 0000 "a" ]""", 0x84),
    ("another name", 0, """10 [ "mqtt" 04 02 0000 "a" ]""", 0x84),
    ("no name", 0, """10 [ "" 04 02 0000 "a" ]""", 0x84),
    ("a name that is no string", 0, "10 08 0004 fffefdfc 04 02", 0x84),
    ("no flags", 0, """10 [ "MQTT" 04 ]""", 0x81),
    ("no keep-alive", 0, """10 [ "MQTT" 04 02 ]""", 0x81),
    ("half a keep-alive", 0, """10 [ "MQTT" 04 02 00 ]""", 0x81),
    ("no identifier", 0, """10 [ "MQTT" 04 02 0000 ]""", 0x81),
    ("identifier cut off", 0, """10 [ "MQTT" 04 02 0000 0002 61 ]""", 0x81),
    *[
        (f"{name}, {level}", 0, spelling.replace("LEVEL", f"{level:02x}").replace("P ", "[] " * (level == 5)), 0x81)
        for level in _LATER
        for name, spelling in (
            ("reserved flag", """10 [ "MQTT" LEVEL 03 0000 P "a" ]"""),
            ("will QoS 1 without a will", """10 [ "MQTT" LEVEL 0a 0000 P "a" ]"""),
            ("will QoS 2 without a will", """10 [ "MQTT" LEVEL 12 0000 P "a" ]"""),
            ("will retain without a will", """10 [ "MQTT" LEVEL 22 0000 P "a" ]"""),
            ("will QoS 3", """10 [ "MQTT" LEVEL 1e 0000 P "a" P "w" "x" ]"""),
            ("will QoS 3 without a will", """10 [ "MQTT" LEVEL 1a 0000 P "a" ]"""),
            ("no will topic", """10 [ "MQTT" LEVEL 06 0000 P "a" P ]"""),
            ("no will payload", """10 [ "MQTT" LEVEL 06 0000 P "a" P "w" ]"""),
            ("will payload cut off", """10 [ "MQTT" LEVEL 06 0000 P "a" P "w" 0002 61 ]"""),
            ("will topic that is not UTF-8", """10 [ "MQTT" LEVEL 06 0000 P "a" P 0001 ff "x" ]"""),
            ("no user name", """10 [ "MQTT" LEVEL 82 0000 P "a" ]"""),
            ("user name cut off", """10 [ "MQTT" LEVEL 82 0000 P "a" 0003 'jo' ]"""),
            ("no password", """10 [ "MQTT" LEVEL c2 0000 P "a" "j" ]"""),
            ("password cut off", """10 [ "MQTT" LEVEL c2 0000 P "a" "j" 0003 'pw' ]"""),
            ("user name that is not UTF-8", """10 [ "MQTT" LEVEL 82 0000 P "a" 0001 80 ]"""),
            ("bytes after the identifier", """10 [ "MQTT" LEVEL 02 0000 P "a" 00 ]"""),
            ("user name without its flag", """10 [ "MQTT" LEVEL 02 0000 P "a" "joe" ]"""),
            ("bytes after the password", """10 [ "MQTT" LEVEL c2 0000 P "a" "j" "p" 00 ]"""),
            ("identifier with U+0000", """10 [ "MQTT" LEVEL 02 0000 P 0003 610062 ]"""),
            ("identifier with a surrogate", """10 [ "MQTT" LEVEL 02 0000 P 0003 eda080 ]"""),
            ("identifier with the last surrogate", """10 [ "MQTT" LEVEL 02 0000 P 0003 edbfbf ]"""),
            ("identifier in an overlong form", """10 [ "MQTT" LEVEL 02 0000 P 0002 c1a1 ]"""),
            ("identifier with U+0000 in an overlong form", """10 [ "MQTT" LEVEL 02 0000 P 0002 c080 ]"""),
            ("identifier beyond U+10FFFF", """10 [ "MQTT" LEVEL 02 0000 P 0004 f4908080 ]"""),
            ("identifier cut in a character", """10 [ "MQTT" LEVEL 02 0000 P 0002 e6b0 ]"""),
        )
    ],
    ("3.1.1, password without user name", 0, """10 [ "MQTT" 04 42 0000 "a" "pw" ]""", 0x81),
    ("3.1, password without user name", 0, """10 [ "MQIsdp" 03 42 0000 "a" "pw" ]""", 0x81),
    ("3.1, will QoS 3", 0, """10 [ "MQIsdp" 03 1e 0000 "a" "w" "x" ]""", 0x81),
    ("3.1, bytes after the identifier", 0, """10 [ "MQIsdp" 03 02 0000 "a" 00 ]""", 0x81),
    ("3.1, user name cut off", 0, """10 [ "MQIsdp" 03 82 0000 "a" 00 ]""", 0x81),
    ("will topic with a wildcard", 0, """10 [ "MQTT" 04 06 0000 "a" "w/#" "x" ]""", 0x90),
    ("5.0, will topic with a wildcard", 0, """10 [ "MQTT" 05 06 0000 [] "a" [] "+" "x" ]""", 0x90),
    ("will topic of no characters", 0, """10 [ "MQTT" 04 06 0000 "a" "" "x" ]""", 0x90),
    ("5.0, no properties", 0, """10 [ "MQTT" 05 02 0000 ]""", 0x81),
    ("5.0, properties cut off", 0, """10 [ "MQTT" 05 02 0000 05 1100 ]""", 0x81),
    ("5.0, no will properties", 0, """10 [ "MQTT" 05 06 0000 [] "a" ]""", 0x81),
    ("5.0, authentication data alone", 0, """10 [ "MQTT" 05 02 0000 [ 16 "d" ] "a" ]""", 0x82),
    ("5.0, property of the will in CONNECT", 0, """10 [ "MQTT" 05 02 0000 [ 18 00000005 ] "a" ]""", 0x81),
    ("5.0, property of CONNECT in the will", 0,
     """10 [ "MQTT" 05 06 0000 [] "a" [ 11 00000005 ] "w" "x" ]""", 0x81),
]  # fmt: skip

PUBLISHES: Final[list[Bad]] = [
    *[
        (f"{name}, version {version}", version, spelling, 0x81)
        for version in _ALL
        for name, spelling in (
            ("empty", "30 00"),
            ("half a topic length", "30 01 00"),
            ("topic cut off", "30 03 0002 61"),
            ("topic cut off in QoS 1", "32 05 0004 616263"),
            ("no packet identifier", "32 03 0001 61"),
            ("half a packet identifier", "34 04 0001 61 00"),
            ("QoS 3", "36 06 0001 61 0001 00"),
            ("QoS 3 with DUP", "3e 06 0001 61 0001 00"),
            ("QoS 3, empty", "36 02 0000"),
            ("topic that is not UTF-8", "30 04 0001 ff 00"),
            ("topic with U+0000", "30 04 0001 00 00"),
            ("topic with U+0000 within", "30 06 0003 610062 00"),
            ("topic with a surrogate", "30 06 0003 eda080 00"),
            ("topic in an overlong form", "30 05 0002 c0af 00"),
            ("topic cut in a character", "30 05 0002 c3 2f 00"),
        )
    ],
    *[
        (f"{name}, version {version}", version, spelling, reason)
        for version in _ALL
        for name, spelling, reason in (
            ("packet identifier 0", "32 06 0001 61 0000 00", 0x82),
            ("packet identifier 0 in QoS 2", "34 06 0001 61 0000 00", 0x82),
            ("topic with #", "30 04 0001 23 00", 0x90),
            ("topic with # within", "30 07 0004 'a/#b' 00", 0x90),
            ("topic with +", "30 06 0003 'a/+' 00", 0x90),
            ("topic with + in a level", "30 06 0003 'a+b' 00", 0x90),
        )
    ],
    *[(f"DUP with QoS 0, version {version}", version, "38 04 0001 61 00", 0x81) for version in _LATER],
    *[(f"topic of no characters, version {version}", version, "30 02 0000", 0x90) for version in (3, 4)],
    ("5.0, no property length", 5, "30 03 0001 61", 0x81),
    ("5.0, no property length in QoS 1", 5, "32 05 0001 61 0001", 0x81),
    ("5.0, properties cut off", 5, "30 06 0001 61 03 2300", 0x81),
    ("5.0, property length beyond the packet", 5, "30 05 0001 61 02 01", 0x81),
    ("5.0, property length of five bytes", 5, "30 08 0001 61 8080808001", 0x81),
    ("5.0, property length in too many bytes", 5, "30 05 0001 61 8000", 0x81),
    ("5.0, property length cut off", 5, "30 04 0001 61 80", 0x81),
    ("5.0, neither topic nor alias", 5, "30 03 0000 00", 0x82),
    ("5.0, properties and neither topic nor alias", 5, "30 05 0000 02 0100", 0x82),
    ("5.0, alias 0", 5, "30 07 0001 61 03 230000", 0x94),
    ("5.0, alias twice", 5, "30 0a 0001 61 06 230001 230001", 0x82),
    ("5.0, subscription identifier 0", 5, "30 06 0001 61 02 0b00", 0x82),
    ("5.0, subscription identifier in too many bytes", 5, "30 07 0001 61 03 0b8100", 0x81),
    ("5.0, subscription identifier of five bytes", 5, "30 0a 0001 61 06 0b8080808001", 0x81),
    ("5.0, subscription identifier cut off", 5, "30 06 0001 61 02 0b80", 0x81),
    ("5.0, payload format 2", 5, "30 06 0001 61 02 0102", 0x82),
    ("5.0, property cut off by the end of the properties", 5, "30 08 0001 61 03 020000 0000", 0x81),
    ("5.0, string cut off by the end of the properties", 5, "30 09 0001 61 03 030004 6162", 0x81),
    ("5.0, identifier without a value", 5, "30 05 0001 61 01 01 00", 0x81),
    ("5.0, user property without a value", 5, """30 [ "a" [ 26 "k" ] ]""", 0x81),
    ("5.0, user property name that is not UTF-8", 5, """30 [ "a" [ 26 0001 ff "v" ] ]""", 0x81),
    ("5.0, user property value with U+0000", 5, """30 [ "a" [ 26 "k" 0001 00 ] ]""", 0x81),
    ("5.0, content type that is not UTF-8", 5, """30 [ "a" [ 03 0001 80 ] ]""", 0x81),
    ("5.0, response topic with a wildcard", 5, """30 [ "a" [ 08 "a/#" ] ]""", 0x82),
    ("5.0, response topic of no characters", 5, """30 [ "a" [ 08 "" ] ]""", 0x82),
    ("5.0, property identifier in two bytes", 5, """30 [ "a" [ 8100 01 ] ]""", 0x81),
]  # fmt: skip

ACKS: Final[list[Bad]] = [
    *[
        (f"{name} {what}, version {version}", version, f"{first} {rest}", reason)
        for version in _ALL
        for name, first in (("PUBACK", "40"), ("PUBREC", "50"), ("PUBREL", "62"), ("PUBCOMP", "70"))
        for what, rest, reason in (
            ("empty", "00", 0x81),
            ("with half an identifier", "01 00", 0x81),
            ("with identifier 0", "02 0000", 0x82),
        )
    ],
    *[
        (f"{name} {what}", 5, f"{first} {rest}", reason)
        for name, first in (("PUBACK", "40"), ("PUBREC", "50"), ("PUBREL", "62"), ("PUBCOMP", "70"))
        for what, rest, reason in (
            ("with identifier 0 and a reason", "03 0000 00", 0x82),
            ("with an unknown reason", "03 0001 01", 0x82),
            ("with properties cut off", "05 0001 00 05 1f", 0x81),
            ("with bytes after its properties", "05 0001 00 00 00", 0x81),
            ("with a property of PUBLISH", "06 0001 00 02 0101", 0x81),
            ("with two reason strings", "0a 0001 00 06 1f0000 1f0000", 0x82),
        )
    ],
    *[
        (f"{name} with a reason, version {version}", version, f"{first} 03 0001 00", 0x81)
        for version in (3, 4)
        for name, first in (("PUBACK", "40"), ("PUBREC", "50"), ("PUBREL", "62"), ("PUBCOMP", "70"))
    ],
]

ANSWERS: Final[list[Bad]] = [
    *[
        (f"{name}, version {version}", version, spelling, 0x81)
        for version in _ALL
        for name, spelling in (
            ("CONNACK, empty", "20 00"),
            ("CONNACK without a reason", "20 01 00"),
            ("SUBACK, empty", "90 00"),
            ("UNSUBACK, empty", "b0 00"),
            ("UNSUBACK with half an identifier", "b0 01 00"),
        )
    ],
    *[(f"CONNACK with bytes at its end, version {v}", v, "20 03 00 00 00", 0x81) for v in (3, 4)],
    ("CONNACK 5.0 with bytes at its end", 5, "20 04 00 00 00 00", 0x81),
    ("CONNACK 5.0 without properties", 5, "20 02 00 00", 0x81),
    ("CONNACK 5.0 in the words of 3.1.1 with a code that they do not have", 5, "20 02 00 06", 0x82),
    ("CONNACK 3.1.1 with flag 2", 4, "20 02 02 00", 0x81),
    ("CONNACK 5.0 with flag 0x80", 5, "20 03 81 00 00", 0x81),
    ("CONNACK 3.1.1, refusal with a session", 4, "20 02 01 05", 0x82),
    ("CONNACK 5.0, refusal with a session", 5, "20 03 01 87 00", 0x82),
    ("CONNACK 3.1, return code 6", 3, "20 02 00 06", 0x82),
    ("CONNACK 3.1.1, return code 6", 4, "20 02 00 06", 0x82),
    ("CONNACK 3.1.1, reason code of 5.0", 4, "20 02 00 87", 0x82),
    ("CONNACK 5.0, return code of 3.1.1", 5, "20 03 00 05 00", 0x82),
    ("CONNACK 5.0, authentication data alone", 5, "20 07 00 00 04 16000164", 0x82),
    ("CONNACK 5.0, receive maximum 0", 5, "20 06 00 00 03 210000", 0x82),
    ("CONNACK 5.0, maximum packet size 0", 5, "20 08 00 00 05 2700000000", 0x82),
    ("CONNACK 5.0, maximum QoS 2", 5, "20 05 00 00 02 2402", 0x82),
    ("CONNACK 5.0, retain available 2", 5, "20 05 00 00 02 2502", 0x82),
    ("SUBACK with identifier 0", 4, "90 03 0000 00", 0x82),
    ("SUBACK 5.0 with identifier 0", 5, "90 04 0000 00 00", 0x82),
    ("SUBACK without codes", 4, "90 02 0001", 0x82),
    ("SUBACK 5.0 without codes", 5, "90 03 0001 00", 0x82),
    ("SUBACK 5.0 without properties", 5, "90 02 0001", 0x81),
    ("SUBACK 3.1 with a refusal", 3, "90 03 0001 80", 0x82),
    ("SUBACK 3.1.1 with QoS 3", 4, "90 03 0001 03", 0x82),
    ("SUBACK 3.1.1 with a reason of 5.0", 4, "90 03 0001 87", 0x82),
    ("SUBACK 5.0 with QoS 3", 5, "90 04 0001 00 03", 0x82),
    ("SUBACK 5.0, the second code", 5, "90 05 0001 00 00 11", 0x82),
    ("UNSUBACK with identifier 0", 4, "b0 02 0000", 0x82),
    ("UNSUBACK 3.1.1 with codes", 4, "b0 03 0001 00", 0x81),
    ("UNSUBACK 3.1 with codes", 3, "b0 03 0001 00", 0x81),
    ("UNSUBACK 5.0 without properties", 5, "b0 02 0001", 0x81),
    ("UNSUBACK 5.0 without codes", 5, "b0 03 0001 00", 0x82),
    ("UNSUBACK 5.0 with a code of SUBACK", 5, "b0 04 0001 00 01", 0x82),
]

REQUESTS: Final[list[Bad]] = [
    *[
        (f"{name}, version {version}", version, spelling.replace("P ", "00 " * (version == 5)), reason)
        for version in _ALL
        for name, spelling, reason in (
            ("SUBSCRIBE, empty", "82 00", 0x81),
            ("SUBSCRIBE with half an identifier", "82 01 00", 0x81),
            ("SUBSCRIBE with identifier 0", "82 [ 0000 P 0001 61 00 ]", 0x82),
            ("SUBSCRIBE without a filter", "82 [ 0001 P ]", 0x82),
            ("SUBSCRIBE with a filter cut off", "82 [ 0001 P 0002 61 ]", 0x81),
            ("SUBSCRIBE with half a length", "82 [ 0001 P 00 ]", 0x81),
            ("SUBSCRIBE without options", "82 [ 0001 P 0001 61 ]", 0x81),
            ("SUBSCRIBE without options at the second filter", "82 [ 0001 P 0001 61 00 0001 62 ]", 0x81),
            ("SUBSCRIBE with a filter of no characters", "82 [ 0001 P 0000 00 ]", 0x8F),
            ("SUBSCRIBE with a filter that is not UTF-8", "82 [ 0001 P 0001 ff 00 ]", 0x81),
            ("SUBSCRIBE with U+0000", "82 [ 0001 P 0001 00 00 ]", 0x81),
            ("SUBSCRIBE to a#", "82 [ 0001 P 0002 'a#' 00 ]", 0x8F),
            ("SUBSCRIBE to #/a", "82 [ 0001 P 0003 '#/a' 00 ]", 0x8F),
            ("SUBSCRIBE to ##", "82 [ 0001 P 0002 '##' 00 ]", 0x8F),
            ("SUBSCRIBE to a+", "82 [ 0001 P 0002 'a+' 00 ]", 0x8F),
            ("SUBSCRIBE to a/+b/c", """82 [ 0001 P "a/+b/c" 00 ]""", 0x8F),
            ("UNSUBSCRIBE, empty", "a2 00", 0x81),
            ("UNSUBSCRIBE with identifier 0", "a2 [ 0000 P 0001 61 ]", 0x82),
            ("UNSUBSCRIBE without a filter", "a2 [ 0001 P ]", 0x82),
            ("UNSUBSCRIBE with a filter cut off", "a2 [ 0001 P 0002 61 ]", 0x81),
            ("UNSUBSCRIBE with half a length", "a2 [ 0001 P 0001 61 00 ]", 0x81),
            ("UNSUBSCRIBE with a filter of no characters", "a2 [ 0001 P 0000 ]", 0x8F),
            ("UNSUBSCRIBE with a filter that is not UTF-8", "a2 [ 0001 P 0001 ff ]", 0x81),
            ("UNSUBSCRIBE from a/#/b", """a2 [ 0001 P "a/#/b" ]""", 0x8F),
        )
    ],
    ("SUBSCRIBE 3.1 for QoS 3", 3, "82 06 0001 0001 61 03", 0x81),
    ("SUBSCRIBE 3.1.1 for QoS 3", 4, "82 06 0001 0001 61 03", 0x81),
    ("SUBSCRIBE 3.1.1 with an option of 5.0", 4, "82 06 0001 0001 61 04", 0x81),
    ("SUBSCRIBE 3.1.1 with the highest bit", 4, "82 06 0001 0001 61 80", 0x81),
    ("SUBSCRIBE 5.0 without properties", 5, "82 02 0001", 0x81),
    ("SUBSCRIBE 5.0 for QoS 3", 5, "82 07 0001 00 0001 61 03", 0x82),
    ("SUBSCRIBE 5.0 with the highest bit", 5, "82 07 0001 00 0001 61 80", 0x81),
    ("SUBSCRIBE 5.0 with the next bit", 5, "82 07 0001 00 0001 61 40", 0x81),
    ("SUBSCRIBE 5.0 with retain handling 3", 5, "82 07 0001 00 0001 61 30", 0x82),
    ("SUBSCRIBE 5.0, shared, No Local", 5, """82 [ 0001 [] "$share/g/a" 04 ]""", 0x82),
    ("SUBSCRIBE 5.0, no share name", 5, """82 [ 0001 [] "$share//a" 00 ]""", 0x8F),
    ("SUBSCRIBE 5.0, share without a filter", 5, """82 [ 0001 [] "$share/g" 00 ]""", 0x8F),
    ("SUBSCRIBE 5.0, share with an empty filter", 5, """82 [ 0001 [] "$share/g/" 00 ]""", 0x8F),
    ("SUBSCRIBE 5.0, share name with a wildcard", 5, """82 [ 0001 [] "$share/g+/a" 00 ]""", 0x8F),
    ("SUBSCRIBE 5.0, share name #", 5, """82 [ 0001 [] "$share/#" 00 ]""", 0x8F),
    ("SUBSCRIBE 5.0, nothing but $share", 5, """82 [ 0001 [] "$share" 00 ]""", 0x8F),
    ("SUBSCRIBE 5.0, two subscription identifiers", 5, """82 [ 0001 [ 0b01 0b02 ] "a" 00 ]""", 0x82),
    ("SUBSCRIBE 5.0, subscription identifier 0", 5, """82 [ 0001 [ 0b00 ] "a" 00 ]""", 0x82),
    ("UNSUBSCRIBE 5.0 without properties", 5, "a2 02 0001", 0x81),
    ("UNSUBSCRIBE 5.0 with a subscription identifier", 5, """a2 [ 0001 [ 0b01 ] "a" ]""", 0x81),
    ("UNSUBSCRIBE 5.0, share without a filter", 5, """a2 [ 0001 [] "$share/g" ]""", 0x8F),
    *[(f"DISCONNECT with a body, version {version}", version, "e0 01 00", 0x81) for version in (3, 4)],
    ("DISCONNECT 5.0 with an unknown reason", 5, "e0 01 01", 0x82),
    ("DISCONNECT 5.0 with a reason of CONNACK", 5, "e0 01 86", 0x82),
    ("DISCONNECT 5.0 with properties cut off", 5, "e0 03 00 05 11", 0x81),
    ("DISCONNECT 5.0 with bytes at its end", 5, "e0 03 00 00 00", 0x81),
    ("DISCONNECT 5.0 with two expiries", 5, "e0 0c 00 0a 1100000001 1100000001", 0x82),
    ("DISCONNECT 5.0 with a property of CONNACK", 5, "e0 05 00 03 21000a", 0x81),
    ("AUTH with an unknown reason", 5, """f0 [ 01 [ 15 "m" ] ]""", 0x82),
    ("AUTH with a refusal", 5, """f0 [ 87 [ 15 "m" ] ]""", 0x82),
    ("AUTH without properties", 5, "f0 01 18", 0x81),
    ("AUTH without a method", 5, "f0 02 18 00", 0x82),
    ("AUTH with a reason string alone", 5, """f0 [ 18 [ 1f "x" ] ]""", 0x82),
    ("AUTH with data and no method", 5, """f0 [ 18 [ 16 "d" ] ]""", 0x82),
    ("AUTH with two methods", 5, """f0 [ 18 [ 15 "m" 15 "m" ] ]""", 0x82),
    ("AUTH with bytes at its end", 5, """f0 [ 18 [ 15 "m" ] 00 ]""", 0x81),
]

BAD: Final[list[Bad]] = [*HEADERS, *CONNECTS, *PUBLISHES, *ACKS, *ANSWERS, *REQUESTS]
