"""
All that a configuration file may say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from txmqtt.broker.policy import DEFAULTS, Policy
from txmqtt.net.access.acl import AccessSettings
from txmqtt.net.handshake import WebSocketSettings
from txmqtt.net.options import UNBOUNDED, Range
from txmqtt.net.tls_settings import TLSSettings
from txmqtt.service.config import DEFAULT_LISTEN
from txmqtt.service.configuration.kinds import KINDS
from txmqtt.service.configuration.schema import Overrides
from txmqtt.service.logs import LogSettings


@dataclass(frozen=True)
class BrokerSettings:
    """
    Where the broker keeps what must survive a restart, and how it notices changes.

    @ivar state_dir: the directory of what must survive a restart; $STATE_DIRECTORY, $XDG_STATE_HOME/txmqtt or
        ~/.local/state/txmqtt when this is empty.
    @ivar store: the file in it that sessions, queued and retained messages are kept in; memory: keep them in memory,
        where nothing survives a restart.
    @ivar durability: what a crash of the machine may undo: full, nothing that was acknowledged; normal, the last
        seconds; off, everything. A crash of the program undoes nothing.
    @ivar watch: seconds between two looks at the files that users, rules and certificates come from: what has changed
        is read again. 0: only when the broker is told to reload.
    """

    state_dir: str = ""
    store: str = "mqtt.db"
    durability: Literal["full", "normal", "off"] = "full"
    watch: Annotated[float, Range(0, 86_400)] = 5.0


@dataclass(frozen=True)
class ListenerSettings:
    """
    Where clients come in, and on what terms. May be repeated.

    @ivar endpoint: an endpoint string of Twisted: tcp:1883, tcp6:1883, unix:/run/mqtt.sock,
        systemd:domain=INET:index=0, haproxy:tcp:1883, ws:tcp:8083 ...
    @ivar mount: the mount point of those who come in here: a name that keeps tenants apart. They see the sessions and
        messages of their own mount point and of no other.
    @ivar versions: the versions of the protocol that are spoken here.
    @ivar max_connections: clients that may be connected here at a time; the next is refused with 0x97 (3.x: 3). 0: as
        many as the whole broker allows.
    @ivar authentication: who is asked who may come in, by the names of the authentication tables; empty: all of them,
        in their order.
    @ivar anonymous: whether clients may come in without a name: yes, no, or auto: only where no other machine can reach
        the listener and there are no authentication tables.
    @ivar limits: limits that are others here than for the whole broker: those of connections and of what clients say
        on them, by the names that they have there.
    @ivar tls: TLS, under the WebSocket where there is one.
    @ivar websocket: MQTT over WebSocket instead of the plain stream of bytes.
    """

    endpoint: str
    mount: str = ""
    versions: tuple[Literal["3.1", "3.1.1", "5.0"], ...] = ("3.1", "3.1.1", "5.0")
    max_connections: Annotated[int, Range(0, UNBOUNDED)] = 0
    authentication: tuple[str, ...] = ()
    anonymous: Literal["auto", "yes", "no"] = "auto"
    limits: Overrides = field(default_factory=Overrides)
    tls: TLSSettings | None = None
    websocket: WebSocketSettings | None = None


@dataclass(frozen=True)
class AccessTable(AccessSettings):
    """
    What users may do. Without this table everybody who comes in may do everything, except look into $SYS from another
    machine.

    @ivar rule: one rule; they are asked in their order, before those of the file, and the first that fits decides.
    """

    rule: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class MetricsSettings:
    """
    Figures for Prometheus at /metrics, and how the broker is at /health.

    @ivar endpoint: where they are served, an endpoint string such as tcp:9100:interface=127.0.0.1: whoever reaches it
        may read all of it. Empty: nowhere.
    """

    endpoint: str = ""


@dataclass(frozen=True)
class PluginSettings:
    """
    What runs inside the broker and sees, refuses or changes what passes through it. May be repeated; they are asked in
    their order.

    @ivar name: what the plugin is called; a wrong name is answered with those that are installed.
    @ivar options: what the plugin itself wants to be told.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """
    The configuration of twistd mqtt-broker: twistd -n mqtt-broker --config FILE. Every key is here with its default;
    txmqtt check-config FILE says what is wrong with a file. Sizes are bytes, times are seconds.

    @ivar limits: what this broker allows.
    """

    broker: BrokerSettings = BrokerSettings()
    listener: tuple[ListenerSettings, ...] = (ListenerSettings(DEFAULT_LISTEN),)
    authentication: tuple[Any, ...] = field(default=(), metadata={"kinds": KINDS})
    acl: AccessTable | None = None
    limits: Policy = DEFAULTS
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = field(default_factory=LogSettings)
    plugin: tuple[PluginSettings, ...] = ()
