"""
The file of mosquitto's plugin persist-sqlite (mosquitto 2.1): its tables, read as they are.

Its columns of type STRING are numbers to SQLite wherever a topic looks like one: C{12} comes back as a number, and
C{1.50} as 1.5, which nobody can tell from a topic C{1.5}.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreContentWrong, StoreForeign, explain
from txmqtt.backends.sqlite.exchange.mosquitto import Belongings, Item
from txmqtt.codec.packets import Will
from txmqtt.codec.properties import Properties
from txmqtt.codec.property_table import BINARY, PAIR, STRING, TABLE, VARINT
from txmqtt.session.message import Message, travelling

#: What there must be.
_TABLES: Final = frozenset({"base_msgs", "clients", "client_msgs", "retains", "subscriptions"})
#: Its names of properties have hyphens where ours have underscores, and are in the singular.
_LAWS: Final = {law.name.replace("_", "-"): law for law in TABLE}
_LAWS["user-property"] = _LAWS.pop("user-properties")
_LAWS["subscription-identifier"] = _LAWS.pop("subscription-identifiers")
_U32: Final = 0xFFFFFFFF


def gather(path: str, belongings: Belongings) -> None:
    """
    Read a whole file.

    @raise StoreContentWrong: in which row it is not what it should be.
    @raise StoreForeign: it is a database of something else.
    """
    try:
        with closing(files.connect(path, "ro")) as connection:
            connection.text_factory = _text
            connection.execute("BEGIN")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables >= _TABLES:
                raise StoreForeign(
                    f"{path} is a database, and not mosquitto's: its tables {_missing(tables)} are missing"
                )
            _version(connection, tables, belongings)
            for table, reader in _READERS.items():
                if table in tables:
                    _read(connection, table, reader, belongings)
    except sqlite3.Error as error:
        raise explain(error, path) from None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _missing(tables: set[str]) -> str:
    return ", ".join(sorted(_TABLES - tables))


def _version(connection: sqlite3.Connection, tables: set[str], belongings: Belongings) -> None:
    belongings.version = 1
    if "version_info" not in tables:
        return
    for major, minor in connection.execute("SELECT major, minor FROM version_info WHERE component = 'database_schema'"):
        belongings.version = major
        if major != 1:
            raise StoreContentWrong(f"table version_info: schema {major}.{minor} of mosquitto's; expected 1.x")


def _read(connection: sqlite3.Connection, table: str, reader: _Reader, belongings: Belongings) -> None:
    cursor = connection.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid")
    names = [column[0] for column in cursor.description][1:]
    for number, *values in cursor:
        row = _Row(dict(zip(names, values, strict=True)), f"table {table}, row {number}")
        reader(row, belongings)


class _Row:
    """
    One row, of which each value is taken as what it should be.
    """

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self._values = values
        self.where = where

    def wrong(self, name: str, expected: str) -> StoreContentWrong:
        return StoreContentWrong(f"{self.where}: {name} is {self._values.get(name)!r}; expected {expected}")

    def number(self, name: str) -> int:
        value = self._values.get(name)
        if value is None:
            return 0
        if not isinstance(value, int):
            raise self.wrong(name, "a whole number")
        return value

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, (int, float)):
            return str(value)  # of a column of type STRING
        if not isinstance(value, str):
            raise self.wrong(name, "text")
        return value

    def utf8(self, name: str) -> bytes:
        return self.text(name).encode("utf-8", "surrogateescape")

    def optional(self, name: str) -> str | None:
        return None if self._values.get(name) is None else self.text(name)

    def bytes(self, name: str) -> bytes:
        value = self._values.get(name)
        if value is None:
            return b""
        if not isinstance(value, bytes):
            raise self.wrong(name, "bytes")
        return value

    def properties(self) -> Properties | None:
        said = self.optional("properties")
        if said is None:
            return None
        found = Properties()
        try:
            for item in json.loads(said):
                _set(found, item)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise self.wrong("properties", f"a list of properties ({error})") from None
        return found


def _set(found: Properties, item: dict[str, Any]) -> None:
    law = _LAWS[item["identifier"]]
    value = item["value"]
    if law.wire == PAIR:
        found.user_properties = (*found.user_properties, (_is(str, item["name"]), _is(str, value)))
    elif law.wire == VARINT:
        found.subscription_identifiers = (*found.subscription_identifiers, _is(int, value))
    elif law.wire == BINARY:
        setattr(found, law.name, bytes.fromhex(value))
    else:
        setattr(found, law.name, _is(str if law.wire == STRING else int, value))


def _is(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _client(row: _Row, belongings: Belongings) -> None:
    expiry = row.number("session_expiry_interval") & _U32  # written as if it had a sign
    expires = row.number("session_expiry_time")
    belongings.session(row.text("client_id"), row.optional("username"), expiry, expires, row.where)


def _subscription(row: _Row, belongings: Belongings) -> None:
    options = row.number("subscription_options")
    told = (options & 3, options, row.number("subscription_identifier"))
    belongings.subscription(row.text("client_id"), row.utf8("topic"), *told, row.where)


def _message(row: _Row, belongings: Belongings) -> None:
    topic, payload, expires = row.utf8("topic"), row.bytes("payload"), max(0, row.number("expiry_time"))
    about = (row.number("qos"), bool(row.number("retain")), travelling(row.properties()))
    message = Message(topic, payload, *about, float(expires), row.text("source_id"))
    belongings.message(row.number("store_id"), message, row.where)


def _item(row: _Row, belongings: Belongings) -> None:
    item = Item(
        row.text("client_id"),
        row.number("store_id"),
        row.number("qos"),
        bool(row.number("retain")),
        row.number("state"),
        row.number("mid"),
        row.number("subscription_identifier"),
        row.where,
    )
    belongings.item(item, row.number("direction") == 0)


def _retained(row: _Row, belongings: Belongings) -> None:
    belongings.retain(row.number("store_id"), row.where)


def _will(row: _Row, belongings: Belongings) -> None:
    about = (row.number("qos"), bool(row.number("retain")), row.properties())
    belongings.will(row.text("client_id"), Will(row.utf8("topic"), row.bytes("payload"), *about), row.where)


_Reader = Callable[[_Row, Belongings], None]
#: In the order in which they refer to each other.
_READERS: Final[dict[str, _Reader]] = {
    "clients": _client,
    "base_msgs": _message,
    "subscriptions": _subscription,
    "client_msgs": _item,
    "retains": _retained,
    "wills": _will,
}
