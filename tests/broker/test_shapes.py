"""
Tests of txmqtt.broker.shapes: what the broker and a backend say to each other.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.shapes import UNRETAINED, Claim, Lease
from txmqtt.session.outgoing import Outbound


class ShapeTests(SynchronousTestCase):
    def test_claim_and_lease(self) -> None:
        """
        A lease is for what was claimed: mount point, client identifier and user.
        """
        claim = Claim("here", "c", "alice", True, 5)
        lease = Lease(claim, None, True, False)
        self.assertEqual((lease.key, lease.user), (("here", "c"), "alice"))
        self.assertEqual((lease.present, lease.durable, lease.owner, len(lease.incoming)), (True, False, None, 0))

    def test_unretained(self) -> None:
        """
        That a message could not be retained is a failure, and decided.
        """
        self.assertTrue(UNRETAINED.failed)

    def test_least(self) -> None:
        """
        A lease that knows nothing better takes messages when somebody is there, and has none that wait.
        """

        class Somebody:
            def opened(self, lease: Lease) -> None:
                raise AssertionError("it was open before")

            def refused(self, reason: int, message: str) -> None:
                raise AssertionError(message)

            def revoked(self, reason: int, ending: bool) -> None:
                raise AssertionError("nobody else wants it")

            def deliver(self, item: Outbound) -> bool:
                return True

            def overrun(self) -> None:
                raise AssertionError("there is room")

        claim = Claim("here", "c", "alice", True, 5)
        self.assertEqual([Lease(claim, owner, True, False).ready for owner in (None, Somebody())], [False, True])
        self.assertEqual(Lease(claim, None, True, False).load, 0)
