"""
Messages that wait, and whose they are: one pile for each durable session or shared group, one holding for each session.

The books of C{owed}, which says when they change.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Claim, Lease, Owner
from txmqtt.broker.shared import Group
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound

#: No message of a pile expires.
_NEVER: Final = float("inf")


class Pile:
    """
    Messages that wait for one session or one group, oldest first.

    @ivar size: what they cost, bytes.
    """

    def __init__(self) -> None:
        self.waiting: deque[Outbound] = deque()
        self.size = 0
        self._soonest = _NEVER  # none of them expires before

    def room(self, message: Message, policy: Policy) -> bool:
        """
        Whether one more may wait.
        """
        return len(self.waiting) < policy.max_queued_messages and self.size + message.size <= policy.max_queued_bytes

    def append(self, item: Outbound) -> None:
        """
        One more waits.
        """
        self.waiting.append(item)
        self._entered(item.message)

    def give_back(self, item: Outbound) -> None:
        """
        It was taken and could not be finished: it is first again.
        """
        self.waiting.appendleft(item)
        self._entered(item.message)

    def _entered(self, message: Message) -> None:
        self.size += message.size
        if 0.0 < message.expires_at < self._soonest:
            self._soonest = message.expires_at

    def take(self) -> Outbound:
        """
        The oldest.
        """
        item = self.waiting.popleft()
        self.size -= item.message.size
        return item

    def withdraw(self) -> Outbound:
        """
        The newest.
        """
        item = self.waiting.pop()
        self.size -= item.message.size
        return item

    def purge(self, wall: float) -> list[Outbound]:
        """
        Take out all whose time is over. Costs nothing until there is one.
        """
        if self._soonest > wall:
            return []
        kept: deque[Outbound] = deque()
        over: list[Outbound] = []
        self.size = 0
        self._soonest = _NEVER
        for item in self.waiting:
            if item.message.expired(wall):
                over.append(item)
            else:
                kept.append(item)
                self._entered(item.message)
        self.waiting = kept
        return over


class Holding(Lease):
    """
    One session and what it is owed.

    @ivar given: delivered and not settled, in the order of delivery, by their refs.
    @ivar credit: how many more its owner wants.
    @ivar stalled: its owner would not take the last, and will say when it can.
    @ivar groups: the shared groups that it takes from; the one that it took from last stands last.
    @ivar shares: of what was given: which group's it is.
    @ivar over: the session is no more.
    """

    def __init__(self, claim: Claim, owner: Owner | None, present: bool, durable: bool) -> None:
        super().__init__(claim, owner, present, durable)
        self.pile: Pile | None = None
        self.given: dict[int, Outbound] = {}
        self.credit = 0
        self.stalled = False
        self.groups: dict[Group, None] | None = None
        self.shares: dict[int, Group] | None = None
        self.over = False

    @property
    def ready(self) -> bool:
        """
        Its owner is there and takes more.
        """
        return self.credit > 0 and not self.stalled and self.owner is not None
