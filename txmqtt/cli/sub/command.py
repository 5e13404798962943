"""
What C{txmqtt sub} is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from txmqtt.cli.formats.command import Lines, prints
from txmqtt.cli.options.connection import ClientCommand, Connection, connects
from txmqtt.cli.options.settings import QOS, SECONDS, Setting
from txmqtt.cli.options.topics import check_filters


@dataclass(frozen=True, kw_only=True)
class Wish:
    """
    What is to be printed, and when it is enough.
    """

    topics: tuple[str, ...]
    unsubscribe: tuple[str, ...]
    filter_out: tuple[str, ...]
    qos: int
    sys: bool
    no_retain: bool
    retained_only: bool
    remove_retained: bool
    retain_as_published: bool
    retain_handling: int
    no_local: bool
    count: int | None
    timeout: float | None
    exit_after_sub: bool
    random_filter: float

    @property
    def endless(self) -> bool:
        """
        Nothing but a signal ends it.
        """
        return self.count is None and self.timeout is None and not self.exit_after_sub and not self.retained_only


@click.command("sub", cls=ClientCommand)
@click.option(
    "-t", "--topic", "topics", cls=Setting, multiple=True, metavar="FILTER", help="What to subscribe to; repeatable."
)
@click.option("-q", "--qos", cls=Setting, type=QOS, default=0, show_default=True, help="At most at this QoS.")
@click.option(
    "-T",
    "--filter-out",
    cls=Setting,
    multiple=True,
    metavar="FILTER",
    help="Print nothing of these topics; repeatable.",
)
@click.option(
    "-U",
    "--unsubscribe",
    cls=Setting,
    multiple=True,
    metavar="FILTER",
    help="Unsubscribe from this, for a session that had been kept; repeatable.",
)
@click.option("--sys", cls=Setting, is_flag=True, help="Subscribe to $SYS/#, too, which no wildcard brings.")
@click.option("-R", "--no-retained", "no_retain", cls=Setting, is_flag=True, help="Print no retained messages.")
@click.option(
    "--retained-only", cls=Setting, is_flag=True, help="Print retained messages only, and end with the first other."
)
@click.option(
    "--remove-retained", cls=Setting, is_flag=True, help="Have the server forget each retained message that comes."
)
@click.option("--retain-as-published", cls=Setting, is_flag=True, help="5.0: the retain flag as it was published.")
@click.option(
    "--retain-handling",
    cls=Setting,
    type=click.IntRange(0, 2),
    default=0,
    help="5.0: 0 to get retained messages, 1 only when the subscription is new, 2 not.  [default: 0]",
)
@click.option("--no-local", cls=Setting, is_flag=True, help="5.0: not what this client publishes itself.")
@click.option("-C", "--count", cls=Setting, type=click.IntRange(min=1), metavar="N", help="End after so many messages.")
@click.option(
    "-W", "--timeout", cls=Setting, type=SECONDS, metavar="SECONDS", help="End after so long, with exit status 27."
)
@click.option("-E", "--exit-after-sub", cls=Setting, is_flag=True, help="End when the subscriptions are there.")
@click.option(
    "--random-filter",
    cls=Setting,
    type=click.FloatRange(0.1, 100),
    default=100.0,
    metavar="PERCENT",
    help="Print so many of a hundred messages, chosen at random.",
)
@prints
@connects
def sub(connection: Connection, lines: Lines, **given: Any) -> None:
    """
    Print the messages that come.

    The connection is made anew when it is lost; a first attempt that fails is an error. Ctrl-C and SIGTERM say goodbye
    to the server; they are the way to end it, with exit status 0, unless an end was asked for (-C, -W, -E,
    --retained-only) that had not come.
    """
    wish = Wish(**given)
    topics = tuple(dict.fromkeys((*wish.topics, *(("$SYS/#",) if wish.sys else ()))))
    url_topic = connection.topic()
    if url_topic is not None:
        topics = tuple(dict.fromkeys((url_topic, *topics)))
    if not topics and not wish.unsubscribe:
        raise click.UsageError("nothing to subscribe to: -t FILTER, or a topic in the URL")
    if wish.no_retain and wish.retained_only:
        raise click.UsageError("-R and --retained-only: nothing would be left")
    check_filters(topics, "-t")
    check_filters(wish.unsubscribe, "-U")
    check_filters(wish.filter_out, "-T")

    from txmqtt.cli.options.server import server
    from txmqtt.cli.running import run
    from txmqtt.cli.sub.listening import Listening

    allowed = ("SUBSCRIBE", "UNSUBSCRIBE", *(("PUBLISH",) if wish.remove_retained else ()))
    target = server(connection, allowed)
    run(lambda reactor, run: Listening(reactor, run, target, topics, wish, lines).job(), connection, wish.endless)
