"""
C{twistd mqtt-broker}: a thin reader of options.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from twisted.cred.checkers import FilePasswordDB, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.portal import Portal
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
from txmqtt.net.auth import FirstOf, Realm
from txmqtt.net.endpoints import server_endpoint
from txmqtt.service.broker import makeBroker
from txmqtt.service.config import DEFAULT_LISTEN, IN_MEMORY, state_directory
from txmqtt.service.limits import limit_parameters, policy_from
from txmqtt.service.listener import CannotListen, attempt
from txmqtt.service.process import BrokerProcess


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
        *limit_parameters(),
    ]

    def __init__(self) -> None:
        usage.Options.__init__(self)
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        """
        Listen here, an endpoint string of Twisted; may be repeated. [default: tcp:1883:interface=127.0.0.1]
        """
        from twisted.internet import reactor

        try:
            server_endpoint(reactor, endpoint)
        except ValueError as error:
            raise usage.UsageError(f"--listen {error}") from error
        self["listen"].append(endpoint)

    def opt_auth(self, description: str) -> None:
        """
        Let in whom this checker knows: file:PASSWORDS, memory:NAME:PASSWORD, anonymous ...; may be repeated.
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
        if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
            # "memory:" of Twisted 26.10 fills it with str, where its documentation and every protocol have bytes.
            checker.users = {_encoded(name): _encoded(password) for name, password in checker.users.items()}
        elif isinstance(checker, FilePasswordDB) and not os.path.isfile(checker.filename):
            raise ValueError(f"{checker.filename!r} is no file; expected one of lines NAME:PASSWORD")
        AuthOptionMixin.addChecker(self, checker)

    def opt_version(self) -> None:
        """
        Display the version and exit.
        """
        print(f"txmqtt {__version__}, floors 0 to 2 {'compiled' if compiled else 'interpreted'}")
        sys.exit(0)

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
        if not self["listen"]:
            self["listen"].append(DEFAULT_LISTEN)
        if self["durability"] not in DURABILITY:
            raise usage.UsageError(f"--durability {self['durability']!r}: expected one of {', '.join(DURABILITY)}")
        if not self["store"]:
            raise usage.UsageError("--store '': expected a file name, or memory")
        directory = state_directory(self["state-dir"], os.environ).absolute()
        self.store_path = None if self["store"] == IN_MEMORY else directory / self["store"]
        # Unless the store is in it, the directory is made only for who asked for it.
        inside = self.store_path is not None and directory in self.store_path.parents
        self.make_directory = self["state-dir"] is not None or inside
        self["state-dir"] = directory


def _encoded(word: str | bytes) -> bytes:
    return word.encode() if isinstance(word, str) else word


#: The name that C{ServiceMaker} looks for.
Options = BrokerOptions


def makeService(options: BrokerOptions) -> BrokerProcess:
    """
    See C{IServiceMaker}: the service that C{twistd} runs. It leaves nothing open, because C{twistd} forks before it
    starts the service.
    """
    from twisted.internet import reactor

    twistd: Mapping[str, Any] = options.parent or {}  # "twist" has no daemons
    if not twistd.get("nodaemon", True) and not twistd.get("chroot"):
        # What a daemon's service raises when it starts, twistd cuts to 100 bytes and adds a line of its own. So it is
        # tried before, as far as it can be tried without a trace.
        for endpoint in options["listen"]:
            try:
                attempt(endpoint)
            except CannotListen as error:
                sys.exit(f"mqtt-broker: {error}")
        if options.store_path is not None:
            try:
                look(str(options.store_path), SCHEMA)
            except StoreError as error:
                sys.exit(f"mqtt-broker: {error}")
    checkers = options.get("credCheckers")
    portal = Portal(Realm(), [FirstOf(checkers)]) if checkers else None
    broker = makeBroker(
        options["listen"], portal, policy_from(options), reactor, options.store_path, options["durability"]
    )
    return BrokerProcess(broker, reactor, options["state-dir"] if options.make_directory else None)
