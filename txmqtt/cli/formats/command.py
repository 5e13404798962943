"""
The options by which a command prints messages, and the lines that they make.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import time_ns
from typing import Any, TypeVar

import click

from txmqtt.cli.options.settings import Setting

F = TypeVar("F", bound=Callable[..., Any])

_VERBOSE = "%t %p"
_PLAIN = "%p"


class Lines:
    """
    From a message to what is printed of it.

    @param format: as C{-F} says it.
    @param end: what comes after each.
    @raise click.BadParameter: there is no such format.
    """

    def __init__(self, format: str, end: bytes, pretty: bool) -> None:
        from txmqtt.cli.formats.fields import Arrival  # late: they need the client, and --help does not
        from txmqtt.cli.formats.template import Template

        try:
            self._template = Template(format, pretty)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="-F") from None
        self._end = end
        self._arrival = Arrival

    def line(self, message: Any, packet_id: int = 0) -> bytes:
        """
        What is printed of a message.

        @raise ValueError: C{%J}, and its payload is no JSON.
        """
        return self._template.line(self._arrival(message, time_ns(), packet_id)) + self._end


def prints(function: F) -> F:
    """
    Give a command C{-F}, C{-v}, C{-N} and C{--pretty}; it is called with C{lines}.
    """

    @click.option(
        "-F",
        "--format",
        cls=Setting,
        metavar="FORMAT",
        help="What to print of a message, such as %t %p; %j is JSON.  [default: %p]",
    )
    @click.option("-v", "--verbose", cls=Setting, is_flag=True, help="The same as -F '%t %p': topic and payload.")
    @click.option("-N", "--no-newline", cls=Setting, is_flag=True, help="No end of line after each message.")
    @click.option("--pretty", cls=Setting, is_flag=True, help="JSON on several lines.")
    @functools.wraps(function)
    def collected(*args: Any, format: str | None, verbose: bool, no_newline: bool, pretty: bool, **others: Any) -> Any:
        chosen = format if format is not None else _VERBOSE if verbose else _PLAIN
        lines = Lines(chosen, b"" if no_newline else b"\n", pretty)
        return function(*args, lines=lines, **others)

    return collected  # type: ignore[return-value]
