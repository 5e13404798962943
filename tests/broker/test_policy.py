"""
Tests of txmqtt.broker.policy: every limit, in one frozen object.
"""

import re
from dataclasses import FrozenInstanceError, fields, replace
from pkgutil import get_data

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.policy import DEFAULTS, Policy


class PolicyTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """
        The defaults are those that the documentation promises.
        """
        self.assertEqual(DEFAULTS, Policy())
        for name, value in (
            ("max_packet_size", 2 * 1024 * 1024),
            ("opening_bytes", 64 * 1024),
            ("connect_timeout", 10.0),
            ("max_topic_levels", 200),
            ("max_inflight", 20),
            ("max_inflight_5", 100),
            ("receive_maximum", 100),
            ("max_queued_messages", 1_000),
            ("max_queued_bytes", 16 * 1024 * 1024),
            ("write_buffer", 1024 * 1024),
            ("max_session_expiry", 14 * 24 * 3600),
            ("close_timeout", 5.0),
        ):
            self.assertEqual(getattr(DEFAULTS, name), value, name)

    def test_frozen(self) -> None:
        """
        A policy does not change under those who go by it; another is made from it.
        """
        self.assertRaises(FrozenInstanceError, setattr, DEFAULTS, "max_inflight", 1)
        self.assertEqual(replace(DEFAULTS, max_inflight=1).max_inflight, 1)

    def test_each_is_explained(self) -> None:
        """
        Each limit is explained where it stands.
        """
        source = get_data("txmqtt.broker", "policy.py") or b""  # compiled classes have no docstrings
        explained = re.findall(r"@ivar (\w+):", source.decode())
        self.assertEqual(explained, [field.name for field in fields(Policy)])
