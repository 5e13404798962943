"""
The examples run as they stand.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.support import PATIENCE, Running

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

#: Subscribes to "program/#" on 3.1.1.
GREETING = bytes.fromhex("100d 0004 4d515454 04 02 003c 0001 61  820e 0001 0009 70726f6772616d2f23 00")


class ExampleTests(SynchronousTestCase):
    def example(self, name: str, *words: str) -> Running:
        made = Running([sys.executable, str(EXAMPLES / name), *words])
        self.addCleanup(made.stop, signal.SIGKILL)
        return made

    def test_every_example_is_tested(self) -> None:
        """
        No example is shown that nobody runs, and each fits in forty lines and says first what one learns from it.
        """
        for path in sorted(EXAMPLES.glob("*.py")):
            with self.subTest(example=path.name):
                test: Callable[[], None] | None = getattr(self, f"test_{path.stem}", None)
                self.assertTrue(callable(test))
                text = path.read_text()
                self.assertLessEqual(len(text.splitlines()), 40)
                self.assertTrue(text.startswith('"""\nHow '), text[:20])

    def test_embedding(self) -> None:
        """
        The program's own messages reach who subscribes, and Ctrl-C ends it with the broker.
        """
        program = self.example("embedding.py", "tcp:0:interface=127.0.0.1")
        port = int(program.says(r"listens on 127\.0\.0\.1:(\d+)")[1])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
            peer.sendall(GREETING)
            heard = b""
            while b"program/clients1" not in heard:
                heard += peer.recv(100)
            program.process.send_signal(signal.SIGINT)
            while peer.recv(100):
                pass
        program.process.wait(PATIENCE)
