"""
What C{txmqtt retained list} and C{txmqtt retained clear} are told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from txmqtt.cli.options.connection import ClientCommand, Connection, connects
from txmqtt.cli.options.settings import SECONDS, Setting
from txmqtt.cli.words import counted, plain

F = TypeVar("F", bound=Callable[..., Any])


@click.group("retained")
def retained() -> None:
    """
    List or clear the messages that a server keeps for later subscribers.
    """


def _gathers(function: F) -> F:
    function = click.option(
        "--quiet-period",
        "quiet_period",
        cls=Setting,
        type=SECONDS,
        default=0.5,
        show_default=True,
        metavar="SECONDS",
        help="So long no more may have come before that was all.",
    )(function)
    function = click.option(
        "-T", "--filter-out", cls=Setting, multiple=True, metavar="FILTER", help="Leave out these topics; repeatable."
    )(function)
    return click.argument("filters", metavar="FILTER...", nargs=-1, required=True)(function)


@retained.command("list", cls=ClientCommand)
@_gathers
@click.option("--json", "as_json", cls=Setting, is_flag=True, help="A line of JSON for each, with its payload.")
@connects
def listing(
    connection: Connection, filters: tuple[str, ...], filter_out: tuple[str, ...], quiet_period: float, as_json: bool
) -> None:
    """
    List the retained messages that FILTER matches: topic, size, QoS, and when they expire (5.0).
    """
    from txmqtt.cli.options.server import Server, dial, hang_up, server
    from txmqtt.cli.output import Output
    from txmqtt.cli.retained.gathering import described, gather
    from txmqtt.cli.running import Run, run

    _check(filters, filter_out)
    target: Server = server(connection, ("SUBSCRIBE",))

    async def job(reactor: Any, running: Run) -> int:
        client = await dial(reactor, target)
        out = Output(reactor, running.closed)
        try:
            found = await gather(reactor, client, filters, filter_out, quiet_period)
            for line in described(found, as_json):
                out.write(line)
            out.flush()
        finally:
            await hang_up(client, target)
        return 0

    run(job, connection)


@retained.command("clear", cls=ClientCommand)
@_gathers
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@connects
def clear(
    connection: Connection, filters: tuple[str, ...], filter_out: tuple[str, ...], quiet_period: float, yes: bool
) -> None:
    """
    Have the server forget the retained messages that FILTER matches. On a terminal it lists them and asks first;
    elsewhere it needs --yes.
    """
    from twisted.internet.threads import deferToThread

    from txmqtt.cli.options.server import Server, dial, hang_up, server
    from txmqtt.cli.retained.gathering import clear_all, described, gather
    from txmqtt.cli.running import Run, run
    from txmqtt.codec.constants import PUBLISH

    _check(filters, filter_out)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked whether they may go; if so, --yes")
    target: Server = server(connection, ("SUBSCRIBE", "PUBLISH"))

    async def job(reactor: Any, running: Run) -> int:
        client = await dial(reactor, target)
        try:
            found = await gather(reactor, client, filters, filter_out, quiet_period)
            if found and not yes:
                for line in described(found, False):
                    click.echo(line, nl=False, err=True)
                sure = await deferToThread(click.confirm, f"Forget {counted(len(found), 'message')}?", err=True)
                if not sure:
                    return 1
            failed = await clear_all(client, list(found), target.properties.of(PUBLISH))
            for topic, why in failed:
                running.say(f"{plain(topic)}: {why}")
            click.echo(f"{counted(len(found) - len(failed), 'message')} forgotten")
            return 1 if failed else 0
        finally:
            await hang_up(client, target)

    run(job, connection)


def _check(filters: tuple[str, ...], filter_out: tuple[str, ...]) -> None:
    from txmqtt.cli.options.topics import check_filters

    check_filters(filters, "FILTER")
    check_filters(filter_out, "-T")
    for each in filters:
        if each.startswith("$share/"):
            raise click.BadParameter(f"{each!r}: a shared subscription gets no retained messages", param_hint="FILTER")
