"""
All that is fuzzed, a module each.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tests.fuzz.harness import Harness

_NET_BROKER: Final = (
    "server proving access.scram_server protocol entry door auth fairness turns crowd flapping buckets bans origins"
)
_NET_CLIENT: Final = "client connection traffic asking requests receiving state ending exchange waiters protocol"
_NET_WEBSOCKET: Final = "websocket websocket_server websocket_client handshake proxies origins"


def _net(names: str) -> tuple[str, ...]:
    return tuple(f"net.{name}" for name in names.split())


#: Which of our packages and modules are watched. The less, the sooner it begins and the faster it is.
WATCHED: Final[dict[str, tuple[str, ...]]] = {
    "decoder": ("codec",),
    "broker": ("codec", "session", "broker", "backends.memory", *_net(_NET_BROKER)),
    "durable": ("broker", "backends.sqlite"),
    "client": ("codec", "session", *_net(_NET_CLIENT)),
    "websocket": ("codec.frames", *_net(_NET_WEBSOCKET)),
    "configuration": ("service.configuration", "service.assembly", *_net("endpoints descriptions tls_settings access")),
    "passwords": _net("access.password_file access.hashes access.scram_server access.saslprep"),
    "acl": ("broker.filters", "codec.topics", *_net("access.mosquitto_acl access.rules access.answers")),
    "proxy": _net("proxied proxy_header lobby"),
    "store": ("backends.sqlite.exchange", "codec"),
}
NAMES: Final = tuple(WATCHED)


def find(name: str) -> Harness:
    """
    The harness of this name; no other is imported, nor what it fuzzes.
    """
    harness = import_module(f"{__name__}.{name}").HARNESS
    assert isinstance(harness, Harness)
    return harness
