"""
Whoever shows a client certificate is who it says he is.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from cryptography import x509
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from txmqtt.net.auth import IMQTTCredentials

#: What of a certificate may be a user name: the common name, the whole subject in the words of RFC 4514, or the
#: alternative name of a kind.
How = Literal["cn", "subject", "san:email", "san:dns", "san:uri"]

_KINDS: Final[dict[str, type[x509.RFC822Name | x509.DNSName | x509.UniformResourceIdentifier]]] = {
    "san:email": x509.RFC822Name,
    "san:dns": x509.DNSName,
    "san:uri": x509.UniformResourceIdentifier,
}

#: The longest user name that MQTT can carry, bytes.
_LONGEST = 65_535


def certificate_name(certificate: Any, how: How) -> str | None:
    """
    The user name in a certificate.

    @param certificate: an C{OpenSSL.crypto.X509}, or one of C{cryptography}.
    @return: None when there is none or more than one, or when it is empty, longer than a user name of MQTT may be, or
        holds characters that can't be printed: nobody should be let in under a name that the log and the rules show as
        another one.
    """
    if not isinstance(certificate, x509.Certificate):
        certificate = certificate.to_cryptography()
    try:
        found = _names(certificate, how)
    except ValueError:  # an extension or a name that can't be read
        return None
    if len(found) != 1:
        return None
    name = found[0]
    # Not printable are control characters, line ends of all kinds, marks of direction, and half characters.
    if not name or not name.isprintable() or len(name.encode()) > _LONGEST:
        return None
    return name


def _names(certificate: x509.Certificate, how: How) -> list[str]:
    if how == "cn":
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [each.value for each in common if isinstance(each.value, str)]
    if how == "subject":
        return [certificate.subject.rfc4514_string()]
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name) for name in alternatives.get_values_for_type(_KINDS[how])]


@implementer(ICredentialsChecker)
class CertificateChecker:
    """
    The name in a client's certificate is its user name, whatever user name and password its CONNECT gives. Whoever
    shows none is not known here.

    The certificate was verified when the connection was made; a listener that does not verify gives none.
    """

    credentialInterfaces = (IMQTTCredentials,)

    def __init__(self, how: How) -> None:
        """
        @param how: what of the certificate is the name.
        @raise ValueError: there is no such thing in a certificate.
        """
        if how not in get_args(How):
            raise ValueError(f"a user name can't be taken from {how!r}; expected {' or '.join(get_args(How))}")
        self._how = how

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        See C{ICredentialsChecker}.
        """
        if credentials.certificate is None:
            return fail(UnhandledCredentials("it showed no certificate"))
        name = certificate_name(credentials.certificate, self._how)
        if name is None:
            return fail(LoginFailed(f"its certificate holds no user name ({self._how})"))
        return succeed(name)
