"""
The options that say what a command sends, and the bytes themselves.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NamedTuple, TypeVar

import click

from txmqtt.cli.exits import SIGNALLED
from txmqtt.cli.options.settings import FILE, Setting

F = TypeVar("F", bound=Callable[..., Any])

#: The largest packet that MQTT can have, bytes; no payload can be longer.
LONGEST: Final = 268_435_455


class Source(NamedTuple):
    """
    Where a payload comes from: one of them.
    """

    message: str | None
    file: str | None
    null: bool
    whole: bool

    def said(self) -> list[str]:
        """
        The options that were given.
        """
        told = (("-m", self.message is not None), ("-f", self.file is not None), ("-n", self.null), ("-s", self.whole))
        return [name for name, given in told if given]

    def read(self) -> bytes:
        """
        The payload. Reading standard input waits for its end.

        @raise click.ClickException: it can't be read, or is too long for MQTT.
        """
        if self.message is not None:
            return self.message.encode("utf-8", "surrogateescape")
        if self.file is not None:
            try:
                with open(self.file, "rb") as opened:
                    return _bounded(opened, self.file)
            except OSError as error:
                raise click.ClickException(f"{self.file}: {error.strerror}") from None
        return _bounded(sys.stdin.buffer, "standard input") if self.whole else b""


def _bounded(stream: BinaryIO, name: str) -> bytes:
    try:
        data = stream.read(LONGEST + 1)
    except KeyboardInterrupt:  # somebody has thought better of it, before there is a connection
        sys.exit(SIGNALLED + signal.SIGINT)
    if len(data) > LONGEST:
        raise click.ClickException(f"{name} is longer than {LONGEST} bytes, which is the most that MQTT can carry")
    return data


def sends(function: F) -> F:
    """
    Give a command C{-m}, C{-f}, C{-n} and C{-s}; it is called with C{source}.
    """

    @click.option("-m", "--message", cls=Setting, metavar="TEXT", help="The message itself.")
    @click.option("-f", "--file", cls=Setting, type=FILE, help="What is in this file is the message.")
    @click.option("-n", "--null-message", "null", cls=Setting, is_flag=True, help="An empty message.")
    @click.option(
        "-s", "--stdin-file", "whole", cls=Setting, is_flag=True, help="All of standard input is one message."
    )
    @functools.wraps(function)
    def collected(*args: Any, message: str | None, file: str | None, null: bool, whole: bool, **others: Any) -> Any:
        return function(*args, source=Source(message, file, null, whole), **others)

    return collected  # type: ignore[return-value]
