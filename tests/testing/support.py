"""
A world for each test.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Message
from txmqtt.testing import MQTTWorld


def payloads(messages: list[Message]) -> list[bytes]:
    return [message.payload for message in messages]


class WorldTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.mqtt = MQTTWorld()
        self.addCleanup(self.mqtt.close)
