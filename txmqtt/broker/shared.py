"""
Shared subscriptions: many sessions, one copy.

A group is everybody who subscribed to the same filter under the same share name. QoS 0 goes to one member that is
connected. QoS 1 and 2 are owed to the group by the backend, and a member that has room takes the next.

Which of those that can take a message is asked first is a matter of strategy. Whoever can't is passed over, so that no
strategy lets a message wait while somebody has room.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final
from zlib import crc32

from txmqtt.broker.filters import Grant
from txmqtt.broker.routes import Delivery
from txmqtt.session.message import Message

if TYPE_CHECKING:
    from txmqtt.broker.registry import Member


#: Where C{random} looks for its members; a test, or whoever wants the same again, seeds it.
RANDOM: Final = Random()


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
        self._turn = 0  # whose the last message was

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
            at = self._order.index(delivery)
            del self._order[at]
            if at <= self._turn:
                self._turn -= 1
            if member.durable:
                self.durable -= 1

    def delivery(self, member: Member) -> Delivery | None:
        """
        How this member gets its share.
        """
        return self._members.get(member)

    def everybody(self) -> list[Delivery]:
        """
        All members.
        """
        return self._order

    def taker(self, message: Message, direct: bool) -> Delivery | None:
        """
        The member that gets this message; None when nobody can take it now.

        @param direct: at QoS 0: whoever is connected and reads; otherwise whoever the backend may deliver to.
        """
        order = self._order
        count = len(order)
        if not count:
            return None
        strategy = order[0].member.terms.policy.shared_strategy
        if strategy == "least_queued":
            return self._idlest(message, direct)
        first = self._turn + 1
        if strategy == "sticky":
            first = self._turn
        elif strategy == "random":
            first = RANDOM.randrange(count)
        elif strategy == "hash_client_id":
            first = crc32(message.publisher.encode())
        for step in range(count):
            at = (first + step) % count
            delivery = order[at]
            if _can(delivery, direct) and delivery.member.may_receive(message.topic):
                self._turn = at
                return delivery
        return None

    def _idlest(self, message: Message, direct: bool) -> Delivery | None:
        order = self._order
        count = len(order)
        found = -1
        least = 0
        for step in range(count):
            at = (self._turn + 1 + step) % count
            delivery = order[at]
            if _can(delivery, direct) and delivery.member.may_receive(message.topic):
                load = _load(delivery)
                if found < 0 or load < least:
                    found, least = at, load
                    if not load:
                        break
        if found < 0:
            return None
        self._turn = found
        return order[found]

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
        Who gets a QoS 0 message: a member that is connected and reads.
        """
        return self.taker(message, True)


def _can(delivery: Delivery, direct: bool) -> bool:
    if not direct:
        return delivery.member.lease.ready
    session = delivery.member.session
    return session is not None and not session.paused


def _load(delivery: Delivery) -> int:
    """
    How much a member has to do: what is under way to it, what waits for its turn, and bytes that it has not read.
    """
    session = delivery.member.session
    load = delivery.member.lease.load
    if session is not None:
        outgoing = session.outgoing
        if outgoing is not None:
            load += outgoing.flying + (len(outgoing.waiting) if outgoing.waiting is not None else 0)
        load += session.out_size
    return load
