"""
When to try again.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import ConnectionClosed, Refused, Retry


class RetryTests(SynchronousTestCase):
    @given(st.integers(0, 10_000), st.floats(0, 1))
    def test_bounds(self, failures: int, chance: float) -> None:
        """
        However often it failed, the wait is no longer than C{maximum}, and only the part that is left to chance
        shorter than it grew to.
        """
        retry = Retry(initial=1, maximum=60, factor=2, jitter=0.25)
        delay = retry.delay(failures, lambda: chance)
        self.assertLessEqual(delay, 60)
        self.assertGreaterEqual(delay, 0.75 * min(60, 2 ** min(max(failures - 1, 0), 10)))

    def test_growth(self) -> None:
        retry = Retry(initial=1, maximum=10, factor=2, jitter=0.0)
        self.assertEqual([retry.delay(failures) for failures in range(7)], [1, 1, 2, 4, 8, 10, 10])

    def test_final(self) -> None:
        """
        What another attempt does not change ends it; what somebody else may change does not.
        """
        retry = Retry()
        for reason in (0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C):
            self.assertTrue(retry.final(Refused("", reason), False), reason)
            self.assertFalse(Retry(keep_trying=True).final(Refused("", reason), False))
            self.assertTrue(retry.final(ConnectionClosed("", reason, True), False))
            self.assertFalse(retry.final(ConnectionClosed("", reason, False), False), "we ended it ourselves")
        for reason in (0x80, 0x88, 0x89, 0x8B, 0x8D, 0x8E, 0x97, 0x9C, 0x9D, 0x9F, 0xA0):
            self.assertFalse(retry.final(Refused("", reason), False), reason)
        self.assertFalse(retry.final(Refused("", 0x86), True), "the next password may be right")
        self.assertTrue(retry.final(Refused("", 0x8A), True))
        self.assertFalse(retry.final(OSError(), False))

    def test_wrong(self) -> None:
        for options, error in (
            ({"initial": 0}, ValueError),
            ({"initial": 10, "maximum": 5}, ValueError),
            ({"factor": 0.5}, ValueError),
            ({"jitter": 2}, ValueError),
            ({"stable": -1}, ValueError),
            ({"initial": "1"}, TypeError),
            ({"jitter": True}, TypeError),
            ({"keep_trying": 1}, TypeError),
        ):
            with self.subTest(options=options), self.assertRaises(error):
                Retry(**options)
