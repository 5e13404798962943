"""
What C{txmqtt pub} is told wrongly.
"""

from __future__ import annotations

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.main import main

#: No file of whoever runs the tests.
NOWHERE: dict[str, str | None] = {"XDG_CONFIG_HOME": "/nonexistent"}


class MisuseTests(SynchronousTestCase):
    def test_misused(self) -> None:
        """
        What can't be is said before anything is connected, with exit status 2.
        """
        for words, said in (
            (["-m", "x"], "no topic"),
            (["-t", "a"], "expected one of -m, -f, -l, -n and -s"),
            (["-t", "a", "-m", "x", "-n"], "-m and -n: expected one of"),
            (["-t", "a", "-l", "-s"], "-s and -l: expected one of"),
            (["-t", "a", "-l", "--repeat", "2"], "--repeat repeats one message"),
            (["-t", "a/+", "-m", "x"], "wildcard '+'"),
            (["-t", "", "-m", "x"], "topic is empty"),
            (["-t", "a", "-L", "mqtt://h/b", "-m", "x"], "expected one of them"),
            (["-L", "http://h/b", "-m", "x"], "expected mqtt, mqtts"),
            (["-t", "a", "-m", "x", "-q", "3"], "0<=x<=2"),
            (["-t", "a", "-f", "/nonexistent/file"], "does not exist"),
            (["-t", "a", "-m", "x", "-D", "SUBSCRIBE", "user-property", "a", "b"], "'SUBSCRIBE'; expected"),
            (["-t", "a", "-m", "x", "-V", "311", "-D", "PUBLISH", "content-type", "a"], "-D needs MQTT 5.0"),
            (["-t", "a", "-m", "x", "--bogus"], "No such option"),
        ):
            with self.subTest(words=words):
                done = CliRunner().invoke(main, ["pub", *words], env=NOWHERE)
                self.assertEqual(done.exit_code, 2, done.output)
                self.assertIn(said, " ".join(done.output.split()))

    def test_help(self) -> None:
        """
        -h is the host; --help helps, and tells the exit statuses.
        """
        done = CliRunner().invoke(main, ["pub", "--help"], env=NOWHERE)
        self.assertEqual(done.exit_code, 0)
        self.assertIn("-h, --host", done.output)
        self.assertIn("27 time is up", done.output)
