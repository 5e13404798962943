"""
What a power cut at any moment leaves of a journal's file.
"""

import os
from random import Random

from tests.backends.sqlite.support_steps import SteppingTestCase
from tests.disk import diary
from tests.disk.cuts import Moments

CUTS = 12


class PowerCutTests(SteppingTestCase):
    def record(self, durability: str) -> tuple[list[float], Random]:
        """
        A file is made and closed, opened and left by a kill, and opened again; then some moments of all that.
        """
        for number in range(3):
            self.start(durability)
            self.hear("kept", 50)
            if number == 0:
                self.end()
            else:
                self.kill()
        self.assertEqual([line.split()[0] for line in self.heard], ["ended"])
        random = Random(seed := int.from_bytes(os.urandom(4)))
        print(f"seed {seed}")
        operations = diary.read(self.folder / "diary")
        return [
            moment for moment, _ in Moments(operations, [when for when, _ in self.kept], random).choose(CUTS)
        ], random

    def test_full_loses_nothing(self) -> None:
        """
        With durability "full" the power may fail at any moment: the file is sound, each transaction is there whole or
        not at all, in order, and nothing is missing that was acknowledged.
        """
        moments, random = self.record("full")
        self.assertEqual(self.power_cuts(moments, random), [])

    def test_normal_loses_the_last_seconds_only(self) -> None:
        """
        With "normal" the file is as sound, and lags behind what was acknowledged: that is what "full" is for, and that
        it shows here says that the other test would notice.
        """
        moments, random = self.record("normal")
        problems = self.power_cuts(moments, random)
        self.assertNotEqual(problems, [])
        self.assertEqual([problem for problem in problems if " lost: " not in problem], [])
