"""
What is said to an HTTP proxy.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.errors import ProxyFailure
from txmqtt.net.http_connect import LIMIT, HTTPConnect


class HTTPConnectTests(SynchronousTestCase):
    def test_request(self) -> None:
        """
        The proxy is told host and port; user and password as HTTP has it.
        """
        self.assertEqual(
            HTTPConnect("broker.example", 1883).begin,
            b"CONNECT broker.example:1883 HTTP/1.1\r\nHost: broker.example:1883\r\n\r\n",
        )
        self.assertEqual(
            HTTPConnect("::1", 1883, "ann", "sesäme").begin,
            b"CONNECT [::1]:1883 HTTP/1.1\r\nHost: [::1]:1883\r\nProxy-Authorization: Basic YW5uOnNlc8OkbWU=\r\n\r\n",
        )
        with self.assertRaisesRegex(ValueError, "no user with a colon"):
            HTTPConnect("broker", 1883, "a:b", "secret")

    def test_connected(self) -> None:
        """
        Any 2xx is a yes, in one read or byte by byte; what the server said meanwhile is not lost.
        """
        for answer in (
            b"HTTP/1.1 200 Connection established\r\n\r\n",
            b"HTTP/1.0 200\r\nVia: x\r\nContent-Length: 9\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 Odd\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            with self.subTest(answer=answer):
                handshake = HTTPConnect("broker", 1883)
                handshake.feed(answer + b"hello\r\n\r\n")
                self.assertEqual(handshake.rest, b"hello\r\n\r\n")
                handshake = HTTPConnect("broker", 1883)
                for position in range(len(answer)):
                    self.assertIsNone(handshake.rest)
                    handshake.feed(answer[position : position + 1])
                self.assertEqual(handshake.rest, b"")

    def test_refused(self) -> None:
        """
        Whatever else a proxy says is an error that tells what it was, in our words and not in its own.
        """
        for answer, words in (
            (b"HTTP/1.1 407 secret\r\nProxy-Authenticate: Basic\r\n\r\n", r"a user and a password.*\(HTTP 407\)"),
            (b"HTTP/1.1 403 secret\r\n\r\n", r"did not connect us: Forbidden \(HTTP 403\)"),
            (b"HTTP/1.1 502 secret\r\n\r\n", r"Bad Gateway \(HTTP 502\)"),
            (b"HTTP/1.1 799 secret\r\n\r\n", r"no reason that we know \(HTTP 799\)"),
            (b"HTTP/1.1 302 secret\r\nLocation: http://secret\r\n\r\n", r"Found \(HTTP 302\)"),
            (b"HTTP/1.1 101 secret\r\n\r\n", r"Switching Protocols \(HTTP 101\)"),
            (b"HTTP/2 200\r\n\r\n", "does not speak HTTP"),
            (b"HTTP/1.1 2000 OK\r\n\r\n", "does not speak HTTP"),
            (b"HTTP/1.1 020 OK\r\n\r\n", "does not speak HTTP"),
            (b"HTTP/1.1\r\n\r\n", "does not speak HTTP"),
            (b"\x05\xff", "does not speak HTTP"),
            (b"\x20\x02\x00\x00", "does not speak HTTP"),
            (b"\r\n\r\n", "does not speak HTTP"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * LIMIT, f"more than {LIMIT} bytes"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * LIMIT + b"\r\n\r\n", f"more than {LIMIT} bytes"),
        ):
            with self.subTest(answer=answer[:60]):
                handshake = HTTPConnect("broker", 1883)
                with self.assertRaisesRegex(ProxyFailure, words) as caught:
                    handshake.feed(answer)
                self.assertIsNone(handshake.rest)
                self.assertNotIn("secret", str(caught.exception))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=40) | st.sampled_from([b"HTTP/1.1 ", b"200 OK", b"\r\n", b"100 "]), max_size=9))
    def test_nonsense(self, answers: list[bytes]) -> None:
        """
        Whatever a proxy says, we are connected, or it is an error, or we wait for more.
        """
        handshake = HTTPConnect("broker", 1883)
        try:
            for answer in answers:
                handshake.feed(answer)
        except ProxyFailure:
            pass
