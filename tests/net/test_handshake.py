"""
How a WebSocket begins: who is let in, and what the others are told.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support_websocket import ACCEPT, request
from txmqtt.net.handshake import Gate, Opened, Refusal, ServerOpening, WebSocketSettings

HERE = IPv4Address("TCP", "192.0.2.1", 4711)


def opened(data: bytes, settings: WebSocketSettings | None = None) -> Opened:
    """
    What becomes of a request.
    """
    result = ServerOpening(Gate(settings or WebSocketSettings()), HERE).feed(data)
    assert result is not None
    return result


def status(data: bytes, settings: WebSocketSettings | None = None) -> int:
    """
    With which status it is answered.
    """
    try:
        return int(opened(data, settings).answer[9:12])
    except Refusal as refusal:
        return refusal.status


REFUSED = {
    "no path": (request("/"), 404),
    "another path": (request("/mqtt/x"), 404),
    "a path of another kind": (request("/MQTT"), 404),
    "POST": (request(verb="POST"), 405),
    "HEAD": (request(verb="HEAD"), 405),
    "HTTP/1.0": (request(version="HTTP/1.0"), 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405),
    "a browser that wants a page": (request(Upgrade=None, Connection="keep-alive"), 426),
    "another upgrade": (request(Upgrade="h2c"), 400),
    "no connection header": (request(Connection=None), 400),
    "an old version": (request(Sec_WebSocket_Version="8"), 426),
    "no version": (request(Sec_WebSocket_Version=None), 400),
    "no key": (request(Sec_WebSocket_Key=None), 400),
    "a short key": (request(Sec_WebSocket_Key="c2hvcnQ="), 400),
    "a key that is none": (request(Sec_WebSocket_Key="dGhlIHNhb!BsZSBub25jZQ=="), 400),
    "two keys": (request("/mqtt", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
    "no host": (request(Host=None), 400),
    "a host that is none": (request(Host="xn--\xff"), 400),
    "no sub-protocol": (request(Sec_WebSocket_Protocol=None), 400),
    "another sub-protocol": (request(Sec_WebSocket_Protocol="chat, wamp, MQTT"), 400),
    "a sub-protocol that is not ASCII": (request(Sec_WebSocket_Protocol="mqtt\xfc"), 400),
    "a body": (request("/mqtt", "Content-Length: 5"), 400),
    "a body in pieces": (request("/mqtt", "Transfer-Encoding: chunked"), 400),
    "a page from elsewhere": (request(Origin="https://evil.example"), 403),
    "a page from a file": (request(Origin="null"), 403),
    "two origins": (request("/mqtt", "Origin: http://broker.example", Origin="https://broker.example"), 403),
    "an origin that is none": (request(Origin="http://[broker.example"), 403),
    "MQTT": (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "nothing": (b"\r\n\r\n", 400),
    "a folded header": (request("/mqtt", " folded: x", "\x00: y"), 400),
}


class RefusalTests(SynchronousTestCase):
    def test_refused(self) -> None:
        """
        Whoever does not begin a WebSocket for MQTT, as both standards have it, is told so by HTTP, with a status that
        fits and a text that says what was expected [MQTT5-6.0.0-3] [MQTT311-6.0.0-3].
        """
        for name, (data, wanted) in REFUSED.items():
            with self.subTest(name), self.assertRaises(Refusal) as caught:
                opened(data)
            with self.subTest(name):
                refusal = caught.exception
                self.assertEqual(refusal.status, wanted)
                head, _, body = refusal.answer.partition(b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.1 %d " % wanted))
                self.assertIn(b"\r\nContent-Length: %d\r\nConnection: close" % len(body), head)
                self.assertGreater(len(body), 10)

    def test_what_to_do_instead(self) -> None:
        """
        The answers name the method, the protocol and the version that would be right.
        """
        for data, line in (
            (request(verb="PUT"), b"\r\nAllow: GET\r\n"),
            (request(Upgrade=None), b"\r\nUpgrade: websocket\r\n"),
            (request(Sec_WebSocket_Version="8"), b"\r\nSec-WebSocket-Version: 13\r\n"),
            (request("/"), b"MQTT is at /mqtt\n"),
            (request(Sec_WebSocket_Protocol=None), b"Sec-WebSocket-Protocol: mqtt"),
        ):
            with self.subTest(line=line), self.assertRaises(Refusal) as caught:
                opened(data)
            self.assertIn(line, caught.exception.answer)

    def test_no_secrets(self) -> None:
        """
        What stands behind a question mark, often a token, is neither answered nor logged.
        """
        with self.assertRaises(Refusal) as caught:
            opened(request("/elsewhere?token=sesame"))
        self.assertNotIn("sesame", str(caught.exception))

    def test_too_large(self) -> None:
        """
        A request may be as large as is allowed, and is not kept beyond that.
        """
        allowed = WebSocketSettings(handshake_bytes=1000)
        fits = request("/mqtt", "X: " + "x" * (1000 - len(request("/mqtt", "X: "))))
        self.assertEqual((len(fits), status(fits, allowed)), (1000, 101))
        self.assertEqual(status(fits.replace(b"X: ", b"X: x"), allowed), 431)
        opening = ServerOpening(Gate(allowed), HERE)
        for _ in range(999):
            self.assertIsNone(opening.feed(b"x"))
        with self.assertRaises(Refusal) as caught:
            opening.feed(b"x")
        self.assertEqual(caught.exception.status, 431)

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=200), st.integers(0, 300))
    def test_noise(self, noise: bytes, place: int) -> None:
        """
        Whatever stands in a request, the answer is a status, never an error of ours.
        """
        data = request()
        for hostile in (noise + b"\r\n\r\n", data[:place] + noise + data[place:]):
            try:
                ServerOpening(Gate(WebSocketSettings()), HERE).feed(hostile)
            except Refusal as refusal:
                self.assertIn(refusal.status, range(400, 432))


class AcceptanceTests(SynchronousTestCase):
    def test_accepted(self) -> None:
        """
        The answer proves that the request was understood, and agrees on a sub-protocol and on nothing else: no
        compression.
        """
        found = opened(request("/mqtt", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
        self.assertTrue(found.answer.startswith(b"HTTP/1.1 101 "))
        lowered = found.answer.lower()
        self.assertIn(b"\r\nsec-websocket-accept: " + ACCEPT.lower() + b"\r\n", lowered)
        self.assertIn(b"\r\nsec-websocket-protocol: mqtt\r\n", lowered)
        self.assertNotIn(b"extensions", lowered)
        self.assertEqual((found.rest, found.peer), (b"", HERE))

    def test_subprotocol(self) -> None:
        """
        Where a client offers mqtt it is taken, otherwise the name that clients of 3.1 used.
        """
        for offered, taken in (
            ("mqtt", b"mqtt"),
            ("mqttv3.1", b"mqttv3.1"),
            ("mqttv3.1, mqtt", b"mqtt"),
            ("chat,mqtt , mqttv3.1", b"mqtt"),
        ):
            with self.subTest(offered=offered):
                answer = opened(request(Sec_WebSocket_Protocol=offered)).answer.lower()
                self.assertIn(b"\r\nsec-websocket-protocol: " + taken + b"\r\n", answer)

    def test_subprotocol_not_required(self) -> None:
        """
        With C{require_subprotocol} switched off a client need not offer any, and gets none that it did not offer.
        """
        lenient = WebSocketSettings(require_subprotocol=False)
        for offered in (None, "chat"):
            with self.subTest(offered=offered):
                answer = opened(request(Sec_WebSocket_Protocol=offered), lenient).answer
                self.assertIn(b" 101 ", answer)
                self.assertNotIn(b"sec-websocket-protocol", answer.lower())

    def test_path(self) -> None:
        """
        The path is the one that was set, whatever query follows; an empty one allows all.
        """
        for path, asked, wanted in (
            ("/mqtt", "/mqtt?a=b", 101),
            ("/a/b", "/a/b", 101),
            ("/a/b", "/mqtt", 404),
            ("", "/", 101),
            ("", "/anything", 101),
        ):
            with self.subTest(path=path, asked=asked):
                self.assertEqual(status(request(asked), WebSocketSettings(path=path)), wanted)

    def test_origin(self) -> None:
        """
        Pages may connect from the host that they connect to, or from the origins that were named.
        """
        named = ("https://app.example.com", "http://localhost:3000")
        for allowed, origin, wanted in (
            ((), "http://broker.example", 101),
            ((), "https://BROKER.example:8443", 101),
            ((), "http://broker.example.evil", 403),
            ((), "http://evil.example/broker.example", 403),
            (named, "https://app.example.com", 101),
            (named, "https://APP.example.com", 101),
            (named, "http://localhost:3000", 101),
            (named, "http://localhost", 403),
            (named, "http://app.example.com", 403),
            (named, "http://broker.example", 403),
            (named, None, 101),
            (("*",), "http://evil.example", 101),
            (("null",), "null", 101),
        ):
            with self.subTest(allowed=allowed, origin=origin):
                self.assertEqual(status(request(Origin=origin), WebSocketSettings(origin=allowed)), wanted)

    def test_host_in_other_letters(self) -> None:
        """
        A host with other letters than ASCII's is compared as browsers write it.
        """
        self.assertEqual(status(request(Host="xn--bro-hoa.example:1", Origin="http://xn--bro-hoa.example")), 101)

    def test_piece_by_piece(self) -> None:
        """
        A request may arrive in pieces, and what follows it is not lost.
        """
        opening = ServerOpening(Gate(WebSocketSettings()), HERE)
        data = request()
        for at in range(len(data) - 1):
            self.assertIsNone(opening.feed(data[at : at + 1]))
        found = opening.feed(data[-1:] + b"frames")
        assert found is not None
        self.assertEqual(found.rest, b"frames")

    def test_proxy(self) -> None:
        """
        Behind a proxy that is trusted the client is where the proxy says, in however many headers it does.
        """
        data = request("/mqtt", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7")
        for trusted, where in (((), HERE), (("192.0.2.1",), IPv4Address("TCP", "198.51.100.7", 0))):
            with self.subTest(trusted=trusted):
                self.assertEqual(opened(data, WebSocketSettings(proxies=trusted)).peer, where)


class SettingsTests(SynchronousTestCase):
    def test_refused(self) -> None:
        """
        Settings that mean nothing are refused when they are made, with what was expected.
        """
        for meaningless, wanted in (
            (WebSocketSettings(path="mqtt"), "path 'mqtt': expected a path that begins with a slash"),
            (WebSocketSettings(origin=("app.example.com",)), "origin 'app.example.com': expected scheme and host"),
            (WebSocketSettings(origin=("https://a.example/",)), "origin 'https://a.example/': expected scheme"),
            (WebSocketSettings(origin=("http://[a",)), "expected scheme and host"),
            (WebSocketSettings(proxies=("localhost",)), "proxies 'localhost': expected an address"),
        ):
            with self.subTest(wanted=wanted), self.assertRaisesRegex(ValueError, wanted):
                Gate(meaningless)
