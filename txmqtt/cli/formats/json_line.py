"""
C{%j} and C{%J}: a message as JSON.
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import datetime
from typing import Any, Final

from txmqtt.codec.properties import Properties
from txmqtt.net.values import Message

#: The properties of a message that are a number or text, in the order in which they are told.
_SIMPLE: Final = (
    "content_type",
    "response_topic",
    "payload_format_indicator",
    "message_expiry_interval",
    "topic_alias",
)


def json_line(message: Message, nanoseconds: int, packet_id: int, within: bool, pretty: bool) -> bytes:
    """
    A message as one object: its keys are mosquitto_sub's.

    Bytes that are no UTF-8 can't stand in JSON: instead of C{payload} there is C{payload-base64} then, and so for the
    correlation data.

    @param within: the payload is JSON itself and becomes part of the object.
    @param pretty: on several lines.
    @raise ValueError: it is not.
    """
    said: dict[str, Any] = {"tst": _moment(nanoseconds), **as_object(message, packet_id, within)}
    layout: dict[str, Any] = {"indent": "\t"} if pretty else {"separators": (",", ":")}
    # A lone surrogate, which %J may bring, is an escape in JSON and nothing in UTF-8.
    return json.dumps(said, ensure_ascii=False, **layout).encode("utf-8", "backslashreplace")


def as_object(message: Message, packet_id: int = 0, within: bool = False) -> dict[str, Any]:
    """
    The same without the time.
    """
    said: dict[str, Any] = {
        "topic": message.topic,
        "qos": message.qos,
        "retain": int(message.retain),
        "payloadlen": len(message.payload),
    }
    if message.qos and packet_id:
        said["mid"] = packet_id
    if properties := _properties(message.properties):
        said["properties"] = properties
    if within:
        said["payload"] = _parsed(message)
    elif message.payload:
        _put(said, "payload", message.payload)
    else:
        said["payload"] = None
    return said


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    when = datetime.fromtimestamp(seconds).astimezone()
    return f"{when:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}{when:%z}"


def _parsed(message: Message) -> Any:
    try:
        return json.loads(message.payload, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError(f"the payload on {message.topic!r} is no JSON, which %J needs") from None


def _no_constant(word: str) -> None:
    raise ValueError(word)  # NaN and the infinities are Python's, not JSON's


def _properties(properties: Properties) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _SIMPLE:
        value = getattr(properties, name)
        if value is not None:
            found[name.replace("_", "-")] = value
    if properties.correlation_data is not None:
        _put(found, "correlation-data", properties.correlation_data)
    if properties.subscription_identifiers:
        several = properties.subscription_identifiers
        found["subscription-identifier"] = several[0] if len(several) == 1 else list(several)
    if properties.user_properties:
        found["user-properties"] = _pairs(properties.user_properties)
    return found


def _pairs(pairs: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """
    User properties as an object; a name that comes several times has a list.
    """
    lists: dict[str, list[str]] = {}
    for key, value in pairs:
        lists.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in lists.items()}


def _put(where: dict[str, Any], name: str, data: bytes) -> None:
    try:
        where[name] = data.decode()
    except UnicodeDecodeError:
        where[f"{name}-base64"] = b64encode(data).decode()
