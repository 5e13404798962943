"""
A world whose broker can be fuzzed: small limits, names and passwords, SCRAM, and a store if need be.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from tests.fuzz.folder import in_memory
from txmqtt.broker.policy import Policy
from txmqtt.net.access.acl import AccessRealm
from txmqtt.net.access.scram import LEAST_ITERATIONS, scram_line
from txmqtt.net.access.scram_server import Scram, ScramSettings
from txmqtt.service.broker import BrokerService
from txmqtt.service.listener import Place
from txmqtt.testing import MQTTWorld
from txmqtt.testing.network import HERE
from txmqtt.testing.worker import PromptWorker

_USERS: Final = {"ann": "secret", "bob": "secret"}


def _scram() -> Scram:
    with NamedTemporaryFile("w", prefix="txmqtt-fuzz-", dir=in_memory()) as file:
        file.write(scram_line("ann", "secret", LEAST_ITERATIONS, b"salt of ann") + "\n")
        file.flush()
        return Scram(ScramSettings(file.name))


_SCRAM: Final = _scram()


class FuzzedWorld(MQTTWorld):
    """
    A world without what is told of the broker itself every few seconds.
    """

    def __init__(self, policy: Policy, realm: AccessRealm | None, store: Path | None = None) -> None:
        """
        @param store: the file of a store; None: everything is in memory.
        """
        self._store = store
        super().__init__(policy=policy, users=_USERS, anonymous=True, realm=realm)

    def _new_broker(self) -> BrokerService:
        clock = self.clock
        return BrokerService(
            clock,
            [Place(f"tcp:1883:interface={HERE}", self._portal, mechanisms=[_SCRAM])],
            self._portal,
            self._policy,
            clock.seconds,
            self._world_time,
            store=self._store,
            durability="off",
            workers=lambda name: PromptWorker(),
        )
