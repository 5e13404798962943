"""
C{txmqtt check-config}, C{txmqtt sample-config} and C{txmqtt reload}: the configuration file of the broker.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from txmqtt.codec.errors import MQTTError
from txmqtt.service.assembly import Assembly
from txmqtt.service.configuration.file import load
from txmqtt.service.configuration.sample import sample
from txmqtt.service.configuration.settings import Settings

#: twistd's own, in the directory that it was started in.
_PID_FILE = "twistd.pid"

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command("check-config")
@_FILE
def check_config(file: Path) -> None:
    """
    Say what is wrong with a configuration FILE, and on which line. Nothing is started. Files that it names are read:
    they are part of what can be wrong.
    """
    check(file)
    click.echo(f"{file}: all of it can be used")


def check(file: Path) -> None:
    """
    @raise ConfigurationError: it can't be used.
    """
    from twisted.internet import reactor

    configuration = load(file)
    assembly = Assembly(configuration.settings, reactor)
    assembly.stop()
    if assembly.faults:
        raise configuration.error(assembly.faults)


@click.command("sample-config")
def sample_config() -> None:
    """
    Print a configuration file with every key, its default and what it means.
    """
    click.echo(sample(Settings), nl=False)


class CannotReload(MQTTError):
    """
    There is no broker that could be told; the message says why.
    """


@click.command("reload")
@click.option(
    "--pidfile",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_PID_FILE,
    show_default=True,
    help="The file in which twistd noted the number of its process.",
)
@click.option("--pid", type=click.IntRange(min=1), help="The number itself.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The broker's configuration file: unless all of it can be used the broker is not told.",
)
def reload(pidfile: Path, pid: int | None, config: Path | None) -> None:
    """
    Have a running broker read its configuration, users, rules and certificates again. Nobody is disconnected. Its log
    says what came of it.
    """
    if config is not None:
        check(config)
    number = pid if pid is not None else _noted(pidfile)
    try:
        os.kill(number, signal.SIGHUP)
    except ProcessLookupError as error:
        raise CannotReload(f"process {number}: there is none; expected a broker that runs") from error
    except PermissionError as error:
        raise CannotReload(f"process {number}: it belongs to somebody else; expected a broker of ours") from error
    click.echo(f"process {number} has been told; its log says what came of it")


def _noted(pidfile: Path) -> int:
    try:
        words = pidfile.read_text(errors="replace").strip()
    except OSError as error:
        raise CannotReload(f"{pidfile}: {error.strerror}; expected the file that twistd --pidfile made") from error
    if not words.isascii() or not words.isdigit() or int(words) < 1:
        raise CannotReload(f"{pidfile}: {words[:20]!r}; expected the number of a process")
    return int(words)
