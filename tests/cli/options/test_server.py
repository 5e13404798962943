"""
From the options to what C{connect} is asked for.
"""

from __future__ import annotations

from typing import Any

import click
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.cli.options.connection import Connection
from txmqtt.cli.options.server import Server, server


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
