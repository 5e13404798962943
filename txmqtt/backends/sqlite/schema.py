"""
What the broker's store holds: the tables, and how the broker's things become rows and come back.

Everything has a number that nothing else has: a session, a shared group, an item in a queue (its ref, in the order in
which it was owed), a message that several are owed. C{queue.holder} is the number of a session or of a group.

A message that one receiver is owed stands in the queue itself. One that several are owed stands in C{message} once, and
goes with the last row of the queue that names it. Rows of C{flight} say what has been sent and not been answered.
"""

from __future__ import annotations

from typing import Any, Final

from txmqtt.backends.sqlite.batch import Part
from txmqtt.backends.sqlite.tables import Row, Schema, Table, Value
from txmqtt.broker.draft import Draft
from txmqtt.broker.filters import Grant
from txmqtt.broker.piles import Holding
from txmqtt.broker.shapes import Kept
from txmqtt.codec import properties
from txmqtt.codec.constants import PUBLISH
from txmqtt.codec.packets import Subscription, Will
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound

_MESSAGE_COLUMNS: Final = "topic payload properties published_qos published_retain expires publisher"
_MESSAGE_TYPES: Final = (
    "topic BLOB, payload BLOB, properties BLOB, published_qos INTEGER, published_retain INTEGER, expires REAL, "
    "publisher TEXT"
)


def _session(number: int, held: Holding | None) -> Row | None:
    return session_row(held) if held is not None else None


def _will(number: int, held: Holding | None) -> Row | None:
    return will_row(number, held.will, held.will_due) if held is not None and held.will is not None else None


def _retained(key: tuple[str, bytes], message: Message | None) -> Row | None:
    return retained_row(key[0], message) if message is not None else None


def _compose(draft: Draft, part: Part) -> None:
    """
    The rows of queues.
    """
    rows: dict[int, Row | None] = dict.fromkeys(draft.gone)
    flights: dict[int, Row | None] = {}
    messages: dict[int, Row] = {}
    for ref, item in draft.fresh.items():
        rows[ref] = queue_row(item)
        number = item.message.number
        if number and number not in messages:
            messages[number] = (number, *message_values(item.message))
        if item.packet_id:
            flights[ref] = flight_row(item)
    for ref, item in draft.moved.items():
        rows[ref] = queue_row(item)
    for ref, flown in draft.flights.items():
        flights[ref] = flight_row(flown) if flown is not None else None
    part.add(QUEUE, rows)
    part.add(MESSAGE, messages)
    part.add(FLIGHT, flights)


SESSION: Final = Table(
    "session",
    "number mount client_id user durable expiry parked_at",
    1,
    "CREATE TABLE session (number INTEGER PRIMARY KEY, mount TEXT NOT NULL, client_id TEXT NOT NULL, user TEXT, "
    "durable INTEGER NOT NULL, expiry INTEGER NOT NULL, parked_at REAL, UNIQUE (mount, client_id))",
    compose=_session,
)
WILL: Final = Table(
    "will",
    "session due topic payload qos retain properties",
    1,
    "CREATE TABLE will (session INTEGER PRIMARY KEY, due REAL, topic BLOB, payload BLOB, qos INTEGER, retain INTEGER, "
    "properties BLOB)",
    compose=_will,
)
SUBSCRIPTION: Final = Table(
    "subscription",
    "session filter qos no_local retain_as_published identifier",
    2,
    "CREATE TABLE subscription (session INTEGER, filter BLOB, qos INTEGER, no_local INTEGER, "
    "retain_as_published INTEGER, identifier INTEGER, PRIMARY KEY (session, filter)) WITHOUT ROWID",
    owner="session",
)
SHARE: Final = Table(
    "share",
    "number mount name filter",
    1,
    "CREATE TABLE share (number INTEGER PRIMARY KEY, mount TEXT, name BLOB, filter BLOB, UNIQUE (mount, name, filter))",
)
QUEUE: Final = Table(
    "queue",
    f"ref holder size qos retain identifiers message {_MESSAGE_COLUMNS}",
    1,
    (
        "CREATE TABLE queue (ref INTEGER PRIMARY KEY, holder INTEGER NOT NULL, size INTEGER NOT NULL, qos INTEGER, "
        f"retain INTEGER, identifiers TEXT, message INTEGER, {_MESSAGE_TYPES})",
        "CREATE INDEX queue_holder ON queue (holder, ref, size)",
        "CREATE INDEX queue_message ON queue (message) WHERE message IS NOT NULL",
        "CREATE INDEX queue_expires ON queue (expires) WHERE expires IS NOT NULL",
        "CREATE TRIGGER queue_gone AFTER DELETE ON queue BEGIN "
        "DELETE FROM flight WHERE ref = old.ref; "
        "DELETE FROM message WHERE number = old.message "
        "AND NOT EXISTS (SELECT 1 FROM queue WHERE message = old.message); END",
    ),
    owner="holder",
)
MESSAGE: Final = Table(
    "message",
    f"number {_MESSAGE_COLUMNS}",
    1,
    f"CREATE TABLE message (number INTEGER PRIMARY KEY, {_MESSAGE_TYPES})",
)
FLIGHT: Final = Table(
    "flight",
    "ref packet_id released mark",
    1,
    "CREATE TABLE flight (ref INTEGER PRIMARY KEY, packet_id INTEGER NOT NULL, released INTEGER NOT NULL, "
    "mark INTEGER NOT NULL)",
)
INBOUND: Final = Table(
    "inbound",
    "session packet_id",
    2,
    "CREATE TABLE inbound (session INTEGER, packet_id INTEGER, PRIMARY KEY (session, packet_id)) WITHOUT ROWID",
    owner="session",
)
RETAINED: Final = Table(
    "retained",
    f"mount {_MESSAGE_COLUMNS}",
    2,
    f"CREATE TABLE retained (mount TEXT, {_MESSAGE_TYPES}, PRIMARY KEY (mount, topic))",
    compose=_retained,
)
NOTE: Final = Table("note", "name value", 1, "CREATE TABLE note (name TEXT PRIMARY KEY, value) WITHOUT ROWID")

#: Under this name it is noted what the broker has counted.
TOTALS: Final = "totals"

#: Flights come before the queue, whose trigger names them.
SCHEMA: Final = Schema(
    "txmqtt broker",
    1,
    (FLIGHT, MESSAGE, SESSION, WILL, SUBSCRIPTION, SHARE, QUEUE, INBOUND, RETAINED, NOTE),
    draft=Draft,
    compose=_compose,
)

#: What a queue's row has of its message, wherever that stands.
_ITS_MESSAGE: Final = ", ".join(
    f"CASE WHEN q.message IS NULL THEN q.{column} ELSE m.{column} END" for column in _MESSAGE_COLUMNS.split()
)
_ITEM: Final = f"q.ref, q.holder, q.qos, q.retain, q.identifiers, q.message, {_ITS_MESSAGE}"
#: The next of what waits for a holder behind a ref: so many, and no more bytes than that but for the last.
WAITING: Final = (
    "WITH next AS (SELECT q.ref, q.size FROM queue q LEFT JOIN flight f ON f.ref = q.ref "
    "WHERE q.holder = ? AND q.ref > ? AND f.ref IS NULL ORDER BY q.ref LIMIT ?), "
    "counted AS (SELECT ref, size, sum(size) OVER (ORDER BY ref) AS total FROM next) "
    f"SELECT {_ITEM} FROM counted c JOIN queue q ON q.ref = c.ref LEFT JOIN message m ON m.number = q.message "
    "WHERE c.total - c.size <= ? ORDER BY q.ref"
)
#: All that has been sent to a session and not been answered: as it is to be recalled.
SENT: Final = (
    f"SELECT {_ITEM}, f.packet_id, f.released, f.mark FROM flight f JOIN queue q ON q.ref = f.ref "
    "LEFT JOIN message m ON m.number = q.message WHERE q.holder = ? ORDER BY f.released, f.mark"
)
#: The oldest that wait, and what each costs.
OLDEST: Final = (
    "SELECT q.ref, q.size FROM queue q LEFT JOIN flight f ON f.ref = q.ref "
    "WHERE q.holder = ? AND q.ref > ? AND f.ref IS NULL ORDER BY q.ref LIMIT ?"
)
#: What has not been sent and never will be.
EXPIRED: Final = (
    "SELECT q.ref, q.holder, q.size FROM queue q LEFT JOIN flight f ON f.ref = q.ref "
    "WHERE q.expires <= ? AND f.ref IS NULL ORDER BY q.expires LIMIT ?"
)


# To rows


def session_row(held: Holding) -> Row:
    """
    A session as it is.
    """
    mount, client_id = held.key
    return (held.number, mount, client_id, held.user, int(held.durable), held.expiry, held.parked_at or None)


def will_row(number: int, will: Will, due: float) -> Row:
    """
    The will of a session.
    """
    said = properties.encode(will.properties, WILL_PROPERTIES) if will.properties is not None else None
    return (number, due or None, will.topic, will.payload, will.qos, int(will.retain), said)


def subscription_row(number: int, grant: Grant) -> Row:
    """
    One subscription of a session.
    """
    flags = (int(grant.no_local), int(grant.retain_as_published))
    return (number, grant.filter, grant.qos, *flags, grant.identifier)


def message_values(message: Message) -> Row:
    """
    A message, in the order of its columns.
    """
    said = properties.encode(message.properties, PUBLISH) if message.properties is not None else None
    return (
        message.topic,
        message.payload,
        said,
        message.qos,
        int(message.retain),
        message.expires_at or None,
        message.publisher,
    )


def queue_row(item: Outbound) -> Row:
    """
    One item that somebody is owed.
    """
    message = item.message
    identifiers = ",".join(map(str, item.identifiers)) if item.identifiers else None
    head = (item.ref, item.home, message.size, item.qos, int(item.retain), identifiers)
    if message.number:
        return (*head, message.number, None, None, None, None, None, message.expires_at or None, None)
    return (*head, None, *message_values(message))


def flight_row(item: Outbound) -> Row:
    """
    How far an item is that has been sent.
    """
    return (item.ref, item.packet_id, int(item.released), item.mark)


def retained_row(mount: str, message: Message) -> Row:
    """
    The retained message of a topic.
    """
    return (mount, *message_values(message))


# From rows


def _properties(said: Value, kind: int) -> Properties | None:
    if not isinstance(said, bytes):
        return None
    return properties.decode(said, 0, len(said), kind)[0]


def message_from(values: Any) -> Message:
    """
    The message of C{message_values}.
    """
    topic, payload, said, qos, retain, expires, publisher = values
    return Message(topic, payload, qos, bool(retain), _properties(said, PUBLISH), expires or 0.0, publisher)


def item_from(row: Any) -> Outbound:
    """
    The item of a row of C{WAITING} or C{SENT}.
    """
    ref, holder, qos, retain, identifiers, number, *rest = row
    message = message_from(rest[:7])
    message.number = number or 0
    known = tuple(map(int, identifiers.split(","))) if identifiers else ()
    item = Outbound(message, qos, bool(retain), known, ref)
    item.home = holder
    if len(rest) > 7:
        item.packet_id, released, item.mark = rest[7:]
        item.released = bool(released)
        item.sent = True
    return item


def will_from(values: Any) -> Will:
    """
    The will of C{topic payload qos retain properties}.
    """
    topic, payload, qos, retain, said = values
    return Will(topic, payload, qos, bool(retain), _properties(said, WILL_PROPERTIES))


def kept_from(values: Any) -> Kept:
    """
    The subscription of C{filter qos no_local retain_as_published identifier}.
    """
    filter, qos, no_local, retain_as_published, identifier = values
    return Kept(Subscription(filter, qos, bool(no_local), bool(retain_as_published)), identifier)
