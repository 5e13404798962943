"""
Tests of the slow backend that other tests go by: it keeps what every backend promises, later.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.compliance import BackendCompliance
from tests.backends.promises import Owner
from tests.backends.slow import SlowBackend
from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Backend
from txmqtt.broker.stats import Stats
from txmqtt.session.turn import Turn


class SlowTests(BackendCompliance, SynchronousTestCase):
    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> Backend:
        self.slow = SlowBackend(policy, stats, turn)
        return self.slow

    def finish(self) -> None:
        self.slow.commit()

    def test_nothing_before_it_is_decided(self) -> None:
        """
        Until the test says so no ticket is done and nothing has happened; then all of it has, in order, or has failed.
        """
        owner = self.open("c")
        self.want(owner)
        route = self.route(owner)
        tickets = [self.backend.publish(self.message(payload), route, None, 0) for payload in (b"1", b"2", b"3")]
        self.assertEqual((self.slow.waiting, owner.items), (["publish"] * 3, []))
        self.slow.commit(1)
        self.slow.refuse()
        self.assertEqual([(each.done, each.reason) for each in tickets], [(True, 0), (True, 0x97), (False, 0)])
        self.slow.commit()
        self.assertEqual(owner.payloads, [b"1", b"3"])

    def test_last_claim_wins(self) -> None:
        """
        Of those who want a session at the same time the last has it; the others hear that they have not.
        """
        owners = []
        for _ in range(3):
            owner = Owner(self.backend)
            self.backend.open(self.claim("c"), owner)
            owners.append(owner)
        self.slow.refuse()
        self.slow.commit()
        self.assertEqual([owner.lease is not None for owner in owners], [False, False, True])
        self.assertEqual([len(owner.revocations) for owner in owners], [1, 1, 0])
