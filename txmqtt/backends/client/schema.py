"""
What a client's file holds: the tables, and how the client's things become rows and come back.

A publish has one row for as long as it is promised. Where it left in another transaction than that in which it came, or
its PUBREC came, a small row beside it says so, and has the last word: the message is never written twice.
"""

from __future__ import annotations

from typing import Any, Final

from txmqtt.backends.client.draft import Draft
from txmqtt.backends.sqlite.batch import Part
from txmqtt.backends.sqlite.tables import Row, Schema, Table
from txmqtt.codec import properties
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.packets import Subscription
from txmqtt.session.keeping import Outcome, Promise, Wish
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound

PROMISE: Final = Table(
    "promise",
    "home packet_id mark released key qos published_qos retain topic payload properties expires until",
    1,
    (
        "CREATE TABLE promise (home INTEGER PRIMARY KEY, packet_id INTEGER NOT NULL, mark INTEGER NOT NULL, "
        "released INTEGER NOT NULL, key TEXT, qos INTEGER NOT NULL, published_qos INTEGER NOT NULL, "
        "retain INTEGER NOT NULL, topic BLOB NOT NULL, payload BLOB NOT NULL, properties BLOB, expires REAL, "
        "until REAL)",
        "CREATE TRIGGER promise_gone AFTER DELETE ON promise BEGIN DELETE FROM flight WHERE home = old.home; END",
    ),
)
FLIGHT: Final = Table(
    "flight",
    "home packet_id mark released",
    1,
    "CREATE TABLE flight (home INTEGER PRIMARY KEY, packet_id INTEGER NOT NULL, mark INTEGER NOT NULL, "
    "released INTEGER NOT NULL)",
)
RECEIVED: Final = Table("received", "packet_id", 1, "CREATE TABLE received (packet_id INTEGER PRIMARY KEY)")
WISH: Final = Table(
    "wish",
    "filter qos no_local retain_as_published retain_handling identifier",
    1,
    "CREATE TABLE wish (filter BLOB PRIMARY KEY, qos INTEGER NOT NULL, no_local INTEGER NOT NULL, "
    "retain_as_published INTEGER NOT NULL, retain_handling INTEGER NOT NULL, identifier INTEGER NOT NULL)",
)
OUTCOME: Final = Table(
    "outcome",
    "key reason words at",
    1,
    "CREATE TABLE outcome (key TEXT PRIMARY KEY, reason INTEGER NOT NULL, words TEXT NOT NULL, at REAL NOT NULL)",
)
NOTE: Final = Table("note", "name value", 1, "CREATE TABLE note (name TEXT PRIMARY KEY, value) WITHOUT ROWID")

#: Under this name it is noted what the session is called.
CLIENT_ID: Final = "client_id"

#: All that is promised, with how far it is.
PROMISED: Final = (
    "SELECT p.home, coalesce(f.packet_id, p.packet_id), coalesce(f.mark, p.mark), coalesce(f.released, p.released), "
    "p.key, p.qos, p.published_qos, p.retain, p.topic, p.payload, p.properties, p.expires, p.until "
    "FROM promise p LEFT JOIN flight f ON f.home = p.home ORDER BY p.home"
)
#: The subscriptions, in the order in which they were first wished for.
WISHED: Final = f"SELECT {', '.join(WISH.columns)} FROM wish ORDER BY rowid"
#: How publishes ended, the oldest first.
ENDED: Final = "SELECT key, reason, words, at FROM outcome ORDER BY at, rowid"


def _compose(draft: Draft, part: Part) -> None:
    """
    The rows of publishes.
    """
    rows: dict[int, Row | None] = dict.fromkeys(draft.gone)
    flights: dict[int, Row | None] = {}
    fresh, keys, flown = draft.fresh, draft.keys, draft.flights
    for home, item in fresh.items():
        rows[home] = promise_row(home, item, keys.get(home))
    for home, flight in flown.items():
        row = rows.get(home)
        if row is None:
            flights[home] = (home, *flight)
        else:
            rows[home] = (home, *flight, *row[4:])
    part.add(PROMISE, rows)
    part.add(FLIGHT, flights)


#: Flights come before promises, whose trigger names them.
SCHEMA: Final = Schema(
    "txmqtt client", 1, (FLIGHT, PROMISE, RECEIVED, WISH, OUTCOME, NOTE), draft=Draft, compose=_compose
)


# To rows


def promise_row(home: int, item: Outbound, key: str | None) -> Row:
    """
    A publish that has not left.
    """
    message = item.message
    said = properties.encode(message.properties, PUBLISH) if message.properties is not None else None
    retain = int(item.retain)
    times = (message.expires_at or None, item.until or None)
    return (home, 0, 0, 0, key, item.qos, message.qos, retain, message.topic, message.payload, said, *times)


def wish_row(wish: Wish) -> Row:
    """
    A subscription.
    """
    asked = wish.subscription
    flags = (int(asked.no_local), int(asked.retain_as_published), asked.retain_handling)
    return (asked.filter, asked.qos, *flags, wish.identifier)


# From rows


def promise_from(row: Any) -> Promise:
    """
    The publish of a row of C{PROMISED}.
    """
    home, packet_id, _, released, key, qos, published_qos, retain, topic, payload, said, expires, until = row
    known = properties.decode(said, 0, len(said), PUBLISH)[0] if said is not None else None
    message = Message(topic, payload, published_qos, bool(retain), known, expires or 0.0)
    return Promise(message, qos, home, packet_id, bool(released), key or "", until or 0.0)


def wish_from(row: Any) -> Wish:
    """
    The subscription of a row of C{WISHED}.
    """
    filter, qos, no_local, retain_as_published, retain_handling, identifier = row
    return Wish(Subscription(filter, qos, bool(no_local), bool(retain_as_published), retain_handling), identifier)


def outcome_from(row: Any) -> Outcome:
    """
    The outcome of a row of C{ENDED}.
    """
    key, reason, words, _ = row
    return Outcome(key, reason, words)
