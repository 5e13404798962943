"""
Connections that are not through what comes before MQTT.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.broker.terms import Terms
from txmqtt.net.door import Door
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.lobby import behind
from txmqtt.net.proxied import ProxiedFactory
from txmqtt.net.websocket_server import WebSocketFactory

HELLO = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
    b"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)


class Above(Factory):
    """
    What a broker's factory is to those before the door.
    """

    protocol = Protocol

    def __init__(self, policy: Policy) -> None:
        self.stats = Stats()
        self.door = Door(self.stats, lambda: 0.0)
        self.terms = Terms(policy)


class LobbyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.above = Above(Policy(max_half_open=3))
        self.factories: tuple[Any, ...] = (
            WebSocketFactory(self.above, self.clock, WebSocketSettings()),
            ProxiedFactory(self.above, self.clock),
            ProxiedFactory(WebSocketFactory(self.above, self.clock), self.clock),
        )

    def call(self, factory: Any, host: str = "192.0.2.7") -> tuple[Any, StringTransport]:
        peer = IPv4Address("TCP", host, 4321)
        protocol = factory.buildProtocol(peer)
        transport = StringTransport(peerAddress=peer)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_too_many(self) -> None:
        """
        Of more than may wait to be let in, the oldest of the address with the most of them goes, and is counted.
        """
        for factory in self.factories:
            with self.subTest(factory=type(factory).__name__):
                before = self.above.stats.half_open_closed
                first, *crowd, other = [self.call(factory, host) for host in ("192.0.2.7",) * 3 + ("192.0.2.8",)]
                self.assertTrue(first[1].disconnected or first[1].disconnecting)
                self.assertFalse([each for each in (*crowd, other) if each[1].disconnecting])
                self.assertEqual((self.above.stats.half_open, self.above.stats.half_open_closed), (3, before + 1))
                for protocol, _ in (first, *crowd, other):
                    protocol.connectionLost(Failure(ConnectionError()))
                self.assertEqual(self.above.stats.half_open, 0)

    def test_through(self) -> None:
        """
        Whoever is through is counted by what is above, and no longer here.
        """
        for factory, words in zip(
            self.factories, (HELLO, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN\r\n" + HELLO), strict=True
        ):
            with self.subTest(factory=type(factory).__name__):
                protocol, _ = self.call(factory)
                self.assertEqual(self.above.stats.half_open, 1)
                protocol.dataReceived(words)
                self.assertEqual(self.above.stats.half_open, 0)
                protocol.connectionLost(Failure(ConnectionError()))
                self.assertEqual(self.above.stats.half_open, 0)

    def test_no_door(self) -> None:
        """
        Above what is no broker's there is no door, and nobody is counted.
        """
        self.assertIsNone(behind(WebSocketFactory(Factory(), self.clock)))
