"""
From the options of a command to what C{txmqtt.connect} is asked for.
"""

from __future__ import annotations

import os
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

import click

from txmqtt.cli.exits import Ended, refusal
from txmqtt.cli.options.connection import WEBSOCKET, Connection, client_id_of, password_of
from txmqtt.cli.options.properties import Given, read
from txmqtt.codec.constants import CONNECT, DISCONNECT, MQTT5
from txmqtt.codec.errors import Refused
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.net.client import MQTTClient
from txmqtt.net.client_tls import TLS
from txmqtt.net.connect import connect
from txmqtt.net.values import Will

#: Properties of CONNECT that are an option of the client by another name.
_OPTIONS: Final = {
    "session_expiry_interval": "session_expiry",
    "receive_maximum": "receive_maximum",
    "maximum_packet_size": "maximum_packet_size",
    "topic_alias_maximum": "topic_alias_maximum",
}

_TLS_PORT: Final = 8883

#: The same with TLS.
_SECURED: Final = {"mqtt": "mqtts", "ws": "wss", "mqtt+srv": "mqtts+srv"}


class Server(NamedTuple):
    """
    A server, and who we are to it.

    @ivar to: its URL.
    @ivar options: the keywords of C{connect}.
    @ivar properties: what C{-D} said for other packets than CONNECT.
    @ivar version: of MQTT.
    @ivar bind: the address of ours to connect from.
    """

    to: str
    options: dict[str, Any]
    properties: Given
    version: int
    bind: str | None = None

    def address(self, reactor: Any) -> Any:
        """
        What C{connect} connects to.
        """
        if self.bind is None:
            return self.to
        from twisted.internet.endpoints import HostnameEndpoint

        url = urlsplit(self.to)
        port = url.port or (_TLS_PORT if url.scheme == "mqtts" else 1883)
        return HostnameEndpoint(reactor, url.hostname or "", port, bindAddress=(self.bind, 0))


def server(connection: Connection, allowed: tuple[str, ...] = (), **further: Any) -> Server:
    """
    @param allowed: the packets for which this command takes C{-D}, besides those that every command sends.
    @param further: keywords of C{connect}.
    @raise click.UsageError: the options can't be, or not together.
    """
    properties = read(connection.properties, ("CONNECT", "WILL", "DISCONNECT", *allowed))
    if properties.packets and connection.version != MQTT5:
        raise click.UsageError("-D needs MQTT 5.0; expected -V 5")
    to, found = _address(connection)
    options: dict[str, Any] = {
        **found,
        "client_id": client_id_of(connection),
        "version": connection.version,
        "keep_alive": connection.keepalive,
        "clean_start": not connection.persistent,
        "will": _will(connection, properties),
        **_connect_properties(connection, properties.of(CONNECT)),
        **further,
    }
    if connection.username is not None:
        options["username"] = connection.username
    password = password_of(connection)
    if password is not None:
        options["password"] = password
    if not options["client_id"] and connection.persistent:
        raise click.UsageError("-c needs a client identifier, under which the server keeps the session: --id")
    if connection.bind is not None:
        _check_bind(connection, to)
    return Server(to, options, properties, connection.version, connection.bind)


def _check_bind(connection: Connection, to: str) -> None:
    if urlsplit(to).scheme not in ("mqtt", "mqtts") or connection.proxy is not None or connection.url is not None:
        raise click.UsageError("-A goes with --host and --port only; expected no URL, proxy or socket")


def _address(connection: Connection) -> tuple[str, dict[str, Any]]:
    """
    Where the server is, and what must be known to get there.
    """
    if connection.unix is not None:
        return _unix(connection)
    url = connection.parsed()
    secure = _secure(connection)
    if url is not None:
        scheme = _SECURED.get(url.scheme, url.scheme) if secure else url.scheme
        to = f"{scheme}://{url.netloc}{_path(url) if scheme in WEBSOCKET else ''}"
    else:
        scheme = ("mqtts" if secure else "mqtt") + ("+srv" if connection.srv else "")
        to = f"{scheme}://{_place(connection.host or 'localhost', connection.port)}"
    found: dict[str, Any] = {}
    if scheme in _SECURED.values():
        found["tls"] = _tls(connection)
    if connection.proxy is not None:
        found["proxy"] = connection.proxy
    if connection.header:
        found["headers"] = dict(_header(each) for each in connection.header)
    return to, found


def _path(url: SplitResult) -> str:
    return f"{url.path}?{url.query}" if url.query else url.path


def _unix(connection: Connection) -> tuple[str, dict[str, Any]]:
    if connection.host is not None or connection.port is not None or connection.srv:
        raise click.UsageError("--unix says where to connect to; expected neither --host, --port nor -S")
    path = os.path.abspath(connection.unix or "")
    return f"unix://{quote(path)}", {"tls": _tls(connection)} if _secure(connection) else {}


def _place(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def _secure(connection: Connection) -> bool:
    """
    Whether one of the options asks for TLS.
    """
    asked = (connection.cafile, connection.capath, connection.cert, connection.alpn, connection.tls_version)
    if connection.tls or connection.use_os_certs or connection.insecure or connection.ciphers or any(asked):
        return True
    return connection.port == _TLS_PORT


def _tls(connection: Connection) -> TLS:
    """
    Whom to trust, and what to show.
    """
    trusted = [("--cafile", connection.cafile), ("--capath", connection.capath)]
    said = [name for name, value in trusted if value] + ["--tls-use-os-certs"] * connection.use_os_certs
    if len(said) > 1:
        raise click.UsageError(f"{' and '.join(said)}: expected one of them")
    if connection.insecure and said:
        raise click.UsageError(f"--insecure trusts everybody; expected it without {said[0]}")
    if connection.key is not None and connection.cert is None:
        raise click.UsageError("--key needs the certificate that it is for: --cert")
    try:
        return _made(connection)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None


def _made(connection: Connection) -> TLS:
    return TLS(
        ca=connection.cafile or connection.capath,
        certificate=connection.cert,
        key=connection.key,
        server_name=(connection.host or "localhost") if connection.bind is not None else None,
        verify=not connection.insecure,
        alpn=[connection.alpn] if connection.alpn is not None else [],
        minimum="1.3" if connection.tls_version == "tlsv1.3" else "1.2",
        ciphers=connection.ciphers or "",
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError("--header: expected NAME:VALUE")
    return name.strip(), value.strip()


def _will(connection: Connection, properties: Given) -> Will | None:
    said = properties.of(WILL_PROPERTIES)
    if connection.will_topic is None:
        if connection.will_payload is not None or connection.will_retain or connection.will_qos or said:
            raise click.UsageError("a will needs a topic: --will-topic")
        return None
    payload = (connection.will_payload or "").encode("utf-8", "surrogateescape")
    try:
        return Will(connection.will_topic, payload, connection.will_qos or 0, connection.will_retain, said)
    except ValueError as error:
        raise click.UsageError(f"--will-topic: {error}") from None


def _connect_properties(connection: Connection, said: Properties | None) -> dict[str, Any]:
    """
    What C{-x} and C{-D CONNECT} ask for, as keywords of C{connect}.
    """
    found: dict[str, Any] = {}
    if said is not None and (said.authentication_method is not None or said.authentication_data is not None):
        raise click.UsageError("-D CONNECT authentication-method: proving oneself in steps is not for a command line")
    if said is not None:
        for name, option in _OPTIONS.items():
            value = getattr(said, name)
            if value is not None:
                found[option] = value
        found["properties"] = Properties(
            request_problem_information=said.request_problem_information,
            request_response_information=said.request_response_information,
            user_properties=said.user_properties,
        )
    if connection.expiry is not None:
        if connection.version != MQTT5:
            raise click.UsageError("-x needs MQTT 5.0; expected -V 5")
        found["session_expiry"] = connection.expiry
    return found


async def dial(reactor: Any, server: Server, **further: Any) -> MQTTClient:
    """
    Connect.

    @raise Ended: the server refused; with the exit status for it.
    """
    try:
        return await connect(reactor, server.address(reactor), **{**server.options, **further})
    except Refused as error:
        raise not_connected(error, server.version) from None


def not_connected(error: Exception, version: int) -> Exception:
    """
    Why there is no connection, with the exit status of a refusal.
    """
    if not isinstance(error, Refused):
        return error
    return Ended(refusal(error.reason, version, connecting=True), str(error))


async def hang_up(client: MQTTClient, server: Server) -> None:
    """
    Say goodbye and close.
    """
    await client.disconnect(properties=server.properties.of(DISCONNECT))
