"""
The same broker with a store on disk: what strangers say, and restarts in between, leave a sound store.

A restart that forgets nothing else reads everything from the file.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.fuzz.folder import in_memory
from tests.fuzz.harness import Harness
from tests.fuzz.harnesses.broker import USERS, play, seeds
from tests.fuzz.mutation import ScriptMutator
from tests.fuzz.packets import CLIENTS
from txmqtt.backends.sqlite.exchange.soundness import check
from txmqtt.broker.policy import Policy
from txmqtt.net.access.acl import AccessRealm
from txmqtt.service.broker import BrokerService
from txmqtt.testing import MQTTWorld
from txmqtt.testing.network import HERE
from txmqtt.testing.worker import PromptWorker


class _LastingWorld(MQTTWorld):
    """
    A world whose broker has a store.
    """

    def __init__(self, store: Path, policy: Policy, realm: AccessRealm | None) -> None:
        self._store = store
        super().__init__(policy=policy, users=USERS, anonymous=True, realm=realm)

    def _new_broker(self) -> BrokerService:
        clock = self.clock
        return BrokerService(
            clock,
            [f"tcp:1883:interface={HERE}"],
            self._portal,
            self._policy,
            clock.seconds,
            self._world_time,
            store=self._store,
            durability="off",
            workers=lambda name: PromptWorker(),
        )


def durable(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    with TemporaryDirectory(prefix="txmqtt-fuzz-", dir=in_memory()) as folder:
        store = Path(folder) / "mqtt.db"
        play(data, lambda policy, realm: _LastingWorld(store, policy, realm))
        wrong = check(str(store))
        assert not wrong, f"the store is not sound: {wrong}"


HARNESS: Final = Harness(
    "durable",
    "so it is with a store, which is sound when the broker has stopped",
    durable,
    seeds,
    mutate=ScriptMutator(CLIENTS, 1),
    longest=1500,
)
