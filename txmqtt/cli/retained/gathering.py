"""
All retained messages that some filters match, and how they go.

Nothing on the wire says that they have all come. SUBACK and a ping after it have been answered when a server has seen
the subscription, and most have sent what they keep by then; beyond that it is the silence afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from txmqtt.cli.words import plain, size
from txmqtt.codec.properties import Properties
from txmqtt.codec.topics import matches
from txmqtt.net.client import MQTTClient
from txmqtt.net.values import Message

#: What is asked at a time.
_MANY = 500


async def gather(
    reactor: Any, client: MQTTClient, filters: tuple[str, ...], filter_out: tuple[str, ...], quiet_period: float
) -> dict[str, Message]:
    """
    The retained messages, by topic.

    @param quiet_period: seconds in which no more may have come before that was all.
    """
    found: dict[str, Message] = {}
    without = [each.encode("utf-8", "surrogateescape") for each in filter_out]
    came = 0

    def take(message: Message) -> None:
        nonlocal came
        if message.retain:
            came += 1
            if not any(matches(each, message.topic.encode()) for each in without):
                found[message.topic] = message

    client.on_message = take
    several: list[str | bytes] = list(dict.fromkeys(filters))
    await client.subscribe(several, None, 2, retain_handling=0)
    await client.ping()
    seen = -1
    while seen != came:
        seen = came
        await deferLater(reactor, quiet_period)
    await client.unsubscribe(several)
    return found


def described(found: dict[str, Message], as_json: bool) -> Iterator[bytes]:
    """
    A line for each, in the order of their topics.
    """
    if as_json:
        from txmqtt.cli.formats.json_line import as_object

        for topic in sorted(found):
            yield json.dumps(as_object(found[topic]), ensure_ascii=False).encode() + b"\n"
        return
    width = max((len(size(len(each.payload))) for each in found.values()), default=0)
    for topic in sorted(found):
        message = found[topic]
        expiry = message.properties.message_expiry_interval
        ends = "" if expiry is None else f"  expires in {expiry:,} s"
        yield f"{size(len(message.payload)):>{width}}  QoS {message.qos}  {plain(topic)}{ends}\n".encode()


async def clear_all(client: MQTTClient, topics: list[str], properties: Properties | None) -> list[tuple[str, str]]:
    """
    Have them forgotten.

    @return: those that could not be, and why.
    """
    failed: list[tuple[str, str]] = []
    for start in range(0, len(topics), _MANY):
        part = topics[start : start + _MANY]
        asked: list[Deferred[Any]] = [client.publish(each, b"", 1, True, properties) for each in part]
        for topic, (done, result) in zip(part, await DeferredList(asked, consumeErrors=True), strict=True):
            if not done:
                failed.append((topic, result.getErrorMessage()))
    return failed
