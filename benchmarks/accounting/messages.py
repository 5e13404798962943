"""
What is published: all of a message follows from its number, so that whoever gets it can tell what it should be.
"""

from __future__ import annotations

from typing import NamedTuple

from txmqtt.codec.properties import Properties

_FILLER = bytes(range(32, 127)) * 4


class Message(NamedTuple):
    """
    A message at QoS 1 or 2.

    @ivar number: counts all messages of all publishers: those of one publisher, topic and QoS go up.
    @ivar clears: empty, to remove the retained message of its topic. Nobody subscribes to these but the surveys.
    @ivar marker: asks, at the end, whether a subscription is still there.
    @ivar rich: has properties of MQTT 5.0 that must arrive as they were sent.
    """

    number: int
    publisher: str
    topic: bytes
    qos: int
    retain: bool = False
    clears: bool = False
    marker: bool = False
    rich: bool = False

    @property
    def payload(self) -> bytes:
        if self.clears:
            return b""
        number = self.number
        return b"%d " % number + _FILLER[: number * 31 % 200]

    @property
    def properties(self) -> Properties | None:
        if not self.rich:
            return None
        number = str(self.number)
        return Properties(
            payload_format_indicator=1,
            content_type="text/plain",
            response_topic=f"answers/{number}",
            correlation_data=number.encode(),
            user_properties=(("number", number), ("number", "again"), ("publisher", self.publisher)),
        )

    def __str__(self) -> str:
        return f"message {self.number} of {self.publisher} on {self.topic.decode()} at QoS {self.qos}"


def number_in(payload: bytes) -> int:
    """
    Which message this is; -1 when it is none of ours.
    """
    digits = payload.partition(b" ")[0]
    return int(digits) if digits.isdigit() else -1
