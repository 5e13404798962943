"""
From settings to what they ask for: checkers, rules, limits, and the places where clients come in.

Everything is made before anything is used, so that a configuration that can't be used changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from twisted.cred.checkers import AllowAnonymousAccess, ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IStreamServerEndpoint

from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import MQTT5, MQTT31, MQTT311
from txmqtt.net.access.acl import AccessControl, AccessRealm
from txmqtt.net.access.certificates import CertificateChecker
from txmqtt.net.access.mechanisms import IMechanism
from txmqtt.net.auth import Anybody, FirstOf, Realm
from txmqtt.net.endpoints import server_endpoint
from txmqtt.net.options import IReloadable
from txmqtt.net.origins import networks
from txmqtt.net.plugins import BrokerPlugin
from txmqtt.net.tls import TLSServerEndpoint
from txmqtt.net.websocket_server import WebSocketEndpoint
from txmqtt.service.config import IN_MEMORY
from txmqtt.service.configuration.kinds import MAKERS
from txmqtt.service.configuration.lines import Path as Way
from txmqtt.service.configuration.reading import Entry, Fault, nearest
from txmqtt.service.configuration.settings import ListenerSettings, Settings
from txmqtt.service.listener import Place
from txmqtt.service.logs import check as check_log
from txmqtt.service.plugins import plugin

T = TypeVar("T")

#: The versions of the protocol, as it counts them.
_VERSIONS = {"3.1": MQTT31, "3.1.1": MQTT311, "5.0": MQTT5}


class Assembly:
    """
    All that a configuration asks for, made and not yet in use.

    @ivar faults: what can't be made, and why.
    @ivar policy: what the broker allows.
    @ivar plugins: who sees what passes.
    @ivar access: the rules; None: there are none.
    @ivar places: where clients come in.
    @ivar checkers: who says who may come in, by name; C{mechanisms}: ways for a client of 5.0 to prove it.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        checkers: Sequence[ICredentialsChecker] = (),
        before: Assembly | None = None,
    ) -> None:
        """
        @param checkers: more of them, which are asked after those of the settings.
        @param before: what this is to take the place of: whoever is bound by its rules will be bound by these.
        """
        self.settings = settings
        self.policy: Policy = settings.limits
        self.faults: list[Fault] = []
        self.checkers: dict[str, ICredentialsChecker] = {}
        self.mechanisms: dict[str, IMechanism] = {}
        self.access: AccessControl | None = None
        self._before = before
        self._lent: set[str] = set()  # checkers that somebody else has to stop
        self._rules_before = before.access if before is not None else None
        self._new_rules: AccessControl | None = None
        self.places: list[Place] = []
        self._reactor = reactor
        self._more = list(checkers)
        for entry in settings.authentication:
            self._checker(entry)
        self._rules()
        self.plugins: list[BrokerPlugin] = []
        for position, wanted in enumerate(settings.plugin):
            try:
                self.plugins.append(plugin(wanted.name, wanted.options))
            except ValueError as error:
                self._wrong(("plugin", position), error)
        for where, look in (
            (("metrics", "endpoint"), self._metrics),
            (("log",), lambda: check_log(settings.log)),
        ):
            try:
                look()
            except ValueError as error:
                self._wrong(where, error)
        try:
            networks(self.policy.trusted_addresses)
        except ValueError as error:
            self._wrong(("limits", "trusted_addresses"), error)
        for position, each in enumerate(settings.listener):
            self._place(each, ("listener", position))

    def _metrics(self) -> None:
        endpoint = self.settings.metrics.endpoint
        if endpoint:
            server_endpoint(self._reactor, endpoint)

    def _wrong(self, path: Way, error: object) -> None:
        self.faults.append(Fault(path, str(error)))

    def _checker(self, entry: Entry) -> None:
        try:
            made = MAKERS[entry.kind](entry.settings, self._reactor)
        except ValueError as error:
            self._wrong(entry.path, error)
            return
        made = self._as_before(entry, made)
        if IMechanism.providedBy(made):
            self.mechanisms[entry.name] = made
        else:
            self.checkers[entry.name] = made

    def _as_before(self, entry: Entry, made: Any) -> Any:
        """
        What is asked for again as it was goes on, with those who are logging in just now and with what it remembers.
        Whether it could be made anew has been seen.
        """
        before = self._before
        same = before is not None and any(
            (each.kind, each.name, each.settings) == (entry.kind, entry.name, entry.settings)
            for each in before.settings.authentication
        )
        if before is None or not same or not IReloadable.providedBy(made):
            return made
        _stopped(made)
        self._lent.add(entry.name)
        return before.checkers[entry.name] if entry.name in before.checkers else before.mechanisms[entry.name]

    def _rules(self) -> None:
        table = self.settings.acl
        if table is not None:
            try:
                self._new_rules = AccessControl(table, table.rule, "acl.rule")
                self.access = self._rules_before or self._new_rules
            except ValueError as error:
                self._wrong(("acl",), error)

    # Listeners

    def _place(self, listener: ListenerSettings, path: Way) -> None:
        try:
            endpoint = self._endpoint(listener)
        except ValueError as error:
            self._wrong((*path, "endpoint"), error)
            return
        policy = replace(self.policy, **listener.limits) if listener.limits else self.policy
        try:
            networks(listener.limits.get("trusted_addresses", ""))
        except ValueError as error:
            self._wrong((*path, "limits", "trusted_addresses"), error)
        self.places.append(
            Place(
                endpoint,
                self._portal(listener, endpoint, path),
                policy,
                listener.mount,
                (listener.endpoint, listener.tls, listener.websocket),
                listener.endpoint,
                self._realm(),
                [each for _, each in self._named(self.mechanisms, listener)],
                frozenset(_VERSIONS[each] for each in listener.versions),
                listener.max_connections,
            )
        )

    def _endpoint(self, listener: ListenerSettings) -> IStreamServerEndpoint:
        endpoint = server_endpoint(self._reactor, listener.endpoint)
        if listener.tls is not None and isinstance(endpoint, TLSServerEndpoint | WebSocketEndpoint):
            raise ValueError(
                f"{listener.endpoint!r} and a table tls: expected what TLS can be put on, such as tcp:8883"
            )
        if listener.websocket is not None and isinstance(endpoint, WebSocketEndpoint):
            raise ValueError(f"{listener.endpoint!r} and a table websocket: expected one of them")
        if listener.tls is not None:
            endpoint = IStreamServerEndpoint(TLSServerEndpoint(endpoint, listener.tls, self._reactor))
        if listener.websocket is not None:
            endpoint = WebSocketEndpoint(self._reactor, endpoint, listener.websocket)
        return endpoint

    def _portal(self, listener: ListenerSettings, endpoint: IStreamServerEndpoint, path: Way) -> Portal | None:
        """
        Who may come in; None: whoever is on this machine, if it is the only one that can reach the listener.
        """
        chain = self._chain(listener, endpoint, path)
        by_login = bool(chain or self._named(self.mechanisms, listener))
        if not by_login and listener.anonymous == "auto":
            return None
        if listener.anonymous == "yes":
            chain.append(("", AllowAnonymousAccess() if by_login else Anybody()))
        portal = Portal(self._realm() or Realm())
        if chain:
            portal.registerChecker(FirstOf([each for _, each in chain], [name for name, _ in chain]))
        return portal

    def _chain(
        self, listener: ListenerSettings, endpoint: IStreamServerEndpoint, path: Way
    ) -> list[tuple[str, ICredentialsChecker]]:
        """
        Who is asked, and by what name he is known.
        """
        how = _certificate_names(endpoint)
        certificate = [("", ICredentialsChecker(CertificateChecker(how)))] if how else []
        known = [entry.name for entry in self.settings.authentication]
        for name in listener.authentication:
            if name not in known:
                expected = "expected the name of an authentication table" if known else "there are none"
                self._wrong((*path, "authentication"), f"{name!r}: {expected}{nearest(name, known)}")
        more = [] if listener.authentication else self._more
        numbered = [(_numbered(number), each) for number, each in enumerate(more)]
        return [*certificate, *self._named(self.checkers, listener), *numbered]

    def _named(self, made: Mapping[str, T], listener: ListenerSettings) -> list[tuple[str, T]]:
        """
        Those of the listener.
        """
        return [(name, made[name]) for name in listener.authentication or made if name in made]

    def _realm(self) -> IRealm | None:
        """
        What those who come in may do; None: what is usual without rules.
        """
        return AccessRealm(self.access) if self.access is not None else None

    @property
    def store(self) -> Path | None:
        """
        The file in which sessions and messages are kept; None: in memory.
        """
        broker = self.settings.broker
        return None if broker.store == IN_MEMORY else Path(broker.state_dir) / broker.store

    # What it was made from

    @property
    def reloadables(self) -> list[IReloadable]:
        """
        Users and rules, as far as they come from files.
        """
        made = [*self.checkers.values(), *self.mechanisms.values(), *self._more]
        found: list[IReloadable] = [IReloadable(each) for each in made if IReloadable.providedBy(each)]
        return [*found, IReloadable(self.access)] if self.access is not None else found

    def may_still_know(self, user: str, let_in_by: str) -> bool:
        """
        Whether a user may be one still for what let him in; True as well where that can't be known without asking him
        again.

        @param let_in_by: a table of authentication, a mechanism, or a checker of the command line by its number.
        """
        made: list[Any] = [each for name, each in self.checkers.items() if name == let_in_by]
        made += [each for each in self.mechanisms.values() if each.name == let_in_by]
        made += [each for number, each in enumerate(self._more) if _numbered(number) == let_in_by]
        lists = [each for each in made if hasattr(each, "has")]
        return not lists or any(each.has(user) for each in lists)

    def take_over(self) -> None:
        """
        From now on it is this that holds.
        """
        before, self._before = self._before, None
        if before is not None:
            before._lent |= self._lent
            self._lent = set()
        if self.access is not None and self._new_rules is not None and self.access is not self._new_rules:
            self.access.adopt(self._new_rules)

    def stop(self, ending: bool = False) -> Deferred[Any]:
        """
        It is in use no more: threads end, what was remembered is forgotten.

        @param ending: nothing takes its place, so the checkers that are not of the settings end too.
        @return: fires when all of it is done.
        """
        made = [each for name, each in self.checkers.items() if name not in self._lent]
        made += self._more if ending else ()
        return gatherResults([_stopped(each) for each in made], consumeErrors=True)


def _stopped(checker: Any) -> Deferred[Any]:
    """
    Let a checker end, if it has anything to end; fires when it has.
    """
    return maybeDeferred(getattr(checker, "stop", lambda: None))


def _numbered(number: int) -> str:
    """
    What a checker of the command line is called; no table has a name with a blank.
    """
    return f"--auth {number}"


def _certificate_names(endpoint: Any) -> Any:
    """
    What of a client certificate is a user name on an endpoint; empty where nothing is.
    """
    while endpoint is not None:
        if isinstance(endpoint, TLSServerEndpoint):
            return endpoint.settings.username_from
        endpoint = getattr(endpoint, "inner", None)
    return ""
