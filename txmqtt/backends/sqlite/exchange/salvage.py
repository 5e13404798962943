"""
Reading a table although some of its pages are damaged: what can be read is, and what can't is said.

SQLite gives up at the first damaged page. We go on behind it: the next number is tried, and the next, then numbers
farther and farther away, until something can be read again; then the gap is narrowed from its end. A damaged leaf costs
the rows in it; a damaged inner page all rows below it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from txmqtt.backends.sqlite.errors import explain

#: So many numbers are tried one by one before the steps grow: more than a page has rows.
_CLOSE: Final = 1_000
_LAST: Final = 2**63 - 1
#: What is not for want of trying: the file is not to be had at all.
_FINAL: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM})

Row = tuple[Any, ...]


class Salvage:
    """
    One file that is read, and what is lost of it.

    @ivar lost: one line for each loss.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self.lost: list[str] = []

    def rows(self, table: str, key: str = "rowid") -> Iterator[Row]:
        """
        All rows that can be read, in the order of the number that is their key, each with that number ahead.
        """
        after = -1
        while True:
            try:
                for row in self._connection.execute(
                    f"SELECT {key}, * FROM {table} WHERE {key} > ? ORDER BY {key}", (after,)
                ):
                    after = row[0]
                    yield row
                return
            except sqlite3.Error as error:
                self._worth_it(error)
                trouble = error
            # The module sqlite3 reads one row ahead, and when that fails keeps the row before it to itself.
            readable, last = self._probe(table, key, after + 1)
            if not readable:
                readable, last = self._beyond(table, key, after)
                self._say(table, key, after, last, trouble)
            if last is None:
                return
            after = last[0]
            yield last

    def _say(self, table: str, key: str, after: int, last: Row | None, error: sqlite3.Error) -> None:
        behind = f"all rows behind {key} {after}" if last is None else f"the rows between {key} {after} and {last[0]}"
        self.lost.append(f"{table}: {behind} ({error})")

    def _beyond(self, table: str, key: str, after: int) -> tuple[bool, Row | None]:
        """
        Find the first row that can be read again.

        @return: like C{_probe}.
        """
        bad = after
        for number in range(after + 1, after + _CLOSE):
            readable, found = self._probe(table, key, number)
            if readable:
                return True, found
            bad = number
        step = _CLOSE
        while True:
            good = bad + step
            if good > _LAST:
                return False, None
            readable, found = self._probe(table, key, good)
            if readable:
                break
            bad, step = good, step * 2
        while good - bad > 1:
            middle = (good + bad) // 2
            readable, nearer = self._probe(table, key, middle)
            if readable:
                good, found = middle, nearer
            else:
                bad = middle
        return True, found

    def _probe(self, table: str, key: str, number: int) -> tuple[bool, Row | None]:
        """
        Whether a row can be read from a number on, and the row; None at the end.
        """
        try:
            row = self._connection.execute(
                f"SELECT {key}, * FROM {table} WHERE {key} >= ? ORDER BY {key} LIMIT 1", (number,)
            ).fetchone()
        except sqlite3.Error:
            return False, None
        if row is not None and row[0] < number:  # its page is damaged, and not so that SQLite would notice
            return False, None
        return True, row

    def few(self, what: str, sql: str, *parameters: Any) -> list[Any]:
        """
        The rows of a query that reads few; none where they can't be read.

        @param what: what they are, for whoever must be told.
        """
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            self._worth_it(error)
            self.lost.append(f"{what} ({error})")
            return []

    def _worth_it(self, error: sqlite3.Error) -> None:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FINAL:
            raise explain(error, self._path) from None
