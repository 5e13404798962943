"""
Keys, certificates and lists of revoked ones, read from PEM files with errors that name the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

T = TypeVar("T")

#: A file longer than this holds no certificates, bytes.
MAX_FILE = 16 * 1024 * 1024

#: What the files of a folder are called that are looked into.
SUFFIXES = (".pem", ".crt", ".cer")

_CERTIFICATES = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----")


class Keyed(NamedTuple):
    """
    A certificate with its key.

    @ivar key: the private key.
    @ivar certificate: what it shows to clients.
    @ivar chain: what leads from it to an authority that clients know, the nearest first.
    @ivar source: the file it is from.
    """

    key: PrivateKeyTypes
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    source: str

    @property
    def names(self) -> frozenset[str]:
        """
        The names that it is for, in small letters; one that begins with C{*.} is for every name a level deeper.
        """
        return frozenset(name.lower() for name in _dns_names(self.certificate))


def read_keyed(
    certificate: str, key: str = "", passphrase: str = "", chain: str = "", password: bytes | None = None
) -> Keyed:
    """
    Read a certificate and what belongs to it.

    @param certificate: a file, which may hold the chain as well, and the key.
    @param key: the file of the key; empty: that of the certificate.
    @param passphrase: the file whose first line unlocks the key.
    @param chain: a file with certificates that lead to an authority, after those of C{certificate}.
    @param password: unlocks the key, instead of a file.
    @raise ValueError: says which file, and why not.
    """
    first, *rest = read_certificates(certificate)
    if chain:
        rest += read_certificates(chain)
    private = _read_key(key or certificate, passphrase, password)
    if _spki(private.public_key()) != _spki(first.public_key()):
        raise ValueError(f"the key in {key or certificate} does not belong to the first certificate in {certificate}")
    return Keyed(private, first, tuple(rest), certificate)


def read_certificates(path: str) -> list[x509.Certificate]:
    """
    All certificates of a file, at least one.

    @raise ValueError: says why not.
    """
    return certificates_in(read_file(path), path)


def certificates_in(data: bytes, source: str) -> list[x509.Certificate]:
    """
    All certificates of some PEM, at least one.

    @param source: what errors call it.
    @raise ValueError: says why not.
    """
    if _CERTIFICATES.search(data) is None:
        raise ValueError(f"{source} holds no certificate; expected PEM, beginning with -----BEGIN CERTIFICATE-----")
    return _parsed(source, "a certificate", x509.load_pem_x509_certificates, data)


def read_authorities(path: str) -> list[x509.Certificate]:
    """
    All certificates of a file, or of the files of a folder, at least one.

    @raise ValueError: says why not.
    """
    found: dict[bytes, x509.Certificate] = {}
    for each in files_of(path):
        for certificate in read_certificates(each):
            found.setdefault(certificate.public_bytes(Encoding.DER), certificate)
    if not found:
        raise ValueError(f"{path} holds no certificate; expected files that end with {' or '.join(SUFFIXES)}")
    return list(found.values())


def read_revoked(path: str) -> list[x509.CertificateRevocationList]:
    """
    All lists of revoked certificates in a file, at least one.

    @raise ValueError: says why not.
    """
    blocks = re.findall(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", read_file(path), re.DOTALL)
    if not blocks:
        raise ValueError(f"{path} holds no list of revoked certificates; expected PEM, -----BEGIN X509 CRL-----")
    return [_parsed(path, "a list of revoked certificates", x509.load_pem_x509_crl, block) for block in blocks]


def files_of(path: str) -> list[str]:
    """
    The file itself, or the PEM files of a folder in the order of their names.

    @raise ValueError: there is neither, or it can't be looked into.
    """
    if not os.path.isdir(path):
        return [path]
    try:
        entries = sorted(os.listdir(path))
    except OSError as error:
        raise _unreadable(path, error) from error
    paths = [os.path.join(path, entry) for entry in entries if entry.endswith(SUFFIXES)]
    return [each for each in paths if os.path.isfile(each)]


def read_file(path: str) -> bytes:
    """
    What a file holds.

    @raise ValueError: it can't be read; says why.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        raise _unreadable(path, error) from error
    if len(data) > MAX_FILE:
        raise ValueError(f"{path} is longer than {MAX_FILE} bytes; expected a PEM file")
    return data


def state_of(paths: Iterable[str]) -> tuple[object, ...]:
    """
    What changes when one of these files, or of the files in these folders, is written, replaced, added or removed.
    """
    state: list[object] = []
    for path in paths:
        state.append(_stat(path))
        if os.path.isdir(path):
            try:
                state += [_stat(os.path.join(path, entry)) for entry in sorted(os.listdir(path))]
            except OSError as error:
                state.append(str(error))
    return tuple(state)


def _stat(path: str) -> tuple[object, ...]:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        return (path, str(error))
    return (path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _read_key(path: str, passphrase: str, password: bytes | None) -> PrivateKeyTypes:
    data = read_file(path)
    if _KEY.search(data) is None:
        raise ValueError(f"{path} holds no private key; expected PEM, such as -----BEGIN PRIVATE KEY-----")
    secret = read_file(passphrase).partition(b"\n")[0].rstrip(b"\r") if passphrase else password
    # What the library says of a key it can't read is not repeated: nobody promises that no part of the key is in it.
    try:
        return load_pem_private_key(data, None)
    except TypeError:
        if not secret:
            why = f"its passphrase, {passphrase}, is empty" if passphrase else "its passphrase is not given"
            raise ValueError(f"the key in {path} is encrypted, and {why}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"the private key in {path} can't be read") from None
    try:
        return load_pem_private_key(data, secret)
    except (ValueError, UnsupportedAlgorithm):
        which = f"in {passphrase}" if passphrase else "given"
        raise ValueError(f"the private key in {path} can't be read with the passphrase {which}") from None


def _parsed(path: str, what: str, parse: Callable[[bytes], T], data: bytes) -> T:
    try:
        return parse(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{path}: {what} in it can't be read ({' '.join(str(error).split())})") from error


def _unreadable(path: str, error: Exception) -> ValueError:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return ValueError(f"{path} can't be read: {why}")


def _spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def _dns_names(certificate: x509.Certificate) -> list[str]:
    """
    What a certificate says it is for: its alternative names; where it has none, its common name, as of old.
    """
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [name.value for name in common if isinstance(name.value, str)]
    return alternatives.get_values_for_type(x509.DNSName)
