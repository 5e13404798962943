"""
Reading everything again while clients are connected: the configuration when somebody asks for it, users, rules and
certificates also when their files change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from txmqtt.codec import reasons
from txmqtt.codec.errors import MQTTError
from txmqtt.net.access.jwt import Tokens
from txmqtt.net.access.rules import RuledUser
from txmqtt.net.options import IReloadable
from txmqtt.service.assembly import Assembly
from txmqtt.service.broker import BrokerService

_log = Logger()

#: What only a start can change.
_AT_START = ("broker", "metrics", "log", "plugin")


class Reloader(Service):
    """
    Keeps a broker what its configuration says.

    @ivar assembly: what is in force.
    @ivar reloads: how often the configuration has been read again; C{failures}: how often it could not be used.
    """

    def __init__(
        self, broker: BrokerService, assembly: Assembly, again: Callable[[Assembly], Assembly], reactor: Any
    ) -> None:
        """
        @param again: reads the configuration again, and makes what it asks for; raises C{MQTTError} when it can't.
        @param reactor: for the time.
        """
        self.assembly = assembly
        self.reloads = self.failures = 0
        self._broker = broker
        self._again = again
        self._reactor = reactor
        self._watching: LoopingCall | None = None
        self._busy = False
        self._once_more = False

    def startService(self) -> None:
        """
        See C{IService}: begin to look at the files.
        """
        Service.startService(self)
        interval = self.assembly.settings.broker.watch
        if interval:
            self._watching = LoopingCall(self.look)
            self._watching.clock = self._reactor
            self._watching.start(interval, now=False)

    def stopService(self) -> Deferred[Any]:
        """
        See C{IService}; fires when the checkers have ended.
        """
        Service.stopService(self)
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.stop()
        return self.assembly.stop(True)

    # Files that change

    def look(self) -> None:
        """
        Read again what has changed: users, rules, certificates. What can't be used is told once, and what was in force
        before stays in force.
        """
        changed = False
        for each in [*self.assembly.reloadables, *self._broker.reloadables]:
            if each.changed():
                changed = self._read(each) or changed
        if changed:
            self._apply()

    def _apply(self) -> None:
        """
        Users and rules may be others: rights are asked for anew, and whoever is no user any more has to go.
        """
        broker = self._broker.broker
        broker.rights_changed()
        for guest in self._broker.everybody:
            if guest.user is not None and not self.assembly.may_still_know(guest.user, guest.let_in_by):
                guest.session.end(reasons.NOT_AUTHORIZED, "it is no user any more")
        broker.turn.flush()

    def _read(self, each: IReloadable, why: str = ", because a file has changed") -> bool:
        try:
            each.reload()
        except ValueError as error:
            _log.error("not read again, what was in force stays in force: {error}", error=str(error))
            return False
        _log.info("read again{why}: {what}", why=why, what=type(each).__name__)
        return True

    # The whole configuration

    def reload(self) -> Deferred[bool]:
        """
        Read the configuration again. Whoever is connected stays.

        @return: fires with whether it is in force now; when it can't be used nothing has changed, and the log says why.
        """
        return Deferred.fromCoroutine(self._reload())

    async def _reload(self) -> bool:
        if self._busy:  # opening a listener can take its time
            self._once_more = True
            return False
        self._busy = True
        try:
            done = await self._try()
            while self._once_more:
                self._once_more = False
                done = await self._try()
        finally:
            self._busy = False
        return done

    async def _try(self) -> bool:
        before = self.assembly
        try:
            after = self._again(before)
        except MQTTError as error:
            self._refused(error)
            return False
        try:
            await self._broker.change(after.places, after.policy)
        except (MQTTError, ValueError) as error:
            after.stop()
            self._refused(error)
            return False
        after.take_over()
        self._bind(before, after)
        self.assembly = after
        before.stop()
        for each in after.reloadables:
            if isinstance(each, Tokens):  # whose keys may be behind a URL
                self._read(each, "")
        for words in self._broker.reload():
            _log.error("not read again, what was in force stays in force: {error}", error=words)
        self.look()  # checkers that go on are not made anew
        self._apply()
        self.reloads += 1
        later = [name for name in _AT_START if _differ(before, after, name)]
        if later:
            _log.warn("changed, but only for the next start: {tables}", tables=", ".join(later))
        _log.info("the configuration has been read again")
        return True

    def _bind(self, before: Assembly, after: Assembly) -> None:
        """
        Where there were no rules and now there are, or the other way round, whoever is here gets what he would get if
        he came now. Who has brought rights of his own keeps them until he comes again.
        """
        if (before.access is None) == (after.access is None):
            return
        for member in self._broker.broker.registry.everybody():
            if after.access is None:
                if isinstance(member.permissions, RuledUser):
                    member.change_permissions(None, False)
            elif member.permissions is None:
                member.change_permissions(after.access.user(member.user, member.client_id))

    def _refused(self, error: Exception) -> None:
        self.failures += 1
        _log.error("the configuration is not used, what was in force stays in force: {error}", error=str(error))


def _differ(before: Assembly, after: Assembly, name: str) -> bool:
    return bool(getattr(before.settings, name, None) != getattr(after.settings, name, None))
