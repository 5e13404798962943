"""
Tests of txmqtt.backends.sqlite.exchange.whole: files that were cut short.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.backends.sqlite.exchange.whole import whole


class WholeTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """
        A file that is whole is read where it is; so is one that is not there or no database, which its reader says.
        """
        folder = scratch(self)
        good, bad, gone = (os.path.join(folder, name) for name in ("good.db", "bad.db", "gone.db"))
        with closing(sqlite3.connect(good)) as connection:
            connection.execute("CREATE TABLE t (x)")
            connection.commit()
        with open(bad, "wb") as file:
            file.write(b"short")
        for path in (good, bad, gone):
            with whole(path) as found:
                self.assertEqual(found, (path, 0))

    def test_cut(self) -> None:
        """
        One that was cut short is read as a copy of its full length, with its log beside it, and stays as it is.
        """
        path = os.path.join(scratch(self), "store.db")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (x)")
            connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1_000,)] * 50)
            connection.commit()
        size = os.path.getsize(path)
        os.truncate(path, size - 5_000)
        with open(path + "-wal", "wb"):
            pass
        with whole(path) as (copy, missing):
            self.assertNotEqual(copy, path)
            self.assertEqual((missing, os.path.getsize(copy), os.path.exists(copy + "-wal")), (5_000, size, True))
        self.assertEqual((os.path.getsize(path), os.path.exists(copy)), (size - 5_000, False))
