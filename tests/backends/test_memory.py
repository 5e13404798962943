"""
Tests of txmqtt.backends.memory.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.compliance import BackendCompliance
from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import UNRETAINED, Backend
from txmqtt.broker.stats import Stats
from txmqtt.session.message import Message
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

    def test_nothing_lasts(self) -> None:
        """
        Nothing outlives the process: nobody survives, what is noted is forgotten, and there is nothing to tell.
        """
        backend = MemoryBackend(Policy(), Stats(), Turn())
        backend.note("name", 5)
        self.assertEqual((backend.survivors(), backend.noted("name"), backend.figures()), ([], None, []))

    def test_other_limits(self) -> None:
        """
        Other limits hold from now on, for what waits and for what is retained.
        """
        self.backend.change_policy(Policy(max_retained_messages=0))
        kept = self.backend.publish(Message(b"t", b"x", 1, True), Route("", [], []), None, 0)
        self.assertIs(kept, UNRETAINED)
