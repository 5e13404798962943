"""
Tests of txmqtt.broker.ledger: what the broker owes to a store that keeps its queues, and what it makes of the answers.
"""

from __future__ import annotations

from typing import Any

from tests.broker.paper import PaperBackend
from tests.broker.support import BrokerTestCase, Peer, will
from tests.session.support import wordless
from txmqtt.broker.piles import Holding
from txmqtt.broker.policy import Policy
from txmqtt.broker.shared import Group
from txmqtt.broker.stats import Stats
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Publish
from txmqtt.session.message import Message
from txmqtt.session.turn import Turn


class PaperCase(BrokerTestCase):
    """
    A broker with a store that keeps three messages of each queue in memory.
    """

    limits: dict[str, Any] = {"queue_page": 3}

    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> PaperBackend:
        self.paper = PaperBackend(policy, stats, turn)
        return self.paper

    def setUp(self) -> None:
        super().setUp()
        self.publisher = self.join("p")

    def held(self, client_id: str) -> Holding:
        """
        The books of a session.
        """
        lease = self.town.member(client_id).lease
        assert isinstance(lease, Holding)
        return lease

    def group_of(self, client_id: str) -> Group:
        """
        The group that it is a member of.
        """
        groups = self.held(client_id).groups
        assert groups is not None
        return next(iter(groups))

    def send(self, count: int, qos: int = 1, topic: str = "t", **properties: Any) -> list[bytes]:
        """
        Publish so many.

        @return: their payloads.
        """
        payloads = [b"%d" % number for number in range(count)]
        for payload in payloads:
            self.publisher.publish(topic, payload, qos, **properties)
        return payloads

    def parked(self, client_id: str, filter: str = "t", qos: int = 2) -> None:
        """
        A session that lasts and is away.
        """
        client = self.durable(client_id)
        client.subscribe(filter, qos=qos)
        client.lose()

    def assertNothingKept(self) -> None:
        """
        All is delivered: nothing is in the books, nor on paper.
        """
        self.paper.write()
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
        self.assertEqual(self.paper.ledger.rows, {})


class KeepingTests(PaperCase):
    def test_kept_before_it_is_acknowledged(self) -> None:
        """
        What somebody is owed who lasts is acknowledged when it is written down, and refused when it can't be.
        """
        self.parked("c")
        self.paper.prompt = False
        for qos, kind in ((1, PUBACK), (2, PUBREC)):
            for torn, reason in ((False, 0), (True, 0x97)):
                with self.subTest(qos=qos, torn=torn):
                    self.paper.ledger.torn = torn
                    self.assertEqual(self.publisher.publish("t", b"x", qos), -1)
                    self.paper.write()
                    (said,) = wordless(self.publisher.heard())
                    self.assertEqual(said, Ack(kind, self.publisher.last_id, reason))
                    if kind == PUBREC and not torn:
                        self.publisher.answer(said)
                        self.publisher.heard()
        self.assertEqual((self.stats.queued, len(self.paper.ledger.rows)), (2, 2))

    def test_parked(self) -> None:
        """
        What waits for a session that is away is on paper and not in memory; it comes page by page, in order, and
        nothing of it is left.
        """
        self.parked("c")
        sent = self.send(20)
        held = self.held("c")
        assert held.pile is not None
        self.assertEqual((len(held.pile.waiting), held.pile.behind, self.stats.queued), (0, 20, 20))
        client = self.durable("c")
        self.assertLessEqual(len(held.pile.waiting), 3)
        self.assertEqual(client.payloads(), sent)
        self.assertNothingKept()
        self.assertBooksClosed()

    def test_slow_reader(self) -> None:
        """
        Nor is what waits for a client that reads slowly, beyond a page; it stays in its order.
        """
        client = self.durable("c", receive_maximum=1)
        client.subscribe("t", qos=2)
        sent = self.send(20, 2)
        pile = self.held("c").pile
        assert pile is not None
        self.assertEqual((len(pile.waiting), pile.behind), (3, 16))
        self.assertEqual(client.payloads(), sent)
        self.assertNothingKept()

    def test_at_once(self) -> None:
        """
        What is delivered and acknowledged before it was written down leaves nothing to write.
        """
        client = self.durable("c")
        client.subscribe("t", qos=1)
        self.paper.prompt = False
        self.send(3)
        self.assertEqual(len(client.payloads()), 3)
        self.assertTrue(self.paper.ledger.draft().empty)
        self.assertNothingKept()

    def test_shared_by_many(self) -> None:
        """
        A message for several has one number, under which it can be stored once; one for a single session needs none.
        """
        for name in ("a", "b"):
            self.parked(name)
        self.parked("c", "u")
        self.send(1)
        self.send(1, topic="u")
        numbers = [row.message.number for row in self.paper.ledger.rows.values()]
        self.assertEqual((numbers[0] == numbers[1] != 0, numbers[2]), (True, 0))

    def test_not_sent_before_it_is_on_record(self) -> None:
        """
        QoS 2 leaves when it is written down that it does, and its PUBREL when it is that the PUBREC came; QoS 1 at
        once.
        """
        client = self.durable("c")
        client.subscribe("t", qos=2)
        self.paper.prompt = False
        self.send(1, 2)
        self.send(1, 1)
        self.assertEqual(client.heard(), [])  # the second stays behind the first, which is not even kept
        self.paper.write()
        first, second = sorted(
            (packet for packet in client.heard() if isinstance(packet, Publish)), key=lambda p: p.qos
        )
        self.assertEqual((first.qos, second.qos), (1, 2))
        client.say(Ack(PUBREC, second.packet_id))
        self.assertEqual(client.heard(), [])
        self.paper.write()
        self.assertEqual(client.heard(), [Ack(PUBREL, second.packet_id)])
        client.say(Ack(PUBREC, 99))  # of nothing, so nothing is recorded
        client.say(Ack(PUBACK, first.packet_id), Ack(PUBCOMP, second.packet_id))
        self.assertNothingKept()

    def test_recalled(self) -> None:
        """
        What had been sent comes again on the next connection as it would have from memory: PUBRELs first, then what
        was not answered, under its identifier and in its order, then what waits.
        """
        client = self.durable("c", receive_maximum=3)
        client.subscribe("t", qos=2)
        for number, qos in enumerate((1, 2, 2, 1, 1)):
            self.publisher.publish("t", b"%d" % number, qos)
        client.say(Ack(PUBREC, 3))
        client.heard()
        client.lose()
        self.assertEqual((self.held("c").given, self.held("c").flown), ({}, 3))
        client = self.durable("c", receive_maximum=10)
        found = [(packet.kind, packet.packet_id) for packet in client.inbox if isinstance(packet, Ack | Publish)]
        self.assertEqual(found[0], (PUBREL, 3))
        again = [packet for packet in client.inbox if isinstance(packet, Publish)]
        self.assertEqual([(packet.payload, packet.dup) for packet in again[:2]], [(b"0", True), (b"1", True)])
        self.assertEqual(self.stats.queued, 5)
        self.assertEqual(client.payloads(), [b"0", b"1", b"3", b"4"])
        self.assertNothingKept()

    def test_not_sent_after_all(self) -> None:
        """
        What was about to be sent when the connection ended waits again, under no identifier.
        """
        client = self.durable("c")
        client.subscribe("t", qos=2)
        self.send(1, 2)
        client.finish()
        client.pause()
        self.paper.prompt = False
        self.publisher.publish("t", b"x", 2)
        self.paper.ledger.write()  # it is kept, and is about to be sent
        client.lose()
        self.paper.write()
        self.assertEqual([(row.packet_id, row.mark) for row in self.paper.ledger.rows.values()], [(0, 0)])
        self.paper.prompt = True
        again = self.durable("c")
        self.town.turn.flush()
        (packet,) = [packet for packet in again.inbox if isinstance(packet, Publish)]
        self.assertEqual((packet.payload, packet.dup), (b"x", False))

    def test_ended(self) -> None:
        """
        The store is told of a session that has ended; what it was owed is no longer kept.
        """
        self.parked("c")
        self.send(5)
        self.join("c", clean_start=True).leave()
        self.assertEqual(self.paper.ledger.heard, ["ended c"])
        self.assertNothingKept()

    def test_not_opened(self) -> None:
        """
        A session that could not be opened is parked as before with all that it is owed, or never began.
        """
        self.parked("c")
        self.parked("m", "$share/g/t")
        self.send(5)
        self.paper.full = True
        for name in ("c", "m", "new"):
            peer = self.peer()
            peer.connect(name, clean_start=False, session_expiry_interval=100)
            self.assertEqual(wordless(peer.heard()), [Connack(0x88)])
        self.assertEqual((self.paper.owed.find(("", "new")), self.stats.queued), (None, 10))
        held = self.held("c")
        self.assertIs(self.paper.owed.find(("", "c")), held)
        self.assertIsNone(held.owner)
        self.paper.full = False
        for name in ("c", "m"):
            client = self.durable(name)
            self.town.turn.flush()
            self.assertEqual(len(client.payloads()), 5)
        self.assertNothingKept()

    def test_closed_once(self) -> None:
        """
        A session that is parked already takes nothing and can't be parked again; what is not known can't be discarded.
        """
        self.parked("c")
        self.send(1)
        held, backend = self.held("c"), self.broker.backend
        backend.close(held, 5)
        backend.want(held, 10)
        backend.discard(("", "nobody"))
        self.assertEqual((held.credit, len(held.pile or ())), (0, 1))
        client = self.durable("c")
        backend.discard(("", "c"))  # not while somebody is there
        self.town.turn.flush()
        self.assertEqual(client.payloads(), [b"0"])


class TroubleTests(PaperCase):
    """
    What can't be written down, or read.
    """

    def test_read_later(self) -> None:
        """
        What could not be read is read again when something else has been written.
        """
        self.parked("c")
        sent = self.send(5)
        self.paper.ledger.torn = True
        client = self.durable("c")
        self.town.turn.flush()
        self.assertEqual(client.heard(), [])
        self.paper.ledger.torn = False
        self.paper.ledger.owed.go_on()
        self.town.turn.flush()
        self.assertEqual(client.payloads(), sent)

    def test_missing(self) -> None:
        """
        What was thought to be on paper and is not is no longer counted, and what is new comes.
        """
        self.parked("c")
        self.send(5)
        self.paper.ledger.rows.clear()
        client = self.durable("c")
        self.town.turn.flush()
        self.assertEqual((client.heard(), self.stats.queued, self.stats.queued_bytes), ([], 0, 0))
        self.publisher.publish("t", b"new", 1)
        self.assertEqual(client.payloads(), [b"new"])

    def lose(self, count: int = 1, qos: int = 1) -> None:
        """
        So many are published and can't be written down.
        """
        self.paper.prompt = False
        self.send(count, qos)
        self.paper.ledger.torn = True
        self.paper.ledger.write()
        self.paper.ledger.torn = False
        self.paper.prompt = True
        self.town.turn.flush()

    def test_lost_while_away(self) -> None:
        """
        Nobody is owed what could not be kept: its publisher knows.
        """
        self.parked("c")
        self.lose(3)
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
        self.send(1)
        self.assertEqual(self.durable("c").payloads(), [b"0"])

    def test_lost_while_it_waits(self) -> None:
        """
        Nor when it waits in memory, or behind what does.
        """
        client = self.durable("c", receive_maximum=1)
        client.subscribe("t", qos=1)
        self.send(1)
        self.lose(5)
        self.assertEqual(self.stats.queued, 1)
        self.assertEqual(client.payloads(), [b"0"])
        self.assertNothingKept()

    def test_lost_and_sent(self) -> None:
        """
        What has left already stays with its receiver, and is not known any more when the connection ends.
        """
        client = self.durable("c")
        client.subscribe("t", qos=1)
        self.lose(2)
        self.assertEqual(len([packet for packet in client.heard() if isinstance(packet, Publish)]), 2)
        self.assertEqual(self.stats.queued, 2)
        client.lose()
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
        self.assertEqual(self.durable("c").payloads(), [])

    def test_lost_after_it_was_sent_and_its_receiver_left(self) -> None:
        """
        Nor is it when the connection has ended before it is known that it could not be kept.
        """
        client = self.durable("c")
        client.subscribe("t", qos=1)
        self.paper.prompt = False
        self.send(1)
        client.lose()
        self.paper.ledger.torn = True
        self.paper.ledger.write()
        self.assertEqual((self.stats.queued, self.held("c").flown, self.held("c").flown_size), (0, 0, 0))

    def test_lost_with_its_session(self) -> None:
        """
        A session that has ended meanwhile is owed nothing either way.
        """
        self.parked("c")
        self.paper.prompt = False
        self.send(1)
        held, (item,) = self.held("c"), self.paper.ledger.draft().fresh.values()
        self.join("c", clean_start=True).leave()
        self.paper.owed.withdraw(item, held)
        self.assertNothingKept()

    def test_lost_share(self) -> None:
        """
        What waits for a group that could not be kept is nobody's, and what a member has of it is only that member's.
        """
        for there in (False, True):
            with self.subTest(there=there):
                client = self.durable("m")
                client.subscribe("$share/g/t", qos=1)
                if not there:
                    client.lose()
                self.lose(2)
                if there:
                    self.assertEqual(len(client.payloads()), 2)
                    client.lose()
                self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
                self.assertEqual(self.durable("m").payloads(), [])
        item = next(iter(self.paper.ledger.rows.values()), None)
        self.assertIsNone(item)


class BoundTests(PaperCase):
    limits = {"queue_page": 3, "max_queued_messages": 6, "max_queued_bytes": 100_000, "queue_full": "drop_oldest"}

    def test_oldest_dropped(self) -> None:
        """
        When the oldest have to make room they are dropped from the store too, as many as there are too many.
        """
        self.parked("c")
        self.paper.prompt = False
        self.send(9)
        self.assertEqual(self.stats.queued, 9)  # a page too many, until it is known which the oldest are
        self.paper.write()
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (6, 3))
        self.send(3)
        self.paper.write()
        self.assertEqual(self.stats.queued, 6)
        self.paper.prompt = True
        client = self.durable("c")
        self.town.turn.flush()
        self.assertEqual(client.payloads(), [b"6", b"7", b"8", b"0", b"1", b"2"])
        self.assertNothingKept()

    def test_far_too_many(self) -> None:
        """
        More than a page too many are not taken, even before it is known which the oldest are.
        """
        self.parked("c")
        self.paper.prompt = False
        self.send(20)
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (9, 11))

    def test_oldest_of_a_group(self) -> None:
        """
        A group is bounded likewise, by the broker's own limits.
        """
        self.parked("m", "$share/g/t")
        sent = self.send(8)
        self.paper.write()
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (6, 2))
        client = self.durable("m")
        self.town.turn.flush()
        self.assertEqual(client.payloads(), sent[2:])

    def test_taken_meanwhile(self) -> None:
        """
        Of those that were the oldest, one that has been read meanwhile is in somebody's hands and stays.
        """
        self.parked("c")
        self.send(6)
        held = self.held("c")
        assert held.pile is not None
        rows = [(row.ref, row.message.size) for row in self.paper.ledger.rows.values()]
        held.pile.last = rows[1][0]
        held.pile.behind += 2
        held.pile.size += 2 * rows[0][1]
        self.paper.owed.trim(held, held.pile, rows[:4])
        self.assertEqual((len(held.pile), self.stats.dropped_full), (6, 2))

    def test_too_large(self) -> None:
        """
        For what would not fit into an empty queue nothing is dropped.
        """
        self.parked("c")
        self.parked("m", "$share/g/t")
        self.send(2)
        self.assertEqual(self.publisher.publish("t", bytes(100_000), 1), 0)
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (4, 2))

    def test_expired(self) -> None:
        """
        What has expired on paper makes room there.
        """
        self.parked("c")
        self.send(5, message_expiry_interval=5)
        self.send(1)
        self.town.turn.now += 10
        self.send(2)
        self.assertEqual((self.stats.dropped_expired, self.stats.queued), (5, 3))
        client = self.durable("c")
        self.town.turn.flush()
        self.assertEqual(client.payloads(), [b"0", b"0", b"1"])
        self.assertNothingKept()


class RefusalTests(PaperCase):
    def test_nothing_can_be_kept(self) -> None:
        """
        While nothing can be kept, what somebody who lasts is owed is refused, and what nobody is owed goes on; wills
        wait until it can be again.
        """
        self.parked("c")
        listener = self.join("l")
        listener.subscribe("will", "u", qos=1)
        self.parked("heir", "will")
        mortal = self.join("mortal", will=will("will", b"last words", 1))
        self.paper.full = True
        self.assertEqual(self.publisher.publish("t", b"x", 1), 0x97)
        self.assertEqual(self.publisher.publish("u", b"x", 1), 0)
        mortal.lose()
        self.town.wait(1)
        self.assertEqual(listener.payloads(), [b"x"])
        self.paper.full = False
        self.town.wait(1)
        self.assertEqual(listener.payloads(), [b"last words"])
        self.assertEqual(self.stats.queued, 1)

    def test_will_not_kept(self) -> None:
        """
        A will that could not be written down for those who are owed it is said again.
        """
        self.parked("heir", "will")
        mortal = self.join("mortal", will=will("will", b"last words", 1))
        self.paper.prompt = False
        self.paper.ledger.torn = True
        mortal.lose()
        self.paper.write()
        self.assertEqual(self.stats.queued, 0)
        self.paper.ledger.torn = False
        self.town.wait(1)
        self.paper.write()
        self.assertEqual(self.stats.queued, 1)

    def test_ended_since(self) -> None:
        """
        What was on its way to a session when this ended, or to a group when its last member left, is dropped and
        counted.
        """
        self.parked("c")
        route = self.broker.mount().routes.find(b"t")
        self.join("c", clean_start=True).leave()
        self.assertTrue(self.paper.owed.publish(Message(b"t", b"x", 1), route).done)
        member = self.join("m")
        member.subscribe("$share/g/s", qos=1)
        route = self.broker.mount().routes.find(b"s")
        member.leave()
        self.assertTrue(self.paper.owed.publish(Message(b"s", b"x", 1), route).done)
        self.assertEqual((self.stats.dropped, self.stats.queued), (2, 0))


class GroupTests(PaperCase):
    def member(self, name: str, durable: bool = True, qos: int = 2, **words: Any) -> Peer:
        client = (self.durable if durable else self.join)(name, **words)
        client.subscribe("$share/g/t", qos=qos)
        return client

    def test_kept_for_the_group(self) -> None:
        """
        What nobody takes waits for the group as long as a member lasts; when the last of these is gone, it is nobody's.
        """
        self.member("m").lose()
        self.send(5)
        self.assertEqual((self.stats.queued, len(self.paper.ledger.rows)), (5, 5))
        self.join("m", clean_start=True).leave()
        self.assertEqual(self.paper.ledger.heard, ["ended m", "disbanded g"])
        self.assertEqual(self.stats.dropped, 5)
        self.assertNothingKept()

    def test_first_that_lasts(self) -> None:
        """
        What waited for members that do not last is kept from when the first joins that does.
        """
        short = self.member("s", False)
        short.pause()
        self.send(3)
        self.assertEqual(self.paper.ledger.rows, {})
        lasting = self.member("m", receive_maximum=1)
        self.town.turn.flush()
        self.assertGreaterEqual(len(self.paper.ledger.rows), 2)
        short.lose()
        self.assertEqual(sorted(lasting.payloads()), [b"0", b"1", b"2"])
        self.assertNothingKept()

    def test_qos_2_stays_with_its_member(self) -> None:
        """
        At QoS 2 a message is the member's from when it is sent: it ends with a session that does not last, and comes
        again to one that does [MQTT5-4.8.2-4]. At QoS 1 it goes back to the group [MQTT5-4.8.2-5].
        """
        for durable, qos, left in ((False, 2, []), (True, 2, [b"0"]), (False, 1, [b"0"]), (True, 1, [b"0"])):
            with self.subTest(durable=durable, qos=qos):
                last = self.member("last")
                last.lose()
                taker = self.member("taker", durable)
                self.send(1, qos)
                self.assertEqual(len([packet for packet in taker.heard() if isinstance(packet, Publish)]), 1)
                taker.lose()
                last = self.durable("last")
                self.town.turn.flush()
                found = last.payloads()
                again = self.durable("taker") if durable else None
                self.town.turn.flush()
                found += again.payloads() if again is not None else []
                self.assertEqual(found, left)
                for name in ("last", "taker"):
                    self.join(name, clean_start=True).leave()
                self.assertNothingKept()

    def test_last_of_all(self) -> None:
        """
        What a member was about to be sent when it left as the last of a group is dropped and counted.
        """
        self.member("last").lose()
        taker = self.member("taker", False)
        self.paper.prompt = False
        self.send(1, 2)
        self.paper.ledger.write()  # it is kept, and the taker's from now on, which is not on record yet
        self.join("last", clean_start=True).leave()
        taker.lose()
        self.assertEqual((self.stats.dropped, taker.heard()), (1, []))
        self.assertNothingKept()

    def test_withdrawn_after_all(self) -> None:
        """
        A share that is delivered and done with when it turns out that it could not be kept changes nothing.
        """
        client = self.member("m")
        self.send(1)
        group = self.group_of("m")
        (item,) = self.held("m").given.values()
        client.payloads()
        self.paper.owed.withdraw(item, group)
        self.assertNothingKept()

    def test_back_to_the_group(self) -> None:
        """
        What a member was given and was not sent is the group's again, and comes to another.
        """
        last = self.member("last")
        last.lose()
        slow = self.member("slow", receive_maximum=1)
        sent = self.send(4)
        slow.lose()
        last = self.durable("last")
        self.town.turn.flush()
        self.assertEqual(sorted(last.payloads()), sent)
        self.assertNothingKept()


class ThresholdTests(PaperCase):
    def test_not_ended_while_it_is_opened(self) -> None:
        """
        A session whose time is over while its client waits for it is not taken away from under it: the client is in,
        or if it has gone again the session ends a moment later.
        """
        for stays in (True, False):
            with self.subTest(stays=stays):
                client = self.durable("c", session_expiry_interval=100)
                client.subscribe("t", qos=1)
                client.lose()
                self.send(1)
                self.paper.slow = True
                peer = self.peer()
                peer.connect("c", clean_start=False, session_expiry_interval=100)
                self.town.wait(101)
                self.assertEqual((peer.heard(), self.stats.sessions_expired), ([], 0))
                self.paper.slow = False
                if stays:
                    self.paper.openings.pop()()
                    self.town.turn.flush()
                    self.assertEqual(peer.payloads(), [b"0"])
                    peer.leave(session_expiry_interval=0)
                else:
                    peer.lose()
                    self.paper.openings.pop()()
                    self.town.wait(102)
                    self.assertIsNone(self.broker.registry.find(("", "c")))
        self.assertNothingKept()


class RetainedTests(PaperCase):
    def test_store_is_full(self) -> None:
        """
        Retained messages that can't be kept for a subscriber that lasts are dropped and counted.
        """
        self.publisher.publish("t", b"x", 1, True)
        client = self.durable("c")
        self.paper.full = True
        client.subscribe("t", qos=1)
        self.assertEqual(client.payloads(), [])
        self.assertEqual(self.stats.dropped, 1)

    def test_said_twice(self) -> None:
        """
        That a receiver is done with an item may be said twice, and that it was released after it is done with.
        """
        client = self.durable("c")
        client.subscribe("t", qos=2)
        self.send(1, 2)
        (item,) = self.held("c").given.values()
        client.payloads()
        self.broker.backend.settle(self.held("c"), item)
        self.assertTrue(self.paper.owed.released(self.held("c"), item).done)
        self.assertNothingKept()


class ShareTests(PaperCase):
    def test_about_to_be_sent(self) -> None:
        """
        A QoS 2 share that was about to be sent when its member left is the group's again, on paper too.
        """
        member = self.durable("m")
        member.subscribe("$share/g/t", qos=2)
        self.paper.prompt = False
        self.send(1, 2)
        self.paper.ledger.write()  # it is kept, so it is to be sent, which is not on record yet
        (item,) = self.held("m").given.values()
        self.assertEqual(item.home, self.held("m").number)
        member.lose()
        self.paper.write()
        (row,) = self.paper.ledger.rows.values()
        group = self.group_of("m")
        self.assertEqual((row.home, row.packet_id, row.mark), (group.number, 0, 0))
        pile = self.paper.owed.pile(group)
        assert pile is not None
        self.assertEqual(len(pile), 1)
        self.paper.prompt = True
        member = self.durable("m")
        self.town.turn.flush()
        self.assertEqual(member.payloads(), [b"0"])
        self.assertNothingKept()
