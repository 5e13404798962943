"""
Connections by way of a proxy: where the client is, and what a proxy may not do.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support import BrokerTestCase
from tests.net.support_tls import Caller, Files, said, server
from txmqtt.codec import encode
from txmqtt.codec.packets import Connect
from txmqtt.net.proxied import HEADER_TIMEOUT, ProxiedFactory, haproxy_endpoint
from txmqtt.net.proxies import TrustedProxies
from txmqtt.net.proxy_header import LONGEST, parse

SECOND = b"\r\n\r\n\x00\r\nQUIT\n"
PROXY = IPv4Address("TCP", "10.0.0.1", 5555)


def second(command: int, family: int, body: bytes, extras: bytes = b"") -> bytes:
    return SECOND + bytes([command, family]) + (len(body) + len(extras)).to_bytes(2, "big") + body + extras


V4 = bytes([192, 0, 2, 7, 192, 0, 2, 8]) + b"\x10\xe1\x07\x5b"
V6 = bytes.fromhex("20010db8" + "00" * 11 + "07" + "20010db8" + "00" * 11 + "08") + b"\x10\xe1\x07\x5b"

FROM_4, TO_4 = IPv4Address("TCP", "192.0.2.7", 4321), IPv4Address("TCP", "192.0.2.8", 1883)
FROM_6, TO_6 = IPv6Address("TCP", "2001:db8::7", 4321), IPv6Address("TCP", "2001:db8::8", 1883)

#: Headers, and where they say that the client is and has called.
GOOD: dict[bytes, tuple[IAddress | None, IAddress | None]] = {
    b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 1883\r\n": (FROM_4, TO_4),
    b"PROXY TCP6 2001:db8::7 2001:db8:0:0::8 4321 1883\r\n": (FROM_6, TO_6),
    b"PROXY UNKNOWN\r\n": (None, None),
    b"PROXY UNKNOWN ff::1 ff::2 1 2\r\n": (None, None),
    b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n": (None, None),
    second(0x21, 0x11, V4): (FROM_4, TO_4),
    second(0x21, 0x11, V4, b"\x01\x00\x04mqtt" + b"\x04\x00\x00"): (FROM_4, TO_4),
    second(0x21, 0x11, V4, bytes(LONGEST - 28)): (FROM_4, TO_4),
    second(0x21, 0x21, V6): (FROM_6, TO_6),
    second(0x21, 0x31, b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0")): (
        UNIXAddress(b"/run/a"),
        UNIXAddress(b"/run/b"),
    ),
    second(0x21, 0x00, b""): (None, None),
    second(0x20, 0x00, b""): (None, None),
    second(0x20, 0x11, V4): (None, None),
    second(0x20, 0x77, b"whatever"): (None, None),
}

#: What is no header.
BAD = (
    b"\x10\x0c\x00\x04MQTT",
    b"GET / HTTP/1.1\r\n",
    b"PROXX",
    b"\r\n\r\n\x01",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 4321\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 1883 \r\n",
    b"PROXY TCP4  192.0.2.7 192.0.2.8 4321 1883\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 1883\n\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 65536\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 -1 1883\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 0x1 1883\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.8 4321 1883\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::8 4321 1883\r\n",
    b"PROXY TCP6 192.0.2.7 192.0.2.8 4321 1883\r\n",
    b"PROXY TCP6 2001:db8::7%1 2001:db8::8 4321 1883\r\n",
    b"PROXY UDP4 192.0.2.7 192.0.2.8 4321 1883\r\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY \r\n",
    b"PROXY \xff\xfe \r\n",
    b"PROXY " + b"x" * 101,
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    second(0x11, 0x11, V4),
    second(0x22, 0x11, V4),
    second(0x21, 0x12, V4),
    second(0x21, 0x41, V4),
    second(0x21, 0x11, V4[:-1]),
    second(0x21, 0x21, V4),
    second(0x21, 0x31, V6),
    SECOND + b"\x21\x11\xff\xff",
    SECOND + b"\x20\x00" + (LONGEST - 15).to_bytes(2, "big"),
)


class HeaderTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Every header says where the client is, whatever follows it, and is not whole before its last byte.
        """
        for data, expected in GOOD.items():
            with self.subTest(data=data[:60]):
                for more in (b"", b"\x10\x0c", b"\r\n"):
                    self.assertEqual(parse(data + more), (len(data), *expected))
                self.assertEqual({parse(data[:size]) for size in range(len(data))}, {None})

    def test_bad(self) -> None:
        """
        Whatever is no header is refused, and the error says what was seen.
        """
        for data in BAD:
            with self.subTest(data=data[:60]):
                error = self.assertRaises(ValueError, parse, data)
                self.assertIn("expected", str(error))

    @settings(max_examples=100, deadline=None)
    @given(
        st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SECOND, SECOND + b"\x21\x11\x00\x0c"]), st.binary(max_size=300)
    )
    def test_anything(self, begin: bytes, data: bytes) -> None:
        """
        Whatever comes is a header, the beginning of one that is not long, or refused.
        """
        try:
            header = parse(begin + data)
        except ValueError:
            return
        if header is None:
            self.assertLess(len(begin + data), LONGEST)
        else:
            self.assertLessEqual(header.size, len(begin + data))


class Wire(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class Telling(Protocol):
    """
    Writes down what it hears, and from where.
    """

    transport: Any

    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def connectionMade(self) -> None:
        self.told.append(("made", self.transport.getPeer(), self.transport.getHost()))

    def dataReceived(self, data: bytes) -> None:
        self.told.append(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.told.append("lost")


class Inner(Factory):
    def __init__(self) -> None:
        self.told: list[Any] = []
        self.takes = True

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self.told.append(addr)
        return Telling(self.told) if self.takes else None


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.inner = Inner()
        self.factory = ProxiedFactory(self.inner, self.clock)
        self.wire = Wire(peerAddress=PROXY)

    def dial(self) -> Any:
        protocol = self.factory.buildProtocol(PROXY)
        assert protocol is not None
        protocol.makeConnection(self.wire)
        return protocol

    def tearDown(self) -> None:
        self.assertEqual((self.clock.getDelayedCalls(), self.factory.nameless), ([], set()))

    def test_whole_and_in_pieces(self) -> None:
        """
        The client's address is known when its protocol is made, however the bytes are cut.
        """
        for data, (source, destination) in GOOD.items():
            for size in (1, 7, len(data), len(data) + 2):
                with self.subTest(data=data[:60], size=size):
                    self.inner.told.clear()
                    protocol, whole = self.dial(), data + b"hello"
                    for at in range(0, len(whole), size):
                        protocol.dataReceived(whole[at : at + size])
                    peer = source or PROXY
                    self.assertEqual(self.inner.told[:2], [peer, ("made", peer, destination or self.wire.getHost())])
                    self.assertEqual(b"".join(self.inner.told[2:]), b"hello")
                    protocol.connectionLost(Failure(ConnectionError()))
                    self.assertEqual(self.inner.told[-1], "lost")

    def test_refused(self) -> None:
        """
        Whoever sends something else is cut off and logged, and nobody else hears of it.
        """
        for data in BAD:
            with self.subTest(data=data[:60]):
                self.wire = Wire(peerAddress=PROXY)
                protocol = self.dial()
                with said() as lines:
                    protocol.dataReceived(data)
                self.assertTrue(self.wire.aborted)
                self.assertIn("was refused: it ", lines[0])
                protocol.dataReceived(b"more")
                protocol.connectionLost(Failure(ConnectionError()))
        self.assertEqual(self.inner.told, [])

    def test_too_late(self) -> None:
        """
        A header that does not come in time ends the connection; one that does is not disturbed later.
        """
        slow = self.dial()
        slow.dataReceived(b"PROXY TCP4 ")
        self.clock.advance(HEADER_TIMEOUT - 0.1)
        self.assertFalse(self.wire.aborted)
        self.clock.advance(0.2)
        self.assertTrue(self.wire.aborted)
        slow.connectionLost(Failure(ConnectionError()))
        self.wire = Wire(peerAddress=PROXY)
        self.dial().dataReceived(b"PROXY UNKNOWN\r\n")
        self.clock.advance(HEADER_TIMEOUT * 2)
        self.assertFalse(self.wire.aborted)

    def test_lost_before(self) -> None:
        """
        A proxy that goes away before it said for whom it called leaves nothing behind, and neither does one that is
        still silent when the listener is closed.
        """
        self.dial().connectionLost(Failure(ConnectionError()))
        self.factory.doStart()
        silent = self.dial()
        self.factory.doStop()
        self.assertTrue(self.wire.aborted)
        silent.connectionLost(Failure(ConnectionError()))
        self.assertEqual(self.inner.told, [])

    def test_not_taken(self) -> None:
        """
        A connection that the listener does not want is closed.
        """
        self.inner.takes = False
        self.dial().dataReceived(b"PROXY UNKNOWN\r\nhello")
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(self.inner.told, [PROXY])

    def test_listed_proxies(self) -> None:
        """
        Where the proxies are listed nobody else is believed, or even heard.
        """
        self.factory = ProxiedFactory(self.inner, self.clock, TrustedProxies(["10.0.0.0/8", "fd00::/8"]))
        for host, heard in (("10.1.2.3", True), ("11.1.2.3", False), ("fd00::7", True), ("fe00::7", False)):
            kind = IPv6Address if ":" in host else IPv4Address
            self.assertEqual(self.factory.buildProtocol(kind("TCP", host, 1)) is not None, heard, host)
        self.assertIsNotNone(self.factory.buildProtocol(IPv6Address("TCP", "::ffff:10.1.2.3", 1)))
        self.assertIsNone(self.factory.buildProtocol(UNIXAddress("/x")))


class BrokerTests(BrokerTestCase):
    def test_logged(self) -> None:
        """
        The broker's log says where the client is.
        """
        proxied = ProxiedFactory(self.factory, self.clock)
        protocol = proxied.buildProtocol(PROXY)
        assert protocol is not None
        wire = Wire(peerAddress=PROXY)
        protocol.makeConnection(wire)
        for byte in second(0x21, 0x21, V6) + encode.packet(Connect("c", 5), 5):
            protocol.dataReceived(bytes([byte]))
        self.assertIn("[2001:db8::7]:4321 connected as 'c'", self.log.said[-1])
        self.assertEqual(wire.value()[0], 0x20)
        protocol.connectionLost(Failure(ConnectionError()))


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def test_plain(self) -> None:
        """
        Any endpoint of Twisted may be behind a proxy, and keeps its own words.
        """
        endpoint = haproxy_endpoint(
            self.reactor, "haproxy:tcp:1883:interface=127.0.0.1:proxies=10.0.0.0/8,fd00\\:\\:/8"
        )
        verifyObject(IStreamServerEndpoint, endpoint)
        self.successResultOf(endpoint.listen(Inner()))
        [(port, listening, _, interface)] = self.reactor.tcpServers
        factory: Any = listening
        self.assertEqual((port, interface), (1883, "127.0.0.1"))
        self.assertIsInstance(factory, ProxiedFactory)
        self.assertIsNone(factory.buildProtocol(FROM_4))
        self.assertEqual(factory.logPrefix(), "Inner (PROXY)")

    def test_before_tls(self) -> None:
        """
        The header comes before TLS, and what is inside knows the client's address.
        """
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        certificate = Files(folder.name).pair("server.pem", server("localhost"))
        endpoint = haproxy_endpoint(self.reactor, f"haproxy:tls:8883:certificate={certificate}")
        inner = Inner()
        self.successResultOf(endpoint.listen(inner))
        [(_, factory, _, _)] = self.reactor.tcpServers
        protocol: Any = factory.buildProtocol(PROXY)
        wire = Wire(peerAddress=PROXY)
        protocol.makeConnection(wire)
        protocol.dataReceived(b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 1883\r\n")
        calling = Caller().clientConnectionForTLS(None)
        calling.set_connect_state()
        for _ in range(3):
            try:
                calling.do_handshake()
            except Exception:  # it wants to read
                protocol.dataReceived(calling.bio_read(65536))
                if wire.value():
                    calling.bio_write(wire.value())
                wire.clear()
        calling.send(b"hello")
        protocol.dataReceived(calling.bio_read(65536))
        self.assertEqual(inner.told, [FROM_4, ("made", FROM_4, TO_4), b"hello"])

    def test_refused(self) -> None:
        """
        What is no endpoint is refused, with what was expected.
        """
        table = (
            ("haproxy", "such as haproxy:tcp:1883"),
            ("tcp:1883", "such as haproxy:tcp:1883"),
            ("haproxy:ws:tcp:80", "as in ws:haproxy:tcp:8080"),
            ("haproxy:tcp:1883:proxies=10.0.0.0/33", "expected an address, a network"),
            ("haproxy:tls:8883", "TLS has no certificate"),
        )
        for description, why in table:
            error = self.assertRaises(ValueError, haproxy_endpoint, self.reactor, description)
            self.assertIn(why, str(error))
