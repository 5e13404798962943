"""
Who does what of a measurement.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.bench.plan import Plan, shares

PLANS = st.builds(
    Plan,
    kind=st.sampled_from(("pub", "sub", "pair", "fan-out", "connect")),
    token=st.just("00" * 8),
    clients=st.integers(1, 50),
    publishers=st.integers(1, 5),
    rate=st.sampled_from((0.0, 100.0)),
    count=st.integers(0, 1000),
)


class SharesTests(SynchronousTestCase):
    @settings(max_examples=60, deadline=None)
    @given(PLANS, st.integers(1, 12))
    def test_nothing_is_lost(self, plan: Plan, processes: int) -> None:
        """
        The parts are the whole: clients without a gap, publishers, messages and rate.
        """
        parts = shares(plan, processes)
        self.assertLessEqual(len(parts), processes)
        numbers = [part.first + each for part in parts for each in range(part.clients)]
        self.assertEqual(numbers, list(range(plan.clients)))
        self.assertTrue(all(part.clients for part in parts))
        self.assertEqual(sum(part.publishes for part in parts), plan.publishes)
        self.assertEqual(sum(part.count for part in parts), plan.count)
        self.assertAlmostEqual(sum(part.rate for part in parts), plan.rate)

    def test_topics(self) -> None:
        """
        Pairs have a topic each, a fan-out has one; every run has its own.
        """
        pair = Plan(kind="pair", token="ab", topic="t")
        self.assertEqual([pair.topic_of(0), pair.topic_of(1)], ["t/ab/0", "t/ab/1"])
        self.assertEqual(Plan(kind="fan-out", token="ab", topic="t").topic_of(3), "t/ab/0")
