"""
The command C{txmqtt} itself.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import click
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

    def test_every_command(self) -> None:
        """
        Each that is listed is there, under its name, and helps.
        """
        ctx = click.Context(module.main, info_name="txmqtt")
        for name in module.main.list_commands(ctx):
            with self.subTest(command=name):
                command = module.main.get_command(ctx, name)
                self.assertEqual(command and command.name, name)
                self.assertEqual(CliRunner().invoke(module.main, [name, "--help"]).exit_code, 0)
        self.assertEqual(CliRunner().invoke(module.main, ["stroe"]).exit_code, 2)

    def test_completion(self) -> None:
        """
        A shell completes the names of commands without importing any of them.
        """
        before = set(sys.modules)
        ctx = click.Context(module.main, info_name="txmqtt")
        found = [item.value for item in module.main.shell_complete(ctx, "re")]
        self.assertEqual(found, ["reload", "request", "retained"])
        self.assertEqual([name for name in set(sys.modules) - before if name.startswith("txmqtt")], [])
