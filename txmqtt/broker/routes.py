"""
Who gets a message on this topic: worked out once, remembered under the bytes that arrive.

A route is kept until a subscription that could match its topic changes, and a change forgets only the topics that it
matches: an exact filter forgets one key, a wildcard those that it matches (C{Remembered}). A route holds what the
receivers may and asked for; who may publish is asked elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txmqtt.broker.filters import Filters, Grant, wild
from txmqtt.broker.hooks import INWARD, OUTWARD, Hooks
from txmqtt.broker.remembered import Remembered
from txmqtt.broker.stats import Stats
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound

if TYPE_CHECKING:
    from txmqtt.broker.registry import Member
    from txmqtt.broker.shared import Group

#: A longer topic is not remembered: its receivers are found each time.
_LONGEST_REMEMBERED: Final = 1024
#: So many deliveries are remembered for each route that may be, on average.
_DELIVERIES: Final = 64

#: What only the broker itself publishes to.
_SYS: Final = b"$SYS"


def reserved(topic: bytes) -> bool:
    """
    Whether no client may publish to this topic.
    """
    return topic.startswith(_SYS) and (topic == _SYS or topic.startswith(_SYS + b"/"))


class Delivery:
    """
    How one session gets the messages of one topic: its matching subscriptions made into one copy.

    The highest QoS of them, all their identifiers, and the retain flag if any asks for it as published. A subscription
    with no-local has no part in what its own client publishes: C{own} is the delivery without those, None when that
    leaves nothing.

    @ivar plain: a QoS 0 copy is the same bytes for everybody.
    @ivar retained: it is sent because of a new subscription, and says so with its retain flag [MQTT5-3.3.1-8].
    """

    def __init__(self, member: Member, grants: list[Grant], retained: bool = False) -> None:
        self.member = member
        self.qos = 0
        self.retain_as_published = False
        self.no_local = False
        self.retained = retained
        self.own: Delivery | None = None
        identifiers: list[int] = []
        for grant in grants:
            if grant.qos > self.qos:
                self.qos = grant.qos
            if grant.retain_as_published:
                self.retain_as_published = True
            if grant.identifier:
                identifiers.append(grant.identifier)
            if grant.no_local:
                self.no_local = True
        self.identifiers: tuple[int, ...] = tuple(identifiers)
        self.plain = not (identifiers or self.retain_as_published or self.no_local or retained)
        if self.no_local:
            rest = [grant for grant in grants if not grant.no_local]
            if rest:
                self.own = Delivery(member, rest, retained)

    def retain(self, message: Message) -> bool:
        """
        The retain flag of the copy.
        """
        return self.retained or (self.retain_as_published and message.retain)

    def copy(self, message: Message, ref: int = 0) -> Outbound:
        """
        The copy itself, for QoS 1 and 2: the lower of the QoS published and granted [MQTT5-3.8.4-8].
        """
        qos = message.qos if message.qos < self.qos else self.qos
        return Outbound(message, qos, self.retain(message), self.identifiers, ref)


def _alone(grant: Grant) -> Delivery:
    delivery = grant.delivery
    if delivery is None:
        delivery = grant.delivery = Delivery(grant.member, [grant])
    return delivery


class Route:
    """
    Everybody who gets the messages of one topic.

    @ivar mount: the name of the mount point.
    @ivar deliveries: one for each session that subscribed on its own account.
    @ivar kept: those of them that a backend keeps QoS 1 and 2 for.
    @ivar groups: the shared groups, each of which gets one copy.
    @ivar reserved: only the broker itself publishes here: C{$SYS}.
    @ivar asks: hooks want to be asked about what is published here.
    @ivar watched: hooks want to be asked about each copy that leaves.
    """

    def __init__(
        self, mount: str, deliveries: list[Delivery], groups: list[Group], reserved: bool = False, hooked: int = 0
    ) -> None:
        """
        @param hooked: what hooks want of it, C{INWARD} and C{OUTWARD}.
        """
        self.mount = mount
        self.asks = hooked & INWARD != 0
        self.watched = hooked & OUTWARD != 0
        self.reserved = reserved
        self.deliveries = deliveries
        self.kept = [delivery for delivery in deliveries if delivery.member.durable and delivery.qos]
        self.groups = groups
        self.stored = bool(self.kept or groups)
        self.empty = not (deliveries or groups)


class Routes:
    """
    The routes of one mount point, in two generations: when the younger is full the older is forgotten and the younger
    grows old, so what is in use stays.

    @ivar known: the younger of those that are remembered, by topic.
    @ivar hooks: who is asked about what passes.
    """

    def __init__(self, mount: str, filters: Filters, limit: int, stats: Stats) -> None:
        self._mount = mount
        self._filters = filters
        self._limit = (limit + 1) // 2
        self._stats = stats
        self.hooks: Hooks | None = None
        self.known: dict[bytes, Route] = {}
        self._older: dict[bytes, Route] = {}
        self._deliveries = 0  # of the younger generation
        self._topics = Remembered()

    def __len__(self) -> int:
        return len(self.known) + len(self._older)

    def find(self, topic: bytes) -> Route:
        """
        The route of this topic.
        """
        route = self.known.get(topic)
        if route is None:
            route = self._older.pop(topic, None)
            if route is None:
                route = self._build(topic)
                if len(topic) > _LONGEST_REMEMBERED or not self._limit:
                    return route
                self._topics.add(topic)
            self._remember(topic, route)
        return route

    def _build(self, topic: bytes) -> Route:
        grants: dict[Member, list[Grant]] = {}
        groups: list[Group] = []
        for interest in self._filters.match(topic):
            for member, grant in interest.grants.items():
                others = grants.get(member)
                if others is None:
                    grants[member] = [grant]
                else:
                    others.append(grant)
            if interest.groups is not None:
                groups.extend(interest.groups.values())
        ours = reserved(topic)
        deliveries = [
            _alone(mine[0]) if len(mine) == 1 else Delivery(member, mine)
            for member, mine in grants.items()
            if (member.permissions is None and not ours) or member.may_receive(topic)
        ]
        hooked = 0 if self.hooks is None else self.hooks.interest(topic)
        return Route(self._mount, deliveries, groups, ours, hooked)

    def _remember(self, topic: bytes, route: Route) -> None:
        if len(self.known) >= self._limit or self._deliveries > self._limit * _DELIVERIES:
            self._stats.routes_forgotten += len(self._older)
            self._older = self.known
            self.known = {}
            self._deliveries = 0
            self._topics.keep([*self._older, topic])
        self.known[topic] = route
        self._deliveries += len(route.deliveries)

    def _drop(self, topic: bytes) -> bool:
        route = self.known.pop(topic, None)
        if route is None:
            return self._older.pop(topic, None) is not None
        self._deliveries -= len(route.deliveries)
        return True

    def clear(self) -> None:
        """
        What anybody may receive may have changed: forget them all.
        """
        self.known = {}
        self._older = {}
        self._deliveries = 0
        self._topics.keep(())

    def forget(self, filter: bytes) -> None:
        """
        A subscription with this filter came, went or changed.
        """
        if not wild(filter):
            if self._drop(filter):
                self._topics.discard(filter)
            return
        gone = self._topics.matching(filter)
        for topic in gone:
            self._drop(topic)
        if 2 * len(gone) > len(self._topics):
            self._topics.keep([*self.known, *self._older])
        else:
            for topic in gone:
                self._topics.discard(topic)
