"""
What every backend promises, as tests: a backend passes them all, or it is none.

C{BackendCompliance} is a mixin: a test case of a backend gives it a backend and says how to let it finish what it has been
asked. The tests speak to the backend as the broker does, and to nothing behind it.
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
    RELEASED_IN,
    RELEASED_OUT,
    SENT,
    UNRETAINED,
    Backend,
    Claim,
    Lease,
)
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec.packets import Subscription
from txmqtt.codec.properties import Properties
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

    def dropped(self, message: Message, reason: int) -> None:
        self.reasons.append(reason)


class Reader:
    """
    Writes down what has been found.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.finished = False

    def page(self, messages: list[Message], last: bool) -> None:
        assert not self.finished
        self.messages.extend(messages)
        self.finished = last


class BackendCompliance(_Mixin):
    """
    Mix this into a test case, and say C{make_backend}.
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
        return Member(self.broker, self.broker.mount(mount), name, lease.user, lease)

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

    # Sessions

    def test_new_session(self) -> None:
        """
        A session that was not there before is not present; one that was is, with the user it belongs to.
        """
        owner = self.open("c", user="alice")
        lease = self.lease(owner)
        self.assertEqual((lease.key, lease.user, lease.present, lease.durable), (("", "c"), "alice", False, True))
        self.leave(owner)
        self.assertTrue(self.lease(self.open("c", user="alice")).present)

    def test_session_that_does_not_last(self) -> None:
        """
        A session without expiry ends when it is closed.
        """
        owner = self.open("c", 0)
        self.assertFalse(self.lease(owner).durable)
        self.leave(owner, 0)
        self.assertFalse(self.lease(self.open("c")).present)

    def test_exclusive(self) -> None:
        """
        A session has one owner: the earlier is revoked before the later has it.
        """
        first = self.open("c")
        lease = first.lease
        second = self.open("c")
        self.assertEqual(first.revocations, [(0x8E, False)])
        self.assertEqual((self.lease(second).present, second.revocations), (True, []))
        assert lease is not None
        self.assertIs(self.lease(second).owner, second)

    def test_clean(self) -> None:
        """
        A clean claim discards what an earlier life left, parked or not, and the broker hears of those that were parked.
        """
        first = self.open("c")
        self.publish(self.route(first))
        second = self.open("c", clean=True)
        self.assertEqual((first.revocations, self.hall.gone), ([(0x8E, True)], []))
        self.assertFalse(self.lease(second).present)
        self.publish(self.route(second))
        self.leave(second)
        third = self.open("c", clean=True)
        self.assertEqual(self.hall.gone, [("", "c")])
        self.want(third)
        self.assertEqual((self.lease(third).present, third.items), (False, []))
        self.assertNothingQueued()

    def test_users(self) -> None:
        """
        Another user's session is refused with 0x85, and left as it is.
        """
        owner = self.open("c", user="alice")
        for user in ("bob", None):
            for clean in (True, False):
                other = self.open("c", clean=clean, user=user)
                assert other.refusal is not None
                self.assertEqual((other.refusal[0], other.lease), (0x85, None))
        self.assertEqual(owner.revocations, [])
        self.assertFalse(self.lease(self.open("c", user="bob", mount="elsewhere")).present)

    def test_discard(self) -> None:
        """
        A parked session that has expired is forgotten; one that is owned is not.
        """
        owner = self.open("c")
        self.publish(self.route(owner))
        self.backend.discard(("", "c"))
        self.backend.discard(("", "nobody"))
        self.assertEqual(self.stats.queued, 1)
        self.leave(owner)
        self.backend.discard(("", "c"))
        self.finish()
        self.assertFalse(self.lease(self.open("c")).present)
        self.assertEqual((self.hall.reasons, self.hall.gone), ([0x80], []))
        self.assertNothingQueued()

    def test_closed_twice(self) -> None:
        """
        Closing what is closed changes nothing.
        """
        owner = self.open("c")
        lease = self.lease(owner)
        self.leave(owner)
        again = self.open("c")
        self.leave(again)
        self.backend.close(lease, 0)
        self.assertTrue(self.lease(self.open("c")).present)

    # What is owed

    def test_delivered_within_credit(self) -> None:
        """
        What is owed is delivered in order, and no more than has been asked for.
        """
        owner = self.open("c")
        route = self.route(owner)
        for number in range(5):
            self.assertDone(self.publish(route, b"%d" % number))
        self.assertEqual(owner.items, [])
        self.want(owner, 2)
        self.assertEqual(owner.payloads, [b"0", b"1"])
        self.settle(owner, owner.items[0])
        self.want(owner, 1)
        self.assertEqual(owner.payloads, [b"0", b"1", b"2"])
        self.want(owner, 100)
        self.publish(route, b"5")
        self.assertEqual(owner.payloads, [b"%d" % number for number in range(6)])
        self.assertEqual(len({item.ref for item in owner.items} | {0}), 7)

    def test_copies(self) -> None:
        """
        Each receiver gets the message with its own QoS; QoS 0 is nobody's due.
        """
        owners = [self.open(f"c{qos}") for qos in range(3)]
        for qos, owner in enumerate(owners):
            self.want(owner)
            self.publish(self.route(owner, qos=qos), qos=2)
            self.publish(self.route(owner, qos=qos), qos=0)
        self.assertEqual([[item.qos for item in owner.items] for owner in owners], [[], [1], [2]])

    def test_no_local(self) -> None:
        """
        What a client publishes is not owed to its own subscriptions with no-local.
        """
        owner = self.open("c")
        self.want(owner)
        member = self.member(owner)
        quiet = Grant(member, Subscription(b"t", 2, no_local=True), b"t", 2, 0, None)
        plain = Grant(member, Subscription(b"+", 1), b"+", 1, 7, None)
        zero = Grant(member, Subscription(b"#", 0), b"#", 0, 8, None)
        for grants in ([quiet], [quiet, zero], [quiet, plain]):
            self.publish(Route("", [Delivery(member, grants)], []), publisher="c", qos=2)
        self.assertEqual([(item.qos, item.identifiers) for item in owner.items], [(1, (7,))])
        self.publish(Route("", [Delivery(member, [quiet])], []), publisher="d", qos=2)
        self.assertEqual(owner.items[-1].qos, 2)

    def test_not_now(self) -> None:
        """
        What an owner can't take now stays the first, and comes when it asks again.
        """
        owner = self.open("c")
        owner.takes = 1
        self.want(owner, 3)
        route = self.route(owner)
        for number in range(3):
            self.publish(route, b"%d" % number)
        self.assertEqual(owner.payloads, [b"0"])
        owner.takes = None
        self.publish(route, b"3")
        self.assertEqual(owner.payloads, [b"0"])
        self.want(owner, 0)
        self.assertEqual(owner.payloads, [b"0", b"1", b"2"])
        self.assertEqual(self.stats.queued, 4)

    def test_settled(self) -> None:
        """
        What is settled is owed no more, however often that is said.
        """
        owner = self.open("c")
        self.want(owner)
        for number in range(2):
            self.publish(self.route(owner), b"%d" % number)
        for _ in range(2):
            self.settle(owner, owner.items[0])
        self.assertEqual(self.stats.queued, 1)
        self.sent(owner, owner.items[1], 1)
        self.leave(owner)
        again = self.open("c")
        self.want(again)
        self.assertEqual([item.message.payload for item in self.backend.recall(self.lease(again))], [b"1"])
        self.assertEqual(again.items, [])

    def test_recalled(self) -> None:
        """
        What was sent is recalled, with its identifier, in the order of first sending; what was released says so, in the
        order of the releases. What was not sent waits again, before what came later.
        """
        owner = self.open("c")
        self.want(owner, 4)
        route = self.route(owner)
        for number in range(5):
            self.publish(route, b"%d" % number, 2)
        for packet_id, item in enumerate(owner.items[:3], 7):
            self.sent(owner, item, packet_id)
        for number in (2, 0):
            item = owner.items[number]
            item.released = True
            self.assertDone(self.backend.remember(self.lease(owner), RELEASED_OUT, item.packet_id, item))
        self.leave(owner)
        self.publish(route, b"5", 2)
        again = self.open("c")
        recalled = [
            (item.message.payload, item.packet_id, item.released) for item in self.backend.recall(self.lease(again))
        ]
        self.assertEqual(recalled, [(b"1", 8, False), (b"2", 9, True), (b"0", 7, True)])
        self.want(again, 100)
        self.assertEqual(again.payloads, [b"3", b"4", b"5"])

    def test_recalled_takes_credit(self) -> None:
        """
        What is recalled is under way already, so that never more is than has been asked for.
        """
        owner = self.open("c")
        self.want(owner, 2)
        route = self.route(owner)
        for number in range(4):
            self.publish(route, b"%d" % number)
        for packet_id, item in enumerate(owner.items, 1):
            self.sent(owner, item, packet_id)
        self.leave(owner)
        again = self.open("c")
        recalled = self.backend.recall(self.lease(again))
        self.want(again, 2)
        self.assertEqual((len(recalled), again.items), (2, []))
        self.settle(again, recalled[0])
        self.want(again, 1)
        self.assertEqual(again.payloads, [b"2"])

    def test_bounds(self) -> None:
        """
        So many messages wait for a session and no more; when nobody has room the ticket says 0x97.
        """
        full, free = self.open("full"), self.open("free")
        self.want(free)
        route = self.route(full)
        for _ in range(5):
            self.assertDone(self.publish(route))
        self.assertDone(self.publish(route), 0x97)
        self.assertDone(self.publish(self.route(full, free)))
        self.assertEqual((self.hall.reasons, len(free.items)), ([0x97, 0x97], 1))
        large = self.open("large")
        for reason in (0, 0, 0x97):
            self.assertDone(self.publish(self.route(large), bytes(4_000)), reason)

    def test_expired(self) -> None:
        """
        What has expired before it is delivered is dropped, and makes room.
        """
        owner = self.open("c")
        route = self.route(owner)
        for number in range(5):
            self.publish(route, b"%d" % number, expires_at=START + 5 if number % 2 else 0.0)
        self.turn.now = START + 5
        self.assertDone(self.publish(route, b"new"))
        self.want(owner)
        self.assertEqual(owner.payloads, [b"0", b"2", b"4", b"new"])
        self.assertEqual(self.hall.reasons, [0x83, 0x83])
        self.assertEqual(self.stats.queued, 4)

    def test_session_ends_with_what_it_is_owed(self) -> None:
        """
        What nobody has been sent when a session ends is dropped; what it has been sent is not counted as that.
        """
        owner = self.open("c")
        self.want(owner, 2)
        for _ in range(3):
            self.publish(self.route(owner))
        self.sent(owner, owner.items[0], 1)
        self.leave(owner, 0)
        self.assertEqual(self.hall.reasons, [0x80, 0x80])
        self.assertNothingQueued()

    def test_late_for_a_session_that_ended(self) -> None:
        """
        A route that was found before a session ended leads nowhere, and leaves nothing behind.
        """
        owner = self.open("c")
        route = self.route(owner)
        self.leave(owner, 0)
        self.assertDone(self.publish(route))
        self.assertNothingQueued()

    # QoS 2 in

    def test_received_identifiers(self) -> None:
        """
        The identifiers of received QoS 2 messages belong to the session, from connection to connection.
        """
        owner = self.open("c")
        lease = self.lease(owner)
        ticket = self.backend.publish(Message(b"t", b"x", 2), self.route(), lease, 5)
        lease.incoming.take(5, ticket)
        self.finish()
        self.leave(owner)
        again = self.open("c")
        lease = self.lease(again)
        self.assertIsNotNone(lease.incoming.find(5))
        lease.incoming.release(5)
        self.assertDone(self.backend.remember(lease, RELEASED_IN, 5, None))
        self.leave(again)
        self.assertIsNone(self.lease(self.open("c")).incoming.find(5))

    def test_received_identifiers_end_with_the_session(self) -> None:
        """
        A new session knows no identifier of an old one.
        """
        owner = self.open("c")
        lease = self.lease(owner)
        lease.incoming.take(5, self.backend.publish(Message(b"t", b"x", 2), self.route(), lease, 5))
        self.finish()
        self.assertIsNone(self.lease(self.open("c", clean=True)).incoming.find(5))

    # Retained messages

    def test_retained(self) -> None:
        """
        The last retained message of each topic is found by the filters that match it, at its mount point alone.
        """
        here, there = self.route(), self.route(mount="there")
        for route, payload in ((here, b"1"), (here, b"2"), (there, b"3")):
            self.assertDone(self.publish(route, payload, 1, retain=True))
        self.publish(here, b"flying", 1)
        self.assertEqual((self.find(), self.find(b"t"), self.find(b"+/a")), ([b"2"], [b"2"], []))
        self.assertEqual(self.find(mount="there"), [b"3"])
        self.assertEqual((self.stats.retained, self.find(mount="nowhere")), (2, []))
        self.assertDone(self.publish(here, b"", 0, retain=True))
        self.assertEqual((self.find(), self.stats.retained), ([], 1))

    def test_retained_whole(self) -> None:
        """
        A retained message is found as it was published.
        """
        said = Properties(content_type="text/plain", user_properties=(("b", "1"), ("a", "2")))
        self.publish(self.route(), b"x", 2, retain=True, properties=said, expires_at=START + 9, publisher="c")
        reader = Reader()
        self.backend.find("", b"t", reader)
        self.finish()
        (found,) = reader.messages
        self.assertEqual(
            (found.topic, found.payload, found.qos, found.properties, found.expires_at, found.publisher),
            (b"t", b"x", 2, said, START + 9, "c"),
        )

    def test_retained_and_owed(self) -> None:
        """
        A message that is retained is owed like any other.
        """
        owner = self.open("c")
        self.want(owner)
        self.publish(self.route(owner), b"x", 1, retain=True)
        self.publish(self.route(owner), b"", 1, retain=True)
        self.assertEqual(owner.payloads, [b"x", b""])

    def test_retained_bounds(self) -> None:
        """
        A retained message that finds no room is not kept and owed to nobody, counted, and at QoS 1 and 2 its ticket says
        so; at QoS 0 the older goes.
        """
        owner = self.open("c")
        self.want(owner)
        for number in range(3):
            message = Message(b"%d" % number, b"x", 1, True)
            self.assertDone(self.backend.publish(message, self.route(owner), None, 0))
        self.assertDone(self.publish(self.route(owner), b"y", 1, retain=True), UNRETAINED.reason)
        self.assertDone(self.backend.publish(Message(b"1", bytes(2_000), 0, True), self.route(), None, 0))
        self.finish()
        self.assertEqual((self.find(b"1"), self.stats.retained, self.stats.dropped_retained), ([], 2, 2))
        self.assertEqual(len(owner.items), 3)
        self.assertDone(self.publish(self.route(), b"y", 1, retain=True))

    def test_retained_expires(self) -> None:
        """
        A retained message is found until its time is over, and swept away then.
        """
        self.publish(self.route(), b"x", 1, retain=True, expires_at=START + 5)
        self.turn.now = START + 5
        self.assertEqual(self.find(), [])
        self.backend.sweep(START + 5)
        self.finish()
        self.assertEqual((self.stats.retained, self.stats.retained_bytes), (0, 0))

    # Shared groups

    def test_shared(self) -> None:
        """
        A group is owed one copy, and the members with room take it in turn, each at its own QoS.
        """
        one, two = self.open("one"), self.open("two", 0)
        group, route = self.group()
        self.enter(one, group, 1)
        self.enter(two, group, 2)
        for owner in (one, two):
            self.want(owner)
        for _ in range(6):
            self.publish(route, qos=2)
        self.assertEqual([item.qos for item in one.items], [1, 1, 1])
        self.assertEqual([item.qos for item in two.items], [2, 2, 2])
        for owner in (one, two):
            for item in owner.items:
                self.settle(owner, item)
        self.assertNothingQueued()

    def test_shared_backlog(self) -> None:
        """
        With a durable member a group keeps what nobody takes, within bounds, and who has room gets it in order.
        """
        one = self.open("one")
        group, route = self.group()
        self.enter(one, group)
        self.leave(one)
        for number in range(5):
            self.assertDone(self.publish(route, b"%d" % number))
        self.assertDone(self.publish(route), 0x97)
        two = self.open("two", 0)
        self.enter(two, group)
        self.want(two, 2)
        again = self.open("one")
        self.want(again, 100)
        self.assertEqual((two.payloads, again.payloads), ([b"0", b"1"], [b"2", b"3", b"4"]))

    def test_share_comes_back(self) -> None:
        """
        What a member has not finished when it leaves is the group's again, before what came later; but QoS 2, once sent,
        is that member's.
        """
        one, two = self.open("one"), self.open("two")
        group, route = self.group()
        for owner in (one, two):
            self.enter(owner, group)
        self.want(one, 3)
        for number, qos in enumerate((1, 2, 2, 1)):
            self.publish(route, b"%d" % number, qos)
        for packet_id, item in enumerate(one.items[:2], 1):
            self.sent(one, item, packet_id)
        self.leave(one)
        self.want(two, 100)
        self.assertEqual(two.payloads, [b"0", b"2", b"3"])
        again = self.open("one")
        recalled = self.backend.recall(self.lease(again))
        self.assertEqual([(item.message.payload, item.packet_id) for item in recalled], [(b"1", 2)])

    def test_last_member_leaves(self) -> None:
        """
        When nobody is left who could ever take it, a group's backlog is dropped.
        """
        for way in ("unsubscribed", "ended", "discarded"):
            owner = self.open("c")
            group, route = self.group()
            member = self.enter(owner, group)
            self.publish(route)
            self.assertEqual(self.stats.queued, 1)
            group.leave(member)
            if way == "unsubscribed":
                self.assertDone(self.backend.unsubscribe(member.lease, [member.grants[b"$share/g/t"]]))
                self.assertNothingQueued()
                self.leave(owner, 0)
            elif way == "ended":
                self.leave(owner, 0)
            else:
                self.leave(owner)
                self.backend.discard(("", "c"))
                self.finish()
            self.assertNothingQueued()
            self.assertDone(self.publish(route))  # found before it was empty; it leads nowhere
        self.assertEqual(self.hall.reasons, [0x80] * 6)
