"""
An export as lines: whatever is wrong with one is said with its number, what was seen and what was expected.
"""

from __future__ import annotations

import json
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.backends.sqlite.exchange.support_records import everything, read, stores, written
from tests.codec.strategies import brief
from txmqtt.backends.sqlite.errors import StoreContentWrong, StoreError, StoreTooNew
from txmqtt.backends.sqlite.exchange import lines
from txmqtt.backends.sqlite.exchange.records import Record
from txmqtt.backends.sqlite.exchange.scrutiny import scrutinize

HEADER = '{"format":"txmqtt store","version":1}\n'
END = '{"kind":"end","records":1}\n'
#: What stands for C{@} below.
TOPIC = '"topic":"t","payload":""'

#: A line, and what its reader is told.
BAD = (
    ("{", "is not JSON"),
    ("[1]", "expected an object"),
    ('{"kind":"totals","values":{"a":NaN}}', "NaN is not a number"),
    ("[" * 100_000, "is not JSON"),
    ('{"kind":"cat"}', "kind is 'cat'; expected one of session, share, message, owed, retained, totals"),
    ('{"kind":["session"]}', "kind is \\['session'\\]"),
    ('{"client_id":"c"}', "kind is None"),
    ('{"kind":"session"}', "client_id is missing; expected text"),
    ('{"kind":"session","client_id":7}', "client_id is 7; expected text"),
    ('{"kind":"session","client_id":""}', "client identifier is empty"),
    ('{"kind":"session","client_id":"a\\u0000"}', "client identifier: U\\+0000 at byte 1"),
    ('{"kind":"session","client_id":"\\ud800"}', "client identifier: not UTF-8"),
    ('{"kind":"session","client_id":"%s"}' % ("c" * 65536), "client identifier is 65536 bytes; 65535 at most"),
    ('{"kind":"session","client_id":"c","cat":1}', "'cat' is not known"),
    ('{"kind":"session","client_id":"c","durable":1}', "durable is 1; expected true or false"),
    ('{"kind":"session","client_id":"c","expiry":4294967296}', "expiry is 4294967296; expected 0 to 4294967295"),
    ('{"kind":"session","client_id":"c","expiry":true}', "expiry is True; expected a whole number"),
    ('{"kind":"session","client_id":"c","parked_at":-1}', "parked_at is -1.0; expected seconds since 1970"),
    ('{"kind":"session","client_id":"c","parked_at":1e999}', "parked_at is inf"),
    ('{"kind":"session","client_id":"c","parked_at":1%s}' % ("0" * 400), "expected seconds since 1970"),
    ('{"kind":"session","client_id":"c","inbound":[0]}', "packet identifier is 0; expected 1 to 65535"),
    ('{"kind":"session","client_id":"c","inbound":[5,5]}', "an inbound packet identifier twice"),
    ('{"kind":"session","client_id":"c","inbound":["5"]}', "inbound has '5'; expected whole numbers"),
    ('{"kind":"session","client_id":"c","subscriptions":{}}', "subscriptions is {}; expected a list"),
    ('{"kind":"session","client_id":"c","subscriptions":[7]}', "subscriptions is 7; expected an object"),
    ('{"kind":"session","client_id":"c","subscriptions":[{"filter":"a#","qos":0}]}', "does not fill its level"),
    ('{"kind":"session","client_id":"c","subscriptions":[{"filter":"a","qos":3}]}', "qos of a subscription is 3"),
    ('{"kind":"session","client_id":"c","subscriptions":[{"filter":"a"}]}', "qos is missing in subscriptions"),
    (
        '{"kind":"session","client_id":"c","subscriptions":[{"filter":"a","qos":0},{"filter":"a","qos":1}]}',
        "filter 'a' twice",
    ),
    ('{"kind":"session","client_id":"c","will":{"topic":"+","payload":""}}', "topic has the wildcard"),
    ('{"kind":"session","client_id":"c","will":{@,"qos":3}}', "qos of the will is 3"),
    ('{"kind":"session","client_id":"c","will":{"topic":"t","payload":"%s"}}' % ("p" * 65536), "65536 bytes"),
    ('{"kind":"session","client_id":"c","will":{@,"properties":{"topic_alias":1}}}', "topic_alias=1"),
    ('{"kind":"share","share":"g/h","filter":"a"}', "share name 'g/h' has a '/'"),
    ('{"kind":"share","share":"","filter":"a"}', "share name is empty"),
    ('{"kind":"share","share":"g","filter":"a#"}', "does not fill its level"),
    ('{"kind":"message","number":0,@}', "number of the message is 0"),
    ('{"kind":"message","number":1,"topic":"t"}', "payload is missing"),
    ('{"kind":"message","number":1,"topic":"t","payload_base64":"?"}', "payload_base64 is '\\?'; expected base64"),
    ('{"kind":"message","number":1,"topic":"t","payload":"\\udc80"}', "payload has a lone surrogate at character 0"),
    ('{"kind":"message","number":1,@,"published_qos":3}', "published_qos is 3"),
    ('{"kind":"message","number":1,@,"properties":{"topic_alias":1}}', "expected only what travels"),
    ('{"kind":"message","number":1,@,"properties":{"content_type":1}}', "content_type in properties is 1"),
    ('{"kind":"message","number":1,@,"properties":{"response_topic":"#"}}', "without wildcards"),
    ('{"kind":"message","number":1,@,"properties":{"user_properties":[["k"]]}}', "expected a pair of text"),
    ('{"kind":"owed","client_id":"c","qos":0,"message":1}', "qos is 0; expected 1 to 2"),
    ('{"kind":"owed","client_id":"c","qos":1}', "message is missing; expected an object"),
    ('{"kind":"owed","client_id":"c","qos":1,"message":"m"}', "message is 'm'; expected an object"),
    ('{"kind":"owed","client_id":"c","qos":1,"message":1,"identifiers":[0]}', "subscription identifier is 0"),
    (
        '{"kind":"owed","client_id":"c","qos":1,"message":1,"flight":{"packet_id":0,"place":1}}',
        "packet identifier is 0",
    ),
    (
        '{"kind":"owed","client_id":"c","qos":1,"message":1,"flight":{"packet_id":1,"place":1,"released":true}}',
        "released at QoS 1",
    ),
    (
        '{"kind":"owed","share":"g","filter":"a","qos":1,"message":1,"flight":{"packet_id":1,"place":1}}',
        "in flight to a shared group",
    ),
    ('{"kind":"retained",@}', "retained message of 't' is empty"),
    ('{"kind":"totals","values":{"a":"b"}}', "values has 'b'; expected whole numbers"),
    ('{"kind":"totals","values":{"a":-1}}', "a is -1"),
    ('{"kind":"end","records":1}', "the export had 1 records, and here are 0"),
)


def scrutinized(export: bytes) -> list[Record]:
    found = read(export)
    for record in found:
        scrutinize(record)
    return found


class LinesTests(SynchronousTestCase):
    def test_any_store(self) -> None:
        """
        Whatever a store holds, its lines say the same when they are read.
        """

        @brief
        @given(stores())
        def check(records: list[Record]) -> None:
            found = scrutinized(written(records))
            for record in found:
                record.where = ""
            self.assertEqual(len(found), len(records))
            self.assertEqual(written(found), written(records))

        check()

    def test_every_line_is_json(self) -> None:
        """
        An export is one JSON object a line, whatever characters a payload has, and text stays text.
        """
        export = written(everything())
        objects = [json.loads(line) for line in export.split(b"\n")[:-1]]
        self.assertEqual(objects[0], {"format": "txmqtt store", "version": 1})
        self.assertEqual(objects[-1], {"kind": "end", "records": len(objects) - 2})
        self.assertIn('"payload":"ü\\n\u2028"'.encode(), export)
        self.assertIn(b'"payload_base64":"/v8="', export)

    def test_bad_lines(self) -> None:
        """
        A wrong line is named by its number.
        """
        for line, why in BAD:
            with self.subTest(line=line[:100]):
                with self.assertRaisesRegex(StoreContentWrong, "^line 2: (?s:.*)" + why) as caught:
                    scrutinized((HEADER + line.replace("@", TOPIC) + "\n" + END).encode())
                self.assertEqual(len(str(caught.exception).splitlines()), 1)
                self.assertLess(len(str(caught.exception)), 400)

    def test_cut_short(self) -> None:
        """
        An export that was cut anywhere is not taken for a whole one.
        """
        export = written(everything())
        for size in range(len(export)):
            with self.assertRaises(StoreContentWrong):
                read(export[:size])

    def test_goes_on_after_its_end(self) -> None:
        """
        Two exports in one file are not silently one.
        """
        with self.assertRaisesRegex(StoreContentWrong, "^line 16: expected nothing after the line of kind end"):
            read(written(everything()) * 2)

    def test_header(self) -> None:
        """
        A newer format is refused by that name, another one as what it is.
        """
        for header, error, why in (
            ('{"format":"txmqtt store","version":2}', StoreTooNew, "version 2 of the format; this txmqtt knows 1"),
            ('{"format":"cats","version":1}', StoreContentWrong, "format is 'cats'; expected 'txmqtt store'"),
            ('{"format":"txmqtt store","version":1,"cat":1}', StoreContentWrong, "'cat' is not known"),
        ):
            with self.subTest(header=header), self.assertRaisesRegex(error, why):
                read(header.encode() + b"\n")

    def test_noise(self) -> None:
        """
        Whatever follows the header, nothing but an error of ours comes of it.
        """

        @brief
        @given(st.one_of(st.binary(max_size=60), _objects.map(lambda found: json.dumps(found).encode())))
        def check(line: bytes) -> None:
            try:
                for record in lines.read(BytesIO(HEADER.encode() + line + b"\n")):
                    scrutinize(record)
            except StoreError:
                pass

        check()


_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)
_keys = (
    *("client_id", "mount", "user", "expiry", "parked_at", "subscriptions", "will", "inbound", "share", "filter"),
    *("number", "topic", "payload", "payload_base64", "properties", "expires", "publisher", "qos", "retain"),
    *("identifiers", "flight", "message", "values", "records", "published_qos", "durable"),
)
_objects = st.fixed_dictionaries(
    {"kind": st.sampled_from(["session", "share", "message", "owed", "retained", "totals", "end"])},
    optional={key: _values for key in _keys},
)
