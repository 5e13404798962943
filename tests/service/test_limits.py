"""
Tests of txmqtt.service.limits: the limits of the policy in words.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.policy import DEFAULTS, Policy
from txmqtt.service import limits


class LimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.parameters = {row[0]: row for row in limits.limit_parameters()}

    def read(self, option: str, value: str) -> Any:
        return self.parameters[option][4](value)

    def test_every_limit_is_an_option(self) -> None:
        """
        Each limit of the policy can be set, says what it means, and is by default what the policy says.
        """
        self.assertEqual(len(self.parameters), len(fields(Policy)))
        for field in fields(Policy):
            with self.subTest(limit=field.name):
                _, short, default, said, _ = self.parameters[field.name.replace("_", "-")]
                self.assertIsNone(short)
                self.assertEqual(default, getattr(DEFAULTS, field.name))
                self.assertGreater(len(said), 10)
                self.assertNotRegex(said, r"\n|  |\{")

    def test_words(self) -> None:
        """
        A limit that is a word takes one of those that there are; what it does not take is told with what it does.
        """
        self.assertEqual([self.read("check-payload-format", word) for word in ("yes", "no")], [True, False])
        with self.assertRaisesRegex(UsageError, "'perhaps': expected yes or no$"):
            self.read("check-payload-format", "perhaps")
        self.assertEqual(self.read("queue-full", "hold"), "hold")
        with self.assertRaisesRegex(UsageError, "'burn': expected .*hold.* or "):
            self.read("queue-full", "burn")

    def test_defaults_are_legal(self) -> None:
        """
        What holds by default could also be asked for.
        """
        numbers = {field.name for field in fields(Policy) if type(field.default) in (int, float)}
        self.assertEqual(set(limits.RANGES), numbers)
        for field in fields(Policy):
            with self.subTest(limit=field.name):
                default = getattr(DEFAULTS, field.name)
                read = self.read(limits.option(field.name), str(default).lower())
                self.assertEqual((read, type(read)), (default, type(default)))

    def test_out_of_range(self) -> None:
        """
        A value that makes no sense is refused with the option, the value and what was expected.
        """
        for option, value, expected in (
            ("max-connections", "0", "--max-connections '0': expected a whole number from 1"),
            ("max-connections", "1.5", "--max-connections '1.5': expected a whole number from 1"),
            ("receive-maximum", "65536", "--receive-maximum '65536': expected a whole number from 1 to 65535"),
            ("max-packet-size", "", "--max-packet-size '': expected a whole number from 64 to 268435460"),
            ("resend-interval", "-1", "--resend-interval '-1': expected a number from 0 to 86400"),
            ("resend-interval", "nan", "--resend-interval 'nan': expected a number from 0 to 86400"),
        ):
            with self.subTest(option=option, value=value):
                with self.assertRaises(UsageError) as caught:
                    self.read(option, value)
                self.assertEqual(str(caught.exception), expected)

    def test_policy(self) -> None:
        """
        The options make the policy that they spell.
        """
        options = {limits.option(field.name): field.default for field in fields(Policy)}
        self.assertEqual(limits.policy_from(options, ()), DEFAULTS)
        self.assertEqual(limits.policy_from({**options, "max-inflight": 7}, {"max-inflight"}), Policy(max_inflight=7))
        base = Policy(max_inflight=7, max_inflight_5=8)
        self.assertEqual(limits.policy_from(options, {"max-inflight"}, base), Policy(max_inflight_5=8))

    def test_per_listener(self) -> None:
        """
        What a listener may have another limit for is a limit.
        """
        self.assertLessEqual(limits.PER_LISTENER, {field.name for field in fields(Policy)})
