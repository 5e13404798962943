"""
What the promises of a backend are told with: an owner, a hall and a reader that write down what they hear, and the
verbs of the broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.support import START, Town
from txmqtt.broker.core import Broker
from txmqtt.broker.filters import Grant
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member
from txmqtt.broker.routes import Delivery, Route
from txmqtt.broker.shapes import (
    SENT,
    Backend,
    Claim,
    Lease,
    Rest,
)
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.broker.terms import Terms
from txmqtt.codec.packets import Subscription
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.tickets import Ticket
from txmqtt.session.turn import Turn

if TYPE_CHECKING:
    _Mixin = SynchronousTestCase
else:
    _Mixin = object  # a test case where it is mixed in, not here: loaders would run it


class Owner:
    """
    Somebody who holds a session, and writes down what the backend says.

    @ivar takes: deliveries that it will take before it says that it can't now; None: all.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.lease: Lease | None = None
        self.refusal: tuple[int, str] | None = None
        self.revocations: list[tuple[int, bool]] = []
        self.items: list[Outbound] = []
        self.takes: int | None = None
        self.overruns = 0

    def opened(self, lease: Lease) -> None:
        self.lease = lease
        lease.owner = self

    def refused(self, reason: int, message: str) -> None:
        self.refusal = (reason, message)

    def revoked(self, reason: int, ending: bool) -> None:
        self.revocations.append((reason, ending))
        if self.lease is not None:
            self._backend.close(self.lease, 0 if ending or not self.lease.durable else 100)
            self.lease = None

    def deliver(self, item: Outbound) -> bool:
        if self.takes is not None:
            if not self.takes:
                return False
            self.takes -= 1
        self.items.append(item)
        return True

    def overrun(self) -> None:
        self.overruns += 1

    @property
    def payloads(self) -> list[bytes]:
        return [item.message.payload for item in self.items]


class Hall:
    """
    Writes down what the backend says besides.
    """

    def __init__(self) -> None:
        self.gone: list[tuple[str, str]] = []
        self.reasons: list[int] = []

    def discarded(self, key: tuple[str, str]) -> None:
        self.gone.append(key)

    def dropped(self, count: int, reason: int) -> None:
        self.reasons.extend([reason] * count)

    def troubled(self, why: str) -> None:
        raise AssertionError(why)

    def recovered(self) -> None:
        raise AssertionError("nothing was wrong")


class Reader:
    """
    Writes down what has been found.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.finished = False

    def page(self, messages: list[Message], last: bool, rest: Rest | None) -> None:
        assert not self.finished
        self.messages.extend(messages)
        self.finished = last
        if rest is not None:
            rest.following(self)


class Promises(_Mixin):
    """
    The broker's side of the conversation with a backend.
    """

    policy = Policy(max_queued_messages=5, max_queued_bytes=10_000, max_retained_messages=3, max_retained_bytes=2_000)

    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> Backend:
        """
        A new backend with nothing in it.
        """
        raise NotImplementedError

    def finish(self) -> None:
        """
        Let the backend do all that it has been asked.
        """

    def setUp(self) -> None:
        self.turn = Turn()
        self.turn.now = START
        self.stats = Stats()
        self.terms = Terms(self.policy)
        self.backend = self.make_backend(self.policy, self.stats, self.turn)
        self.hall = Hall()
        self.backend.attach(self.hall)
        # Members need a broker to belong to; it has a backend of its own and is never asked.
        self.broker: Broker = Town(self.policy).broker

    # The broker's side

    def open(
        self, name: str, expiry: int = 100, clean: bool = False, user: str | None = None, mount: str = ""
    ) -> Owner:
        """
        Somebody wants a session.
        """
        owner = Owner(self.backend)
        self.backend.open(Claim(mount, name, user, clean, expiry), owner)
        self.finish()
        return owner

    def lease(self, owner: Owner) -> Lease:
        assert owner.lease is not None, owner.refusal
        return owner.lease

    def member(self, owner: Owner) -> Member:
        """
        The session as routes know it.
        """
        lease = self.lease(owner)
        mount, name = lease.key
        member = Member(self.broker, self.broker.mount(mount), name, lease.user, lease)
        member.terms = self.terms
        return member

    def route(self, *owners: Owner, qos: int = 2, groups: tuple[Group, ...] = (), mount: str = "") -> Route:
        """
        The route of topic "t" to these sessions.
        """
        deliveries = []
        for owner in owners:
            member = self.member(owner)
            deliveries.append(Delivery(member, [Grant(member, Subscription(b"t", qos), b"t", qos, 0, None)]))
        return Route(mount, deliveries, list(groups))

    def publish(self, route: Route, payload: bytes = b"x", qos: int = 1, **words: object) -> Ticket:
        """
        Keep a message for a route.
        """
        message = Message(b"t", payload, qos, **words)  # type: ignore[arg-type]
        ticket = self.backend.publish(message, route, None, 0)
        self.finish()
        return ticket

    def message(self, payload: bytes = b"x", qos: int = 1) -> Message:
        return Message(b"t", payload, qos)

    def claim(self, name: str) -> Claim:
        return Claim("", name, None, False, 100)

    def want(self, owner: Owner, more: int = 100) -> None:
        self.backend.want(self.lease(owner), more)
        self.finish()

    def settle(self, owner: Owner, item: Outbound) -> None:
        self.backend.settle(self.lease(owner), item)
        self.finish()

    def sent(self, owner: Owner, item: Outbound, packet_id: int) -> None:
        """
        A message is sent under this identifier.
        """
        item.packet_id = packet_id
        ticket = self.backend.remember(self.lease(owner), SENT, packet_id, item)
        self.finish()
        self.assertDone(ticket)
        item.sent = True

    def leave(self, owner: Owner, expiry: int = 100) -> None:
        self.backend.close(self.lease(owner), expiry)
        self.finish()

    def group(self) -> tuple[Group, Route]:
        """
        A shared group without members, and the route that leads to it alone.
        """
        group = Group("", b"g", b"t")
        return group, self.route(groups=(group,))

    def enter(self, owner: Owner, group: Group, qos: int = 2) -> Member:
        """
        A session becomes a member.
        """
        member = self.member(owner)
        grant = Grant(member, Subscription(b"$share/g/t", qos), b"t", qos, 0, group)
        group.join(grant)
        member.grants[b"$share/g/t"] = grant
        self.assertDone(self.backend.subscribe(self.lease(owner), [grant]))
        return member

    def find(self, filter: bytes = b"#", mount: str = "") -> list[bytes]:
        reader = Reader()
        self.backend.find(mount, filter, reader)
        self.finish()
        self.assertTrue(reader.finished)
        return sorted(message.payload for message in reader.messages)

    def assertDone(self, ticket: Ticket, reason: int = 0) -> None:
        self.finish()
        self.assertEqual((ticket.done, ticket.reason), (True, reason))

    def assertNothingQueued(self) -> None:
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
