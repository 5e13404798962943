"""
The options of every command that talks to a server: which one, who we are to it, and how it is trusted.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import click

from txmqtt.cli.options.file import CONFIG, use_file
from txmqtt.cli.options.settings import FILE, QOS, ExpiryType, PropertySetting, Setting, VersionType, long_name

#: Where a path is one of a server, and not a topic.
WEBSOCKET: Final = ("ws", "wss")

_SCHEMES: Final = ("mqtt", "mqtts", *WEBSOCKET, "mqtt+srv", "mqtts+srv")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Connection:
    """
    What the line, the environment and the file said of the connection. None is what nobody said.
    """

    host: str | None = None
    port: int | None = None
    unix: str | None = None
    url: str | None = field(default=None, repr=False)
    srv: bool = False
    bind: str | None = None
    proxy: str | None = field(default=None, repr=False)
    header: tuple[str, ...] = field(default=(), repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    client_id: str | None = None
    id_prefix: str | None = None
    version: int = 5
    keepalive: int = 60
    persistent: bool = False
    expiry: int | None = None
    will_topic: str | None = None
    will_payload: str | None = None
    will_qos: int | None = None
    will_retain: bool = False
    properties: tuple[str, ...] = field(default=(), repr=False)
    tls: bool = False
    cafile: str | None = None
    capath: str | None = None
    use_os_certs: bool = False
    cert: str | None = None
    key: str | None = None
    insecure: bool = False
    alpn: str | None = None
    ciphers: str | None = None
    tls_version: str | None = None
    nodelay: bool = False
    debug: bool = False
    quiet: bool = False

    def parsed(self) -> SplitResult | None:
        """
        What C{-L} says.

        @raise click.UsageError: it is no URL of ours, or something else says where to connect to as well.
        """
        if self.url is None:
            return None
        try:
            url = urlsplit(self.url)
            url.port  # noqa: B018 - judged when it is asked for
        except ValueError:  # in its words may be a password
            raise click.UsageError("-L can't be read; / : @ # ? in a password are written %2F and so on") from None
        if url.scheme not in _SCHEMES or not url.hostname:
            raise click.UsageError(f"-L: expected {', '.join(_SCHEMES)}, then ://[user[:password]@]host[:port]")
        if url.fragment or (url.query and url.scheme not in WEBSOCKET):
            raise click.UsageError("-L has a query or fragment (? or #); write %3F and %23 within a topic")
        if self.host is not None or self.port is not None or self.unix is not None or self.srv:
            raise click.UsageError("-L says where to connect to; expected neither --host, --port, --unix nor -S")
        return url

    def topic(self) -> str | None:
        """
        The topic that a URL ends with: C{mqtt://host/topic}. With WebSocket that is the path of its server.
        """
        url = self.parsed()
        if url is None or url.scheme in WEBSOCKET:
            return None
        return unquote(url.path[1:]) or None


def _option(*names: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*names, cls=settings.pop("cls", Setting), **settings)


_OPTIONS: Final = (
    _option("-h", "--host", metavar="HOST", help="The server.  [default: localhost]"),
    _option("-p", "--port", type=click.IntRange(1, 65_535), help="Its port.  [default: 1883, with TLS 8883]"),
    _option("-L", "--url", metavar="URL", help="Both, and the topic: mqtt(s)://[user[:password]@]host[:port]/topic; or "
            "ws(s)://host[:port]/path for WebSocket."),
    _option("-S", "--srv", is_flag=True, help="The host is a domain; DNS (SRV) says where its servers are."),
    _option("--unix", metavar="PATH", help="Connect to a UNIX socket."),
    _option("-A", "--bind", metavar="ADDRESS", help="Connect from this address of ours."),
    _option("--proxy", metavar="URL", help="Through a proxy: socks5h://[user[:password]@]host[:port] or http://..."),
    _option("--header", multiple=True, metavar="NAME:VALUE", help="WebSocket: a header of the request; repeatable."),
    _option("-u", "--username", metavar="NAME", help="Who logs in."),
    _option("-P", "--password", "--pw", "password", metavar="PASSWORD", help="The password, which the list of "
            "processes shows to everybody on this machine; rather --password-file."),
    _option("--password-file", type=FILE, help="A file whose first line is the password."),
    _option("-i", "--id", "client_id", metavar="ID", help="The client identifier.  [default: the server gives one]"),
    _option("-I", "--id-prefix", metavar="PREFIX", help="The client identifier begins so, and ends with the number of "
            "the process."),
    _option("-V", "--protocol-version", "version", type=VersionType(), default="5", show_default=True,
            help="Of MQTT: 5, 311 or 31; mqttv5, mqttv311 and mqttv31 are the same."),
    _option("-k", "--keepalive", type=click.IntRange(0, 65_535), default=60, show_default=True,
            help="Seconds after which a silent connection is looked after; 0: never."),
    _option("-c", "--disable-clean-session", "persistent", is_flag=True, help="Go on with the session that the server "
            "keeps for this client identifier, and have it kept."),
    _option("-x", "--session-expiry-interval", "expiry", type=ExpiryType(), help="5.0: seconds for which the server "
            "keeps the session; -1 for ever.  [default: 0, with -c -1]"),
    _option("-D", "--property", "properties", cls=PropertySetting, multiple=True, metavar="PACKET NAME VALUE",
            help="5.0: a property of a packet, such as: CONNECT receive-maximum 10; a user property has one more word: "
            "CONNECT user-property name value. Repeatable."),
    _option("--will-topic", metavar="TOPIC", help="Where the server publishes a will should the connection be lost."),
    _option("--will-payload", metavar="TEXT", help="What it publishes.  [default: nothing]"),
    _option("--will-qos", type=QOS, help="At which QoS.  [default: 0]"),
    _option("--will-retain", is_flag=True, help="Retained."),
    _option("--tls", is_flag=True, help="Use TLS, and trust whom this system trusts."),
    _option("--cafile", type=FILE, help="Use TLS, and trust these authorities (PEM)."),
    _option("--capath", type=click.Path(exists=True, file_okay=False), help="Use TLS, and trust those in this folder."),
    _option("--tls-use-os-certs", "use_os_certs", is_flag=True, help="Trust whom this system trusts, too."),
    _option("--cert", type=FILE, help="Our own certificate (PEM)."),
    _option("--key", type=FILE, help="Its private key (PEM)."),
    _option("--insecure", is_flag=True, help="Take any certificate of the server: anybody may be there. For tests."),
    _option("--tls-alpn", "alpn", metavar="NAME", help="The protocol to ask for by ALPN."),
    _option("--ciphers", metavar="LIST", help="The ciphers of TLS 1.2 to offer, as OpenSSL lists them."),
    _option("--tls-version", type=click.Choice(["tlsv1.2", "tlsv1.3"]), help="No older version of TLS than this."),
    _option("--nodelay", is_flag=True, help="Nothing: small packets never wait. It is here because mosquitto has it."),
    _option("-d", "--debug", is_flag=True, help="Say on standard error what goes on."),
    _option("--quiet", is_flag=True, help="Say nothing of errors; the exit status does."),
    click.option("--config", **CONFIG, help="The file with further options.  [default: txmqtt/client.toml in "
                 "$XDG_CONFIG_HOME or ~/.config]"),
)  # fmt: skip

_NAMES: Final = tuple(each.name for each in fields(Connection))


def connects(function: F) -> F:
    """
    Give a command the options of a connection; it is called with them as one C{Connection}, its first argument.
    """

    @functools.wraps(function)
    def collected(**given: Any) -> Any:
        given.pop("config", None)
        connection = Connection(**{name: given.pop(name) for name in _NAMES})
        connection.parsed()
        return function(connection, **given)

    for each in reversed(_OPTIONS):
        collected = each(collected)
    return collected  # type: ignore[return-value]


@functools.cache
def _common() -> frozenset[str]:
    """
    The names of all these options.
    """
    made: Any = connects(lambda connection: None)
    return frozenset(long_name(each) for each in made.__click_params__) - {"config"}


class ClientCommand(click.Command):
    """
    A command that talks to a server. C{-h} is the host, as mosquitto's users expect; C{--help} helps.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """
        See C{click.Command}.
        """
        extra.setdefault("help_option_names", ["--help"])
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """
        See C{click.Command}: what the file says comes after the line and the environment.
        """
        use_file(ctx, args, _common())
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """
        See C{click.Command}.
        """
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text(
            "Every option may also stand in the environment (TXMQTT_HOST for --host) and in a file (--config). "
            "Exit status: 0 done; 1 failed; 2 misused; 27 time is up; 128 and up the server's reason code (5.0), 1 to "
            "5 its return code for a refused connection (3.x); 130 and 143 ended by Ctrl-C and SIGTERM before it was "
            "done."
        )


def password_of(connection: Connection) -> str | bytes | None:
    """
    The password, from wherever it comes.

    @raise click.UsageError: it comes from two places.
    """
    if connection.password_file is None:
        return connection.password
    if connection.password is not None:
        raise click.UsageError("--password and --password-file: expected one of them")
    with open(connection.password_file, "rb") as opened:
        return opened.readline(65_538).removesuffix(b"\n").removesuffix(b"\r")


def client_id_of(connection: Connection) -> str:
    """
    Who we are; empty: the server says.

    @raise click.UsageError: it is said twice.
    """
    if connection.id_prefix is None:
        return connection.client_id or ""
    if connection.client_id is not None:
        raise click.UsageError("--id and --id-prefix: expected one of them")
    return f"{connection.id_prefix}{os.getpid()}"
