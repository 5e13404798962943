"""
Our broker behind TLS: what it says leaves encrypted, all of it.
"""

from __future__ import annotations

import datetime
import socket
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import ACCEPTED, PATIENCE, OurBroker, greeting, until

#: SUBSCRIBE to "secret/topic" at QoS 1, and a PUBLISH to it.
SUBSCRIBE = bytes.fromhex("8211 0001 000c") + b"secret/topic" + b"\x01"
PUBLISH = bytes.fromhex("321b 000c") + b"secret/topic" + b"\x00\x02" + b"secret word"


def certificate(folder: Path) -> tuple[str, str]:
    """
    A key and a certificate for "localhost", in files.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    files = folder / "key.pem", folder / "cert.pem"
    files[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files[1].write_bytes(signed.public_bytes(Encoding.PEM))
    return str(files[0]), str(files[1])


class Wire:
    """
    A TLS client that keeps every byte which the broker has put on the wire.
    """

    def __init__(self, port: int, trusted: str) -> None:
        self.raw = b""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._from, self._to = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=trusted)
        self._tls = context.wrap_bio(self._from, self._to, server_hostname="localhost")
        self._plain = b""
        until(self._shake_hands, "the TLS handshake")

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._exchange()
            return False
        self._socket.sendall(self._to.read())
        return True

    def _exchange(self) -> None:
        self._socket.sendall(self._to.read())
        data = self._socket.recv(65536)
        self.raw += data
        if data:
            self._from.write(data)
        else:
            self._from.write_eof()

    def say(self, data: bytes) -> None:
        self._tls.write(data)
        self._socket.sendall(self._to.read())

    def hear(self, packet: bytes, times: int = 1) -> bytes:
        """
        Wait until this has come so many times, whatever comes between.
        """
        while self._plain.count(packet) < times:
            try:
                self._plain += self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._exchange()
        heard, self._plain = self._plain, b""
        return heard

    def close(self) -> None:
        self._socket.close()


def records(raw: bytes) -> list[int]:
    """
    The types of the TLS records that these bytes are, to the last of them.
    """
    kinds = []
    while raw:
        assert raw[1] == 3, raw[:5]
        kinds.append(raw[0])
        raw = raw[5 + int.from_bytes(raw[3:5], "big") :]
    return kinds


class TLSTests(SynchronousTestCase):
    def test_nothing_in_the_clear(self) -> None:
        """
        Whatever the broker writes to a TLS connection, single messages or many at once, is TLS records and nothing
        else.
        """
        with TemporaryDirectory() as folder:
            key, trusted = certificate(Path(folder))
            listen = f"ssl:0:privateKey={key}:certKey={trusted}:interface=127.0.0.1"
            broker = OurBroker("--listen", listen)
            self.addCleanup(broker.stop)
            wire = Wire(int(broker.says(r"listening on 127\.0\.0\.1:(\d+) \(ssl:")[1]), trusted)
            self.addCleanup(wire.close)
            wire.say(greeting(4, b"discreet"))
            self.assertEqual(wire.hear(ACCEPTED), ACCEPTED)
            wire.say(SUBSCRIBE)
            wire.hear(b"\x90\x03\x00\x01\x01")
            wire.say(PUBLISH)
            self.assertIn(b"secret word", wire.hear(b"\x40\x02\x00\x02"))
            wire.say(PUBLISH * 10)
            wire.hear(b"\x40\x02\x00\x02", 10)
        self.assertLessEqual(set(records(wire.raw)), {20, 21, 22, 23})
        self.assertNotIn(b"secret", wire.raw)
        self.assertNotIn(ACCEPTED, wire.raw)
