"""
The client's side of TLS, made for OpenSSL: who is trusted, what we show, and whether the server is who it should be.
"""

from __future__ import annotations

import os

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from txmqtt.codec.errors import TLSFailure
from txmqtt.net.certificates import certificates_in, read_authorities, read_keyed, state_of
from txmqtt.net.client_tls import TLS
from txmqtt.net.tls_contexts import CIPHERS, REFUSALS, SHOWN, VERSIONS, choose_ciphers, words_of
from txmqtt.net.urls import is_address

_log = Logger()

#: OpenSSL's errors that are about dates; all others are about trust.
_DATES = (9, 10, 13, 14)

#: What OpenSSL says of servers in other words than of clients.
_OF_SERVERS = {26: "it is not for servers"}

#: So many names of a certificate are shown.
_NAMES = 4


class ServerConnection(SSL.Connection):
    """
    One connection to a server, which knows what the server must prove.

    @ivar name: what its certificate must be for.
    @ivar failure: why it does not come about, once that is known.
    """

    def __init__(self, context: SSL.Context, name: str, verify: bool) -> None:
        super().__init__(context, None)
        self.name = name
        self.failure: TLSFailure | None = None
        self._proven = not verify
        if not is_address(name):  # [RFC 6066, section 3] has names only
            self.set_tlsext_host_name(name.encode("ascii"))

    def unproven(self) -> TLSFailure | None:
        """
        After the handshake: what stands against this server.
        """
        if self.failure is None and not self._proven:
            return TLSFailure("the server was not asked to prove who it is", "trust")
        return self.failure

    def judge(self, certificate: crypto.X509, error: int, depth: int, good: bool) -> bool:
        """
        OpenSSL has looked at a certificate, that of the server last.
        """
        if not good:
            self._refuse(
                "date" if error in _DATES else "trust", _complaint(certificate.to_cryptography(), error, depth)
            )
            return False
        if depth:
            return True
        wanted = IPAddress_ID(self.name) if is_address(self.name) else DNS_ID(self.name)
        try:
            verify_service_identity(extract_patterns(certificate), [wanted], [])
        except (VerificationError, CertificateError):
            self._refuse("name", _other_name(certificate.to_cryptography(), self.name))
            return False
        self._proven = True
        return True

    def _refuse(self, kind: str, words: str) -> None:
        if self.failure is None:
            self.failure = TLSFailure(words, kind)


def _judged(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, good: int) -> bool:
    """
    What OpenSSL calls. An error of ours must not pass for a yes.
    """
    try:
        assert isinstance(connection, ServerConnection)
        return connection.judge(certificate, error, depth, bool(good))
    except Exception:
        _log.failure("the certificate of a server could not be looked at: it is refused")
        return False


@implementer(IOpenSSLClientConnectionCreator)
class ClientContexts:
    """
    Makes the client's side of TLS connections to one server, from files, which may change.
    """

    def __init__(self, tls: TLS, name: str) -> None:
        """
        @param name: what its certificate must be for, unless C{tls} has another.
        @raise ValueError: a file can't be used any more; says which, and why.
        """
        self.name = (tls.server_name or name).rstrip(".")
        self._tls = tls
        self._files = _files(tls)
        self._state = state_of(self._files)
        self._context = read_context(tls)
        if not tls.verify:
            _log.warn("TLS to {name!r} takes any server for the right one: verify is False", name=self.name)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """
        See C{IOpenSSLClientConnectionCreator}. New files that can't be used are logged, and change nothing.
        """
        state = state_of(self._files)
        if state != self._state:
            self._state = state
            try:
                self._context = read_context(self._tls)
            except ValueError as error:
                _log.error("new files for TLS to {name!r} can't be used: {why}", name=self.name, why=str(error))
        connection = ServerConnection(self._context, self.name, self._tls.verify)
        connection.set_app_data(tlsProtocol)
        return connection


def _files(tls: TLS) -> list[str]:
    return [os.fspath(each) for each in (tls.ca, tls.certificate, tls.key) if each and not isinstance(each, bytes)]


def read_context(tls: TLS) -> SSL.Context:
    """
    What OpenSSL needs to know, from files.

    @raise ValueError: says which can't be used, and why.
    """
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(VERSIONS[tls.minimum])
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if tls.verify:
        context.set_verify(SSL.VERIFY_PEER, _judged)
        _trust(context, tls.ca)
    else:
        context.set_verify(SSL.VERIFY_NONE)
    if tls.certificate is not None:
        _show(context, tls)
    if tls.alpn:
        context.set_alpn_protos([each.encode("ascii") for each in tls.alpn])
    choose_ciphers(context, tls.ciphers or CIPHERS)
    return context


def _trust(context: SSL.Context, ca: str | os.PathLike[str] | bytes | None) -> None:
    if ca is None:
        context.set_default_verify_paths()
        return
    store = context.get_cert_store()
    assert store is not None
    authorities = certificates_in(ca, "ca") if isinstance(ca, bytes) else read_authorities(os.fspath(ca))
    for each in authorities:
        store.add_cert(crypto.X509.from_cryptography(each))


def _show(context: SSL.Context, tls: TLS) -> None:
    assert tls.certificate is not None
    password = tls.password.encode() if isinstance(tls.password, str) else tls.password
    keyed = read_keyed(os.fspath(tls.certificate), os.fspath(tls.key or ""), password=password)
    try:
        context.use_certificate(keyed.certificate)
        context.use_privatekey(keyed.key)  # type: ignore[arg-type] # it says which it takes
        for each in keyed.chain:
            context.add_extra_chain_cert(each)
    except (SSL.Error, TypeError) as error:
        raise ValueError(f"the certificate in {keyed.source} can't be used for TLS: {words_of(error)}") from error


# What is said of certificates


def _complaint(certificate: x509.Certificate, error: int, depth: int) -> str:
    whose = "the server's certificate" if depth == 0 else "a certificate in the server's chain"
    subject = certificate.subject.rfc4514_string()[:SHOWN]
    why = _OF_SERVERS.get(error) or REFUSALS.get(error, f"OpenSSL's error {error}")
    if error in _DATES:
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        why += f": it is valid from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC"
    return f"{whose} ({subject}) is refused: {why}"


def _other_name(certificate: x509.Certificate, name: str) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return f"the server's certificate has no alternative name; expected {name!r}"
    names = [str(each.value)[:SHOWN] for each in found if isinstance(each, x509.DNSName | x509.IPAddress)]
    shown = ", ".join(repr(each) for each in names[:_NAMES]) + (", ..." if len(names) > _NAMES else "")
    return f"the server's certificate is for {shown or 'no host'}, not for {name!r}"
