"""
What is imported into a store: our own export, line by line, or mosquitto's database. All of it enters, or it is said
why nothing does; and what has entered can be exported, and is the same when it is imported again.

The database is in memory: what files do to a store is tested elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from typing import Final

from tests.backends.sqlite.exchange.support_mosquitto import FULL
from tests.backends.sqlite.exchange.support_records import everything
from tests.fuzz.harness import Harness
from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.backends.sqlite.exchange import lines, mosquitto_db
from txmqtt.backends.sqlite.exchange.fill import Filling
from txmqtt.backends.sqlite.exchange.mosquitto import Belongings
from txmqtt.backends.sqlite.exchange.records import Record
from txmqtt.backends.sqlite.schema import SCHEMA


def _records(data: bytes) -> list[Record]:
    if not data.startswith(mosquitto_db.MAGIC):
        return list(lines.read(BytesIO(data)))
    belongings = Belongings(saved_at=1_700_000_000.0)
    mosquitto_db.gather(data, belongings)
    return list(belongings.records())


def _fill(records: list[Record]) -> list[object]:
    """
    Fill a store.

    @return: how many of everything entered.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        files.migrate(connection, "here", SCHEMA, 0)
        connection.execute("BEGIN")
        filling = Filling(connection)
        for record in records:
            filling.add(record)
        filling.finish()
        connection.execute("COMMIT")
        tables = [table.name for table in SCHEMA.tables if table.name != "meta"]
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]


def store(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    try:
        records = _records(data)
        entered = _fill(records)
    except StoreError as error:
        assert str(error)
        return
    written = b"".join(lines.write(records))
    again = list(lines.read(BytesIO(written)))
    assert b"".join(lines.write(again)) == written, "what was exported is something else when it is read again"
    assert _fill(again) == entered


def _seeds() -> Iterator[bytes]:
    for record in everything():
        yield b"".join(lines.write([record]))
    yield b"".join(lines.write(everything()))
    yield FULL
    yield FULL[: len(FULL) // 2]


def _tokens() -> Iterator[bytes]:
    whole = b"".join(lines.write(everything()))
    for word in sorted(set(whole.replace(b"{", b",").replace(b":", b",").split(b","))):
        if 1 < len(word) < 40 and b"\n" not in word:
            yield word
    yield from (b"null", b"true", b"1e400", b"-1", b"4294967296", b'"\\ud800"', b"[]", b"{}")


HARNESS: Final = Harness(
    "store",
    "an export or mosquitto's database enters a store, or it is said why not, and is the same when it is exported",
    store,
    _seeds,
    _tokens,
    longest=2500,
)
