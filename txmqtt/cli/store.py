"""
C{txmqtt store}: what is in the broker's file, whether it is sound, and how it gets in and out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import BinaryIO

import click

from txmqtt.backends.sqlite import files
from txmqtt.backends.sqlite.errors import StoreUnusable
from txmqtt.backends.sqlite.exchange import lines
from txmqtt.backends.sqlite.exchange.compact import compact as make_small
from txmqtt.backends.sqlite.exchange.dump import Dump
from txmqtt.backends.sqlite.exchange.intake import intake
from txmqtt.backends.sqlite.exchange.overview import overview
from txmqtt.backends.sqlite.exchange.soundness import check as look_over
from txmqtt.backends.sqlite.exchange.sources import opened
from txmqtt.cli.progress import Progress
from txmqtt.cli.words import counted, plain, report, size

#: So many losses are named one by one.
_NAMED = 100

_FILE = click.argument("file", type=click.Path(dir_okay=False))


@click.group()
def store() -> None:
    """
    Look at, check, copy and convert the file that the broker keeps everything in.
    """


@store.command()
@_FILE
@click.option("--json", "as_json", is_flag=True, help="For programs: one line of JSON.")
def info(file: str, as_json: bool) -> None:
    """
    Say what is in FILE. The broker may be running.
    """
    seen = overview(file)
    if as_json:
        click.echo(json.dumps(asdict(seen)))
        return
    for line in report(seen):
        click.echo(line)


@store.command()
@_FILE
@click.option("--thorough", is_flag=True, help="Compare the indexes with their tables too, which takes longer.")
def check(file: str, thorough: bool) -> None:
    """
    Look FILE over. The broker may be running. The exit status is 1 if anything is wrong.
    """
    with _progress() as progress:
        found = look_over(file, thorough, lambda step: progress.tell(f"looking at {step}"))
    for wrong in found:
        click.echo(plain(wrong))
    if found:
        sys.exit(1)
    click.echo(f"{file} is sound")


@store.command("export")
@_FILE
@click.argument("out", type=click.Path(dir_okay=False, allow_dash=True), default="-")
def export_(file: str, out: str) -> None:
    """
    Write all of FILE as lines of JSON to OUT, or to the standard output. The broker may be running.

    From a damaged file comes what can be read; what is lost is said, and the exit status is 1.
    """
    dump = Dump(file)
    count = 0
    with _progress() as progress, _output(out) as stream:
        for line in lines.write(dump.records()):
            stream.write(line)
            count += 1
            progress.tell(f"{count:,} lines")
    for lost in dump.lost[:_NAMED]:
        click.echo(f"lost: {plain(lost)}", err=True)
    if dump.lost:
        more = f", of which {_NAMED} are named" if len(dump.lost) > _NAMED else ""
        click.echo(f"{counted(count, 'line')} written; {counted(len(dump.lost), 'loss', 'losses')}{more}", err=True)
        sys.exit(1)


@contextmanager
def _output(out: str) -> Iterator[BinaryIO]:
    """
    Where an export goes: a file is there when it is whole, and only its owner can read it.
    """
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = out + ".partial"
    try:
        if os.path.exists(out):
            raise StoreUnusable(f"{out} exists; an export does not overwrite it")
        with suppress(FileNotFoundError):
            os.unlink(partial)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            try:
                yield written
            except BaseException:
                os.unlink(partial)
                raise
        files.install(partial, out)
    except OSError as error:
        raise StoreUnusable(f"{out} can't be written: {error.strerror}") from None


@store.command("import")
@_FILE
@click.argument("source", metavar="IN", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--merge", is_flag=True, help="Add to a FILE that holds something already.")
@click.option(
    "--anonymous",
    is_flag=True,
    help="Sessions of mosquitto's belong to nobody by name: for a broker that asks nobody for a user name.",
)
def import_(file: str, source: str, merge: bool, anonymous: bool) -> None:
    """
    Fill FILE from IN: an export of txmqtt, mosquitto's mosquitto.db, or the SQLite file of mosquitto's plugin
    persist-sqlite. The broker must not be running.

    All of it enters or nothing.
    """
    path = "/dev/stdin" if source == "-" else source
    with _progress() as progress, opened(path, anonymous) as found:
        filled = intake(file, found.records, merge, lambda count: progress.tell(f"{count:,} records"))
    click.echo(
        f"{counted(filled.sessions, 'session')} with {counted(filled.subscriptions, 'subscription')}, "
        f"{filled.owed:,} queued and {counted(filled.retained, 'retained message')} from {found.format}"
    )
    if filled.kept:
        click.echo(f"{counted(filled.kept, 'topic')} had a retained message already, which stays", err=True)
    for reason, count in sorted(found.left_out.items()):
        click.echo(f"left out: {count:,} {plain(reason)}", err=True)


@store.command()
@_FILE
@click.argument("target", type=click.Path(dir_okay=False))
def backup(file: str, target: str) -> None:
    """
    Copy FILE to TARGET, which must not exist. The broker may be running.
    """
    files.backup(file, target)
    click.echo(f"{target}: {size(files.size(target))}")


@store.command()
@_FILE
def compact(file: str) -> None:
    """
    Make FILE as small as what it holds. The broker must not be running.
    """
    before, after = make_small(file)
    click.echo(f"{file}: {size(before)} before, {size(after)} now")


@contextmanager
def _progress() -> Iterator[Progress]:
    progress = Progress()
    try:
        yield progress
    finally:
        progress.end()
