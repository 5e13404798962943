"""
Tests of txmqtt.net.access.keys.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from twisted.trial.unittest import SynchronousTestCase

from tests.net.access.signing import CURVE, EDWARDS, RSA, pem
from txmqtt.net.access.keys import Key, key_set, public_keys, secret, suitable

OF_RSA = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


def as_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


class SecretTests(SynchronousTestCase):
    def test_secret(self) -> None:
        """
        A secret is what stands in the file, without the newline at its end.
        """
        only = frozenset(("HS256",))
        for data in (b"x" * 32, b"x" * 32 + b"\n", b"x" * 32 + b"\r\n"):
            self.assertEqual(secret(data, only, False), Key(None, only, b"x" * 32))
        raw = bytes(range(200, 240))
        for data in (b64encode(raw), urlsafe_b64encode(raw).rstrip(b"=") + b"\n"):
            self.assertEqual(secret(data, only, True).key, raw)
        self.assertNotIn("xxx", repr(secret(b"x" * 32, only, False)))

    def test_refused(self) -> None:
        """
        A secret that can be guessed, or that everybody knows because it is a public key, is refused.
        """
        for data, algorithms, base64, why in (
            (b"x" * 31, {"HS256"}, False, "31 bytes; expected at least 32 for HS256"),
            (b"x" * 47, {"HS256", "HS384"}, False, "at least 48 for HS256, HS384"),
            (b"x" * 63, {"HS512"}, False, "at least 64"),
            (pem(RSA), {"HS256"}, False, "PEM"),
            (b"ssh-rsa " + b"x" * 100, {"HS256"}, False, "SSH"),
            (b"!" * 100, {"HS256"}, True, "base64"),
            (b64encode(b"x" * 31), {"HS256"}, True, "31 bytes"),
        ):
            with self.subTest(data=data[:9], algorithms=algorithms), self.assertRaisesRegex(ValueError, why):
                secret(data, frozenset(algorithms), base64)


class PublicKeyTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        """
        Each key verifies what it is made for and nothing else, never HS; several may stand in one file.
        """
        found = public_keys(b"ours\n" + pem(RSA) + pem(CURVE) + b"\n" + pem(EDWARDS))
        self.assertEqual([set(key.algorithms) for key in found], [OF_RSA, {"ES256"}, {"EdDSA"}])

    def test_refused(self) -> None:
        """
        A private key, a key that can be broken, and what is none are refused in words.
        """
        private = CURVE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for data, why in (
            (b"", "no public key"),
            (b"x" * 100, "no public key"),
            (private, "a private key"),
            (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", r"key 1 \(PUBLIC KEY\) can't be read"),
            (WEAK, "1024 bits; expected at least 2048"),
            (pem(ec.generate_private_key(ec.SECP256K1())), "of a kind that signs no tokens"),
            (DSA, "of a kind that signs no tokens"),
        ):
            with self.subTest(why=why), self.assertRaisesRegex(ValueError, why):
                public_keys(data)


class KeySetTests(SynchronousTestCase):
    def test_set(self) -> None:
        """
        The keys of a set have names, and verify no more than the set says.
        """
        rsa = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
        curve = ECAlgorithm.to_jwk(CURVE.public_key(), as_dict=True)
        edwards = OKPAlgorithm.to_jwk(EDWARDS.public_key(), as_dict=True)
        data = as_set({**rsa, "kid": "r", "alg": "RS256"}, {**curve, "kid": "c", "use": "sig"}, edwards)
        found = key_set(data)
        self.assertEqual(
            [(key.name, set(key.algorithms)) for key in found],
            [("r", {"RS256"}), ("c", {"ES256"}), (None, {"EdDSA"})],
        )

    def test_private(self) -> None:
        """
        From a private key only what is public is taken.
        """
        (found,) = key_set(as_set(ECAlgorithm.to_jwk(CURVE, as_dict=True)))
        self.assertEqual(found.key.public_numbers(), CURVE.public_key().public_numbers())

    def test_left_out(self) -> None:
        """
        Keys of other kinds, for other things, or damaged are left out; so are secrets.
        """
        curve = ECAlgorithm.to_jwk(CURVE.public_key(), as_dict=True)
        bad: list[dict[str, Any]] = [
            {},
            {"kty": "oct", "k": "x" * 64, "alg": "HS256"},
            {"kty": ["EC"]},
            {**curve, "use": "enc"},
            {**curve, "key_ops": ["sign"]},
            {**curve, "key_ops": "verify"},
            {**curve, "kid": 7},
            {**curve, "alg": "HS256"},
            {**curve, "alg": "none"},
            {**curve, "x": "AAAA"},
            {**curve, "x": 7},
            {**curve, "crv": "secp256k1"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "n": None},
        ]
        self.assertEqual([key.name for key in key_set(as_set(*bad, {**curve, "kid": "good"}))], ["good"])
        for each in bad:
            with self.subTest(key=each), self.assertRaisesRegex(ValueError, "without a public key"):
                key_set(as_set(each))

    def test_no_set(self) -> None:
        """
        What is no set, or a set without end, is refused in words.
        """
        for data, why in (
            (b"", "no JSON"),
            (b"<html>", "no JSON"),
            (b"\xff", "no JSON"),
            (b"[" * 100_000, "no JSON"),
            (b"[]", "expected a JSON Web Key Set"),
            (b"{}", "expected a JSON Web Key Set"),
            (b'{"keys": {}}', "expected a JSON Web Key Set"),
            (b'{"keys": [1]}', "expected a JSON Web Key Set"),
            (as_set(), "without a public key"),
            (as_set(*[{}] * 101), "101 keys; expected at most 100"),
        ):
            with self.subTest(data=data[:20]), self.assertRaisesRegex(ValueError, why):
                key_set(data)


class SuitableTests(SynchronousTestCase):
    def test_suitable(self) -> None:
        """
        A key is tried when it is made for the algorithm and has the name that the token says, or one of them has none.
        """
        keys = [Key(name, frozenset(("ES256",)), None) for name in ("a", "b", None)]
        self.assertEqual([key.name for key in suitable(keys, "ES256", "a")], ["a", None])
        self.assertEqual([key.name for key in suitable(keys, "ES256", "x")], [None])
        self.assertEqual([key.name for key in suitable(keys, "ES256", None)], ["a", "b", None])
        self.assertEqual(suitable(keys, "RS256", "a"), [])
        self.assertEqual(len(suitable(keys * 10, "ES256", None)), 8)


WEAK = b"""-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDKEivqUejcYhTwyw9aQ0Lh8ajK
Rnv9zuk9Wk9GQWN9t+GQV2sd9w6AK1RCZ3vK1+DeaCXcvBugLaOWsZHIPuzCd1pw
/zpU39dqGuBDkRDf7yVtvY0yM6kmf1cV5uQ8fmqZgab4HkRI0XfYydx+NtTeGWBH
23zunnIzqA6rB6zzpwIDAQAB
-----END PUBLIC KEY-----
"""

DSA = b"""-----BEGIN PUBLIC KEY-----
MIIBvjCCATMGByqGSM44BAEwggEmAoGBAKwRKoI+RbM2xIJ1YAcwFTQ0PFjrfx7y
OOn52NFT5zC+zmg+lKTr5kocxq4UdPBzQ1BTEtpISrWq3ld7SOr09VdCQECB6825
Qf06FgziyuMSc0ld/4IsepkJg/pMvDGg1I1GNpyctQQb0wlzWJu9/vfov4CB8ZxI
gbEnBWCGmSZxAh0A05dMmOaS/E25gRvIJ0qEHevB1VG7iaEO8cURWwKBgDMZOIAN
iDOhuLWcQuIvoGspMpp1vkpc9ntNciRw4hJOEp25qJ1MF5SbrcXsK7otIHjzZKwP
YFqzw9BD/tUBB958ej098GDQxQ6ZlJzUtU/cmE2U5+4FA6fAZPSA72hlOLStQKSP
mqqTYPYDWpJ2EAKUx2g848UQteDFwO5a5pFYA4GEAAKBgD/D4w7J2BbnkK6X6BNW
lB7IbQ6c4pjzwMBgw3t233Bdupum/fmwkV0kx/YIwZJJfFNvkeV2VO5if1EqYT5J
fAezigI/mJ4zwiO/eQ6XGINX4gP6z38/p5lm8g3PFxXeOGe05qJo1phy4RneHTdD
tbHWHsH4goItq0IN2LsLWOBS
-----END PUBLIC KEY-----
"""
