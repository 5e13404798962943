"""
Tests of txmqtt.broker.revival: what a restart brings back, and what shutting down leaves for it.
"""

from __future__ import annotations

from tests.broker.paper import PaperBackend
from tests.broker.support import BrokerTestCase, Peer, will
from txmqtt.broker.farewells import FOR_EVER
from txmqtt.broker.piles import Holding, Pile
from txmqtt.broker.policy import Policy
from txmqtt.broker.revival import recover
from txmqtt.broker.shapes import Claim, Kept, Survivor
from txmqtt.broker.stats import Stats
from txmqtt.codec.packets import Subscription, Will
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound
from txmqtt.session.turn import Turn


class RevivalCase(BrokerTestCase):
    limits = {"will_grace": 30}

    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> PaperBackend:
        self.paper = PaperBackend(policy, stats, turn)
        return self.paper

    def survivor(
        self,
        client_id: str,
        expiry: int = 100,
        parked_at: float = 0.0,
        last: Will | None = None,
        will_due: float = 0.0,
        owed: int = 0,
    ) -> Survivor:
        """
        A session as a store has it, and what it was owed.
        """
        held = Holding(Claim("", client_id, None, False, expiry), None, True, expiry > 0)
        held.number = self.paper.owed.next_ref()
        self.paper.ledger.holders[held.number] = held
        pile = Pile(held.number)
        held.pile = pile if owed else None
        for number in range(owed):
            item = Outbound(Message(b"t", b"%d" % number, 1), 1, ref=self.paper.owed.next_ref())
            item.home = held.number
            if not number:
                item.sent, item.packet_id, item.mark = True, 7, item.ref
                held.flown, held.flown_size = 1, item.message.size
            else:
                pile.add_behind(1, item.message.size)
            self.paper.ledger.rows[item.ref] = item
        self.paper.owed.revive(held)
        found = Survivor(held, expiry, parked_at, last, will_due)
        self.paper.left.append(found)
        return found

    def revived(self) -> Peer:
        """
        The broker starts.

        @return: somebody who hears wills.
        """
        self.assertEqual(recover(self.broker), len(self.paper.left))
        listener = self.join("listener")
        listener.subscribe("will/#")
        return listener


class SessionTests(RevivalCase):
    def test_as_it_was(self) -> None:
        """
        A session comes back with its subscriptions and all that it was owed, under the identifiers that were used.
        """
        survivor = self.survivor("c", owed=5)
        survivor.subscriptions += [Kept(Subscription(b"t/+", 1), 3), Kept(Subscription(b"$share/g/s", 1), 0)]
        self.revived()
        self.assertEqual((self.stats.sessions, self.stats.subscriptions, self.stats.queued), (2, 3, 5))
        publisher = self.join("p")
        publisher.publish("t/1", b"new", 1)
        publisher.publish("s", b"shared", 1)
        client = self.durable("c")
        self.town.turn.flush()
        self.assertTrue(client.present)
        self.assertEqual(client.payloads(), [b"0", b"1", b"2", b"3", b"4", b"new", b"shared"])
        self.assertEqual((self.stats.queued, self.paper.ledger.rows), (0, {}))

    def test_backlog_of_a_group(self) -> None:
        """
        What was left to a group comes to its members.
        """
        survivor = self.survivor("c")
        survivor.subscriptions.append(Kept(Subscription(b"$share/g/s", 1), 0))
        number = self.paper.ledger.shares["", b"g", b"s"] = self.paper.owed.next_ref()
        pile = self.paper.ledger.left[number] = Pile(number)
        item = Outbound(Message(b"s", b"left", 1), 1, ref=self.paper.owed.next_ref())
        item.home = number
        pile.add_behind(1, item.message.size)
        self.paper.ledger.rows[item.ref] = item
        self.revived()
        self.assertEqual(self.stats.queued, 1)
        client = self.durable("c")
        self.town.turn.flush()
        self.assertEqual((client.payloads(), self.stats.queued), ([b"left"], 0))

    def test_expiry(self) -> None:
        """
        A session that was parked expires when it would have; one whose client was connected has all of its time, since
        nobody knows how long the broker was away; one that never expires stays.
        """
        now = self.town.turn.wall
        self.survivor("parked", parked_at=now - 60)
        self.survivor("connected")
        self.survivor("ever", FOR_EVER)
        self.revived()
        for seconds, left in ((39, 3), (2, 2), (58, 2), (2, 1), (1_000_000, 1)):
            self.town.wait(seconds)
            self.assertEqual(len(self.broker.registry) - 1, left)


class WillTests(RevivalCase):
    def test_grace(self) -> None:
        """
        The client of a will has a while to return, at least the delay that it asked for, unless its session ends
        before; then it is published.
        """
        for name, expiry, delay in (("none", 1_000, 0), ("long", 1_000, 60), ("short", 40, 60), ("clean", 0, 0)):
            last = will(f"will/{name}", name.encode(), will_delay_interval=delay or None)
            self.survivor(name, expiry, last=last)
        bare = self.survivor("bare", 1_000, last=Will(b"will/bare", b"bare", 0, False, None))
        listener = self.revived()
        self.assertIsNotNone(bare.will)
        for seconds, heard in ((29, []), (2, [b"bare", b"clean", b"none"]), (10, [b"short"]), (20, [b"long"])):
            self.town.wait(seconds)
            self.assertEqual(sorted(listener.payloads()), heard)
        self.assertEqual(
            sorted(member.client_id for member in self.broker.registry.everybody())[:2], ["bare", "listener"]
        )

    def test_was_due(self) -> None:
        """
        One that was due before is published when it was due, or after the grace.
        """
        now = self.town.turn.wall
        for name, due in (("past", now - 100), ("soon", now + 10), ("later", now + 50)):
            self.survivor(name, 1_000, last=will(f"will/{name}", name.encode()), will_due=due)
        listener = self.revived()
        for seconds, heard in ((29, []), (2, [b"past", b"soon"]), (20, [b"later"])):
            self.town.wait(seconds)
            self.assertEqual(sorted(listener.payloads()), heard)

    def test_back_in_time(self) -> None:
        """
        A client that returns in time takes its will with it, also when it begins anew.
        """
        for name in ("goes on", "anew"):
            self.survivor(name, 1_000, last=will("will/x"))
        listener = self.revived()
        for name, clean in (("goes on", False), ("anew", True)):
            self.join(name, clean_start=clean, session_expiry_interval=1_000)
        self.town.wait(100)
        self.assertEqual(listener.payloads(), [])


class ShutdownTests(RevivalCase):
    def test_left_for_the_restart(self) -> None:
        """
        Wills of those who are connected when the broker shuts down are for the restart to see to: the sessions are
        parked, and nothing is published.
        """
        listener = self.join("listener")
        listener.subscribe("will/#")
        for name, expiry in (("lasting", 100), ("clean", 0)):
            self.join(name, session_expiry_interval=expiry, will=will(f"will/{name}"))
        self.broker.shut("over")
        self.town.turn.flush()
        self.assertEqual(listener.payloads(), [])
        held = self.paper.owed.find(("", "lasting"))
        assert held is not None
        self.assertEqual((held.owner, held.over), (None, False))
