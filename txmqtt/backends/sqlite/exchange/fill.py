"""
Records become rows: everything gets the next number of the file that it enters.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from txmqtt.backends.sqlite.errors import StoreContentWrong
from txmqtt.backends.sqlite.exchange.records import (
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
from txmqtt.backends.sqlite.exchange.scrutiny import scrutinize
from txmqtt.backends.sqlite.recovery import NUMBERS
from txmqtt.backends.sqlite.schema import (
    FLIGHT,
    INBOUND,
    MESSAGE,
    NOTE,
    QUEUE,
    RETAINED,
    SESSION,
    SHARE,
    SUBSCRIPTION,
    TOTALS,
    WILL,
    message_values,
    retained_row,
    will_row,
)
from txmqtt.backends.sqlite.tables import Row, Table
from txmqtt.session.message import Message


class Filling:
    """
    One store that is being filled, within a transaction of whoever asks for it.

    @ivar sessions: so many entered; likewise the others.
    @ivar kept: of what is retained in the store already, so many topics came again and stay as they are.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.sessions = 0
        self.subscriptions = 0
        self.owed = 0
        self.retained = 0
        self.kept = 0
        self._connection = connection
        ((last,),) = connection.execute(NUMBERS)
        self._last: int = last or 0
        ((before,),) = connection.execute("SELECT max(rowid) FROM retained")
        self._before: int = before or 0  # the last row of those that are not ours
        self._fresh = not last and not before
        self._holders: dict[SessionName | ShareName, int] = {}
        self._inflight: dict[int, set[int]] = {}
        self._several: dict[int, tuple[int, int, float]] = {}  # number in the file: that of the store, size, expiry

    def add(self, record: Record) -> None:
        """
        One more.

        @raise StoreContentWrong: it can't be as it is.
        """
        scrutinize(record)
        match record:
            case SessionRecord():
                self._session(record)
            case ShareRecord():
                self._share(record)
            case MessageRecord():
                self._message(record)
            case OwedRecord():
                self._owed(record)
            case RetainedRecord():
                self._retained(record)
            case TotalsRecord() if self._fresh:
                self._put(NOTE, (TOTALS, json.dumps(record.values)))

    def finish(self) -> None:
        """
        That was all: messages that nobody is owed go.
        """
        numbers = [(number,) for number, _, _ in self._several.values()]
        self._connection.executemany(
            "DELETE FROM message WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM queue WHERE message = ?1)", numbers
        )

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _put(self, table: Table, row: Row) -> None:
        self._connection.execute(table.put(1), row)

    def _wrong(self, record: Record, what: str) -> StoreContentWrong:
        return StoreContentWrong(f"{record.where}: {what}" if record.where else what)

    def _session(self, record: SessionRecord) -> None:
        mount, client_id = record.name
        known = "SELECT 1 FROM session WHERE mount = ? AND client_id = ?"
        if record.name in self._holders:
            raise self._wrong(record, f"client identifier {client_id!r} twice")
        if self._connection.execute(known, (mount, client_id)).fetchone():
            raise self._wrong(record, f"client identifier {client_id!r} has a session in this store already")
        number = self._holders[record.name] = self._next()
        about = (record.user, int(record.durable), record.expiry, record.parked_at or None)
        self._put(SESSION, (number, mount, client_id, *about))
        for asked, identifier in record.subscriptions:
            flags = (int(asked.no_local), int(asked.retain_as_published))
            self._put(SUBSCRIPTION, (number, asked.filter, asked.qos, *flags, identifier))
        if record.will is not None:
            self._put(WILL, will_row(number, record.will, record.will_due))
        for packet_id in record.inbound:
            self._put(INBOUND, (number, packet_id))
        self.sessions += 1
        self.subscriptions += len(record.subscriptions)

    def _share(self, record: ShareRecord) -> None:
        if record.name in self._holders:
            raise self._wrong(record, f"the group {record.share.decode()!r} of {record.filter.decode()!r} twice")
        known = "SELECT number FROM share WHERE mount = ? AND name = ? AND filter = ?"
        found = self._connection.execute(known, record.name).fetchone()
        if found is None:
            found = (self._next(),)
            self._put(SHARE, (*found, *record.name))
        (self._holders[record.name],) = found

    def _message(self, record: MessageRecord) -> None:
        if record.number in self._several:
            raise self._wrong(record, f"message {record.number} twice")
        number, message = self._next(), record.message
        self._put(MESSAGE, (number, *message_values(message)))
        self._several[record.number] = (number, message.size, message.expires_at)

    def _owed(self, record: OwedRecord) -> None:
        holder = self._holders.get(record.holder)
        if holder is None:
            raise self._wrong(record, f"it is owed to {record.holder[1:]!r}, of whom no line before it tells")
        ref = self._next()
        row: dict[str, Any] = {
            "ref": ref,
            "holder": holder,
            "qos": record.qos,
            "retain": int(record.retain),
            "identifiers": ",".join(map(str, record.identifiers)) or None,
            **self._content(record),
        }
        if (flight := record.flight) is not None:
            if flight.packet_id in self._inflight.setdefault(holder, set()):
                raise self._wrong(record, f"packet identifier {flight.packet_id} twice in flight to one session")
            self._inflight[holder].add(flight.packet_id)
            self._put(FLIGHT, (ref, flight.packet_id, int(flight.released), flight.place))
        self._put(QUEUE, tuple(row.get(column) for column in QUEUE.columns))
        self.owed += 1

    def _content(self, record: OwedRecord) -> Mapping[str, Any]:
        """
        The columns of a queue that tell of the message: the message, or where it stands.
        """
        message = record.message
        if isinstance(message, Message):
            return {"size": message.size, **dict(zip(MESSAGE.columns[1:], message_values(message), strict=True))}
        if message not in self._several:
            raise self._wrong(record, f"message {message}, of which no line before it tells")
        number, size, expires = self._several[message]
        return {"size": size, "message": number, "expires": expires or None}

    def _retained(self, record: RetainedRecord) -> None:
        known = "SELECT rowid FROM retained WHERE mount = ? AND topic = ?"
        if found := self._connection.execute(known, (record.mount, record.message.topic)).fetchone():
            if found[0] > self._before:
                raise self._wrong(record, f"a retained message of {record.message.topic.decode()!r} twice")
            self.kept += 1
            return
        self._put(RETAINED, retained_row(record.mount, record.message))
        self.retained += 1
