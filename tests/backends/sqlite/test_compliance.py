"""
The sqlite backend keeps every promise of a backend.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.compliance import BackendCompliance
from tests.backends.sqlite.support_backend import Machine
from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Backend
from txmqtt.broker.stats import Stats
from txmqtt.session.turn import Turn


class SqliteTests(BackendCompliance, SynchronousTestCase):
    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> Backend:
        self.machine = Machine()
        self.addCleanup(self.machine.close)
        backend = self.machine.make(policy, stats, turn)
        backend.start()
        return backend

    def finish(self) -> None:
        self.machine.finish()
