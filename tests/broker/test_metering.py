"""
Tests of txmqtt.broker.metering: whose publishing is measured.
"""

from tests.broker.support import BrokerTestCase
from txmqtt.broker.metering import measure_all
from txmqtt.broker.policy import Policy
from txmqtt.broker.terms import Terms
from txmqtt.codec.packets import Publish


class MeteringTests(BrokerTestCase):
    limits = {"publish_rate": 2.0, "publish_burst": 3}

    def test_by_policy(self) -> None:
        """
        A client publishes as fast as the policy says, and the rest waits.
        """
        peer, other = self.join("c"), self.join("d")
        other.subscribe("#")
        peer.say(*[Publish(b"t", b"%d" % number) for number in range(5)])
        self.assertEqual(len(other.payloads()), 3)
        self.assertTrue(peer.held)
        self.assertEqual(dict(self.stats.topics(self.town.turn, 0, ""))["publish/messages/throttled"], "1")
        self.town.turn.now += 1.0
        peer.session.tick(self.town.turn.now)
        self.town.turn.flush()
        self.assertEqual(other.payloads(), [b"3", b"4"])
        self.assertFalse(peer.held)

    def test_by_listener(self) -> None:
        """
        A listener without a rate has clients without a meter.
        """
        peer = self.peer()
        peer.terms = Terms(Policy())
        peer.connect("c")
        self.assertIsNone(peer.session.meter)

    def test_changed(self) -> None:
        """
        A rate that is changed counts for those who are connected; one that is taken away lets those go who wait.
        """
        self.join("parked", session_expiry_interval=100).lose()
        peer, other = self.join("c"), self.join("d")
        other.subscribe("#")
        peer.say(*[Publish(b"t", b"")] * 5)
        self.broker.terms.policy = free = Policy()
        for name in ("c", "d"):
            self.town.member(name).terms.policy = free
        measure_all(self.broker.registry)
        self.assertIsNone(other.session.meter)
        self.town.turn.now = peer.deadline
        peer.session.tick(self.town.turn.now)
        self.town.turn.flush()
        self.assertEqual(len(other.payloads()), 5)
        measure_all(self.broker.registry)
        self.assertIsNone(peer.session.meter)
        self.town.member("c").terms.policy = Policy(byte_rate=1000.0)
        measure_all(self.broker.registry)
        self.assertIsNotNone(peer.session.meter)
