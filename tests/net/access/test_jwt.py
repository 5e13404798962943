"""
Tests of txmqtt.net.access.jwt.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.access.signing import CURVE, EDWARDS, OTHER_CURVE, RSA, SECRET, handmade, pem, signed
from tests.net.access.support import ask
from tests.service.support import scratch
from txmqtt.net.access.jwt import Tokens, TokenSettings
from txmqtt.net.auth import Identity, LoginDenied
from txmqtt.net.options import IReloadable

NOW = 1_800_000_000.0


class TokenCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch(self)
        self.clock = Clock()
        self.wall = NOW
        for name, data in (("secret", SECRET), ("pem", pem(RSA) + pem(CURVE) + pem(EDWARDS))):
            (self.folder / name).write_bytes(data)
            (self.folder / name).chmod(0o600)

    def checker(self, *algorithms: str, **settings: Any) -> Tokens:
        chosen = algorithms or ("ES256",)
        if any(each.startswith("HS") for each in chosen):
            settings.setdefault("secret_file", str(self.folder / "secret"))
        if not all(each.startswith("HS") for each in chosen):
            settings.setdefault("public_key_file", str(self.folder / "pem"))
        return Tokens(TokenSettings(chosen, **settings), None, self.clock.seconds, lambda: self.wall)

    def who(self, checker: Tokens, token: str, client: str = "c") -> Identity:
        found = self.successResultOf(ask(checker, "whoever", token, client))
        assert isinstance(found, Identity)
        return found

    def claims(self, **more: Any) -> dict[str, Any]:
        return {"sub": "ann", "exp": NOW + 60, **more}

    def token(self, **more: Any) -> str:
        return signed(CURVE, "ES256", {key: value for key, value in self.claims(**more).items() if value is not None})

    def denied(self, checker: Tokens, token: str, client: str = "c") -> str:
        return str(self.failureResultOf(ask(checker, "whoever", token, client), LoginDenied).value)

    def unknown(self, checker: Tokens, token: str | bytes) -> None:
        self.failureResultOf(ask(checker, "whoever", token), UnhandledCredentials)


class SignatureTests(TokenCase):
    def test_interfaces(self) -> None:
        """
        It is a checker that can be read again.
        """
        verifyObject(ICredentialsChecker, self.checker())
        verifyObject(IReloadable, self.checker())

    def test_algorithms(self) -> None:
        """
        Tokens are good however they are signed, if that is what was chosen; the user is whom they name.
        """
        for key, algorithms in (
            (SECRET, ("HS256", "HS384", "HS512")),
            (RSA, ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
            (CURVE, ("ES256",)),
            (EDWARDS, ("EdDSA",)),
        ):
            for algorithm in algorithms:
                with self.subTest(algorithm=algorithm):
                    token = signed(key, algorithm, self.claims())
                    self.assertEqual(self.who(self.checker(algorithm), token).name, "ann")
                    self.unknown(self.checker("ES512", "HS512" if algorithm == "HS256" else "HS256"), token)

    def test_confusion(self) -> None:
        """
        A public key is never taken for a secret, and a token that says it needs no signature has none.
        """
        both = self.checker("HS256", "RS256", "ES256")
        body = handmade({"alg": "HS256", "typ": "JWT"}, self.claims()).rpartition(".")[0]
        for known in ((self.folder / "pem").read_bytes(), pem(RSA), pem(RSA).strip(), b""):
            mac = hmac.digest(known, body.encode(), sha256)
            self.unknown(both, f"{body}.{urlsafe_b64encode(mac).decode().rstrip('=')}")
        for algorithm in ("none", "None", "NONE", "", "HS256 ", None, 7, ["HS256"]):
            with self.subTest(algorithm=algorithm):
                self.unknown(both, handmade({"alg": algorithm}, self.claims()))
        self.unknown(both, handmade({"alg": "none"}, self.claims()).rpartition(".")[0] + ".")

    def test_stranger(self) -> None:
        """
        A token that somebody else signed, or that was changed, is not ours.
        """
        checker = self.checker()
        self.unknown(checker, signed(OTHER_CURVE, "ES256", self.claims()))
        head, _, signature = self.token().split(".")
        body = handmade({}, self.claims(sub="root")).split(".")[1]
        self.unknown(checker, f"{head}.{body}.{signature}")
        self.assertEqual((checker.allowed, checker.denied, checker.unknown), (0, 0, 2))

    def test_no_token(self) -> None:
        """
        A password that is no token may be one that another checker knows.
        """
        checker = self.checker()
        deep = urlsafe_b64encode(b'{"alg":' + b"[" * 5000).decode().rstrip("=")
        long = urlsafe_b64encode(b'{"alg":"ES256","x":' + b"1" * 5000 + b"}").decode().rstrip("=")
        for token in (
            *(b"", b"sesame", b"a.b", b"a.b.c", b"a.b.c.d", b"..", b"\xff.\xff.\xff", "ä.b.c".encode()),
            *(f"{deep}.e30.eA", f"{long}.e30.eA", self.token() + "\n", self.token() + "." + "x", "a" * 20000),
            signed(CURVE, "ES256", self.claims(long="x" * 20000)),
        ):
            with self.subTest(token=token[:20]):
                self.unknown(checker, token)

    def test_critical(self) -> None:
        """
        A token with extensions that must be understood, and are not, lets nobody in.
        """
        token = signed(CURVE, "ES256", self.claims(), crit=["b65"], b65=True)
        self.unknown(self.checker(), token)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=40), min_size=3, max_size=3))
    def test_anything(self, parts: list[bytes]) -> None:
        """
        Whatever is in a token, it ends in a refusal.
        """
        token = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        self.failureResultOf(ask(self.checker(), "whoever", token), LoginFailed)


class ClaimTests(TokenCase):
    def test_times(self) -> None:
        """
        A token is good in its time, give or take what the clocks differ.
        """
        checker = self.checker(leeway=10.0)
        for claims, good in (
            ({"exp": NOW - 9}, True),
            ({"exp": NOW - 10}, False),
            ({"exp": NOW - 9.5, "nbf": NOW + 10, "iat": NOW + 10}, True),
            ({"nbf": NOW + 11}, False),
            ({"iat": NOW + 11}, False),
            ({"exp": True}, False),
            ({"exp": float("nan")}, False),
            ({"exp": float("inf")}, False),
            ({"exp": 10**400}, False),
            ({"nbf": []}, False),
        ):
            with self.subTest(claims=str(claims)[:40]):
                token = self.token(**claims)
                if good:
                    self.who(checker, token)
                else:
                    self.denied(checker, token)
        self.denied(checker, signed(CURVE, "ES256", self.claims(exp=str(NOW + 60))))
        self.denied(checker, signed(CURVE, "ES256", self.claims(exp=None)))

    def test_end(self) -> None:
        """
        Who comes in by a token may stay until it ends, if that is wanted.
        """
        token = self.token()
        self.assertEqual(self.who(self.checker(leeway=10.0), token).expires_at, NOW + 70)
        self.assertIsNone(self.who(self.checker(disconnect_on_expiry=False), token).expires_at)
        self.assertIsNone(self.who(self.checker(required=()), self.token(exp=None)).expires_at)

    def test_required(self) -> None:
        """
        What must be in a token must be there; its end, unless told otherwise.
        """
        self.denied(self.checker(), self.token(exp=None))
        checker = self.checker(required=("exp", "zone"))
        self.denied(checker, self.token())
        self.who(checker, self.token(zone="x"))

    def test_issuer_and_audience(self) -> None:
        """
        A token from somebody else, or for somebody else, is denied.
        """
        checker = self.checker(issuer="us", audience=("mqtt", "all"))
        self.who(checker, self.token(iss="us", aud="mqtt"))
        self.who(checker, self.token(iss="us", aud=["x", "all"]))
        for claims in ({"iss": "us"}, {"aud": "mqtt"}, {"iss": "us", "aud": "x"}, {"iss": "them", "aud": "mqtt"}):
            with self.subTest(claims=claims):
                self.denied(checker, self.token(**claims))
        self.denied(self.checker(), self.token(aud="shop"))
        self.who(self.checker(), self.token(iss="anybody"))

    def test_name(self) -> None:
        """
        The user is whom the chosen claim names; a token without one, or with what is no name, is denied.
        """
        checker = self.checker(username_claim="name")
        self.assertEqual(self.who(checker, self.token(name="zoë")).name, "zoë")
        for name in (None, "", 7, ["ann"], "a\x00b", "\ud800", "x" * 65536):
            with self.subTest(name=str(name)[:9].encode("utf-8", "replace")):
                token = self.token(name=name)
                if len(token) < 16384:
                    self.denied(checker, token)

    def test_client_identifier(self) -> None:
        """
        A token for one device is no good for another.
        """
        checker = self.checker(client_id_claim="device")
        self.who(checker, self.token(device="d1"), "d1")
        for claims, client in (({"device": "d1"}, "d2"), ({}, "d1"), ({"device": ""}, ""), ({"device": ["d1"]}, "d1")):
            with self.subTest(claims=claims, client=client):
                self.denied(checker, self.token(**claims), client)

    def test_rules(self) -> None:
        """
        A token may say what its user may do; one that says it in a way that we do not understand is denied.
        """
        checker = self.checker(acl_claim="acl")
        user: Any = self.who(checker, self.token(acl={"pub": ["home/${username}/${clientid}"]}), "d1").permissions
        self.assertTrue(user.may_publish("home/ann/d1"))
        self.assertFalse(user.may_publish("home/ann/d2"))
        self.assertIsNone(self.who(checker, self.token()).permissions)
        self.assertIn("shout", self.denied(checker, self.token(acl={"shout": ["a"]})))
        self.assertIsNone(self.who(self.checker(), self.token(acl={"pub": ["a"]})).permissions)

    def test_field(self) -> None:
        """
        The token may be the user name instead.
        """
        checker = self.checker(field="username")
        self.assertEqual(self.successResultOf(ask(checker, self.token(), "")).name, "ann")
        self.failureResultOf(ask(checker, "ann", self.token()), UnhandledCredentials)

    def test_no_secrets(self) -> None:
        """
        A token is not repeated where it is denied.
        """
        token = self.token(aud="shop")
        self.assertNotIn(token.split(".")[1], self.denied(self.checker(), token))


class SettingsTests(TokenCase):
    def test_contradictions(self) -> None:
        """
        Settings that contradict each other, or are missing, are named.
        """
        here = str(self.folder)
        for words, more, why in (
            ((), {}, "algorithms: expected at least one of HS256"),
            (("none",), {}, "algorithms: 'none': expected some of"),
            (("HS256",), {}, "HS256 without secret_file"),
            (("ES256",), {}, "ES256 without public keys"),
            (("ES256",), {"public_key_file": f"{here}/pem", "secret_file": f"{here}/secret"}, "secret_file without"),
            (("HS256",), {"public_key_file": f"{here}/pem", "secret_file": f"{here}/secret"}, "public keys without"),
            (("ES256",), {"public_key_file": f"{here}/pem", "secret_base64": True}, "secret_base64 without"),
            (("ES256",), {"key_set_url": "http://example.com/keys"}, "key_set_url: expected https"),
            (("ES256",), {"key_set_url": "ftp://example.com/keys"}, "key_set_url: expected a URL"),
            (("ES256",), {"key_set_url": "http://localhost/", "key_set_ca_file": "x"}, "key_set_ca_file without"),
            (("ES256",), {"public_key_file": f"{here}/pem", "username_claim": ""}, "username_claim"),
            (("ES256",), {"public_key_file": f"{here}/nowhere"}, "nowhere' can't be read"),
            (("ES256",), {"public_key_file": f"{here}/secret"}, "secret': no public key"),
            (("ES256",), {"key_set_file": f"{here}/pem"}, "pem': no JSON"),
            (("ES256",), {"key_set_url": "https://localhost/", "key_set_ca_file": f"{here}/secret"}, "no certificate"),
            (("HS256",), {"secret_file": f"{here}/pem"}, "pem': a key in PEM"),
        ):
            with self.subTest(why=why), self.assertRaises(ValueError) as caught:
                Tokens(TokenSettings(words, **more))
            self.assertIn(why, str(caught.exception))

    def test_reload(self) -> None:
        """
        When a key is replaced, tokens of the old one are no longer good; a file that can't be used changes nothing.
        """
        checker = self.checker()
        self.who(checker, self.token())
        self.assertFalse(checker.changed())
        (self.folder / "pem").write_bytes(b"damaged")
        self.assertTrue(checker.changed())
        with self.assertRaisesRegex(ValueError, "pem': no public key"):
            checker.reload()
        self.who(checker, self.token())
        (self.folder / "pem").write_bytes(pem(OTHER_CURVE))
        checker.reload()
        self.unknown(checker, self.token())
        self.assertEqual(self.who(checker, signed(OTHER_CURVE, "ES256", self.claims())).name, "ann")
        self.assertEqual(checker.failures, 0)
