"""
A command in a world of memory: its job, its output and its words, without a process.
"""

from __future__ import annotations

from io import BytesIO, TextIOWrapper
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli import output
from txmqtt.cli.options.connection import Connection
from txmqtt.cli.options.server import Server, server
from txmqtt.cli.running import Run
from txmqtt.testing import MQTTWorld


class Stdout:
    """
    Stands for C{sys}, as far as its standard output is asked for.
    """

    def __init__(self) -> None:
        self.stdout = TextIOWrapper(BytesIO())


class JobCase(SynchronousTestCase):
    """
    @ivar said: what was said on standard error.
    """

    def setUp(self) -> None:
        self.world = MQTTWorld()
        self.addCleanup(self.world.close)
        self.clock: Any = self.world.clock
        self.said: list[str] = []
        self.sys = Stdout()
        self.patch(output, "sys", self.sys)

    @property
    def printed(self) -> list[str]:
        """
        The lines on standard output.
        """
        stream: Any = self.sys.stdout.buffer
        printed: bytes = stream.getvalue()
        return printed.decode().splitlines()

    def target(self, *allowed: str, **given: Any) -> Server:
        return server(Connection(url=self.world.url, **given), allowed)

    def run_of(self, endless: bool = False) -> Run:
        """
        A run that is watched.
        """
        run = Run(quiet=False, debug=False, version=5, endless=endless)
        self.patch(run, "say", self.said.append)
        self.clock.stop = lambda: None  # a test goes on
        return run
