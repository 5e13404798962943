"""
Tests of txmqtt.net.access.question.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from OpenSSL.crypto import X509
from twisted.cred.error import UnhandledCredentials
from twisted.trial.unittest import SynchronousTestCase

from tests.net.access.signing import CURVE
from tests.net.access.support import credentials, nameless
from txmqtt.net.access.question import Template, as_form, as_json


def certificate() -> X509:
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Us"), x509.NameAttribute(NameOID.COMMON_NAME, "düse")]
    )
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, CURVE.public_key(), 7, now, now + timedelta(days=1))
    return X509.from_cryptography(builder.sign(CURVE, SHA256()))


class QuestionTests(SynchronousTestCase):
    def test_filled(self) -> None:
        """
        Fields say what the client has said, and who it is for TLS.
        """
        template = Template(
            [
                "u=${username}",
                "p=x${password}y",
                "c=${clientid}@${peerhost}",
                "cn=${cert_common_name}",
                "s=${cert_subject}",
                "fixed=$a{b}=c",
                "empty=",
            ]
        )
        self.assertEqual(
            template.filled(credentials("zoë", b"\xff", "c1", certificate())),
            [
                ("u", "zoë".encode()),
                ("p", b"x\xffy"),
                ("c", b"c1@192.0.2.7"),
                ("cn", "düse".encode()),
                ("s", "CN=düse,O=Us".encode()),
                ("fixed", b"$a{b}=c"),
                ("empty", b""),
            ],
        )
        self.assertEqual(
            [value for _, value in template.filled(nameless("c"))][:5], [b"", b"xy", b"c@192.0.2.7", b"", b""]
        )

    def test_no_nesting(self) -> None:
        """
        What a client says is never taken for a placeholder.
        """
        ((_, value),) = Template(["u=${username}"]).filled(credentials("${password}", "secret"))
        self.assertEqual(value, b"${password}")

    def test_forms(self) -> None:
        """
        In each form the fields can't be shifted against each other.
        """
        fields = [("a", b'1"&b=2'), ("b", "ü ?".encode())]
        self.assertEqual(as_json(fields), b'{"a": "1\\"&b=2", "b": "\\u00fc ?"}')
        self.assertEqual(as_form(fields), b"a=1%22%26b%3D2&b=%C3%BC%20%3F")
        self.assertEqual(as_form([("p", b"\xff")]), b"p=%FF")
        with self.assertRaises(UnhandledCredentials):
            as_json([("p", b"\xff")])

    def test_wrong(self) -> None:
        """
        A field that says nothing, or what there is not, is named.
        """
        for fields, why in (
            (["username"], "expected NAME=VALUE"),
            (["=${username}"], "expected NAME=VALUE"),
            (["a=${username}", "a=b"], "'a' comes twice"),
            (["a=${user}"], r"'a': \$\{user\}: expected some of"),
            (["a=${password}"], "anybody could give any name"),
            ([], "anybody could give any name"),
        ):
            with self.subTest(fields=fields), self.assertRaisesRegex(ValueError, why):
                Template(fields)
