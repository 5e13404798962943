"""
Shared subscriptions: many sessions, one copy.

A group is everybody who subscribed to the same filter under the same share name. QoS 0 goes to one member that is
connected, in turn. QoS 1 and 2 are owed to the group by the backend, and a member takes the next when it has room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txmqtt.broker.filters import Grant
from txmqtt.broker.routes import Delivery
from txmqtt.session.message import Message

if TYPE_CHECKING:
    from txmqtt.broker.registry import Member


class Group:
    """
    The members of one shared subscription.

    @ivar durable: so many members have a session that lasts: with one of them the group keeps what nobody takes.
    @ivar number: under which a store keeps what is owed to it; 0: it does not.
    """

    number = 0

    def __init__(self, mount: str, name: bytes, filter: bytes) -> None:
        self.mount = mount
        self.name = name
        self.filter = filter
        self.durable = 0
        self._members: dict[Member, Delivery] = {}
        self._order: list[Delivery] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self._order)

    @property
    def key(self) -> tuple[str, bytes, bytes]:
        """
        What no two groups have in common.
        """
        return (self.mount, self.name, self.filter)

    def join(self, grant: Grant) -> None:
        """
        A session subscribed, or subscribed again with other options.
        """
        member = grant.member
        self.leave(member)
        delivery = Delivery(member, [grant])
        self._members[member] = delivery
        self._order.append(delivery)
        if member.durable:
            self.durable += 1

    def leave(self, member: Member) -> None:
        """
        A session unsubscribed, or is no more.
        """
        delivery = self._members.pop(member, None)
        if delivery is not None:
            self._order.remove(delivery)
            if member.durable:
                self.durable -= 1

    def delivery(self, member: Member) -> Delivery | None:
        """
        How this member gets its share.
        """
        return self._members.get(member)

    def rotation(self) -> list[Delivery]:
        """
        All members, each time from the next one on: whoever takes the first that can serves them in turn.
        """
        order = self._order
        if len(order) > 1:
            self._turn = (self._turn + 1) % len(order)
            return order[self._turn :] + order[: self._turn]
        return order

    @property
    def attended(self) -> bool:
        """
        Somebody is connected, or about to be.
        """
        return any(delivery.member.lease.owner is not None for delivery in self._order)

    def welcome(self, message: Message) -> bool:
        """
        Somebody, connected or not, may have this message.
        """
        return any(delivery.member.may_receive(message.topic) for delivery in self._order)

    def listener(self, message: Message) -> Delivery | None:
        """
        Who gets a QoS 0 message: the next member that is connected and reads.
        """
        for delivery in self.rotation():
            session = delivery.member.session
            if session is not None and not session.paused and delivery.member.may_receive(message.topic):
                return delivery
        return None
