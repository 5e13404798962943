"""
Standard output of a command that prints as things happen.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli import output
from txmqtt.cli.output import Output


class Pipe(BytesIO):
    """
    A pipe that counts its writes, and may be broken.
    """

    error: OSError | None = None
    writes = 0

    def write(self, data: Any) -> int:
        if self.error is not None:
            raise self.error
        self.writes += 1
        return super().write(data)


class OutputTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.pipe = Pipe()
        self.closed: list[OSError | None] = []
        self.patch(output, "hush", lambda: None)
        self.output = Output(self.clock, self.closed.append, self.pipe)

    def test_end_of_turn(self) -> None:
        """
        What is said in one turn is written at its end, at once.
        """
        self.output.write(b"a\n")
        self.output.write(b"b\n")
        self.assertEqual(self.pipe.getvalue(), b"")
        self.clock.advance(0)
        self.assertEqual((self.pipe.getvalue(), self.pipe.writes), (b"a\nb\n", 1))

    def test_flush(self) -> None:
        """
        It can be had at once, and then no timer is left that writes it again.
        """
        self.output.write(b"a\n")
        self.output.flush()
        self.assertEqual(self.pipe.getvalue(), b"a\n")
        self.clock.advance(0)
        self.assertEqual(self.pipe.getvalue(), b"a\n")

    def test_nobody_reads(self) -> None:
        """
        The command is told once that nobody reads any more.
        """
        self.pipe.error = BrokenPipeError()
        for _ in range(3):
            self.output.write(b"a\n")
            self.clock.advance(0)
        self.assertEqual(self.closed, [None])

    def test_full_disk(self) -> None:
        """
        Any other reason is told.
        """
        self.pipe.error = OSError(28, "No space left on device")
        self.output.write(b"a\n")
        self.clock.advance(0)
        self.assertEqual(self.closed, [self.pipe.error])
