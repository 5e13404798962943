"""
How a program inside the broker changes and refuses what passes through it: messages of rooms/# are stamped with who
sent them, those that are too large are refused, and what did not arrive is counted.

Run it here: PYTHONPATH=. twistd -n mqtt-broker --config broker.toml
"""

from copy import copy

from twisted.logger import Logger

from txmqtt import BrokerPlugin, Properties, ReasonCode


class House(BrokerPlugin):
    log = Logger()
    topics = ("rooms/#",)  # publish() is asked about no others

    def __init__(self, largest):
        self._largest = largest
        self._dropped = 0

    def publish(self, client, message):
        if len(message.payload) > self._largest:
            return ReasonCode.QUOTA_EXCEEDED
        properties = copy(message.properties) or Properties()  # a copy: they may be shared
        properties.user_properties += (("from", client.user or client.client_id),)
        message.properties = properties

    def dropped(self, client_id, topic, reason, count):
        self._dropped += count

    def stop(self):
        self.log.info("{dropped} messages did not arrive", dropped=self._dropped)
