"""
What C{TLS} is made from is checked when it is made.
"""

from __future__ import annotations

from typing import Any

from tests.net.support_client_tls import ClientTLSTestCase
from tests.net.support_tls import authority, certificates_pem, client, key_pem, server
from txmqtt.net.client_tls import TLS


class TLSTests(ClientTLSTestCase):
    def test_wrong(self) -> None:
        """
        What is missing or does not belong together is said at once, and by its name; a password does not show.
        """
        certificate = self.files.write("cert.pem", certificates_pem(client()))
        other = self.files.write("other.pem", key_pem(server("a.example")))
        locked = self.files.write("locked.pem", key_pem(client(), b"sesame"))
        empty = self.files.write("empty/readme.txt", b"")
        gone = str(self.files.folder / "gone.pem")
        table: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"ca": gone}, ValueError, "gone.pem can't be read: No such file"),
            ({"ca": empty}, ValueError, "readme.txt holds no certificate"),
            ({"ca": str(self.files.folder / "empty")}, ValueError, "empty holds no certificate; expected files"),
            ({"ca": b"PEM"}, ValueError, "^ca holds no certificate"),
            ({"ca": 7}, TypeError, "ca is int; expected a path, PEM as bytes, or None"),
            ({"ca": b"PEM", "verify": False}, ValueError, "verify is False, which trusts everybody"),
            ({"certificate": gone}, ValueError, "gone.pem can't be read"),
            ({"certificate": certificate}, ValueError, "cert.pem holds no private key"),
            ({"certificate": certificate, "key": gone}, ValueError, "gone.pem can't be read"),
            ({"certificate": certificate, "key": other}, ValueError, "other.pem does not belong to the first cert"),
            ({"certificate": certificate, "key": locked}, ValueError, "is encrypted, and its passphrase is not given"),
            (
                {"certificate": certificate, "key": locked, "password": "secret"},
                ValueError,
                "locked.pem can't be read with the passphrase given",
            ),
            ({"certificate": b"PEM"}, TypeError, "certificate is bytes; expected a path"),
            ({"key": other}, ValueError, "key is given without a certificate"),
            ({"password": "secret"}, ValueError, "password is given without a certificate"),
            ({"certificate": certificate, "password": 7}, TypeError, "password is int"),
            ({"server_name": "no name"}, ValueError, "server_name is 'no name'; expected the name of a host"),
            ({"server_name": 7}, TypeError, "server_name is int"),
            ({"alpn": "mqtt"}, TypeError, "alpn is str; expected a list of names"),
            ({"alpn": [b"mqtt"]}, TypeError, "alpn has bytes; expected str"),
            ({"alpn": [""]}, ValueError, "alpn has ''; expected names of 1 to 255"),
            ({"alpn": ["a" * 255] * 256}, ValueError, "longer than TLS allows"),
            ({"verify": None}, TypeError, "verify is NoneType; expected True or False"),
            ({"minimum": "1.1"}, ValueError, "minimum is '1.1'; expected '1.2' or '1.3'"),
            ({"minimum": 1.2}, TypeError, "minimum is float"),
            ({"ciphers": "NONSENSE"}, ValueError, "'NONSENSE' is no list of cipher suites"),
            ({"ciphers": None}, TypeError, "ciphers is NoneType"),
        ]
        for options, error, words in table:
            with self.subTest(options=list(options)):
                with self.assertRaisesRegex(error, words) as caught:
                    TLS(**options)
                self.assertNotIn("secret", str(caught.exception))

    def test_secrets_do_not_show(self) -> None:
        """
        Its C{repr} shows the files, and not the password.
        """
        path = self.files.pair("both.pem", client())
        shown = repr(TLS(certificate=path, password="sesame"))
        self.assertIn("both.pem", shown)
        self.assertNotIn("sesame", shown)

    def test_paths(self) -> None:
        """
        A path may be a C{Path}; a folder holds several authorities.
        """
        self.files.write("trusted/ours.pem", certificates_pem(authority()))
        self.files.write("trusted/theirs.crt", certificates_pem(authority("theirs")))
        self.files.pair("both.pem", client())
        TLS(ca=self.files.folder / "trusted", certificate=self.files.folder / "both.pem")
