"""
What can happen to a client, as it is written into the history.

What a client sends is written down before it is sent, what it hears when it was heard: so whatever a broker has seen or
said by a moment that the history knows, stands in the history before that moment or is unknown to both.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from benchmarks.accounting.messages import Message
from txmqtt.codec.packets import Publish


class Connected(NamedTuple):
    """
    CONNACK: come in.
    """

    client: str
    present: bool


class Publishing(NamedTuple):
    """
    PUBLISH is about to be sent for the first time.
    """

    client: str
    packet_id: int
    message: Message


class Answered(NamedTuple):
    """
    PUBACK or PUBREC.
    """

    client: str
    packet_id: int
    reason: int


class Completed(NamedTuple):
    """
    PUBCOMP.
    """

    client: str
    packet_id: int


class Subscribing(NamedTuple):
    """
    SUBSCRIBE is about to be sent, perhaps again.
    """

    client: str
    filter: bytes


class Subscribed(NamedTuple):
    """
    SUBACK.
    """

    client: str
    filter: bytes
    code: int


class Unsubscribing(NamedTuple):
    """
    UNSUBSCRIBE is about to be sent, perhaps again.
    """

    client: str
    filter: bytes


class Unsubscribed(NamedTuple):
    """
    UNSUBACK; 3.x has no codes, so that theirs is 0.
    """

    client: str
    filter: bytes
    code: int


class Arrived(NamedTuple):
    """
    PUBLISH, to a subscriber.
    """

    client: str
    packet: Publish


class Released(NamedTuple):
    """
    PUBREL, to a subscriber.
    """

    client: str
    packet_id: int


Event: TypeAlias = (
    Connected
    | Publishing
    | Answered
    | Completed
    | Subscribing
    | Subscribed
    | Unsubscribing
    | Unsubscribed
    | Arrived
    | Released
)
