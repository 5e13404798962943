"""
Where a server is: URLs, endpoint strings, endpoints.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.testing import MemoryReactorClock
from twisted.names.dns import Record_SRV

from tests.net.support_client_tls import ClientTLSTestCase
from tests.net.support_endpoints import Dialled, Hearers
from tests.net.support_tls import authority, certificates_pem
from tests.net.test_services import Resolver
from txmqtt.net.addresses import endpoint_for
from txmqtt.net.client_tls import TLS
from txmqtt.net.client_tls_endpoint import TLSClientEndpoint
from txmqtt.net.services import ServiceEndpoint
from txmqtt.net.tunnel import TunnelEndpoint
from txmqtt.net.websocket_headers import HeadersEndpoint

CA = certificates_pem(authority())


class AddressTests(ClientTLSTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reactor = MemoryReactorClock()

    def beneath(self, endpoint: Any) -> tuple[list[type], str, int]:
        """
        What an endpoint is made of, from the outside to the inside, and where the connection goes.
        """
        found: list[type] = []
        while not isinstance(endpoint, HostnameEndpoint):
            found.append(type(endpoint))
            endpoint = endpoint._inner
        return found, endpoint._hostText, endpoint._port

    def test_internet(self) -> None:
        """
        A URL names host and port, and by its scheme whether there is TLS or WebSocket; ports have the usual defaults.
        """
        tls, websocket = TLSClientEndpoint, HeadersEndpoint
        for url, layers, host, port, name in (
            ("mqtt://broker", [], "broker", 1883, "mqtt://broker:1883"),
            ("tcp://broker:1884/", [], "broker", 1884, "tcp://broker:1884"),
            ("mqtt://u:secret@[::1]:1884", [], "::1", 1884, "mqtt://[::1]:1884"),
            ("mqtts://broker", [tls], "broker", 8883, "mqtts://broker:8883"),
            ("SSL://broker:1", [tls], "broker", 1, "ssl://broker:1"),
            ("ws://broker", [websocket], "broker", 80, "ws://broker:80/mqtt"),
            ("ws://u:secret@broker:8083/a?secret", [websocket], "broker", 8083, "ws://broker:8083/a"),
            ("wss://broker", [websocket, tls], "broker", 443, "wss://broker:443/mqtt"),
        ):
            with self.subTest(url=url):
                address = endpoint_for(self.reactor, url)
                self.assertEqual(self.beneath(address.endpoint), (layers, host, port))
                self.assertEqual((address.name, repr(address)), (name, f"<Address {name}>"))

    def test_credentials(self) -> None:
        """
        User and password of a URL are those of MQTT, for every kind of URL.
        """
        for scheme in ("mqtt", "mqtts", "ws", "wss", "mqtt+srv"):
            address = endpoint_for(self.reactor, f"{scheme}://us%40er:p%3Ass@broker")
            self.assertEqual(address.options, {"username": "us@er", "password": "p:ss"})
            self.assertNotIn("p:ss", repr(address))
        self.assertEqual(endpoint_for(self.reactor, "mqtt://broker").options, {})

    def test_request(self) -> None:
        """
        A WebSocket is asked for by its path and query at its host, whose port is named unless it is the usual one.
        """
        for url, line, host in (
            ("ws://broker", b"GET /mqtt HTTP/1.1", b"Host: broker"),
            ("ws://broker/", b"GET / HTTP/1.1", b"Host: broker"),
            ("ws://u:secret@broker:8083/a%20b?c=d", b"GET /a%20b?c=d HTTP/1.1", b"Host: broker:8083"),
            ("ws://[::1]:81/x", b"GET /x HTTP/1.1", b"Host: [::1]:81"),
        ):
            with self.subTest(url=url):
                endpoint: Any = endpoint_for(self.reactor, url, headers={"X-A": "b"}).endpoint
                inner = endpoint._inner = Dialled()
                waiting = endpoint.connect(Hearers())
                inner.succeed()
                lines = inner.said().split(b"\r\n")
                self.assertEqual(lines[:2], [line, host])
                self.assertIn(b"X-A: b", lines)
                inner.lose()
                self.failureResultOf(waiting)

    def test_proxy(self) -> None:
        """
        A proxy is beneath TLS and WebSocket.
        """
        address = endpoint_for(self.reactor, "wss://broker", proxy="socks5://u:secret@proxy:1081")
        layers, host, port = self.beneath(address.endpoint)
        self.assertEqual(layers, [HeadersEndpoint, TLSClientEndpoint, TunnelEndpoint])
        self.assertEqual((host, port), ("proxy", 1081))

    def test_tls(self) -> None:
        """
        The name that a certificate must be for is that of the URL, unless C{tls} has another; Twisted's options do.
        """
        for url, tls, name in (
            ("mqtts://Broker.example.", TLS(ca=CA), "broker.example"),
            ("mqtts://[::1]", TLS(ca=CA), "::1"),
            ("mqtts://broker", TLS(ca=CA, server_name="other"), "other"),
            ("unix:///run/broker", TLS(ca=CA, server_name="other"), "other"),
            ("tcp:host=a:port=1", TLS(ca=CA, server_name="other"), "other"),
            (TCP4ClientEndpoint(self.reactor, "a", 1), TLS(ca=CA, server_name="other"), "other"),
        ):
            endpoint: Any = endpoint_for(self.reactor, url, tls=tls).endpoint
            self.assertEqual(endpoint._creator.name, name)
        options = optionsForClientTLS("broker")
        endpoint = endpoint_for(self.reactor, "mqtts://broker", tls=options).endpoint
        self.assertIs(endpoint._creator, options)

    def test_services(self) -> None:
        """
        With C{+srv} DNS says where the servers of a domain are. What it says is not proven, so the certificate must be
        for the domain.
        """
        resolver = Resolver(Record_SRV(0, 0, 1885, b"node.example.net"))
        for scheme, service in (("mqtt", "_mqtt._tcp"), ("mqtts", "_secure-mqtt._tcp")):
            resolver.asked.clear()
            address = endpoint_for(self.reactor, f"{scheme}+srv://example.com", resolver=resolver)
            self.assertIsInstance(address.endpoint, ServiceEndpoint)
            self.assertEqual(address.name, f"{scheme}+srv://example.com")
            waiting = address.endpoint.connect(Hearers())
            self.assertEqual(resolver.asked, [f"{service}.example.com"])
            self.assertEqual(self.reactor.tcpClients.pop()[1], 1885)
            waiting.cancel()
            self.failureResultOf(waiting)
        target: Any = address.endpoint._reach("node.example.net", 1885)  # type: ignore[attr-defined]
        self.assertEqual((target._inner._hostText, target._creator.name), ("node.example.net", "example.com"))

    def test_others(self) -> None:
        """
        A UNIX socket, a string that describes an endpoint, and an endpoint do as well.
        """
        unix: Any = endpoint_for(self.reactor, "unix:///run/my%20broker.sock")
        assert isinstance(unix.endpoint, UNIXClientEndpoint)
        self.assertEqual((unix.endpoint._path, unix.name), ("/run/my broker.sock", "unix:///run/my broker.sock"))
        described = endpoint_for(self.reactor, "tcp:host=127.0.0.1:port=1884")
        self.assertTrue(IStreamClientEndpoint.providedBy(described.endpoint))
        self.assertEqual(described.name, "tcp")
        given = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 1883)
        address = endpoint_for(self.reactor, given)
        self.assertIs(address.endpoint, given)
        self.assertEqual(address.name, "TCP4ClientEndpoint")

    def test_wrong(self) -> None:
        """
        An address that cannot be understood is refused at once; the words say what is, and never show a password.
        """
        table: list[tuple[Any, type[Exception], str]] = [
            ("http://user:secret@broker", ValueError, "cannot connect to http://; expected mqtt://host:port"),
            ("ws+srv://user:secret@broker", ValueError, r"cannot connect to ws\+srv://; expected"),
            ("mqtt://", ValueError, "without a host"),
            ("mqtt:///path", ValueError, "without a host"),
            ("mqtt://user:secret@broker:port", ValueError, "its port is no number"),
            ("mqtt://broker/topic", ValueError, "with the path '/topic'"),
            ("mqtt://broker?x=y", ValueError, "with a query"),
            ("mqtts://broker#x", ValueError, "a fragment"),
            ("ws://broker/a#x", ValueError, "a fragment"),
            ("ws://broker/ü", ValueError, "is not ASCII"),
            ("mqtt+srv://broker:1883", ValueError, "with a port or an address; DNS says"),
            ("mqtts+srv://[::1]", ValueError, "with a port or an address; DNS says"),
            ("mqtts+srv://192.0.2.1", ValueError, "with a port or an address; DNS says"),
            ("unix://relative/path", ValueError, "expected unix:///path"),
            ("unix://", ValueError, "expected unix:///path"),
            ("unix:///", ValueError, "expected unix:///path"),
            ("unix:///a?b", ValueError, "expected unix:///path"),
            ("unix:///a%00b", ValueError, "expected unix:///path"),
            ("localhost", ValueError, "cannot connect to 'localhost'.*expected mqtt://host:port"),
            ("user:secret@broker", ValueError, "cannot connect to 'broker'; expected mqtt://host:port"),
            ("tcp:", ValueError, "expected mqtt://host:port"),
            ("", ValueError, "expected mqtt://host:port"),
            (1883, TypeError, "cannot connect to int; expected mqtt://host:port"),
            (None, TypeError, "cannot connect to NoneType"),
        ]
        for to, error, words in table:
            with self.subTest(to=to):
                with self.assertRaisesRegex(error, words) as caught:
                    endpoint_for(self.reactor, to)
                self.assertNotIn("secret", str(caught.exception))

    def test_wrong_together(self) -> None:
        """
        What means nothing for an address is refused rather than forgotten.
        """
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 1883)
        table: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
            ("mqtt://broker", {"tls": TLS(ca=CA)}, ValueError, "tls is given, but mqtt:// is without TLS"),
            ("mqtts://broker", {"tls": True}, TypeError, "tls is bool; expected TLS or None"),
            ("unix:///a", {"tls": TLS(ca=CA)}, ValueError, "tls has no server_name"),
            (endpoint, {"tls": TLS(ca=CA)}, ValueError, "tls has no server_name"),
            ("mqtt://broker", {"headers": {}}, ValueError, "headers means nothing with mqtt://"),
            ("ws://broker", {"headers": {"a": 1}}, TypeError, "headers has str to int"),
            ("ws://broker", {"headers": 7}, TypeError, "headers is int"),
            (endpoint, {"headers": {}}, ValueError, "headers means nothing with an endpoint"),
            (endpoint, {"proxy": "http://a"}, ValueError, "proxy means nothing with an endpoint"),
            ("tcp:a:1", {"proxy": "http://a"}, ValueError, "proxy means nothing with an endpoint"),
            ("unix:///a", {"proxy": "http://a"}, ValueError, "proxy means nothing with unix://"),
            ("mqtt://broker", {"proxy": "ftp://a"}, ValueError, "cannot use the proxy ftp://"),
            ("mqtt://broker", {"proxy": 7}, TypeError, "proxy is int"),
        ]
        for to, options, error, words in table:
            with self.subTest(to=to, options=list(options)), self.assertRaisesRegex(error, words):
                endpoint_for(self.reactor, to, **options)
