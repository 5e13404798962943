"""
Why TLS did not come about, in words: the name, the date, the trust, our own certificate, or no TLS there at all.
"""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from twisted.python.failure import Failure

from txmqtt.codec.errors import TLSFailure
from txmqtt.net.tls_contexts import words_of

#: What the server told us before it closed, by the end of what OpenSSL calls it.
_ALERTS = {
    "alert certificate required": ("client", "the server wants a certificate of ours, and was shown none"),
    "alert bad certificate": ("client", "the server does not accept our certificate"),
    "alert unsupported certificate": ("client", "the server does not accept our kind of certificate"),
    "alert certificate unknown": ("client", "the server does not accept our certificate"),
    "alert certificate revoked": ("client", "our certificate is revoked, says the server"),
    "alert certificate expired": ("client", "our certificate has expired, says the server"),
    "alert unknown ca": ("client", "the server does not know the authority of our certificate"),
    "alert access denied": ("client", "our certificate gives no access, says the server"),
    "alert decrypt error": ("other", "the server can't verify a signature of ours"),
    "alert handshake failure": (
        "other",
        "the server found no common ground: cipher suites, versions, or a certificate of ours that it wants",
    ),
    "alert insufficient security": ("other", "the server wants stronger cipher suites than ours"),
    "alert protocol version": ("other", "the server speaks none of our versions of TLS"),
    "unrecognized name": ("name", "the server does not know the name that it was asked for"),
    "alert no application protocol": ("other", "the server speaks none of the protocols that we offered (ALPN)"),
}

#: What OpenSSL itself finds wrong with what it heard.
_FINDINGS = {
    "certificate verify failed": ("trust", "the server's certificate is not trusted"),
    "unsupported protocol": ("other", "the server speaks none of our versions of TLS"),
    "no protocols available": ("other", "no version of TLS is left that we may speak"),
    "no ciphers available": ("other", "no cipher suite is left that we may use"),
}

#: What it finds when what it heard is no TLS.
_NO_TLS = (
    "wrong version number",
    "record layer failure",
    "packet length too long",
    "http request",
    "unexpected message",
    "unknown protocol",
    "invalid record",
)


def understood(reason: Failure, name: str = "") -> TLSFailure | None:
    """
    What a failure means, if it is one of TLS; whoever made the TLS: we, or Twisted's own endpoints.

    @param name: what the server was asked for.
    """
    error = reason.value
    if isinstance(error, TLSFailure):
        return error
    if isinstance(error, (VerificationError, CertificateError)):
        whose = f", not for {name!r}" if name else ""
        return TLSFailure(f"the server's certificate is for another name{whose}", "name")
    if not isinstance(error, SSL.Error):
        return None
    said = words_of(error)
    for end, (kind, words) in _ALERTS.items():
        if said.endswith(end):
            return TLSFailure(words, kind)
    for part, (kind, words) in _FINDINGS.items():
        if part in said:
            return TLSFailure(words, kind)
    if any(part in said for part in _NO_TLS):
        return TLSFailure(f"the server does not speak TLS there ({said})", "plain")
    return TLSFailure(f"TLS failed: {said}", "other")


def explain(reason: Failure) -> str:
    """
    Why a connection ended or was not made, in words.
    """
    return str(understood(reason) or reason.getErrorMessage())
