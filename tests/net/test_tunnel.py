"""
Through a proxy.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support_endpoints import Dialled, Hearers, Hearing
from txmqtt.codec.errors import ProxyFailure
from txmqtt.net.http_connect import HTTPConnect
from txmqtt.net.socks import Socks5
from txmqtt.net.tunnel import TunnelEndpoint, through

GREETED, CONNECTED = b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6)


class TunnelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inner = Dialled()
        endpoint = TunnelEndpoint(self.inner, lambda: Socks5("broker", 1883), "proxy:1080")
        self.assertTrue(verifyObject(IStreamClientEndpoint, endpoint))
        self.waiting = endpoint.connect(Hearers())

    def refused(self) -> str:
        return str(self.failureResultOf(self.waiting, ProxyFailure).value)

    def test_connected(self) -> None:
        """
        The proxy is asked, and when it has connected us the connection is the server's.
        """
        tunnel = self.inner.succeed()
        self.assertEqual(self.inner.said(), b"\x05\x01\x00")
        tunnel.dataReceived(GREETED)
        self.assertEqual(self.inner.said(), b"\x05\x01\x00\x03\x06broker\x07\x5b")
        tunnel.dataReceived(CONNECTED + b"hello")
        above = self.successResultOf(self.waiting)
        assert isinstance(above, Hearing)
        self.inner.lose()
        self.assertEqual(above.heard, ["made", b"hello", "lost"])
        assert above.reason is not None
        self.assertIsInstance(above.reason.value, ConnectionDone)

    def test_http(self) -> None:
        """
        The same with HTTP.
        """
        self.inner = Dialled()
        waiting = TunnelEndpoint(self.inner, lambda: HTTPConnect("broker", 1883), "proxy:80").connect(Hearers())
        tunnel = self.inner.succeed()
        self.assertTrue(self.inner.said().startswith(b"CONNECT broker:1883 HTTP/1.1\r\n"))
        tunnel.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
        self.successResultOf(waiting)

    def test_refused(self) -> None:
        """
        When the proxy says no, the words name the proxy and what it said, and nothing that comes then counts.
        """
        tunnel = self.inner.succeed()
        tunnel.dataReceived(GREETED)
        tunnel.dataReceived(b"\x05\x05\x00\x01" + bytes(6))
        self.assertEqual(self.refused(), "the proxy proxy:1080 was refused the connection (SOCKS5 reply 5)")
        self.assertEqual(self.inner.wire.asked, ["abort"])
        tunnel.dataReceived(CONNECTED)
        self.inner.lose()

    def test_hung_up(self) -> None:
        """
        A proxy may hang up instead.
        """
        self.inner.succeed()
        self.inner.lose()
        self.assertEqual(
            self.refused(),
            "the proxy proxy:1080 hung up before it had connected us: Connection was closed cleanly.",
        )

    def test_not_reached(self) -> None:
        """
        When there is no proxy the words say that it is the proxy that is missing, not the server.
        """
        for error in (ConnectionRefusedError(), DNSLookupError("proxy")):
            with self.subTest(error=error):
                self.setUp()
                self.inner.answer.errback(Failure(error))
                self.assertRegex(self.refused(), "^the proxy proxy:1080 was not reached: ")
        self.setUp()
        self.inner.answer.errback(Failure(RuntimeError("a bug")))
        self.failureResultOf(self.waiting, RuntimeError)


class ThroughTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def begin(self, proxy: str) -> tuple[str, int, bytes]:
        """
        Where a connection through this proxy goes first, and what is said there.
        """
        reactor = MemoryReactorClock()
        endpoint: Any = through(reactor, proxy)("broker.example", 1883)
        host = endpoint._inner._hostText
        connecting = endpoint.connect(Hearers())
        _, port, factory, *_ = reactor.tcpClients[0]
        inner = Dialled()
        inner.factory = factory
        inner.succeed()
        said = inner.said()
        inner.lose()
        self.failureResultOf(connecting, ProxyFailure)
        return host, port, said

    def test_urls(self) -> None:
        """
        The URL of a proxy says how it is spoken to, and where it is; ports have the usual defaults.
        """
        for proxy, host, port, said in (
            ("socks5://192.0.2.9", "192.0.2.9", 1080, b"\x05\x01\x00"),
            ("socks5h://ann:sesame@192.0.2.9:9050/", "192.0.2.9", 9050, b"\x05\x02\x00\x02"),
            ("http://192.0.2.9", "192.0.2.9", 80, b"CONNECT broker.example:1883"),
            ("http://ann:sesame@[2001:db8::1]:3128", "2001:db8::1", 3128, b"CONNECT broker.example:1883"),
        ):
            with self.subTest(proxy=proxy):
                found = self.begin(proxy)
                self.assertEqual(found[:2], (host, port))
                self.assertTrue(found[2].startswith(said))

    def test_none(self) -> None:
        """
        Without a proxy the connection goes to the server.
        """
        self.assertIsInstance(through(self.reactor, None)("broker", 1883), HostnameEndpoint)

    def test_wrong(self) -> None:
        """
        What is no proxy is refused at once, without showing a password.
        """
        table: list[tuple[Any, type[Exception], str]] = [
            (1080, TypeError, "proxy is int; expected a URL or None"),
            ("proxy:1080", ValueError, r"cannot use the proxy \.\.\.://"),
            ("socks4://u:secret@proxy", ValueError, "cannot use the proxy socks4://; expected socks5://"),
            ("https://u:secret@proxy", ValueError, "cannot use the proxy https://; expected socks5://"),
            ("http://u:secret@proxy/path", ValueError, "a path or a query"),
            ("http://u:secret@proxy/?q", ValueError, "a path or a query"),
            ("http://", ValueError, "without a host"),
            ("socks5://u@proxy", ValueError, "1 to 255 bytes each"),
            ("http://u%3Av:secret@proxy", ValueError, "no user with a colon"),
            ("socks5://u:secret@proxy:port", ValueError, "its port"),
        ]
        for proxy, error, words in table:
            with self.subTest(proxy=proxy):
                with self.assertRaisesRegex(error, words) as caught:
                    through(self.reactor, proxy)
                self.assertNotIn("secret", str(caught.exception))
        with self.assertRaisesRegex(ValueError, "zone"):
            through(self.reactor, "socks5://proxy")("fe80::1%eth0", 1883)
