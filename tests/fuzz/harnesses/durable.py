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
from tests.fuzz.harnesses.broker import play, seeds
from tests.fuzz.harnesses.world import FuzzedWorld
from tests.fuzz.mutation import ScriptMutator
from tests.fuzz.packets import CLIENTS
from txmqtt.backends.sqlite.exchange.soundness import check


def durable(data: bytes) -> None:
    """
    See C{Harness.one_input}.
    """
    with TemporaryDirectory(prefix="txmqtt-fuzz-", dir=in_memory()) as folder:
        store = Path(folder) / "mqtt.db"
        play(data, lambda policy, realm: FuzzedWorld(policy, realm, store))
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
