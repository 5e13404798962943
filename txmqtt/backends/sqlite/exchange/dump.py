"""
What a store holds, as records: sessions, shared groups, what they are owed in order, and what is retained.

It is read in one transaction, so that it is one moment of a store whose broker is at work. From a damaged file comes
what can be read.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, Final

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreDamaged, StoreUnusable, explain
from txmqtt.backends.sqlite.exchange.records import (
    Flight,
    MessageRecord,
    OwedRecord,
    Record,
    RetainedRecord,
    SessionName,
    SessionRecord,
    ShareName,
    ShareRecord,
    TotalsRecord,
)
from txmqtt.backends.sqlite.exchange.salvage import Salvage
from txmqtt.backends.sqlite.exchange.scrutiny import fault
from txmqtt.backends.sqlite.exchange.whole import whole
from txmqtt.backends.sqlite.schema import MESSAGE, SCHEMA, TOTALS, kept_from, message_from, will_from
from txmqtt.codec.errors import MQTTError
from txmqtt.codec.packets import Subscription

_MESSAGE: Final = ", ".join(MESSAGE.columns[1:])


class Dump:
    """
    One reading of a store.

    @ivar lost: what could not be read, a line each.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.lost: list[str] = []
        self._names: dict[int, SessionName | ShareName] = {}
        self._ordinals: dict[int, int] = {}

    def records(self) -> Iterator[Record]:
        """
        All that can be read, in the order in which a store can be filled with it.

        @raise StoreError: nothing can be.
        """
        if not os.path.exists(self.path):
            raise StoreUnusable(f"{self.path} is not there")
        try:
            with ExitStack() as stack:
                salvage = self._open(stack)
                self.lost = salvage.lost
                for some in (self._sessions, self._shares, self._queues, self._retained, self._totals):
                    yield from self._sound(some(salvage))
        except (sqlite3.Error, OSError) as error:
            raise explain(error, self.path) from None

    def _open(self, stack: ExitStack) -> Salvage:
        try:
            return self._begin(self.path, stack)
        except StoreDamaged:
            path, missing = stack.enter_context(whole(self.path))
            if not missing:
                raise
            salvage = self._begin(path, stack)
            salvage.lost.append(f"the last {missing} bytes of the file: it was cut short")
            return salvage

    def _begin(self, path: str, stack: ExitStack) -> Salvage:
        connection = stack.enter_context(closing(files.connect(path, "ro")))
        connection.text_factory = _text
        salvage = Salvage(connection, self.path)
        try:
            connection.execute("BEGIN")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
        except sqlite3.DatabaseError as error:
            wrong = explain(error, self.path)
            if isinstance(wrong, StoreDamaged):
                wrong = StoreDamaged(f"nothing can be read from {self.path} ({error}): restore a backup")
            raise wrong from None
        try:
            if not files.whose(connection, self.path, SCHEMA):
                raise StoreUnusable(f"{self.path} is empty")
        except (StoreDamaged, sqlite3.DatabaseError) as error:
            salvage.lost.append(f"the table meta: {error}")
        if missing := {table.name for table in SCHEMA.tables} - tables:
            raise StoreDamaged(f"{self.path} lacks the tables {', '.join(sorted(missing))}: restore a backup")
        return salvage

    def _sound(self, records: Iterator[Record]) -> Iterator[Record]:
        """
        Those that a store can be filled with: bits that have turned may have made a topic something else.
        """
        for record in records:
            wrong = fault(record)
            if wrong is None:
                yield record
            else:
                self.lost.append(f"{record.where}: {wrong}")

    def _lost(self, where: str, error: Exception) -> None:
        self.lost.append(f"{where}: {error or type(error).__name__}")

    # Sessions and groups

    def _sessions(self, salvage: Salvage) -> Iterator[Record]:
        for number, _, mount, client_id, user, durable, expiry, parked_at in salvage.rows("session", "number"):
            where = f"session {number} ({client_id!r})"
            try:
                record = SessionRecord(
                    _str(mount), _str(client_id), None if user is None else _str(user), bool(durable), int(expiry)
                )
                record.parked_at = float(parked_at or 0.0)
                record.where = where
                record.subscriptions = self._subscriptions(salvage, number, where)
                self._will(salvage, number, record)
                sql = "SELECT packet_id FROM inbound WHERE session = ? ORDER BY packet_id"
                record.inbound = [int(each) for (each,) in salvage.few(f"inbound of {where}", sql, number)]
            except (TypeError, ValueError, MQTTError) as error:
                self._lost(where, error)
                continue
            if fault(record) is None:
                self._names[number] = record.name
            yield record

    def _subscriptions(self, salvage: Salvage, number: int, where: str) -> list[tuple[Subscription, int]]:
        sql = (
            "SELECT filter, qos, no_local, retain_as_published, identifier FROM subscription "
            "WHERE session = ? ORDER BY filter"
        )
        kept = [kept_from((_blob(row[0]), *row[1:])) for row in salvage.few(f"subscriptions of {where}", sql, number)]
        return [(each.asked, each.identifier) for each in kept]

    def _will(self, salvage: Salvage, number: int, record: SessionRecord) -> None:
        sql = "SELECT due, topic, payload, qos, retain, properties FROM will WHERE session = ?"
        for due, topic, payload, *rest in salvage.few(f"the will of {record.where}", sql, number):
            record.will = will_from((_blob(topic), _blob(payload), *rest))
            record.will_due = float(due or 0.0)

    def _shares(self, salvage: Salvage) -> Iterator[Record]:
        for number, _, mount, name, filter in salvage.rows("share", "number"):
            where = f"share {number}"
            try:
                record = ShareRecord(_str(mount), _blob(name), _blob(filter), where=where)
            except TypeError as error:
                self._lost(where, error)
                continue
            if fault(record) is None:
                self._names[number] = record.name
            yield record

    # What is owed

    def _flights(self, salvage: Salvage) -> dict[int, Flight]:
        found = [row for row in salvage.rows("flight", "ref") if all(isinstance(value, int) for value in row)]
        found.sort(key=lambda row: (row[4], row[0]))
        return {row[0]: Flight(row[2], bool(row[3]), place) for place, row in enumerate(found, 1)}

    def _queues(self, salvage: Salvage) -> Iterator[Record]:
        flights = self._flights(salvage)
        for ref, _, holder, _, qos, retain, identifiers, number, *values in salvage.rows("queue", "ref"):
            where = f"queue {ref}"
            try:
                name = self._names.get(holder)
                if name is None:
                    raise LookupError(f"nobody has the number {holder}")
                known = tuple(map(int, identifiers.split(","))) if identifiers else ()
                item = OwedRecord(name, int(qos), 0, bool(retain), known, flights.get(ref), where=where)
                if number is None:
                    item.message = _message(values)
                else:
                    if number not in self._ordinals:
                        yield self._shared(salvage, number)
                    item.message = self._ordinals[number]
            except (TypeError, ValueError, LookupError, AttributeError, MQTTError) as error:
                self._lost(where, error)
                continue
            yield item

    def _shared(self, salvage: Salvage, number: int) -> MessageRecord:
        where = f"message {number}"
        found = salvage.few(where, f"SELECT {_MESSAGE} FROM message WHERE number = ?", number)
        if not found:
            raise LookupError(f"its message {number} is not there")
        record = MessageRecord(len(self._ordinals) + 1, _message(found[0]), where=where)
        if wrong := fault(record):
            raise LookupError(f"its message {number}: {wrong}")
        self._ordinals[number] = record.number
        return record

    # What is retained, and what was counted

    def _retained(self, salvage: Salvage) -> Iterator[Record]:
        for number, mount, *values in salvage.rows("retained"):
            where = f"retained {number}"
            try:
                yield RetainedRecord(_str(mount), _message(values), where=where)
            except (TypeError, ValueError, MQTTError) as error:
                self._lost(where, error)

    def _totals(self, salvage: Salvage) -> Iterator[Record]:
        for (value,) in salvage.few("totals", "SELECT value FROM note WHERE name = ?", TOTALS):
            try:
                found = json.loads(value)
                yield TotalsRecord({_str(name): int(count) for name, count in found.items()}, where="totals")
            except (TypeError, ValueError, AttributeError, RecursionError) as error:
                self._lost("totals", error)


def _message(values: Any) -> Any:
    topic, payload, *rest = values
    return message_from((_blob(topic), _blob(payload), *rest[:-1], _str(rest[-1])))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")  # whoever looks at it finds the surrogates


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}; expected text")
    return value


def _blob(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r}; expected bytes")
    return value
