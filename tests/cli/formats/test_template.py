"""
The formats of C{-F}, held against what mosquitto_sub 2.0 prints.
"""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.formats.fields import Arrival
from txmqtt.cli.formats.template import Template
from txmqtt.codec.properties import Properties
from txmqtt.net.values import Message

#: 2026-01-02 03:04:05.678 and some, UTC.
WHEN = 1_767_323_045_678_912_345

FULL = Message(
    "a/topic",
    "hello ü".encode(),
    1,
    False,
    False,
    Properties(
        content_type="text/plain",
        response_topic="re/sp",
        correlation_data=b"abc",
        message_expiry_interval=100,
        payload_format_indicator=1,
        user_properties=(("k", "v"), ("k2", "v2")),
        subscription_identifiers=(7,),
    ),
)
BARE = Message("a/b", b'{"a":1}', 0, True, False)
EMPTY = Message("e", b"", 0, False, False)
BINARY = Message("b", b"\xff\x00ab", 2, False, False, Properties(correlation_data=b"\xfe"))


def line(format: str, message: Message, packet_id: int = 0, pretty: bool = False) -> bytes:
    return Template(format, pretty).line(Arrival(message, WHEN, packet_id))


class TemplateTests(SynchronousTestCase):
    def test_as_mosquitto_sub(self) -> None:
        """
        Each letter, escape, flag and width prints what it prints there.
        """
        for format, message, printed in (
            ("%%|%C|%D|%E|%F|%l|%P|%p|%q", FULL, "%|text/plain|abc|100|1|8|k:v k2:v2|hello ü|1"),
            ("%R|%r|%S|%t|%x|%X", FULL, "re/sp|0|7|a/topic|68656c6c6f20c3bc|68656C6C6F20C3BC"),
            ("%%|%A|%C|%D|%E|%F|%l|%P|%q|%R|%r|%S|%t", BARE, "%||||||7||0||1||a/b"),
            (r"\\|\a\e\r\t\v\n|\0|", BARE, "\\|\a\x1b\r\t\v\n|\0|"),
            ("%5l|%05l|%-5l|%-05l|", FULL, "    8|00008|8    |8    |"),
            ("%10t|%10.3t|%.2t|%-10t|%30t", FULL, "   a/topic|       a/t|a/|a/topic   |                       a/topic"),
            ("%10p|%-8p;|%010p|%.2p", BARE, '   {"a":1}|{"a":1} ;|000{"a":1}|{"a":1}'),
            ("%5q|%5r", FULL, "1|0"),
            ("%5E|%05E|%5A|%05F|%3S|%03S", FULL, "  100|00100|     |00001|  7|007"),
            ("%5E|%05E|%05F|%03S", BARE, "     |00000|00000|000"),
            ("%10.2C|%-10R;|%.3D|%10D|%12P", FULL, "        te|re/sp     ;|abc|abc|k:v k2:v2"),
            ("%U|@s.@N|%10U", BARE, "1767323045.678912345|1767323045.678912345|1767323045.678912345"),
            ("@@ plain ü", BARE, "@ plain ü"),
            ("%10%", BARE, "%"),
            ("", BARE, ""),
        ):
            with self.subTest(format=format):
                self.assertEqual(line(format, message), printed.encode())

    def test_packet_identifier(self) -> None:
        """
        %m is the packet identifier, and 0 where there is none.
        """
        self.assertEqual(line("%m|%5m|%05m", FULL, 12), b"12|   12|00012")
        self.assertEqual(line("%m", BARE), b"0")

    def test_hexadecimal_is_whole(self) -> None:
        """
        A width of %x is a minimum, as the manual has it.
        """
        self.assertEqual(line("%4x|%018x|%-18x|", BARE), b"7b2261223a317d|00007b2261223a317d|7b2261223a317d    |")

    def test_time(self) -> None:
        """
        ISO 8601 with the offset of this place, and whatever strftime can.
        """
        iso = line("%I", BARE).decode()
        self.assertTrue(re.fullmatch(r"2026-01-0\d\dT\d\d:04:05[+-]\d{4}".replace(r"0\d\d", r"0\d"), iso), iso)
        self.assertEqual(line("@Y-@m-@dT@H:@M:@S@z", BARE).decode(), iso)
        self.assertEqual(line("%10.4I|%-30I|", BARE).decode(), f"      {iso[:4]}|{iso:<30}|")

    def test_bad_formats(self) -> None:
        """
        What is no format is refused before anything is printed, and the message says where.
        """
        for format, words in (
            ("%", "ends within '%'"),
            ("abc@", "ends with @"),
            ("abc\\", "ends with \\"),
            ("%10.3", "ends within '%10.3'"),
            ("%Z", "'Z' after %"),
            ("\\q", "\\q in"),
        ):
            with self.subTest(format=format):
                wrong = self.assertRaises(ValueError, Template, format)
                self.assertIn(words, str(wrong))


class JSONTests(SynchronousTestCase):
    def test_all(self) -> None:
        """
        %j has mosquitto's keys and all properties.
        """
        said = json.loads(line("%j", FULL, 9))
        self.assertTrue(re.fullmatch(r"2026-01-0\dT\d\d:04:05\.678912[+-]\d{4}", said.pop("tst")))
        self.assertEqual(
            said,
            {
                "topic": "a/topic",
                "qos": 1,
                "retain": 0,
                "payloadlen": 8,
                "mid": 9,
                "properties": {
                    "content-type": "text/plain",
                    "response-topic": "re/sp",
                    "payload-format-indicator": 1,
                    "message-expiry-interval": 100,
                    "correlation-data": "abc",
                    "subscription-identifier": 7,
                    "user-properties": {"k": "v", "k2": "v2"},
                },
                "payload": "hello ü",
            },
        )

    def test_one_line(self) -> None:
        """
        It is one line without blanks, in UTF-8; --pretty makes it several.
        """
        printed = line("%j", FULL).decode()
        self.assertNotIn("\n", printed)
        self.assertIn('"payload":"hello ü"}', printed)
        self.assertIn('\n\t"topic": "a/b",\n', line("%j", BARE, pretty=True).decode())

    def test_payload(self) -> None:
        """
        No payload is null, and bytes that are no text are base64.
        """
        self.assertIsNone(json.loads(line("%j", EMPTY))["payload"])
        said = json.loads(line("%j", BINARY))
        self.assertNotIn("payload", said)
        self.assertEqual(said["payload-base64"], "/wBhYg==")
        self.assertEqual(said["properties"], {"correlation-data-base64": "/g=="})

    def test_repeated_user_property(self) -> None:
        """
        None is lost.
        """
        message = Message("t", b"", 0, False, False, Properties(user_properties=(("a", "1"), ("b", "2"), ("a", "3"))))
        self.assertEqual(json.loads(line("%j", message))["properties"]["user-properties"], {"a": ["1", "3"], "b": "2"})

    def test_json_within(self) -> None:
        """
        %J has the payload as what it is; a payload that is no JSON is refused, whatever it is.
        """
        self.assertEqual(json.loads(line("%J", BARE))["payload"], {"a": 1})
        lone = Message("t", b'"\\ud800"', 0, False, False)
        self.assertIn(b'"\\ud800"', line("%J", lone))
        for payload in (b"", b"x", b"\xff", b"NaN", b"[" * 100_000, b"1" * 10_000):
            with self.subTest(payload=payload[:10]):
                self.assertRaises(ValueError, line, "%J", Message("t", payload, 0, False, False))
