"""
What a login service is asked about a client: fields whose values may have placeholders, as JSON, form or query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote_from_bytes

from cryptography.x509.oid import NameOID
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnhandledCredentials

#: What may stand in C{${...}}, named as EMQX names it.
PLACEHOLDERS: Final = ("username", "password", "clientid", "peerhost", "cert_common_name", "cert_subject")

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")

Fields = list[tuple[str, bytes]]


class Template:
    """
    Fields to be filled in.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        """
        @param fields: each C{name=value}.
        @raise ValueError: one is malformed, or has a placeholder that there is not.
        """
        self._fields: list[tuple[str, list[str]]] = []
        for field in fields:
            name, equals, value = field.partition("=")
            if not equals or not name:
                raise ValueError(f"fields: {field!r}: expected NAME=VALUE")
            if any(name == other for other, _ in self._fields):
                raise ValueError(f"fields: {name!r} comes twice")
            parts = _PLACEHOLDER.split(value)  # text and placeholders in turn
            for placeholder in parts[1::2]:
                if placeholder not in PLACEHOLDERS:
                    known = ", ".join(f"${{{each}}}" for each in PLACEHOLDERS)
                    raise ValueError(f"fields: {name!r}: ${{{placeholder}}}: expected some of {known}")
            self._fields.append((name, parts))
        if not any("username" in parts[1::2] for _, parts in self._fields):
            raise ValueError("fields: expected ${username} in one of them; otherwise anybody could give any name")

    def filled(self, credentials: ICredentials) -> Fields:
        """
        The fields of one client. What it does not say is empty.
        """
        return [
            (name, b"".join(_said(part, credentials) if n % 2 else part.encode() for n, part in enumerate(parts)))
            for name, parts in self._fields
        ]


def as_json(fields: Fields) -> bytes:
    """
    @raise UnhandledCredentials: a password is not UTF-8, and has no like in JSON.
    """
    try:
        return json.dumps({name: value.decode() for name, value in fields}).encode()
    except UnicodeDecodeError:
        raise UnhandledCredentials("a password that is not UTF-8 can't be asked about in JSON") from None


def as_form(fields: Fields) -> bytes:
    """
    The fields as a form sends them, and as a URL has them after C{?}.
    """
    return "&".join(f"{_quoted(name.encode())}={_quoted(value)}" for name, value in fields).encode()


def _quoted(text: bytes) -> str:
    return quote_from_bytes(text, safe="")


def _said(placeholder: str, credentials: Any) -> bytes:
    if placeholder in ("username", "password"):
        return getattr(credentials, placeholder, None) or b""
    if placeholder == "clientid":
        return str(getattr(credentials, "client_id", "")).encode()
    if placeholder == "peerhost":
        return str(getattr(getattr(credentials, "address", None), "host", "")).encode()
    certificate = getattr(credentials, "certificate", None)
    if certificate is None:
        return b""
    subject = certificate.to_cryptography().subject
    if placeholder == "cert_subject":
        return str(subject.rfc4514_string()).encode()
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value).encode() if names else b""
