"""
The broker behind TLS, with a look at the bytes on the wire.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.net.support import BrokerTestCase, Waiting
from txmqtt.codec import encode
from txmqtt.codec.constants import PUBACK
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Ack, Connack, Connect, Disconnect, Packet, Publish, Subscribe, Subscription

SECRET = b"the secret of the house"


@implementer(IOpenSSLContextFactory)
class Context:
    """
    What TLS needs to know: a certificate that was made a moment ago.
    """

    def getContext(self) -> SSL.Context:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        return context


class Listener(Protocol):
    """
    A client that collects what it hears.
    """

    def __init__(self) -> None:
        self.decoder = Decoder(5)
        self.heard: list[Packet] = []
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.decoder.feed(data)
        while (packet := self.decoder.take()) is not None:
            self.heard.append(packet)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = True


class TLSTests(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.join()

    def join(self) -> None:
        """
        Connect the two.
        """
        serving = TLSMemoryBIOFactory(Context(), False, self.factory, self.clock)
        calling = TLSMemoryBIOFactory(Context(), True, Factory.forProtocol(Listener), self.clock)
        self.server = serving.buildProtocol(None)
        self.client = calling.buildProtocol(None)
        assert isinstance(self.client.wrappedProtocol, Listener)
        self.listener = self.client.wrappedProtocol
        self.wires = (StringTransport(), StringTransport())
        self.seen = b""
        self.server.makeConnection(self.wires[0])
        self.client.makeConnection(self.wires[1])
        self.carry()

    def carry(self) -> None:
        """
        Carry bytes between the two until there are none left, and note what the server sent.
        """
        self.clock.advance(0)
        while any(wire.value() for wire in self.wires):
            for wire, other in zip(self.wires, (self.client, self.server), strict=True):
                data = wire.value()
                wire.clear()
                if other is self.client:
                    self.seen += data
                if data:
                    other.dataReceived(data)
            self.clock.advance(0)

    def say(self, *packets: Packet) -> list[Packet]:
        """
        The client says this; what it then heard.
        """
        self.listener.heard.clear()
        self.client.write(b"".join(encode.packet(packet, 5) for packet in packets))
        self.carry()
        return list(self.listener.heard)

    def tear_apart(self) -> None:
        """
        The connection is lost.
        """
        for side in (self.server, self.client):
            side.connectionLost(Failure(ConnectionError()))

    def tearDown(self) -> None:
        self.tear_apart()
        super().tearDown()

    def test_nothing_in_the_clear(self) -> None:
        """
        Whatever the broker says over TLS is encrypted: what is on the wire are TLS records, from the first byte to the
        last, and no word of the message.
        """
        self.assertEqual([type(packet) for packet in self.say(Connect("c", 5))], [Connack])
        self.say(Subscribe(1, [Subscription(b"a", 1)]))
        heard = self.say(Publish(b"a", SECRET, 1, packet_id=2))
        self.assertEqual({type(packet) for packet in heard}, {Publish, Ack})
        self.assertIn(Ack(PUBACK, 2), heard)
        self.assertNotIn(SECRET, self.seen)
        at = 0
        while at < len(self.seen):
            self.assertIn(self.seen[at], (20, 21, 22, 23))
            self.assertEqual(self.seen[at + 1], 3)
            at += 5 + int.from_bytes(self.seen[at + 3 : at + 5], "big")
        self.assertEqual(at, len(self.seen))

    def test_slow_login(self) -> None:
        """
        Reading can be held over TLS too, while a login takes its time.
        """
        checker = Waiting()
        self.begin(checker)
        self.tear_apart()
        self.join()
        self.say(Connect("c", 5), *[Publish(b"a", b"x" * 10_000)] * 7)
        self.assertEqual(self.wires[0].producerState, "paused")
        checker.asked[0][1].callback(b"alice")
        self.assertEqual((self.wires[0].producerState, self.stats.publish_received), ("producing", 7))

    def test_closed(self) -> None:
        """
        The last words over TLS arrive, and then the connection is closed in order.
        """
        self.say(Connect("c", 5))
        self.factory.shut("")
        self.broker.turn.flush()
        self.carry()
        self.assertEqual(self.listener.heard[-1], Disconnect(0x8B))
        self.assertTrue(self.wires[0].disconnecting)

    def test_leaves(self) -> None:
        """
        A client that says goodbye over TLS is gone, and the connection is closed without another word.
        """
        self.say(Connect("c", 5))
        self.assertEqual((self.say(Disconnect()), self.stats.connections), ([], 0))
        self.assertTrue(self.wires[0].disconnecting)
