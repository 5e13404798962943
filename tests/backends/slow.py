"""
A backend that takes its time: what the memory backend does at once happens here when the test says so, or fails.

Operations are decided in the order in which they were asked for, as by one writer. Until then their tickets are
pending, and nothing has happened.
"""

from __future__ import annotations

from collections.abc import Callable

from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.filters import Grant
from txmqtt.broker.policy import Policy
from txmqtt.broker.routes import Route
from txmqtt.broker.shapes import UNAVAILABLE, Claim, Hall, Lease, Owner, Reader, Survivor
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.turn import Turn


class Operation:
    """
    Something asked for and not decided.

    @ivar verb: what it is, for the test.
    """

    def __init__(self, verb: str, do: Callable[[], int], fail: Callable[[int], None]) -> None:
        self.verb = verb
        self.do = do
        self.fail = fail


class Opening:
    """
    An owner that waits for its session.
    """

    def __init__(self, claim: Claim, owner: Owner) -> None:
        self.claim = claim
        self.owner = owner
        self.revoked = False


class SlowBackend:
    """
    See C{txmqtt.broker.shapes.Backend}.

    @ivar slow: the verbs that take their time; the others are done at once.
    @ivar overloaded: what would take its time is refused instead.
    @ivar hasty: the tickets are done at once, though nothing else is.
    @ivar asked: what is waiting to be decided, oldest first.
    """

    lasting = False

    def __init__(self, policy: Policy, stats: Stats, turn: Turn) -> None:
        self.inner = MemoryBackend(policy, stats, turn)
        self.slow = {"open", "subscribe", "unsubscribe", "publish", "remember", "find"}
        self.overloaded = False
        self.hasty = False
        self.asked: list[Operation] = []
        self.openings: list[Opening] = []
        self.turn = turn

    # What the test says

    @property
    def waiting(self) -> list[str]:
        """
        The verbs that have not been decided.
        """
        return [operation.verb for operation in self.asked]

    def commit(self, count: int = 1_000_000) -> None:
        """
        The next operations are done.
        """
        while self.asked and count:
            count -= 1
            self.asked.pop(0).do()
        self.turn.flush()

    def refuse(self, reason: int = reasons.QUOTA_EXCEEDED) -> None:
        """
        The next operation fails.
        """
        self.asked.pop(0).fail(reason)
        self.turn.flush()

    def _ticket(self, verb: str, do: Callable[[], Ticket]) -> Ticket:
        if verb not in self.slow:
            return do()
        if self.overloaded:
            return UNAVAILABLE
        ticket = Ticket()

        def settle() -> int:
            reason = do().reason
            ticket.settle(reason)
            return reason

        self.asked.append(Operation(verb, settle, ticket.settle))
        return DONE if self.hasty else ticket

    # What the broker says

    def attach(self, hall: Hall) -> None:
        self.inner.attach(hall)

    def open(self, claim: Claim, owner: Owner) -> None:
        if "open" not in self.slow:
            self.inner.open(claim, owner)
            return
        for earlier in self.openings:
            if earlier.claim.key == claim.key and not earlier.revoked:
                earlier.revoked = True
                earlier.owner.revoked(reasons.SESSION_TAKEN_OVER, claim.clean)
        opening = Opening(claim, owner)
        self.openings.append(opening)

        def do() -> int:
            self.openings.remove(opening)
            if not opening.revoked:
                self.inner.open(claim, owner)
            return 0

        def fail(reason: int) -> None:
            self.openings.remove(opening)
            if not opening.revoked:
                owner.refused(reason, "the disk is full")

        self.asked.append(Operation("open", do, fail))

    def close(self, lease: Lease, expiry: int) -> None:
        self.inner.close(lease, expiry)

    def will(self, lease: Lease, due: float) -> None:
        self.inner.will(lease, due)

    def discard(self, key: tuple[str, str]) -> None:
        self.inner.discard(key)

    def subscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        return self._ticket("subscribe", lambda: self.inner.subscribe(lease, grants))

    def unsubscribe(self, lease: Lease, grants: list[Grant]) -> Ticket:
        return self._ticket("unsubscribe", lambda: self.inner.unsubscribe(lease, grants))

    def publish(self, message: Message, route: Route, lease: Lease | None, packet_id: int) -> Ticket:
        return self._ticket("publish", lambda: self.inner.publish(message, route, lease, packet_id))

    def room(self, message: Message, route: Route) -> Ticket:
        return self.inner.room(message, route)

    def want(self, lease: Lease, more: int) -> None:
        self.inner.want(lease, more)

    def settle(self, lease: Lease, item: Outbound) -> None:
        self.inner.settle(lease, item)

    def remember(self, lease: Lease, fact: int, packet_id: int, item: Outbound | None) -> Ticket:
        return self._ticket("remember", lambda: self.inner.remember(lease, fact, packet_id, item))

    def recall(self, lease: Lease) -> list[Outbound]:
        return self.inner.recall(lease)

    def find(self, mount: str, filter: bytes, reader: Reader) -> None:
        def do() -> Ticket:
            self.inner.find(mount, filter, reader)
            return DONE

        self._ticket("find", do)

    def survivors(self) -> list[Survivor]:
        return self.inner.survivors()

    def revived(self, lease: Lease, grants: list[Grant]) -> None:
        self.inner.revived(lease, grants)

    def change_policy(self, policy: Policy) -> None:
        self.inner.change_policy(policy)

    def figures(self) -> list[tuple[str, str]]:
        return self.inner.figures()

    def sweep(self, wall: float) -> None:
        self.inner.sweep(wall)
