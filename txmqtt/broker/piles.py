"""
Messages that wait, and whose they are: one pile for each durable session or shared group, one holding for each session.

The books of C{owed}, which says when they change. Where a store keeps what is owed, only the front of a pile has to be
in memory: the rest is counted, and brought in page by page when somebody takes it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from txmqtt.broker.policy import Policy
from txmqtt.broker.shapes import Claim, Lease, Owner
from txmqtt.broker.shared import Group
from txmqtt.codec.packets import Will
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket

#: No message of a pile expires.
_NEVER: Final = float("inf")
#: What a pile has in memory that has nothing there: one for all, since an empty deque takes 600 bytes.
_NOTHING: Final[deque[Outbound]] = deque(maxlen=0)


class Pile:
    """
    Messages that wait for one session or one group, oldest first.

    @ivar home: the number under which a store keeps them; 0: they are here and nowhere else.
    @ivar waiting: those in memory, the first of all.
    @ivar size: what all cost, bytes; C{front}: what those in memory cost.
    @ivar behind: so many are in the store only.
    @ivar last: the ref of the last that is or was in memory: those behind have higher ones.
    @ivar fetching: the next are being read.
    @ivar trimming: the oldest are being read, because they have to make room.
    @ivar epoch: counts how often the memory was cleared: what was being read meanwhile is out of date.
    """

    trimming = False
    _vacancy: Ticket | None = None

    def __init__(self, home: int = 0, last: int = 0) -> None:
        self.home = home
        self.waiting: deque[Outbound] = _NOTHING
        self.size = 0
        self.front = 0
        self.behind = 0
        self.last = last
        self.fetching = False
        self.epoch = 0
        self._soonest = _NEVER  # none of those in memory expires before; likewise of those behind
        self._soonest_behind = _NEVER

    def __len__(self) -> int:
        return len(self.waiting) + self.behind

    def room(self, message: Message, policy: Policy) -> bool:
        """
        Whether one more may wait.
        """
        return (
            len(self.waiting) + self.behind < policy.max_queued_messages
            and self.size + message.size <= policy.max_queued_bytes
        )

    def vacant(self) -> Ticket:
        """
        Settled when there is less here than now.
        """
        if self._vacancy is None:
            self._vacancy = Ticket()
        return self._vacancy

    def _shrunk(self) -> None:
        vacancy, self._vacancy = self._vacancy, None
        if vacancy is not None:
            vacancy.settle()

    def far(self, policy: Policy) -> bool:
        """
        Whether one more would wait behind what is in memory.
        """
        return (
            self.behind > 0
            or len(self.waiting) >= policy.queue_page
            or (self.front >= policy.queue_page_bytes and len(self.waiting) > 0)
        )

    def append(self, item: Outbound) -> None:
        """
        One more waits.
        """
        if self.waiting is _NOTHING:
            self.waiting = deque()
        self.waiting.append(item)
        self._entered(item)
        if item.ref > self.last:
            self.last = item.ref

    def give_back(self, item: Outbound) -> None:
        """
        It was taken and could not be finished: it is first again.
        """
        if self.waiting is _NOTHING:
            self.waiting = deque()
        self.waiting.appendleft(item)
        self._entered(item)

    def _entered(self, item: Outbound) -> None:
        message = item.message
        self.size += message.size
        self.front += message.size
        if 0.0 < message.expires_at < self._soonest:
            self._soonest = message.expires_at

    def take(self) -> Outbound:
        """
        The oldest.
        """
        item = self.waiting.popleft()
        self._left(item)
        return item

    def withdraw(self) -> Outbound:
        """
        The newest.
        """
        item = self.waiting.pop()
        self._left(item)
        return item

    def remove(self, item: Outbound) -> None:
        """
        Any of those in memory.
        """
        self.waiting.remove(item)
        self._left(item)

    def _left(self, item: Outbound) -> None:
        size = item.message.size
        self.size -= size
        self.front -= size
        if self._vacancy is not None:
            self._shrunk()

    def purge(self, wall: float) -> list[Outbound]:
        """
        Take out of memory all whose time is over. Costs nothing until there is one.
        """
        if self._soonest > wall:
            return []
        kept, self.waiting = self.waiting, deque()
        over: list[Outbound] = []
        self.size -= self.front
        self.front = 0
        self._soonest = _NEVER
        for item in kept:
            if item.message.expired(wall):
                over.append(item)
            else:
                self.waiting.append(item)
                self._entered(item)
        self._shrunk()
        return over

    # What is in the store only

    def add_behind(self, count: int, size: int, soonest: float = 0.0) -> None:
        """
        So many more are, or if negative fewer.

        @param soonest: when the first of them expires, 0.0: never.
        """
        self.behind += count
        self.size += size
        if 0.0 < soonest < self._soonest_behind:
            self._soonest_behind = soonest
        if not self.behind:
            self._soonest_behind = _NEVER
        if count < 0:
            self._shrunk()

    def stale(self, wall: float) -> bool:
        """
        Whether there may be some behind whose time is over.
        """
        return self._soonest_behind <= wall

    def looked_through(self, until: float) -> None:
        """
        There are none any more, or it can't be known before C{until}.
        """
        if self.behind and self._soonest_behind < until:
            self._soonest_behind = until

    def put_away(self) -> None:
        """
        Nobody takes any for now: all are in the store only.
        """
        self.epoch += 1
        self.fetching = False
        self.behind += len(self.waiting)
        self._soonest_behind = min(self._soonest_behind, self._soonest)
        self._soonest = _NEVER
        self.waiting = _NOTHING
        self.front = 0
        self.last = 0


class Holding(Lease):
    """
    One session and what it is owed.

    @ivar number: under which a store keeps the session; 0: it does not.
    @ivar expiry: seconds that it outlives its connection.
    @ivar parked_at: since when it is parked, wall time; 0.0 while it is connected.
    @ivar will: what is published if its client goes without a word; C{will_due}: when, wall time; 0.0: it has not gone.
    @ivar near: its owner is in, so that what waits may be in memory.
    @ivar given: delivered and not settled, in the order of delivery, by their refs.
    @ivar flown: while it is parked: so many that were sent are in the store only, and cost C{flown_size} bytes.
    @ivar credit: how many more its owner wants.
    @ivar stalled: its owner would not take the last, and will say when it can.
    @ivar groups: the shared groups that it takes from; the one that it took from last stands last.
    @ivar shares: of what was given: which group's it is.
    @ivar over: the session is no more.
    @ivar policy: the one that counted when it was last owed something; None until then.
    """

    policy: Policy | None = None

    def __init__(self, claim: Claim, owner: Owner | None, present: bool, durable: bool) -> None:
        super().__init__(claim, owner, present, durable)
        self.number = 0
        self.expiry = claim.expiry
        self.parked_at = 0.0
        self.will: Will | None = None
        self.will_due = 0.0
        self.near = False
        self.pile: Pile | None = None
        self.given: dict[int, Outbound] = {}
        self.flown = 0
        self.flown_size = 0
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

    @property
    def load(self) -> int:
        """
        How many messages wait for it.
        """
        return len(self.pile) if self.pile is not None else 0
