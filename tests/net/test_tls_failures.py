"""
Why TLS did not come about, in words.
"""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.errors import ConnectionClosed, TLSFailure
from txmqtt.net.tls_failures import explain, understood


def openssl(*words: str) -> SSL.Error:
    return SSL.Error([("SSL routines", "", each) for each in words])


class ExplainTests(SynchronousTestCase):
    def test_openssl(self) -> None:
        """
        What OpenSSL says becomes a kind, which says what to look at, and words.
        """
        for said, kind, words in (
            ("tlsv13 alert certificate required", "client", "wants a certificate of ours"),
            ("tlsv1 alert unknown ca", "client", "does not know the authority of our certificate"),
            ("ssl/tls alert bad certificate", "client", "does not accept our certificate"),
            ("sslv3 alert bad certificate", "client", "does not accept our certificate"),
            ("ssl/tls alert certificate expired", "client", "our certificate has expired"),
            ("ssl/tls alert certificate revoked", "client", "our certificate is revoked"),
            ("ssl/tls alert certificate unknown", "client", "does not accept our certificate"),
            ("ssl/tls alert unsupported certificate", "client", "our kind of certificate"),
            ("tlsv1 alert access denied", "client", "gives no access"),
            ("tlsv1 unrecognized name", "name", "does not know the name"),
            ("tlsv1 alert no application protocol", "other", "ALPN"),
            ("tlsv1 alert protocol version", "other", "none of our versions"),
            ("ssl/tls alert handshake failure", "other", "no common ground"),
            ("certificate verify failed", "trust", "not trusted"),
            ("unsupported protocol", "other", "none of our versions"),
            ("wrong version number", "plain", "does not speak TLS there (wrong version number)"),
            ("record layer failure", "plain", "does not speak TLS"),
            ("packet length too long", "plain", "does not speak TLS"),
            ("the dog ate it", "other", "TLS failed: the dog ate it"),
        ):
            with self.subTest(said=said):
                found = understood(Failure(openssl(said)))
                assert found is not None
                self.assertIsInstance(found, ConnectionClosed)
                self.assertEqual((found.kind, found.remote), (kind, True))
                self.assertIn(words, str(found))

    def test_twisted(self) -> None:
        """
        What Twisted's own TLS finds is understood as well.
        """
        for error in (VerificationError(errors=[]), CertificateError("no names")):
            found = understood(Failure(error), "broker.example")
            assert found is not None
            self.assertEqual(found.kind, "name")
            self.assertEqual(str(found), "the server's certificate is for another name, not for 'broker.example'")
        self.assertEqual(explain(Failure(VerificationError(errors=[]))), "the server's certificate is for another name")

    def test_others(self) -> None:
        """
        What is no failure of TLS is told in its own words.
        """
        self.assertIsNone(understood(Failure(ConnectionLost())))
        self.assertEqual(explain(Failure(ValueError("a word"))), "a word")
        ours = TLSFailure("ours", "date")
        self.assertIs(understood(Failure(ours)), ours)
        self.assertEqual(explain(Failure(ours)), "ours")
