"""
One option of a command that talks to a server: also in the environment and in a file, and what values it takes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    _ParamType = click.ParamType[int]
else:
    _ParamType = click.ParamType  # not generic before click 8.4

#: Before the name of every variable.
PREFIX: Final = "TXMQTT"

#: Between the words of a property, once they are one value.
SEPARATOR: Final = "\0"


class Setting(click.Option):
    """
    An option that C{TXMQTT_NAME} gives too, for one command C{TXMQTT_COMMAND_NAME}, which goes first.

    What may be given several times is separated by blanks there.
    """

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """
        See C{click.Parameter}.
        """
        own = super().resolve_envvar_value(ctx)
        if own is not None:
            return own
        for variable in variables(ctx, long_name(self)):
            if found := os.environ.get(variable):
                return found
        return None


def variables(ctx: click.Context, name: str) -> list[str]:
    """
    The variables that give an option, the first that is set being the one.
    """
    words = name.upper().replace("-", "_")
    command: list[str] = []
    at: click.Context | None = ctx
    while at is not None and at.parent is not None:
        command.insert(0, (at.info_name or "").upper().replace("-", "_"))
        at = at.parent
    return ["_".join((PREFIX, *command[:count], words)) for count in range(len(command), -1, -1)]


def long_name(option: click.Parameter) -> str:
    """
    What an option is called in the environment and in a file: its first long name.
    """
    return next((each[2:] for each in option.opts if each.startswith("--")), option.name or "")


class PropertySetting(Setting):
    """
    C{-D PACKET NAME VALUE}, and with one more word for a user property: the only option with a variable number of them.
    """

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """
        See C{click.Option}.
        """
        super().add_to_parser(parser, ctx)
        taken: Any = next(parser._long_opt[each] for each in self.opts if each in parser._long_opt)
        taken.nargs = 3
        process = taken.process

        def joined(words: tuple[str, ...], state: Any) -> None:
            if words[1] == "user-property":
                if not state.rargs:
                    raise click.BadOptionUsage("property", "-D ... user-property: expected a name and a value", ctx)
                words = (*words, state.rargs.pop(0))
            process(SEPARATOR.join(words), state)

        taken.process = joined


class VersionType(_ParamType):
    """
    A version of MQTT, as mosquitto's users write it, or by its number.
    """

    name = "version"
    _KNOWN: Final = {
        **dict.fromkeys(("mqttv5", "5", "5.0"), 5),
        **dict.fromkeys(("mqttv311", "311", "3.1.1", "4"), 4),
        **dict.fromkeys(("mqttv31", "31", "3.1", "3"), 3),
    }

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """
        See C{click.ParamType}.
        """
        found = self._KNOWN.get(str(value))
        if found is None:
            self.fail(f"{value!r}; expected 5, 311 or 31 (or mqttv5, mqttv311, mqttv31)", param, ctx)
        return found


class ExpiryType(_ParamType):
    """
    How long a session is kept: seconds, or for ever.
    """

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """
        See C{click.ParamType}.
        """
        if str(value) in ("∞", "-1"):
            return 0xFFFFFFFF
        if not str(value).isascii() or not str(value).isdigit() or int(value) > 0xFFFFFFFF:
            self.fail(f"{value!r}; expected 0 to 4294967295, or -1 for ever", param, ctx)
        return int(value)


QOS: Final = click.IntRange(0, 2)
SECONDS: Final = click.FloatRange(min=0, max=86_400)
FILE: Final = click.Path(exists=True, dir_okay=False)
