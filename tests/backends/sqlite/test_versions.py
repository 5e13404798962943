"""
What a store of any version that has landed holds is there with today's code.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from tests.backends.sqlite.support_backend import Machine
from tests.backends.sqlite.support_disk import DiskTestCase, left_on, raise_town
from tests.backends.sqlite.support_versions import SAID, VERSIONS, build
from tests.broker.support import Peer
from txmqtt.backends.sqlite.exchange.soundness import check
from txmqtt.backends.sqlite.schema import SCHEMA
from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Packet, Publish
from txmqtt.codec.properties import Properties

EVERY = tuple(sorted(int(path.stem) for path in VERSIONS.glob("*.sql")))


def statements(path: str) -> list[str]:
    """
    What made the tables of a file, and all that belongs to them.
    """
    with closing(sqlite3.connect(path)) as connection:
        return [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1")]


def columns(path: str) -> dict[str, list[Any]]:
    """
    What a file can hold, in which order, however it was made.
    """
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for (name,) in found}


def said(packets: list[Packet]) -> list[tuple[object, ...]]:
    """
    What each message brought: payload, QoS, retain, DUP, and of which subscriptions it tells.
    """
    return [
        (each.payload, each.qos, each.retain, each.dup, (each.properties or Properties()).subscription_identifiers)
        for each in packets
        if isinstance(each, Publish)
    ]


class SchemaTests(DiskTestCase):
    def test_each_version_is_kept(self) -> None:
        """
        There is a file of every version of the schema that has landed.
        """
        self.assertEqual(EVERY, tuple(range(1, SCHEMA.version + 1)))

    def test_tables_of_a_version_do_not_change(self) -> None:
        """
        Who changes a table makes a new version, and says how an older file becomes one.
        """
        machine = Machine()
        self.addCleanup(machine.close)
        build(SCHEMA.version, machine.path)
        self.assertEqual(statements(machine.path), statements(self.machine.path))
        self.assertEqual(sorted(SCHEMA.migrations), list(range(1, SCHEMA.version)))

    def test_something_of_everything(self) -> None:
        """
        The file of each version has rows in every table that there was: what is tested below is all there is.
        """
        for version in EVERY:
            machine = Machine()
            self.addCleanup(machine.close)
            build(version, machine.path)
            with closing(sqlite3.connect(machine.path)) as connection:
                for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
                    with self.subTest(version=version, table=table):
                        self.assertTrue(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


class VersionTests(DiskTestCase):
    """
    What C{support_versions.Life} left, in the file of each version.
    """

    def open(self, version: int, now: float = 0.0) -> bool:
        """
        A broker on that file.
        """
        machine = Machine(prompt=True)
        self.addCleanup(machine.close)
        build(version, machine.path)
        self.machine = machine
        self.use(raise_town(machine, Policy(), now))
        return True

    def returning(self, name: str, **words: Any) -> Peer:
        """
        Somebody who finds the session.
        """
        client = self.durable(name, **words)
        self.assertTrue(client.present, name)
        return client

    def test_tables(self) -> None:
        """
        An older file has, once opened, all that a new one has, and is sound.
        """
        new = columns(self.machine.path)
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version)
                self.assertEqual(columns(self.machine.path), new)
                self.assertEqual(check(self.machine.path, thorough=True), [])
                self.assertEqual(self.rows("SELECT value FROM meta WHERE key = 'schema'"), [(SCHEMA.version,)])

    def test_counts(self) -> None:
        """
        Nothing of it is missing, and the totals count on.
        """
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version)
                stats = self.stats
                self.assertEqual((stats.sessions, stats.subscriptions, stats.shared_subscriptions), (9, 6, 1))
                self.assertEqual((stats.queued, stats.retained), (8, 2))
                self.assertEqual((stats.connections_total, stats.publish_received, stats.publish_sent), (10, 8, 1))
                turn = self.town.turn
                self.assertEqual((turn.bytes_received, turn.bytes_sent), (625, 291))
                self.assertEqual((turn.packets_received, turn.packets_sent, turn.publishes_sent), (28, 32, 3))

    def test_queues(self) -> None:
        """
        Everybody is sent what was waiting, each QoS in order, with all that was said about it.
        """
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version)
                sleeper = self.returning("sleeper", user="ann")
                heard = sleeper.heard()
                self.assertEqual(
                    said(heard),
                    [
                        (b"both", 1, True, False, (7, 8)),
                        (b"own", 2, False, False, (7, 8)),
                        (b"exactly once", 2, False, False, (7, 8)),
                    ],
                )
                own = heard[1]
                assert isinstance(own, Publish)
                expected = Properties(message_expiry_interval=1800, subscription_identifiers=(7, 8), **SAID)
                self.assertEqual((own.topic, own.properties), (b"t/one", expected))
                other = self.returning("other", version=4)
                self.assertEqual(said(other.heard()), [(b"both", 1, False, False, ())])
                self.assertEqual(said(self.returning("member").heard()), [(b"shared", 1, False, False, ())])

    def test_expiry(self) -> None:
        """
        What was to expire does, and sessions end when their time is over.
        """
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version, 1_000 + 1_801)
                self.assertEqual(len(self.returning("sleeper", user="ann").payloads()), 2)
                self.town.wait(1_800)
                self.assertEqual(sorted(key for key in left_on(self.machine) if key in ("flight", "inbound")), [])
                self.assertFalse(self.durable("flier").present)

    def test_exactly_once(self) -> None:
        """
        What had been sent goes on where it was, and what had been taken is not taken twice.
        """
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version)
                heard = self.returning("flier").heard()
                self.assertEqual(heard[0], Ack(PUBREL, 1))
                self.assertEqual(said(heard), [(b"sent", 2, False, True, ()), (b"acknowledge", 1, False, True, ())])
                self.assertEqual([each.packet_id for each in heard if isinstance(each, Publish)], [2, 3])
                sender = self.returning("sender")
                sender.say(Publish(b"t/three", b"exactly once", 2, dup=True, packet_id=9))
                sender.say(Ack(PUBREL, 9))
                self.assertEqual(sender.heard(), [Ack(PUBREC, 9), Ack(PUBCOMP, 9)])
                self.assertEqual(self.rows("SELECT count(*) FROM queue WHERE payload = 'exactly once'"), [(0,)])
                self.assertEqual(len(self.returning("sleeper", user="ann").payloads()), 3)

    def test_subscriptions(self) -> None:
        """
        Subscriptions hold with all their options, those of a group and those of another mount too.
        """
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version)
                clients = [self.returning("sleeper", user="ann"), self.returning("flier"), self.returning("member")]
                for client in clients:
                    client.finish()
                annex = self.returning("sleeper", user="bob", mount="annex")
                publisher = self.join("p")
                clients[0].publish("t/one", b"no echo", 1)  # one of the two asked for no echo
                for topic in ("t/one/below", "t/one", "f", "s", "t/both"):
                    publisher.publish(topic, topic.encode(), 2, retain=True)
                self.assertEqual(
                    said(clients[0].heard()),
                    [
                        (b"no echo", 1, False, False, (8,)),
                        (b"t/one/below", 2, False, False, (7,)),
                        (b"t/one", 2, True, False, (7, 8)),
                        (b"t/both", 2, True, False, (7, 8)),
                    ],
                )
                self.assertEqual(said(clients[1].heard()), [(b"f", 2, False, False, ())])
                self.assertEqual(said(clients[2].heard()), [(b"s", 1, False, False, ())])
                self.assertEqual(annex.heard(), [])
                self.join("q", mount="annex").publish("t/both", b"there")
                self.assertEqual(annex.payloads(), [b"there"])

    def test_retained(self) -> None:
        """
        What was retained is, in the mount where it was.
        """
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version)
                new = self.join("new")
                new.subscribe("#", qos=2)
                (packet,) = new.heard()
                assert isinstance(packet, Publish)
                self.assertEqual((packet.topic, packet.payload, packet.qos), (b"t/both", b"both", 1))
                self.assertEqual(packet.properties, Properties(**SAID))
                there = self.join("there", mount="annex")
                there.subscribe("#", qos=2)
                self.assertEqual(there.payloads(), [b"annex"])

    def test_wills(self) -> None:
        """
        Wills come when they are due: after the time to return, or after what was left of their delay.
        """
        for version in EVERY:
            with self.subTest(version=version):
                self.open(version)
                watcher = self.join("watcher")
                watcher.subscribe("w/#", qos=2)
                self.town.wait(31)
                self.assertEqual(
                    sorted(watcher.finish()), [(b"w/lasting", b"lasting", 2), (b"w/passing", b"passing", 0)]
                )
                self.town.wait(860)
                self.assertEqual(watcher.heard(), [])
                self.town.wait(10)
                self.assertEqual(said(heard := watcher.heard()), [(b"late", 1, False, False, ())])
                (late,) = heard
                assert isinstance(late, Publish)
                self.assertEqual(late.properties, Properties(**SAID))
