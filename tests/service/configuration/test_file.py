"""
Tests of txmqtt.service.configuration.file: a file is read, or all that is wrong with it is told with its lines.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.broker.policy import Policy
from txmqtt.service.configuration.file import ConfigurationError, load
from txmqtt.service.configuration.settings import Settings


class LoadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path: Path = scratch(self) / "broker.toml"

    def wrong(self, text: str | bytes) -> list[str]:
        """
        What is told of a file, without its path.
        """
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with self.assertRaises(ConfigurationError) as caught:
            load(self.path)
        return str(caught.exception).replace(str(self.path), "F").splitlines()

    def test_read(self) -> None:
        """
        What the file says is what holds, the rest is as it is without it.
        """
        self.path.write_text("[limits]\nmax_inflight = 7\n[[listener]]\nendpoint = 'tcp:1884'\n")
        settings = load(self.path).settings
        self.assertEqual(settings.limits, Policy(max_inflight=7))
        self.assertEqual([each.endpoint for each in settings.listener], ["tcp:1884"])
        self.path.write_text("")
        self.assertEqual(load(self.path).settings, Settings())

    def test_all_that_is_wrong(self) -> None:
        """
        Each mistake is told with the line that it is on, in the order of the lines.
        """
        said = self.wrong("[limits]\n\nmax_inflght = 7\nwill_grace = -1\n[brokr]\n[[listener]]\n")
        self.assertEqual(
            said,
            [
                "F:3: limits.max_inflght: unknown; did you mean max_inflight?",
                "F:4: limits.will_grace: -1: expected a number from 0 to 4294967295",
                "F:5: brokr: unknown; did you mean broker?",
                "F:6: listener: endpoint is missing",
            ],
        )

    def test_no_toml(self) -> None:
        """
        What is no configuration file at all is told as well as can be.
        """
        for text, words in (
            ("a = ", "F: Invalid value (at end of document)"),
            ("[a\n", "F: Expected ']' at the end of a table declaration (at line 1, column 3)"),
            (b"\n\n\xff", "F:3: not UTF-8"),
            ("a = " + "[" * 10_000, "F: arrays or tables within each other, too deep"),
            ("a = " + "9" * 10_000, "F: a number with more digits than can be read"),
            (b"#" * (4 * 1024 * 1024 + 1), "F: larger than 4194304 bytes; expected a configuration file"),
        ):
            with self.subTest(words=words):
                self.assertEqual(self.wrong(text), [words])

    def test_no_file(self) -> None:
        """
        A file that can't be read is told by its name.
        """
        for path, words in ((self.path, "No such file or directory"), (self.path.parent, "Is a directory")):
            with self.subTest(words=words):
                self.assertRaisesRegex(ConfigurationError, f"^{path}: {words}$", load, path)
