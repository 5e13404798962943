"""
Tests of txmqtt.broker.remembered: which remembered topics a filter matches.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.broker.strategies import filters, topics
from txmqtt.broker.remembered import Remembered
from txmqtt.codec.topics import matches


class RememberedTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.one_of(st.tuples(st.booleans(), topics()), filters())))
    def test_exactly_those_that_match(self, steps: list[tuple[bool, bytes] | bytes]) -> None:
        """
        Whatever topics come and go, a filter finds all that it matches of those that are there, and no other.
        """
        remembered, there = Remembered(), set[bytes]()
        for step in steps:
            if isinstance(step, bytes):
                self.assertEqual(sorted(remembered.matching(step)), sorted(t for t in there if matches(step, t)))
            elif step[0]:
                remembered.add(step[1])
                there.add(step[1])
            elif step[1] in there:
                remembered.discard(step[1])
                there.discard(step[1])
            self.assertEqual(len(remembered), len(there))

    def test_nothing_is_left(self) -> None:
        """
        Topics that are not remembered any more take no memory, whether a filter has looked for them or not.
        """
        remembered = Remembered()
        for looked in (False, True):
            for number in range(100):
                remembered.add(b"a/%d/b" % number)
            if looked:
                self.assertEqual(remembered.matching(b"a/7/+"), [b"a/7/b"])
            for number in range(100):
                remembered.discard(b"a/%d/b" % number)
            left = [len(place) for place in remembered._places]
            self.assertEqual((len(remembered), len(remembered._fresh), sum(left)), (0, 0, 0))

    def test_keep(self) -> None:
        """
        Most may be forgotten at once, and the others are found as before.
        """
        remembered = Remembered()
        for topic in (b"a/b", b"a/c", b"d"):
            remembered.add(topic)
        self.assertEqual(len(remembered.matching(b"a/+")), 2)
        remembered.keep([b"a/b"])
        self.assertEqual(
            (len(remembered), remembered.matching(b"a/+"), remembered.matching(b"#")), (1, [b"a/b"], [b"a/b"])
        )

    def test_looks_where_few_are(self) -> None:
        """
        However many topics are remembered, a change of one filter looks at few of them: those with its rarest level.
        The first filters look at more, until all topics are in their places.
        """
        remembered = Remembered()
        for number in range(2_500):
            remembered.add(b"home/%d/state" % number)
        looked = [len(remembered._candidates([b"home", b"+", b"17"])) for _ in range(4)]
        self.assertEqual(looked, [1_500, 500, 0, 0])
        for filter, expected in ((b"home/17/+", 1), (b"+/17/#", 1), (b"other/#", 0), (b"#", 2_500)):
            with self.subTest(filter=filter):
                self.assertEqual(len(remembered._candidates(filter.split(b"/"))), expected)
