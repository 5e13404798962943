"""
Which certificate whom is shown, who is let through, and how files become another.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from OpenSSL import SSL
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IStreamServerEndpoint
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support_tls import (
    DAY,
    Caller,
    Files,
    Joined,
    Pair,
    authority,
    certificates_pem,
    client,
    issued,
    key_pem,
    revocation,
    said,
    server,
    subject,
)
from txmqtt.net.options import IReloadable
from txmqtt.net.tls import Contexts, TLSServerEndpoint, TLSSettings


class TLSTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.files = Files(folder.name)
        self.certificate = self.files.pair("server.pem", server("localhost"))

    def serial(self, contexts: Contexts, name: str = "") -> int:
        """
        The certificate that a client sees who asks for this name.
        """
        joined = Joined(contexts, Caller(name))
        self.assertTrue(joined.works)
        return joined.shown


class NameTests(TLSTestCase):
    def test_one_certificate(self) -> None:
        """
        One certificate is shown to everybody, whatever they ask for.
        """
        contexts = Contexts(TLSSettings(self.certificate))
        verifyObject(IOpenSSLServerConnectionCreator, contexts)
        verifyObject(IReloadable, contexts)
        for name in ("", "localhost", "elsewhere.example"):
            with self.subTest(name=name):
                self.assertEqual(self.serial(contexts, name), server("localhost")[1].serial_number)

    def test_by_name(self) -> None:
        """
        Of a folder of certificates each client sees the one for the name that it asks for, in letters of any size,
        patterns included; whoever asks for another sees the default.
        """
        kitchen, garden, other = server("Kitchen.example", "k.example"), server("*.garden.example"), server("other")
        self.files.pair("names/a.pem", kitchen)
        self.files.write("names/b.crt", certificates_pem(garden))
        self.files.write("names/b.key", key_pem(garden))
        self.files.write("names/readme.txt", b"nothing")
        self.files.pair("names/default.pem", other)
        contexts = Contexts(TLSSettings(sni_directory=str(self.files.folder / "names")))
        table = {
            "kitchen.example": kitchen,
            "KITCHEN.EXAMPLE": kitchen,
            "k.example": kitchen,
            "rose.garden.example": garden,
            "garden.example": other,
            "red.rose.garden.example": other,
            "example": other,
            "*.garden.example": garden,
            "": other,
        }
        for name, (_, expected) in table.items():
            with self.subTest(name=name):
                self.assertEqual(self.serial(contexts, name), expected.serial_number)
        both = Contexts(TLSSettings(self.certificate, sni_directory=str(self.files.folder / "names")))
        self.assertEqual(self.serial(both, "k.example"), kitchen[1].serial_number)
        self.assertEqual(self.serial(both), server("localhost")[1].serial_number)

    def test_chain(self) -> None:
        """
        The chain is sent with the certificate, whether it is in its file or in another.
        """
        between = issued(subject("between"), by=authority(), authority=True)
        leaf = issued(subject("leaf"), by=between)
        self.files.write("key.pem", key_pem(leaf))
        together = self.files.write("together.pem", certificates_pem(leaf, between))
        alone = self.files.write("alone.pem", certificates_pem(leaf))
        chain = self.files.write("chain.pem", certificates_pem(between))
        key = str(self.files.folder / "key.pem")
        for settings in (TLSSettings(together, key), TLSSettings(alone, key, chain=chain)):
            joined = Joined(Contexts(settings), Caller())
            seen = joined.client.getHandle().get_peer_cert_chain()
            self.assertEqual(
                [each.get_serial_number() for each in seen], [leaf[1].serial_number, between[1].serial_number]
            )

    def test_passphrase(self) -> None:
        """
        A key may be locked, with its passphrase in a file; the passphrase is in no error.
        """
        locked = self.files.write("locked.pem", key_pem(server("localhost"), b"open sesame"))
        right = self.files.write("right", b"open sesame\n")
        self.serial(Contexts(TLSSettings(self.certificate, locked, right)))
        wrong = self.files.write("wrong", b"open rice\n")
        empty = self.files.write("empty", b"\n")
        for passphrase, words in (("", "is encrypted"), (wrong, "can't be read with"), (empty, "is empty")):
            with self.assertRaisesRegex(ValueError, words) as caught:
                Contexts(TLSSettings(self.certificate, locked, passphrase))
            self.assertNotIn("rice", str(caught.exception))


class VersionTests(TLSTestCase):
    def test_versions(self) -> None:
        """
        TLS 1.2 and 1.3 are spoken, or 1.3 only; nothing older.
        """
        table = (
            ("1.2", SSL.TLS1_1_VERSION, False),
            ("1.2", SSL.TLS1_2_VERSION, True),
            ("1.2", SSL.TLS1_3_VERSION, True),
            ("1.3", SSL.TLS1_2_VERSION, False),
            ("1.3", SSL.TLS1_3_VERSION, True),
        )
        for minimum, newest, works in table:
            with self.subTest(minimum=minimum, newest=newest):
                contexts = Contexts(TLSSettings(self.certificate, minimum_version=minimum))  # type: ignore[arg-type]
                self.assertEqual(Joined(contexts, Caller(newest=newest)).works, works)

    def test_ciphers(self) -> None:
        """
        The ciphers can be chosen, those of TLS 1.3 and of TLS 1.2 each by their own names.
        """
        chosen = "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"
        contexts = Contexts(TLSSettings(self.certificate, ciphers=chosen))
        for newest, cipher in zip((SSL.TLS1_3_VERSION, SSL.TLS1_2_VERSION), chosen.split(":"), strict=True):
            joined = Joined(contexts, Caller(newest=newest))
            self.assertEqual(joined.client.getHandle().get_cipher_name(), cipher)

    def test_renegotiation(self) -> None:
        """
        A client can't make the server begin anew on the same connection: it costs the server more than the client.
        """
        joined = Joined(Contexts(TLSSettings(self.certificate)), Caller(newest=SSL.TLS1_2_VERSION))
        self.assertTrue(joined.works)
        handle = joined.server.getHandle()
        before = handle.total_renegotiations()
        client_handle = joined.client.getHandle()
        try:
            client_handle.renegotiate()
            client_handle.do_handshake()
        except SSL.Error:
            pass
        joined.client._flushSendBIO()
        joined.carry()
        self.assertEqual(handle.total_renegotiations(), before)


class ClientCertificateTests(TLSTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ca = self.files.write("ca.pem", certificates_pem(authority()))

    def works(self, contexts: Contexts, shows: Pair | None) -> bool:
        return Joined(contexts, Caller(shows=shows)).works

    def test_required_and_optional(self) -> None:
        """
        Where certificates are required nobody comes in without one; where they are optional anybody, but nobody with
        one that is not good.
        """
        stranger = issued(subject("sensor-7"), by=authority("another authority"))
        late = issued(subject("late"), by=authority(), ends=datetime.now(UTC) - DAY / 2)
        for kind, without in (("required", False), ("optional", True)):
            contexts = Contexts(TLSSettings(self.certificate, ca=self.ca, client_certificates=kind))  # type: ignore[arg-type]
            shown = ((None, without), (client(), True), (stranger, False), (late, False), (issued(subject("x")), False))
            for shows, expected in shown:
                with self.subTest(kind=kind, shows=shows and shows[1].subject):
                    self.assertEqual(self.works(contexts, shows), expected)

    def test_what_the_server_sees(self) -> None:
        """
        The server knows the certificate that was shown, and none where none was.
        """
        contexts = Contexts(TLSSettings(self.certificate, ca=self.ca, client_certificates="optional"))
        joined = Joined(contexts, Caller(shows=client("pump-3")))
        self.assertEqual(joined.server.getPeerCertificate().to_cryptography(), client("pump-3")[1])
        self.assertIsNone(Joined(contexts, Caller()).server.getPeerCertificate())

    def test_authorities_in_a_folder(self) -> None:
        """
        The authorities may be files in a folder, several of them; also with names by which clients choose.
        """
        self.files.write("authorities/one.pem", certificates_pem(authority("one"), authority("one")))
        self.files.write("authorities/two.crt", certificates_pem(authority("two")))
        self.files.pair("names/a.pem", server("a.example"))
        settings = TLSSettings(
            self.certificate,
            sni_directory=str(self.files.folder / "names"),
            ca=str(self.files.folder / "authorities"),
            client_certificates="required",
        )
        contexts = Contexts(settings)
        for name in ("", "a.example"):
            for by, expected in (("one", True), ("two", True), ("three", False)):
                with self.subTest(name=name, by=by):
                    shows = issued(subject("c"), by=authority(by))
                    self.assertEqual(Joined(contexts, Caller(name, shows)).works, expected)

    def test_revoked(self) -> None:
        """
        A revoked certificate is refused, and the log says whose and why; the others are not.
        """
        crl = self.files.write("crl.pem", revocation(client("stolen")))
        contexts = Contexts(TLSSettings(self.certificate, ca=self.ca, crl=crl, client_certificates="required"))
        self.assertTrue(self.works(contexts, client()))
        with said() as lines:
            self.assertFalse(self.works(contexts, client("stolen")))
        self.assertIn("the client certificate 'CN=stolen' was refused: it is revoked", "\n".join(lines))

    def test_no_valid_list(self) -> None:
        """
        Without a list of revoked certificates that is valid now nobody comes in, and the log says why: when it has
        expired, at the start too.
        """
        table = (
            (revocation(ends=datetime.now(UTC) - DAY), "has expired"),
            (revocation(by=authority("another authority")), "there is no list of revoked certificates"),
        )
        for data, why in table:
            with self.subTest(why=why):
                crl = self.files.write("crl.pem", data)
                with said() as lines:
                    contexts = Contexts(
                        TLSSettings(self.certificate, ca=self.ca, crl=crl, client_certificates="optional")
                    )
                self.assertEqual("has expired" in "".join(lines), why == "has expired")
                with said() as lines:
                    self.assertFalse(self.works(contexts, client()))
                self.assertIn(why, "\n".join(lines))


class ReloadTests(TLSTestCase):
    def test_new_certificate(self) -> None:
        """
        When the certificate is replaced, whoever comes afterwards sees the new one, and whoever is connected stays.
        """
        endpoint = Contexts(TLSSettings(self.certificate))
        before = Joined(endpoint, Caller())
        self.assertFalse(endpoint.changed())
        new = issued(subject("new"))
        self.files.pair("server.pem", new)
        self.assertTrue(endpoint.changed())
        endpoint.reload()
        self.assertFalse(endpoint.changed())
        self.assertEqual(self.serial(endpoint), new[1].serial_number)
        self.assertTrue(before.works)
        self.assertEqual(before.shown, server("localhost")[1].serial_number)

    def test_revoked_meanwhile(self) -> None:
        """
        Whoever is revoked is refused from the next reload on.
        """
        crl = self.files.write("crl.pem", revocation())
        ca = self.files.write("ca.pem", certificates_pem(authority()))
        contexts = Contexts(TLSSettings(self.certificate, ca=ca, crl=crl, client_certificates="required"))
        self.assertTrue(Joined(contexts, Caller(shows=client())).works)
        self.files.write("crl.pem", revocation(client()))
        contexts.reload()
        self.assertFalse(Joined(contexts, Caller(shows=client())).works)

    def test_middle_of_a_handshake(self) -> None:
        """
        A reload in the middle of a handshake harms nobody.
        """
        ca = self.files.write("ca.pem", certificates_pem(authority()))
        contexts = Contexts(TLSSettings(self.certificate, ca=ca, client_certificates="required"))

        class Slow(Joined):
            def carry(self) -> None:
                contexts.reload()
                super().carry()

        self.assertTrue(Slow(contexts, Caller(shows=client())).works)

    def test_all_or_nothing(self) -> None:
        """
        Files that can't be used change nothing: the error says which, and what was in force stays in force. The same
        files are not tried again until they change.
        """
        names = self.files.folder / "names"
        self.files.pair("names/default.pem", server("d.example"))
        self.files.pair("names/a.pem", server("a.example"))
        contexts = Contexts(TLSSettings(sni_directory=str(names)))
        self.files.pair("names/default.pem", server("other.example"))
        self.files.write("names/a.pem", b"half a certificate")
        self.assertTrue(contexts.changed())
        with self.assertRaisesRegex(ValueError, "a.pem holds no certificate"):
            contexts.reload()
        self.assertFalse(contexts.changed())
        self.assertEqual(self.serial(contexts), server("d.example")[1].serial_number)
        self.assertEqual(self.serial(contexts, "a.example"), server("a.example")[1].serial_number)
        os.unlink(names / "a.pem")
        self.assertTrue(contexts.changed())
        contexts.reload()
        self.assertEqual(self.serial(contexts), server("other.example")[1].serial_number)

    def test_added_to_a_folder(self) -> None:
        """
        A file that comes into a folder, or goes, is a change; so is a key beside a certificate.
        """
        self.files.pair("names/default.pem", server("d.example"))
        contexts = Contexts(TLSSettings(sni_directory=str(self.files.folder / "names")))
        for change in ("a.pem", "b.key"):
            self.files.pair(f"names/{change}", server("a.example"))
            self.assertTrue(contexts.changed())
            contexts.reload()
            self.assertFalse(contexts.changed())
        self.assertEqual(self.serial(contexts, "a.example"), server("a.example")[1].serial_number)


class SettingsTests(TLSTestCase):
    def test_unusable(self) -> None:
        """
        Whatever can't be used is refused at the start, with the name of the file and the reason.
        """
        ca = self.files.write("ca.pem", certificates_pem(authority()))
        alone = self.files.write("alone.pem", certificates_pem(server("localhost")))
        foreign = self.files.write("foreign.pem", key_pem(server("elsewhere")))
        broken = self.files.write("broken.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        no_key = self.files.write("no_key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        empty = self.files.write("empty/x.txt", b"").rpartition("/")[0]
        self.files.pair("names/a.pem", server("a.example"))
        asked = {"ca": ca, "client_certificates": "required"}
        table: list[tuple[dict[str, str], str]] = [
            ({}, "TLS has no certificate"),
            ({"key": foreign, "sni_directory": empty}, "not the certificate that it belongs to"),
            ({"certificate": "/nowhere/cert.pem"}, "/nowhere/cert.pem can't be read: No such file"),
            ({"certificate": "a\0b"}, "can't be read"),
            ({"certificate": alone}, "alone.pem holds no private key"),
            ({"certificate": alone, "key": foreign}, "foreign.pem does not belong to the first certificate"),
            ({"certificate": alone, "key": no_key}, "the private key in .*no_key.pem can't be read"),
            ({"certificate": broken}, "broken.pem: a certificate in it can't be read"),
            ({"sni_directory": ca}, "is no folder"),
            ({"sni_directory": empty}, "no certificate for clients that ask for no name; .* default.pem in .*empty"),
            ({"sni_directory": str(self.files.folder / "names")}, "no certificate for clients that ask for no name"),
            ({"certificate": self.certificate, "ca": ca}, "clients are not asked for certificates"),
            ({"certificate": self.certificate, "username_from": "cn"}, "clients are not asked for certificates"),
            ({"certificate": self.certificate, "client_certificates": "optional"}, "need the authorities"),
            ({"certificate": self.certificate, **asked, "ca": empty}, "empty holds no certificate"),
            ({"certificate": self.certificate, **asked, "crl": ca}, "ca.pem holds no list of revoked"),
            ({"certificate": self.certificate, **asked, "crl": "/nowhere/crl"}, "/nowhere/crl can't be read"),
            ({"certificate": self.certificate, "ciphers": "NONE-SUCH"}, "'NONE-SUCH' is no list of cipher suites"),
            ({"certificate": self.certificate, "ciphers": "TLS_NONE"}, "'TLS_NONE' is no list of cipher suites"),
            ({"certificate": self.certificate, "dh_parameters": ca}, "ca.pem holds no Diffie-Hellman parameters"),
            ({"certificate": self.certificate, "dh_parameters": "/nowhere/dh"}, "/nowhere/dh holds no Diffie"),
        ]
        for settings, words in table:
            with self.subTest(settings=settings), self.assertRaisesRegex(ValueError, words):
                Contexts(TLSSettings(**settings))  # type: ignore[arg-type]

    def test_endpoint(self) -> None:
        """
        The endpoint refuses what its contexts refuse, reloads and knows its settings.
        """

        nowhere = TCP4ServerEndpoint(None, 0)
        endpoint = TLSServerEndpoint(nowhere, TLSSettings(self.certificate))
        verifyObject(IStreamServerEndpoint, endpoint)
        verifyObject(IReloadable, endpoint)
        self.assertEqual(endpoint.settings.certificate, self.certificate)
        self.files.write("server.pem", b"nothing")
        self.assertTrue(endpoint.changed())
        with self.assertRaisesRegex(ValueError, "server.pem holds no certificate"):
            endpoint.reload()
        with self.assertRaisesRegex(ValueError, "TLS has no certificate"):
            TLSServerEndpoint(nowhere, TLSSettings())
