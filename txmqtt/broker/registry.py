"""
Where a session went: everybody who is connected here, or parked here until they return.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from txmqtt.broker.expiry import Appointment
from txmqtt.broker.filters import Filters, Grant
from txmqtt.broker.routes import Routes, reserved
from txmqtt.broker.shapes import Lease, Permissions
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.codec.packets import Will
from txmqtt.session.outgoing import Outbound
from txmqtt.session.server import ServerSession
from txmqtt.session.turn import Later

if TYPE_CHECKING:
    from txmqtt.broker.core import Broker
    from txmqtt.broker.onward import Onward
    from txmqtt.broker.patience import Line
    from txmqtt.broker.retrieval import Retrieval
    from txmqtt.broker.subscriptions import Unsettled

#: So many topics that one publisher may, or may not, publish to are remembered.
_REMEMBERED_RIGHTS: Final = 1024
#: A longer topic is not remembered.
_LONGEST_REMEMBERED: Final = 256


class Mount:
    """
    One mount point: subscriptions and routes that see only each other.
    """

    def __init__(self, name: str, max_routes: int, stats: Stats) -> None:
        self.name = name
        self.filters = Filters()
        self.routes = Routes(name, self.filters, max_routes, stats)


class Member:
    """
    One session as the broker knows it: connected, or parked.

    @ivar terms: those of the listener that it came to last.
    @ivar session: the conversation while it is connected, None while it is parked.
    @ivar durable: it outlives its connection, so QoS 1 and 2 are owed to it by the backend.
    @ivar expiry: seconds that it outlives it.
    @ivar permissions: None where everything is allowed.
    @ivar allowed: a topic that it may publish to; who publishes one only, as most do, does so with the very same bytes.
    @ivar sees_sys: where everything is allowed, it may be sent what is under C{$SYS} too.
    @ivar filters_cost: what its subscriptions cost in memory, bytes.
    @ivar credited: the backend has credit to deliver to it.
    @ivar stalled: a delivery was not taken; the backend waits to be asked again.
    @ivar replaced: the connection ends because another takes the session over.
    @ivar discarded: the session ends with it, because the other begins a new one.
    @ivar graced: its connection was broken by a restart of ours, and its will is not due before the client had time to
        return.
    @ivar ending: when the session expires; likewise C{will_due}; None while it is connected.
    @ivar retrievals: by filter, what new subscriptions are still to be sent of what has been retained.
    @ivar retrieving: they are being sent just now.
    @ivar unsettled: by filter, what has been asked for and is not on record yet.
    @ivar onward: QoS 2 messages of this publisher that wait until they are kept.
    @ivar line: messages of this publisher that wait until their receivers have room.
    @ivar delivered: how many messages the backend has delivered.
    """

    def __init__(self, broker: Broker, mount: Mount, client_id: str, user: str | None, lease: Lease) -> None:
        self._broker = broker
        self.terms = broker.terms
        self.mount = mount
        self.client_id = client_id
        self.user = user
        self.lease = lease
        self.durable = lease.durable
        self.session: ServerSession | None = None
        self.expiry = 0
        self.permissions: Permissions | None = None
        self.sees_sys = True
        self.grants: dict[bytes, Grant] = {}
        self.filters_cost = 0
        self.will: Will | None = None
        self.credited = False
        self.stalled = False
        self.replaced = False
        self.discarded = False
        self.graced = False
        self.ending: Appointment | None = None
        self.will_due: Appointment | None = None
        self.retrievals: OrderedDict[bytes, Retrieval] | None = None
        self.retrieving = False
        self.unsettled: dict[bytes, Unsettled] | None = None
        self.onward: Onward | None = None
        self.line: Line | None = None
        self.delivered = 0
        self._rights: dict[bytes, bool] | None = None
        self.allowed: bytes | None = None

    @property
    def key(self) -> tuple[str, str]:
        """
        What no two sessions have in common.
        """
        return (self.mount.name, self.client_id)

    @property
    def owed(self) -> bool:
        """
        The backend has messages for it: its own, or those of a group that it is a member of.
        """
        return self.durable or any(grant.group is not None for grant in self.grants.values())

    def may_publish(self, topic: bytes) -> bool:
        """
        Whether it may publish to this topic; asked once and remembered.
        """
        permissions = self.permissions
        if permissions is None:
            return True
        rights = self._rights
        if rights is None:
            rights = self._rights = {}
        right = rights.get(topic)
        if right is None:
            right = permissions.may_publish(topic.decode())
            if len(topic) <= _LONGEST_REMEMBERED:
                if len(rights) >= _REMEMBERED_RIGHTS:
                    rights.clear()
                rights[topic] = right
        if right and len(topic) <= _LONGEST_REMEMBERED:
            self.allowed = topic
        return right

    def may_receive(self, topic: bytes) -> bool:
        """
        Whether it may be sent messages with this topic. While it is parked nobody is there to be asked: the right that
        it was granted when it subscribed holds, and is checked again at delivery.
        """
        if self.session is None:
            return True
        if self.permissions is None:
            return self.sees_sys or not reserved(topic)
        return self.permissions.may_receive(topic.decode())

    def opened(self, lease: Lease) -> None:
        """
        See C{Owner}: it is opened by its arrival.
        """
        raise AssertionError("a member has its session already")

    def refused(self, reason: int, message: str) -> None:
        """
        See C{Owner}: likewise.
        """
        raise AssertionError("a member has its session already")

    def revoked(self, reason: int, ending: bool) -> None:
        """
        See C{Owner}: another connection has the session now. This one ends at once; nobody waits for it to close.
        """
        self.replaced = True
        self.discarded = ending
        if self.session is not None:
            self._broker.stats.taken_over += 1
            self.session.end(reason, "another connection took the session over")

    def deliver(self, item: Outbound) -> bool:
        """
        See C{Owner}.
        """
        return self._broker.deliver(self, item)

    def overrun(self) -> None:
        """
        See C{Owner}: it is let go when the turn ends, since it may be in the middle of anything.
        """
        if self.session is not None:
            self._broker.turn.later.append(_LetGo(self, self.session))

    def let_go(self) -> None:
        """
        It does not take what it is owed.
        """
        if self.session is not None:
            self._broker.stats.overruns += 1
            self.session.end(reasons.QUOTA_EXCEEDED, "its queue is full: it does not take what it is owed")

    def change_permissions(self, permissions: Permissions | None, sees_sys: bool = True) -> None:
        """
        It has been logged in again, and what it may do may have changed: no route that leads here can be trusted.
        """
        saw_sys, self.sees_sys = self.sees_sys, sees_sys
        if permissions is not None or self.permissions is not None:
            self.permissions = permissions
            self.forget_rights()
            self.forget_routes()
        elif sees_sys != saw_sys:
            for grant in self.grants.values():
                if reserved(grant.below):
                    self.mount.routes.forget(grant.below)

    def forget_rights(self) -> None:
        """
        What it may publish is to be asked again.
        """
        self._rights = None
        self.allowed = None

    def forget_routes(self) -> None:
        """
        What it may receive is to be asked again.
        """
        for grant in self.grants.values():
            self.mount.routes.forget(grant.below)


class _LetGo(Later):
    def __init__(self, member: Member, session: ServerSession) -> None:
        self._member = member
        self._session = session

    def go_on(self) -> None:
        if self._member.session is self._session:
            self._member.let_go()


class Registry:
    """
    All members, by mount point and client identifier.
    """

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], Member] = {}

    def __len__(self) -> int:
        return len(self._members)

    def find(self, key: tuple[str, str]) -> Member | None:
        """
        Who has this mount point and client identifier.
        """
        return self._members.get(key)

    def add(self, member: Member) -> None:
        """
        A session begins.
        """
        self._members[member.key] = member

    def remove(self, member: Member) -> None:
        """
        A session has ended.
        """
        if self._members.get(member.key) is member:
            del self._members[member.key]

    def everybody(self) -> list[Member]:
        """
        All of them.
        """
        return list(self._members.values())
