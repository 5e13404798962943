"""
What a record must be like to enter a store: the rules of MQTT, and what the broker takes for granted about its own.
"""

from __future__ import annotations

from math import isfinite
from typing import Final

from txmqtt.backends.sqlite.errors import StoreContentWrong
from txmqtt.backends.sqlite.exchange.records import (
    MessageRecord,
    OwedRecord,
    Record,
    RetainedRecord,
    SessionRecord,
    ShareRecord,
    TotalsRecord,
)
from txmqtt.codec import properties
from txmqtt.codec.constants import MAX_REMAINING, PUBLISH
from txmqtt.codec.errors import MQTTError
from txmqtt.codec.fields import MAX_STRING, MAX_U16, MAX_U32, utf8_error
from txmqtt.codec.packets import Will
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.codec.topics import SHARE, filter_error, topic_error
from txmqtt.session.message import Message, travelling

_MAX_COUNT: Final = 2**63 - 1
_MAX_PLACE: Final = 2**48
#: No clock of a broker shows more, seconds: the year 10000.
_MAX_TIME: Final = 253_402_300_800.0


def scrutinize(record: Record) -> None:
    """
    Refuse what must not enter.

    @raise StoreContentWrong: where it stands, what was found, what was expected.
    """
    wrong = fault(record)
    if wrong is not None:
        raise StoreContentWrong(f"{record.where}: {wrong}" if record.where else wrong)


def fault(record: Record) -> str | None:
    """
    What is wrong with a record, in words, or None.
    """
    match record:
        case SessionRecord():
            return _session(record)
        case ShareRecord():
            return _text(record.mount, "mount", empty=True) or _share(record.share, record.filter)
        case MessageRecord():
            return _number(record.number, "number of the message", 1, _MAX_COUNT) or _message(record.message)
        case OwedRecord():
            return _owed(record)
        case RetainedRecord():
            return _text(record.mount, "mount", empty=True) or _retained(record.message)
        case TotalsRecord():
            return next((bad for name, n in record.values.items() if (bad := _number(n, name, 0, _MAX_COUNT))), None)
    raise TypeError(f"{record!r} is no record")


def _session(record: SessionRecord) -> str | None:
    wrong = (
        _text(record.mount, "mount", empty=True)
        or _text(record.client_id, "client identifier")
        or (_text(record.user, "user name", empty=True) if record.user is not None else None)
        or _number(record.expiry, "expiry", 0, MAX_U32)
        or _time(record.parked_at, "parked_at")
        or _time(record.will_due, "will_due")
        or (_will(record.will) if record.will is not None else None)
    )
    if wrong is not None:
        return wrong
    filters = set()
    for asked, identifier in record.subscriptions:
        wrong = (
            filter_error(asked.filter)
            or _number(asked.qos, "qos of a subscription", 0, 2)
            or _number(identifier, "subscription identifier", 0, MAX_REMAINING)
        )
        if wrong is None and asked.filter in filters:
            wrong = f"filter {_shown(asked.filter)} twice"
        if wrong is not None:
            return wrong
        filters.add(asked.filter)
    for packet_id in record.inbound:
        if wrong := _number(packet_id, "packet identifier", 1, MAX_U16):
            return wrong
    return "an inbound packet identifier twice" if len(set(record.inbound)) < len(record.inbound) else None


def _share(name: bytes, filter: bytes) -> str | None:
    if len(name) > MAX_STRING or len(filter) > MAX_STRING:
        return f"share and filter are {len(name)} and {len(filter)} bytes; {MAX_STRING} at most"
    return f"share name {_shown(name)} has a '/'" if b"/" in name else filter_error(SHARE + name + b"/" + filter)


def _will(will: Will) -> str | None:
    wrong = topic_error(will.topic) or _number(will.qos, "qos of the will", 0, 2)
    if wrong is None and len(will.payload) > MAX_STRING:
        wrong = f"payload of the will is {len(will.payload)} bytes; {MAX_STRING} at most"
    return wrong or _properties(will.properties, WILL_PROPERTIES)


def _message(message: Message) -> str | None:
    wrong = (
        topic_error(message.topic)
        or _number(message.qos, "published_qos", 0, 2)
        or _time(message.expires_at, "expires")
        or _text(message.publisher, "publisher", empty=True)
        or _properties(message.properties, PUBLISH)
    )
    if wrong is None and len(message.topic) + len(message.payload) > MAX_REMAINING:
        wrong = f"payload is {len(message.payload)} bytes; no packet holds more than {MAX_REMAINING}"
    if wrong is None and message.properties is not None and travelling(message.properties) != message.properties:
        wrong = f"{message.properties!r}; expected only what travels with a message"
    return wrong


def _owed(record: OwedRecord) -> str | None:
    wrong = _number(record.qos, "qos", 1, 2)
    if wrong is None and isinstance(record.message, Message):
        wrong = _message(record.message)
    for identifier in record.identifiers:
        wrong = wrong or _number(identifier, "subscription identifier", 1, MAX_REMAINING)
    flight = record.flight
    if wrong is not None or flight is None:
        return wrong
    if len(record.holder) != 2:
        return "in flight to a shared group; expected to a session only"
    if flight.released and record.qos != 2:
        return f"released at QoS {record.qos}; expected at QoS 2 only"
    return _number(flight.packet_id, "packet identifier", 1, MAX_U16) or _number(flight.place, "place", 1, _MAX_PLACE)


def _retained(message: Message) -> str | None:
    if not message.payload:
        return f"retained message of {_shown(message.topic)} is empty; expected one with a payload"
    return _message(message)


def _properties(given: Properties | None, kind: int) -> str | None:
    if given is None:
        return None
    try:
        properties.encode(given, kind)
    except MQTTError as error:
        return str(error)
    return None


def _text(value: str, what: str, empty: bool = False) -> str | None:
    if not value and not empty:
        return f"{what} is empty"
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_STRING:
        return f"{what} is {len(raw)} bytes; {MAX_STRING} at most"
    wrong = utf8_error(raw)
    return f"{what}: {wrong}" if wrong is not None else None


def _number(value: int, what: str, low: int, high: int) -> str | None:
    return None if low <= value <= high else f"{what} is {value}; expected {low} to {high}"


def _time(value: float, what: str) -> str | None:
    if isfinite(value) and 0.0 <= value <= _MAX_TIME:
        return None
    return f"{what} is {value}; expected seconds since 1970"


def _shown(raw: bytes) -> str:
    return repr(raw[:80].decode("utf-8", "replace"))
