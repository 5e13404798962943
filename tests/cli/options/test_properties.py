"""
C{-D PACKET NAME VALUE}.
"""

from __future__ import annotations

import click
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.options.properties import PACKETS, merged, read
from txmqtt.codec.constants import CONNECT, PUBLISH, SUBSCRIBE
from txmqtt.codec.properties import Properties

ALL = tuple(PACKETS)


def given(*lines: str) -> list[str]:
    return ["\0".join(each.split(" ")) for each in lines]


class ReadTests(SynchronousTestCase):
    def test_each_kind(self) -> None:
        """
        Text, numbers, bytes and pairs become what they are, in their packets.
        """
        said = read(
            given(
                "PUBLISH content-type text/plain",
                "publish message-expiry-interval 60",
                "PUBLISH correlation-data ab",
                "PUBLISH user-property k v",
                "PUBLISH user-property k w",
                "CONNECT receive-maximum 10",
                "SUBSCRIBE subscription-identifier 5",
            ),
            ALL,
        )
        self.assertEqual(
            said.of(PUBLISH),
            Properties(
                content_type="text/plain",
                message_expiry_interval=60,
                correlation_data=b"ab",
                user_properties=(("k", "v"), ("k", "w")),
            ),
        )
        self.assertEqual(said.of(CONNECT), Properties(receive_maximum=10))
        self.assertEqual(said.of(SUBSCRIBE), Properties(subscription_identifiers=(5,)))

    def test_refused(self) -> None:
        """
        What MQTT does not have is refused, with what was expected.
        """
        for line, words in (
            ("PUBLIS content-type x", "'PUBLIS'; expected CONNECT or"),
            ("PUBACK user-property a b", "by itself"),
            ("PUBLISH content-typ x", "did you mean content-type?"),
            ("PUBLISH receive-maximum 3", "CONNECT may have it"),
            ("CONNECT receive-maximum many", "expected a number from 1 to 65535"),
            ("CONNECT receive-maximum 0", "receive_maximum=0"),
            ("PUBLISH response-topic a/+", "without wildcards"),
            ("PUBLISH content-type", "expected one value"),
            ("PUBLISH user-property a", "expected a name and a value"),
            ("PUBLISH", "expected PACKET NAME VALUE"),
        ):
            with self.subTest(line=line):
                wrong = self.assertRaises(click.BadParameter, read, given(line), ALL)
                self.assertIn(words, wrong.message)

    def test_twice(self) -> None:
        """
        Only user properties repeat.
        """
        twice = given("PUBLISH content-type a", "PUBLISH content-type b")
        self.assertIn("said twice", self.assertRaises(click.BadParameter, read, twice, ALL).message)

    def test_secret(self) -> None:
        """
        Authentication data is in no message.
        """
        line = given("PUBLISH authentication-data sesame")
        self.assertNotIn("sesame", self.assertRaises(click.BadParameter, read, line, ALL).message)

    def test_only_what_is_sent(self) -> None:
        """
        A command takes properties of the packets that it sends.
        """
        self.assertRaises(click.BadParameter, read, given("PUBLISH content-type a"), ("CONNECT", "SUBSCRIBE"))


class MergedTests(SynchronousTestCase):
    def test_first_counts(self) -> None:
        """
        Where both say something it is the first; what only one says stays.
        """
        first = Properties(response_topic="a")
        second = Properties(response_topic="b", correlation_data=b"c")
        self.assertEqual(merged(first, second), Properties(response_topic="a", correlation_data=b"c"))
        self.assertIs(merged(None, second), second)
        self.assertIs(merged(first, None), first)
