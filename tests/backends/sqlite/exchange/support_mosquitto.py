"""
Mosquitto's files, made by hand: its database chunk by chunk, and its SQLite file.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from typing import Any

from txmqtt.backends.sqlite.exchange.mosquitto import FOR_EVER
from txmqtt.backends.sqlite.exchange.mosquitto_db import MAGIC

NOW = 1_700_000_000


def header(version: int = 6) -> bytes:
    return MAGIC + bytes(4) + version.to_bytes(4, "big") + chunk(1, struct.pack("<QBB6x", 99, 1, 8))


def chunk(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", kind, len(body)) + body


def client(
    client_id: bytes, user: bytes = b"", expiry: int = FOR_EVER, expires: int = 0, version: int = 6, padding: int = 4
) -> bytes:
    body = struct.pack("<q", expires) + struct.pack(">IHH", expiry, 5, len(client_id))
    if version == 6:
        body += struct.pack(">HH", 1883, len(user)) + bytes(padding)
    return chunk(6, body + client_id + user)


def message(
    number: int,
    topic: bytes,
    payload: bytes = b"",
    qos: int = 1,
    retain: int = 0,
    expires: int = 0,
    source: bytes = b"",
    properties: bytes = b"",
    user: bytes = b"",
) -> bytes:
    sizes = struct.pack(">IHHHHHBB", len(payload), 3, len(source), len(user), len(topic), 1883, qos, retain)
    return chunk(2, struct.pack("<Qq", number, expires) + sizes + source + user + topic + payload + properties)


def item(
    client_id: bytes,
    number: int,
    qos: int = 1,
    state: int = 11,
    packet_id: int = 1,
    incoming: bool = False,
    retain: bool = False,
    properties: bytes = b"",
) -> bytes:
    head = struct.pack(">HHBBBB", packet_id, len(client_id), qos, state, retain << 4, not incoming)
    return chunk(3, struct.pack("<Q", number) + head + client_id + properties)


def retained(number: int) -> bytes:
    return chunk(4, struct.pack("<Q", number))


def subscription(client_id: bytes, filter: bytes, qos: int = 1, options: int = 0, identifier: int = 0) -> bytes:
    head = struct.pack(">IHHBB2x", identifier, len(client_id), len(filter), qos, options)
    return chunk(5, head + client_id + filter)


#: Everything that a database may hold.
FULL = b"".join(
    (
        header(),
        message(1, b"a/1", b"hello", 2, 1, NOW + 60, b"sender", b"\x10\x03\x00\x04text\x26\x00\x01k\x00\x01v\x01\x01"),
        message(2, b"a/2", b"\xff"),
        message(3, b"$SYS/broker/uptime", b"9"),
        message(4, b"b", b"coming", 2, 1, source=b"one"),
        client(b"one", b"joe"),
        item(b"one", 4, 2, 7, 44, incoming=True),
        item(b"one", 1, 2, 9, 5),
        item(b"one", 2, 1, 3, 6),
        item(b"one", 3, 1, 11, 7),
        client(b"two", b"", 3600, NOW),
        item(b"two", 1, 1, 11, 1, retain=True, properties=b"\x02\x0b\x07"),
        item(b"two", 2, 0, 1),
        item(b"two", 77),
        client(b"gone", expiry=0),
        item(b"gone", 1),
        subscription(b"one", b"a/#", 2, 4 | 8),
        subscription(b"two", b"a/+", 1, 0, 7),
        subscription(b"two", b"#", 2),
        subscription(b"two", b"$share/g/+", 1),
        subscription(b"nobody", b"a"),
        retained(1),
        retained(3),
        retained(78),
        chunk(9, b"what"),
    )
)

SCHEMA = """
CREATE TABLE base_msgs (store_id INT64 PRIMARY KEY, expiry_time INT64, topic STRING NOT NULL, payload BLOB,
  source_id STRING, source_username STRING, payloadlen INTEGER, source_mid INTEGER, source_port INTEGER, qos INTEGER,
  retain INTEGER, properties STRING);
CREATE TABLE retains (topic STRING PRIMARY KEY, store_id INT64);
CREATE TABLE clients (client_id TEXT PRIMARY KEY, username TEXT, connection_time INT64, will_delay_time INT64,
  session_expiry_time INT64, listener_port INT, max_packet_size INT, max_qos INT, retain_available INT,
  session_expiry_interval INT, will_delay_interval INT);
CREATE TABLE subscriptions (client_id TEXT NOT NULL, topic TEXT NOT NULL, subscription_options INTEGER,
  subscription_identifier INTEGER, PRIMARY KEY (client_id, topic));
CREATE TABLE client_msgs (client_id TEXT NOT NULL, cmsg_id INT64, store_id INT64, dup INTEGER, direction INTEGER,
  mid INTEGER, qos INTEGER, retain INTEGER, state INTEGER, subscription_identifier INTEGER);
CREATE TABLE wills (client_id TEXT PRIMARY KEY, payload BLOB, topic STRING NOT NULL, payloadlen INTEGER, qos INTEGER,
  retain INTEGER, properties STRING);
CREATE TABLE version_info (component TEXT NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL,
  patch INTEGER NOT NULL);
INSERT INTO version_info VALUES ('database_schema', 1, 1, 0);
"""

PROPERTIES = (
    '[{"identifier":"content-type","value":"text"},{"identifier":"user-property","name":"k","value":"v"},'
    '{"identifier":"correlation-data","value":"00ff"},{"identifier":"payload-format-indicator","value":1}]'
)


def make_sqlite(path: str, *rows: tuple[str, tuple[Any, ...]]) -> None:
    """
    A file of the plugin with these rows.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        for table, row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)


#: Much the same as C{FULL}, for C{make_sqlite}.
ROWS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("base_msgs", (1, NOW + 60, "a/1", b"hello", "sender", None, 5, 1, 1883, 2, 1, PROPERTIES)),
    ("base_msgs", (2, 0, "a/2", b"\xff", None, None, 1, 1, 1883, 1, 0, None)),
    ("base_msgs", (3, 0, "12", None, "7", None, 0, 1, 1883, 1, 0, None)),
    ("base_msgs", (4, 0, "b", b"coming", "one", None, 6, 1, 1883, 2, 1, None)),
    ("clients", ("one", "joe", 0, 0, 0, 1883, 0, 2, 1, -1, 0)),
    ("clients", ("two", None, 0, 0, NOW, 1883, 0, 2, 1, 3600, 0)),
    ("clients", ("gone", None, 0, 0, 0, 1883, 0, 2, 1, 0, 0)),
    ("client_msgs", ("one", 1, 4, 0, 0, 44, 2, 0, 7, 0)),
    ("client_msgs", ("one", 2, 1, 0, 1, 5, 2, 0, 9, 0)),
    ("client_msgs", ("one", 3, 2, 0, 1, 6, 1, 0, 3, 0)),
    ("client_msgs", ("one", 4, 3, 0, 1, 7, 1, 0, 11, 0)),
    ("client_msgs", ("two", 5, 1, 0, 1, 1, 1, 1, 11, 7)),
    ("subscriptions", ("one", "a/#", 2 | 4 | 8 | 16, 0)),
    ("subscriptions", ("two", "a/+", 1, 7)),
    ("subscriptions", ("two", "#", 2, 0)),
    ("subscriptions", ("two", "$share/g/+", 1, 0)),
    ("retains", ("a/1", 1)),
    ("wills", ("two", b"bye", "w", 3, 1, 1, '[{"identifier":"will-delay-interval","value":9}]')),
    ("wills", ("nobody", b"bye", "w", 3, 1, 1, None)),
)
