"""
A store is filled as a whole, or is as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tests.backends.sqlite.exchange.support_records import StoreTestCase, everything, read, written
from txmqtt.backends.sqlite.errors import (
    StoreContentWrong,
    StoreForeign,
    StoreLocked,
    StoreNotEmpty,
    StoreUnusable,
)
from txmqtt.backends.sqlite.exchange.intake import intake
from txmqtt.backends.sqlite.exchange.records import (
    Flight,
    MessageRecord,
    OwedRecord,
    Record,
    RetainedRecord,
    SessionRecord,
    ShareRecord,
    TotalsRecord,
)
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.session.message import Message


def session(client_id: str, *, where: str = "") -> SessionRecord:
    return SessionRecord("", client_id, expiry=60, where=where)


def owed(client_id: str, message: Message | int, flight: Flight | None = None) -> OwedRecord:
    return OwedRecord(("", client_id), 1, message, flight=flight)


MESSAGE = Message(b"t", b"p", 1)

#: Records of which each by itself is good, and why they are not together.
QUARRELS: tuple[tuple[list[Record], str], ...] = (
    ([session("a"), session("a", where="line 9")], "^line 9: client identifier 'a' twice"),
    ([ShareRecord("", b"g", b"f"), ShareRecord("", b"g", b"f")], "the group 'g' of 'f' twice"),
    ([MessageRecord(1, MESSAGE), MessageRecord(1, MESSAGE)], "message 1 twice"),
    ([owed("a", MESSAGE)], "owed to \\('a',\\), of whom no line before it tells"),
    ([session("a"), owed("a", 77)], "message 77, of which no line before it tells"),
    ([session("a"), *(owed("a", MESSAGE, Flight(5, False, place)) for place in (1, 2))], "packet identifier 5 twice"),
    ([RetainedRecord("", MESSAGE), RetainedRecord("", MESSAGE)], "a retained message of 't' twice"),
)


class NewStoreTests(StoreTestCase):
    def test_nothing_is_left_of_a_failure(self) -> None:
        """
        What can't all enter leaves nothing behind.
        """
        for records, why in QUARRELS:
            with self.subTest(why=why):
                with self.assertRaisesRegex(StoreContentWrong, why):
                    self.fill([*everything(), session("last"), *records] if "line 9" not in why else records)
                self.assertEqual(os.listdir(self.folder), ["mqtt.db.lock"])

    def test_quarrels_within_a_whole_store(self) -> None:
        """
        So it is when a store that is there can't take all of it: it stays as it was.
        """
        self.fill([session("before")])
        before = self.export()
        for records, why in QUARRELS:
            with self.subTest(why=why), self.assertRaisesRegex(StoreContentWrong, why):
                self.fill([TotalsRecord({}), *records], merge=True)
            self.assertEqual(self.export(), before)

    def test_only_its_owner_reads_it(self) -> None:
        """
        What people were sent is nobody else's business.
        """
        self.fill(everything())
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(sorted(os.listdir(self.folder)), ["mqtt.db", "mqtt.db.lock"])

    def test_leftovers(self) -> None:
        """
        What an import that was killed left behind is in nobody's way.
        """
        with open(self.path + ".partial", "wb") as file:
            file.write(b"half")
        self.fill(everything())
        self.assertSound()

    def test_counts(self) -> None:
        """
        It is told how much entered, and how far it is.
        """
        told: list[int] = []
        many: Iterator[Record] = (session(f"c{number}") for number in range(2_500))
        filled = intake(self.path, many, told=told.append)
        self.assertEqual((filled.sessions, told), (2_500, [1_000, 2_000]))
        filled = self.fill(everything(), self.name("other.db"))
        self.assertEqual((filled.sessions, filled.subscriptions, filled.owed, filled.retained), (3, 3, 5, 2))

    def test_messages_for_nobody(self) -> None:
        """
        A message that nobody is owed does not enter.
        """
        self.fill([session("a"), MessageRecord(1, MESSAGE), MessageRecord(2, MESSAGE), owed("a", 2)])
        self.assertEqual(self.run_sql("SELECT count(*) FROM message"), [(1,)])
        self.assertSound()


class OldStoreTests(StoreTestCase):
    def test_not_empty(self) -> None:
        """
        A store that holds something is added to only when that is asked for.
        """
        self.fill([session("before")])
        with self.assertRaisesRegex(StoreNotEmpty, "holds something already: name a new file, or say --merge"):
            self.fill(everything())
        self.fill(everything(), merge=True)
        self.assertEqual(
            written([session("before"), *everything()]).splitlines()[1:-2], self.export().splitlines()[1:-1]
        )
        self.assertSound()

    def test_empty(self) -> None:
        """
        A store that no client has used yet is filled as if it were new; so is an empty file.
        """
        self.fill([])
        self.fill(read(written(everything())))
        self.assertEqual(self.export(), written(everything()))
        with open(self.name("empty.db"), "wb"):
            pass
        self.fill(everything(), self.name("empty.db"))
        self.assertEqual(self.export(self.name("empty.db")), written(everything()))

    def test_what_is_there_stays(self) -> None:
        """
        Of two retained messages of a topic that of the store stays; a client has no second session.
        """
        self.fill([RetainedRecord("", Message(b"a/1", b"mine", 0, True)), ShareRecord("", b"g", b"s/+")])
        filled = self.fill(everything(), merge=True)
        self.assertEqual((filled.retained, filled.kept), (1, 1))
        self.assertIn(b'"topic":"a/1","payload":"mine"', self.export())
        self.assertSound()
        with self.assertRaisesRegex(StoreContentWrong, "client identifier 'one' has a session in this store already"):
            self.fill(everything(), merge=True)

    def test_broker_has_it(self) -> None:
        """
        Nothing enters a store that somebody has.
        """
        for there in (False, True):
            if there:
                self.fill([])
            lock = StoreLock(self.path)
            lock.acquire()
            with self.assertRaisesRegex(StoreLocked, f"in use by process {os.getpid()}"):
                self.fill(everything(), merge=True)
            lock.release()

    def test_unusable(self) -> None:
        """
        What can't be a store is left alone.
        """
        with open(self.path, "wb") as file:
            file.write(b"a letter to grandmother, in which nothing must change" * 30)
        with self.assertRaisesRegex(Exception, "file is not a database"):
            self.fill(everything())
        with self.assertRaises(StoreUnusable):
            self.fill(everything(), "/nowhere/mqtt.db")
        with self.assertRaises(StoreUnusable):
            self.fill(everything(), self.folder)
        self.assertEqual(os.path.getsize(self.path), 1590)
        os.unlink(self.path)
        self.run_sql("CREATE TABLE t (x)")
        with self.assertRaises(StoreForeign):
            self.fill(everything(), merge=True)
