"""
A question and its answer: a response topic of our own, and correlation data that the answer brings back.
"""

from __future__ import annotations

import os
from binascii import hexlify
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TooLate

from txmqtt.cli.options.properties import merged
from txmqtt.codec.properties import Properties
from txmqtt.net.client import MQTTClient
from txmqtt.net.values import Message


async def ask(
    reactor: Any,
    client: MQTTClient,
    topic: str,
    payload: bytes,
    qos: int,
    timeout: float,
    properties: Properties | None,
) -> Message:
    """
    Publish a question, and wait for what comes back.

    @param properties: of the question; a response topic and correlation data among them are used.
    @raise TimeoutError: there is no answer.
    """
    token = hexlify(os.urandom(12))
    prefix = client.server_properties.response_information or "txmqtt/responses/"
    own = Properties(response_topic=prefix + token.decode(), correlation_data=token)
    said = merged(properties, own) or own
    answer: Deferred[Message] = Deferred()

    def came(message: Message) -> None:
        data = message.properties.correlation_data
        if not answer.called and (data is None or data == said.correlation_data):
            answer.callback(message)

    assert said.response_topic is not None
    await client.subscribe(said.response_topic, came, qos)
    closed = client.whenClosed()
    closed.addCallbacks(lambda why: None if answer.called else answer.errback(why), lambda failure: None)
    try:
        await client.publish(topic, payload, qos, False, said)
        return await answer.addTimeout(timeout, reactor)
    except TooLate:
        raise TimeoutError(f"no answer within {timeout:g} s") from None
    finally:
        closed.cancel()
