"""
The soak sees what it is there to see: a leak, a loss, an error; and a broker that is well passes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from benchmarks.soaking.books import Books, parse
from benchmarks.soaking.figures import Sample
from benchmarks.soaking.verdict import Soak
from tests.end_to_end.support import HOME, environment

ROOT = str(Path(__file__).resolve().parents[2])

FIGURES = """
# TYPE txmqtt_publish_received_total counter
txmqtt_publish_received_total 107.0
txmqtt_publish_sent_total{qos="0"} 20.0
txmqtt_publish_sent_total{qos="1,2"} 30.0
txmqtt_messages_dropped_total{reason="expired"} 2.0
txmqtt_queued_messages 3.0
"""


def soak(memory: float = 0.0, store: float = 0.0, minutes: int = 60) -> Soak:
    """
    One that went well, unless memory or store grow by so many MB in an hour.
    """
    samples = [
        Sample(60.0 * minute, 80 + (minute % 3) + memory * minute / 60, 20 + store * minute / 60)
        for minute in range(minutes + 1)
    ]
    log = [json.dumps({"level": "info", "message": "hello"}), ""]
    return Soak(samples, [60, 61, 60], [], log)


class VerdictTests(TestCase):
    def test_well(self) -> None:
        """
        What goes up and down a little is no leak.
        """
        self.assertEqual(soak().wrong(), [])
        self.assertEqual(soak(memory=2.0, store=4.0).wrong(), [])

    def test_leaks(self) -> None:
        """
        Memory that grows all the time is one, and so is a file, and so are file descriptors.
        """
        for leaking, words in ((soak(memory=40.0), "memory grows"), (soak(store=60.0), "store grows")):
            self.assertEqual([each.partition(":")[0] for each in leaking.wrong()], [words])
        self.assertApproximates(soak(memory=40.0).courses()[0].slope, 40.0, 1.0)
        leaking = soak()
        leaking.descriptors = [60, 63, 66, 69]
        self.assertEqual(leaking.wrong(), ["file descriptors: 60 at the first rest, 69 at the last"])

    def test_warm_up(self) -> None:
        """
        What grows in the first quarter only is none.
        """
        warming = soak()
        warming.samples = [Sample(each.at, min(each.at / 30, 25.0) + 80, 0.0) for each in warming.samples]
        self.assertEqual(warming.wrong(), [])

    def test_log(self) -> None:
        """
        An error in the log is wrong, and so is whatever does not belong there.
        """
        for line, words in (
            (json.dumps({"level": "critical", "message": "oh no"}), "the log says"),
            (json.dumps({"level": "info", "message": "hm", "traceback": "Traceback ..."}), "the log says"),
            ("Traceback (most recent call last):", "not of the log"),
        ):
            bad = soak()
            bad.log.append(line)
            self.assertEqual([each.partition(":")[0] for each in bad.wrong()], [words])

    def test_too_short(self) -> None:
        """
        Of a few moments nothing is claimed.
        """
        self.assertEqual(soak(minutes=5).wrong(), ["looked at 6 times only"])

    def test_books(self) -> None:
        """
        Every message that the broker and we do not both know of is named.
        """
        books = Books()
        books.begin({"txmqtt_publish_received_total": 100.0})
        books.counted.update({"published": 7, "dropped, expired": 2, "queued": 3})
        books.sent(0, 20)
        books.sent(2, 30)
        self.assertEqual(books.faults(parse(FIGURES)), [])
        books.sent(1)
        books.counted["queued"] -= 1
        self.assertEqual(
            books.faults(parse(FIGURES)),
            ["sent at QoS 1 and 2: the broker counted 30, we 31", "queued: the broker says 3, we 2"],
        )


class SoakTests(TestCase):
    def test_it_runs(self) -> None:
        """
        The script itself, for one round: all adds up, and the status says so.
        """
        run = subprocess.run(
            [sys.executable, "-P", "-m", "benchmarks.soak", "--minutes", "0.02", "--rooms", "2", "--seed", "1"],
            env={**environment(), "PYTHONPATH": os.pathsep.join((HOME, ROOT))},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("all is as it should be", run.stdout)
