"""
What one transaction will write: the last word about each row, and nothing about rows that came and went.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from txmqtt.backends.sqlite.tables import Key, Row, Table, Value
from txmqtt.session.tickets import Ticket


class Words:
    """
    The last words about rows of one table.

    @ivar last: key to row, or None where the row goes.
    @ivar fresh: keys that are nowhere but here.
    """

    __slots__ = ("fresh", "last")

    def __init__(self) -> None:
        self.last: dict[Key, Row | None] = {}
        self.fresh: set[Key] = set()


class Part:
    """
    Rows, whose order among themselves is of no matter, then statements in the order in which they were given.
    """

    __slots__ = ("statements", "words")

    def __init__(self) -> None:
        self.words: dict[Table, Words] = {}
        self.statements: list[tuple[str, Sequence[Value]]] = []


class Batch:
    """
    One transaction in the making.

    @ivar ticket: what everybody waits for whose work is in it.
    @ivar number: counts the transactions of a file; 0 until it is written.
    @ivar since: when its first operation came.
    @ivar operations: how many operations it was given, merged or not.
    @ivar size: how many bytes its owner said they hold.
    @ivar culprits: rows that can't be written whatever the disk does, found when it failed.
    """

    def __init__(self, since: float = 0.0) -> None:
        self.ticket = Ticket()
        self.number = 0
        self.since = since
        self.operations = 0
        self.size = 0
        self.culprits: list[tuple[Table, Key]] = []
        self.parts = [Part()]
        self.releases: dict[Table, dict[Key, None]] = {}
        self._words = self.parts[0].words  # of the last part, where words are still taken

    def put(self, table: Table, row: Row, fresh: bool = False) -> None:
        """
        This is the row of its key.

        @param fresh: no row of this key exists, on disk or on the way there.
        """
        if len(row) != table.width:
            raise ValueError(f"a row of {table.name} has {table.width} values, not {len(row)}: {row!r}")
        key = row[0] if table.keys == 1 else row[: table.keys]
        words = self._words.get(table)
        if words is None:
            words = self._of(table)
        if fresh and key not in words.last:
            words.fresh.add(key)
        words.last[key] = row

    def drop(self, table: Table, key: Key) -> None:
        """
        There is no row of this key.
        """
        words = self._words.get(table)
        if words is None:
            words = self._of(table)
        if key in words.fresh:
            words.fresh.remove(key)
            del words.last[key]
        else:
            words.last[key] = None

    def release(self, table: Table, key: Key) -> None:
        """
        At the end of the transaction the row of this key goes, unless what C{table.needed} names still needs it.
        """
        if not table.needed:
            raise ValueError(f"rows of {table.name} are dropped, not released: nothing says what needs them")
        self.releases.setdefault(table, {})[key] = None

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """
        Run a statement after all that came before and ahead of all that comes after.
        """
        self.parts[-1].statements.append((sql, parameters))
        self._words = {}  # what comes now belongs behind the statement

    def _of(self, table: Table) -> Words:
        part = self.parts[-1]
        if part.statements:
            part = Part()
            self.parts.append(part)
        self._words = part.words
        words = self._words[table] = Words()
        return words

    @property
    def empty(self) -> bool:
        """
        Nothing needs to be written (any more).
        """
        return not self.releases and not any(
            part.statements or any(words.last for words in part.words.values()) for part in self.parts
        )

    def rows(self, table: Table) -> Mapping[Key, Row | None]:
        """
        The last words about a table's rows: for an owner whose work was lost.
        """
        return dict(chain.from_iterable(part.words[table].last.items() for part in self.parts if table in part.words))

    def tables(self) -> Iterator[Table]:
        """
        The tables that it says something about.
        """
        return iter(dict.fromkeys(chain.from_iterable(part.words for part in self.parts)))
