"""
Every command that a page shows is one that the program understands.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import click
from twisted.internet import endpoints
from twisted.python.systemd import ListenFDs
from twisted.python.usage import UsageError
from twisted.scripts.twistd import ServerOptions  # type: ignore[attr-defined]
from twisted.trial.unittest import SynchronousTestCase

from tests.house import ROOT
from tests.net.support_tls import authority, certificates_pem, key_pem, revocation, server
from tests.service.support import scratch
from txmqtt.cli.main import main

#: What ends a command of a shell, and what only says where its output goes.
_ENDS = {"|", "||", "&&", ";", "&", "(", ")"}
_REDIRECTIONS = {">", ">>", "<"}


def shown(page: Path) -> Iterator[str]:
    """
    The lines of a page that are typed into a shell, or stand in a unit of systemd.
    """
    pattern = r"^ *\.\. code-block:: (sh|console|bash|ini|systemd)\n((?:\s+:.*\n)*)\n((?: +.*\n|\n)+)"
    for language, _, text in re.findall(pattern, page.read_text("utf-8"), re.MULTILINE):
        for line in re.sub(r"\\\n\s*", "", text).splitlines():
            words = line.strip()
            if language == "console":
                if words.startswith("$ "):
                    yield words[2:]
            elif language in ("ini", "systemd"):
                if words.startswith("ExecStart="):
                    yield words.removeprefix("ExecStart=")
            else:
                yield words


def commands(line: str) -> Iterator[list[str]]:
    """
    The commands of a line, C{txmqtt} and C{twistd mqtt-broker}, each as a list of words.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    skip = False
    for word in [*lexer, ";"]:
        if skip:
            skip = False
        elif word in _REDIRECTIONS:
            skip = True
        elif word in _ENDS or set(word) <= set("|&;()"):
            yield from _ours(words)
            words = []
        else:
            words.append(word)


def _ours(words: list[str]) -> Iterator[list[str]]:
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    program = os.path.basename(words[0]) if words else ""
    if program == "txmqtt" or (program in ("twist", "twistd") and "mqtt-broker" in words):
        yield [program, *words[1:]]


class CommandTests(SynchronousTestCase):
    """
    They are parsed in a folder that has the files which the pages name.
    """

    def setUp(self) -> None:
        self.pages = [*sorted((ROOT / "docs").glob("*.rst")), ROOT / "README.rst"]
        if len(self.pages) < 2:
            self.skipTest("no documentation beside the tests")
        self.folder = folder = scratch(self)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        pair = server("broker.example.com")
        for name, data in (
            ("cert.pem", certificates_pem(pair)),
            ("key.pem", key_pem(pair)),
            ("ca.pem", certificates_pem(authority())),
            ("crl.pem", revocation(by=authority())),
            ("certificates/default.pem", certificates_pem(pair) + key_pem(pair)),
            ("passwords", b""),
            ("broker.toml", b""),
            ("mqtt.db", b""),
            ("salvaged.jsonl", b""),
        ):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o600)
        for name in ("our-ca.pem", ".mqtt"):
            (folder / name).write_bytes(certificates_pem(authority()))
        self.patch(endpoints._SystemdParser, "_sddaemon", ListenFDs([3], ("mqtt",)))  # as if systemd had started us
        self.patch(os, "environ", {**os.environ, "HOME": str(folder), "STATE_DIRECTORY": str(folder / "state")})

    def test_commands(self) -> None:
        """
        Its options exist, and their values make sense.
        """
        count = 0
        for page in self.pages:
            for line in shown(page):
                for words in commands(line):
                    with self.subTest(page=page.name, line=line):
                        count += 1
                        self.parse([self.as_here(word) for word in words])
        self.assertGreater(count, 40)

    def as_here(self, word: str) -> str:
        """
        What the shell, and systemd, make of a word, where the files are ours.
        """
        for name in ("/etc/txmqtt", "${CREDENTIALS_DIRECTORY}"):
            word = word.replace(name, str(self.folder))
        return os.path.expanduser(word)

    def parse(self, words: list[str]) -> None:
        """
        As the program does, up to where it would begin.
        """
        if words[0] == "txmqtt":
            self.parse_ours(words[1:])
        else:
            self.parse_twistd(words[1:])

    def parse_ours(self, words: list[str]) -> None:
        command: click.Command = main
        while isinstance(command, click.Group) and words:
            found = command.get_command(click.Context(command), words[0])
            self.assertIsNotNone(found, f"there is no command {words[0]!r}")
            assert found is not None
            command, words = found, words[1:]
        if isinstance(command, click.Group):
            return  # for the completion of shells
        try:
            with redirect_stdout(StringIO()):  # for --help
                command.make_context(command.name, list(words))
        except click.exceptions.Exit as end:
            self.assertEqual(end.exit_code, 0)
        except click.ClickException as error:
            self.fail(error.format_message())

    def parse_twistd(self, words: list[str]) -> None:
        options: Any = ServerOptions()
        try:
            options.parseOptions(words)
        except (SystemExit, UsageError) as error:
            self.fail(str(error))
        options.subOptions.assembly.stop()

    def test_what_is_noticed(self) -> None:
        """
        The check itself tells right from wrong, and finds commands where they stand.
        """
        for line, found in (
            ("tail -F log | txmqtt pub -t a -l > out", [["txmqtt", "pub", "-t", "a", "-l"]]),
            ("A=b .venv/bin/txmqtt sub --help && ls", [["txmqtt", "sub", "--help"]]),
            ("twistd -n mqtt-broker --store memory  # no disk", [["twistd", "-n", "mqtt-broker", "--store", "memory"]]),
            ("twistd web; pip install txmqtt", []),
        ):
            with self.subTest(line):
                self.assertEqual(list(commands(line)), found)
        for words in (["txmqtt", "nothing"], ["txmqtt", "pub", "--nothing"], ["txmqtt", "sub", "-q", "3", "-t", "a"]):
            with self.subTest(words), self.assertRaises(self.failureException):
                self.parse(words)
        for more in ("--nothing", "--max-qos=3", "--auth=passwords:nowhere"):
            with self.subTest(more), self.assertRaises(self.failureException):
                self.parse(["twistd", "-n", "mqtt-broker", more])
