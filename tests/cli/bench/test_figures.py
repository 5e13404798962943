"""
The sums of a measurement.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.bench.figures import Figures
from txmqtt.cli.bench.latencies import Latencies
from txmqtt.cli.bench.plan import Plan
from txmqtt.cli.bench.table import table


def tally(*latencies: int, **counted: Any) -> dict[str, Any]:
    measured = Latencies()
    for each in latencies:
        measured.add(each)
    nothing: dict[str, Any] = dict.fromkeys(("sent", "acknowledged", "received", "failed", "connected"), 0)
    return {**nothing, "error": "", "latencies": measured.taken(), **counted}


class FiguresTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.plan = Plan(kind="fan-out", token="00", clients=10, publishers=1, size=64)
        self.figures = Figures(self.plan, self.clock.seconds)

    def test_summary(self) -> None:
        """
        Totals, rates over the whole time, what is missing, percentiles in milliseconds.
        """
        self.figures.begin()
        for _ in range(4):
            self.clock.advance(1)
            self.figures.add(tally(1000, 2000, sent=100, acknowledged=100, received=990))
        self.figures.end()
        self.clock.advance(5)
        self.figures.add(tally(received=20))
        said = self.figures.summary()
        self.assertEqual((said["sent"], said["received"], said["missing"]), (400, 3980, 20))
        self.assertEqual((said["seconds"], said["sent_per_second"]), (4.0, 100.0))
        self.assertEqual(said["latency_ms"]["max"], 2.0)
        self.assertEqual(said["errors"], [])

    def test_nothing(self) -> None:
        """
        Nothing happened: no rate, no latency, no error.
        """
        self.figures.begin()
        said = self.figures.summary()
        self.assertEqual((said["sent_per_second"], said["latency_ms"]), (0.0, None))

    def test_rate_of_late(self) -> None:
        """
        The table shows what goes on now, not the average since the beginning.
        """
        self.figures.begin()
        for count in (1000, 1000, 0, 0, 0, 0):
            self.clock.advance(1)
            self.figures.add(tally(sent=count))
        self.assertEqual(self.figures.rate("sent"), 0.0)

    def test_errors(self) -> None:
        """
        Each is told once.
        """
        for _ in range(100):
            self.figures.add(tally(failed=1, error="no"))
        self.assertEqual(self.figures.errors, ["no"])

    def test_table(self) -> None:
        """
        It has a row for each figure that means something.
        """
        self.figures.begin()
        self.clock.advance(2)
        self.figures.add(tally(1500, sent=10, acknowledged=10, received=90))
        for over in (False, True):
            shown = table(self.plan, self.figures, over)
            words = [str(cell) for cell in shown.columns[0].cells]
            self.assertEqual(words[:2], ["sent", "received"])
            self.assertIn("latency p99", words)
            self.assertEqual("missing" in words, over)
