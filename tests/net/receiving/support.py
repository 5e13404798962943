"""
A client whose callbacks write down what they got.
"""

from __future__ import annotations

from typing import Any

from tests.net.support_client import ClientTestCase
from txmqtt import MQTTClient
from txmqtt.codec.packets import Publish, Suback
from txmqtt.net.receiving.receivers import Callback


class ReceivingTestCase(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.got: list[str] = []

    def listening(self, *filters: str, **options: Any) -> MQTTClient:
        """
        A client whose callbacks write down their filter.
        """
        client = self.open(**options)
        for number, filter in enumerate(filters):
            self.ignore(client.subscribe(filter, self.note(filter), qos=2))
            self.hears(Suback(number + 1, [2]))
        self.said()
        return client

    def note(self, word: str) -> Callback:
        return lambda message: self.got.append(word)

    def got_by(self, topic: str) -> list[str]:
        """
        Who gets a message on this topic.
        """
        self.got.clear()
        self.hears(Publish(topic.encode(), b"p"))
        return sorted(self.got)
