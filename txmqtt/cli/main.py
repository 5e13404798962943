"""
C{txmqtt}: the tools beside the broker, and the clients.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from txmqtt._build import __version__
from txmqtt.codec.errors import MQTTError

#: Where each command is, and what it is for. They are imported when they are asked for: each needs much, C{--help} and
#: the completion of a shell need nothing.
COMMANDS: Final = {
    "bench": ("txmqtt.cli.bench.command:bench", "Measure a server: rates and latencies."),
    "check-config": ("txmqtt.cli.configuration:check_config", "Say what is wrong with a configuration FILE."),
    "passwd": ("txmqtt.cli.passwd:passwd", "Give NAME a password in FILE, for the broker."),
    "pub": ("txmqtt.cli.pub.command:pub", "Publish messages."),
    "reload": ("txmqtt.cli.configuration:reload", "Have a running broker read its configuration again."),
    "request": ("txmqtt.cli.request.command:request", "Ask something, and print the answer."),
    "retained": ("txmqtt.cli.retained.command:retained", "List or clear retained messages."),
    "sample-config": ("txmqtt.cli.configuration:sample_config", "Print a configuration file with every key."),
    "store": ("txmqtt.cli.store:store", "Look at a broker's store, export it, compact it."),
    "sub": ("txmqtt.cli.sub.command:sub", "Print the messages that come."),
}


class LateGroup(click.Group):
    """
    Commands that are imported when they are run.

    @ivar late: where each is (module and name), and what it is for.
    """

    late: dict[str, tuple[str, str]]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """
        See C{click.Group}.
        """
        return sorted(self.late)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        See C{click.Group}.
        """
        if cmd_name not in self.late:
            return None
        module, _, name = self.late[cmd_name][0].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """
        See C{click.MultiCommand}.
        """
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.late[name][1]) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """
        See C{click.Group}.
        """
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*(CompletionItem(name, help=self.late[name][1]) for name in names), *_options(self, ctx, incomplete)]


def _options(group: click.Command, ctx: click.Context, incomplete: str) -> list[Any]:
    return click.Command.shell_complete(group, ctx, incomplete)


class Tools(LateGroup):
    """
    Commands of which none shows a traceback for what its user can mend: one line, and exit status 1.
    """

    late = COMMANDS

    def invoke(self, ctx: click.Context) -> Any:
        """
        See C{click.Command}.
        """
        try:
            return super().invoke(ctx)
        except MQTTError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Tools, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="txmqtt", message="%(prog)s %(version)s")
def main() -> None:
    """
    MQTT from the command line, and the tools beside the broker, which itself is started with twistd mqtt-broker.
    """
