"""
C{client.toml}: options that stand in a file. Those at its top are for every command that has them, those in a table
for the command of its name.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import click

from txmqtt.cli.options.settings import SEPARATOR, PropertySetting, long_name, variables

#: How C{--config} is made.
CONFIG: Final[dict[str, Any]] = {"type": click.Path(path_type=Path), "metavar": "FILE"}

#: The tables that there may be.
COMMANDS: Final = ("sub", "pub", "request", "retained", "bench")

_MOST_BYTES: Final = 1_048_576


def use_file(ctx: click.Context, args: list[str], common: Collection[str]) -> None:
    """
    Let the file say what neither the line nor the environment do.

    @param common: the options that every command has, which may stand at the top.

    @raise click.ClickException: it can't be read, or has something in it that nobody understands.
    """
    if ctx.resilient_parsing:  # a shell that completes a line
        return
    path, asked = _path(ctx, args)
    try:
        with path.open("rb") as opened:
            said = tomllib.loads(opened.read(_MOST_BYTES).decode())
    except FileNotFoundError:
        if asked:
            raise click.ClickException(f"{path}: no such file") from None
        return
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    except ValueError as error:  # malformed, or not UTF-8
        raise click.ClickException(f"{path}: {error}") from None
    ctx.default_map = {**(ctx.default_map or {}), **_defaults(ctx, path, said, common)}


def _path(ctx: click.Context, args: list[str]) -> tuple[Path, bool]:
    """
    Which file, and whether somebody asked for it.
    """
    for position, word in enumerate(args):
        if word == "--config" and position + 1 < len(args):
            return Path(args[position + 1]), True
        if word.startswith("--config="):
            return Path(word.removeprefix("--config=")), True
    for variable in variables(ctx, "config"):
        if found := os.environ.get(variable):
            return Path(found), True
    home = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(home) if home else Path.home() / ".config"
    return folder / "txmqtt" / "client.toml", False


def _defaults(ctx: click.Context, path: Path, said: Mapping[str, Any], common: Collection[str]) -> dict[str, Any]:
    """
    What of a file is for this command, by the names of its parameters.
    """
    own = {long_name(each): each for each in ctx.command.params if isinstance(each, click.Option)}
    known = {name: option for name, option in own.items() if name not in ("config", "help")}
    words = ctx.command_path.split()
    tables = [word for word in words if word in COMMANDS][:1]
    found: dict[str, Any] = {}
    for name, value in said.items():
        if isinstance(value, dict):
            if name not in COMMANDS:
                raise _unknown(path, f"[{name}]", name, COMMANDS)
        elif name not in common and name in known:
            raise click.ClickException(f"{path}: {name} is not for all commands; expected it below [{tables[0]}]")
        elif name not in common:
            raise _unknown(path, name, name, common)
        elif name in known:
            found.update(_checked(ctx, path, name, value, known[name]))
    for table in tables:
        others = _all_of(ctx, table)
        for name, value in said.get(table, {}).items():
            if name in known:
                found.update(_checked(ctx, path, f"[{table}] {name}", value, known[name]))
            elif name not in others:
                raise _unknown(path, f"[{table}] {name}", name, {*known, *others})
    return found


def _all_of(ctx: click.Context, table: str) -> set[str]:
    """
    The options of all commands below the one of a table.
    """
    names: set[str] = set()
    group = ctx.parent.command if ctx.parent is not None else None
    if isinstance(group, click.Group) and group.name == table:
        for each in group.list_commands(ctx):
            command = group.get_command(ctx, each)
            names |= {long_name(param) for param in command.params} if command is not None else set()
    return names


def _checked(ctx: click.Context, path: Path, where: str, value: Any, option: click.Option) -> dict[str, Any]:
    """
    One option of the file, judged here, so that what is said of it names the file.
    """
    several = isinstance(value, list)
    if option.is_flag != isinstance(value, bool) or (several and not option.multiple):
        expected = "true or false" if option.is_flag else "one value" if several else "a value"
        raise click.ClickException(f"{path}: {where} is {value!r}; expected {expected}")
    items = value if several else [value]
    if isinstance(option, PropertySetting):
        items = [SEPARATOR.join(map(str, each)) if isinstance(each, list) else str(each) for each in items]
    elif not option.is_flag:
        items = [str(each) for each in items]
    try:
        items = [option.type.convert(each, option, ctx) for each in items]
    except click.BadParameter as error:
        raise click.ClickException(f"{path}: {where}: {error.message}") from None
    assert option.name is not None
    return {option.name: items if option.multiple else items[0]}


def _unknown(path: Path, where: str, name: str, known: Collection[str]) -> click.ClickException:
    near = get_close_matches(name, known, 1)
    return click.ClickException(f"{path}: {where} is not known" + (f"; did you mean {near[0]}?" if near else ""))
