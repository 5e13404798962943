"""
What C{txmqtt bench} is told wrongly.
"""

from __future__ import annotations

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.cli.pub.test_command import NOWHERE
from txmqtt.cli.main import main


class MisuseTests(SynchronousTestCase):
    def test_misused(self) -> None:
        """
        What can't be is said before any process is started.
        """
        for words, said in (
            (["pair", "--size", "8"], "at least 16"),
            (["sub", "a/#/b"], "goes on after '#'"),
            (["pub", "-c", "-i", "x"], "leaves no sessions behind"),
            (["fan-out", "-n", "0"], "1<=x"),
            (["pub", "--topic", "a/+"], "wildcard '+'"),
        ):
            with self.subTest(words=words):
                done = CliRunner().invoke(main, ["bench", *words], env=NOWHERE)
                self.assertEqual(done.exit_code, 2, done.output)
                self.assertIn(said, " ".join(done.output.split()))
