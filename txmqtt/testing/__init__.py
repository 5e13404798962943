"""
For programs that use txmqtt and are tested: a broker, clients and a clock in memory, with neither sockets nor waiting.
"""

from txmqtt.testing.clock import WorldClock
from txmqtt.testing.connection import Connection
from txmqtt.testing.world import MQTTWorld

__all__ = ["Connection", "MQTTWorld", "WorldClock"]
