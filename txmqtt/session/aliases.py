"""
Topic aliases, both ways: small numbers that stand for topics on one connection [MQTT5-3.3.2-7].
"""

from __future__ import annotations

from txmqtt.codec import reasons
from txmqtt.codec.errors import RemoteProtocolError


class ReceivedAliases:
    """
    What the peer's aliases stand for. All from 1 to the maximum that we announced are taken [MQTT5-3.3.2-12].
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._topics: dict[int, bytes] = {}

    def resolve(self, alias: int, topic: bytes) -> bytes:
        """
        The topic that a PUBLISH is about; a topic that comes with its alias is remembered.

        @raise RemoteProtocolError: 0x94 for an alias out of range, 0x82 for one that was never set.
        """
        if alias > self._maximum:
            raise RemoteProtocolError(
                f"topic alias {alias}, at most {self._maximum} was announced", reasons.TOPIC_ALIAS_INVALID
            )
        if topic:
            self._topics[alias] = topic
            return topic
        known = self._topics.get(alias)
        if known is None:
            raise RemoteProtocolError(f"topic alias {alias} was never set", reasons.PROTOCOL_ERROR)
        return known


class SentAliases:
    """
    The aliases that we use towards the peer: first come, first served, and never another topic for the same number.

    A topic is bound when its PUBLISH has been appended to the output and not before, because what is queued, or too
    large, may be dropped.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._numbers: dict[bytes, int] = {}

    def number(self, topic: bytes) -> int:
        """
        The alias that the peer already knows for this topic; 0 for none.
        """
        return self._numbers.get(topic, 0)

    def vacant(self) -> int:
        """
        The alias to send together with a topic that has none; 0 when the peer allows no more.
        """
        taken = len(self._numbers)
        return taken + 1 if taken < self._maximum else 0

    def bind(self, topic: bytes) -> None:
        """
        A PUBLISH with this topic and its alias, known or vacant, is on its way to the peer.
        """
        if topic not in self._numbers and len(self._numbers) < self._maximum:
            self._numbers[topic] = len(self._numbers) + 1
