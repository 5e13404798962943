"""
A small authority of our own, and both ends of TLS in memory. Keys are of elliptic curves, which are made in no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.net.support import Log
from txmqtt.net.tls import Contexts
from txmqtt.net.tls_protocol import TLSFactory

DAY = timedelta(days=1)

Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def subject(*common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common])


def issued(
    name: x509.Name,
    alternatives: Sequence[x509.GeneralName] = (),
    by: Pair | None = None,
    authority: bool = False,
    begins: datetime | None = None,
    ends: datetime | None = None,
) -> Pair:
    """
    A new key and its certificate, signed by an authority or by itself.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by[1].subject if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - DAY)
        .not_valid_after(ends or now + DAY)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return key, builder.sign(by[0] if by else key, SHA256())


@cache
def authority(name: str = "our authority") -> Pair:
    return issued(subject(name), authority=True)


@cache
def server(*names: str) -> Pair:
    """
    A certificate for these names, the same one whenever it is asked for.
    """
    return issued(subject(names[0]), [x509.DNSName(name) for name in names], authority())


@cache
def client(name: str = "sensor-7") -> Pair:
    return issued(subject(name), by=authority())


def revocation(*revoked: Pair, by: Pair | None = None, ends: datetime | None = None) -> bytes:
    """
    A list of revoked certificates.
    """
    key, certificate = by or authority()
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder(certificate.subject, now - 2 * DAY, ends or now + DAY)
    for _, each in revoked:
        entry = x509.RevokedCertificateBuilder(each.serial_number, now - DAY).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def certificates_pem(*pairs: Pair) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for _, certificate in pairs)


def key_pem(pair: Pair, passphrase: bytes = b"") -> bytes:
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return pair[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


@contextmanager
def said() -> Iterator[list[str]]:
    """
    What is logged meanwhile.
    """
    log = Log()
    globalLogPublisher.addObserver(log)
    try:
        yield log.said
    finally:
        globalLogPublisher.removeObserver(log)


class Files:
    """
    A folder in which files come and go.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def write(self, name: str, *parts: bytes) -> str:
        """
        Write a file as one that replaces another is written: all at once.
        """
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        new = self.folder / "new"
        new.write_bytes(b"".join(parts))
        new.rename(path)
        return str(path)

    def pair(self, name: str, pair: Pair) -> str:
        """
        Write a key and its certificate into one file.
        """
        return self.write(name, key_pem(pair), certificates_pem(pair))


@implementer(IOpenSSLClientConnectionCreator)
class Caller:
    """
    The client's side: whom it asks for, and what it shows.
    """

    def __init__(self, name: str = "", shows: Pair | None = None, newest: int = SSL.TLS1_3_VERSION) -> None:
        self._name = name
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.set_max_proto_version(newest)
        if shows is not None:
            self.context.use_certificate(shows[1])
            self.context.use_privatekey(shows[0])

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        if self._name:
            connection.set_tlsext_host_name(self._name.encode())
        return connection


class Hearing(Protocol):
    """
    Keeps what it hears.
    """

    def __init__(self) -> None:
        self.heard = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason


class Joined:
    """
    A client and a server that speak TLS in memory.

    @ivar inside: the two that speak over it: the server's and the client's.
    """

    def __init__(self, contexts: Contexts, caller: Caller, factory: IProtocolFactory | None = None) -> None:
        self.clock = Clock()
        self.server: Any = TLSFactory(
            contexts, False, factory or Factory.forProtocol(Hearing), self.clock
        ).buildProtocol(None)
        self.client: Any = TLSMemoryBIOFactory(caller, True, Factory.forProtocol(Hearing), self.clock).buildProtocol(
            None
        )
        self.inside: tuple[Any, Any] = (self.server.wrappedProtocol, self.client.wrappedProtocol)
        self.wires = (StringTransport(), StringTransport())
        self.server.makeConnection(self.wires[0])
        self.client.makeConnection(self.wires[1])
        self.carry()

    def carry(self) -> None:
        """
        Carry bytes between the two until there are none left.
        """
        self.clock.advance(0)
        while any(wire.value() for wire in self.wires):
            for wire, other in zip(self.wires, (self.client, self.server), strict=True):
                data = wire.value()
                wire.clear()
                if data:
                    other.dataReceived(data)
            self.clock.advance(0)

    @property
    def works(self) -> bool:
        """
        Whether a word gets through, both ways.
        """
        if not self.server._handshakeDone or any(wire.disconnecting for wire in self.wires):
            return False
        self.server.write(b"to the client")
        self.client.write(b"to the server")
        self.carry()
        server, client = self.inside
        return bool(client.heard.endswith(b"to the client") and server.heard.endswith(b"to the server"))

    @property
    def shown(self) -> int:
        """
        The serial number of the certificate that the client sees.
        """
        seen = self.client.getPeerCertificate()
        assert seen is not None
        return int(seen.get_serial_number())
