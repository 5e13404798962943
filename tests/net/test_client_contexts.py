"""
Whom a client trusts, shown by handshakes in memory.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.net.support_client_tls import ClientTLSTestCase, Meeting, Server
from tests.net.support_tls import DAY, Pair, authority, certificates_pem, client, issued, key_pem, said, server, subject
from txmqtt.codec.errors import TLSFailure
from txmqtt.net import client_contexts
from txmqtt.net.client_contexts import ClientContexts
from txmqtt.net.client_tls import TLS

CA = certificates_pem(authority())
NAME = [x509.DNSName("broker.example")]


def signed(*names: x509.GeneralName, **more: Any) -> Pair:
    """
    A certificate of our authority.
    """
    return issued(subject("broker"), names or NAME, authority(), **more)


class TrustTests(ClientTLSTestCase):
    def failure(self, meeting: Meeting) -> tuple[str, str]:
        error = self.failureResultOf(meeting.waiting, TLSFailure).value
        return error.kind, str(error)

    def test_good(self) -> None:
        """
        A server is trusted that is who it should be, by name, by pattern or by address; it is asked for its name, but
        not for an address.
        """
        table: list[tuple[x509.GeneralName, str, list[bytes | None]]] = [
            (x509.DNSName("broker.example"), "broker.example", [b"broker.example"]),
            (x509.DNSName("*.broker.example"), "eu.broker.example.", [b"eu.broker.example"]),
            (x509.IPAddress(ip_address("192.0.2.1")), "192.0.2.1", [None]),
            (x509.IPAddress(ip_address("2001:db8::1")), "2001:db8::1", [None]),
        ]
        for certified, name, asked in table:
            with self.subTest(name=name):
                there = Server(signed(certified))
                meeting = self.meet(there, TLS(ca=CA), name)
                above: Any = self.successResultOf(meeting.waiting)
                self.assertEqual(there.asked, asked)
                meeting.server.write(b"hello")
                meeting.carry()
                self.assertEqual(above.heard, ["made", b"hello"])

    def test_name(self) -> None:
        """
        A certificate for another name is refused, and the words say for which it is; a common name does not count.
        """
        many = [x509.DNSName(f"{each}.example") for each in "abcdef"]
        for names, name, words in (
            ([x509.DNSName("other.example")], "broker.example", "is for 'other.example', not for 'broker.example'"),
            (many, "broker.example", "is for 'a.example', 'b.example', 'c.example', 'd.example', ..., not for"),
            (NAME, "192.0.2.1", "is for 'broker.example', not for '192.0.2.1'"),
            ([x509.IPAddress(ip_address("192.0.2.2"))], "192.0.2.1", "is for '192.0.2.2', not for '192.0.2.1'"),
            ([x509.RFC822Name("a@b.example")], "broker.example", "is for no host, not for 'broker.example'"),
            ([], "broker.example", "has no alternative name; expected 'broker.example'"),
        ):
            with self.subTest(words=words):
                pair = issued(subject("broker.example"), names, authority())
                kind, said = self.failure(self.meet(Server(pair), TLS(ca=CA), name))
                self.assertEqual(kind, "name")
                self.assertIn(words, said)

    def test_date(self) -> None:
        """
        A certificate that has expired, or is not valid yet, is refused, and the words say when it is.
        """
        now = datetime.now(UTC)
        begins, ends = now - 3 * DAY, now - 2 * DAY
        kind, said = self.failure(self.meet(Server(signed(begins=begins, ends=ends)), TLS(ca=CA)))
        self.assertEqual(kind, "date")
        self.assertIn("it has expired", said)
        self.assertIn(f"from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC", said)
        early = signed(begins=now + DAY, ends=now + 2 * DAY)
        kind, said = self.failure(self.meet(Server(early), TLS(ca=CA)))
        self.assertEqual((kind, "it is not valid yet" in said), ("date", True))

    def test_trust(self) -> None:
        """
        A certificate is refused whose authority is not known here, or that is signed by itself.
        """
        others = issued(subject("others"), authority=True)
        for pair, chain, words in (
            (issued(subject("b"), NAME, others), [], "its authority is not known here"),
            (issued(subject("b"), NAME, others), [others], "signed by itself, and not known here|not known here"),
            (issued(subject("b"), NAME), [], "it is signed by itself, and not known here"),
        ):
            with self.subTest(words=words):
                kind, said = self.failure(self.meet(Server(pair, *chain), TLS(ca=CA)))
                self.assertEqual(kind, "trust")
                self.assertRegex(said, words)
        kind, _ = self.failure(self.meet(Server(signed()), TLS()))
        self.assertEqual(kind, "trust")

    def test_another_name_is_wanted(self) -> None:
        """
        C{server_name} is what the server is asked for and what it must prove, whatever it is called by.
        """
        there = Server(signed())
        self.successResultOf(self.meet(there, TLS(ca=CA, server_name="broker.example"), "192.0.2.1").waiting)
        self.assertEqual(there.asked, [b"broker.example"])
        tls = TLS(ca=CA, server_name="other.example")
        self.assertEqual(self.failure(self.meet(Server(signed()), tls))[0], "name")

    def test_not_verified(self) -> None:
        """
        Without verification any server will do, which the log warns of.
        """
        with said() as logged:
            meeting = self.meet(Server(issued(subject("x"))), TLS(verify=False))
        self.successResultOf(meeting.waiting)
        self.assertEqual(logged, ["TLS to 'broker.example' takes any server for the right one: verify is False"])

    def test_an_error_of_ours_is_no_yes(self) -> None:
        """
        When something goes wrong as we look at a certificate, the server is refused.
        """

        def broken(*args: object) -> None:
            raise RuntimeError("a bug")

        self.patch(client_contexts, "verify_service_identity", broken)
        self.failureResultOf(self.meet(Server(signed()), TLS(ca=CA)).waiting, TLSFailure)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_not_asked(self) -> None:
        """
        Should OpenSSL end a handshake without asking us, that is no yes either.
        """
        contexts = ClientContexts(TLS(ca=CA), "broker.example")
        contexts._context.set_verify(SSL.VERIFY_NONE)
        kind, said = self.failure(Meeting(contexts, Server(signed())))
        self.assertEqual((kind, said), ("trust", "the server was not asked to prove who it is"))

    def test_interface(self) -> None:
        """
        It is what Twisted's own TLS takes.
        """
        self.assertTrue(verifyObject(IOpenSSLClientConnectionCreator, ClientContexts(TLS(ca=CA), "a")))


class ShownTests(ClientTLSTestCase):
    def shown(self, tls: TLS) -> int:
        """
        The number of the certificate that a server sees of us.
        """
        there = Server(server("broker.example"))
        there.ask_for_certificates(True)
        meeting = self.meet(there, tls)
        self.successResultOf(meeting.waiting)
        certificate = meeting.server.getPeerCertificate()
        return int(certificate.get_serial_number())

    def test_certificate(self) -> None:
        """
        A server that asks for our certificate sees it; the key may be in its file, or locked in one of its own.
        """
        wanted = client()[1].serial_number
        together = self.files.pair("both.pem", client())
        certificate = self.files.write("cert.pem", certificates_pem(client()))
        key = self.files.write("key.pem", key_pem(client(), b"sesame"))
        for tls in (
            TLS(ca=CA, certificate=together),
            TLS(ca=CA, certificate=certificate, key=key, password="sesame"),
            TLS(ca=self.files.write("ca.pem", CA), certificate=certificate, key=key, password=b"sesame"),
        ):
            self.assertEqual(self.shown(tls), wanted)

    def test_chain(self) -> None:
        """
        What follows the certificate in its file is shown as well, so that a server finds the way to its authority.
        """
        between = issued(subject("between"), by=authority(), authority=True)
        leaf = issued(subject("sensor-8"), by=between)
        path = self.files.write("chain.pem", certificates_pem(leaf, between), key_pem(leaf))
        there = Server(server("broker.example"))
        there.ask_for_certificates(True)
        meeting = self.meet(there, TLS(ca=CA, certificate=path))
        self.successResultOf(meeting.waiting)
        others = meeting.server.getHandle().get_peer_cert_chain()  # a server's is without the first
        self.assertEqual([each.get_serial_number() for each in others], [between[1].serial_number])

    def test_renewed(self) -> None:
        """
        New files are in use with the next connection; files that can't be used are logged, and the old ones stay.
        """
        path = self.files.pair("client.pem", client())
        contexts = ClientContexts(TLS(ca=CA, certificate=path), "broker.example")

        def shown() -> int:
            there = Server(server("broker.example"))
            there.ask_for_certificates(True)
            meeting = Meeting(contexts, there)
            self.successResultOf(meeting.waiting)
            return int(meeting.server.getPeerCertificate().get_serial_number())

        self.assertEqual(shown(), client()[1].serial_number)
        renewed = issued(subject("sensor-7"), by=authority())
        self.files.pair("client.pem", renewed)
        self.assertEqual(shown(), renewed[1].serial_number)
        self.files.write("client.pem", b"half of it")
        with said() as logged:
            self.assertEqual([shown(), shown()], [renewed[1].serial_number] * 2)
        self.assertEqual(len(logged), 1)
        self.assertIn("new files for TLS to 'broker.example' can't be used: ", logged[0])

    def test_protocols(self) -> None:
        """
        The server is offered what we speak over TLS (ALPN).
        """
        there = Server(server("broker.example"))
        self.successResultOf(self.meet(there, TLS(ca=CA, alpn=["x-amzn-mqtt-ca", "mqtt"])).waiting)
        self.assertEqual(there.offered, [b"x-amzn-mqtt-ca", b"mqtt"])

    def test_versions_and_ciphers(self) -> None:
        """
        Older versions and other cipher suites than ours are not spoken.
        """
        there = Server(server("broker.example"))
        there.context.set_max_proto_version(SSL.TLS1_2_VERSION)
        self.successResultOf(self.meet(there, TLS(ca=CA)).waiting)
        error = self.failureResultOf(self.meet(there, TLS(ca=CA, minimum="1.3")).waiting, TLSFailure).value
        self.assertIn("none of our versions of TLS", str(error))
        tls = TLS(ca=CA, ciphers="TLS_CHACHA20_POLY1305_SHA256")
        meeting = self.meet(Server(server("broker.example")), tls)
        self.successResultOf(meeting.waiting)
        self.assertEqual(meeting.server.getHandle().get_cipher_name(), "TLS_CHACHA20_POLY1305_SHA256")


class RefusedTests(ClientTLSTestCase):
    def test_our_certificate(self) -> None:
        """
        A server that wants a certificate, or another one, refuses us. In TLS 1.3 that comes when all is done on our
        side: the connection is lost, and its end says why.
        """
        shows = TLS(ca=CA, certificate=self.files.pair("client.pem", client()))
        for newest, good, tls, words in (
            (
                SSL.TLS1_3_VERSION,
                True,
                TLS(ca=CA),
                "client: the server wants a certificate of ours, and was shown none",
            ),
            (SSL.TLS1_2_VERSION, True, TLS(ca=CA), "other: .* no common ground: .* or a certificate of ours"),
            (SSL.TLS1_3_VERSION, False, shows, "client: the server does not know the authority of our certificate"),
            (SSL.TLS1_2_VERSION, False, shows, "client: the server does not know the authority of our certificate"),
        ):
            with self.subTest(newest=newest, good=good):
                there = Server(server("broker.example"))
                there.context.set_max_proto_version(newest)
                there.ask_for_certificates(good)
                meeting = self.meet(there, tls)
                if newest == SSL.TLS1_3_VERSION:
                    above: Any = self.successResultOf(meeting.waiting)
                    assert above.reason is not None
                    reason: Failure = above.reason
                else:
                    reason = self.failureResultOf(meeting.waiting, TLSFailure)
                error = reason.value
                assert isinstance(error, TLSFailure)
                self.assertRegex(f"{error.kind}: {error}", words)

    def test_long_ago(self) -> None:
        """
        An authority that has expired is a matter of the date as well.
        """
        now = datetime.now(UTC)
        old = issued(subject("old"), authority=True, begins=now - 9 * DAY, ends=now - timedelta(hours=1))
        meeting = self.meet(Server(issued(subject("b"), NAME, old), old), TLS(ca=certificates_pem(old)))
        error = self.failureResultOf(meeting.waiting, TLSFailure).value
        self.assertEqual(error.kind, "date")
        self.assertIn("a certificate in the server's chain (CN=old) is refused: it has expired", str(error))
