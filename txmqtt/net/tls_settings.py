"""
What TLS of a listener is made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TLSSettings:
    """
    What TLS of a listener is made from. Files are PEM, and are read again when they change.

    @ivar certificate: the file with the certificate that clients see, and may see first of several; the certificates
        between it and an authority that clients know may follow it. Empty: those of C{sni_directory} only.
    @ivar key: the file with its private key. Empty: it is in the file of the certificate.
    @ivar key_passphrase_file: the file whose first line unlocks the private key. Empty: the key is not locked; a file,
        because a passphrase in the settings would be read by more people.
    @ivar chain: a file with further certificates that lead to an authority that clients know. Empty: there are none,
        or they are in the file of the certificate.
    @ivar sni_directory: a folder of files (.pem, .crt, .cer), each with a certificate, its chain and its private key,
        or the key beside it in a file of the same name that ends with .key. Clients get the one whose names have the
        name they ask for; whoever asks for no name or an unknown one gets C{certificate}, else C{default.pem} of the
        folder. Empty: everybody gets C{certificate}.
    @ivar ca: a file or a folder with the authorities whose client certificates are accepted. Empty: none are.
    @ivar crl: a file with the lists of revoked client certificates, one of each authority that signs client
        certificates; without a list that is valid now a client certificate is refused. Empty: none are revoked.
    @ivar client_certificates: whether clients are asked for a certificate: not at all (the default, because most have
        none), and then whether they must have one. One that is shown must be good in either case.
    @ivar minimum_version: the oldest version of TLS that is spoken; 1.2 by default, because small devices may have no
        newer one.
    @ivar ciphers: an OpenSSL list of cipher suites, separated by colons; those whose names begin with TLS_ are of
        TLS 1.3, the others of TLS 1.2. Empty: those with forward secrecy, the strong ones first.
    @ivar dh_parameters: a file with Diffie-Hellman parameters, for clients that have no elliptic curves. Empty: such
        clients are refused.
    @ivar username_from: what of a client certificate is its user name: the common name, the whole subject as RFC 4514
        writes it, or an alternative name of this kind. Empty (the default): user names are what CONNECT says.
    """

    certificate: str = ""
    key: str = ""
    key_passphrase_file: str = ""
    chain: str = ""
    sni_directory: str = ""
    ca: str = ""
    crl: str = ""
    client_certificates: Literal["none", "optional", "required"] = "none"
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    ciphers: str = ""
    dh_parameters: str = ""
    username_from: Literal["", "cn", "subject", "san:email", "san:dns", "san:uri"] = ""

    @property
    def files(self) -> list[str]:
        """
        All files and folders that they name.
        """
        named = (self.certificate, self.key, self.key_passphrase_file, self.chain, self.sni_directory)
        return [path for path in (*named, self.ca, self.crl, self.dh_parameters) if path]


def check(settings: TLSSettings) -> None:
    """
    Whether settings go together.

    @raise ValueError: they don't; says why.
    """
    if not settings.certificate and not settings.sni_directory:
        raise ValueError("TLS has no certificate; expected a file or a folder of them")
    if not settings.certificate and (settings.key or settings.chain):
        raise ValueError("TLS has a key or a chain, but not the certificate that it belongs to")
    if settings.client_certificates == "none":
        for name in ("ca", "crl", "username_from"):
            if getattr(settings, name):
                raise ValueError(
                    f"TLS has {name} = {getattr(settings, name)!r}, but clients are not asked for certificates; "
                    "expected optional or required"
                )
    elif not settings.ca:
        raise ValueError("client certificates need the authorities (ca) that they are checked against")
