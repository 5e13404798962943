"""
Figures in words, and how far it is.
"""

from __future__ import annotations

from io import StringIO

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.progress import Progress
from txmqtt.cli.words import counted, plain, size


class WordsTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        """
        A size has the unit that suits it.
        """
        for count, said in (
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (3000 << 40, "3000.0 TiB"),
        ):
            self.assertEqual(size(count), said)

    def test_counts(self) -> None:
        """
        One is one, and more are many.
        """
        self.assertEqual(counted(1, "message"), "1 message")
        self.assertEqual(counted(0, "message"), "0 messages")
        self.assertEqual(counted(1234, "loss", "losses"), "1,234 losses")

    def test_plain(self) -> None:
        """
        What a terminal would obey is written out.
        """
        self.assertEqual(plain("a\x1b[1m\n\u202eü"), "a\\x1b[1m\\n\\u202eü")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class ProgressTests(SynchronousTestCase):
    def test_long(self) -> None:
        """
        On a terminal what takes long says now and then how far it is, and leaves an empty line.
        """
        clock, terminal = Clock(), Terminal()
        progress = Progress(terminal, clock.seconds)
        for step in range(20):
            progress.tell(f"step {step}")
            clock.advance(0.11)
        progress.end()
        self.assertEqual(terminal.getvalue().split("\r")[1:4], ["step 10", "step 12", "step 14"])
        self.assertTrue(terminal.getvalue().endswith("\r       \r"))

    def test_short(self) -> None:
        """
        What is done at once says nothing.
        """
        terminal = Terminal()
        progress = Progress(terminal, Clock().seconds)
        progress.tell("1 line")
        progress.end()
        self.assertEqual(terminal.getvalue(), "")

    def test_no_terminal(self) -> None:
        """
        Nor does anything whose output goes into a file.
        """
        clock, file = Clock(), StringIO()
        progress = Progress(file, clock.seconds)
        clock.advance(100)
        progress.tell("1 line")
        progress.end()
        self.assertEqual(file.getvalue(), "")
