"""
What is said to a SOCKS5 proxy.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.errors import ProxyFailure
from txmqtt.net.socks import Socks5

#: The beginning of an answer: connected.
YES = b"\x05\x00\x00"


class SocksTests(SynchronousTestCase):
    def test_request(self) -> None:
        """
        Names are for the proxy to resolve; addresses are told as such.
        """
        for host, said in (
            ("broker.example", b"\x05\x01\x00\x03\x0ebroker.example\x07\x5b"),
            ("192.0.2.1", b"\x05\x01\x00\x01\xc0\x00\x02\x01\x07\x5b"),
            ("2001:db8::1", b"\x05\x01\x00\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01\x07\x5b"),
        ):
            with self.subTest(host=host):
                handshake = Socks5(host, 1883)
                self.assertEqual(handshake.begin, b"\x05\x01\x00")
                self.assertEqual(handshake.feed(b"\x05\x00"), said)

    def test_answers(self) -> None:
        """
        Whatever address the proxy says that it has, we are connected, and what the server said meanwhile is not lost.
        """
        for answer in (
            YES + b"\x01\x7f\x00\x00\x01\x00\x01",
            YES + b"\x03\x00\x00\x01",
            YES + b"\x03\xff" + b"n" * 255 + b"\x00\x01",
            YES + b"\x04" + bytes(16) + b"\x00\x01",
        ):
            for whole in (True, False):
                with self.subTest(answer=answer, whole=whole):
                    handshake = Socks5("broker", 1883)
                    handshake.feed(b"\x05\x00")
                    if whole:
                        self.assertEqual(handshake.feed(answer + b"hello"), b"")
                        self.assertEqual(handshake.rest, b"hello")
                    else:
                        for position in range(len(answer)):
                            self.assertIsNone(handshake.rest)
                            self.assertEqual(handshake.feed(answer[position : position + 1]), b"")
                        self.assertEqual(handshake.rest, b"")

    def test_login(self) -> None:
        """
        User and password are said only to a proxy that asks for them.
        """
        handshake = Socks5("broker", 1883, "ann", "sesame")
        self.assertEqual(handshake.begin, b"\x05\x02\x00\x02")
        self.assertEqual(handshake.feed(b"\x05"), b"")
        self.assertEqual(handshake.feed(b"\x02"), b"\x01\x03ann\x06sesame")
        self.assertEqual(handshake.feed(b"\x01"), b"")
        self.assertEqual(handshake.feed(b"\x00"), b"\x05\x01\x00\x03\x06broker\x07\x5b")
        self.assertNotIn(b"sesame", Socks5("broker", 1883, "ann", "sesame").feed(b"\x05\x00"))

    def test_refused(self) -> None:
        """
        Whatever else a proxy says is an error that tells what it was.
        """
        table: list[tuple[list[bytes], str]] = [
            ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "said more than it was asked"),
            ([b"HT"], "does not speak SOCKS5"),
            ([b"\x04\x00"], "does not speak SOCKS5"),
            ([b"\x05\xff"], "wants a user and a password or does not know the one given"),
            ([b"\x05\x01"], "chose a way to log in that it was not offered"),
            ([b"\x05\x00" + YES], "said more than it was asked"),
            ([b"\x05\x02", b"\x01\x01"], "does not accept our user and password"),
            ([b"\x05\x02", b"\x01\x00\x05"], "said more than it was asked"),
            ([b"\x05\x00", b"\x05\x01"], r"failed \(SOCKS5 reply 1\)"),
            ([b"\x05\x00", b"\x05\x02"], r"does not allow it by its rules \(SOCKS5 reply 2\)"),
            ([b"\x05\x00", b"\x05\x03"], r"network unreachable \(SOCKS5 reply 3\)"),
            ([b"\x05\x00", b"\x05\x04"], r"host unreachable, .* \(SOCKS5 reply 4\)"),
            ([b"\x05\x00", b"\x05\x05\x00\x01" + bytes(6)], r"was refused the connection \(SOCKS5 reply 5\)"),
            ([b"\x05\x00", b"\x05\x06"], r"waited for too long \(SOCKS5 reply 6\)"),
            ([b"\x05\x00", b"\x05\x07"], r"does not know the command \(SOCKS5 reply 7\)"),
            ([b"\x05\x00", b"\x05\x08"], r"kind of address \(SOCKS5 reply 8\)"),
            ([b"\x05\x00", b"\x05\x63"], r"gave no reason that we know \(SOCKS5 reply 99\)"),
            ([b"\x05\x00", b"\x04\x00"], "does not speak SOCKS5"),
            ([b"\x05\x00", YES + b"\x09\x00"], "an address of the unknown kind 9"),
        ]
        for answers, words in table:
            with self.subTest(answers=answers):
                handshake = Socks5("broker", 1883, "ann", "sesame")
                with self.assertRaisesRegex(ProxyFailure, words) as caught:
                    for answer in answers:
                        handshake.feed(answer)
                self.assertIsNone(handshake.rest)
                self.assertNotIn("sesame", str(caught.exception))
        with self.assertRaisesRegex(ProxyFailure, "wants a user and a password: it"):
            Socks5("broker", 1883).feed(b"\x05\xff")
        with self.assertRaisesRegex(ProxyFailure, "not offered"):
            Socks5("broker", 1883).feed(b"\x05\x02")

    def test_what_it_cannot_say(self) -> None:
        """
        What does not fit into SOCKS5 is said before anything is sent.
        """
        for host, username, password, words in (
            ("a" * 256, None, None, "1 to 255 bytes, not 256"),
            ("fe80::1%eth0", None, None, "zone"),
            ("broker", "", "secret", "1 to 255 bytes each"),
            ("broker", "ann", None, "1 to 255 bytes each"),
            ("broker", "ann", "secret" * 50, "1 to 255 bytes each"),
        ):
            with self.subTest(words=words), self.assertRaisesRegex(ValueError, words) as caught:
                Socks5(host, 1883, username, password)
            self.assertNotIn("secret", str(caught.exception))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=40), max_size=8), st.booleans())
    def test_nonsense(self, answers: list[bytes], greeted: bool) -> None:
        """
        Whatever a proxy says, we are connected, or it is an error, or we wait for a bounded rest.
        """
        handshake = Socks5("broker", 1883, "ann", "sesame")
        try:
            for answer in [b"\x05\x00", *answers] if greeted else answers:
                if handshake.rest is not None:
                    break
                handshake.feed(answer)
                self.assertLess(len(handshake._heard), 262)
        except ProxyFailure:
            pass
