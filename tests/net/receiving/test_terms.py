"""
On which terms a callback gets messages.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.net.support_client import ClientTestCase
from txmqtt.net.receiving.terms import HandlingOptions, OnError, Terms
from txmqtt.session.tickets import WITHHELD

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"acknowledge": "later"}, ValueError, "acknowledge is 'later'; expected one of"),
    ({"policy": "wait"}, ValueError, "policy is 'wait'; expected one of"),
    ({"concurrency": 0}, ValueError, "concurrency is 0; expected 1 to 1000000"),
    ({"concurrency": "2"}, TypeError, "concurrency is '2'; expected a number"),
    ({"concurrency": True}, TypeError, "concurrency is True; expected a number"),
    ({"limit": 0}, ValueError, "limit is 0; expected 1"),
    ({"limit": None}, TypeError, "limit is None; expected a number"),
    ({"timeout": 0}, ValueError, "timeout is 0; expected more than 0 seconds"),
    ({"timeout": float("inf")}, ValueError, "timeout is inf"),
    ({"timeout": float("nan")}, ValueError, "timeout is nan"),
    ({"timeout": "1"}, TypeError, "timeout is '1'; expected seconds"),
    ({"on_error": 0}, ValueError, "on_error is 0; expected 'acknowledge', 'withhold' or a reason code"),
    ({"on_error": 0x10}, ValueError, "on_error is 0x10; expected .* one of 0x80"),
    ({"on_error": 0x82}, ValueError, "on_error is 0x82"),
    ({"on_error": 999}, ValueError, "on_error is 0x3E7"),
    ({"on_error": "retry"}, TypeError, "on_error is 'retry'; expected 'acknowledge', 'withhold' or a reason code"),
    ({"on_error": None}, TypeError, "on_error is None"),
]


class TermsTests(SynchronousTestCase):
    def test_wrong(self) -> None:
        """
        What cannot be meant is refused, with what was given and what was expected.
        """
        for wrong, error, words in WRONG:
            with self.subTest(wrong=wrong), self.assertRaisesRegex(error, words):
                Terms(**wrong)

    def test_verdict(self) -> None:
        """
        What a failure comes to: 3.x cannot refuse a message, so there it is withheld.
        """
        table: list[tuple[OnError, int, int]] = [
            ("acknowledge", 5, 0),
            ("withhold", 5, WITHHELD),
            (0x80, 5, 0x80),
            (0x99, 5, 0x99),
            ("acknowledge", 4, 0),
            (0x80, 4, WITHHELD),
        ]
        for on_error, version, expected in table:
            with self.subTest(on_error=on_error, version=version):
                self.assertEqual(Terms(on_error=on_error).verdict(version), expected)

    def test_plain(self) -> None:
        """
        Only what asks for something needs more than a call.
        """
        self.assertTrue(Terms(limit=5).plain)
        table: list[HandlingOptions] = [
            {"acknowledge": "manual"},
            {"concurrency": 1},
            {"timeout": 1},
            {"on_error": "withhold"},
        ]
        for asked in table:
            self.assertFalse(Terms(**asked).plain)


class AtTheDoorTests(ClientTestCase):
    def test_wrong(self) -> None:
        """
        C{subscribe} and C{messages} refuse wrong terms at once; nothing is sent and nobody is left behind.
        """
        client = self.open()
        table = [*WRONG]
        table.append(({"colour": 1}, TypeError, "colour"))
        for wrong, error, words in table:
            with self.subTest(wrong=wrong):
                with self.assertRaisesRegex(error, words):
                    client.subscribe("t", print, **wrong)
                if not {"concurrency", "timeout"} & set(wrong):
                    with self.assertRaisesRegex(error, words):
                        client.messages("t", **wrong)
        with self.assertRaisesRegex(ValueError, "timeout, limit without a callback; expected one"):
            client.subscribe("t", timeout=5, limit=1)
        table = [
            ({"filter": "a#"}, ValueError, "does not fill its level"),
            ({"qos": 3}, ValueError, "qos is 3"),
            ({"identifier": -1}, ValueError, "identifier is -1"),
        ]
        for wrong, error, words in table:
            with self.subTest(wrong=wrong), self.assertRaisesRegex(error, words):
                client.messages(**{"filter": "t", **wrong})
        self.assertEqual((self.said(), client.state.handlers.receivers()), ([], []))
