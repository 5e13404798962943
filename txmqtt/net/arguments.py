"""
What users pass, judged at the door: wrong types are C{TypeError}, wrong values C{ValueError}, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any

from txmqtt.codec.constants import MQTT5, PUBLISH
from txmqtt.codec.errors import LocalProtocolError
from txmqtt.codec.properties import Properties
from txmqtt.codec.properties import encode as encode_properties
from txmqtt.codec.topics import KNOWN, KNOWN_LENGTH, SHARE, filter_error, topic_error


def _utf8(given: object, what: str) -> bytes:
    if isinstance(given, bytes):
        return given
    if not isinstance(given, str):
        raise TypeError(f"{what} is {type(given).__name__}; expected str or bytes")
    try:
        return given.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} {given[:80]!r} has a lone surrogate at character {error.start}") from None


def topic_bytes(topic: str | bytes) -> bytes:
    """
    A topic to publish to.
    """
    raw = _utf8(topic, "topic")
    wrong = topic_error(raw)
    if wrong is not None:
        raise ValueError(f"topic {topic[:80]!r}: {wrong}")
    return raw


class KnownNames:
    """
    Topics that have been judged, by what the user wrote, so that each is judged once. Forgets everything when full.

    @ivar seen: the topics. The hot path looks here before it calls C{learn}.
    """

    def __init__(self, size: int = KNOWN, length: int = KNOWN_LENGTH) -> None:
        self.seen: dict[str | bytes, bytes] = {}
        self._size = size
        self._length = length

    def learn(self, topic: str | bytes) -> bytes:
        """
        A topic that is not known yet.
        """
        raw = topic_bytes(topic)
        if len(raw) <= self._length:
            if len(self.seen) >= self._size:
                self.seen.clear()
            self.seen[topic] = raw
        return raw


def filter_list(given: object, version: int) -> list[bytes]:
    """
    One filter or several.
    """
    several: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise ValueError("no filter; expected at least one")
    filters: list[bytes] = []
    for filter in several:
        raw = _utf8(filter, "filter")
        wrong = filter_error(raw, version == MQTT5)
        if wrong is not None:
            raise ValueError(f"filter {filter[:80]!r}: {wrong}")
        filters.append(raw)
    if len(set(filters)) < len(filters):
        raise ValueError(f"{given!r}: expected each filter once")
    return filters


def payload_bytes(payload: object) -> bytes:
    """
    A payload, as bytes.
    """
    if isinstance(payload, bytes):
        return bytes(payload)
    if isinstance(payload, bytearray | memoryview):
        return bytes(payload)
    if isinstance(payload, str):
        raise TypeError("payload is str; expected bytes: encode it first, payload.encode()")
    try:
        return bytes(memoryview(payload))  # type: ignore[arg-type] # an array, a file in memory, and so on
    except TypeError:
        raise TypeError(f"payload is {type(payload).__name__}; expected bytes") from None


def qos_number(qos: object) -> int:
    """
    A QoS, as a plain number.
    """
    if not isinstance(qos, int) or isinstance(qos, bool):
        raise TypeError(f"qos is {qos!r}; expected 0, 1 or 2")
    if not 0 <= qos <= 2:
        raise ValueError(f"qos is {int(qos)}; expected 0, 1 or 2")
    return int(qos)


def check_callback(name: str, given: object) -> None:
    """
    What is to be called with messages, or None.
    """
    if given is not None and not callable(given):
        raise TypeError(f"{name} is {given!r}; expected a callable or None")
    if isgeneratorfunction(given) or isasyncgenfunction(given):
        raise TypeError(f"{name} is a generator, which nobody would run; expected async def, or @inlineCallbacks")


def check_known(options: Iterable[str], kind: type[Any]) -> None:
    """
    Keywords, which have to be fields of a dataclass.

    @raise TypeError: there is no such option; names the nearest.
    """
    known = [field.name for field in fields(kind)]
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise TypeError(f"there is no option {name!r}" + (f"; did you mean {near[0]}?" if near else ""))


def check_properties(properties: object, kind: int, version: int = MQTT5) -> None:
    """
    The properties of a packet, or none.
    """
    if properties is None:
        return
    if not isinstance(properties, Properties):
        raise TypeError(f"properties is {type(properties).__name__}; expected Properties or None")
    if version != MQTT5:
        raise ValueError(f"properties on protocol level {version}; MQTT 5.0 has them")
    try:
        encode_properties(properties, kind)
    except LocalProtocolError as error:
        raise ValueError(str(error)) from None
    if kind == PUBLISH:
        if properties.topic_alias is not None:
            raise ValueError(f"topic_alias={properties.topic_alias}; expected none: see topic_aliases of connect()")
        if properties.subscription_identifiers:  # [MQTT5-3.3.4-6]
            raise ValueError("subscription_identifiers in what a client publishes; only a server says them")


def check_options(
    filters: list[bytes],
    no_local: bool,
    retain_as_published: bool,
    retain_handling: object,
    identifier: object,
    version: int,
) -> None:
    """
    The options of a subscription.
    """
    if not isinstance(retain_handling, int) or not isinstance(identifier, int):
        raise TypeError(f"retain_handling {retain_handling!r}, identifier {identifier!r}; expected numbers")
    if not 0 <= retain_handling <= 2:
        raise ValueError(f"retain_handling is {retain_handling}; expected 0, 1 or 2")
    if not 0 <= identifier <= 268_435_455:
        raise ValueError(f"identifier is {identifier}; expected 1 to 268435455, or 0 for none")
    if version != MQTT5 and (no_local or retain_as_published or retain_handling or identifier):
        raise ValueError(
            f"no_local, retain_as_published, retain_handling or identifier on protocol level {version}; 5.0 has them"
        )
    if no_local and any(filter.startswith(SHARE) for filter in filters):  # [MQTT5-3.8.3-4]
        raise ValueError("no_local on a shared subscription; MQTT forbids it")
