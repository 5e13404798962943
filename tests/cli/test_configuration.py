"""
C{txmqtt check-config}, C{txmqtt sample-config} and C{txmqtt reload}.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.cli.main import main


class ConfigurationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch(self)
        self.path = self.folder / "broker.toml"

    def run_command(self, *words: object) -> tuple[int, str]:
        done = CliRunner().invoke(main, [str(word) for word in words])
        return done.exit_code, done.output.replace(str(self.folder), "D")

    def test_good(self) -> None:
        """
        A file that can be used is said to be.
        """
        self.path.write_text("[limits]\nmax_inflight = 7\n")
        self.assertEqual(self.run_command("check-config", self.path), (0, "D/broker.toml: all of it can be used\n"))

    def test_wrong(self) -> None:
        """
        What is wrong is told with its line, what the file refers to included, and the status says so.
        """
        for text, words in (
            ("[limits]\nmax_inflght = 7\n", ":2: limits.max_inflght: unknown; did you mean max_inflight?"),
            ("\n[acl]\nfile = '/nowhere'\n", ":2: acl: '/nowhere' can't be read: No such file or directory"),
        ):
            with self.subTest(words=words):
                self.path.write_text(text)
                status, said = self.run_command("check-config", self.path)
                self.assertEqual((status, said), (1, f"Error: D/broker.toml{words}\n"))

    def test_sample(self) -> None:
        """
        The sample is a file that can be used.
        """
        status, said = self.run_command("sample-config")
        self.assertEqual(status, 0)
        self.path.write_text(said)
        self.assertEqual(self.run_command("check-config", self.path)[0], 0)


class ReloadTests(ConfigurationTests):
    def setUp(self) -> None:
        super().setUp()
        self.sent: list[tuple[int, int]] = []
        self.error: Exception | None = None
        self.patch(os, "kill", self.kill)

    def kill(self, pid: int, number: int) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((pid, number))

    def test_pidfile(self) -> None:
        """
        The broker whose number is in the file is told, or the one whose number was given.
        """
        pidfile = self.folder / "twistd.pid"
        pidfile.write_text("1234\n")
        self.assertEqual(self.run_command("reload", "--pidfile", pidfile)[0], 0)
        self.assertEqual(self.run_command("reload", "--pid", 5678)[0], 0)
        self.assertEqual(self.sent, [(1234, signal.SIGHUP), (5678, signal.SIGHUP)])

    def test_checked_first(self) -> None:
        """
        A broker is not bothered with a file that it can't use.
        """
        self.path.write_text("[limts]\n")
        status, said = self.run_command("reload", "--pid", 1, "--config", self.path)
        self.assertEqual(status, 1)
        self.assertIn("did you mean limits?", said)
        self.assertEqual(self.sent, [])

    def test_nobody_there(self) -> None:
        """
        Why nobody could be told is said in one line.
        """
        wrong = self.folder / "wrong.pid"
        wrong.write_text("soon")
        for words, error, said in (
            (("--pid", 9), ProcessLookupError(), "process 9: there is none; expected a broker that runs"),
            (("--pid", 9), PermissionError(), "process 9: it belongs to somebody else; expected a broker of ours"),
            (("--pidfile", wrong), None, "D/wrong.pid: 'soon'; expected the number of a process"),
            (
                ("--pidfile", self.folder / "no"),
                None,
                "D/no: No such file or directory; expected the file that twistd --pidfile made",
            ),
        ):
            with self.subTest(said=said):
                self.error = error
                words_: tuple[Any, ...] = words
                self.assertEqual(self.run_command("reload", *words_), (1, f"Error: {said}\n"))
