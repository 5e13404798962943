"""
What a mosquitto left moves in: from its database, from the SQLite file of its plugin.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.backends.sqlite.exchange.support_mosquitto import (
    FULL,
    NOW,
    ROWS,
    chunk,
    client,
    header,
    item,
    make_sqlite,
    message,
    retained,
    subscription,
)
from tests.backends.sqlite.exchange.support_records import StoreTestCase, everything, written
from tests.codec.strategies import brief
from txmqtt.backends.sqlite.errors import StoreContentWrong, StoreError, StoreForeign, StoreUnusable
from txmqtt.backends.sqlite.exchange.sources import opened

SESSIONS = [
    '{"kind":"session","client_id":"one","user":"joe","expiry":4294967295,"parked_at":1700000000.0,"subscriptions":'
    '[{"filter":"a/#","qos":2,"no_local":true,"retain_as_published":true}],"inbound":[44]}',
    '{"kind":"session","client_id":"two","expiry":3600,"parked_at":1699996400.0,"subscriptions":'
    '[{"filter":"#","qos":2},{"filter":"$share/g/+","qos":1},{"filter":"a/+","qos":1,"identifier":7}]}',
    '{"kind":"share","share":"g","filter":"+"}',
]
BEFORE = '"published_qos":2,"published_retain":true,"properties":{"payload_format_indicator":1,"content_type":"text",'
HELLO = '"topic":"a/1","payload":"hello",%s%s"user_properties":[["k","v"]]},"expires":%d.0,"publisher":"sender"}'
COMING = '"topic":"b","payload":"coming","published_qos":2,"published_retain":true,"publisher":"one"}'
OWED = [
    '{"kind":"owed","client_id":"one","qos":2,"flight":{"packet_id":5,"place":1,"released":true},"message":1}',
    '{"kind":"owed","client_id":"one","qos":1,"flight":{"packet_id":6,"place":2},"message":'
    '{"topic":"a/2","payload_base64":"/w==","published_qos":1}}',
    '{"kind":"owed","client_id":"one","qos":1,"message":{"topic":"%s","payload":"%s","published_qos":1%s}}',
    '{"kind":"owed","client_id":"two","qos":1,"retain":true,"identifiers":[7],"message":1}',
    '{"kind":"message","number":2,' + COMING,
    '{"kind":"owed","client_id":"two","qos":2,"message":2}',
    '{"kind":"owed","share":"g","filter":"+","qos":2,"message":2}',
]


class MosquittoTestCase(StoreTestCase):
    def put(self, data: bytes) -> str:
        path = self.name("mosquitto.db")
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (NOW, NOW))
        return path

    def move(self, source: str, anonymous: bool = False) -> tuple[list[str], Mapping[str, int]]:
        """
        The lines of the store that comes of it.
        """
        if os.path.exists(self.path):
            os.unlink(self.path)
        with opened(source, anonymous) as found:
            self.fill(found.records)
        self.assertSound()
        return self.export().decode().split("\n")[1:-2], found.left_out

    def expected(self, topic: str, payload: str, publisher: str, correlation: str) -> list[str]:
        hello = HELLO % (BEFORE, correlation, NOW + 60)
        owed = list(OWED)
        owed[2] = owed[2] % (topic, payload, publisher)
        owed.insert(0, '{"kind":"message","number":1,' + hello)
        kept = ['{"kind":"retained",' + hello, '{"kind":"retained",' + COMING]
        return [*SESSIONS, *owed, *kept]


#: A byte of the database, and what it is instead.
_changes = st.tuples(st.integers(23, len(FULL) - 1), st.integers(0, 255))


class DatabaseTests(MosquittoTestCase):
    def test_everything(self) -> None:
        """
        Sessions, subscriptions with their options, what is queued and in flight, and retained messages move in; what
        has no place is counted. A QoS 2 message that was not released goes on to those who subscribed to it.
        """
        found, left_out = self.move(self.put(FULL))
        self.assertEqual(found, self.expected("$SYS/broker/uptime", "9", "", ""))
        self.assertEqual(
            left_out,
            {
                "chunks of the unknown kind 9": 1,
                "messages of QoS 0": 1,
                "messages of sessions that are not there": 1,
                "messages without content, which had expired": 1,
                "retained messages about mosquitto itself": 1,
                "retained messages without content, which had expired": 1,
                "sessions that end with their connection": 1,
                "subscriptions of sessions that are not there": 1,
            },
        )

    def test_version_5(self) -> None:
        """
        A database of mosquitto 1.6 knows no user names.
        """
        found, _ = self.move(self.put(header(5) + client(b"one", version=5) + subscription(b"one", b"a")))
        self.assertEqual(len(found), 1)
        self.assertIn('"client_id":"one","expiry":4294967295', found[0])

    def test_other_machines(self) -> None:
        """
        On 32 bits structures end earlier.
        """
        found, _ = self.move(self.put(header() + client(b"one", b"joe", padding=0)))
        self.assertIn('"client_id":"one","user":"joe"', found[0])

    def test_haunted_user_names(self) -> None:
        """
        Where mosquitto wrote somebody else's user name for a client without one, the session belongs to nobody by
        name; and on request all do.
        """
        ghost = b"joe\0" + bytes(764)
        data = header() + b"".join(
            (
                client(b"a", b"joe"),
                client(b"b", ghost),
                client(b"c", b"joe"),
                client(b"d", ghost),
                client(b"e", b"jane"),
                client(b"f", b"joe"),
            )
        )
        found, left_out = self.move(self.put(data))
        users = [line.partition('"user":')[2].partition(",")[0] for line in found]
        self.assertEqual(users, ['"joe"', "", "", "", '"jane"', '"joe"'])
        self.assertEqual(left_out, {"user names that mosquitto wrote for clients without one": 3})
        found, _ = self.move(self.put(data), anonymous=True)
        self.assertNotIn("user", "".join(found))

    def test_retained_by_what_was_not_released(self) -> None:
        """
        A message that was not released is retained or clears what is, as it would have on its release.
        """
        start = header() + message(1, b"t", b"old", 1, 1) + client(b"c") + retained(1)
        for payload, kept in ((b"new", 1), (b"", 0)):
            data = start + message(2, b"t", payload, 2, 1) + item(b"c", 2, 2, 7, incoming=True)
            found, _ = self.move(self.put(data))
            self.assertEqual([line for line in found if "retained" in line.split(",")[0]], found[1:])
            self.assertEqual(len(found) - 1, kept)
            self.assertNotIn("old", "".join(found))

    def test_own_messages(self) -> None:
        """
        Who asked not to be sent his own messages is not, and one copy is for all of a session's subscriptions.
        """
        data = header() + b"".join(
            (
                message(1, b"t", b"x", 2, 1, source=b"c"),
                client(b"c"),
                item(b"c", 1, 2, 7, incoming=True),
                client(b"d"),
                subscription(b"c", b"t", 2, 4),
                subscription(b"d", b"t", 1, 8, 3),
                subscription(b"d", b"+", 2, 0, 4),
                subscription(b"d", b"#", 0, 0, 5),
            )
        )
        found, _ = self.move(self.put(data))
        (owed,) = [line for line in found if '"kind":"owed"' in line]
        self.assertTrue(
            owed.startswith('{"kind":"owed","client_id":"d","qos":2,"retain":true,"identifiers":[3,4],"message":{'),
            owed,
        )

    def test_wrong(self) -> None:
        """
        What is wrong is named by the byte at which its chunk begins, and nothing moves in.
        """
        start = header()
        one = client(b"one")
        for data, why in (
            (start[:10], "^byte 10: the end|begins with"),
            (start[:17], "^byte 17: the end; expected 23 bytes"),
            (header(4), "^byte 19: version 4 of mosquitto's database; expected 5 or 6"),
            (start + b"\0" * 7, "^byte 47: 7 bytes; expected 8, kind and length"),
            (start + chunk(4, b"12345678")[:-1], "^byte 47, chunk of kind 4: it has 8 bytes, of which 7 are there"),
            (start[:23] + chunk(1, b"\0" * 8 + b"\1\4" + b"\0" * 6), "numbers of messages have 4 bytes; expected 8"),
            (start + chunk(4, b"1234"), "^byte 47, chunk of kind 4: it has 4 bytes; expected more"),
            (start + client(b"a" * 9)[:-1] + b"\xff", "client identifier is not UTF-8 at byte 8"),
            (start + client(b"a", b"\xff"), "user name is not UTF-8 at byte 0"),
            (start + chunk(6, one[8:] + b"xx"), "for a client identifier of 3"),
            (start + message(1, b"t", properties=b"\x05\x01"), "property length 5"),
            (start + message(1, b"t", properties=b"\0\0"), "1 bytes after its properties"),
            (start + message(1, b"t", source=b"\xff"), "client identifier of the publisher is not UTF-8"),
            (start + client(b"a\0"), "^byte 47, chunk of kind 6: client identifier: U\\+0000"),
            (start + one + subscription(b"one", b"a#"), "does not fill its level"),
            (start + one + subscription(b"one", b"a", 3), "qos of a subscription is 3"),
            (start + one + message(1, b"#") + item(b"one", 1), "^byte \\d+, chunk of kind 3: topic has the wildcard"),
            (start + one + message(1, b"t") + item(b"one", 1, 3), "qos is 3"),
            (start + one + message(1, b"t", qos=3) + item(b"one", 1), "published_qos is 3"),
            (start + message(1, b"t") + retained(1), "retained message of 't' is empty"),
        ):
            with self.subTest(why=why):
                with self.assertRaisesRegex(StoreContentWrong, why):
                    self.move(self.put(data))
                self.assertFalse(os.path.exists(self.path))

    def test_cut_short(self) -> None:
        """
        A database that was cut anywhere but between two chunks is not taken for a whole one.
        """
        ends = set()
        at = 23
        while at < len(FULL):
            ends.add(at)
            at += 8 + int.from_bytes(FULL[at + 4 : at + 8], "big")
        for size in range(1, len(FULL)):
            if size not in ends:
                with self.assertRaises(StoreContentWrong), opened(self.put(FULL[:size])):
                    pass

    def test_noise(self) -> None:
        """
        Whatever is in a file, nothing but an error of ours comes of it.
        """

        @brief
        @given(
            st.lists(st.tuples(st.integers(23, len(FULL) - 1), st.integers(0, 255)), max_size=4), st.binary(max_size=30)
        )
        def check(changes: list[tuple[int, int]], more: bytes) -> None:
            data = bytearray(FULL)
            for place, value in changes:
                data[place] = value
            try:
                with opened(self.put(bytes(data) + more)) as found:
                    list(found.records)
            except StoreError:
                pass

        check()


class PluginTests(MosquittoTestCase):
    def make(self, *rows: tuple[str, tuple[object, ...]]) -> str:
        path = self.name("mosquitto.sqlite3")
        if os.path.exists(path):
            os.unlink(path)
        make_sqlite(path, *rows)
        os.utime(path, (NOW, NOW))
        return path

    def test_everything(self) -> None:
        """
        The file of mosquitto 2.1's plugin moves in just as well, wills too; a topic that SQLite took for a number is
        one of digits.
        """
        found, left_out = self.move(self.make(*ROWS))
        expected = self.expected("12", "", ',"publisher":"7"', '"correlation_data_base64":"AP8=",')
        will = '"will":{"topic":"w","payload":"bye","qos":1,"retain":true,"properties":{"will_delay_interval":9}}}'
        expected[1] = expected[1][:-1] + "," + will
        self.assertEqual(found, expected)
        gone = "sessions that end with their connection"
        self.assertEqual(left_out, {gone: 1, "wills of sessions that are not there": 1})

    def test_wrong(self) -> None:
        """
        What is wrong is named by its table and row.
        """
        good = list(ROWS)
        about = ("x", None, 0, 1, 1883, 1, 0)
        for rows, why in (
            (
                [("clients", ("c", None, 0, 0, "soon", 1, 0, 2, 1, 9, 0))],
                "row 1: session_expiry_time is 'soon'",
            ),
            ([("clients", (b"c", None, 0, 0, 0, 1, 0, 2, 1, 9, 0))], "client_id is b'c'; expected text"),
            ([("base_msgs", (1, 0, "t", "text", *about, None))], "payload is 'text'; expected bytes"),
            ([("base_msgs", (1, 0, "t", b"", *about, "{"))], "properties is '{'; expected a list of properties"),
            ([("base_msgs", (1, 0, "t", b"", *about, "[7]"))], "expected a list of properties"),
            ([("base_msgs", (1, 0, "t", b"", *about, '[{"identifier":"cat","value":1}]'))], "'cat'"),
            ([("base_msgs", (1, 0, "t", b"", *about, '[{"identifier":"content-type","value":1}]'))], "is not str"),
            ([*good, ("base_msgs", (9, 0, "t", b"", *about, None)), ("retains", ("t", 9))], "retains, row 2: retained"),
            ([("version_info", ("database_schema", 2, 0, 0))], "schema 2.0 of mosquitto's; expected 1.x"),
        ):
            with self.subTest(why=why), self.assertRaisesRegex(StoreContentWrong, why):
                self.move(self.make(*rows))

    def test_older(self) -> None:
        """
        The first files of the plugin had no wills and no version.
        """
        path = self.make(*[row for row in ROWS if row[0] != "wills"])
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript("DROP TABLE wills; DROP TABLE version_info")
        found, _ = self.move(path)
        self.assertEqual(len(found), 13)


class SourceTests(MosquittoTestCase):
    def test_told_apart(self) -> None:
        """
        What a file is is told by what it holds, not by its name.
        """
        make_sqlite(self.name("plugin"))
        for data, what in ((FULL, "mosquitto's database, version 6"), (written(everything()), "an export of txmqtt")):
            with opened(self.put(data)) as found:
                self.assertEqual(found.format, what)
        with opened(self.name("plugin")) as found:
            self.assertEqual(found.format, "mosquitto's SQLite file")

    def test_neither(self) -> None:
        """
        Any other file is refused, and so is one of our stores, which is copied by other means.
        """
        self.fill([])
        for data, error, why in (
            (b"", StoreContentWrong, "is empty"),
            (b"dear grandmother", StoreContentWrong, "begins with b'dear grandmother'; expected an export of txmqtt"),
            (Path(self.path).read_bytes(), StoreForeign, "and not mosquitto's: its tables base_msgs"),
            (b"SQLite format 3\0 and no more", StoreError, "is damaged"),
        ):
            with self.subTest(why=why), self.assertRaisesRegex(error, why), opened(self.put(data)):
                pass
        with self.assertRaisesRegex(StoreUnusable, "can't be read: No such file"), opened(self.name("none")):
            pass
