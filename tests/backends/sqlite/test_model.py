"""
The broker's model on the sqlite backend, with a power that fails now and then: whatever clients do and whenever the
broker is killed, each gets what it must, in order, at the right QoS, and once.
"""

from __future__ import annotations

from hypothesis.stateful import rule

from tests.backends.sqlite.support_backend import Machine
from tests.backends.sqlite.support_disk import left_on, raise_town
from tests.broker import test_model, test_model_shared
from tests.broker.support import Town
from tests.models import model_settings
from txmqtt.broker.policy import Policy


class Broker(test_model.Broker):
    """
    Without wills: what becomes of them after a restart is a matter of its own, see C{test_recovery}.
    """

    wills = False
    prompt = False
    depth = 25

    def make_town(self, policy: Policy) -> Town:
        self.machine = Machine(prompt=True)
        return raise_town(self.machine, policy)

    def restart(self) -> None:
        before = self.town
        now = before.turn.now
        self.town = raise_town(self.machine, before.policy, now)
        for client in self.clients.values():
            if client.peer is not None:
                self.model.leaves(client, now)
            client.wired = None

    @rule()
    def kill(self) -> None:
        """
        The process is killed, and started again.
        """
        self.machine.kill()
        self.restart()

    @rule()
    def stop(self) -> None:
        """
        The process is stopped as it should be, and started again.
        """
        self.town.broker.shut("over")
        self.machine.stop()
        self.restart()

    def teardown(self) -> None:
        try:
            super().teardown()
            self.town.turn.flush()
            assert not {*left_on(self.machine)} - {"retained", "note"}, left_on(self.machine)
        finally:
            self.machine.close()


class Sharing(test_model_shared.Sharing):
    depth = 20

    def make_town(self, policy: Policy) -> Town:
        self.machine = Machine(prompt=True)
        return raise_town(self.machine, policy)

    @rule()
    def kill(self) -> None:
        """
        The process is killed, and started again. What members had been sent and not answered may come twice at QoS 1,
        so they answer before.
        """
        for name in (*self.peers, *self.peers):
            self.read(name)
        self.machine.kill()
        self.town = raise_town(self.machine, self.town.policy, self.town.turn.now)
        self.missed.clear()  # and the counter with it
        self.peers.clear()
        self.join()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.machine.close()


BrokerModelTests = Broker.TestCase
BrokerModelTests.settings = model_settings(15, 15, shrink=False)
SharingModelTests = Sharing.TestCase
SharingModelTests.settings = model_settings(10, 15, shrink=False)
