"""
Tests of txmqtt.net.access.web.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface.verify import verifyObject

from tests.net.access.serving import Server
from txmqtt.net.access import web
from txmqtt.net.access.web import Answer, CannotFetch, Web, url_error

URL = "https://login.example:8443/mqtt?key=secret"


class WebTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Server()
        self.web = Web(self.clock, 5.0, 100, agent=self.server)

    def ask(self, body: bytes | None = None) -> Deferred[Answer]:
        asking = self.web.ask("POST" if body is not None else "GET", URL, Headers({"x-key": ["k"]}), body)
        self.server.flush()
        return asking

    def fails(self, asking: Deferred[Answer]) -> str:
        said = str(self.failureResultOf(asking, CannotFetch).value)
        self.assertNotIn("secret", said)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return said

    def test_answer(self) -> None:
        """
        What is asked arrives, and the answer comes back, whatever its status.
        """
        self.server.body, self.server.kind = b"{}", "Application/JSON; charset=utf-8"
        self.assertEqual(self.successResultOf(self.ask(b"body")), Answer(200, "application/json", b"{}"))
        self.assertEqual(self.server.asked, [("POST", "/mqtt?key=secret", b"body")])
        self.assertEqual(self.server.headers["x-key"], "k")
        self.server.status = 503
        self.assertEqual(self.successResultOf(self.ask()).status, 503)
        self.assertEqual(self.server.asked[1][0], "GET")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_redirect(self) -> None:
        """
        Nobody is asked but the server that was named.
        """
        self.server.status = 302
        self.assertEqual(self.successResultOf(self.ask(b"body")).status, 302)
        self.assertEqual(len(self.server.asked), 1)

    def test_too_large(self) -> None:
        """
        An answer may be so large and no larger.
        """
        self.server.body = b"x" * 100
        self.assertEqual(len(self.successResultOf(self.ask()).body), 100)
        self.server.body = b"x" * 101
        self.assertEqual(self.fails(self.ask()), "an answer of more than 100 bytes")

    def test_too_slow(self) -> None:
        """
        An answer must come in time, its last byte included.
        """
        self.server.status = 0
        for begun in (False, True):
            with self.subTest(begun=begun):
                asking = self.ask()
                if begun:
                    self.server.pending[-1].write(b"{")
                    self.server.flush()
                self.clock.advance(4.9)
                self.assertNoResult(asking)
                self.clock.advance(0.1)
                self.assertEqual(self.fails(asking), "no answer within 5 s")
                self.assertEqual(len(self.server.asked), 1 + begun)

    def test_cut(self) -> None:
        """
        An answer that is cut short is none.
        """
        self.server.status = 0
        asking = self.ask()
        self.server.pending[-1].setHeader(b"content-length", b"50")
        self.server.pending[-1].write(b"{")
        self.server.hang_up()
        self.server.flush()
        self.assertIn("no whole answer", self.fails(asking))

    def test_unreachable(self) -> None:
        """
        Why nobody answers is said in words that do not repeat what was asked.
        """
        for error, words in (
            (ConnectionRefusedError(), "Connection was refused by other side."),
            (ResponseFailed([Failure(SSL.Error([("SSL", "", "certificate verify failed")]))]), "certificate verify"),
            (ResponseFailed([Failure(ValueError("secret"))]), "no whole answer: ValueError"),
            (ValueError("secret"), "ValueError"),
        ):
            with self.subTest(error=error):
                self.server.broken.append(error)
                self.assertIn(words, self.fails(self.ask()))

    def test_once_more(self) -> None:
        """
        When the server was just closing the connection, it is asked once more; and no more than that.
        """
        gone = ResponseNeverReceived([Failure(ConnectionDone())])
        self.server.broken.append(gone)
        self.assertEqual(self.successResultOf(self.ask(b"body")).status, 200)
        self.server.broken += [gone, gone]
        self.assertIn("ConnectionDone", self.fails(self.ask(b"body")))

    def test_stop(self) -> None:
        """
        Connections that are kept are closed, and there may be none.
        """
        self.assertIsNone(self.web.stop())


class ReadingTests(SynchronousTestCase):
    def reading(self, *parts: bytes, end: type[Exception]) -> Deferred[bytes]:
        reading = web._Reading(100)
        reading.makeConnection(StringTransport())
        for part in parts:
            reading.dataReceived(part)
        reading.connectionLost(Failure(end()))
        return reading.done

    def test_end(self) -> None:
        """
        An answer without a length ends with its connection; but nothing at all is no answer then.
        """
        self.assertEqual(self.successResultOf(self.reading(b"a", b"b", end=ResponseDone)), b"ab")
        self.assertEqual(self.successResultOf(self.reading(end=ResponseDone)), b"")
        self.assertEqual(self.successResultOf(self.reading(b"a", end=PotentialDataLoss)), b"a")
        self.failureResultOf(self.reading(end=PotentialDataLoss), CannotFetch)
        self.failureResultOf(self.reading(b"a", end=ConnectionDone), ConnectionDone)

    def test_flood(self) -> None:
        """
        What comes after too much is not kept.
        """
        reading = web._Reading(100)
        transport = StringTransport()
        reading.makeConnection(transport)
        for _ in range(3):
            reading.dataReceived(b"x" * 60)
        reading.connectionLost(Failure(ResponseDone()))
        self.failureResultOf(reading.done, CannotFetch)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(len(reading._parts), 1)


class TrustTests(SynchronousTestCase):
    def test_authorities(self) -> None:
        """
        Who may sign certificates can be said; what is no certificate is refused.
        """
        for pem, why in (
            (b"", "no certificate"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "damaged"),
        ):
            with self.subTest(why=why), self.assertRaisesRegex(ValueError, why):
                Web(Clock(), 5.0, 100, authorities=pem)

    def test_blind(self) -> None:
        """
        That certificates are not looked at is possible, and says the server's name all the same.
        """
        policy = web._Anybody()
        verifyObject(IPolicyForHTTPS, policy)
        for name in (b"login.example", b"127.0.0.1", b"::1"):
            nobody: Any = None
            connection = policy.creatorForNetloc(name, 443).clientConnectionForTLS(nobody)
            self.assertEqual(connection.get_context().get_verify_mode(), SSL.VERIFY_NONE)


class URLTests(SynchronousTestCase):
    def test_urls(self) -> None:
        """
        Where nobody should be asked is refused with the reason.
        """
        for url, why in (
            ("https://login.example/mqtt", ""),
            ("https://[2001:db8::1]:8443/?a=b:c", ""),
            ("http://127.0.0.1:8080/", ""),
            ("http://localhost/", ""),
            ("http://[::1]/", ""),
            ("http://login.example/", "expected https"),
            ("http://localhost.example/", "expected https"),
            ("http://127.0.0.1@login.example/", "user name or a password"),
            ("https://ann:secret@login.example/", "user name or a password"),
            ("https://login.example/#a", "fragment"),
            ("login.example", "expected a URL"),
            ("https://", "expected a URL"),
            ("https://login.example:port/", "expected a URL"),
            ("https://[::1/", "expected a URL"),
            ("https://login.example/a b", "expected a URL"),
            ("https://lögin.example/", "expected a URL"),
            ("file:///etc/passwd", "expected a URL"),
            ("", "expected a URL"),
        ):
            with self.subTest(url=url):
                found = url_error(url)
                self.assertTrue(found.startswith(why) if not why else why in found, found)
                self.assertEqual(bool(found), bool(why))
        self.assertEqual(url_error("http://login.example/", plain=True), "")
