"""
C{twistd mqtt-broker}: a thin reader of options.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.strcred import (
    AuthOptionMixin,
    InvalidAuthType,
    UnsupportedInterfaces,
    findCheckerFactories,
    makeChecker,
)
from twisted.python import usage

from txmqtt._build import __version__, compiled
from txmqtt.backends.sqlite.errors import StoreError
from txmqtt.backends.sqlite.files import DURABILITY, look
from txmqtt.backends.sqlite.schema import SCHEMA
from txmqtt.net.endpoints import server_endpoint
from txmqtt.service.assembly import Assembly
from txmqtt.service.broker import makeBroker
from txmqtt.service.config import state_directory
from txmqtt.service.configuration.file import ConfigurationError, load
from txmqtt.service.configuration.reading import told
from txmqtt.service.configuration.settings import ListenerSettings, MetricsSettings, PluginSettings, Settings
from txmqtt.service.cred import usable
from txmqtt.service.limits import limit_parameters, policy_from
from txmqtt.service.listener import CannotListen, attempt
from txmqtt.service.logs import FORMATS, LEVELS, twistd_file
from txmqtt.service.metrics import MetricsService
from txmqtt.service.process import BrokerProcess
from txmqtt.service.reloading import Reloader


class BrokerOptions(usage.Options, AuthOptionMixin):
    """
    The options of C{twistd mqtt-broker}; the limits among them are those of the policy.
    """

    supportedInterfaces = (IUsernamePassword, IAnonymous)
    synopsis = "[options]"
    longdesc = (
        "An MQTT broker for 3.1, 3.1.1 and 5.0, all three on every port. --listen takes tcp:1883, tcp6:1883, "
        "ssl:8883:privateKey=key.pem:certKey=cert.pem, unix:/run/mqtt.sock, systemd:domain=INET:index=0, "
        "haproxy:tcp:1883 and whatever plugins add. Without --auth, listeners that only this machine can reach "
        "(loopback, unix:) let everybody in, and any other nobody. Sizes are bytes, times seconds."
    )
    optParameters = [
        ["config", "c", None, "The configuration file; what is said here besides goes before what stands there."],
        [
            "state-dir",
            None,
            None,
            "Where what must survive a restart is kept; $STATE_DIRECTORY, $XDG_STATE_HOME/txmqtt or "
            "~/.local/state/txmqtt unless given.",
        ],
        [
            "store",
            None,
            "mqtt.db",
            "The file in the state directory that sessions, queued and retained messages are kept in; memory: keep "
            "them in memory, where nothing survives a restart.",
        ],
        [
            "durability",
            None,
            "full",
            "What a crash of the machine may undo: full, nothing that was acknowledged; normal, the last seconds; off, "
            "everything. A crash of the program undoes nothing.",
        ],
        ["metrics", None, "", "Serve figures for Prometheus and the health of the broker at this endpoint."],
        ["log-format", None, "text", "How the log is written: text for people, json for machines, one object a line."],
        ["log-level", None, "info", "The least that is logged: debug, info, warn, error or critical."],
        *limit_parameters(),
    ]
    optFlags = [["check", None, "Say whether all of this can be used, and do not start."]]

    def __init__(self) -> None:
        self.said: set[str] = set()
        usage.Options.__init__(self)
        self["listen"] = []
        self["plugin"] = []

    def __setitem__(self, name: str, value: Any) -> None:
        """
        Remember what is set: defaults are not.
        """
        self.said.add(name)
        super().__setitem__(name, value)

    def opt_listen(self, endpoint: str) -> None:
        """
        Listen here, an endpoint string of Twisted; may be repeated. [default: tcp:1883:interface=127.0.0.1]
        """
        self._endpoint("listen", endpoint)
        self["listen"].append(endpoint)

    def _endpoint(self, option: str, description: str) -> None:
        from twisted.internet import reactor

        try:
            server_endpoint(reactor, description)
        except ValueError as error:
            raise usage.UsageError(f"--{option} {error}") from error

    def opt_plugin(self, name: str) -> None:
        """
        Let this plugin see what passes; may be repeated. Options for it need a configuration file.
        """
        self["plugin"].append(PluginSettings(name))

    def opt_auth(self, description: str) -> None:
        """
        Let in whom this checker knows: passwords:FILE, jwt:..., http:URL, anonymous ...; may be repeated, and they are
        asked in their order.
        """
        kind = description.partition(":")[0]  # the rest may hold passwords
        try:
            self.addChecker(makeChecker(description))
        except (InvalidAuthType, UnsupportedInterfaces) as error:
            supported = sorted(each.authType for each in findCheckerFactories() if self._supports(each))
            raise usage.UsageError(
                f"--auth {kind!r}: expected one of {', '.join(supported)}; see --help-auth"
            ) from error
        except Exception as error:  # checkers, ours and those of plugins, raise what they like
            raise usage.UsageError(f"--auth {kind!r}: {error}; see --help-auth-type {kind}") from error

    def _supports(self, factory: Any) -> bool:
        return bool(AuthOptionMixin.supportsCheckerFactory(self, factory))

    def addChecker(self, checker: Any) -> None:
        """
        See C{AuthOptionMixin}.
        """
        AuthOptionMixin.addChecker(self, usable(checker))

    def opt_version(self) -> None:
        """
        Display the version and exit.
        """
        print(f"txmqtt {__version__}, floors 0 to 2 {'compiled' if compiled else 'interpreted'}")
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        See C{usage.Options}.
        """
        if hasattr(select, "epoll"):
            from txmqtt.net.reactor import prefer

            prefer()
        usage.Options.parseOptions(self, options)

    def parseArgs(self, *words: str) -> None:
        """
        See C{usage.Options}.
        """
        if words:
            raise usage.UsageError(f"{words[0]!r}: expected options only")

    def postOptions(self) -> None:
        """
        See C{usage.Options}.
        """
        if self["durability"] not in DURABILITY:
            raise usage.UsageError(f"--durability {self['durability']!r}: expected one of {', '.join(DURABILITY)}")
        if not self["store"]:
            raise usage.UsageError("--store '': expected a file name, or memory")
        for name, allowed in (("log-format", FORMATS), ("log-level", LEVELS)):
            if self[name] not in allowed:
                raise usage.UsageError(f"--{name} {self[name]!r}: expected one of {', '.join(allowed)}")
        if self["metrics"]:
            self._endpoint("metrics", self["metrics"])
        if self["config"] is not None:
            self["config"] = os.path.abspath(self["config"])  # a daemon may go elsewhere
        try:
            self.assembly = self.assemble()
        except ConfigurationError as error:
            # Not a UsageError: some hundred lines about options would hide what is wrong.
            sys.exit("\n".join(f"mqtt-broker: {line}" for line in str(error).splitlines()))
        if self["check"]:
            print("all of it can be used")
            sys.exit(0)

    def assemble(self, before: Assembly | None = None) -> Assembly:
        """
        Read the configuration file, if there is one, and make what it and the options ask for.

        @param before: what is in force.
        @raise ConfigurationError: it can't be used.
        """
        from twisted.internet import reactor

        path = self["config"]
        configuration = load(path) if path is not None else None
        settings = self._over(configuration.settings if configuration is not None else Settings())
        assembly = Assembly(settings, reactor, self.get("credCheckers") or (), before)
        if assembly.faults:
            assembly.stop()
            if configuration is not None:
                raise configuration.error(assembly.faults)
            raise ConfigurationError("\n".join(told(fault) for fault in assembly.faults))
        return assembly

    def _over(self, settings: Settings) -> Settings:
        """
        Settings of the file, and what the options say in their place.
        """
        given = {name: self[name.replace("_", "-")] for name in _OF_BROKER if name.replace("_", "-") in self.said}
        broker = replace(settings.broker, **given)
        if not broker.state_dir:
            broker = replace(broker, state_dir=str(state_directory(None, os.environ)))
        directory = Path(broker.state_dir).absolute()
        changed: dict[str, Any] = {"broker": replace(broker, state_dir=str(directory))}
        changed["limits"] = policy_from(self, self.said, settings.limits)
        if self["listen"]:
            changed["listener"] = tuple(ListenerSettings(each) for each in self["listen"])
        if "metrics" in self.said:
            changed["metrics"] = MetricsSettings(self["metrics"])
        changed["plugin"] = settings.plugin + tuple(self["plugin"])
        logged = {"format": self["log-format"]} if "log-format" in self.said else {}
        if "log-level" in self.said:
            logged["level"] = self["log-level"]
        changed["log"] = replace(settings.log, **logged)
        return replace(settings, **changed)

    @property
    def directory(self) -> Path | None:
        """
        The directory that is to be made if it is not there: unless the store is in it, only for who asked for it.
        """
        directory, store = Path(self.assembly.settings.broker.state_dir), self.assembly.store
        wanted = "state-dir" in self.said or (store is not None and directory in store.parents)
        return directory if wanted else None


#: Options that stand in the table of the broker.
_OF_BROKER = ("state_dir", "store", "durability")


#: The name that C{ServiceMaker} looks for.
Options = BrokerOptions


def makeService(options: BrokerOptions) -> BrokerProcess:
    """
    See C{IServiceMaker}: the service that C{twistd} runs. It leaves nothing open, because C{twistd} forks before it
    starts the service.
    """
    from twisted.internet import reactor

    assembly = options.assembly
    settings = assembly.settings
    store = assembly.store
    twistd: Mapping[str, Any] = options.parent or {}  # "twist" has no daemons
    if not twistd.get("nodaemon", True) and not twistd.get("chroot"):
        # What a daemon's service raises when it starts, twistd cuts to 100 bytes and adds a line of its own. So it is
        # tried before, as far as it can be tried without a trace.
        metrics = settings.metrics.endpoint
        for each in [*(listener.endpoint for listener in settings.listener), *([metrics] if metrics else [])]:
            try:
                attempt(each)
            except CannotListen as error:
                sys.exit(f"mqtt-broker: {error}")
        if store is not None:
            try:
                look(str(store), SCHEMA)
            except StoreError as error:
                sys.exit(f"mqtt-broker: {error}")
    broker = makeBroker(
        assembly.places, None, assembly.policy, reactor, store, settings.broker.durability, assembly.plugins
    )
    try:
        ours = "nodaemon" in twistd and not twistd.get("syslog")  # "twist" and syslog have logs of their own
        log = twistd_file(settings.log, twistd) if ours else None
    except ValueError as error:
        sys.exit(f"mqtt-broker: {error}")
    process = BrokerProcess(broker, reactor, options.directory, log)
    process.watch(Reloader(broker, assembly, options.assemble, reactor))
    if settings.metrics.endpoint:
        process.serve(MetricsService(reactor, server_endpoint(reactor, settings.metrics.endpoint), broker))
    return process
