"""
Strings that say where and how to listen with TLS.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory

from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.net.support_tls import Files, authority, certificates_pem, key_pem, server
from txmqtt.net.descriptions import BACKLOG, parse, words
from txmqtt.net.tls import TLSSettings
from txmqtt.net.tls_endpoints import tls_endpoint
from txmqtt.net.tls_protocol import TLSFactory


class StringTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.files = Files(folder.name)
        self.cert = self.files.write("cert.pem", certificates_pem(server("localhost")))
        self.key = self.files.write("key.pem", key_pem(server("localhost")))
        self.both = self.files.pair("names/default.pem", server("localhost"))
        self.names = str(self.files.folder / "names")
        self.ca = self.files.write("ca.pem", certificates_pem(authority()))
        self.reactor = MemoryReactorClock()

    def listened(self, description: str) -> tuple[TLSSettings, int, int, str]:
        """
        The settings, port, backlog and interface that a string asks for.
        """
        endpoint = tls_endpoint(self.reactor, description)
        self.reactor.tcpServers.clear()
        self.successResultOf(endpoint.listen(Factory()))
        [(port, factory, backlog, interface)] = self.reactor.tcpServers
        self.assertIsInstance(factory, TLSFactory)
        return endpoint.settings, port, backlog, interface

    def test_understood(self) -> None:
        """
        Twisted's own strings of both kinds are understood, and so is what we add to them.
        """
        cert, key, both, names, ca = self.cert, self.key, self.both, self.names, self.ca
        plain = TLSSettings(cert, key)
        table = (
            (f"ssl:8883:privateKey={key}:certKey={cert}", plain, 8883, BACKLOG, ""),
            (f"ssl:8883:{key}:{cert}:TLS_METHOD:127.0.0.1:7", plain, 8883, 7, "127.0.0.1"),
            (f"ssl:port=1:certKey={cert}:privateKey={key}:interface=\\:\\:1:backlog=3", plain, 1, 3, "::1"),
            (f"ssl:8883:privateKey={both}", TLSSettings(both), 8883, BACKLOG, ""),
            (f"ssl:8883:{both}", TLSSettings(both), 8883, BACKLOG, ""),
            (f"ssl:8883:{key}:{cert}:extraCertChain={ca}", TLSSettings(cert, key, chain=ca), 8883, BACKLOG, ""),
            (f"tls:8883:certificate={cert}:key={key}:chain={ca}", TLSSettings(cert, key, chain=ca), 8883, BACKLOG, ""),
            (f"tls:{names}", TLSSettings(sni_directory=names), 8883, BACKLOG, "::"),
            (f"tls:{names}:444:9:\\:\\:1", TLSSettings(sni_directory=names), 444, 9, "::1"),
            (f"tls:{names}:port=444:interface=10.0.0.1", TLSSettings(sni_directory=names), 444, BACKLOG, "10.0.0.1"),
            (f"tls:444:directory={names}", TLSSettings(sni_directory=names), 444, BACKLOG, ""),
            (
                f"tls:8883:certificate={both}:ca={ca}:clientCertificates=required:minimumVersion=1.3:usernameFrom=san\\:dns"
                ":ciphers=TLS_AES_128_GCM_SHA256",
                TLSSettings(
                    both,
                    ca=ca,
                    client_certificates="required",
                    minimum_version="1.3",
                    username_from="san:dns",
                    ciphers="TLS_AES_128_GCM_SHA256",
                ),
                8883,
                BACKLOG,
                "",
            ),
        )
        for description, *expected in table:
            with self.subTest(description=description):
                self.assertEqual(self.listened(description), tuple(expected))

    def test_over_another(self) -> None:
        """
        TLS goes over any other endpoint too.
        """
        endpoint = tls_endpoint(self.reactor, f"tls:certificate={self.both}:over=unix\\:/run/mqtt.sock\\:mode=660")
        self.successResultOf(endpoint.listen(Factory()))
        [(address, factory, _, mode, _)] = self.reactor.unixServers
        self.assertEqual((address, mode), ("/run/mqtt.sock", 0o660))
        self.assertIsInstance(factory, TLSFactory)

    def test_refused(self) -> None:
        """
        A string that says nothing sensible is refused, with what was expected.
        """
        both = self.both
        table = (
            ("tcp:1883", "'tcp' is no TLS endpoint; expected tls: or ssl:"),
            ("tls:8883", "TLS has no certificate"),
            (f"ssl:x:{both}", "port=x; expected a number from 0 to 65535"),
            (f"ssl:65536:{both}", "port=65536; expected a number"),
            (f"tls:1:certificate={both}:backlog=-1", "backlog=-1; expected a number"),
            (f"ssl:1:{both}:sslmethod=TLSv1_1_METHOD", "sslmethod=TLSv1_1_METHOD; expected TLS_METHOD"),
            (f"tls:1:certificate={both}:cert={both}", "cert= is not known; expected one of port, "),
            (f"tls:1:certificate={both}:certKey={both}", "say the same"),
            (f"tls:1:port=2:certificate={both}", "port is there twice"),
            (f"tls:1:certificate={both}:certificate={both}", "certificate= is there twice"),
            (f"tls:1:2:3:4:certificate={both}", "'4' is one word too many; expected tls:port:backlog:interface"),
            (f"tls:1:certificate={both}:minimumVersion=1.1", "minimumVersion=1.1; expected 1.2 or 1.3"),
            (f"tls:1:certificate={both}:clientCertificates=yes", "expected none or optional or required"),
            (f"tls:1:certificate={both}:usernameFrom=dn", "usernameFrom=dn; expected cn or subject"),
            (f"tls:1:certificate={both}:over=tcp\\:2", "says where to listen, and so does port=1"),
            ("tls:1:certificate=x\\", "ends with a backslash"),
            ("ssl:1:certKey=/nowhere/x", "/nowhere/x can't be read"),
        )
        for description, why in table:
            with self.subTest(description=description):
                error = self.assertRaises(ValueError, tls_endpoint, self.reactor, description)
                self.assertIn(why, str(error))

    def test_taken_apart(self) -> None:
        """
        Colons, equal signs and backslashes that are meant as they are have a backslash before them.
        """
        description = "x:a\\:b:c\\=d:e=f=g\\\\:=:"
        self.assertEqual(words(description), ["x", "a\\:b", "c\\=d", "e=f=g\\\\", "=", ""])
        self.assertEqual(parse(description), ("x", ["a:b", "c=d", ""], {"e": "f=g\\", "": ""}))
