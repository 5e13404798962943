"""
What C{txmqtt request} is told wrongly.
"""

from __future__ import annotations

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.cli.pub.test_command import NOWHERE
from txmqtt.cli.main import main


class MisuseTests(SynchronousTestCase):
    def test_misused(self) -> None:
        """
        What can't be is said before anything is connected.
        """
        for words, said in (
            ([], "no topic"),
            (["a/#"], "wildcard '#'"),
            (["a", "-m", "x", "-n"], "expected one of them"),
            (["a", "-V", "311"], "expected -V 5"),
        ):
            with self.subTest(words=words):
                done = CliRunner().invoke(main, ["request", *words], env=NOWHERE)
                self.assertEqual(done.exit_code, 2, done.output)
                self.assertIn(said, " ".join(done.output.split()))
