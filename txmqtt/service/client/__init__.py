"""
A client that connects again: from the address of a server to messages that arrive, whatever happens in between.
"""

from txmqtt.service.client.client import MQTTClientService
from txmqtt.service.client.phases import Phase
from txmqtt.service.client.retry import Retry

__all__ = ["MQTTClientService", "Phase", "Retry"]
