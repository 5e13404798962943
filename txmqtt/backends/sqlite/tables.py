"""
What a store holds: tables, the statements that write many rows of one at once, and how an older file becomes a newer.

A statement that takes 256 rows gives up the interpreter lock once, where C{executemany} gives it up for every row: with
a busy reactor that is the difference between 95,000 and 35,000 durable messages a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from txmqtt.session.tickets import Ticket

if TYPE_CHECKING:
    from txmqtt.backends.sqlite.batch import Part

Value = int | float | str | bytes | None
Row = tuple[Value, ...]
#: One value where the key is one column, otherwise a tuple of them. No part of a key is None.
Key = Value | Row

#: How many rows one statement takes: a batch needs at most one of each, and the largest again and again.
SIZES = (256, 128, 64, 32, 16, 8, 4, 2, 1)


class Table:
    """
    One table. Its key columns come first.

    @ivar name: what SQL calls it.
    @ivar columns: their names, in the order of a row's values.
    @ivar keys: how many of them are the key.
    @ivar ddl: the C{CREATE} statements, in the order in which they run.
    @ivar owner: the column that says whose a row is, by which it can be cleared; or nothing.
    @ivar compose: makes a row of a key and what owners say in its place, in the writer's thread, None: there is none;
        None where they say rows.
    """

    def __init__(
        self,
        name: str,
        columns: str,
        keys: int,
        ddl: str | Sequence[str],
        owner: str = "",
        compose: Callable[[Any, Any], Row | None] | None = None,
    ) -> None:
        """
        @param columns: names with spaces between.
        """
        self.name = name
        self.columns = tuple(columns.split())
        self.keys = keys
        self.width = len(self.columns)
        self.ddl = (ddl,) if isinstance(ddl, str) else tuple(ddl)
        self.owner = owner
        self.compose = compose
        self._puts: dict[int, str] = {}
        self._drops: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"<table {self.name}>"

    def key(self, row: Row) -> Key:
        """
        The key of a row.
        """
        return row[0] if self.keys == 1 else row[: self.keys]

    def put(self, count: int) -> str:
        """
        The statement that writes so many whole rows, each in place of the one with its key.

        A row that collides with another than its own key's is an error, never silently the end of that other row: that
        is why this is not C{INSERT OR REPLACE}, which measures the same.
        """
        text = self._puts.get(count)
        if text is None:
            row = f"({','.join('?' * self.width)})"
            keys = ",".join(self.columns[: self.keys])
            rest = ",".join(f"{column}=excluded.{column}" for column in self.columns[self.keys :])
            text = self._puts[count] = (
                f"INSERT INTO {self.name} ({','.join(self.columns)}) VALUES {','.join([row] * count)} "
                f"ON CONFLICT ({keys}) DO {f'UPDATE SET {rest}' if rest else 'NOTHING'}"
            )
        return text

    def drop(self, count: int) -> str:
        """
        The statement that deletes the rows of so many keys.
        """
        text = self._drops.get(count)
        if text is None:
            text = self._drops[count] = f"DELETE FROM {self.name} WHERE {self._among(count)}"
        return text

    def clear(self, count: int) -> str:
        """
        The statement that deletes all rows of so many owners.
        """
        return f"DELETE FROM {self.name} WHERE {self.owner} IN ({','.join('?' * count)})"

    def _among(self, count: int) -> str:
        if self.keys == 1:
            return f"{self.columns[0]} IN ({','.join('?' * count)})"
        # A list of row values would read the whole table (SQLite 3.40); this looks each key up.
        each = " AND ".join(f"{column}=?" for column in self.columns[: self.keys])
        return " OR ".join([f"({each})"] * count)


class Schema:
    """
    What a file holds, and how a file of an older version comes to hold it.

    @ivar application: whose file it is: a store of another application is refused.
    @ivar version: the version of these tables.
    @ivar tables: all of them, but for C{meta}, which every store has.
    @ivar migrations: from each older version, the statements that lead to the next.
    @ivar draft: makes what an owner says in a way of its own in one batch, from the batch's ticket; and C{compose}
        makes rows of that, in the writer's thread. None where all is said in rows.
    """

    def __init__(
        self,
        application: str,
        version: int,
        tables: Sequence[Table],
        migrations: Mapping[int, Sequence[str]] | None = None,
        draft: Callable[[Ticket], Any] | None = None,
        compose: Callable[[Any, Part], None] | None = None,
    ) -> None:
        self.application = application
        self.version = version
        self.tables = tuple(tables)
        self.migrations = dict(migrations or {})
        self.draft = draft
        self.compose = compose

    def creation(self) -> Iterator[str]:
        """
        The statements that make an empty store.
        """
        yield "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID"
        for table in self.tables:
            yield from table.ddl

    def upgrade(self, version: int) -> Iterator[str]:
        """
        The statements that lead from an older version to this one.

        @raise KeyError: there is no way from there.
        """
        for step in range(version, self.version):
            yield from self.migrations[step]
