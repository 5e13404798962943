"""
Whether a store is what the broker takes it for: SQLite's own checks, and what holds between our tables.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreError, StoreUnusable, explain
from txmqtt.backends.sqlite.schema import SCHEMA
from txmqtt.session.message import OVERHEAD

_SIZE: Final = f"length(CAST(%s.topic AS BLOB)) + length(CAST(%s.payload AS BLOB)) + {OVERHEAD}"
_NOBODY: Final = "NOT EXISTS (SELECT 1 FROM session s WHERE s.number = t.session)"
_BAD_QOS: Final = "(%s IS NULL OR typeof(%s) != 'integer' OR %s NOT BETWEEN 0 AND 2)"


def _qos(column: str) -> str:
    return _BAD_QOS % (column, column, column)


#: What is wrong, for so many rows; and the condition that finds them, with the table as C{t}.
_INVARIANTS: Final = (
    (
        "queued messages are owed to nobody",
        "queue",
        "NOT EXISTS (SELECT 1 FROM session s WHERE s.number = t.holder) "
        "AND NOT EXISTS (SELECT 1 FROM share h WHERE h.number = t.holder)",
    ),
    (
        "queued messages have no content",
        "queue",
        "t.message IS NOT NULL AND NOT EXISTS (SELECT 1 FROM message m WHERE m.number = t.message) "
        "OR t.message IS NULL AND (t.topic IS NULL OR t.payload IS NULL)",
    ),
    (
        "queued messages have a size that is not theirs",
        "queue",
        f"t.message IS NULL AND t.size != {_SIZE % ('t', 't')}",
    ),
    (
        "queued messages have a size that is not theirs, which several are owed",
        "queue",
        f"t.size != (SELECT {_SIZE % ('m', 'm')} FROM message m WHERE m.number = t.message)",
    ),
    ("queued messages have a QoS that is none", "queue", _qos("t.qos") + " OR t.qos = 0"),
    (
        "queued messages were published at a QoS that is none",
        "queue",
        f"t.message IS NULL AND {_qos('t.published_qos')}",
    ),
    ("messages are owed to nobody", "message", "NOT EXISTS (SELECT 1 FROM queue q WHERE q.message = t.number)"),
    ("messages were published at a QoS that is none", "message", _qos("t.published_qos")),
    ("messages in flight are in no queue", "flight", "NOT EXISTS (SELECT 1 FROM queue q WHERE q.ref = t.ref)"),
    (
        "messages in flight go to a shared group",
        "flight",
        "EXISTS (SELECT 1 FROM queue q JOIN share h ON h.number = q.holder WHERE q.ref = t.ref)",
    ),
    ("packet identifiers in flight are none", "flight", "t.packet_id NOT BETWEEN 1 AND 65535"),
    ("packet identifiers received are none", "inbound", "t.packet_id NOT BETWEEN 1 AND 65535"),
    ("subscriptions belong to no session", "subscription", _NOBODY),
    ("subscriptions have a QoS that is none", "subscription", _qos("t.qos")),
    ("packet identifiers received belong to no session", "inbound", _NOBODY),
    ("wills belong to no session", "will", _NOBODY),
    ("wills have a QoS that is none", "will", _qos("t.qos")),
    ("retained messages have a QoS that is none", "retained", _qos("t.published_qos")),
    ("retained messages are empty", "retained", "t.payload IS NULL OR length(t.payload) = 0"),
    (
        "sessions have a client identifier that another has",
        "session",
        "EXISTS (SELECT 1 FROM session s WHERE s.mount = t.mount AND s.client_id = t.client_id AND s.rowid < t.rowid)",
    ),
    (
        "numbers are given to a session and to a group",
        "share",
        "EXISTS (SELECT 1 FROM session s WHERE s.number = t.number)",
    ),
)

#: One session, two messages with the same packet identifier.
_TWICE: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM flight f JOIN queue q ON q.ref = f.ref "
    "GROUP BY q.holder, f.packet_id HAVING count(*) > 1)"
)


def check(path: str, thorough: bool = False, told: Callable[[str], None] = lambda step: None) -> list[str]:
    """
    Look a store over, while others read and write.

    @param thorough: compare the indexes with their tables too.
    @param told: hears what is being looked at.
    @return: what is wrong; nothing where all is well.
    @raise StoreError: it is no store of ours, or can't be opened at all.
    """
    if not os.path.exists(path):
        raise StoreUnusable(f"{path} is not there")
    told("pages")
    found = files.check(path, thorough)
    try:
        with closing(files.connect(path, "ro")) as connection:
            connection.execute("BEGIN")
            if not files.whose(connection, path, SCHEMA):
                return found
            for what, table, condition in _INVARIANTS:
                told(table)
                found += _counted(connection, what, f"SELECT count(*) FROM {table} t WHERE {condition}")
            found += _counted(connection, "packet identifiers are in flight twice to one session", _TWICE)
    except sqlite3.Error as error:
        wrong = explain(error, path)
        if not found:
            found.append(str(wrong))
    except StoreError as error:
        if not found:
            raise
        found.append(str(error))
    return found


def _counted(connection: sqlite3.Connection, what: str, sql: str) -> list[str]:
    try:
        ((count,),) = connection.execute(sql)
    except sqlite3.DatabaseError as error:
        return [f"whether {what} can't be told ({error})"]
    return [f"{count} {what}"] if count else []
