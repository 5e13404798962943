"""
Tests of txmqtt.net.buckets: how often something happened lately, and tables that forget.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.buckets import Bucket, Recent


class BucketTests(SynchronousTestCase):
    def test_forgotten_one_by_one(self) -> None:
        """
        Events are forgotten evenly, and never more than there were.
        """
        bucket = Bucket()
        self.assertEqual([bucket.pour(100.0, 0.5) for _ in range(3)], [1.0, 2.0, 3.0])
        self.assertEqual([bucket.level(100.0 + wait, 0.5) for wait in (0, 1, 2, 6, 60)], [3.0, 2.5, 2.0, 0.0, 0.0])
        self.assertEqual(bucket.pour(160.0, 0.5), 1.0)

    def test_take(self) -> None:
        """
        As many as fit may come at once, then one for each that leaked; who is refused does not make it longer.
        """
        bucket = Bucket()
        self.assertEqual([bucket.take(0.0, 2.0, 3) for _ in range(5)], [True, True, True, False, False])
        self.assertEqual([bucket.take(0.5, 2.0, 3) for _ in range(2)], [True, False])


class RecentTests(SynchronousTestCase):
    def test_bound(self) -> None:
        """
        Whoever was not heard of for the longest time is forgotten first.
        """
        table: Recent[str, int] = Recent(2)
        table.put("a", 1)
        table.put("b", 2)
        table.put("a", 3)
        table.put("c", 4)
        self.assertEqual((table.find("a"), table.find("b"), len(table)), (3, None, 2))
        self.assertEqual(table.items(), [("a", 3), ("c", 4)])
        self.assertEqual((table.pop("a"), table.pop("a"), len(table)), (3, None, 1))

    def test_hostile_network(self) -> None:
        """
        Whoever has many addresses makes us remember no more of them.
        """
        table: Recent[int, Bucket] = Recent(100)
        for number in range(10_000):
            table.put(number, Bucket())
        self.assertEqual(len(table), 100)
