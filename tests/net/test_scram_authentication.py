"""
Tests of txmqtt.net.scram_authentication: a client proves that it knows a password, and learns whether the server does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import RemoteProtocolError
from txmqtt.net.access import scram_client
from txmqtt.net.access.scram import encoded
from txmqtt.net.scram_authentication import ScramSHA256


class ScramTests(SynchronousTestCase):
    def asked(self, made: ScramSHA256, iterations: int) -> Deferred[bytes | None]:
        """
        One attempt, as far as the answer to the server's challenge.
        """
        attempt: Any = made()
        first = attempt.begin()
        nonce = first.decode().split("r=")[1]
        challenge = f"r={nonce}server,s={encoded(b'salt')},i={iterations}".encode()
        answer: Deferred[bytes | None] = maybeDeferred(attempt.answer, challenge)
        return answer

    def test_example(self) -> None:
        """
        The example of RFC 7677, word for word.
        """
        with patch.object(scram_client, "token_urlsafe", lambda size: "rOprNGfwEbeRWgbNEkqO"):
            attempt = ScramSHA256("user", "pencil")()
        self.assertEqual(attempt.begin(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        challenge = f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
        proof = f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
        self.assertEqual(attempt.answer(challenge), proof)
        attempt.finish(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        for lie in (b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", b"", None, b"e=other-error"):
            with self.assertRaisesRegex(RemoteProtocolError, "the server does not know the password"):
                attempt.finish(lie)

    def test_a_fresh_one_for_each_attempt(self) -> None:
        """
        No two attempts have a nonce in common.
        """
        made = ScramSHA256("ann", "secret")
        self.assertEqual(len({made().begin() for _ in range(10)}), 10)

    def test_beside_the_reactor(self) -> None:
        """
        What takes long is done elsewhere, and only that.
        """
        jobs: list[Callable[[], bytes]] = []
        later: Deferred[bytes] = Deferred()

        def hashing(job: Callable[[], bytes]) -> Deferred[bytes]:
            jobs.append(job)
            return later

        made = ScramSHA256("ann", "secret", hashing)
        self.assertIn(b",p=", self.successResultOf(self.asked(made, 20_000)) or b"")
        self.assertEqual(jobs, [])
        answer = self.asked(made, 20_001)
        self.assertNoResult(answer)
        later.callback(jobs[0]())
        self.assertIn(b",p=", self.successResultOf(answer) or b"")

    def test_too_much_work(self) -> None:
        """
        A server that asks for too little or too much gets nothing.
        """
        for iterations in (1, 4_095, 1_000_001, 10**30):
            answer = self.asked(ScramSHA256("ann", "secret"), iterations)
            self.failureResultOf(answer, RemoteProtocolError)

    def test_wrong_arguments(self) -> None:
        """
        What can't be a name or a password is refused at once, and never shown.
        """
        with self.assertRaisesRegex(TypeError, "password is bytes; expected str"):
            ScramSHA256("ann", b"secret")  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "username is NoneType; expected str"):
            ScramSHA256(None, "secret")  # type: ignore[arg-type]
        with self.assertRaises(ValueError) as caught:
            ScramSHA256("ann", "secret\x00")
        self.assertNotIn("secret", str(caught.exception))
        self.assertEqual(repr(ScramSHA256("ann", "secret")), "<SCRAM-SHA-256 of 'ann'>")
