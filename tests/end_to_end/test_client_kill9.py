"""
A program with a client and its store is killed while it publishes and receives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import HOME, environment, need_program

ROOT = str(Path(__file__).resolve().parents[2])


def kill9(*words: str) -> subprocess.CompletedProcess[str]:
    """
    Run the script, against the package under test: with C{-P} the checkout is found after it.
    """
    paths = {**environment(), "PYTHONPATH": os.pathsep.join((HOME, ROOT))}
    command = [sys.executable, "-P", "-m", "benchmarks.client_kill9", "--seed", "1", *words]
    return subprocess.run(command, env=paths, capture_output=True, text=True, timeout=120)


class ClientKillTests(SynchronousTestCase):
    def test_nothing_is_lost(self) -> None:
        """
        What the store had taken reaches a subscriber, at QoS 2 once, and is found by its key; what was to be received
        is, and a second time only where the kill was faster than the disk.
        """
        ended = kill9("--kills", "2")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("nothing lost", ended.stdout)

    def test_with_another_broker(self) -> None:
        """
        Likewise with mosquitto, and 3.1.1.
        """
        need_program("mosquitto", "mosquitto")
        ended = kill9("--kills", "1", "--broker", "mosquitto", "--version", "4")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def test_what_is_lost_is_noticed(self) -> None:
        """
        A program whose store is gone when it starts again has broken its word, and the script says so.
        """
        ended = kill9("--kills", "2", "--forgetful")
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        self.assertRegex(ended.stdout, r"(?m)^promised and not found by key +[1-9]")
