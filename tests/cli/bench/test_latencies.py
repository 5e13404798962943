"""
Latencies in buckets.
"""

from __future__ import annotations

import json
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.bench.latencies import LONGEST, Latencies, bucket, upper


class BucketTests(SynchronousTestCase):
    def test_exact_enough(self) -> None:
        """
        What is told of a duration is never less than it, and at most a thirty-second part more.
        """
        random = Random(1)
        values = [*range(200), *(random.randrange(1 << random.randrange(1, 33)) for _ in range(2000)), LONGEST]
        for value in values:
            told = upper(bucket(value))
            self.assertTrue(value <= told <= value + value // 32, (value, told))

    def test_in_order(self) -> None:
        """
        Buckets are as durations are, without a gap, and there are less than a thousand.
        """
        edges = [upper(index) for index in range(bucket(LONGEST) + 1)]
        self.assertEqual(edges, sorted(set(edges)))
        self.assertEqual([bucket(edge) for edge in edges], list(range(len(edges))))
        self.assertLess(len(edges), 1000)

    def test_out_of_range(self) -> None:
        """
        A clock that went back is 0; what took longer than any is as long as the longest.
        """
        self.assertEqual(bucket(-5), 0)
        self.assertEqual(bucket(LONGEST * 10), bucket(LONGEST))


class LatenciesTests(SynchronousTestCase):
    def test_percentiles(self) -> None:
        """
        They are those of what was added, to three parts in a hundred.
        """
        latencies = Latencies()
        for value in range(1, 10_001):
            latencies.add(value)
        for percent in (50.0, 90.0, 99.0, 99.9):
            self.assertTrue(percent * 100 <= latencies.percentile(percent) <= percent * 103.2, percent)
        self.assertEqual(latencies.percentile(100), 10_000)
        self.assertEqual((latencies.longest, latencies.mean()), (10_000, 5000.5))

    def test_none(self) -> None:
        """
        Nothing was measured: all is 0.
        """
        self.assertEqual((Latencies().percentile(50), Latencies().mean()), (0, 0.0))

    def test_merge(self) -> None:
        """
        What several processes say in JSON adds up, and nothing is told twice.
        """
        first, second, both = Latencies(), Latencies(), Latencies()
        for value in (1, 70, 5000):
            first.add(value)
        second.add(70)
        for each in (first, second, first):
            both.merge(json.loads(json.dumps(each.taken())))
        self.assertEqual((both.count, both.total, both.longest), (4, 5141, 5000))
        self.assertEqual(both.percentile(75), upper(bucket(70)))
