"""
User names in client certificates.
"""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import crypto
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support_tls import issued, subject
from txmqtt.net.access.certificates import CertificateChecker, How, certificate_name
from txmqtt.net.auth import FirstOf, Nameless, UsernamePassword

DNS, MAIL, URI = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier

FULL = issued(
    x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "AT"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "House, Garden"),
            x509.NameAttribute(NameOID.COMMON_NAME, "sensor-7"),
        ]
    ),
    [
        DNS("sensor-7.example"),
        MAIL("ann@example.org"),
        URI("urn:sensor:7"),
        x509.IPAddress(ip_address("::1")),
    ],
)[1]


class NameTests(SynchronousTestCase):
    def test_names(self) -> None:
        """
        The name is taken from where it was asked to be taken from.
        """
        table: dict[How, str] = {
            "cn": "sensor-7",
            "subject": "CN=sensor-7,O=House\\, Garden,C=AT",
            "san:dns": "sensor-7.example",
            "san:email": "ann@example.org",
            "san:uri": "urn:sensor:7",
        }
        for how, name in table.items():
            with self.subTest(how=how):
                self.assertEqual(certificate_name(FULL, how), name)
                self.assertEqual(certificate_name(crypto.X509.from_cryptography(FULL), how), name)

    def test_no_name(self) -> None:
        """
        A name that is not there, is not the only one, or shows as something else is no name.
        """
        nobody = x509.Name([])
        table: list[tuple[x509.Name, list[x509.GeneralName], How]] = [
            (nobody, [], "cn"),
            (nobody, [], "subject"),
            (nobody, [], "san:dns"),
            (nobody, [MAIL("a@example.org")], "san:dns"),
            (nobody, [DNS("a"), DNS("b")], "san:dns"),
            (nobody, [URI("")], "san:uri"),
            (subject("a", "b"), [], "cn"),
            (subject("a\nb"), [], "cn"),
            (subject("a\x00b"), [], "cn"),
            (subject("a\u202eb"), [], "cn"),
            (subject("a\nb"), [], "subject"),
        ]
        for name, alternatives, how in table:
            with self.subTest(name=name, alternatives=alternatives, how=how):
                self.assertIsNone(certificate_name(issued(name, alternatives)[1], how))


class CheckerTests(SynchronousTestCase):
    def test_let_in(self) -> None:
        """
        Whoever shows a certificate comes in under its name, whatever its CONNECT says.
        """
        checker = CertificateChecker("cn")
        verifyObject(ICredentialsChecker, checker)
        for credentials in (Nameless(certificate=FULL), UsernamePassword(b"root", b"x", certificate=FULL)):
            self.assertEqual(self.successResultOf(checker.requestAvatarId(credentials)), "sensor-7")

    def test_not_let_in(self) -> None:
        """
        Whoever shows none is left to others, and whoever shows one without a usable name is refused.
        """
        checker = CertificateChecker("cn")
        self.failureResultOf(checker.requestAvatarId(Nameless()), UnhandledCredentials)
        nobody = Nameless(certificate=issued(x509.Name([]))[1])
        self.failureResultOf(checker.requestAvatarId(nobody), LoginFailed)
        self.failureResultOf(FirstOf([checker]).requestAvatarId(Nameless()), UnhandledCredentials)

    def test_unknown_kind(self) -> None:
        """
        A kind of name that there is not is refused, with those that there are.
        """
        with self.assertRaisesRegex(ValueError, "'dn'; expected cn or subject or san:email"):
            CertificateChecker("dn")  # type: ignore[arg-type]
