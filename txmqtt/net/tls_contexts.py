"""
What OpenSSL needs to know of TLS, made from files: which certificate for which name, who is trusted, who is revoked.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger, LogLevel
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from txmqtt.net.certificates import Keyed, files_of, read_authorities, read_keyed, read_revoked, state_of
from txmqtt.net.options import IReloadable
from txmqtt.net.tls_settings import TLSSettings, check

_log = Logger()

#: Forward secrecy and authenticated encryption first; AES in CBC mode only for devices that know nothing newer.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP"

#: The file of a folder of certificates that clients get who ask for no name of ours.
DEFAULT = "default.pem"

#: So much of a name that somebody gave himself is shown, characters.
SHOWN = 64

#: What OpenSSL calls the versions of TLS.
VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}

#: Why OpenSSL does not take a certificate, in words; what the operator must see to is in the second table.
REFUSALS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself, and not known here",
    19: "its authority is not known here",
    20: "its authority is not known here",
    21: "its authority is not known here",
    22: "its chain is too long",
    23: "it is revoked",
    24: "its authority is none",
    26: "it is not for clients",
}
_NEGLECTED = {
    3: "there is no list of revoked certificates of its authority",
    8: "the list of revoked certificates is not signed by its authority",
    11: "the list of revoked certificates is not valid yet",
    12: "the list of revoked certificates has expired",
}


@dataclass(frozen=True)
class _Generation:
    """
    All contexts that were made from one reading of the files.

    @ivar default: for clients that ask for no name of ours.
    @ivar named: the others, by their names and patterns in small letters.
    """

    default: SSL.Context
    named: Mapping[str, SSL.Context]

    def choose(self, connection: SSL.Connection) -> None:
        """
        The client has asked for a name.
        """
        asked = (connection.get_servername() or b"").decode("ascii", "replace").lower().rstrip(".")
        found = self.named.get(asked) or self.named.get(f"*.{asked.partition('.')[2]}")
        if found is not None:
            connection.set_context(found)


class _Connection(SSL.Connection):
    """
    One connection. OpenSSL goes on to call the first context's callbacks when another one was chosen by name, also
    after a reload: all of its generation must live as long as it does.
    """

    def __init__(self, generation: _Generation) -> None:
        super().__init__(generation.default, None)
        self._generation = generation


@implementer(IOpenSSLServerConnectionCreator, IReloadable)
class Contexts:
    """
    Makes the server's side of TLS connections from files, which may change.
    """

    def __init__(self, settings: TLSSettings) -> None:
        """
        @raise ValueError: the settings contradict each other, or a file can't be used; says which, and why.
        """
        check(settings)
        self._settings = settings
        self._state: tuple[object, ...] = ()
        self._current = self._read()

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        See C{IOpenSSLServerConnectionCreator}.
        """
        return _Connection(self._current)

    def changed(self) -> bool:
        """
        Whether a file is another than when all were last read, with whatever success.
        """
        return state_of(self._settings.files) != self._state

    def reload(self) -> None:
        """
        See C{IReloadable}.
        """
        self._current = self._read()

    def _read(self) -> _Generation:
        # Before the files: what changes meanwhile shows as changed afterwards.
        self._state = state_of(self._settings.files)
        return _read(self._settings)


# From files to contexts


def _read(settings: TLSSettings) -> _Generation:
    authorities = read_authorities(settings.ca) if settings.ca else []
    revoked = read_revoked(settings.crl) if settings.crl else []
    for each in revoked:
        _look_at_dates(each, settings.crl)
    named: dict[str, SSL.Context] = {}
    generation = None
    if settings.certificate:
        passphrase = settings.key_passphrase_file
        keyed = read_keyed(settings.certificate, settings.key, passphrase, settings.chain)
        generation = _Generation(_context(settings, keyed, authorities, revoked), named)
    for keyed in _folder(settings):
        context = _context(settings, keyed, authorities, revoked)
        for name in keyed.names:
            named.setdefault(name, context)
        if generation is None and os.path.basename(keyed.source) == DEFAULT:
            generation = _Generation(context, named)
    if generation is None:
        raise ValueError(
            f"there is no certificate for clients that ask for no name; expected one, or {DEFAULT} in "
            f"{settings.sni_directory}"
        )
    if named:
        generation.default.set_tlsext_servername_callback(generation.choose)
    return generation


def _folder(settings: TLSSettings) -> Iterator[Keyed]:
    """
    The certificates that clients may ask for by name.
    """
    folder = settings.sni_directory
    if not folder:
        return
    if not os.path.isdir(folder):
        raise ValueError(f"{folder} is no folder; expected one with certificates")
    for path in files_of(folder):
        beside = f"{os.path.splitext(path)[0]}.key"
        key = beside if os.path.isfile(beside) else path
        yield read_keyed(path, key, settings.key_passphrase_file)


def _context(
    settings: TLSSettings,
    keyed: Keyed,
    authorities: list[x509.Certificate],
    revoked: list[x509.CertificateRevocationList],
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(VERSIONS[settings.minimum_version])
    options = SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION
    if settings.client_certificates != "none":
        # Whoever resumes a session shows no certificate: it would not be asked whether it is revoked meanwhile.
        options |= SSL.OP_NO_TICKET
    context.set_options(options)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # 34 KB less for each connection that is idle
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(secrets.token_bytes(16))
    try:
        context.use_certificate(keyed.certificate)
        context.use_privatekey(keyed.key)  # type: ignore[arg-type] # it says which it takes
        for each in keyed.chain:
            context.add_extra_chain_cert(each)
    except (SSL.Error, TypeError) as error:
        raise ValueError(f"the certificate in {keyed.source} can't be used for TLS: {words_of(error)}") from error
    if settings.client_certificates != "none":
        _ask_for_certificates(context, settings, authorities, revoked)
    if settings.dh_parameters:
        try:
            context.load_tmp_dh(os.fsencode(settings.dh_parameters))
        except SSL.Error as error:
            raise ValueError(
                f"{settings.dh_parameters} holds no Diffie-Hellman parameters: {words_of(error)}"
            ) from error
    choose_ciphers(context, settings.ciphers or CIPHERS)
    return context


def _ask_for_certificates(
    context: SSL.Context,
    settings: TLSSettings,
    authorities: list[x509.Certificate],
    revoked: list[x509.CertificateRevocationList],
) -> None:
    mode = SSL.VERIFY_PEER
    if settings.client_certificates == "required":
        mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    context.set_verify(mode, _verified)
    store = context.get_cert_store()
    assert store is not None
    for authority in authorities:
        store.add_cert(crypto.X509.from_cryptography(authority))
        context.add_client_ca(authority)
    if settings.crl:
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
        for each in revoked:
            store.add_crl(each)


def choose_ciphers(context: SSL.Context, ciphers: str) -> None:
    """
    Let a context speak these cipher suites, of whatever version of TLS, and no others.

    @raise ValueError: OpenSSL does not know them.
    """
    names = [name for name in ciphers.replace(" ", "").split(":") if name]
    older = ":".join(name for name in names if not name.startswith("TLS_"))
    newer = ":".join(name for name in names if name.startswith("TLS_"))
    try:
        if newer:
            context.set_tls13_ciphersuites(newer.encode())
        if older:  # the last: the context counts as used from here on
            context.set_cipher_list(older.encode())
    except (SSL.Error, UnicodeEncodeError) as error:
        raise ValueError(f"{ciphers!r} is no list of cipher suites that OpenSSL knows: {words_of(error)}") from error


def words_of(error: Exception) -> str:
    """
    What OpenSSL says, as a sentence.
    """
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return ", ".join(str(each[-1]) for each in error.args[0])
    return str(error) or type(error).__name__


def _look_at_dates(revoked: x509.CertificateRevocationList, path: str) -> None:
    due = revoked.next_update_utc
    if due is not None and due <= datetime.now(UTC):
        _log.warn(
            "the list of revoked certificates of {issuer} in {path} has expired on {due}: its client certificates are "
            "refused",
            issuer=revoked.issuer.rfc4514_string()[:SHOWN],
            path=path,
            due=due.isoformat(),
        )


def _verified(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, good: int) -> bool:
    """
    OpenSSL has looked at a certificate of a client's chain: say in the log why it is refused.
    """
    if not good:
        neglected = _NEGLECTED.get(error)
        transport = connection.get_app_data().transport  # of the protocol, as Twisted has it
        _log.emit(
            LogLevel.warn if neglected else LogLevel.info,
            "{peer} the client certificate {subject!r} was refused: {why}",
            peer=_place(transport.getPeer()),
            subject=certificate.to_cryptography().subject.rfc4514_string()[:SHOWN],
            why=neglected or REFUSALS.get(error, f"OpenSSL's error {error}"),
        )
    return bool(good)


def _place(address: object) -> str:
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
