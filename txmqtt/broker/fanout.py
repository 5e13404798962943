"""
One message to everybody on its route: once to each, at the right QoS, the same bytes where they would be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txmqtt.broker.hooks import OUTWARD, Hooks
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.codec.constants import MQTT5
from txmqtt.session.message import Message
from txmqtt.session.outgoing import REFUSED, Outbound
from txmqtt.session.server import ServerSession
from txmqtt.session.turn import Turn

if TYPE_CHECKING:
    from txmqtt.broker.registry import Member

#: What C{Fanout.send} reports.
NOBODY_TOOK_IT: Final = 0
TAKEN: Final = 1
ALL_FULL: Final = 2


class Fanout:
    """
    Sends what need not be kept: QoS 0 to all who are connected, QoS 1 and 2 to sessions that end with their connection.

    @ivar hooks: who is asked about what leaves.
    """

    def __init__(self, turn: Turn, stats: Stats) -> None:
        self.hooks: Hooks | None = None
        self._turn = turn
        self._stats = stats

    def send(self, message: Message, route: Route) -> int:
        """
        Append the message to the output of every receiver that is served directly.

        @return: C{TAKEN} if anybody has it now, C{ALL_FULL} if somebody should have had it and none had room.
        """
        if route.watched:
            return self._asked(message, route)
        qos = message.qos
        taken = 0
        posted = 0
        full = 0
        frame3: bytes | None = None
        frame5: bytes | None = None
        for delivery in route.deliveries:
            member = delivery.member
            if delivery.no_local and member.client_id == message.publisher:
                if delivery.own is None:
                    continue
                delivery = delivery.own
            session = member.session
            if qos == 0 or delivery.qos == 0:
                if session is None:
                    continue
                if delivery.plain and session.sent_aliases is None:
                    if session.version == MQTT5:
                        if frame5 is None:
                            frame5 = message.frame(MQTT5, self._turn.wall)
                        sent = session.deliver(frame5)
                    else:
                        if frame3 is None:
                            frame3 = message.frame(session.version, 0.0)
                        sent = session.deliver(frame3)
                else:
                    sent = session.deliver_own(message, delivery.retain(message), delivery.identifiers)
                if sent:
                    taken += 1
                else:
                    self._stats.slow(member.client_id, message.topic)
            elif member.durable:
                continue  # owed by the backend
            elif session is not None:
                if delivery.plain:
                    item = Outbound(message, qos if qos < delivery.qos else delivery.qos)
                else:
                    item = delivery.copy(message)
                if session.post(item) != REFUSED:
                    posted += 1
                else:
                    verdict = self._crowded(session, member, item)
                    if verdict == TAKEN:
                        posted += 1
                    elif verdict == ALL_FULL:
                        full += 1
        if taken:
            stats, size = self._stats, len(message.payload)
            stats.publish_sent += taken
            stats.publish_bytes_sent += size if taken == 1 else taken * size
            self._turn.packets_sent += taken
        if route.groups and qos == 0:
            taken += self._to_groups(message, route)
        if taken or posted:
            return TAKEN
        return ALL_FULL if full else NOBODY_TOOK_IT

    def _asked(self, message: Message, route: Route) -> int:
        """
        The same where hooks are asked about each copy.
        """
        verdict = NOBODY_TOOK_IT
        for delivery in route.deliveries:
            member = delivery.member
            own = delivery.no_local and member.client_id == message.publisher
            if member.session is None or (own and delivery.own is None):
                continue
            if member.durable and message.qos and delivery.qos:
                continue  # owed by the backend, and asked about when it leaves
            passed = self.passed(member, message)
            if passed is not None:
                verdict = _better(verdict, self.send(passed, Route(route.mount, [delivery], [])))
        if route.groups:
            verdict = _better(verdict, self.send(message, Route(route.mount, [], route.groups)))
        return verdict

    def passed(self, member: Member, message: Message) -> Message | None:
        """
        What leaves in the place of a message, as the hooks say; None when nothing does.
        """
        if self.hooks is None or not self.hooks.interest(message.topic) & OUTWARD:
            return message
        passed = self.hooks.delivering(member, message)
        if passed is None:
            self._stats.dropped_hook += 1
            if self._stats.hooks is not None:
                self._stats.hooks.dropped(member.client_id, message.topic, reasons.NOT_AUTHORIZED, 1)
        return passed

    def _crowded(self, session: ServerSession, member: Member, item: Outbound) -> int:
        """
        Its queue is full: do as the policy says.

        @return: C{TAKEN} when there was room after all, C{ALL_FULL} when its publisher may be told, C{NOBODY_TOOK_IT}
            when it is dropped as it should be.
        """
        stats, way = self._stats, member.terms.policy.queue_full
        outgoing = session.outgoing
        if way == "drop_oldest" and outgoing is not None:
            while outgoing.drop_oldest():
                stats.drop(1, reasons.QUOTA_EXCEEDED, member.client_id)
                if session.post(item) != REFUSED:
                    return TAKEN
        stats.drop(1, reasons.QUOTA_EXCEEDED, member.client_id, item.message.topic)
        if way == "disconnect":
            member.overrun()
        return NOBODY_TOOK_IT if way == "drop_oldest" or way == "drop_newest" else ALL_FULL

    def _to_groups(self, message: Message, route: Route) -> int:
        taken = 0
        for group in route.groups:
            delivery = group.listener(message)
            if delivery is None:
                self._stats.slow("", message.topic)
            elif self.one(message, delivery):
                taken += 1
        return taken

    def one(self, message: Message, delivery: Delivery) -> bool:
        """
        A QoS 0 copy for one receiver; False when it was dropped.
        """
        session = delivery.member.session
        if session is None:
            return False
        if self.hooks is not None:
            passed = self.passed(delivery.member, message)
            if passed is None:
                return False
            message = passed
        if session.deliver_own(message, delivery.retain(message), delivery.identifiers):
            self.sent(message)
            return True
        self._stats.slow(delivery.member.client_id, message.topic)
        return False

    def sent(self, message: Message) -> None:
        """
        One receiver was sent it at QoS 0.
        """
        self._stats.publish_sent += 1
        self._stats.publish_bytes_sent += len(message.payload)
        self._turn.packets_sent += 1


def _better(one: int, other: int) -> int:
    """
    What is reported of two parts of a route.
    """
    return TAKEN if TAKEN in (one, other) else max(one, other)
