"""
A store is filled from a file that somebody else wrote: all of it, or nothing.

A new store is made beside its place and put there when it is whole. What enters a store that is there already enters in
one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreNotEmpty, explain
from txmqtt.backends.sqlite.exchange.fill import Filling
from txmqtt.backends.sqlite.exchange.records import Record
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.backends.sqlite.schema import SCHEMA

#: So many records between two calls of C{told}.
_OFTEN = 1_000

Told = Callable[[int], None]


def intake(path: str, records: Iterator[Record], merge: bool = False, told: Told = lambda count: None) -> Filling:
    """
    Fill a store; nobody else may have it meanwhile.

    @param merge: also one that holds something.
    @param told: hears now and then how many records have entered.
    @return: what entered.
    @raise StoreError: it can't be; then nothing is changed.
    """
    try:
        files.check_place(path)
        lock = StoreLock(path)
        lock.acquire()
        try:
            if os.path.exists(path):
                return _into_old(path, records, merge, told)
            return _into_new(path, records, told)
        finally:
            lock.release()
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from None


def _into_new(path: str, records: Iterator[Record], told: Told) -> Filling:
    partial = path + ".partial"
    _remove(partial)
    try:
        files.create(partial)
        with closing(files.connect(partial, "rw")) as connection:
            connection.execute("PRAGMA synchronous=OFF").fetchall()  # synced once, when it is whole
            files.migrate(connection, partial, SCHEMA, 0)
            filling = _fill(connection, records, told)
        files.install(partial, path)
    except BaseException:
        with suppress(OSError):
            _remove(partial)
        raise
    return filling


def _into_old(path: str, records: Iterator[Record], merge: bool, told: Told) -> Filling:
    with closing(files.connect(path, "rw")) as connection:
        version = files.whose(connection, path, SCHEMA)
        if version and not merge and not _empty(connection):
            raise StoreNotEmpty(f"{path} holds something already: name a new file, or say --merge to add to it")
        files.prepare(connection, path, "full")
        files.migrate(connection, path, SCHEMA, version)
        return _fill(connection, records, told)


def _empty(connection: sqlite3.Connection) -> bool:
    return not any(
        connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in ("session", "queue", "retained")
    )


def _fill(connection: sqlite3.Connection, records: Iterator[Record], told: Told) -> Filling:
    connection.execute("BEGIN IMMEDIATE")
    try:
        filling = Filling(connection)
        for count, record in enumerate(records, 1):
            filling.add(record)
            if count % _OFTEN == 0:
                told(count)
        filling.finish()
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return filling


def _remove(path: str) -> None:
    for name in (path, path + "-wal", path + "-shm", path + "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(name)
