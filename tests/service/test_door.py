"""
The door of the broker as a service: who is banned stays banned, on all listeners, and memory is looked at.
"""

from __future__ import annotations

from tests.service.test_store import StoreTestCase
from txmqtt.net.memory import MemoryWatch


class DoorTests(StoreTestCase):
    def test_bans_stay(self) -> None:
        """
        A ban outlives the broker, stopped as it should be or killed after a minute.
        """
        stage = self.started()
        stage.service.door.ban("192.0.2.1", 1e6)
        self.stopped(stage)
        again = self.started()
        self.assertEqual([ban.address for ban in again.service.door.list_bans()], ["192.0.2.1"])
        self.assertTrue(again.service.door.lift("192.0.2.1"))
        again.service.door.ban("192.0.2.2", 1e6)
        again.reactor.advance(60)
        again.reactor.advance(1)
        self.assertIn("192.0.2.2", self.rows("SELECT value FROM note WHERE name = 'bans'")[0][0])
        self.stopped(again)

    def test_memory(self) -> None:
        """
        Memory is looked at every second.
        """
        stage = self.started()
        used = [1 << 60]
        stage.service._memory = MemoryWatch(stage.service.broker, lambda: used[0], lambda: 1000, lambda: None)
        stage.reactor.advance(1)
        self.assertTrue(stage.service.broker.shedding)
        used[0] = 1
        stage.reactor.advance(1)
        self.assertFalse(stage.service.broker.shedding)
        self.stopped(stage)
