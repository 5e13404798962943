"""
Our own broker in memory, with what a test wants besides: WebSocket, more ways to prove who one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from twisted.cred.portal import IRealm

from txmqtt.broker.policy import Policy
from txmqtt.net.access.mechanisms import IMechanism
from txmqtt.net.plugins import BrokerPlugin
from txmqtt.service.broker import BrokerService
from txmqtt.service.listener import Place
from txmqtt.testing import MQTTWorld
from txmqtt.testing.network import HERE

#: Where it listens for MQTT by WebSocket.
WEBSOCKET = 8083


class World(MQTTWorld):
    """
    A world whose broker has a second door.
    """

    def __init__(
        self,
        policy: Policy,
        users: Mapping[str, str] | None,
        realm: IRealm | None,
        plugins: Iterable[BrokerPlugin],
        mechanisms: Sequence[IMechanism],
        websocket: bool,
    ) -> None:
        self._mechanisms = mechanisms
        self._websocket = websocket
        super().__init__(policy=policy, users=users, realm=realm, plugins=plugins)

    def _new_broker(self) -> BrokerService:
        clock = self.clock
        strings = [f"tcp:1883:interface={HERE}"]
        if self._websocket:
            strings.append(f"ws:tcp:{WEBSOCKET}:interface={HERE}")
        places = [Place(string, self._portal, mechanisms=self._mechanisms) for string in strings]
        return BrokerService(
            clock, places, self._portal, self._policy, clock.seconds, self._world_time, plugins=self._plugins
        )
