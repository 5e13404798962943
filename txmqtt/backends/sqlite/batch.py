"""
What one transaction will write: the last word about each row, and nothing about rows that came and went.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from txmqtt.backends.sqlite.tables import Row, Schema, Table, Value
from txmqtt.session.tickets import Ticket


class Words:
    """
    The last words about rows of one table.

    @ivar last: key to row, or to whatever C{table.compose} makes one of; None where the row goes.
    @ivar fresh: keys that are nowhere but here.
    @ivar rows: the rows that C{table.compose} made of them.
    """

    __slots__ = ("fresh", "last", "rows")

    def __init__(self) -> None:
        self.last: dict[Any, Any] = {}
        self.fresh: set[Any] = set()
        self.rows: dict[Any, Row | None] | None = None

    @property
    def composed(self) -> Mapping[Any, Row | None]:
        """
        Key to row, or None where the row goes.
        """
        return self.last if self.rows is None else self.rows


class Part:
    """
    Rows, whose order among themselves is of no matter, then statements in the order in which they were given.
    """

    __slots__ = ("statements", "words")

    def __init__(self) -> None:
        self.words: dict[Table, Words] = {}
        self.statements: list[tuple[str, Sequence[Value]]] = []

    def of(self, table: Table) -> Words:
        """
        What is said about one table.
        """
        words = self.words.get(table)
        if words is None:
            words = self.words[table] = Words()
        return words

    def add(self, table: Table, rows: Mapping[Any, Row | None]) -> None:
        """
        For C{Schema.compose}: these rows are to be written, or deleted.
        """
        if rows:
            self.of(table).last.update(rows)


class Batch:
    """
    One transaction in the making.

    @ivar ticket: what everybody waits for whose work is in it.
    @ivar number: counts the transactions of a file; 0 until it is written.
    @ivar since: when its first operation came.
    @ivar draft: what its owner says in a way of its own, of which C{Schema.compose} makes rows; None if it does not.
    @ivar said: how many operations it was given otherwise; C{held}: how many bytes its owner said they hold.
    @ivar culprits: rows that can't be written whatever the disk does, found when it failed.
    @ivar cleared: by table, whose rows go at the end of the transaction.
    """

    def __init__(self, since: float = 0.0, schema: Schema | None = None) -> None:
        self.ticket = Ticket()
        self.number = 0
        self.since = since
        self.said = 0
        self.held = 0
        self.draft: Any = schema.draft(self.ticket) if schema is not None and schema.draft is not None else None
        self.culprits: list[tuple[Table, Any]] = []
        self.parts = [Part()]
        self.composed = False
        self.cleared: dict[Table, dict[Value, None]] = {}
        self._words = self.parts[0].words  # of the last part, where words are still taken

    @property
    def operations(self) -> int:
        """
        How many operations it was given, merged or not.
        """
        return self.said + (self.draft.operations if self.draft is not None else 0)

    @property
    def size(self) -> int:
        """
        How many bytes its owner said they hold.
        """
        return self.held + (self.draft.size if self.draft is not None else 0)

    def say(self, table: Table, key: Any, value: Any, fresh: bool = False) -> None:
        """
        This is the row of a key, or what C{table.compose} makes it of in the writer's thread, just before it is
        written: later changes of it may be written already then.

        @param fresh: no row of this key exists, on disk or on the way there.
        """
        words = self._words.get(table)
        if words is None:
            words = self._of(table)
        if fresh and key not in words.last:
            words.fresh.add(key)
        words.last[key] = value

    def put(self, table: Table, row: Row, fresh: bool = False) -> None:
        """
        This is the row of its key.
        """
        if len(row) != table.width:
            raise ValueError(f"a row of {table.name} has {table.width} values, not {len(row)}: {row!r}")
        self.say(table, table.key(row), row, fresh)

    def drop(self, table: Table, key: Any) -> None:
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

    def clear(self, table: Table, owner: Value) -> None:
        """
        At the end of the transaction all rows go whose C{table.owner} is this.
        """
        if not table.owner:
            raise ValueError(f"rows of {table.name} have no owner by whom they could be cleared")
        self.cleared.setdefault(table, {})[owner] = None

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
        return part.of(table)

    def compose(self, schema: Schema) -> None:
        """
        Make rows of what is none yet. For the writer: nobody else has the batch by then.
        """
        for part in self.parts:
            for table, words in part.words.items():
                if table.compose is not None and words.rows is None:
                    words.rows = {key: table.compose(key, value) for key, value in words.last.items()}
        if schema.compose is not None and not self.composed:
            self.composed = True
            schema.compose(self.draft, self.parts[-1])

    @property
    def empty(self) -> bool:
        """
        Nothing needs to be written (any more).
        """
        if self.draft is not None and not self.draft.empty:
            return False
        return not self.cleared and not any(
            part.statements or any(words.last for words in part.words.values()) for part in self.parts
        )

    def words(self, table: Table) -> Iterator[Words]:
        """
        All that is said about a table, in order.
        """
        return (part.words[table] for part in self.parts if table in part.words)

    def rows(self, table: Table) -> Mapping[Any, Any]:
        """
        The last words about a table's rows: for an owner whose work was lost.
        """
        return dict(chain.from_iterable(words.last.items() for words in self.words(table)))


def last_words(batches: Iterable[Batch], table: Table) -> dict[Any, Any]:
    """
    What lost batches say in the end about a table's rows, but for those that can't be written at all.
    """
    found: dict[Any, Any] = {}
    for batch in batches:
        found.update(batch.rows(table))
    for batch in batches:
        for culprit, key in batch.culprits:
            if culprit is table:
                found.pop(key, None)
    return found
