"""
What C{txmqtt request} is told.
"""

from __future__ import annotations

from typing import Any

import click

from txmqtt.cli.exits import TIMED_OUT, Ended
from txmqtt.cli.formats.command import Lines, prints
from txmqtt.cli.options.connection import ClientCommand, Connection, connects
from txmqtt.cli.options.settings import QOS, SECONDS, Setting
from txmqtt.cli.options.topics import topic_of
from txmqtt.cli.pub.payload import Source, sends


@click.command("request", cls=ClientCommand)
@click.argument("topic", required=False)
@sends
@click.option(
    "-q",
    "--qos",
    cls=Setting,
    type=QOS,
    default=0,
    show_default=True,
    help="Of the question, and at most of the answer.",
)
@click.option(
    "-W",
    "--timeout",
    cls=Setting,
    type=SECONDS,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the answer; exit status 27 when there is none.",
)
@prints
@connects
def request(connection: Connection, topic: str | None, source: Source, lines: Lines, qos: int, timeout: float) -> None:
    """
    Ask something on TOPIC (or the one that a URL ends with), and print the answer: MQTT 5.0's request and response.

    Without -m, -f, -n or -s the question is empty.
    """
    said = source.said()
    if len(said) > 1:
        raise click.UsageError(f"{' and '.join(said)}: expected one of them")
    if connection.version != 5:
        raise click.UsageError("request and response are MQTT 5.0's; expected -V 5")

    from twisted.internet.defer import TimeoutError as TooLate

    from txmqtt.cli.options.server import Server, dial, hang_up, server
    from txmqtt.cli.output import Output
    from txmqtt.cli.running import Run, run
    from txmqtt.codec.constants import PUBLISH

    where = topic_of(topic, connection.topic(), "TOPIC")
    target: Server = server(connection, ("PUBLISH",))
    payload = source.read()
    if not timeout:
        raise click.BadParameter("0; expected more than 0 seconds", param_hint="--timeout")

    async def job(reactor: Any, running: Run) -> int:
        client = await dial(reactor, target)
        try:
            answer = await client.request(where, payload, timeout, qos, target.properties.of(PUBLISH))
            out = Output(reactor, running.closed)
            out.write(lines.line(answer))
            out.flush()
        except TooLate as error:
            raise Ended(TIMED_OUT, str(error)) from None
        finally:
            await hang_up(client, target)
        return 0

    run(job, connection)
