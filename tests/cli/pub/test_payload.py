"""
Where a payload comes from.
"""

from __future__ import annotations

from io import BytesIO

import click
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt.cli.pub import payload as module
from txmqtt.cli.pub.payload import Source


class Sys:
    """
    Stands for C{sys}.
    """

    def __init__(self, data: bytes) -> None:
        self.stdin = type("Stdin", (), {"buffer": BytesIO(data)})()


class SourceTests(SynchronousTestCase):
    def test_sources(self) -> None:
        """
        Text, a file, nothing, and all of standard input, byte for byte.
        """
        path = scratch(self) / "payload"
        path.write_bytes(b"\xff\0\n")
        self.patch(module, "sys", Sys(b"a\nb\n"))
        for source, data in (
            (Source("hü\udcff", None, False, False), "hü".encode() + b"\xff"),
            (Source(None, str(path), False, False), b"\xff\0\n"),
            (Source(None, None, True, False), b""),
            (Source(None, None, False, True), b"a\nb\n"),
        ):
            with self.subTest(source=source):
                self.assertEqual(source.read(), data)
                self.assertEqual(len(source.said()), 1)

    def test_too_long(self) -> None:
        """
        What no packet can carry is not even read to its end.
        """
        self.patch(module, "LONGEST", 10)
        self.patch(module, "sys", Sys(b"x" * 100))
        wrong = self.assertRaises(click.ClickException, Source(None, None, False, True).read)
        self.assertIn("longer than 10 bytes", wrong.message)

    def test_gone(self) -> None:
        """
        A file that can't be read is said by its name.
        """
        path = scratch(self) / "none"
        wrong = self.assertRaises(click.ClickException, Source(None, str(path), False, False).read)
        self.assertIn("none: No such file", wrong.message)
