"""
From the options to what C{connect} is asked for.
"""

from __future__ import annotations

from typing import Any

import click
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support_tls import authority, certificates_pem, key_pem
from tests.net.support_tls import server as ours
from tests.service.support import scratch
from txmqtt.cli.options.connection import Connection
from txmqtt.cli.options.server import Server, server
from txmqtt.net.client_tls import TLS


def made(**given: Any) -> Server:
    return server(Connection(**given))


def said(words: str) -> str:
    """
    The words of one -D, as they arrive.
    """
    return "\0".join(words.split())


class AddressTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        """
        Host and port, a URL, or a socket.
        """
        for given, to in (
            ({}, "mqtt://localhost"),
            ({"host": "h", "port": 1}, "mqtt://h:1"),
            ({"host": "::1"}, "mqtt://[::1]"),
            ({"url": "mqtt://u:p@h:7/a/b"}, "mqtt://u:p@h:7"),
            ({"url": "ws://h:7/path"}, "ws://h:7/path"),
            ({"unix": "/run/a b"}, "unix:///run/a%20b"),
        ):
            with self.subTest(given=given):
                self.assertEqual(made(**given).to, to)

    def test_contradictions(self) -> None:
        """
        It is said once where to connect to.
        """
        for given in (
            {"url": "mqtt://h", "host": "x"},
            {"url": "mqtt://h", "port": 1},
            {"unix": "/a", "host": "x"},
            {"url": "http://h"},
            {"url": "mqtt://"},
            {"url": "mqtt://h:99999"},
            {"url": "mqtt://h/a#b"},
            {"client_id": "a", "id_prefix": "b"},
            {"persistent": True},
            {"will_payload": "x"},
            {"will_topic": "a/#"},
            {"expiry": 5, "version": 4},
            {"properties": (said("CONNECT receive-maximum 5"),), "version": 4},
            {"properties": (said("CONNECT authentication-method X"),)},
            {"header": ("no colon",)},
        ):
            with self.subTest(given=given):
                self.assertRaises(click.UsageError, made, **given)

    def test_topic_of_a_url(self) -> None:
        """
        With mqtt:// the path is a topic; with ws:// it is the server's.
        """
        self.assertEqual(Connection(url="mqtt://h/a%23/b").topic(), "a#/b")
        self.assertIsNone(Connection(url="mqtt://h/").topic())
        self.assertIsNone(Connection(url="ws://h/mqtt").topic())


class TransportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch(self)
        pair = ours("client.example.com")
        for name, data in (
            ("ca.pem", certificates_pem(authority())),
            ("cert.pem", certificates_pem(pair)),
            ("key.pem", key_pem(pair)),
        ):
            (self.folder / name).write_bytes(data)
            (self.folder / name).chmod(0o600)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def test_tls(self) -> None:
        """
        Any option of TLS asks for it, and so do its port and its URLs.
        """
        for given, to in (
            ({"host": "h", "tls": True}, "mqtts://h"),
            ({"host": "h", "port": 8883}, "mqtts://h:8883"),
            ({"host": "h", "cafile": self.path("ca.pem")}, "mqtts://h"),
            ({"host": "h", "insecure": True}, "mqtts://h"),
            ({"url": "mqtt://h/a", "alpn": "mqtt"}, "mqtts://h"),
            ({"url": "ws://h/a?b=c", "tls": True}, "wss://h/a?b=c"),
            ({"url": "mqtts+srv://h/a"}, "mqtts+srv://h"),
            ({"host": "h", "srv": True, "tls": True}, "mqtts+srv://h"),
        ):
            with self.subTest(given=given):
                found = made(**given)
                self.assertEqual(found.to, to)
                self.assertIsInstance(found.options["tls"], TLS)
        self.assertNotIn("tls", made(host="h").options)

    def test_what_is_trusted_and_shown(self) -> None:
        """
        Each option is where it belongs.
        """
        tls = made(
            cafile=self.path("ca.pem"),
            cert=self.path("cert.pem"),
            key=self.path("key.pem"),
            alpn="mqtt",
            tls_version="tlsv1.3",
        ).options["tls"]
        self.assertEqual(
            (tls.ca, tls.certificate, tls.key, tls.alpn, tls.minimum, tls.verify),
            (self.path("ca.pem"), self.path("cert.pem"), self.path("key.pem"), ("mqtt",), "1.3", True),
        )
        self.assertFalse(made(insecure=True).options["tls"].verify)

    def test_not_together(self) -> None:
        """
        What contradicts itself is said.
        """
        ca = self.path("ca.pem")
        for given in (
            {"cafile": ca, "capath": "/"},
            {"cafile": ca, "insecure": True},
            {"cafile": ca, "use_os_certs": True},
            {"key": self.path("key.pem"), "tls": True},
            {"bind": "127.0.0.1", "url": "mqtt://h"},
            {"bind": "127.0.0.1", "host": "h", "proxy": "socks5://p"},
            {"bind": "127.0.0.1", "unix": "/a"},
            {"srv": True, "unix": "/a"},
        ):
            with self.subTest(given=given):
                self.assertRaises(click.UsageError, made, **given)

    def test_files(self) -> None:
        """
        Files that are of no use are said before anything is connected.
        """
        for given in ({"cert": self.path("ca.pem")}, {"cafile": self.path("key.pem")}, {"ciphers": "none of these"}):
            with self.subTest(given=given):
                self.assertRaises(click.UsageError, made, **given)

    def test_proxy_and_headers(self) -> None:
        """
        They go to the client as they are.
        """
        options = made(url="ws://h", proxy="socks5h://p", header=("X-A: b", "C:d")).options
        self.assertEqual((options["proxy"], options["headers"]), ("socks5h://p", {"X-A": "b", "C": "d"}))

    def test_bind(self) -> None:
        """
        It connects from the address that was given, to the usual ports.
        """
        for given, port in (({}, 1883), ({"tls": True}, 8883), ({"port": 7}, 7)):
            endpoint = made(bind="127.0.0.1", host="h", **given).address(MemoryReactorClock())
            self.assertIsInstance(endpoint, HostnameEndpoint)
            self.assertIn(f":{port}", str(endpoint))


class OptionTests(SynchronousTestCase):
    def test_all(self) -> None:
        """
        Each has its place.
        """
        options = made(
            username="ann",
            password="sesame",
            client_id="me",
            version=5,
            keepalive=7,
            persistent=True,
            expiry=9,
            will_topic="w",
            will_payload="gone",
            will_qos=1,
            will_retain=True,
            properties=(said("CONNECT receive-maximum 3"), said("WILL will-delay-interval 4")),
        ).options
        will = options.pop("will")
        self.assertEqual((will.topic, will.payload, will.qos, will.retain), (b"w", b"gone", 1, True))
        self.assertEqual(will.properties.will_delay_interval, 4)
        options.pop("properties")
        self.assertEqual(
            options,
            {
                "username": "ann",
                "password": "sesame",
                "client_id": "me",
                "version": 5,
                "keep_alive": 7,
                "clean_start": False,
                "session_expiry": 9,
                "receive_maximum": 3,
            },
        )

    def test_password_file(self) -> None:
        """
        Its first line, whatever follows; and not together with a password.
        """
        path = scratch(self) / "password"
        path.write_bytes(b"sesame\r\nand more\n")
        self.assertEqual(made(password_file=str(path)).options["password"], b"sesame")
        self.assertRaises(click.UsageError, made, password_file=str(path), password="x")

    def test_secrets(self) -> None:
        """
        A password is not in what a program shows of its options.
        """
        shown = repr(Connection(password="sesame", url="mqtt://a:sesame@h", proxy="socks5h://a:sesame@h"))
        self.assertNotIn("sesame", shown)
