"""
The broker is killed while clients publish and listen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import HOME, environment

ROOT = str(Path(__file__).resolve().parents[2])


def kill9(*words: str) -> subprocess.CompletedProcess[str]:
    """
    Run the script, against the package under test: with C{-P} the checkout is found after it.
    """
    paths = {**environment(), "PYTHONPATH": os.pathsep.join((HOME, ROOT))}
    command = [sys.executable, "-P", "-m", "benchmarks.kill9", "--seed", "1", *words]
    return subprocess.run(command, env=paths, capture_output=True, text=True, timeout=120)


class KillTests(SynchronousTestCase):
    def test_nothing_is_lost(self) -> None:
        """
        Nothing that was acknowledged is lost by kill -9, nothing at QoS 2 comes twice, and all sessions, subscriptions
        and retained messages are still there.
        """
        ended = kill9("--kills", "1")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("nothing lost", ended.stdout)

    def test_what_is_lost_is_noticed(self) -> None:
        """
        A broker that keeps everything in memory loses it, and the script says so.
        """
        ended = kill9("--kills", "1", "--store", "memory", "--quiet", "0.5")
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        self.assertRegex(ended.stdout, r"(?m)^sessions missing +[1-9]")
        self.assertRegex(ended.stdout, r"(?m)^retained wrong +[1-9]")
