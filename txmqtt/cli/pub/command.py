"""
What C{txmqtt pub} is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import click

from txmqtt.cli.options.connection import ClientCommand, Connection, connects
from txmqtt.cli.options.settings import QOS, SECONDS, Setting
from txmqtt.cli.options.topics import topic_of
from txmqtt.cli.pub.payload import Source, sends


@dataclass(frozen=True, kw_only=True)
class Wish:
    """
    What is to be published.

    @ivar lines: each line of standard input is a message.
    @ivar delay: seconds between one message's acknowledgement and the next message.
    """

    topic: str
    qos: int
    retain: bool
    lines: bool
    repeat: int
    delay: float


@click.command("pub", cls=ClientCommand)
@click.option("-t", "--topic", cls=Setting, metavar="TOPIC", help="Where to publish.")
@sends
@click.option(
    "-l",
    "--stdin-line",
    "lines",
    cls=Setting,
    is_flag=True,
    help="Each line of standard input is a message; empty lines are none.",
)
@click.option("-q", "--qos", cls=Setting, type=QOS, default=0, show_default=True, help="At this QoS.")
@click.option("-r", "--retain", cls=Setting, is_flag=True, help="Retained: later subscribers get it too.")
@click.option("--repeat", cls=Setting, type=click.IntRange(min=1), default=1, metavar="N", help="Publish it so often.")
@click.option(
    "--repeat-delay",
    cls=Setting,
    type=SECONDS,
    default=0.0,
    metavar="SECONDS",
    help="Wait so long between two of them.",
)
@click.option(
    "-M",
    "--max-inflight",
    cls=Setting,
    type=click.IntRange(1, 65_535),
    metavar="N",
    help="So many messages of QoS 1 and 2 may be unacknowledged at a time.",
)
@connects
def pub(
    connection: Connection,
    topic: str | None,
    source: Source,
    lines: bool,
    qos: int,
    retain: bool,
    repeat: int,
    repeat_delay: float,
    max_inflight: int | None,
) -> None:
    """
    Publish messages: one (-m, -f, -n or -s), or each line of standard input (-l), which is read no faster than the
    server takes them.

    The exit status is 0 when the server has acknowledged all of them; at QoS 0, when they have been sent.
    """
    said = [*source.said(), *(["-l"] if lines else [])]
    if len(said) != 1:
        raise click.UsageError(f"{' and '.join(said) or 'no message'}: expected one of -m, -f, -l, -n and -s")
    if lines and repeat > 1:
        raise click.UsageError("--repeat repeats one message; -l has many")
    where = topic_of(topic, connection.topic())

    from txmqtt.cli.options.server import server
    from txmqtt.cli.pub.publishing import Publishing
    from txmqtt.cli.running import run
    from txmqtt.codec.constants import PUBLISH

    further = {} if max_inflight is None else {"max_inflight": max_inflight}
    target = server(connection, ("PUBLISH",), **further)
    properties = target.properties.of(PUBLISH)
    if properties is not None and properties.topic_alias is not None:
        properties.topic_alias = None  # the client numbers them itself
        target.options["topic_aliases"] = 1
    wish = Wish(topic=where, qos=qos, retain=retain, lines=lines, repeat=repeat, delay=repeat_delay)
    payload = b"" if lines else source.read()
    run(lambda reactor, run: Publishing(reactor, run, target, wish, payload).job(), connection)
