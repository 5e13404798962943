"""
The power fails while clients publish and listen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.disk.shim import library
from tests.end_to_end.support import HOME, environment

#: What holds the tests and the benchmarks; not where a link leads, because the package may be there too.
ROOT = str(Path(__file__).absolute().parents[2])


def powercut(*words: str) -> subprocess.CompletedProcess[str]:
    """
    Run the script, against the package under test: beside it there may be a package "tests" of somebody else's.
    """
    paths = {**environment(), "PYTHONPATH": os.pathsep.join((ROOT, HOME))}
    command = [sys.executable, "-P", "-m", "benchmarks.powercut", "--seed", "1", *words]
    return subprocess.run(command, env=paths, capture_output=True, text=True, timeout=120)


class PowerCutTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not sys.platform.startswith("linux"):
            self.skipTest("the shim is for Linux")
        library()  # skips where it can't be built

    def test_nothing_is_lost(self) -> None:
        """
        Nothing that was acknowledged is lost when the power fails, nothing at QoS 2 comes twice, and all sessions,
        subscriptions and retained messages are still there.
        """
        ended = powercut("--cuts", "3", "--recordings", "1", "--lives", "2")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("nothing lost", ended.stdout)

    def test_what_is_lost_is_noticed(self) -> None:
        """
        A broker that does not wait for the disk loses the last seconds, and the script says so; its file is sound all
        the same.
        """
        few = ("--cuts", "8", "--recordings", "1", "--lives", "2", "--at-once", "4", "--quiet", "0.5")
        ended = powercut(*few, "--durability", "normal")
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        self.assertRegex(ended.stdout, r"(?m)^  (lost|retained wrong|sessions missing) +[1-9]")
        for kind in ("not opened", "not sound"):
            self.assertRegex(ended.stdout, rf"(?m)^  {kind} +0")
