"""
The values that options take.
"""

from __future__ import annotations

from typing import Any

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.options.settings import ExpiryType, PropertySetting, VersionType


@click.command()
@click.option("-D", "--property", "properties", cls=PropertySetting, multiple=True)
@click.option("-m")
@click.option("-x", "expiry", type=ExpiryType())
@click.option("-V", "version", type=VersionType())
def tool(properties: tuple[str, ...], m: str | None, expiry: int | None, version: int | None) -> None:
    """
    Shows what it was told.
    """
    click.echo(repr(([each.split("\0") for each in properties], m, expiry, version)))


def told(*words: str) -> Any:
    done = CliRunner().invoke(tool, list(words))
    return done.output.strip() if done.exit_code == 0 else done.exit_code


class SettingTests(SynchronousTestCase):
    def test_property_takes_its_words(self) -> None:
        """
        Three, or four for a user property; and only after -D itself.
        """
        self.assertEqual(
            told("-D", "A", "b", "c", "--property", "A", "user-property", "k", "v", "-m", "-D"),
            repr(([["A", "b", "c"], ["A", "user-property", "k", "v"]], "-D", None, None)),
        )
        self.assertEqual(told("-D", "A", "b"), 2)
        self.assertEqual(told("-D", "A", "user-property", "k"), 2)

    def test_versions(self) -> None:
        """
        By mosquitto's names and by their numbers.
        """
        for word, version in (("mqttv5", 5), ("5", 5), ("mqttv311", 4), ("311", 4), ("mqttv31", 3), ("31", 3)):
            self.assertEqual(told("-V", word), repr(([], None, None, version)))
        self.assertEqual(told("-V", "6"), 2)

    def test_expiry(self) -> None:
        """
        Seconds, or for ever.
        """
        for word, seconds in (("0", 0), ("60", 60), ("-1", 2**32 - 1), ("∞", 2**32 - 1), ("4294967295", 2**32 - 1)):
            self.assertEqual(told("-x", word), repr(([], None, seconds, None)))
        for word in ("-2", "4294967296", "soon", "1.5", "٣"):
            self.assertEqual(told("-x", word), 2)
