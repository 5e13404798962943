"""
From the address of a server to a client that it has accepted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

import txmqtt
from txmqtt import ConnectionClosed, MQTTClient, Refused, connect
from txmqtt.codec.decode import Decoder
from txmqtt.codec.packets import Connect
from txmqtt.net.client_tls import TLS
from txmqtt.net.connect import connect_over


class AddressTests(SynchronousTestCase):
    def test_wrong_addresses(self) -> None:
        """
        What is wrong with an address, or does not go with it, is said at once.
        """
        reactor = MemoryReactorClock()
        table: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
            ("http://user:secret@broker", {}, ValueError, "cannot connect to http://; expected mqtt://host:port"),
            ("mqtt://broker", {"tls": TLS()}, ValueError, "tls is given"),
            ("mqtt://broker", {"proxy": "ftp://user:secret@proxy"}, ValueError, "cannot use the proxy ftp://"),
            ("mqtt://broker", {"headers": {}}, ValueError, "headers means nothing"),
            (1883, {}, TypeError, "cannot connect to int"),
        ]
        for to, options, error, words in table:
            with self.subTest(to=to, options=list(options)):
                with self.assertRaisesRegex(error, words) as caught:
                    connect(reactor, to, **options)
                self.assertNotIn("secret", str(caught.exception))


@implementer(IStreamClientEndpoint)
class WaitingEndpoint:
    """
    @ivar connected: what its C{connect} returned; to be fired by the test.
    @ivar cancelled: whether somebody gave up.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self.connected: Deferred[Any] = Deferred(self._cancel)
        self.factory: IProtocolFactory | None = None

    def _cancel(self, connected: object) -> None:
        self.cancelled = True

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        self.factory = protocolFactory
        return self.connected


class ConnectTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.endpoint = WaitingEndpoint()
        self.transport = StringTransport()

    def connect(self, **options: Any) -> Deferred[MQTTClient]:
        return connect(self.reactor, self.endpoint, seconds=self.reactor.seconds, client_id="me", **options)

    def arrive(self) -> MQTTClient:
        """
        The transport is there.
        """
        assert self.endpoint.factory is not None
        client = self.endpoint.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1883))
        assert isinstance(client, MQTTClient)
        client.makeConnection(self.transport)
        self.endpoint.connected.callback(client)
        return client

    def assertQuiet(self) -> None:
        """
        No timer is left.
        """
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def lose(self, client: MQTTClient) -> None:
        client.connectionLost(Failure(ConnectError()))
        self.assertQuiet()


class ConnectTests(ConnectTestCase):
    def test_accepted(self) -> None:
        """
        Connecting fires with the client when the server has accepted it.
        """
        connecting = self.connect()
        self.assertNoResult(connecting)
        client = self.arrive()
        self.assertNoResult(connecting)
        client.dataReceived(b"\x20\x03\x00\x00\x00")
        self.assertIs(self.successResultOf(connecting), client)
        self.lose(client)

    def test_options(self) -> None:
        """
        Options reach the server; those given by name before those of the URL.
        """
        url = "mqtt://user:pass@127.0.0.1"
        connecting = connect(self.reactor, url, client_id="me", password="other", version=4, timeout=0)
        ((host, port, factory, _, _),) = self.reactor.tcpClients
        self.assertEqual((host, port), ("127.0.0.1", 1883))
        client = factory.buildProtocol(None)
        assert client is not None
        client.makeConnection(self.transport)
        heard = Decoder()
        heard.feed(self.transport.value())
        packet = heard.take()
        assert isinstance(packet, Connect)
        self.assertEqual(
            (packet.client_id, packet.version, packet.username, packet.password), ("me", 4, "user", b"other")
        )
        client.connectionLost(Failure(ConnectError()))
        self.failureResultOf(connecting, ConnectionClosed)

    def test_refused(self) -> None:
        """
        Connecting fails with the server's reason when it refuses.
        """
        connecting = self.connect()
        client = self.arrive()
        client.dataReceived(b"\x20\x03\x00\x87\x00")
        self.assertEqual(self.failureResultOf(connecting, Refused).value.reason, 0x87)
        self.assertTrue(self.transport.disconnecting)
        self.lose(client)

    def test_no_server(self) -> None:
        """
        Connecting fails with what Twisted has to say about it when nobody listens.
        """
        connecting = self.connect()
        self.endpoint.connected.errback(ConnectionRefusedError())
        self.failureResultOf(connecting, ConnectionRefusedError)
        self.assertQuiet()

    def test_lost(self) -> None:
        """
        Connecting fails when the server hangs up instead of answering.
        """
        connecting = self.connect()
        self.lose(self.arrive())
        self.failureResultOf(connecting, ConnectionClosed)

    def test_too_late_for_a_connection(self) -> None:
        """
        Connecting gives up after C{timeout}, even when there is not yet a connection.
        """
        connecting = self.connect(timeout=7)
        self.reactor.advance(7)
        error = self.failureResultOf(connecting, ConnectionClosed).value
        self.assertEqual((str(error), error.remote), ("no connection within 7 s", True))
        self.assertTrue(self.endpoint.cancelled)
        self.assertQuiet()

    def test_too_late_for_an_answer(self) -> None:
        """
        C{timeout} counts from the beginning; when it is over without an answer, the connection is closed.
        """
        connecting = self.connect(timeout=7)
        self.reactor.advance(4)
        client = self.arrive()
        self.reactor.advance(3)
        error = self.failureResultOf(connecting, ConnectionClosed).value
        self.assertEqual(str(error), "no CONNACK within 7 s")
        self.assertTrue(self.transport.disconnected or self.transport.disconnecting)
        self.lose(client)

    def test_cancel_before_a_connection(self) -> None:
        """
        Cancelling gives up the attempt.
        """
        connecting = self.connect()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(self.endpoint.cancelled)
        self.assertQuiet()

    def test_cancel_before_an_answer(self) -> None:
        """
        Cancelling aborts a connection that has not been accepted yet.
        """
        connecting = self.connect()
        client = self.arrive()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(self.transport.disconnected or self.transport.disconnecting)
        self.lose(client)

    def test_endless_patience(self) -> None:
        """
        With a timeout of 0 there is none.
        """
        connecting = self.connect(timeout=0)
        self.reactor.advance(1e6)
        self.assertNoResult(connecting)
        client = self.arrive()
        self.reactor.advance(1e6)
        self.assertNoResult(connecting)
        self.lose(client)
        self.failureResultOf(connecting, ConnectionClosed)


class WebSocketTests(ConnectTestCase):
    def test_patience(self) -> None:
        """
        How long a WebSocket may take is what C{timeout} says, too, and nothing else.
        """
        waiting = connect(self.reactor, "ws://127.0.0.1:8083/mqtt", timeout=30)
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        assert protocol is not None
        protocol.makeConnection(StringTransport())
        self.reactor.advance(29)
        self.assertNoResult(waiting)
        self.reactor.advance(1)
        self.failureResultOf(waiting, ConnectionClosed)


class ConnectOverTests(ConnectTestCase):
    """
    The same, with a connection that is there already.
    """

    def over(self, transport: Any, **options: Any) -> Deferred[MQTTClient]:
        options.setdefault("client_id", "me")
        return connect_over(self.reactor, transport, seconds=self.reactor.seconds, **options)

    def test_life(self) -> None:
        """
        MQTT begins at once, and the transport gives to the client what it reads.
        """
        connecting = self.over(self.transport, version=4)
        self.assertEqual(self.transport.value()[:1], b"\x10")
        transport: Any = self.transport
        transport.protocol.dataReceived(b"\x20\x02\x00\x00")
        client = self.successResultOf(connecting)
        self.assertIs(transport.protocol, client)
        self.lose(client)

    def test_wrapper(self) -> None:
        """
        What wraps another protocol, such as TLS, goes on with the client instead.
        """
        wrapper = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
        wrapper.makeConnection(self.transport)
        connecting = self.over(wrapper)
        wrapper.dataReceived(b"\x20\x03\x00\x87\x00")
        self.failureResultOf(connecting, Refused)
        wrapper.connectionLost(Failure(ConnectError()))
        self.assertQuiet()

    def test_in_time(self) -> None:
        """
        It takes no longer than C{timeout}, and cancelling aborts the connection.
        """
        connecting = self.over(self.transport, timeout=7)
        self.reactor.advance(7)
        self.assertIn("no CONNACK within 7 s", str(self.failureResultOf(connecting, ConnectionClosed).value))
        transport: Any = self.transport
        self.lose(transport.protocol)
        self.transport = transport = StringTransport()
        connecting = self.over(transport)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(transport.disconnected or transport.disconnecting)
        self.lose(transport.protocol)

    def test_no_transport(self) -> None:
        """
        What cannot carry MQTT is refused, with what it lacks.
        """
        with self.assertRaisesRegex(TypeError, "object is no transport for MQTT: it has no write, registerProducer"):
            self.over(object())


class ImportTests(SynchronousTestCase):
    def test_no_reactor_is_installed(self) -> None:
        """
        Importing the package leaves the choice of a reactor to the program.
        """
        script = "import sys, txmqtt; sys.exit('twisted.internet.reactor' in sys.modules)"
        home = str(Path(txmqtt.__file__ or "").resolve().parent.parent)
        subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": home})
