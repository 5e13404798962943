"""
What C{txmqtt retained} is told wrongly.
"""

from __future__ import annotations

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.cli.pub.test_command import NOWHERE
from txmqtt.cli.main import main


class MisuseTests(SynchronousTestCase):
    def test_misused(self) -> None:
        """
        What can't be is said before anything is connected; nothing is cleared where nobody can be asked.
        """
        for words, said in (
            (["list"], "Missing argument"),
            (["list", "a/#/b"], "goes on after '#'"),
            (["list", "$share/g/a"], "gets no retained messages"),
            (["clear", "a"], "nobody can be asked"),
            (["clear", "a", "--yes", "-T", "+a"], "'+' does not fill its level"),
        ):
            with self.subTest(words=words):
                done = CliRunner().invoke(main, ["retained", *words], env=NOWHERE)
                self.assertEqual(done.exit_code, 2, done.output)
                self.assertIn(said, " ".join(done.output.split()))
