"""
What C{txmqtt sub} is told wrongly.
"""

from __future__ import annotations

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.cli.pub.test_command import NOWHERE
from txmqtt.cli.main import main


class MisuseTests(SynchronousTestCase):
    def test_misused(self) -> None:
        """
        What can't be is said before anything is connected, with exit status 2.
        """
        for words, said in (
            ([], "nothing to subscribe to"),
            (["-t", "a/#/b"], "goes on after '#'"),
            (["-t", "a", "-T", "a+"], "'+' does not fill its level"),
            (["-t", "a", "-U", "#a"], "goes on after '#'"),
            (["-t", "a", "-R", "--retained-only"], "nothing would be left"),
            (["-t", "a", "-C", "0"], "x>=1"),
            (["-t", "a", "-F", "%Z"], "'Z' after %"),
            (["-t", "a", "-D", "PUBLISH", "content-type", "a"], "'PUBLISH'; expected"),
            (["-t", "a", "-c"], "needs a client identifier"),
            (["-t", "a", "--random-filter", "0"], "0.1<=x<=100"),
        ):
            with self.subTest(words=words):
                done = CliRunner().invoke(main, ["sub", *words], env=NOWHERE)
                self.assertEqual(done.exit_code, 2, done.output)
                self.assertIn(said, " ".join(done.output.split()))
