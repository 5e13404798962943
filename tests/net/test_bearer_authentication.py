"""
Tests of txmqtt.net.bearer_authentication: a client that logs in with a token, and renews it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.net.test_exchange import ExchangeTestCase
from txmqtt import Refused
from txmqtt.codec.packets import Auth, Connack, Connect, Packet
from txmqtt.codec.properties import Properties
from txmqtt.net.bearer_authentication import OAuthBearer


def begun(bearer: OAuthBearer) -> tuple[Any, Deferred[Any]]:
    """
    One attempt, and its first words.
    """
    attempt: Any = bearer()
    return attempt, maybeDeferred(attempt.begin)


class BearerTests(SynchronousTestCase):
    def test_words(self) -> None:
        """
        The token is said as RFC 7628 has it, whether it comes at once, later, or from a coroutine; with its life, the
        client renews at four fifths of that.
        """

        async def coroutine() -> tuple[str, float]:
            return await succeed(("abc", 100.0))

        table: tuple[tuple[Callable[[], Any], float | None], ...] = (
            (lambda: "abc", None),
            (lambda: ("abc", None), None),
            (lambda: ("abc", 100), 80.0),
            (lambda: succeed("abc"), None),
            (lambda: succeed(("abc", 3600.0)), 2880.0),
            (coroutine, 80.0),
        )
        for fetch, after in table:
            attempt, first = begun(OAuthBearer(fetch))
            self.assertEqual(self.successResultOf(first), b"n,,\x01auth=Bearer abc\x01\x01")
            self.assertEqual((attempt.method, attempt.renew_after), ("OAUTHBEARER", after))

    def test_username(self) -> None:
        """
        Who is to be somebody says whom.
        """
        _, first = begun(OAuthBearer(lambda: "abc", "a=b,c"))
        self.assertEqual(self.successResultOf(first), b"n,a=a=3Db=2Cc,\x01auth=Bearer abc\x01\x01")

    def test_no_token(self) -> None:
        """
        What is no token is refused, and not shown.
        """
        wrong: Any
        for wrong in (b"sesame", None, 5, ("sesame", 1, 2), ("sesame", "60"), ("sesame", True)):
            _, first = begun(OAuthBearer(lambda wrong=wrong: wrong))  # type: ignore[misc]
            self.assertNotIn("sesame", str(self.failureResultOf(first, TypeError).value))
        for wrong in ("", "two sesames", "sesame\x01", ("sesame", 0), ("sesame", -1), ("sesame", float("inf"))):
            _, first = begun(OAuthBearer(lambda wrong=wrong: wrong))  # type: ignore[misc]
            self.assertNotIn("sesame", str(self.failureResultOf(first, ValueError).value))

    def test_wrong_arguments(self) -> None:
        """
        A token in the place of what fetches one is refused, and not shown.
        """
        with self.assertRaisesRegex(TypeError, "fetch is str; expected a callable"):
            OAuthBearer("sesame")  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "username is NoneType"):
            OAuthBearer(lambda: "abc", None)  # type: ignore[arg-type]
        self.assertEqual(repr(OAuthBearer(lambda: "abc")), "<OAUTHBEARER>")


class ConversationTests(ExchangeTestCase):
    def test_renewed(self) -> None:
        """
        A client fetches a token, and a fresh one before it expires.
        """
        tokens = ["one", "two"]
        bearer = OAuthBearer(lambda: (tokens.pop(0), 10.0))
        client = self.make(authentication=bearer)
        self.assertEqual(self.data(*self.said()), b"n,,\x01auth=Bearer one\x01\x01")
        self.hears(Connack(0, False, Properties(authentication_method="OAUTHBEARER")))
        self.successResultOf(client.whenReady())
        self.clock.advance(8)
        self.assertEqual(self.data(*self.said()), b"n,,\x01auth=Bearer two\x01\x01")
        self.hears(Auth(0, Properties(authentication_method="OAUTHBEARER")))
        self.assertEqual(tokens, [])

    def test_not_taken(self) -> None:
        """
        A server that does not take the token says why, and hears the one byte that it waits for before it refuses.
        """
        client = self.make(authentication=OAuthBearer(lambda: "abc"))
        self.said()
        why = b'{"status":"invalid_token"}'
        self.hears(Auth(0x18, Properties(authentication_method="OAUTHBEARER", authentication_data=why)))
        self.assertEqual(self.data(*self.said()), b"\x01")
        self.hears(Connack(0x87))
        self.failureResultOf(client.whenReady(), Refused)

    def data(self, packet: Packet) -> bytes | None:
        """
        What a packet says of who we are.
        """
        assert isinstance(packet, Connect | Auth) and packet.properties is not None
        return packet.properties.authentication_data
