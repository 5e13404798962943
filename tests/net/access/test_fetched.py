"""
Tests of txmqtt.net.access.fetched.
"""

from __future__ import annotations

import json
from typing import Any

from jwt.algorithms import ECAlgorithm
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.net.access.serving import Server
from tests.net.access.signing import CURVE, OTHER_CURVE, signed
from tests.net.access.support import ask
from txmqtt.net.access.fetched import FetchedKeys
from txmqtt.net.access.jwt import Tokens, TokenSettings
from txmqtt.net.access.web import Web
from txmqtt.net.auth import LoginUndecided

URL = "https://keys.example/set"


def key_set(**keys: Any) -> bytes:
    found = [{**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name} for name, key in keys.items()]
    return json.dumps({"keys": found}).encode()


class FetchedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Server()
        self.server.body = key_set(a=CURVE)
        web = Web(self.clock, 5.0, 10_000, agent=self.server)
        self.keys = FetchedKeys(web, URL, self.clock.seconds, lifetime=600, pause=30, grace=3600)

    def find(self, name: str | None = "a") -> Deferred[list[str | None]]:
        async def names() -> list[str | None]:
            return [key.name for key in await self.keys.find("ES256", name)]

        finding = Deferred.fromCoroutine(names())
        self.server.flush()
        return finding

    def found(self, name: str | None = "a") -> list[str | None]:
        return self.successResultOf(self.find(name))

    def test_kept(self) -> None:
        """
        Keys are fetched when the first token comes, and again when they are old.
        """
        self.assertEqual(self.server.asked, [])
        for _ in range(3):
            self.assertEqual(self.found(), ["a"])
            self.clock.advance(250)
        self.assertEqual(len(self.server.asked), 1)
        self.server.body = key_set(b=CURVE)
        self.assertEqual(self.found(None), ["b"])
        self.assertEqual(len(self.server.asked), 2)

    def test_unknown_name(self) -> None:
        """
        A token that names an unknown key has the keys fetched again, but no more than every so often.
        """
        self.found()
        self.server.body = key_set(a=CURVE, b=OTHER_CURVE)
        self.assertEqual(self.found("b"), [])
        self.clock.advance(30)
        self.assertEqual(self.found("b"), ["b"])
        for n in range(50):
            self.assertEqual(self.found(f"x{n}"), [])
        self.assertEqual(len(self.server.asked), 2)

    def test_once(self) -> None:
        """
        However many wait for the keys, they are fetched once; whoever leaves does not disturb the others.
        """
        self.server.status = 0
        finding = [self.find() for _ in range(5)]
        self.assertEqual(len(self.server.asked), 1)
        finding[1].cancel()
        self.failureResultOf(finding[1])
        (request,) = self.server.pending
        request.write(self.server.body)
        request.finish()
        self.server.flush()
        for each in (finding[0], *finding[2:]):
            self.assertEqual(self.successResultOf(each), ["a"])

    def test_grace(self) -> None:
        """
        When newer keys can't be fetched, the last good ones serve for a while, and nobody comes in after that. That is
        tried, and said, every so often only.
        """
        self.found()
        for body, status in ((b"<html>", 200), (b"", 500), (key_set(), 200)):
            self.server.body, self.server.status = body, status
            self.clock.advance(601)
            with capturedLogs() as logs:
                for _ in range(3):
                    self.assertEqual(self.found(), ["a"])
            self.assertEqual(len(logs), 1)
        self.assertEqual(self.keys.failures, 3)
        self.clock.advance(2400)
        self.failureResultOf(self.find(), LoginUndecided)
        self.clock.advance(30)
        self.server.body, self.server.status = key_set(a=CURVE), 200
        self.assertEqual(self.found(), ["a"])

    def test_never(self) -> None:
        """
        Without keys nobody comes in, and the server is left in peace for a while.
        """
        self.server.status = 404
        for _ in range(3):
            self.failureResultOf(self.find(), LoginUndecided)
        self.assertEqual(len(self.server.asked), 1)

    def test_too_slow(self) -> None:
        """
        A server that does not answer holds a login up for no longer than it may.
        """
        self.server.status = 0
        finding = self.find()
        self.clock.advance(5)
        self.failureResultOf(finding, LoginUndecided)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TokensTests(SynchronousTestCase):
    def test_fetched(self) -> None:
        """
        Tokens are verified with the keys that a server publishes, by their names; without keys it can't be decided.
        """
        clock, server = Clock(), Server()
        server.body = key_set(a=CURVE)
        settings = TokenSettings(("ES256",), key_set_url=URL)
        checker = Tokens(settings, clock, clock.seconds, lambda: 1000.0, server)
        good = signed(CURVE, "ES256", {"sub": "ann", "exp": 2000}, kid="a")
        login = ask(checker, "", good)
        server.flush()
        self.assertEqual(self.successResultOf(login).name, "ann")
        server.status = 500
        checker.reload()
        login = ask(checker, "", good)
        server.flush()
        self.failureResultOf(login, LoginUndecided)
        self.assertEqual((checker.failures, checker.allowed), (1, 1))
        checker.stop()
