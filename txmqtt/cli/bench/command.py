"""
What C{txmqtt bench pub|sub|pair|fan-out|connect} is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from txmqtt.cli.bench.plan import HEADER, Plan
from txmqtt.cli.options.connection import ClientCommand, Connection, connects
from txmqtt.cli.options.settings import QOS, SECONDS, Setting
from txmqtt.cli.options.topics import check_filters, topic_of

F = TypeVar("F", bound=Callable[..., Any])

_COUNT = click.IntRange(1, 1_000_000)


@click.group("bench")
def bench() -> None:
    """
    Measure a server, any server: rates and latencies, by several processes of ours. On a terminal a table shows how it
    goes; Ctrl-C ends it early, with what there is.
    """


_OPTIONS = {
    "clients": click.option("--clients", "-n", cls=Setting, type=_COUNT, default=1, show_default=True, metavar="N",
                            help="How many of them."),
    "rate": click.option("--rate", cls=Setting, type=click.FloatRange(min=0), default=0.0, metavar="N", help="So many "
                         "a second, all together.  [default: as many as will go]"),
    "count": click.option("--count", cls=Setting, type=click.IntRange(min=1), metavar="N", help="End after so many, "
                          "all together."),
    "size": click.option("--size", cls=Setting, type=click.IntRange(0, 268_435_000), default=64, show_default=True,
                         metavar="BYTES", help="Of each payload."),
    "qos": click.option("-q", "--qos", cls=Setting, type=QOS, default=0, show_default=True, help="At this QoS."),
    "window": click.option("--window", cls=Setting, type=click.IntRange(1, 65_535), metavar="N", help="So many "
                           "messages of each publisher may be unacknowledged.  [default: 100, with 3.x 20]"),
    "topic": click.option("--topic", cls=Setting, default="txmqtt/bench", show_default=True, metavar="TOPIC",
                          help="What the topics begin with."),
    "duration": click.option("--duration", cls=Setting, type=SECONDS, metavar="SECONDS", help="How long.  [default: "
                             "10, with --count as long as it takes]"),
    "processes": click.option("--processes", cls=Setting, type=click.IntRange(1, 1_000), default=1, show_default=True,
                              metavar="N", help="So many processes share the work."),
    "json": click.option("--json", "as_json", cls=Setting, is_flag=True, help="The summary as JSON, and no table."),
}  # fmt: skip

_EVERY = ("duration", "processes", "json")


def _measures(*names: str) -> Callable[[F], F]:
    def give(function: F) -> F:
        for name in reversed((*names, *_EVERY)):
            function = _OPTIONS[name](function)
        return function

    return give


@bench.command("pub", cls=ClientCommand)
@_measures("clients", "rate", "count", "size", "qos", "window", "topic")
@connects
def pub(connection: Connection, **given: Any) -> None:
    """
    Publish, to nobody. From QoS 1 up latencies are those of the acknowledgements.
    """
    _measure("pub", connection, **given)


@bench.command("sub", cls=ClientCommand)
@click.argument("filter", metavar="FILTER")
@_measures("clients", "count", "qos")
@connects
def sub(connection: Connection, filter: str, **given: Any) -> None:
    """
    Subscribe to FILTER, and count what comes.
    """
    check_filters([filter], "FILTER")
    _measure("sub", connection, topic=filter, **given)


@bench.command("pair", cls=ClientCommand)
@_measures("clients", "rate", "count", "size", "qos", "window", "topic")
@connects
def pair(connection: Connection, **given: Any) -> None:
    """
    Publish, each client to a subscriber of its own. Latencies are from one to the other.
    """
    _measure("pair", connection, **given)


@bench.command("fan-out", cls=ClientCommand)
@click.option(
    "--publishers", cls=Setting, type=_COUNT, default=1, show_default=True, metavar="N", help="So many publish."
)
@_measures("clients", "rate", "count", "size", "qos", "window", "topic")
@connects
def fan_out(connection: Connection, **given: Any) -> None:
    """
    Publish to all clients at once: each message goes to every one of them. Latencies are from one to the other.
    """
    _measure("fan-out", connection, **given)


@bench.command("connect", cls=ClientCommand)
@_measures("clients", "rate", "count")
@connects
def connect(connection: Connection, **given: Any) -> None:
    """
    Connect, say goodbye, and begin again: so many clients at a time. Latencies are up to the CONNACK.
    """
    _measure("connect", connection, **given)


def _measure(
    kind: str, connection: Connection, duration: float | None, processes: int, as_json: bool, **given: Any
) -> None:
    from txmqtt.cli.bench.measuring import Measuring
    from txmqtt.cli.bench.table import Screen
    from txmqtt.cli.options.server import server
    from txmqtt.cli.running import Run, run

    count = given.pop("count", None)
    if given.get("window", 1) is None:
        # 3.x has no Receive Maximum, and mosquitto loses QoS 2 messages beyond 20.
        given["window"] = 100 if connection.version == 5 else 20
    plan = Plan(kind=kind, token=os.urandom(8).hex(), count=count or 0, **given)
    if plan.copies and plan.size < HEADER:
        raise click.BadParameter(f"{plan.size}; expected at least {HEADER}, for the time", param_hint="--size")
    if plan.publishes:
        topic_of(plan.topic, None, "--topic")
    if connection.persistent:
        raise click.UsageError("-c: what is measured leaves no sessions behind")
    server(connection)  # what is wrong is said before anything starts
    limit = duration if duration is not None else 0.0 if count else 10.0

    async def job(reactor: Any, running: Run) -> int:
        measuring = Measuring(reactor, plan, connection, processes, limit)
        screen = None if as_json else Screen(plan, measuring.figures)
        try:
            await measuring.run(screen)
        finally:
            if screen is not None:
                screen.close()
            if measuring.figures.begun:
                _summarize(plan, measuring.figures, as_json)
        return 1 if measuring.figures.errors else 0

    run(job, connection)


def _summarize(plan: Plan, figures: Any, as_json: bool) -> None:
    from txmqtt.cli.bench.table import table
    from txmqtt.cli.words import plain

    if as_json:
        click.echo(json.dumps(figures.summary()))
        return
    from rich.console import Console

    Console().print(table(plan, figures, over=True))
    for error in figures.errors:
        click.echo(f"Error: {plain(error)}", err=True)
