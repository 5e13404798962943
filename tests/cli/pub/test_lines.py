"""
Lines of standard input.
"""

from __future__ import annotations

from unittest.mock import Mock

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.pub import lines as module
from txmqtt.cli.pub.lines import Lines, Tap


class LinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.seen: list[bytes | str | None] = []
        self.lines = Lines(self.seen.append, self.seen.append)

    def test_however_they_come(self) -> None:
        """
        Lines are cut the same, whole or byte by byte; empty ones are none, and the last needs no end.
        """
        data = b"a\n\nbc\r\n\n\nlast"
        for size in (1, 2, 3, len(data)):
            with self.subTest(size=size):
                self.setUp()
                for start in range(0, len(data), size):
                    self.lines.dataReceived(data[start : start + size])
                self.lines.connectionLost()
                self.assertEqual(self.seen, [b"a", b"bc\r", b"last", None])

    def test_end_after_a_line(self) -> None:
        """
        There is no line after the last end of line.
        """
        self.lines.dataReceived(b"a\n")
        self.lines.connectionLost()
        self.assertEqual(self.seen, [b"a", None])

    def test_long(self) -> None:
        """
        A line longer than MQTT can carry ends it; what comes after it is not kept.
        """
        self.patch(module, "LONGEST", 10)
        self.lines.dataReceived(b"ok\n" + b"x" * 11)
        self.lines.dataReceived(b"\nmore\n")
        self.lines.connectionLost()
        self.assertEqual(len(self.seen), 2)
        self.assertIn("longer than", str(self.seen[1]))


class TapTests(SynchronousTestCase):
    def test_messages(self) -> None:
        """
        It stops at so many messages on their way, and flows again at half of it.
        """
        tap = Tap()
        tap.transport = Mock()
        for _ in range(Tap.MESSAGES):
            tap.sent(1)
        self.assertEqual([call[0] for call in tap.transport.method_calls], ["pauseProducing"])
        for _ in range(Tap.MESSAGES // 2):
            tap.arrived(1)
        self.assertEqual([call[0] for call in tap.transport.method_calls], ["pauseProducing", "resumeProducing"])

    def test_bytes(self) -> None:
        """
        The same for bytes, however few messages they are.
        """
        tap = Tap()
        tap.transport = Mock()
        tap.sent(Tap.BYTES)
        tap.sent(Tap.BYTES)
        self.assertEqual([call[0] for call in tap.transport.method_calls], ["pauseProducing"])
        tap.arrived(Tap.BYTES)
        self.assertEqual(len(tap.transport.method_calls), 1)
        tap.arrived(Tap.BYTES)
        self.assertEqual([call[0] for call in tap.transport.method_calls], ["pauseProducing", "resumeProducing"])
