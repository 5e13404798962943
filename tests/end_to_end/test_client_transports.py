"""
Our client by every way to a server: TLS, WebSocket, proxies, DNS; and what it says when one of them is blocked.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import socket
import ssl
import threading
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from cryptography import x509
from twisted.internet import reactor as installed
from twisted.internet.defer import DeferredList, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.common import ResolverBase
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import TestCase

from tests.end_to_end.proxy import HTTPProxy, Proxies, Proxy, SocksProxy
from tests.end_to_end.support import PATIENCE, Mosquitto, OurBroker, free_port, mosquitto, our_broker
from tests.net.support_tls import DAY, Files, authority, certificates_pem, client, issued, server, subject
from txmqtt import ConnectionClosed, Message, MQTTClient, connect
from txmqtt.codec.errors import ProxyFailure, TLSFailure
from txmqtt.net.addresses import endpoint_for
from txmqtt.net.client_tls import TLS
from txmqtt.net.connect import connect_over
from txmqtt.net.direct import PLAIN
from txmqtt.net.factory import MQTTClientFactory
from txmqtt.net.handshake import Refusal

reactor: Any = installed
LOCAL = [x509.DNSName("localhost")]


class Secrets:
    """
    Keys and certificates in files.
    """

    def __init__(self) -> None:
        self.folder = mkdtemp(prefix="txmqtt-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        Path(self.folder).chmod(0o755)
        files = Files(self.folder)
        self.ca = files.write("ca.pem", certificates_pem(authority()))
        self.good = files.pair("good.pem", server("localhost"))
        now = datetime.now(UTC)
        old = issued(subject("old"), LOCAL, authority(), begins=now - 3 * DAY, ends=now - DAY)
        self.expired = files.pair("expired.pem", old)
        self.ours = files.pair("ours.pem", client())
        self.stranger = files.pair("stranger.pem", issued(subject("stranger")))


@cache
def secrets() -> Secrets:
    return Secrets()


class OurSecured(OurBroker):
    """
    Our broker, behind TLS and by WebSocket.
    """

    def __init__(self) -> None:
        found = secrets()
        tls = f"tls:0:certificate={found.good}:interface=127.0.0.1"
        wanted = f"{tls}:ca={found.ca}:clientCertificates=required"
        listeners = [tls, f"ws:{tls}", "ws:tcp:0:interface=127.0.0.1", wanted]
        super().__init__(*(word for each in listeners for word in ("--listen", each)), "--store", "memory")
        self.tls = int(self.says(r"listening on 127\.0\.0\.1:(\d+) \(tls:(?!.*required)")[1])
        self.wanted = int(self.says(r"listening on 127\.0\.0\.1:(\d+) \(tls:.*required")[1])
        self.wss = int(self.says(r"listening on 127\.0\.0\.1:(\d+) \(ws:tls")[1])
        self.ws = int(self.says(r"listening on 127\.0\.0\.1:(\d+) \(ws:tcp")[1])


class SecuredMosquitto(Mosquitto):
    """
    Mosquitto, the same.
    """

    def __init__(self) -> None:
        found = secrets()
        self.tls, self.expired, self.wanted, self.ws, self.wss = (free_port() for _ in range(5))
        good = [f"certfile {found.good}", f"keyfile {found.good}"]
        old = [f"certfile {found.expired}", f"keyfile {found.expired}"]
        super().__init__(
            "user root",
            *(f"listener {self.tls} 127.0.0.1", *good),
            *(f"listener {self.expired} 127.0.0.1", *old),
            *(f"listener {self.wanted} 127.0.0.1", *good, f"cafile {found.ca}", "require_certificate true"),
            *(f"listener {self.ws} 127.0.0.1", "protocol websockets"),
            *(f"listener {self.wss} 127.0.0.1", "protocol websockets", *good),
        )


@cache
def our_secured() -> OurSecured:
    broker = OurSecured()
    atexit.register(broker.stop)
    return broker


@cache
def secured_mosquitto() -> SecuredMosquitto:
    broker = SecuredMosquitto()
    atexit.register(broker.stop, signal.SIGTERM)
    return broker


class TransportTestCase(TestCase):
    timeout = 60

    async def works(self, client: MQTTClient, size: int = 100_000) -> None:
        """
        A message goes out and comes back.

        @param size: so large, bytes.
        """
        got: list[Message] = []
        await client.subscribe(f"here/{id(client)}", got.append, 2)
        await client.publish(f"here/{id(client)}", b"x" * size, 2)
        self.assertEqual([len(message.payload) for message in got], [size])
        await client.disconnect()

    async def fails(self, error: type[Exception], to: str, **options: Any) -> Any:
        with self.assertRaises(error) as caught:
            await connect(reactor, to, **options)
        return caught.exception


class TLSTests(TransportTestCase):
    def brokers(self) -> list[Any]:
        return [our_secured(), secured_mosquitto()]

    async def test_ways(self) -> None:
        """
        TLS, WebSocket and both together; with a certificate of ours where it is wanted.
        """
        tls = TLS(ca=secrets().ca)
        shown = TLS(ca=secrets().ca, certificate=secrets().ours)
        for broker, size in zip(self.brokers(), (100_000, 1_000), strict=True):  # WebSocket of mosquitto is slow
            await self.works(await connect(reactor, f"mqtts://localhost:{broker.tls}", tls=tls))
            await self.works(await connect(reactor, f"ws://localhost:{broker.ws}", headers={"X-Token": "b"}), size)
            await self.works(await connect(reactor, f"wss://localhost:{broker.wss}/mqtt", tls=tls), size)
            await self.works(await connect(reactor, f"mqtts://localhost:{broker.wanted}", tls=shown))

    async def test_refused(self) -> None:
        """
        What goes wrong with TLS says whether it was the name, the date, the trust, our own certificate, or no TLS.
        """
        tls = TLS(ca=secrets().ca)
        stranger = TLS(ca=secrets().ca, certificate=secrets().stranger)
        table: list[tuple[str, TLS | None, str, str]] = []
        for broker in self.brokers():
            table += [
                (f"mqtts://127.0.0.1:{broker.tls}", tls, "name", "is for 'localhost', not for '127.0.0.1'"),
                (f"mqtts://localhost:{broker.tls}", None, "trust", "its authority is not known here"),
                (f"wss://localhost:{broker.wss}", None, "trust", "its authority is not known here"),
                (f"mqtts://localhost:{broker.wanted}", tls, "client", "the server wants a certificate of ours"),
                (f"mqtts://localhost:{broker.wanted}", stranger, "client", "our certificate"),
                (f"mqtts://localhost:{broker.port}", tls, "plain", "perhaps it does not speak TLS there"),
            ]
        table.append((f"mqtts://localhost:{secured_mosquitto().expired}", tls, "date", "it has expired"))
        for to, how, kind, words in table:
            error = await self.fails(TLSFailure, to, tls=how)
            self.assertEqual(error.kind, kind, f"{to}: {error}")
            self.assertIn(words, str(error))

    async def test_protocols(self) -> None:
        """
        A server of another make sees what we offer to speak (ALPN), and what name we ask for.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(secrets().good)
        context.set_alpn_protocols(["mqtt"])
        asked: list[str | None] = []
        context.sni_callback = lambda wire, name, _: asked.append(name)
        door = socket.socket()
        door.bind(("127.0.0.1", 0))
        door.listen()
        chosen: list[str | None] = []

        def serve() -> None:
            plain, _ = door.accept()
            plain.settimeout(PATIENCE)
            with context.wrap_socket(plain, server_side=True) as wire:
                chosen.append(wire.selected_alpn_protocol())
                wire.recv(1000)
                wire.sendall(b"\x20\x03\x00\x00\x00")
                wire.recv(1000)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            tls = TLS(ca=secrets().ca, alpn=["x-other", "mqtt"])
            client = await connect(reactor, f"mqtts://localhost:{door.getsockname()[1]}", tls=tls)
            await client.disconnect()
        finally:
            thread.join(PATIENCE)
            door.close()
        self.assertEqual((chosen, asked), (["mqtt"], ["localhost"]))

    async def test_no_websocket(self) -> None:
        """
        A server that has no WebSocket there says so, by HTTP or by its silence.
        """
        error = await self.fails(Refusal, f"ws://localhost:{our_secured().ws}/elsewhere")
        self.assertEqual(str(error), "the server answered 404 Not Found, not a WebSocket")
        error = await self.fails(ConnectionClosed, f"ws://localhost:{our_broker().port}")
        self.assertIn("the server hung up during the handshake of WebSocket", str(error))


class ProxyTests(TransportTestCase):
    def proxy(self, kind: type[Proxy], login: bool) -> tuple[Proxies, int]:
        """
        A proxy, and its port.
        """
        factory = Proxies(reactor, kind, login)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return factory, port.getHost().port

    async def test_ways(self) -> None:
        """
        Through either proxy, with a password or without, plainly or with TLS and WebSocket over it. The name of the
        server is the proxy's to resolve; a plain connection is the client's own afterwards.
        """
        for kind, scheme in ((SocksProxy, "socks5"), (SocksProxy, "socks5h"), (HTTPProxy, "http")):
            for login in (False, True):
                proxies, port = self.proxy(kind, login)
                proxy = f"{scheme}://ann:sesame@127.0.0.1:{port}"
                client = await connect(reactor, f"mqtt://localhost:{our_broker().port}", proxy=proxy)
                self.assertIn(type(client.transport), PLAIN)
                await self.works(client)
                to = f"wss://localhost:{our_secured().wss}"
                await self.works(await connect(reactor, to, proxy=proxy, tls=TLS(ca=secrets().ca)))
                await self.works(await connect(reactor, f"mqtt://127.0.0.1:{mosquitto().port}", proxy=proxy))
                self.assertEqual(proxies.asked, ["localhost", "localhost", "127.0.0.1"])

    async def test_refused(self) -> None:
        """
        A proxy that says no, or is not there, is told from a server that does.
        """
        for kind, scheme, unknown, refused in (
            (SocksProxy, "socks5", "does not accept our user", r"was refused the connection \(SOCKS5 reply 5\)"),
            (HTTPProxy, "http", r"\(HTTP 407\)", r"Bad Gateway \(HTTP 502\)"),
        ):
            _, port = self.proxy(kind, True)
            nobody = f"mqtt://127.0.0.1:{free_port()}"
            error = await self.fails(ProxyFailure, nobody, proxy=f"{scheme}://ann:sesame@127.0.0.1:{port}")
            self.assertRegex(str(error), refused)
            error = await self.fails(ProxyFailure, nobody, proxy=f"{scheme}://ann:secret@127.0.0.1:{port}")
            self.assertRegex(str(error), unknown)
            self.assertNotIn("secret", str(error))
            error = await self.fails(ProxyFailure, nobody, proxy=f"{scheme}://127.0.0.1:{free_port()}")
            self.assertRegex(str(error), r"^the proxy 127\.0\.0\.1:\d+ was not reached: Connection was refused")

    async def test_silent(self) -> None:
        """
        A proxy or a server that does not answer is left in time, and the words say who it was.
        """
        factory = Factory.forProtocol(Protocol)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        silent = f"127.0.0.1:{port.getHost().port}"
        for to, proxy, words in (
            ("wss://localhost", f"socks5://{silent}", f": the proxy {silent} had not connected us"),
            (f"wss://{silent}", None, ": the handshake of TLS was not over"),
            (f"ws://{silent}", None, ": the handshake of WebSocket was not over"),
        ):
            error = await self.fails(ConnectionClosed, to, proxy=proxy, timeout=0.1)
            self.assertEqual(str(error), f"no connection within 0.1 s{words}")
        error = await self.fails(ConnectionClosed, f"mqtt://{silent}", timeout=0.1)
        self.assertIn("no CONNACK within 0.1 s", str(error))


class _Zone(ResolverBase):
    """
    A name server that knows one domain.
    """

    def __init__(self, *records: dns.Record_SRV) -> None:
        super().__init__()
        self._records = records

    def lookupService(self, name: Any, timeout: Any = None) -> Any:
        if name != b"_mqtt._tcp.example.com":
            return super().lookupService(name, timeout)
        answers = [dns.RRHeader(name, dns.SRV, payload=each) for each in self._records]
        return succeed((answers, [], []))


class OtherTests(TransportTestCase):
    async def test_dns(self) -> None:
        """
        A domain announces its servers in DNS; those that are not there are passed over.
        """
        records = (
            dns.Record_SRV(1, 0, free_port(), b"localhost"),
            dns.Record_SRV(2, 0, our_broker().port, b"localhost"),
        )
        server = DNSServerFactory(clients=[_Zone(*records)])
        server.noisy = False
        port = reactor.listenUDP(0, dns.DNSDatagramProtocol(server), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        resolver = Resolver(servers=[("127.0.0.1", port.getHost().port)], timeout=(5,))
        address = endpoint_for(reactor, "mqtt+srv://example.com", resolver=resolver)
        factory = MQTTClientFactory(reactor)
        await address.endpoint.connect(factory)
        assert factory.client is not None
        await self.works(await factory.client.whenReady())
        await deferLater(reactor, 0, lambda: None)

    async def test_connection_that_is_there(self) -> None:
        """
        C{connect_over} goes on with a connection that another protocol had.
        """
        address = endpoint_for(reactor, f"mqtt://127.0.0.1:{our_broker().port}")
        protocol: Any = await address.endpoint.connect(Factory.forProtocol(Protocol))
        client = await connect_over(reactor, protocol.transport)
        self.assertIn(type(client.transport), PLAIN)
        await self.works(client)

    async def test_nobody_there(self) -> None:
        """
        When nobody listens the error is Twisted's own.
        """
        await self.fails(ConnectionRefusedError, f"mqtts://127.0.0.1:{free_port()}")
        await self.fails(ConnectionRefusedError, f"ws://127.0.0.1:{free_port()}")

    async def test_many_at_once(self) -> None:
        """
        Connections by the same address do not disturb each other.
        """
        to, tls = f"mqtts://localhost:{our_secured().tls}", TLS(ca=secrets().ca)
        found = await DeferredList([connect(reactor, to, tls=tls) for _ in range(10)], fireOnOneErrback=True)
        for _, each in found:
            assert isinstance(each, MQTTClient)
            await each.disconnect()
