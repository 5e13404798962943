"""
What is in a store, in figures, while others read and write.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreUnusable, explain
from txmqtt.backends.sqlite.lock import StoreLock
from txmqtt.backends.sqlite.schema import SCHEMA

#: So many of the fullest queues are named.
FULLEST: Final = 10

_QUEUED: Final = "SELECT count(*), coalesce(sum(size), 0) FROM queue"
_FULLEST: Final = (
    "SELECT s.mount, s.client_id, h.name, h.filter, q.count, q.size "
    "FROM (SELECT holder, count(*) AS count, sum(size) AS size FROM queue GROUP BY holder ORDER BY 2 DESC LIMIT ?) q "
    "LEFT JOIN session s ON s.number = q.holder LEFT JOIN share h ON h.number = q.holder ORDER BY q.count DESC"
)


@dataclass
class Queue:
    """
    What one session or shared group is owed.

    @ivar holder: the client identifier, or C{$share/...}.
    """

    holder: str
    messages: int
    bytes: int


@dataclass
class Overview:
    """
    The figures. Sizes are bytes; of messages they count memory, as the limits of queues do.

    @ivar broker: the process that has it open; None for nobody, 0 for one that does not say who it is.
    @ivar connected: sessions whose client was connected when it was last heard of; without a broker, when that ended.
    @ivar only_will: sessions that are here only because of their will.
    """

    path: str
    schema: int
    identifier: str
    broker: int | None
    file_bytes: int
    log_bytes: int
    sessions: int
    connected: int
    parked: int
    only_will: int
    subscriptions: int
    shares: int
    queued: int
    queued_bytes: int
    in_flight: int
    inbound: int
    retained: int
    retained_bytes: int
    wills: int
    fullest: list[Queue]


def overview(path: str) -> Overview:
    """
    Look at a store.

    @raise StoreError: it is none, or can't be read.
    """
    if not files.size(path):
        raise StoreUnusable(f"{path} is empty" if os.path.exists(path) else f"{path} is not there")
    try:
        with closing(files.connect(path, "ro")) as connection:
            connection.execute("BEGIN")
            version = files.whose(connection, path, SCHEMA)
            if not version:
                raise StoreUnusable(f"{path} is empty")
            return _look(connection, path, version)
    except sqlite3.Error as error:
        raise explain(error, path) from None


def _look(connection: sqlite3.Connection, path: str, version: int) -> Overview:
    def one(sql: str) -> Any:
        return connection.execute(sql).fetchone()

    queued, queued_bytes = one(_QUEUED)
    retained, retained_bytes = one("SELECT count(*), coalesce(sum(length(topic) + length(payload)), 0) FROM retained")
    durable, connected = one("SELECT count(*), coalesce(sum(parked_at IS NULL), 0) FROM session WHERE durable")
    (sessions,) = one("SELECT count(*) FROM session")
    return Overview(
        path=path,
        schema=version,
        identifier=one("SELECT value FROM meta WHERE key = 'id'")[0],
        broker=StoreLock(path).holder(),
        file_bytes=files.size(path),
        log_bytes=files.size(path + "-wal"),
        sessions=sessions,
        connected=connected,
        parked=durable - connected,
        only_will=sessions - durable,
        subscriptions=one("SELECT count(*) FROM subscription")[0],
        shares=one("SELECT count(*) FROM share")[0],
        queued=queued,
        queued_bytes=queued_bytes,
        in_flight=one("SELECT count(*) FROM flight")[0],
        inbound=one("SELECT count(*) FROM inbound")[0],
        retained=retained,
        retained_bytes=retained_bytes,
        wills=one("SELECT count(*) FROM will")[0],
        fullest=[_queue(*row) for row in connection.execute(_FULLEST, (FULLEST,))],
    )


def _queue(mount: Any, client_id: Any, name: Any, filter: Any, count: int, size: int) -> Queue:
    if client_id is not None:
        holder = str(client_id)
    elif name is not None:
        holder = f"$share/{name.decode('utf-8', 'replace')}/{filter.decode('utf-8', 'replace')}"
    else:
        holder = "(nobody)"
    return Queue(f"{mount}: {holder}" if mount else holder, count, size)
