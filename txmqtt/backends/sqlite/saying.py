"""
What owners say to a journal: which rows there are from now on, and which there are no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from txmqtt.backends.sqlite.batch import Batch, last_words
from txmqtt.backends.sqlite.tables import Key, Row, Table, Value


class Saying:
    """
    The part of a journal that is spoken to.
    """

    def __init__(self) -> None:
        self._batch: Batch | None = None  # in our hands: it grows, or waits for the disk to recover

    def _begin(self) -> Batch:
        """
        The batch that nobody has taken yet, or a new one.
        """
        raise NotImplementedError

    def put(self, table: Table, row: Row, size: int = 0, fresh: bool = False) -> None:
        """
        This is the row of its key from now on.

        @param size: how many bytes it holds, for the limit on what waits.
        @param fresh: no row of this key exists, on disk or on the way there, so that a C{drop} before the batch is
            taken leaves nothing to write.
        """
        batch = self._batch or self._begin()
        batch.said += 1
        batch.held += size
        batch.put(table, row, fresh)

    def say(self, table: Table, key: Key, value: Any) -> None:
        """
        The same for a table that composes: C{value} is what the row will be made of.
        """
        batch = self._batch or self._begin()
        batch.said += 1
        batch.say(table, key, value)

    def drop(self, table: Table, key: Key) -> None:
        """
        There is no row of this key from now on.
        """
        batch = self._batch or self._begin()
        batch.said += 1
        batch.drop(table, key)

    def clear(self, table: Table, owner: Value) -> None:
        """
        All rows of this owner go at the end of the transaction.
        """
        batch = self._batch or self._begin()
        batch.said += 1
        batch.clear(table, owner)

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """
        Run a statement of your own between the rows that came before it and those that come after.
        """
        batch = self._batch or self._begin()
        batch.said += 1
        batch.run(sql, parameters)

    def retry(self, batches: Sequence[Batch], *tables: Table) -> None:
        """
        For an owner in C{lost}: what those batches say about these tables still holds, unless more has been said since.
        """
        for table in tables:
            said = self.hand().rows(table)
            for key, row in last_words(batches, table).items():
                if key in said:
                    continue
                if row is None:
                    self.drop(table, key)
                else:
                    self.say(table, key, row)
            for batch in batches:
                for owner in batch.cleared.get(table, ()):
                    self.clear(table, owner)

    def hand(self) -> Batch:
        """
        The batch in hand, for an owner that says very much: it counts the operations and their size itself.
        """
        return self._batch or self._begin()
