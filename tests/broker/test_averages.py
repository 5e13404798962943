"""
Tests of txmqtt.broker.averages and txmqtt.broker.histogram: what is made of counts and durations.
"""

from math import exp

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.broker.averages import Averages
from txmqtt.broker.histogram import TIMES, Histogram


class AveragesTests(SynchronousTestCase):
    def loads(self, averages: Averages, name: str = "sockets") -> list[float]:
        topics = dict(averages.topics())
        return [float(topics[f"load/{name}/{span}"]) for span in ("1min", "5min", "15min")]

    def test_first_look(self) -> None:
        """
        What was counted before anybody looked is no load: a broker that comes back counts on.
        """
        averages = Averages()
        self.assertEqual(averages.topics(), [])
        averages.update(5.0, {"sockets": 1_000_000})
        self.assertEqual(self.loads(averages), [0.0, 0.0, 0.0])

    def test_steady(self) -> None:
        """
        What happens evenly is told as its rate a minute: soon over a minute, later over 15.
        """
        averages = Averages()
        for second in range(0, 1800, 10):
            averages.update(float(second), {"sockets": second * 2})
        one, five, fifteen = self.loads(averages)
        self.assertAlmostEqual(one, 120.0, 2)
        self.assertAlmostEqual(five, 120.0 * (1 - exp(-1790 / 300)), 2)
        self.assertAlmostEqual(fifteen, 120.0 * (1 - exp(-1790 / 900)), 2)

    def test_fades(self) -> None:
        """
        When it is over the averages fall, each at its own speed, whatever the interval of the looks.
        """
        for step in (1, 7, 60):
            averages = Averages()
            averages.update(0.0, {"sockets": 0})
            averages.update(60.0, {"sockets": 100})
            before = self.loads(averages)
            for now in range(60 + step, 60 + 421, step):
                averages.update(float(now), {"sockets": 100})
            with self.subTest(step=step):
                for was, is_, span in zip(before, self.loads(averages), (60, 300, 900), strict=True):
                    self.assertAlmostEqual(is_, was * exp(-420 / span), 1)

    def test_same_time(self) -> None:
        """
        Two looks at one time, or a clock that stands still, change nothing and divide by nothing.
        """
        averages = Averages()
        averages.update(1.0, {"sockets": 0})
        averages.update(61.0, {"sockets": 60})
        before = averages.topics()
        averages.update(61.0, {"sockets": 600})
        averages.update(60.0, {"sockets": 600})
        self.assertEqual(averages.topics(), before)

    def test_shrunk(self) -> None:
        """
        A total that has shrunk, which none should, is no negative load.
        """
        averages = Averages()
        averages.update(0.0, {"sockets": 60})
        averages.update(60.0, {"sockets": 0})
        self.assertEqual(self.loads(averages), [0.0, 0.0, 0.0])

    def test_a_name_that_comes_later(self) -> None:
        """
        A figure that begins later begins with its first look.
        """
        averages = Averages()
        averages.update(0.0, {"sockets": 0})
        averages.update(60.0, {"sockets": 0, "new": 500})
        averages.update(120.0, {"sockets": 0, "new": 560})
        self.assertAlmostEqual(self.loads(averages, "new")[0], 60 * (1 - exp(-1)), 2)


class HistogramTests(SynchronousTestCase):
    def test_buckets(self) -> None:
        """
        A value on a bound is within it; what is above all of them is counted too; the counts add up.
        """
        histogram = Histogram((0.1, 1.0))
        for value in (0.05, 0.1, 0.11, 1.0, 99.0):
            histogram.observe(value)
        self.assertEqual(histogram.counts, [2, 2, 1])
        self.assertEqual(histogram.cumulative(), [("0.1", 2), ("1", 4), ("+Inf", 5)])
        self.assertAlmostEqual(histogram.total, 100.26)

    def test_clock_went_back(self) -> None:
        """
        No duration is negative.
        """
        histogram = Histogram((0.1,))
        histogram.observe(-5.0)
        self.assertEqual((histogram.counts, histogram.total), ([1, 0], 0.0))

    def test_times(self) -> None:
        """
        The usual bounds rise, and no two of them have one name.
        """
        self.assertEqual(list(TIMES), sorted(TIMES))
        words = [word for word, _ in Histogram().cumulative()]
        self.assertEqual(len(set(words)), len(TIMES) + 1)
