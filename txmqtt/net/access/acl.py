"""
The rules of a broker: read from a file and from tables, read again when they change, and asked about every user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import Interface, implementer

from txmqtt.codec import reasons
from txmqtt.net.access.files import Files
from txmqtt.net.access.mosquitto_acl import read_acl
from txmqtt.net.access.rules import Rule, RuledUser, Rules, rule_list
from txmqtt.net.auth import AvatarId, IMQTTCredentials, IMQTTUser, User, recognised
from txmqtt.net.options import IReloadable

_log = Logger()

#: A file may have so many bytes: half a million lines.
MOST_BYTES: Final = 16 * 1024 * 1024

#: What a login answers: the interface asked for, the avatar, and how to log it out.
Avatar = tuple[type[Interface], object, Callable[[], None]]


@dataclass(frozen=True)
class AccessSettings:
    """
    What users may do, besides the rules themselves.

    @ivar file: a file of rules in the syntax of mosquitto's acl_file, asked after the rules of the configuration. It is
        read again when it changes; while it can't be used, what was in force stays in force. None by default.
    @ivar default: what is not spoken of by any rule is denied, or allowed except for $SYS. Denied by default, because a
        rule that was forgotten is noticed then.
    @ivar own_rights: a token or a service that lets somebody in may say what he may do. That replaces the rules for
        him, is added to what they allow, or is limited to what they allow. It replaces them by default, because
        whoever names rights for one user knows most about him.
    """

    file: str = ""
    default: Literal["deny", "allow"] = "deny"
    own_rights: Literal["replace", "add", "limit"] = "replace"


@implementer(IReloadable)
class AccessControl:
    """
    The rules that are in force: those of the tables first, then those of the file; the first that fits decides.

    @ivar rules: they.
    """

    def __init__(
        self,
        settings: AccessSettings = AccessSettings(),
        tables: Sequence[Mapping[str, object]] = (),
        where: str = "acl",
    ) -> None:
        """
        @param tables: see C{rules_from_tables}.
        @param where: what is told of where they stand.
        @raise ValueError: a rule is wrong, or the file can't be read; says which, and why.
        """
        self.settings = settings
        self._tables = rule_list(tables, where)
        self._files = Files()
        self.rules = self._read()

    def current(self) -> Rules:
        """
        The rules that are in force.
        """
        return self.rules

    def changed(self) -> bool:
        """
        Whether the file is another than the one that was read, or tried: then C{reload}.
        """
        return self._files.changed()

    def reload(self) -> None:
        """
        See C{IReloadable}. Whoever is connected is bound by the new rules from his next question on; the broker must be
        told to forget the answers that it remembers.
        """
        self.rules = self._read()

    def adopt(self, other: AccessControl) -> None:
        """
        Be what another is: whoever is bound by these rules is bound by the other's from now on.
        """
        self.settings = other.settings
        self._tables = other._tables
        self._files = other._files
        self.rules = other.rules

    def _read(self) -> Rules:
        rules: list[Rule] = list(self._tables)
        path = self.settings.file
        if path:
            rules += read_acl(self._files.read(path, MOST_BYTES), path)
            _log.info("{path} has {count} rules of what users may do", path=path, count=len(rules) - len(self._tables))
        return Rules(rules, self.settings.default == "allow")

    def user(self, name: str | None, client_id: str) -> RuledUser:
        """
        A user whom the rules bind that are in force, whenever he asks. See C{Rules.user}.
        """
        return RuledUser(self.current, name, client_id)


@implementer(IRealm)
class AccessRealm:
    """
    Every user whom a checker lets in may do what the rules say.
    """

    def __init__(self, control: AccessControl) -> None:
        self._control = control

    def requestAvatar(self, avatarId: AvatarId, mind: object, *interfaces: object) -> Deferred[Avatar]:
        """
        See C{IRealm}.

        @param mind: the credentials that let the user in: they know the client identifier.
        """
        if IMQTTUser not in interfaces:
            raise NotImplementedError(f"this realm knows {IMQTTUser.__name__} only")
        who = recognised(avatarId, mind)
        client_id = mind.client_id if IMQTTCredentials.providedBy(mind) else ""
        user: object = self._control.user(who.name, client_id)
        if who.permissions is not None:
            user = self._with_own(IMQTTUser(who.permissions), IMQTTUser(user))
        return succeed((IMQTTUser, user, _nothing))

    def _with_own(self, own: IMQTTUser, ruled: IMQTTUser) -> IMQTTUser:
        how = self._control.settings.own_rights
        if how == "replace":
            return own
        limited = how == "limit"
        if own.unrestricted:
            return ruled if limited else own
        return IMQTTUser(_Together(own, ruled, limited))


class _Together(User):
    """
    A user with rights from two sides.
    """

    unrestricted = False

    def __init__(self, own: IMQTTUser, ruled: IMQTTUser, limited: bool) -> None:
        """
        @param limited: both must allow; otherwise one is enough.
        """
        super().__init__(own.name)
        self._sides = (own, ruled)
        self._enough = all if limited else any
        self._limited = limited

    def may_publish(self, topic: str) -> bool:
        """
        See C{IMQTTUser}.
        """
        return self._enough(side.may_publish(topic) for side in self._sides)

    def granted(self, filter: str, qos: int) -> int:
        """
        See C{IMQTTUser}: the lower QoS of two that must agree, the higher of what one may grant.
        """
        codes = [side.granted(filter, qos) for side in self._sides]
        refused = [code for code in codes if code >= reasons.FAILURE]
        granted = [code for code in codes if code < reasons.FAILURE]
        if self._limited:
            return refused[0] if refused else min(granted)
        return max(granted) if granted else refused[0]

    def may_receive(self, topic: str) -> bool:
        """
        See C{IMQTTUser}.
        """
        return self._enough(side.may_receive(topic) for side in self._sides)


def _nothing() -> None:
    """
    How to log out somebody who leaves nothing behind.
    """
