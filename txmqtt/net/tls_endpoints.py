"""
C{tls:} and C{ssl:} endpoint strings: whatever Twisted's own take, and what else a broker needs to say of TLS.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from txmqtt.net.descriptions import BACKLOG, Description, parse
from txmqtt.net.tls import TLSServerEndpoint, TLSSettings

#: The port of MQTT over TLS.
PORT = "8883"

#: What the places of a string mean, by its kind; Twisted's order.
_PLACES = {
    "ssl": ("port", "privateKey", "certKey", "sslmethod", "interface", "backlog", "extraCertChain", "dhParameters"),
    "tls": ("port", "backlog", "interface"),
}

#: What a name in a string sets. Twisted's names come first; some have a shorter one.
_SETTINGS = {
    "certKey": "certificate",
    "certificate": "certificate",
    "privateKey": "key",
    "key": "key",
    "passphraseFile": "key_passphrase_file",
    "extraCertChain": "chain",
    "chain": "chain",
    "directory": "sni_directory",
    "ca": "ca",
    "crl": "crl",
    "clientCertificates": "client_certificates",
    "minimumVersion": "minimum_version",
    "ciphers": "ciphers",
    "dhParameters": "dh_parameters",
    "usernameFrom": "username_from",
}

#: What else a string may say: where it listens.
_LISTENING = ("port", "interface", "backlog", "over", "sslmethod")

#: Methods of OpenSSL that mean any version of TLS, which is what we do.
_ANY_VERSION = ("TLS_METHOD", "TLS_SERVER_METHOD", "SSLv23_METHOD")


def tls_endpoint(
    reactor: Any,
    description: str,
    server: Callable[[Any, str], IStreamServerEndpoint] = serverFromString,
    beneath: Callable[[IStreamServerEndpoint], IStreamServerEndpoint] | None = None,
) -> TLSServerEndpoint:
    """
    The endpoint that a C{tls:} or C{ssl:} string describes::

        ssl:8883:privateKey=key.pem:certKey=cert.pem
        tls:8883:certificate=cert.pem:ca=ca.pem:clientCertificates=required:usernameFrom=cn
        tls:/etc/certificates:8883
        tls:over=systemd\\:domain=INET\\:index=0:certificate=cert.pem

    @param server: makes the endpoint of C{over=}.
    @param beneath: wraps what is between TLS and the network.
    @raise ValueError: it describes none; says what was expected.
    """
    named = _by_name(parse(description))
    values = {_SETTINGS[name]: value for name, value in named.items() if name in _SETTINGS}
    method = named.get("sslmethod")
    if method is not None and method not in _ANY_VERSION:
        raise ValueError(f"sslmethod={method}; expected {' or '.join(_ANY_VERSION)}, and minimumVersion= for a version")
    for choice in ("client_certificates", "minimum_version", "username_from"):
        _check_choice(choice, values)
    inner = _listening(reactor, named, server)
    # The field types are literals; what was checked above is one of them.
    settings = TLSSettings(**values)  # type: ignore[arg-type]
    return TLSServerEndpoint(beneath(inner) if beneath is not None else inner, settings, reactor)


def _by_name(described: Description) -> dict[str, str]:
    kind, places, named = described
    order = _PLACES.get(kind)
    if order is None:
        raise ValueError(f"{kind!r} is no TLS endpoint; expected tls: or ssl:")
    found = dict(named)
    if kind == "tls" and places and not places[0].isdecimal():
        # Twisted's own form: a folder, then the port.
        order = ("directory", *order)
        found.setdefault("interface", "::")
    if len(places) > len(order):
        raise ValueError(f"{places[len(order)]!r} is one word too many; expected {':'.join((kind, *order))}")
    for name, value in zip(order, places, strict=False):
        if name in named:
            raise ValueError(f"{name} is there twice, as {value!r} and as {name}={named[name]}; expected it once")
        found[name] = value
    _check_names(found)
    if kind == "ssl" and not found.keys() & {"privateKey", "key", "certKey", "certificate", "directory"}:
        found["privateKey"] = "server.pem"  # as Twisted has it
    if "certKey" not in found and "certificate" not in found and "privateKey" in found:
        found["certKey"] = found.pop("privateKey")
    return found


def _check_names(found: dict[str, str]) -> None:
    said: dict[str, str] = {}
    for name in found:
        if name not in _SETTINGS and name not in _LISTENING:
            raise ValueError(f"{name}= is not known; expected one of {', '.join((*_LISTENING, *_SETTINGS))}")
        setting = _SETTINGS.get(name, name)
        if setting in said:
            raise ValueError(f"{said[setting]}= and {name}= say the same; expected one of them")
        said[setting] = name


def _check_choice(setting: str, values: dict[str, str]) -> None:
    choices = typing.get_args(typing.get_type_hints(TLSSettings)[setting])
    value = values.get(setting)
    if value is not None and value not in choices:
        name = next(name for name, meant in _SETTINGS.items() if meant == setting)
        raise ValueError(f"{name}={value}; expected {' or '.join(choice for choice in choices if choice)}")


def _listening(
    reactor: Any, named: dict[str, str], server: Callable[[Any, str], IStreamServerEndpoint]
) -> IStreamServerEndpoint:
    """
    Where the encrypted bytes come in.
    """
    over = named.get("over")
    if over is not None:
        also = [name for name in ("port", "interface", "backlog") if name in named]
        if also:
            raise ValueError(f"over={over} says where to listen, and so does {also[0]}={named[also[0]]}; expected one")
        return server(reactor, over)
    port = _number("port", named.get("port", PORT), 65_535)
    backlog = _number("backlog", named.get("backlog", str(BACKLOG)), 2**31 - 1)
    interface = named.get("interface", "")
    kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
    endpoint: IStreamServerEndpoint = kind(reactor, port, backlog, interface)
    return endpoint


def _number(name: str, value: str, most: int) -> int:
    if value.isascii() and value.isdecimal() and len(value) <= 10 and int(value) <= most:
        return int(value)
    raise ValueError(f"{name}={value}; expected a number from 0 to {most}")
