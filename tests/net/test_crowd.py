"""
Tests of txmqtt.net.crowd: who has to go when too many wait before the door.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.crowd import Crowd


class CrowdTests(SynchronousTestCase):
    def test_who_has_most(self) -> None:
        """
        The oldest of the address that has the most goes, so one address alone can't push out others.
        """
        crowd: Crowd[int] = Crowd()
        crowd.add(1, "good")
        for number in range(10, 15):
            crowd.add(number, "bad")
        self.assertEqual((crowd.oldest(), crowd.oldest("good"), len(crowd), crowd.count("bad")), (10, 1, 6, 5))
        for number in range(10, 14):
            self.assertEqual(crowd.oldest(), number)
            crowd.remove(number, "bad")
        self.assertEqual((len(crowd), crowd.count("bad"), crowd.count("nobody")), (2, 1, 0))

    def test_all_alike(self) -> None:
        """
        Of addresses that have one each, the one that came first goes first.
        """
        crowd: Crowd[int] = Crowd()
        for number in range(5):
            crowd.add(number, f"2001:db8:0:{number}::/64")
        self.assertEqual(crowd.oldest(), 0)
        crowd.remove(0, "2001:db8:0:0::/64")
        self.assertEqual(crowd.oldest(), 1)

    @settings(max_examples=40)
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60))
    def test_like_counting(self, steps: list[tuple[bool, int]]) -> None:
        """
        Whatever comes and goes, whoever is named has waited for the longest time of those of an origin that has the
        most.
        """
        crowd: Crowd[int] = Crowd()
        waiting: dict[str, list[int]] = {}
        for number, (comes, place) in enumerate(steps):
            origin = str(place)
            if comes:
                crowd.add(number, origin)
                waiting.setdefault(origin, []).append(number)
            elif waiting.get(origin):
                crowd.remove(waiting[origin].pop(number % len(waiting[origin])), origin)
            self.assertEqual(len(crowd), sum(map(len, waiting.values())))
            if len(crowd):
                most = max(map(len, waiting.values()))
                self.assertIn(crowd.oldest(), [each[0] for each in waiting.values() if len(each) == most])
