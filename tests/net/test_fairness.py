"""
Tests of txmqtt.net.fairness: how much one turn of the reactor does for one of many.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.tcp import Port
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from tests.net.support import BrokerTestCase, Reactor, plain
from txmqtt.codec import encode
from txmqtt.codec.packets import Connect, Publish
from txmqtt.net.fairness import AcceptPace, ReadPace, adapt, whole_read


class Turns:
    """
    A clock that knows only what is to be called in the next turn.
    """

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def callLater(self, delay: float, call: Callable[[], object]) -> None:
        self.calls.append(call)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class AcceptTests(BrokerTestCase):
    def test_few_at_a_time(self) -> None:
        """
        However many have come at once, only a few are accepted in the next turn, more where turns are long.
        """
        pace = AcceptPace(self.clock, self.clock.seconds)
        reactor = Reactor()
        port = Port(0, Factory(), reactor=reactor)
        port.numberAccepts = 500
        transport, _ = plain(self.factory.buildProtocol(None), reactor)
        transport.server = port
        for _ in range(3):
            pace.accepted(transport)
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)  # the connection has its own
        for took, accepted in ((0.0, 2), (0.0009, 2), (0.002, 5), (1.0, 20)):
            pace.accepted(transport)
            self.clock.advance(took)
            self.assertEqual(port.numberAccepts, accepted)
        transport.protocol.connectionLost(connectionDone)

    def test_others(self) -> None:
        """
        Transports without a port are let be.
        """
        AcceptPace(self.clock, self.clock.seconds).accepted(StringTransport())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ReadTests(BrokerTestCase):
    def test_adapts(self) -> None:
        """
        Who makes us work long is read less of at a time, who does not is read more of again, both within bounds.
        """
        transport, _ = plain(self.factory.buildProtocol(None), Reactor())
        self.assertEqual([adapt(transport, 0.01) for _ in range(7)], [32768, 16384, 8192, 4096, 2048, 1024, 1024])
        self.assertEqual(adapt(transport, 0.0002), 1024)
        self.assertEqual([adapt(transport, 0.0) for _ in range(9)], [*(1024 << n for n in range(1, 9)), 262144])
        self.assertEqual(transport.bufferSize, 262144)
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
        reactor = Reactor()
        transport, _ = plain(protocol, reactor)
        protocol.dataReceived(encode.packet(Connect("c", 5), 5))
        flood = encode.packet(Publish(b"a", b"x" * 10), 5) * 8192
        protocol.dataReceived(flood[:65536])
        protocol.dataReceived(flood[65536 : 65536 + 32768])
        self.assertEqual((transport.bufferSize, reactor.readers), (16384, set()))
        self.clock.advance(0)
        self.assertEqual(reactor.readers, {transport})
        self.assertEqual(self.stats.publish_received, (65536 + 32768) // 16)
        protocol.connectionLost()

    def test_one_in_each_turn(self) -> None:
        """
        However many publish without end, one of them is read in each turn, one after the other; who has gone, or is
        held back for another reason, is not read.
        """
        clock = Turns()
        pace = ReadPace(clock)  # type: ignore[arg-type]
        reactor = Reactor()
        flood = [self.factory.buildProtocol(None) for _ in range(4)]
        wires = [plain(protocol, reactor)[0] for protocol in flood]
        for protocol in flood:
            pace.read(protocol, 0.001)
        self.assertEqual(reactor.readers, set())
        flood[1].session.hold()
        flood[2].connectionLost(connectionDone)
        read = []
        for _ in range(4):
            clock.turn()
            read.append([number for number, wire in enumerate(wires) if wire in reactor.readers])
            reactor.readers.clear()
        self.assertEqual((read, clock.calls), ([[0], [], [], [3]], []))
        pace.read(flood[0], 0.0)
        self.assertEqual(clock.calls, [])
        for number in (0, 1, 3):
            flood[number].connectionLost(connectionDone)

    def test_behind_wrappers(self) -> None:
        """
        What TLS or a proxy's header stands before is not read by pieces, however much comes at once.
        """
        self.assertGreater(whole_read(StringTransport()), 1 << 20)
        wrapper = ProtocolWrapper(WrappingFactory(self.factory), self.factory.buildProtocol(None))
        transport, _ = plain(wrapper, Reactor())
        self.assertGreater(whole_read(wrapper), 1 << 20)
        port = transport.server = Port(0, Factory(), reactor=Reactor())
        AcceptPace(self.clock, self.clock.seconds).accepted(wrapper)
        self.clock.advance(0)
        self.assertEqual(port.numberAccepts, 2)
        wrapper.connectionLost(connectionDone)
