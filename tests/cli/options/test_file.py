"""
Options in the environment and in a file.
"""

from __future__ import annotations

import json
from typing import Any

import click
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.cli.options.connection import ClientCommand, Connection, connects
from txmqtt.cli.options.settings import Setting


@click.group()
def tool() -> None:
    """
    Stands for txmqtt.
    """


@tool.command("sub", cls=ClientCommand)
@click.option("-t", "--topic", "topics", cls=Setting, multiple=True)
@connects
def sub(connection: Connection, topics: tuple[str, ...]) -> None:
    """
    Shows what it was told.
    """
    said: dict[str, Any] = {
        name: getattr(connection, name) for name in ("host", "port", "version", "tls", "properties")
    }
    click.echo(json.dumps({**said, "topics": topics}))


class FileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch(self)
        (self.folder / "txmqtt").mkdir()
        self.path = self.folder / "txmqtt" / "client.toml"
        self.environment: dict[str, str | None] = {"XDG_CONFIG_HOME": str(self.folder)}

    def run_sub(self, *words: str) -> Result:
        return CliRunner().invoke(tool, ["sub", *words], env=self.environment)

    def told(self, *words: str) -> dict[str, Any]:
        done = self.run_sub(*words)
        self.assertEqual(done.exit_code, 0, done.output)
        found: dict[str, Any] = json.loads(done.output)
        return found


class PrecedenceTests(FileCase):
    def test_line_environment_file(self) -> None:
        """
        The command line goes first, then the environment, then the file: its table for the command before its top.
        """
        self.path.write_text('host = "top"\nport = 1\n[sub]\nhost = "table"\n[pub]\nhost = "pub"\n')
        self.assertEqual(self.told()["host"], "table")
        self.assertEqual(self.told()["port"], 1)
        self.environment["TXMQTT_HOST"] = "variable"
        self.assertEqual(self.told()["host"], "variable")
        self.environment["TXMQTT_SUB_HOST"] = "for sub"
        self.assertEqual(self.told()["host"], "for sub")
        self.assertEqual(self.told("-h", "line")["host"], "line")

    def test_kinds(self) -> None:
        """
        Flags, lists, numbers and names become what the command line makes of them.
        """
        self.path.write_text(
            'tls = true\nprotocol-version = 311\nproperty = [["CONNECT", "receive-maximum", 5]]\n'
            '[sub]\ntopic = ["a b", "c"]\n'
        )
        told = self.told()
        self.assertEqual((told["tls"], told["version"], told["topics"]), (True, 4, ["a b", "c"]))
        self.assertEqual(told["properties"], ["\0".join(("CONNECT", "receive-maximum", "5"))])

    def test_environment(self) -> None:
        """
        What repeats is separated by blanks, a flag is 1.
        """
        self.environment |= {"TXMQTT_TOPIC": "a b", "TXMQTT_TLS": "1"}
        told = self.told()
        self.assertEqual((told["topics"], told["tls"]), (["a", "b"], True))

    def test_which_file(self) -> None:
        """
        One that is named takes the place of the usual one, and must be there.
        """
        other = self.folder / "other.toml"
        other.write_text('host = "other"\n')
        self.path.write_text('host = "usual"\n')
        self.assertEqual(self.told("--config", str(other))["host"], "other")
        self.assertEqual(self.told(f"--config={other}")["host"], "other")
        self.environment["TXMQTT_CONFIG"] = str(other)
        self.assertEqual(self.told()["host"], "other")
        self.assertEqual(self.run_sub("--config", str(self.folder / "none")).exit_code, 1)

    def test_no_file(self) -> None:
        """
        Nobody needs one.
        """
        self.assertEqual(self.told()["host"], None)


class MistakeTests(FileCase):
    def test_mistakes(self) -> None:
        """
        What nobody understands is an error that names the file, the key and the nearest one.
        """
        for text, words in (
            ('hots = "x"', "hots is not known; did you mean host?"),
            ('[sub]\ntopics = ["x"]', "[sub] topics is not known; did you mean topic?"),
            ("[subs]\n", "[subs] is not known; did you mean sub?"),
            ('topic = ["x"]', "topic is not for all commands; expected it below [sub]"),
            ('port = "many"', "port: "),
            ("port = 70000", "port: "),
            ("port = [1]", "port is [1]; expected one value"),
            ("tls = 1", "tls is 1; expected true or false"),
            ("host = true", "host is True; expected a value"),
            ("host = ", "Invalid value"),
            ("config = 'x'", "config is not known"),
        ):
            with self.subTest(text=text):
                self.path.write_text(text)
                done = self.run_sub()
                self.assertEqual(done.exit_code, 1, done.output)
                shown = " ".join(done.output.split())
                self.assertIn(words, shown)
                self.assertIn("client.toml", shown)

    def test_unreadable(self) -> None:
        """
        So is a file that is none.
        """
        self.path.write_bytes(b"\xff\xfe")
        self.assertEqual(self.run_sub().exit_code, 1)
        self.path.unlink()
        self.path.mkdir()
        self.assertEqual(self.run_sub().exit_code, 1)
