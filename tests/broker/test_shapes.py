"""
Tests of txmqtt.broker.shapes: what the broker and a backend say to each other.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.shapes import UNRETAINED, Claim, Lease


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
