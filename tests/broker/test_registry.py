"""
Tests of txmqtt.broker.registry: who is connected or parked here.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.people import member, somewhere, subscribe
from tests.broker.support import Peer, Rights, Town
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Registry
from txmqtt.broker.shapes import Claim, Lease
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound


class RegistryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker = somewhere()

    def test_members(self) -> None:
        """
        A member is found by mount point and client identifier; only the very member is removed.
        """
        registry = Registry()
        one, again, two = (member(self.broker, name) for name in ("one", "one", "two"))
        for each in (one, two):
            registry.add(each)
        registry.remove(again)
        self.assertEqual((len(registry), registry.everybody()), (2, [one, two]))
        self.assertIs(registry.find(("", "one")), one)
        self.assertIsNone(registry.find(("elsewhere", "one")))
        registry.remove(one)
        registry.remove(one)
        self.assertEqual(registry.everybody(), [two])


class MemberTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.broker = somewhere()

    def test_rights_are_remembered(self) -> None:
        """
        A right to publish is asked once for each topic; so many answers are remembered, and none for a very long topic.
        """
        rights = Rights(publish=["no"])
        client = member(self.broker, "c", permissions=rights)
        for _ in range(3):
            self.assertEqual((client.may_publish(b"no"), client.may_publish(b"yes")), (False, True))
        self.assertEqual(rights.asked, ["no", "yes"])
        for number in range(3_000):
            client.may_publish(b"%d" % number)
        assert client._rights is not None
        self.assertLessEqual(len(client._rights), 1_024)
        for _ in range(2):
            client.may_publish(b"long" * 100)
        self.assertEqual(rights.asked[-2:], ["long" * 100] * 2)
        client.change_permissions(None)
        self.assertTrue(client.may_publish(b"no"))

    def test_other_rights_forget_routes(self) -> None:
        """
        With other permissions no remembered route that leads to the member is trusted; others stay.
        """
        client = member(self.broker, "c")
        subscribe(client, "a/+")
        routes = self.broker.mount().routes
        old, other = routes.find(b"a/b"), routes.find(b"b")
        client.change_permissions(None)
        self.assertIs(routes.find(b"a/b"), old)
        client.change_permissions(Rights(receive=["a/b"]))
        self.assertIsNot(routes.find(b"a/b"), old)
        self.assertIs(routes.find(b"b"), other)

    def test_rights_can_be_asked_again(self) -> None:
        """
        When rules have changed, what a member may publish is asked again.
        """
        rights = Rights(publish=["a"])
        client = member(self.broker, "c", permissions=rights)
        self.assertFalse(client.may_publish(b"a"))
        rights.publish.clear()
        self.assertFalse(client.may_publish(b"a"))
        client.forget_rights()
        self.assertTrue(client.may_publish(b"a"))

    def test_sys_is_forgotten_alone(self) -> None:
        """
        Who returns without the right to see $SYS is on none of its routes any more; what else is remembered stays.
        """
        client = member(self.broker, "c")
        subscribe(client, "$SYS/#")
        subscribe(client, "#")
        routes = self.broker.mount().routes
        ours, other = routes.find(b"$SYS/broker/load"), routes.find(b"a")
        self.assertFalse(ours.empty)
        client.session = Peer(Town(Policy())).session
        client.change_permissions(None, False)
        self.assertTrue(routes.find(b"$SYS/broker/load").empty)
        self.assertIs(routes.find(b"a"), other)
        self.assertEqual([client.may_receive(topic) for topic in (b"$SYS/a", b"$SYSTEM", b"a")], [False, True, True])
        client.change_permissions(None, True)
        self.assertFalse(routes.find(b"$SYS/broker/load").empty)

    def test_nobody_is_asked_while_parked(self) -> None:
        """
        The rights of a session that is parked are not asked about: its user has logged out.
        """
        client = member(self.broker, "c", 100, Rights(receive=["a"]))
        self.assertTrue(client.may_receive(b"a"))

    def test_owed(self) -> None:
        """
        The backend has messages for those who last.
        """
        self.assertEqual([member(self.broker, "c", expiry).owed for expiry in (0, 1)], [False, True])

    def test_has_its_session(self) -> None:
        """
        A backend that opens or refuses a session to who has it breaks its contract, and that is noticed.
        """
        client = member(self.broker, "c")
        lease = Lease(Claim("", "c", None, True, 0), None, False, False)
        self.assertRaises(AssertionError, client.opened, lease)
        self.assertRaises(AssertionError, client.refused, 0x80, "")

    def test_not_connected(self) -> None:
        """
        Who is not connected takes no delivery, and is not told that its session goes.
        """
        client = member(self.broker, "c")
        self.assertFalse(client.deliver(Outbound(Message(b"t", b""), 1)))
        client.revoked(0x8E, True)
        self.assertEqual((client.replaced, client.discarded, self.broker.stats.taken_over), (True, True, 0))
