"""
Our client and real servers: mosquitto, our own, NATS and RabbitMQ.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import SkipTest

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.protocols.portforward import ProxyFactory, ProxyServer
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.end_to_end.client_promises import VERSIONS, Inbox, ServerTests, unique
from tests.end_to_end.servers import NatsServer, Server, mosquitto_server, nats, our_server, rabbit
from tests.end_to_end.support import Mosquitto, free_port
from tests.end_to_end.test_broker_tls import certificate
from txmqtt import ConnectionClosed, MQTTClientService, Phase, ReasonCode, Refused, connect

reactor: Any = installed


class MosquittoTests(ServerTests, TestCase):
    says_why = False  # 2.0 does not when another client takes over

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with contextlib.suppress(SkipTest):
            rabbit()  # for later, because it takes long to start

    def server(self) -> Server:
        return mosquitto_server()


class OurBrokerTests(ServerTests, TestCase):
    def server(self) -> Server:
        return our_server()


class NatsTests(ServerTests, TestCase):
    versions = (4,)

    def server(self) -> Server:
        return nats()

    def secure_server(self) -> Server:
        server = NatsServer(tls=True)
        self.addCleanup(server.stop)
        return server

    async def test_version_5(self) -> None:
        """
        It does not know 5.0, and says so in the words of 3.1.1; a service gives up then.
        """
        url = f"mqtt://127.0.0.1:{self.server().port}"
        with self.assertRaisesRegex(Refused, "it does not take version 5, try 4, which is MQTT 3.1.1"):
            await connect(reactor, url)
        service = MQTTClientService(url)
        service.startService()
        self.addCleanup(service.stopService)
        with self.assertRaisesRegex(Refused, "it does not take version 5"):
            await service.whenReady()
        self.assertEqual(service.phase, Phase.GIVEN_UP)

    async def test_wrong_port(self) -> None:
        """
        The port of its own clients is told apart.
        """
        with self.assertRaisesRegex(ConnectionClosed, "it speaks NATS; expected MQTT"):
            await connect(reactor, f"mqtt://127.0.0.1:{nats().own}")


class OwnMosquittoTests(TestCase):
    """
    What needs a mosquitto of its own.
    """

    timeout = 60

    def start(self, *lines: str) -> Mosquitto:
        server = Mosquitto(*lines)
        self.addCleanup(server.stop)
        return server

    async def test_refused(self) -> None:
        """
        Who is not allowed in is told so, on every version.
        """
        server = self.start("allow_anonymous false")
        for version in VERSIONS:
            with self.subTest(version=version):
                with self.assertRaises(Refused) as caught:
                    await connect(reactor, f"mqtt://user:wrong@127.0.0.1:{server.port}", client_id="x", version=version)
                self.assertIn(
                    caught.exception.reason, (ReasonCode.NOT_AUTHORIZED, ReasonCode.BAD_USER_NAME_OR_PASSWORD)
                )

    async def test_server_dies(self) -> None:
        """
        When the server dies everything that waits for it fails.
        """
        server = self.start()
        client = await connect(reactor, f"mqtt://127.0.0.1:{server.port}", client_id="x")
        server.process.kill()
        answer = client.publish("t", b"p", qos=2)
        with self.assertRaises(ConnectionClosed):
            await answer
        self.assertTrue((await client.whenClosed()).remote)
        server.process.wait()

    async def test_nobody_listens(self) -> None:
        """
        Without a server connecting fails with what Twisted has to say about it.
        """
        server = self.start()
        server.process.kill()
        server.process.wait()
        with self.assertRaisesRegex(Exception, "refused"):
            await connect(reactor, f"mqtt://127.0.0.1:{server.port}")

    async def test_unix_socket(self) -> None:
        """
        A UNIX socket does as well, named by URL or by an endpoint string.
        """
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/socket"
        self.start(f"listener 0 {path}", "user root")
        for to in (f"unix://{path}", f"unix:path={path}"):
            client = await connect(reactor, to, client_id="x")
            await client.publish("t", b"p", qos=1)
            await client.disconnect()

    async def test_tls(self) -> None:
        """
        With C{mqtts} nothing leaves in the clear, and a server that nobody vouches for is refused.
        """
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        key, trusted = certificate(Path(folder.name))
        port = free_port()
        self.start("user root", f"listener {port} 127.0.0.1", f"certfile {trusted}", f"keyfile {key}")
        with self.assertRaisesRegex(ConnectionClosed, "signed by itself, and not known here"):
            await connect(reactor, f"mqtts://localhost:{port}", client_id="x")
        wire = Wire("127.0.0.1", port)
        listening = reactor.listenTCP(0, wire, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        authority = Certificate.loadPEM(Path(trusted).read_bytes())
        endpoint = wrapClientTLS(
            optionsForClientTLS("localhost", trustRoot=authority),
            TCP4ClientEndpoint(reactor, "127.0.0.1", listening.getHost().port),
        )
        client = await connect(reactor, endpoint, client_id="secret-name")
        inbox = Inbox()
        await client.subscribe("secret-topic", inbox, qos=1)
        await client.publish("secret-topic", b"secret-payload", qos=1)
        await inbox.get(1)
        await client.disconnect()
        await wire.closed
        self.assertGreater(len(wire.said), 100)
        self.assertNotIn(b"secret", wire.said)


class RabbitTests(ServerTests, TestCase):
    versions = (3, 4)
    highest = 1

    def server(self) -> Server:
        return rabbit().ready()

    async def test_qos_2(self) -> None:
        """
        It takes QoS 2 for QoS 1, and so the acknowledgement says.
        """
        client = await self.connect(4)
        topic, inbox = unique("t"), Inbox()
        await client.subscribe(topic, inbox, qos=2)
        acknowledgement = await client.publish(topic, b"word", qos=2)
        self.assertEqual(acknowledgement.reason, ReasonCode.GRANTED_QOS_1)
        self.assertEqual([(m.payload, m.qos) for m in await inbox.get(1)], [(b"word", 1)])
        await client.publish(topic, b"more", qos=1)

    async def test_version_5(self) -> None:
        """
        3.10 does not know 5.0, and closes without a word.
        """
        with self.assertRaisesRegex(ConnectionClosed, "Perhaps it does not take version 5, try 4"):
            await connect(reactor, f"mqtt://127.0.0.1:{self.server().port}")


class KeepingProxy(ProxyServer):
    factory: Wire

    def dataReceived(self, data: bytes) -> None:
        self.factory.said += data
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.factory.closed.callback(None)


class Wire(ProxyFactory):
    """
    A server in between, which keeps what the client says.

    @ivar closed: fires when the client has gone.
    """

    noisy = False
    protocol = KeepingProxy

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.said = b""
        self.closed: Deferred[None] = Deferred()
