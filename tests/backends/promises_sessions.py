"""
What every backend promises about sessions: who owns them, and how they begin and end.
"""

from __future__ import annotations

from tests.backends.promises import Promises
from txmqtt.broker.shapes import (
    RELEASED_IN,
)
from txmqtt.session.message import Message


class SessionPromises(Promises):
    """
    Sessions, and the QoS 2 messages that they have received.
    """

    def test_new_session(self) -> None:
        """
        A session that was not there before is not present; one that was is, with the user it belongs to.
        """
        owner = self.open("c", user="alice")
        lease = self.lease(owner)
        self.assertEqual((lease.key, lease.user, lease.present, lease.durable), (("", "c"), "alice", False, True))
        self.leave(owner)
        self.assertTrue(self.lease(self.open("c", user="alice")).present)

    def test_session_that_does_not_last(self) -> None:
        """
        A session without expiry ends when it is closed.
        """
        owner = self.open("c", 0)
        self.assertFalse(self.lease(owner).durable)
        self.leave(owner, 0)
        self.assertFalse(self.lease(self.open("c")).present)

    def test_exclusive(self) -> None:
        """
        A session has one owner: the earlier is revoked before the later has it.
        """
        first = self.open("c")
        lease = first.lease
        second = self.open("c")
        self.assertEqual(first.revocations, [(0x8E, False)])
        self.assertEqual((self.lease(second).present, second.revocations), (True, []))
        assert lease is not None
        self.assertIs(self.lease(second).owner, second)

    def test_clean(self) -> None:
        """
        A clean claim discards what an earlier life left, parked or not, and the broker hears of those that were parked.
        """
        first = self.open("c")
        self.publish(self.route(first))
        second = self.open("c", clean=True)
        self.assertEqual((first.revocations, self.hall.gone), ([(0x8E, True)], []))
        self.assertFalse(self.lease(second).present)
        self.publish(self.route(second))
        self.leave(second)
        third = self.open("c", clean=True)
        self.assertEqual(self.hall.gone, [("", "c")])
        self.want(third)
        self.assertEqual((self.lease(third).present, third.items), (False, []))
        self.assertNothingQueued()

    def test_users(self) -> None:
        """
        Another user's session is refused with 0x85, and left as it is.
        """
        owner = self.open("c", user="alice")
        for user in ("bob", None):
            for clean in (True, False):
                other = self.open("c", clean=clean, user=user)
                assert other.refusal is not None
                self.assertEqual((other.refusal[0], other.lease), (0x85, None))
        self.assertEqual(owner.revocations, [])
        self.assertFalse(self.lease(self.open("c", user="bob", mount="elsewhere")).present)

    def test_discard(self) -> None:
        """
        A parked session that has expired is forgotten; one that is owned is not.
        """
        owner = self.open("c")
        self.publish(self.route(owner))
        self.backend.discard(("", "c"))
        self.backend.discard(("", "nobody"))
        self.assertEqual(self.stats.queued, 1)
        self.leave(owner)
        self.backend.discard(("", "c"))
        self.finish()
        self.assertFalse(self.lease(self.open("c")).present)
        self.assertEqual((self.hall.reasons, self.hall.gone), ([0x80], []))
        self.assertNothingQueued()

    def test_closed(self) -> None:
        """
        Who has closed a session gets nothing from it, and closes nothing.
        """
        owner = self.open("c")
        lease = self.lease(owner)
        self.leave(owner)
        again = self.open("c")
        self.leave(again)
        self.backend.close(lease, 0)
        self.backend.want(lease, 100)
        self.publish(self.route(again))
        self.assertEqual(again.items, [])
        self.assertTrue(self.lease(self.open("c")).present)

    def test_received_identifiers(self) -> None:
        """
        The identifiers of received QoS 2 messages belong to the session, from connection to connection.
        """
        owner = self.open("c")
        lease = self.lease(owner)
        ticket = self.backend.publish(Message(b"t", b"x", 2), self.route(), lease, 5)
        lease.incoming.take(5, ticket)
        self.finish()
        self.leave(owner)
        again = self.open("c")
        lease = self.lease(again)
        self.assertIsNotNone(lease.incoming.find(5))
        lease.incoming.release(5)
        self.assertDone(self.backend.remember(lease, RELEASED_IN, 5, None))
        self.leave(again)
        self.assertIsNone(self.lease(self.open("c")).incoming.find(5))

    def test_received_identifiers_end_with_the_session(self) -> None:
        """
        A new session knows no identifier of an old one.
        """
        owner = self.open("c")
        lease = self.lease(owner)
        lease.incoming.take(5, self.backend.publish(Message(b"t", b"x", 2), self.route(), lease, 5))
        self.finish()
        self.assertIsNone(self.lease(self.open("c", clean=True)).incoming.find(5))
