"""
A check finds what the broker would stumble over.
"""

from __future__ import annotations

import os

from tests.backends.sqlite.exchange.support_records import StoreTestCase, everything
from txmqtt.backends.sqlite.errors import StoreForeign, StoreLocked, StoreUnusable
from txmqtt.backends.sqlite.exchange.compact import compact
from txmqtt.backends.sqlite.exchange.overview import Queue, overview
from txmqtt.backends.sqlite.exchange.soundness import check
from txmqtt.backends.sqlite.lock import StoreLock

#: What happened to a store, and what is found.
WRONGS = (
    ("DELETE FROM session WHERE client_id = 'two'", "1 queued messages are owed to nobody"),
    ("DELETE FROM session WHERE client_id = 'two'", "1 subscriptions belong to no session"),
    ("DELETE FROM session WHERE mount = 'm'", "1 wills belong to no session"),
    ("DELETE FROM session WHERE user = 'joe'", "2 packet identifiers received belong to no session"),
    ("DELETE FROM share", "1 queued messages are owed to nobody"),
    ("DELETE FROM message", "2 queued messages have no content"),
    ("UPDATE queue SET topic = NULL WHERE message IS NULL", "3 queued messages have no content"),
    ("UPDATE queue SET size = size + 1 WHERE message IS NULL", "3 queued messages have a size that is not theirs"),
    (
        "UPDATE queue SET size = 0 WHERE message",
        "2 queued messages have a size that is not theirs, which several are owed",
    ),
    ("UPDATE queue SET qos = 3 WHERE message IS NULL", "3 queued messages have a QoS that is none"),
    ("UPDATE queue SET qos = NULL", "5 queued messages have a QoS that is none"),
    (
        "UPDATE queue SET published_qos = 'x' WHERE message IS NULL",
        "3 queued messages were published at a QoS that is none",
    ),
    ("INSERT INTO message (number, published_qos) VALUES (99, 0)", "1 messages are owed to nobody"),
    ("UPDATE message SET published_qos = -1", "1 messages were published at a QoS that is none"),
    ("UPDATE flight SET ref = ref + 1000", "2 messages in flight are in no queue"),
    ("UPDATE flight SET packet_id = 0", "2 packet identifiers in flight are none"),
    ("UPDATE flight SET packet_id = 9", "1 packet identifiers are in flight twice to one session"),
    ("UPDATE queue SET holder = (SELECT number FROM share) WHERE qos = 2", "1 messages in flight go to a shared group"),
    ("UPDATE inbound SET packet_id = 65536 WHERE packet_id = 1", "1 packet identifiers received are none"),
    ("UPDATE subscription SET qos = 3", "3 subscriptions have a QoS that is none"),
    ("UPDATE will SET qos = 3", "2 wills have a QoS that is none"),
    ("UPDATE retained SET published_qos = 3", "2 retained messages have a QoS that is none"),
    ("UPDATE retained SET payload = X''", "2 retained messages are empty"),
    ("UPDATE share SET number = (SELECT min(number) FROM session)", "1 numbers are given to a session and to a group"),
)


class CheckTests(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fill(everything())

    def test_sound(self) -> None:
        """
        Nothing is wrong with a store that nobody has touched.
        """
        told: list[str] = []
        self.assertEqual(check(self.path, told=told.append), [])
        self.assertEqual(check(self.path, True), [])
        self.assertIn("queue", told)

    def test_what_is_wrong(self) -> None:
        """
        Whatever does not fit together is said, with how often it does not.
        """
        for statement, what in WRONGS:
            with self.subTest(statement=statement):
                self.run_sql(statement)
                self.assertIn(what, check(self.path))
            os.unlink(self.path)
            self.fill(everything())

    def test_same_client_twice(self) -> None:
        """
        Two sessions of one client are found even where the index that forbids them has been lost.
        """
        self.run_sql(
            "CREATE TABLE other AS SELECT * FROM session",
            "INSERT INTO other SELECT 1000 + number, mount, client_id, user, durable, expiry, parked_at FROM session",
            "DROP TABLE session",
            "ALTER TABLE other RENAME TO session",
        )
        self.assertIn("3 sessions have a client identifier that another has", check(self.path))

    def test_damaged(self) -> None:
        """
        Damage is told once, and what can't be looked at because of it as that.
        """
        with open(self.path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xee" * (os.path.getsize(self.path) - 4096))
        found = check(self.path)
        self.assertTrue(found)
        self.assertRegex(" ".join(found), "malformed|btree")
        with open(self.path, "wb") as file:
            file.write(b"not a database at all" * 50)
        self.assertRegex(check(self.path)[0], "is damaged \\(file is not a database\\): .*restore a backup")

    def test_other_files(self) -> None:
        """
        What is no store is not looked over.
        """
        with self.assertRaises(StoreUnusable):
            check(self.name("none.db"))
        os.unlink(self.path)
        self.run_sql("CREATE TABLE t (x)")
        with self.assertRaises(StoreForeign):
            check(self.path)


class OverviewTests(StoreTestCase):
    def test_figures(self) -> None:
        """
        Everything that is in a store is counted, and its fullest queues are named.
        """
        self.fill(everything())
        seen = overview(self.path)
        self.assertEqual((seen.schema, seen.broker, seen.log_bytes), (1, None, 0))
        self.assertEqual((seen.sessions, seen.connected, seen.parked, seen.only_will), (3, 1, 1, 1))
        self.assertEqual((seen.subscriptions, seen.shares, seen.wills), (3, 1, 2))
        self.assertEqual((seen.queued, seen.in_flight, seen.inbound, seen.retained), (5, 2, 2, 2))
        self.assertEqual((seen.fullest[0].holder, seen.fullest[0].messages), ("one", 3))
        self.assertIn("$share/g/s/+", [each.holder for each in seen.fullest])
        self.assertEqual(sum(each.bytes for each in seen.fullest), seen.queued_bytes)
        self.assertEqual(seen.file_bytes, os.path.getsize(self.path))

    def test_who_has_it(self) -> None:
        """
        Who has a store open is named.
        """
        self.fill([])
        lock = StoreLock(self.path)
        lock.acquire()
        self.addCleanup(lock.release)
        self.assertEqual(overview(self.path).broker, os.getpid())

    def test_nobody_is_owed(self) -> None:
        """
        A queue of nobody's, and one of another mount point, are told as that.
        """
        self.fill(everything())
        self.run_sql(
            "UPDATE queue SET holder = (SELECT number FROM session WHERE mount = 'm')",
            "UPDATE queue SET holder = 12345 WHERE qos = 2",
        )
        seen = overview(self.path)
        self.assertEqual([each.holder for each in seen.fullest], ["m: one", "(nobody)"])
        self.assertIsInstance(seen.fullest[0], Queue)

    def test_other_files(self) -> None:
        """
        What is not there is not made, and what is no store is said to be none.
        """
        for name in ("none.db", "empty.db"):
            if name == "empty.db":
                open(self.name(name), "wb").close()
            with self.assertRaises(StoreUnusable):
                overview(self.name(name))
        self.assertFalse(os.path.exists(self.name("none.db")))
        self.run_sql("CREATE TABLE t (x)")
        with self.assertRaises(StoreForeign):
            overview(self.path)


class CompactTests(StoreTestCase):
    def test_smaller(self) -> None:
        """
        A store is as small as what it holds, log included, and holds the same.
        """
        self.fill(everything())
        before = self.export()
        self.run_sql(
            "PRAGMA journal_mode=WAL",
            "CREATE TABLE filler (x)",
            "INSERT INTO filler VALUES (zeroblob(1000000))",
            "DROP TABLE filler",
        )
        was, now = compact(self.path)
        self.assertGreater(was, 1_000_000)
        self.assertLess(now, 200_000)
        self.assertEqual(now, os.path.getsize(self.path))
        self.assertEqual(self.export(), before)
        self.assertSound()

    def test_refused(self) -> None:
        """
        Not while a broker has it, and nothing that is no store.
        """
        self.fill([])
        lock = StoreLock(self.path)
        lock.acquire()
        with self.assertRaises(StoreLocked):
            compact(self.path)
        lock.release()
        for name in ("none.db", "empty.db"):
            if name == "empty.db":
                open(self.name(name), "wb").close()
            with self.assertRaises(StoreUnusable):
                compact(self.name(name))
        os.unlink(self.path)
        self.run_sql("CREATE TABLE t (x)")
        with self.assertRaises(StoreForeign):
            compact(self.path)
