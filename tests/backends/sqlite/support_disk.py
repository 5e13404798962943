"""
A broker on a disk, that can be killed, stopped and started again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from tests.backends.sqlite.support_backend import Machine
from tests.broker.support import BrokerTestCase, Town
from txmqtt.backends.sqlite.schema import SCHEMA
from txmqtt.broker.policy import Policy
from txmqtt.broker.revival import recover


def raise_town(machine: Machine, policy: Policy, now: float = 0.0) -> Town:
    """
    A broker with what is on the disk.

    @param now: what time it is; when tests begin unless given.
    """
    town = Town(policy, machine.make)
    if now:
        town.turn.now = now
    backend = machine.backend
    assert backend is not None
    backend.start()
    recover(town.broker)
    backend.recovered_all()
    return town


def left_on(machine: Machine) -> dict[str, int]:
    """
    How many rows each table has that has any.
    """
    with closing(sqlite3.connect(machine.path)) as connection:
        counts = {
            table.name: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
            for table in SCHEMA.tables
        }
    return {name: count for name, count in counts.items() if count}


class DiskTestCase(BrokerTestCase):
    """
    @cvar prompt: the disk is done at once; otherwise when C{finish} says so.
    """

    prompt = True

    def setUp(self) -> None:
        self.machine = Machine(self.prompt)
        self.addCleanup(self.machine.close)
        self.use(raise_town(self.machine, Policy(**self.limits)))

    def use(self, town: Town) -> None:
        self.town = town
        self.stats = town.stats
        self.broker = town.broker

    def restart(self, away: float = 0.0) -> None:
        """
        The process is killed, and started again so many seconds later.
        """
        now = self.town.turn.now + away
        self.machine.kill()
        self.use(raise_town(self.machine, self.town.policy, now))

    def stop(self, away: float = 0.0) -> None:
        """
        The process is stopped as it should be, and started again so many seconds later.
        """
        now = self.town.turn.now + away
        self.broker.shut("over")
        self.machine.stop()
        self.use(raise_town(self.machine, self.town.policy, now))

    def finish(self) -> None:
        """
        The disk has all the time it needs.
        """
        self.machine.finish()

    def rows(self, sql: str) -> list[Any]:
        """
        What somebody else finds on the disk.
        """
        with closing(sqlite3.connect(self.machine.path)) as connection:
            return connection.execute(sql).fetchall()

    def assertDiskEmpty(self) -> None:
        """
        Nothing is left of anybody but the counters.
        """
        left = left_on(self.machine)
        left.pop("note", None)
        self.assertEqual(left, {})
