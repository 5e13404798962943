"""
Tests of txmqtt.backends.memory.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.compliance import BackendCompliance
from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Backend
from txmqtt.broker.stats import Stats
from txmqtt.session.turn import Turn


class MemoryTests(BackendCompliance, SynchronousTestCase):
    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> Backend:
        return MemoryBackend(policy, stats, turn)

    def test_done_at_once(self) -> None:
        """
        With nothing to wait for, every ticket is done when it is given out.
        """
        ticket = self.backend.publish(self.message(), self.route(self.open("c")), None, 0)
        self.assertTrue(ticket.done)
