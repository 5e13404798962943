"""
Tests of txmqtt.net.fairness: how much one turn of the reactor does for one of many.
"""

from __future__ import annotations

from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.tcp import Port
from twisted.internet.testing import StringTransport

from tests.net.support import BrokerTestCase, Reactor, plain
from txmqtt.codec import encode
from txmqtt.codec.packets import Connect, Publish
from txmqtt.net.fairness import AcceptPace, pace_reads


class AcceptTests(BrokerTestCase):
    def test_few_at_a_time(self) -> None:
        """
        However many have come at once, only a few are accepted in the next turn.
        """
        pace = AcceptPace(self.clock)
        reactor = Reactor()
        port = Port(0, Factory(), reactor=reactor)
        port.numberAccepts = 500
        transport, _ = plain(self.factory.buildProtocol(None), reactor)
        transport.server = port
        for _ in range(3):
            pace.accepted(transport)
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)  # the connection has its own
        self.clock.advance(0)
        self.assertEqual(port.numberAccepts, 5)
        pace.accepted(transport)
        self.clock.advance(0)
        self.assertEqual(port.numberAccepts, 5)
        transport.protocol.connectionLost(connectionDone)

    def test_others(self) -> None:
        """
        Transports without a port are let be.
        """
        AcceptPace(self.clock).accepted(StringTransport())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ReadTests(BrokerTestCase):
    def test_adapts(self) -> None:
        """
        Who makes us work long is read less of at a time, who does not is read more of again, both within bounds.
        """
        transport, _ = plain(self.factory.buildProtocol(None), Reactor())
        self.assertEqual([pace_reads(transport, 0.01) for _ in range(7)], [32768, 16384, 8192, 4096, 2048, 2048, 2048])
        self.assertEqual(pace_reads(transport, 0.0003), 2048)
        self.assertEqual([pace_reads(transport, 0.0) for _ in range(6)], [4096, 8192, 16384, 32768, 65536, 65536])
        self.assertEqual(transport.bufferSize, 65536)
        transport.protocol.connectionLost(connectionDone)

    def test_flood(self) -> None:
        """
        A client that publishes without end is read in smaller pieces, and none of its messages is lost.
        """
        time = [0.0]

        def slow() -> float:
            time[0] += 0.001
            return time[0]

        self.factory.seconds = slow
        protocol = self.factory.buildProtocol(None)
        transport, _ = plain(protocol, Reactor())
        protocol.dataReceived(encode.packet(Connect("c", 5), 5))
        flood = encode.packet(Publish(b"a", b"x" * 10), 5) * 8192
        protocol.dataReceived(flood[:65536])
        protocol.dataReceived(flood[65536 : 65536 + 32768])
        self.assertEqual(transport.bufferSize, 16384)
        self.assertEqual(self.stats.publish_received, (65536 + 32768) // 16)
        protocol.connectionLost()
