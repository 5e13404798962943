"""
The keys that tokens are signed with, each bound to the algorithms that it is made for.

A secret verifies HS and nothing else, a public key never does: whatever a token claims of its algorithm, no key is ever
used in another way than its own.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

#: The bytes that a secret must have for each, as many as the hash [RFC 7518, 3.2].
SECRET: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_RSA: Final = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
PUBLIC: Final = frozenset((*_RSA, *_CURVES.values(), "EdDSA"))

#: All that a token may be signed with. C{none} is not among them.
ALGORITHMS: Final = (*SECRET, *sorted(PUBLIC))

#: RSA keys must have so many bits [RFC 7518, 3.3].
_RSA_BITS: Final = 2048

#: A set of keys may have so many, and a token without a key identifier is tried with so many.
_MOST: Final = 100
MOST_TRIED: Final = 8

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_FAMILIES: Final[dict[str, Any]] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


class Key(NamedTuple):
    """
    A key, and what for.

    @ivar name: its key identifier; None: it has none.
    @ivar algorithms: what it verifies.
    @ivar key: for PyJWT.
    """

    name: str | None
    algorithms: frozenset[str]
    key: Any

    def __repr__(self) -> str:
        return f"<Key {self.name!r} for {', '.join(sorted(self.algorithms))}>"  # a secret is not shown


def suitable(keys: Iterable[Key], algorithm: str, name: str | None) -> list[Key]:
    """
    The keys that may have signed a token that says it was signed so, at most L{MOST_TRIED}.

    @param name: the key identifier that it names; None: none.
    """
    found = [key for key in keys if algorithm in key.algorithms and (name is None or key.name in (None, name))]
    return found[:MOST_TRIED]


def secret(data: bytes, algorithms: frozenset[str], base64: bool) -> Key:
    """
    The secret in a file, which may end in one newline.

    @param algorithms: what it is to verify.
    @param base64: it is written in base64, of either alphabet.
    @raise ValueError: it is too short, or not a secret.
    """
    if b"-----BEGIN" in data or data.startswith((b"ssh-", b"ecdsa-")):
        raise ValueError("a key in PEM or of SSH; expected a secret, because everybody knows a public key")
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if base64:
        try:
            data = b64decode(data.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(data) % 4), validate=True)
        except Error:
            raise ValueError("expected base64") from None
    need = max(SECRET[each] for each in algorithms)
    if len(data) < need:
        raise ValueError(f"a secret of {len(data)} bytes; expected at least {need} for {', '.join(sorted(algorithms))}")
    return Key(None, algorithms, data)


def public_keys(data: bytes) -> list[Key]:
    """
    The public keys and certificates in a file, PEM: several while one takes over from another.

    @raise ValueError: there is none, or one that can't be used.
    """
    keys = []
    for number, block in enumerate(_BLOCK.finditer(data), 1):
        kind = block[1].decode()
        if "PRIVATE" in kind:
            raise ValueError("a private key; expected a public one, because who verifies need not be able to sign")
        try:
            if kind == "CERTIFICATE":
                key: Any = load_pem_x509_certificate(block[0]).public_key()
            else:
                key = load_pem_public_key(block[0])
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError(f"key {number} ({kind}) can't be read") from None
        keys.append(Key(None, _purpose(key), key))
    if not keys:
        raise ValueError("no public key; expected PEM")
    return keys


def key_set(data: bytes) -> list[Key]:
    """
    The public keys of a JSON Web Key Set. Keys of other kinds, for encryption, or that can't be used are left out, as
    the standard wants [RFC 7517, 5]; so are secrets, which have no business there.

    @raise ValueError: it is no such set, or none of its keys can be used.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("no JSON; expected a JSON Web Key Set") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ValueError('expected a JSON Web Key Set, {"keys": [...]}')
    if len(listed) > _MOST:
        raise ValueError(f"{len(listed):,} keys; expected at most {_MOST}")
    keys = [key for each in listed if (key := _of_set(each)) is not None]
    if not keys:
        raise ValueError("a JSON Web Key Set without a public key that can be used")
    return keys


def _of_set(said: Mapping[str, Any]) -> Key | None:
    family = _FAMILIES.get(said["kty"]) if isinstance(said.get("kty"), str) else None
    operations = said.get("key_ops", ["verify"])
    if family is None or said.get("use", "sig") != "sig":
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    name, only = said.get("kid"), said.get("alg")
    if not isinstance(name, str | None) or not isinstance(only, str | None):
        return None
    try:
        key = family.from_jwk({word: value for word, value in said.items() if word not in _PRIVATE})
        purpose = _purpose(key)
    except (InvalidKeyError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    if only is not None:
        purpose &= {only}
    return Key(name, purpose, key) if purpose else None


#: The words of a key that are nobody's business.
_PRIVATE: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))


def _purpose(key: Any) -> frozenset[str]:
    """
    @raise ValueError: none.
    """
    if isinstance(key, RSAPublicKey):
        if key.key_size < _RSA_BITS:
            raise ValueError(f"an RSA key of {key.key_size} bits; expected at least {_RSA_BITS}")
        return _RSA
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return frozenset((_CURVES[key.curve.name],))
    if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return frozenset(("EdDSA",))
    raise ValueError("a key of a kind that signs no tokens; expected RSA, P-256, P-384, P-521, Ed25519 or Ed448")
