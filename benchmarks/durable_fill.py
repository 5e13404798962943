"""
A store that is full before its broker starts, as the broker itself would have written it, in seconds.

Each session is parked, has one subscription and as many messages as all others. The messages came in turn: what one
session is owed is spread over the whole file, as it is after a night without subscribers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.schema import QUEUE, SCHEMA, SESSION, SUBSCRIPTION, queue_row, session_row
from txmqtt.backends.sqlite.tables import Row, Table
from txmqtt.broker.piles import Holding
from txmqtt.broker.shapes import Claim
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound

#: Seconds that a parked session waits for its client.
_EXPIRY = 14 * 24 * 3600

_PAYLOAD = bytes(64)


def client_id(number: int) -> str:
    """
    The client of the session of this number, from 0.
    """
    return f"fill-s{number}"


def topic(number: int) -> bytes:
    """
    What it subscribed to, and what all its messages were published to.
    """
    return f"fill/{number}".encode()


def fill(path: Path, sessions: int, each: int) -> None:
    """
    Make a store of so many sessions with so many messages each.
    """
    files.create(str(path))
    with closing(files.connect(str(path), "rw")) as connection:
        # The broker is started when this is over: there is nobody to tear it down in the middle of.
        connection.execute("PRAGMA journal_mode=OFF").fetchall()
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-262144")  # all of it
        files.migrate(connection, str(path), SCHEMA, 0)

        def put(table: Table, rows: Iterable[Row]) -> None:
            connection.executemany(table.put(1), rows)

        connection.execute("BEGIN")
        put(SESSION, _sessions(sessions))
        put(SUBSCRIPTION, ((number + 1, topic(number), 1, 0, 0, 0) for number in range(sessions)))
        put(QUEUE, _queue(sessions, each))
        connection.execute("COMMIT")


def _sessions(count: int) -> Iterator[Row]:
    now = time.time()
    for number in range(count):
        held = Holding(Claim("", client_id(number), None, False, _EXPIRY), None, True, True)
        held.number = number + 1
        held.parked_at = now
        yield session_row(held)


def _queue(sessions: int, each: int) -> Iterator[Row]:
    rests = []
    for number in range(sessions):
        item = Outbound(Message(topic(number), _PAYLOAD, 1, publisher="filler"), 1)
        item.home = number + 1
        rests.append(queue_row(item)[1:])
    for turn in range(each):
        first = (turn + 1) * sessions + 1  # the sessions have the numbers before
        for ref, rest in enumerate(rests, first):
            yield (ref, *rest)
