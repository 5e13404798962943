"""
Tests of txmqtt.net.access.verdict.
"""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.access.verdict import Verdict, verdict
from txmqtt.net.access.web import Answer, CannotFetch


def answer(status: int, body: object = None) -> Answer:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Answer(status, "application/json", data)


class VerdictTests(SynchronousTestCase):
    def test_results(self) -> None:
        """
        A service says allow, deny or ignore, or just a status.
        """
        for status, body, expected in (
            (200, {"result": "allow"}, Verdict("allow")),
            (201, {"result": "allow", "client_attrs": {"x": 1}, "more": []}, Verdict("allow")),
            (200, {"result": "allow", "is_superuser": True}, Verdict("allow", True)),
            (200, {"result": "allow", "username": "ann", "expire_at": 9}, Verdict("allow", name="ann", expires_at=9.0)),
            (200, {"result": "deny", "is_superuser": "?"}, Verdict("deny")),
            (200, {"result": "ignore"}, Verdict("ignore")),
            (200, None, Verdict("allow")),
            (204, None, Verdict("allow")),
            (400, None, Verdict("deny")),
            (401, {"result": "allow"}, Verdict("deny")),
            (404, b"<html>", Verdict("deny")),
        ):
            with self.subTest(status=status, body=body):
                self.assertEqual(verdict(answer(status, body)), expected)

    def test_rules(self) -> None:
        """
        It may say what the user may do.
        """
        acl = [{"permission": "allow", "action": "publish", "topic": "home/${username}"}]
        rules = verdict(answer(200, {"result": "allow", "acl": acl})).rules
        assert rules is not None
        self.assertTrue(rules.user("ann", "c").may_publish("home/ann"))
        self.assertFalse(rules.user("bob", "c").may_publish("home/ann"))

    def test_no_answer(self) -> None:
        """
        Everything else says neither yes nor no.
        """
        odd: dict[str, tuple[object, ...]] = {
            "result": ("Allow", "yes", "", True, None, ["allow"]),
            "is_superuser": ("false", 0, None, []),
            "username": ("", 7, ["a"], "a\0", "\ud800", "x" * 65536),
            "expire_at": ("9", True, [], 1e300),
            "acl": ("all", 7, True, [{}], {"shout": []}),
        }
        bodies: tuple[object, ...] = (b" ", b"allow", b"\xff", b"[" * 50_000, [], "allow", True, {}, {"result": 1})
        cases: list[tuple[int, object]] = [
            *((status, None) for status in (100, 201, 202, 299, 301, 302, 304, 408, 429, 500, 503, 999)),
            *((status, {"result": "allow"}) for status in (302, 408, 429, 500)),
            *((200, body) for body in bodies),
            *((200, {"result": "allow", name: word}) for name, words in odd.items() for word in words),
        ]
        for status, body in cases:
            with self.subTest(status=status, body=str(body)[:60]), self.assertRaises(CannotFetch):
                verdict(answer(status, body))

    @settings(max_examples=100, deadline=None)
    @given(st.integers(100, 599), st.binary(max_size=40))
    def test_anything(self, status: int, body: bytes) -> None:
        """
        Whatever is answered, nobody comes in by chance.
        """
        try:
            found = verdict(answer(status, body))
        except CannotFetch:
            return
        self.assertTrue(found.result == "deny" or (status in (200, 204) and not body), (status, body))
