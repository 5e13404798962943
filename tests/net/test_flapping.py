"""
Tests of txmqtt.net.flapping: clients that take one client identifier from each other.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address

from tests.net.support import BrokerTestCase, Client, Wire, reasons
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.codec.packets import Connect
from txmqtt.net.flapping import Flapping


class FightTests(BrokerTestCase):
    def come(self, host: str, version: int = 5, client_id: str = "c") -> Client:
        """
        A client from there, which wants the client identifier.
        """
        client = self.dial(version, Wire(peerAddress=IPv4Address("TCP", host, 4711)))
        client.say(Connect(client_id, version))
        return client

    def test_fight(self) -> None:
        """
        Of two clients that fight for a client identifier one is left alone with it for a while, the other is told to
        wait, on 3.x with 3; the log names both, once.
        """
        self.begin(policy=Policy(max_takeovers=4, takeover_window=60, takeover_pause=30))
        comers = [self.come(f"192.0.2.{number % 2}") for number in range(5)]
        self.assertEqual([reasons(each.heard())[0] for each in comers], [0] * 5)
        for version, said in ((5, 0x9F), (4, 3), (3, 3)):
            loser = self.come("192.0.2.1", version)
            self.assertEqual((reasons(loser.heard()), loser.wire.disconnecting), ([said], True))
        self.assertEqual((self.stats.taken_over, self.stats.flapping, self.stats.connections), (4, 3, 1))
        self.assertEqual(reasons(self.come("192.0.2.1", client_id="d").heard()), [0])
        (line,) = [line for line in self.log.said if "fight" in line]
        self.assertIn("'c', the one at 192.0.2.0:4711 and the one at 192.0.2.1:4711", line)

    def test_peace(self) -> None:
        """
        After the pause it may be taken over again, and who finds nobody in his place never waits.
        """
        self.begin(policy=Policy(max_takeovers=2, takeover_window=60, takeover_pause=30))
        for _ in range(3):
            last = self.come("192.0.2.1")
        self.assertEqual(reasons(self.come("192.0.2.2").heard()), [0x9F])
        last.leave()
        last = self.come("192.0.2.2")
        self.assertEqual(reasons(last.heard()), [0])
        self.clock.advance(30)
        self.assertEqual(reasons(self.come("192.0.2.1").heard()), [0])

    def test_bad_network(self) -> None:
        """
        A client that comes back over a bad network now and then, before its old connection is known to be dead, is not
        taken for two.
        """
        self.begin(policy=Policy(max_takeovers=4, takeover_window=60, takeover_pause=30))
        for _ in range(20):
            self.assertEqual(reasons(self.come("192.0.2.1").heard()), [0])
            self.clock.advance(15)
        self.assertEqual(self.stats.flapping, 0)

    def test_off(self) -> None:
        """
        It can be allowed.
        """
        self.begin(policy=Policy(max_takeovers=0))
        for _ in range(30):
            self.assertEqual(reasons(self.come("192.0.2.1").heard()), [0])


class FlappingTests(BrokerTestCase):
    def test_bounded(self) -> None:
        """
        Whoever takes over many sessions makes us remember no more of them, and what is forgotten is allowed.
        """
        flapping = Flapping(Stats(), self.clock.seconds, 10)
        policy = Policy(max_takeovers=1)
        for number in range(100):
            flapping.taken_over(("", f"c{number}"), "192.0.2.1:1", policy)
        self.assertEqual((flapping.wait(("", "c0")), flapping.wait(("", "c99"))), (0.0, 30.0))
