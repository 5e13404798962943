"""
What a URL says.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.urls import URL, Complaint, place, read_url

COMPLAINT = Complaint("cannot use", "another one")


class URLTests(SynchronousTestCase):
    def test_parts(self) -> None:
        """
        Scheme, user, password, host, port, path and query are told apart; users and passwords are percent-decoded.
        """
        for text, url in (
            ("mqtt://broker", URL("mqtt", "broker")),
            ("MQTT://Broker.Example.:1884/", URL("mqtt", "broker.example.", 1884, path="/")),
            ("ws://us%40er:p%3A%2Fss@host/a/b?c=d&e", URL("ws", "host", None, "us@er", "p:/ss", "/a/b", "c=d&e")),
            ("mqtt://user@host", URL("mqtt", "host", None, "user")),
            ("mqtt://:token@host", URL("mqtt", "host", None, None, "token")),
            ("mqtt://user:@host", URL("mqtt", "host", None, "user", "")),
            ("mqtt://[::1]:1884", URL("mqtt", "::1", 1884)),
            ("mqtt://[fe80::1%25eth0]", URL("mqtt", "fe80::1%eth0")),
            ("mqtt://192.0.2.1", URL("mqtt", "192.0.2.1")),
            ("mqtt://my_broker-1", URL("mqtt", "my_broker-1")),
            ("mqtt://bücher.example", URL("mqtt", "xn--bcher-kva.example")),
            ("mqtt://", URL("mqtt")),
        ):
            with self.subTest(text=text):
                self.assertEqual(read_url(text, COMPLAINT), url)

    def test_wrong(self) -> None:
        """
        What is no URL is refused. A password with characters that mean something in URLs makes other parts look wrong:
        nothing of it appears in the words.
        """
        for text, words in (
            ("mqtt://user:secret@broker:port", "its port is no number"),
            ("mqtt://broker:70000", "its port is no number"),
            ("mqtt://broker:0", "its port is no number"),
            ("mqtt://broker:", "its port is no number"),
            ("mqtt://user:sec/secret@broker", "its port is no number"),
            ("mqtt://user:12/secret@broker", "an @ after the host"),
            ("mqtt://user:12?secret@broker", "an @ after the host"),
            ("mqtt://user:sec#secret@broker", "a fragment"),
            ("mqtt://broker#", "a fragment"),
            ("mqtt://user:secret@[::1", "its host can't be read"),
            ("mqtt://user:secret@\u2100/", "its host can't be read"),  # becomes a/c
            ("mqtt://user:secret@[::g]", "its host (can't be read|is no IPv6 address)"),
            ("mqtt://user:secret@[fe80::1%25]", "its host (can't be read|is no IPv6 address)"),
            ("mqtt://user:secret@-broker", "its host is no name"),
            ("mqtt://user:secret@a..b", "its host is no name"),
            ("mqtt://user:secret@" + "a" * 64, "its host is no name"),
            ("mqtt://user:secret@" + "a." * 130 + "a", "its host is no name"),
            ("mqtt://user:secret@" + "a" * 10_000 + "!", "its host is no name"),
            ("mqtt://user:secret@ü" + "a" * 70, "its host is no name"),
            ("mqtt://user:secret@a%20b", "its host is no name"),
            ("mqtt://user:secret@bro ker", "a blank or a control character"),
            ("mqtt://user:secret\r\n@broker", "a blank or a control character"),
            ("mqtt://user:secret%ff@broker", "not UTF-8"),
            ("my scheme://user:secret@broker", "its scheme is none"),
            ("://user:secret@broker", "its scheme is none"),
            ("user:secret@x://broker", "its scheme is none"),
        ):
            with self.subTest(text=text):
                with self.assertRaisesRegex(
                    ValueError, f"^cannot use .*://: .*{words}.*; expected another one$"
                ) as caught:
                    read_url(text, COMPLAINT)
                self.assertNotIn("secret", str(caught.exception))

    def test_secrets_do_not_show(self) -> None:
        """
        A URL that has been read does not show user and password.
        """
        self.assertEqual(repr(read_url("ws://user:secret@[::1]:80/p?secret", COMPLAINT)), "<URL ws://[::1]:80>")

    def test_place(self) -> None:
        """
        An IPv6 address stands in brackets.
        """
        self.assertEqual([place("a", 1), place("::1", 2), place("::1", None)], ["a:1", "[::1]:2", "[::1]"])
