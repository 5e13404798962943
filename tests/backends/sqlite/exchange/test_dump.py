"""
What goes in comes out, from a store that is whole; from one that is damaged, what can be read.
"""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing

from hypothesis import given, settings

from tests.backends.sqlite.exchange.support_records import StoreTestCase, everything, read, stores, written
from tests.codec.strategies import brief
from txmqtt.backends.sqlite.errors import StoreDamaged, StoreForeign, StoreUnusable
from txmqtt.backends.sqlite.exchange.dump import Dump
from txmqtt.backends.sqlite.exchange.records import MessageRecord, OwedRecord, Record, SessionRecord
from txmqtt.backends.sqlite.schema import SCHEMA
from txmqtt.session.message import Message

PAGE = 4096


class RoundTripTests(StoreTestCase):
    def test_everything(self) -> None:
        """
        What was exported and imported again is exported as the same lines.
        """
        lines = written(everything())
        self.fill(read(lines))
        self.assertEqual(self.export(), lines)
        self.assertSound()

    def test_anything(self) -> None:
        """
        So it is with any store, and it is sound.
        """

        @settings(brief, max_examples=20)
        @given(stores())
        def check(records: list[Record]) -> None:
            lines = written(records)
            self.fill(read(lines))
            found = self.export()
            self.fill(read(found), self.name("again.db"))
            self.assertEqual(self.export(self.name("again.db")), found)
            self.assertEqual(sorted(found.splitlines()[1:-1]), sorted(_referred(lines)))
            self.assertSound()
            for name in os.listdir(self.folder):
                os.unlink(self.name(name))

        check()

    def test_numbers_are_its_own(self) -> None:
        """
        What the broker adds later gets numbers that nothing in the store has.
        """
        self.fill(everything())
        ((last,),) = self.run_sql(
            "SELECT max(n) FROM (SELECT max(ref) n FROM queue UNION SELECT max(number) FROM session)"
        )
        self.assertGreaterEqual(last, 9)
        self.assertEqual(self.run_sql("SELECT count(*) FROM queue q JOIN session s ON s.number = q.ref"), [(0,)])

    def test_while_the_broker_writes(self) -> None:
        """
        An export is of one moment, whatever is written meanwhile.
        """
        self.fill(everything())
        before = self.export()
        self.run_sql("PRAGMA journal_mode=WAL")
        records = Dump(self.path).records()
        first = next(records)
        self.run_sql("DELETE FROM retained", "DELETE FROM queue")
        self.assertEqual(written([first, *records]), before)


def _referred(lines: bytes) -> list[bytes]:
    """
    The lines of an export without messages that nobody is owed, the others counted anew.
    """
    records = read(lines)
    wanted = {each.message for each in records if isinstance(each, OwedRecord) and isinstance(each.message, int)}
    ordinals: dict[int, int] = {}
    kept: list[Record] = []
    for record in records:
        if isinstance(record, MessageRecord):
            if record.number not in wanted:
                continue
            ordinals[record.number] = record.number = len(ordinals) + 1
        elif isinstance(record, OwedRecord) and isinstance(record.message, int):
            record.message = ordinals[record.message]
        kept.append(record)
    return written(kept).splitlines()[1:-1]


class DamageTests(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        sessions: list[Record] = [SessionRecord("", f"c{n}", expiry=60) for n in range(40)]
        chance = random.Random(7)
        self.fill(
            sessions
            + [OwedRecord(("", f"c{n % 40}"), 1, Message(b"t/%d" % n, chance.randbytes(300), 1)) for n in range(2_000)]
        )
        self.whole = self.export().splitlines()
        with open(self.path, "rb") as file:
            self.data = bytearray(file.read())

    def damage(self, data: bytes) -> tuple[list[bytes], list[str]]:
        with open(self.path, "wb") as file:
            file.write(data)
        dump = Dump(self.path)
        found = written(dump.records())
        self.fill(read(found), self.name("salvaged.db"))
        os.unlink(self.name("salvaged.db"))
        return found.splitlines(), dump.lost

    def pages(self, kind: int) -> list[int]:
        return [at for at in range(PAGE, len(self.data), PAGE) if self.data[at] == kind]

    def test_pages_are_lost(self) -> None:
        """
        Of a file with damaged pages all is exported that is not in these pages, what is lost is said, and the export
        can be imported.
        """
        leaves = self.pages(13)
        chance = random.Random(1)
        for filler in (bytes(PAGE), chance.randbytes(PAGE)):
            data = bytearray(self.data)
            for at in leaves[20:22] + leaves[60:61]:
                data[at : at + PAGE] = filler
            found, lost = self.damage(bytes(data))
            self.assertTrue(set(found[1:-1]) < set(self.whole))
            self.assertGreater(len(found), len(self.whole) - 3 * 14)
            self.assertLess(len(found), len(self.whole))
            self.assertRegex(lost[0], r"^queue: the rows between ref \d+ and \d+ \(")

    def test_cut_short(self) -> None:
        """
        Of a file that was cut short the beginning is exported.
        """
        found, lost = self.damage(bytes(self.data)[: len(self.data) * 3 // 4 // PAGE * PAGE])
        self.assertIn(b'"client_id":"c39"', b"".join(found))
        self.assertGreater(len(found), 100)
        self.assertRegex(lost[0], r"^the last \d+ bytes of the file")

    def test_turned_bits(self) -> None:
        """
        Whatever bits have turned, an export never holds what could not be imported, and never fails half-way.
        """
        chance = random.Random(2)
        for _ in range(4):
            data = bytearray(self.data)
            for _ in range(30):
                data[chance.randrange(PAGE, len(data))] ^= 1 << chance.randrange(8)
            found, _ = self.damage(bytes(data))
            self.assertGreater(len(found), len(self.whole) // 2)

    def test_rows_that_fit_nowhere(self) -> None:
        """
        A row that means nothing is left out, and said.
        """
        self.run_sql(
            "UPDATE queue SET topic = CAST('a/#' AS BLOB) WHERE ref = 42",
            "UPDATE queue SET topic = X'FF' WHERE ref = 43",
            "UPDATE queue SET holder = 99999 WHERE ref = 44",
            "UPDATE queue SET qos = 'x' WHERE ref = 45",
            "UPDATE queue SET properties = X'0501' WHERE ref = 46",
            "UPDATE queue SET topic = NULL WHERE ref = 47",
            "UPDATE queue SET message = 7 WHERE ref = 48",
            "UPDATE session SET client_id = CAST(X'FF' AS TEXT) WHERE number = 1",
        )
        dump = Dump(self.path)
        count = sum(1 for _ in dump.records())
        self.assertEqual(count, len(self.whole) - 2 - 7 - 1 - 50)
        for words in (
            "wildcard '#'",
            "not UTF-8",
            "99999",
            "queue 45",
            "property",
            "expected bytes",
            "message 7 is not",
        ):
            self.assertTrue(any(words in line for line in dump.lost), words)

    def test_nothing_can_be_read(self) -> None:
        """
        A file of which nothing can be read is said to be one.
        """
        with open(self.path, "wb") as file:
            file.write(b"SQLite format 3\0" + b"\xee" * 5000)
        with self.assertRaisesRegex(StoreDamaged, "nothing can be read from .*: restore a backup"):
            list(Dump(self.path).records())

    def test_identity_is_lost(self) -> None:
        """
        Without the table that says whose file it is the rest is exported all the same.
        """
        self.run_sql("DELETE FROM meta WHERE key = 'id'")
        dump = Dump(self.path)
        self.assertEqual(sum(1 for _ in dump.records()), len(self.whole) - 2)
        self.assertRegex(dump.lost[0], "table meta is incomplete")


class OtherFileTests(StoreTestCase):
    def test_not_a_store(self) -> None:
        """
        What is no store of a broker is not exported.
        """
        with closing(sqlite3.connect(self.name("other.db"))) as other:
            other.execute("CREATE TABLE t (x)")
        with open(self.name("empty.db"), "wb"):
            pass
        for name, error in (("none.db", StoreUnusable), ("other.db", StoreForeign), ("empty.db", StoreUnusable)):
            with self.subTest(name=name), self.assertRaises(error):
                list(Dump(self.name(name)).records())
        self.assertFalse(os.path.exists(self.name("none.db")))

    def test_tables_are_missing(self) -> None:
        """
        A store without one of its tables is damaged.
        """
        self.fill(everything())
        self.run_sql("DROP TABLE retained")
        with self.assertRaisesRegex(StoreDamaged, "lacks the tables retained"):
            list(Dump(self.path).records())
        self.assertIn("retained", {table.name for table in SCHEMA.tables})
