"""
Topics and filters on a command line.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from txmqtt.codec.topics import filter_error, topic_error


def topic_of(given: str | None, by_url: str | None, option: str = "-t") -> str:
    """
    The topic, from wherever it comes.

    @param option: where else than in the URL.
    @raise click.UsageError: it is said twice, or not at all, or is none.
    """
    if given is not None and by_url is not None:
        raise click.UsageError(f"{option} and a topic in the URL: expected one of them")
    topic = given if given is not None else by_url
    if topic is None:
        raise click.UsageError(f"no topic: {option}, or at the end of the URL")
    wrong = topic_error(topic.encode("utf-8", "surrogateescape"))
    if wrong is not None:
        raise click.BadParameter(f"{topic!r}: {wrong}", param_hint=option)
    return topic


def check_filters(filters: Iterable[str], option: str) -> None:
    """
    @raise click.BadParameter: one of them is none.
    """
    for each in filters:
        wrong = filter_error(each.encode("utf-8", "surrogateescape"))
        if wrong is not None:
            raise click.BadParameter(f"{each!r}: {wrong}", param_hint=option)
