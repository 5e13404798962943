"""
Records as JSON objects: what each kind of line says.

What has its default is left out. Bytes that are UTF-8 stand as text, others as base64 under a key that says so.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from txmqtt.backends.sqlite.exchange.records import (
    Flight,
    MessageRecord,
    OwedRecord,
    Record,
    RetainedRecord,
    SessionRecord,
    ShareRecord,
    TotalsRecord,
)
from txmqtt.backends.sqlite.exchange.taking import Taking, Wrong
from txmqtt.codec.packets import Subscription, Will
from txmqtt.codec.properties import Properties
from txmqtt.codec.property_table import BINARY, PAIR, STRING, TABLE
from txmqtt.session.message import Message

Object = dict[str, Any]

_BASE64: Final = "_base64"


# To objects


def to_object(record: Record) -> Object:
    """
    The object of a record.
    """
    match record:
        case SessionRecord():
            return _session(record)
        case ShareRecord():
            return _lean(kind="share", mount=record.mount, share=_bytes(record.share), filter=_bytes(record.filter))
        case MessageRecord():
            return {"kind": "message", "number": record.number, **_message(record.message)}
        case OwedRecord():
            return _owed(record)
        case RetainedRecord():
            return {**_lean(kind="retained", mount=record.mount), **_message(record.message)}
        case TotalsRecord():
            return {"kind": "totals", "values": record.values}
    raise TypeError(f"{record!r} is no record")


def _lean(**items: Any) -> Object:
    return {key: value for key, value in items.items() if value not in ("", None, False, 0, 0.0, [], ())}


def _bytes(raw: bytes) -> str:
    return raw.decode()


def _payload(raw: bytes) -> Object:
    try:
        return {"payload": raw.decode()}
    except UnicodeDecodeError:
        return {"payload" + _BASE64: b64encode(raw).decode()}


def _session(record: SessionRecord) -> Object:
    found = _lean(kind="session", mount=record.mount, client_id=record.client_id)
    if record.user is not None:
        found["user"] = record.user
    if not record.durable:
        found["durable"] = False
    found |= _lean(expiry=record.expiry, parked_at=record.parked_at)
    found |= _lean(subscriptions=[_subscription(*each) for each in record.subscriptions])
    if (will := record.will) is not None:
        said = {"topic": _bytes(will.topic), **_payload(will.payload)}
        found["will"] = said | _lean(
            qos=will.qos, retain=will.retain, properties=_properties(will.properties), due=record.will_due
        )
    return found | _lean(inbound=record.inbound)


def _subscription(asked: Subscription, identifier: int) -> Object:
    return {
        "filter": _bytes(asked.filter),
        "qos": asked.qos,
        **_lean(no_local=asked.no_local, retain_as_published=asked.retain_as_published, identifier=identifier),
    }


def _message(message: Message) -> Object:
    return {"topic": _bytes(message.topic), **_payload(message.payload)} | _lean(
        published_qos=message.qos,
        published_retain=message.retain,
        properties=_properties(message.properties),
        expires=message.expires_at,
        publisher=message.publisher,
    )


def _properties(given: Properties | None) -> Object | None:
    if given is None:
        return None
    found: Object = {}
    for law in TABLE:
        value = getattr(given, law.name)
        if value is None or value == ():
            continue
        if law.wire == BINARY:
            found[law.name + _BASE64] = b64encode(value).decode()
        else:
            found[law.name] = value
    return found


def _owed(record: OwedRecord) -> Object:
    found: Object = {"kind": "owed"}
    if len(record.holder) == 2:
        mount, client_id = record.holder
        found |= _lean(mount=mount, client_id=client_id)
    else:
        mount, share, filter = record.holder
        found |= _lean(mount=mount, share=_bytes(share), filter=_bytes(filter))
    found |= _lean(qos=record.qos, retain=record.retain, identifiers=list(record.identifiers))
    if (flight := record.flight) is not None:
        found["flight"] = {"packet_id": flight.packet_id, "place": flight.place, **_lean(released=flight.released)}
    given = record.message
    found["message"] = given if isinstance(given, int) else _message(given)
    return found


# From objects


def from_object(found: Object) -> Record:
    """
    The record of an object; what it says is yet to be looked at (C{scrutiny}).

    @raise Wrong: it is none, or there is something in it that nobody knows.
    """
    kind = found.get("kind")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise Wrong(f"kind is {kind!r}; expected one of {', '.join(_READERS)}")
    taking = Taking(found)
    taking.text("kind")
    record = reader(taking)
    taking.nothing_left()
    return record


def _read_session(taking: Taking) -> SessionRecord:
    record = SessionRecord(
        taking.text("mount", ""),
        taking.text("client_id"),
        taking.optional_text("user"),
        taking.flag("durable", True),
        taking.number("expiry", 0),
        taking.seconds("parked_at"),
        [_read_subscription(each) for each in taking.each("subscriptions")],
    )
    if (will := taking.inner("will")) is not None:
        record.will = Will(
            will.utf8("topic"),
            will.payload(),
            will.number("qos", 0),
            will.flag("retain", False),
            _read_properties(will.inner("properties")),
        )
        record.will_due = will.seconds("due")
        will.nothing_left()
    record.inbound = taking.numbers("inbound")
    return record


def _read_subscription(taking: Taking) -> tuple[Subscription, int]:
    filter, qos = taking.utf8("filter"), taking.number("qos")
    asked = Subscription(filter, qos, taking.flag("no_local", False), taking.flag("retain_as_published", False))
    identifier = taking.number("identifier", 0)
    taking.nothing_left()
    return asked, identifier


def _read_message(taking: Taking) -> Message:
    return Message(
        taking.utf8("topic"),
        taking.payload(),
        taking.number("published_qos", 0),
        taking.flag("published_retain", False),
        _read_properties(taking.inner("properties")),
        taking.seconds("expires"),
        taking.text("publisher", ""),
    )


def _read_properties(taking: Taking | None) -> Properties | None:
    if taking is None:
        return None
    found = Properties()
    for law in TABLE:
        if law.wire == BINARY and taking.has(law.name + _BASE64):
            setattr(found, law.name, taking.base64(law.name + _BASE64))
        elif law.wire != BINARY and taking.has(law.name):
            if law.wire == PAIR:
                setattr(found, law.name, taking.pairs(law.name))
            elif law.wire == STRING:
                setattr(found, law.name, taking.text(law.name))
            else:
                setattr(found, law.name, taking.number(law.name))
    taking.nothing_left()
    return found if found.present() else None


def _read_owed(taking: Taking) -> OwedRecord:
    mount = taking.text("mount", "")
    if taking.has("share"):
        holder: Any = (mount, taking.utf8("share"), taking.utf8("filter"))
    else:
        holder = (mount, taking.text("client_id"))
    record = OwedRecord(holder, taking.number("qos"), 0, taking.flag("retain", False))
    record.identifiers = tuple(taking.numbers("identifiers"))
    if (flight := taking.inner("flight")) is not None:
        record.flight = Flight(flight.number("packet_id"), flight.flag("released", False), flight.number("place"))
        flight.nothing_left()
    if taking.is_number("message"):
        record.message = taking.number("message")
    else:
        message = taking.needed("message")
        record.message = _read_message(message)
        message.nothing_left()
    return record


_READERS: Final[dict[str, Callable[[Taking], Record]]] = {
    "session": _read_session,
    "share": lambda taking: ShareRecord(taking.text("mount", ""), taking.utf8("share"), taking.utf8("filter")),
    "message": lambda taking: MessageRecord(taking.number("number"), _read_message(taking)),
    "owed": _read_owed,
    "retained": lambda taking: RetainedRecord(taking.text("mount", ""), _read_message(taking)),
    "totals": lambda taking: TotalsRecord(taking.counts("values")),
}
