"""
The command C{txmqtt} itself.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from txmqtt._build import __version__
from txmqtt.cli import main as module


class MainTests(SynchronousTestCase):
    def test_version(self) -> None:
        """
        It says its version.
        """
        done = CliRunner().invoke(module.main, ["--version"])
        self.assertEqual((done.exit_code, done.output), (0, f"txmqtt {__version__}\n"))

    def test_no_words(self) -> None:
        """
        Alone it says what there is.
        """
        done = CliRunner().invoke(module.main, [])
        self.assertIn("store ", done.output)
        self.assertIn("twistd mqtt-broker", done.output)

    def test_installed(self) -> None:
        """
        It is installed under its name.
        """
        (script,) = entry_points(group="console_scripts", name="txmqtt")
        self.assertEqual(script.value, f"{module.__name__}:main")
