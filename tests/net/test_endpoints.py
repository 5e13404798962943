"""
The door for every endpoint string.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txmqtt.net import endpoints
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.options import IReloadable
from txmqtt.net.websocket_server import WebSocketEndpoint, WebSocketFactory


def made(description: str, reactor: Any = None) -> WebSocketEndpoint:
    """
    The endpoint of a string that begins with C{ws:}.
    """
    endpoint = endpoints.server_endpoint(reactor or MemoryReactorClock(), description)
    assert isinstance(endpoint, WebSocketEndpoint)
    return endpoint


class StringTests(SynchronousTestCase):
    def test_backlog(self) -> None:
        """
        Many clients can arrive at once, unless the endpoint string says otherwise or is of a kind that we do not know.
        """
        for description, wanted in (
            ("tcp:1883", "tcp:1883:backlog=4096"),
            ("tcp:1883:interface=127.0.0.1", "tcp:1883:interface=127.0.0.1:backlog=4096"),
            ("tcp6:1883:interface=\\:\\:1", "tcp6:1883:interface=\\:\\:1:backlog=4096"),
            ("haproxy:tcp:1883", "haproxy:tcp:1883:backlog=4096"),
            ("unix:/run/mqtt.sock", "unix:/run/mqtt.sock:backlog=4096"),
            ("tcp:1883:backlog=7", "tcp:1883:backlog=7"),
            ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
        ):
            with self.subTest(description=description):
                self.assertEqual(endpoints.with_backlog(description), wanted)

    def test_beneath(self) -> None:
        """
        Where the socket of an endpoint is, and whether its clients come through a proxy, shows in its string.
        """
        for description, socket, others in (
            ("tcp:1", "tcp:1", False),
            ("haproxy:tcp:1", "tcp:1", True),
            ("ws:tcp:1", "tcp:1", False),
            ("ws:unix:/s", "unix:/s", False),
            ("ws:haproxy:tcp:1", "tcp:1", True),
            ("ws:tcp:1:proxies=10.0.0.1", "tcp:1:proxies=10.0.0.1", True),
        ):
            with self.subTest(description=description):
                self.assertEqual(endpoints.beneath(description), socket)
                made = endpoints.server_endpoint(MemoryReactorClock(), description)
                self.assertEqual(endpoints.speaks_for_others(made), others)

    def test_twisted(self) -> None:
        """
        Twisted's own strings are understood as they are.
        """
        for description in ("tcp:1883", "tcp6:1883", "unix:/run/mqtt.sock", "haproxy:tcp:1883:interface=127.0.0.1"):
            with self.subTest(description=description):
                found = endpoints.server_endpoint(MemoryReactorClock(), description)
                self.assertTrue(IStreamServerEndpoint.providedBy(found))

    def test_refused(self) -> None:
        """
        What describes no endpoint is refused with what was expected.
        """
        for description, why in (
            ("", "expected an endpoint, such as tcp:1883"),
            ("tcp:mqtt", "expected an endpoint, such as tcp:1883"),
            ("tcp:1883:path=/mqtt", "unexpected keyword argument 'path'"),
            ("ws", "expected an endpoint after ws:, such as ws:tcp:8083"),
            ("ws:path=/mqtt", "expected an endpoint after ws:, such as ws:tcp:8083"),
            ("ws:8083", "expected an endpoint"),
            ("ws:tcp:mqtt", "expected an endpoint"),
            ("ws:tcp:8083:colour=red", "unexpected keyword argument 'colour'"),
            ("ws:tcp:8083:path=mqtt", "path 'mqtt': expected a path that begins with a slash"),
            ("ws:tcp:8083:origin=a.example", "origin 'a.example': expected scheme and host"),
            ("ws:tcp:8083:proxies=localhost", "proxies 'localhost': expected an address"),
            ("ws:tcp:8083:require_subprotocol=maybe", "require_subprotocol 'maybe': expected yes or no"),
            ("ws:tcp:8083:handshake_bytes=many", "handshake_bytes 'many': expected a whole number from 512 to 1048576"),
            ("ws:tcp:8083:handshake_bytes=1", "handshake_bytes '1': expected a whole number from 512 to 1048576"),
            ("ws:tcp:8083:ping_interval=-1", "ping_interval '-1': expected a number from 0 to 86400"),
            ("ws:tcp:8083:ping_interval=nan", "ping_interval 'nan': expected a number from 0 to 86400"),
            ("ws:tcp:8083:max_message=1", "max_message '1': expected a whole number from 1024"),
            ("haproxy:ws:tcp:8083", "as in ws:haproxy:tcp:8080"),
        ):
            with self.subTest(description=description), self.assertRaises(ValueError) as caught:
                endpoints.server_endpoint(MemoryReactorClock(), description)
            with self.subTest(description=description):
                self.assertIn(why, str(caught.exception))
                self.assertEqual(str(caught.exception).count("expected an endpoint, such"), 1)


class WebSocketStringTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """
        C{ws:} in front of a string listens there, with our backlog and our settings.
        """
        endpoint = made("ws:tcp:8083:interface=127.0.0.1")
        self.assertEqual(endpoint.settings, WebSocketSettings())
        inner = endpoint.inner
        assert isinstance(inner, TCP4ServerEndpoint)
        self.assertEqual((inner._port, inner._backlog, inner._interface), (8083, 4096, "127.0.0.1"))

    def test_settings(self) -> None:
        """
        Every setting can stand in the string; several values are joined by a bar.
        """
        endpoint = made(
            "ws:tcp:8083:backlog=7:path=/a/b:origin=https\\://a.example|http\\://b.example\\:3000"
            ":proxies=10.0.0.0/8|fd00\\:\\:/8|unix:require_subprotocol=no:handshake_timeout=1.5:handshake_bytes=1000"
            ":max_message=2000:max_fragments=30:ping_interval=40:ping_timeout=5:close_timeout=6"
        )
        self.assertEqual(
            endpoint.settings,
            WebSocketSettings(
                path="/a/b",
                origin=("https://a.example", "http://b.example:3000"),
                proxies=("10.0.0.0/8", "fd00::/8", "unix"),
                require_subprotocol=False,
                handshake_timeout=1.5,
                handshake_bytes=1000,
                max_message=2000,
                max_fragments=30,
                ping_interval=40.0,
                ping_timeout=5.0,
                close_timeout=6.0,
            ),
        )
        inner = endpoint.inner
        assert isinstance(inner, TCP4ServerEndpoint)
        self.assertEqual(inner._backlog, 7)

    def test_inner(self) -> None:
        """
        Any endpoint can be wrapped; what is quoted in its string stays quoted.
        """
        unix = made("ws:unix:/run/a\\:b:mode=600").inner
        assert isinstance(unix, UNIXServerEndpoint)
        self.assertEqual((unix._address, unix._mode), ("/run/a:b", 0o600))
        self.assertIn("ProxiedServerEndpoint", repr(made("ws:haproxy:tcp:8083").inner))

    def test_plugin(self) -> None:
        """
        Every program of Twisted knows C{ws:} when txmqtt is installed.
        """
        reactor = MemoryReactorClock()
        endpoint = serverFromString(reactor, "ws:tcp:8083:path=/x")
        self.assertIsInstance(endpoint, WebSocketEndpoint)
        self.assertTrue(verifyObject(IStreamServerEndpointStringParser, endpoints.WebSocketParser()))

    def test_listen(self) -> None:
        """
        What listens lets clients in by WebSocket.
        """
        reactor = MemoryReactorClock()
        wrapped = Factory.forProtocol(Protocol)
        endpoint = made("ws:tcp:8083", reactor)
        self.assertTrue(verifyObject(IStreamServerEndpoint, endpoint))
        self.successResultOf(endpoint.listen(wrapped))
        ((port, factory, _, _),) = reactor.tcpServers
        self.assertEqual(port, 8083)
        assert isinstance(factory, WebSocketFactory)
        self.assertIs(factory.wrapped, wrapped)


@implementer(IStreamServerEndpoint, IReloadable)
class Renewable:
    """
    An endpoint with certificates.
    """

    def __init__(self) -> None:
        self.reloads = 0

    def listen(self, protocolFactory: object) -> Any:
        raise NotImplementedError

    def changed(self) -> bool:
        return not self.reloads

    def reload(self) -> None:
        self.reloads += 1


class ReloadTests(SynchronousTestCase):
    def test_reload(self) -> None:
        """
        What is below is read again, where it can be.
        """
        inner = Renewable()
        endpoint = WebSocketEndpoint(MemoryReactorClock(), inner, WebSocketSettings())
        self.assertTrue(verifyObject(IReloadable, endpoint))
        endpoint.reload()
        self.assertEqual(inner.reloads, 1)
        made("ws:tcp:8083").reload()
