"""
What C{txmqtt bench} is told wrongly.
"""

from __future__ import annotations

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.cli.pub.test_command import NOWHERE
from tests.service.support import scratch
from txmqtt.cli.main import main


class FileTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        [bench] is for all of them: what another one has is no mistake, what none has is one.
        """
        path = scratch(self) / "client.toml"
        for text, said in (
            ("[bench]\nsize = 64\nclients = 2\n", "leaves no sessions behind"),
            ("[bench]\nsizes = 64\n", "[bench] sizes is not known; did you mean size?"),
        ):
            path.write_text(text)
            words = ["bench", "connect", "--config", str(path), "-c", "-i", "x"]
            done = CliRunner().invoke(main, words, env=NOWHERE)
            self.assertIn(said, " ".join(done.output.split()))


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
