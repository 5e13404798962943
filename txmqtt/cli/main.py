"""
C{txmqtt}: the tools beside the broker.
"""

from __future__ import annotations

from typing import Any

import click

from txmqtt._build import __version__
from txmqtt.cli.configuration import check_config, reload, sample_config
from txmqtt.cli.passwd import passwd
from txmqtt.cli.store import store
from txmqtt.codec.errors import MQTTError


class Tools(click.Group):
    """
    Commands of which none shows a traceback for what its user can mend: one line, and exit status 1.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """
        See C{click.Group}.
        """
        try:
            return super().invoke(ctx)
        except MQTTError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Tools, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="txmqtt", message="%(prog)s %(version)s")
def main() -> None:
    """
    Tools beside the MQTT broker, which itself is started with twistd mqtt-broker.
    """


for each in (check_config, passwd, reload, sample_config, store):
    main.add_command(each)
