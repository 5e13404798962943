"""
Making a store as small as what it holds: while nobody has it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreUnusable, explain
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.backends.sqlite.schema import SCHEMA


def total(path: str) -> int:
    """
    Bytes of a store and of its write-ahead log.
    """
    return files.size(path) + files.size(path + "-wal")


def compact(path: str) -> tuple[int, int]:
    """
    Bring the log in, and write the file anew without its gaps.

    @return: bytes before and after, the log included.
    @raise StoreError: it can't be, or a broker has it.
    """
    if not os.path.exists(path):
        raise StoreUnusable(f"{path} is not there")
    before = total(path)
    lock = StoreLock(path)
    lock.acquire()
    try:
        with closing(files.connect(path, "rw")) as connection:
            if not files.whose(connection, path, SCHEMA):
                raise StoreUnusable(f"{path} is empty")
            files.prepare(connection, path, "full")
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreUnusable(f"{path} is read by somebody, which keeps its log from being brought in")
    except sqlite3.Error as error:
        raise explain(error, path) from None
    finally:
        lock.release()
    return before, total(path)
