"""
Tests of txmqtt.broker.patience, and of the other things that may become of a message that finds a queue full.
"""

from __future__ import annotations

from typing import Any

from tests.broker.paper import PaperBackend
from tests.broker.support import BrokerTestCase, Peer
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.broker.terms import Terms
from txmqtt.codec.constants import MQTT5, MQTT311, PUBACK, PUBREC
from txmqtt.codec.packets import Ack, Disconnect, Pingreq, Pingresp, Publish, Subscription
from txmqtt.session.turn import Turn

LIMITS: dict[str, Any] = {"max_queued_messages": 2, "max_inflight_5": 1, "max_inflight": 1}


class FullTestCase(BrokerTestCase):
    """
    A receiver that has one message under way and two that wait is full.
    """

    def receiver(self, name: str, expiry: int = 0, qos: int = 2) -> Peer:
        peer = self.join(name, session_expiry_interval=expiry)
        peer.subscribe("t", qos=qos)
        return peer

    def send(self, peer: Peer, *payloads: bytes, qos: int = 1) -> None:
        """
        Publish, each under its own identifier, and do not wait for answers.
        """
        peer.say(*[Publish(b"t", payload, qos, packet_id=peer.next_id()) for payload in payloads])

    def reasons(self, peer: Peer) -> list[int]:
        """
        What the acknowledgements that have come say.
        """
        return [packet.reason for packet in peer.heard() if isinstance(packet, Ack)]


class DropOldestTests(FullTestCase):
    limits = {**LIMITS, "queue_full": "drop_oldest"}

    def test_oldest(self) -> None:
        """
        The oldest that waits makes room, for sessions that last and for those that end with their connection.
        """
        publisher = self.join("p")
        for name, expiry in (("brief", 0), ("lasting", 100)):
            with self.subTest(name=name):
                self.stats.dropped_full = 0
                peer = self.receiver(name, expiry)
                self.send(publisher, *[b"%d" % number for number in range(6)])
                self.assertEqual(self.reasons(publisher), [0] * 6)
                self.assertEqual(self.stats.dropped_full, 3)
                self.assertEqual(peer.payloads(), [b"0", b"4", b"5"])
                peer.leave()


class DropNewestTests(FullTestCase):
    limits = {**LIMITS, "queue_full": "drop_newest"}

    def test_newest(self) -> None:
        """
        The newest is dropped and counted, and the publisher is told that all is well.
        """
        publisher = self.join("p")
        for expiry in (0, 100):
            self.stats.dropped_full = 0
            peer = self.receiver("c", expiry)
            self.send(publisher, *[b"%d" % number for number in range(6)])
            self.assertEqual(self.reasons(publisher), [0] * 6)
            self.assertEqual(self.stats.dropped_full, 3)
            self.assertEqual(peer.payloads(), [b"0", b"1", b"2"])
            peer.leave()


class DisconnectTests(FullTestCase):
    limits = {**LIMITS, "queue_full": "disconnect"}

    def test_twice_in_one_turn(self) -> None:
        """
        However much finds no room in one turn, a receiver is let go once; one that has gone meanwhile is not.
        """
        publisher, peer = self.join("p"), self.receiver("c", 100)
        self.send(publisher, *[b"%d" % number for number in range(6)])
        self.assertEqual((self.stats.overruns, peer.closed is not None), (1, True))
        self.town.member("c").overrun()
        self.town.turn.flush()
        self.assertEqual(self.stats.overruns, 1)

    def test_disconnected(self) -> None:
        """
        A receiver that does not take what it is owed is told so and let go; a session that lasts keeps its queue.
        """
        publisher = self.join("p")
        for expiry, kept in ((0, []), (100, [b"0", b"1", b"2"])):
            peer = self.receiver("c", expiry)
            self.send(publisher, b"0", b"1", b"2", b"3")
            self.assertEqual(self.reasons(publisher), [0, 0, 0, 0x97])
            self.assertIsNotNone(peer.closed)
            last = peer.heard()[-1]
            self.assertIsInstance(last, Disconnect)
            self.assertEqual(getattr(last, "reason", 0), 0x97)
            peer.session.lost()
            again = self.join("c", clean_start=False, session_expiry_interval=expiry)
            self.assertEqual(again.payloads(), kept)
            again.leave(session_expiry_interval=0) if expiry else again.leave()
        self.assertEqual(self.stats.overruns, 2)
        self.assertBooksClosed()


class HoldTests(FullTestCase):
    limits = {**LIMITS, "queue_full": "hold", "hold_limit": 3, "hold_seconds": 10.0}

    def test_held_until_there_is_room(self) -> None:
        """
        What finds no room is acknowledged when it does, in order, and nothing is lost; pings are answered meanwhile.
        """
        for expiry in (0, 100):
            for qos, kind in ((1, PUBACK), (2, PUBREC)):
                with self.subTest(expiry=expiry, qos=qos):
                    publisher, peer = self.join("p"), self.receiver("c", expiry)
                    self.send(publisher, b"0", b"1", b"2", b"3", b"4", qos=qos)
                    self.assertEqual(self.reasons(publisher), [0, 0, 0])
                    publisher.say(Pingreq())
                    self.assertEqual(publisher.heard(), [Pingresp()])
                    self.assertEqual(peer.payloads(), [b"%d" % number for number in range(5)])
                    acks = [packet for packet in publisher.heard() if isinstance(packet, Ack)]
                    self.assertEqual([(ack.kind, ack.reason) for ack in acks], [(kind, 0)] * 2)
                    self.assertEqual([ack.packet_id for ack in acks], sorted(ack.packet_id for ack in acks))
                    publisher.lose()
                    peer.leave()
        self.assertEqual((self.stats.dropped_full, self.stats.held_refused), (0, 0))
        self.assertEqual(self.broker.lines, {})

    def test_slowest_sets_the_pace(self) -> None:
        """
        A message is for nobody before it is for all.
        """
        publisher, slow, fast = self.join("p"), self.receiver("slow"), self.receiver("fast")
        self.send(publisher, b"0", b"1", b"2", b"3")
        self.assertEqual(fast.payloads(), [b"0", b"1", b"2"])
        self.assertEqual(slow.payloads(), [b"0", b"1", b"2", b"3"])
        self.assertEqual(fast.payloads(), [b"3"])

    def test_not_in_time(self) -> None:
        """
        After a while it goes to those who have room; when nobody has, 5.0 is told, and 3.x has to come again.
        """
        for version in (MQTT5, MQTT311):
            with self.subTest(version=version):
                publisher, peer = self.join("p", version), self.receiver("c")
                self.send(publisher, b"0", b"1", b"2", b"3")
                self.assertEqual(self.reasons(publisher), [0, 0, 0])
                self.town.wait(9.0)
                self.assertEqual((publisher.heard(), publisher.closed), ([], None))
                self.town.wait(1.0)
                if version == MQTT5:
                    self.assertEqual(self.reasons(publisher), [0x97])
                    publisher.leave()
                else:
                    self.assertIsNotNone(publisher.closed)
                    publisher.session.lost()
                peer.leave()
        self.assertEqual((self.stats.held, self.stats.held_refused), (2, 2))

    def test_not_in_time_for_one(self) -> None:
        """
        Who has room gets it then, once, and who has not loses it, which is counted.
        """
        publisher, slow, fast = self.join("p"), self.receiver("slow"), self.receiver("fast")
        self.send(publisher, b"0", b"1", b"2", b"3", qos=2)
        fast.payloads()
        publisher.heard()
        self.town.wait(10.0)
        self.assertEqual(self.reasons(publisher), [0])
        self.assertEqual(fast.payloads(), [b"3"])
        self.assertEqual(slow.payloads(), [b"0", b"1", b"2"])
        self.assertEqual((self.stats.dropped_full, self.stats.held_refused), (1, 0))

    def test_too_many(self) -> None:
        """
        No more of one publisher wait than the limit says.
        """
        for version in (MQTT5, MQTT311):
            publisher, peer = self.join("p", version), self.receiver("c")
            self.send(publisher, *[b"%d" % number for number in range(7)])
            if version == MQTT5:
                self.assertEqual(self.reasons(publisher), [0, 0, 0])
                self.assertEqual(peer.payloads(), [b"%d" % number for number in range(6)])
                self.assertEqual(self.reasons(publisher), [0, 0, 0, 0x97])
            else:
                self.assertIsNone(publisher.closed)  # its answer is behind those that wait
                peer.payloads()
                self.assertIsNotNone(publisher.closed)
            publisher.session.lost()
            peer.leave()

    def test_each_feeds_the_other(self) -> None:
        """
        Two clients that feed each other go on for ever.
        """
        peers = [self.join(name) for name in ("a", "b")]
        for peer, filter in zip(peers, ("to/a", "to/b"), strict=True):
            peer.subscribe(filter, qos=1)
        for peer, topic in zip(peers, (b"to/b", b"to/a"), strict=True):
            peer.say(*[Publish(topic, b"%d" % number, 1, packet_id=peer.next_id()) for number in range(6)])
        self.assertEqual(self.stats.held, 6)
        heard = [peer.payloads() for peer in (*peers, *peers)]
        self.assertEqual(sorted(heard[0] + heard[2]), [b"%d" % number for number in range(6)])
        self.assertEqual(sorted(heard[1] + heard[3]), [b"%d" % number for number in range(6)])
        self.assertEqual(self.broker.lines, {})

    def test_publisher_leaves(self) -> None:
        """
        What was not acknowledged when its publisher goes is not ours; it may publish it again, also at QoS 2.
        """
        peer = self.receiver("c", 100)
        publisher = self.durable("p")
        self.send(publisher, b"0", b"1", b"2", b"3", qos=2)
        publisher.lose()
        self.assertEqual((self.stats.held_refused, self.broker.lines), (1, {}))
        peer.payloads()
        again = self.durable("p")
        again.last_id = publisher.last_id - 1
        again.say(Publish(b"t", b"3", 2, dup=True, packet_id=again.next_id()))
        self.assertEqual(peer.payloads(), [b"3"])

    def test_receiver_leaves(self) -> None:
        """
        When who has no room goes, what waits goes on with the next sweep.
        """
        for expiry in (0, 100):
            publisher, peer = self.join("p"), self.receiver("c", expiry)
            self.send(publisher, b"0", b"1", b"2", b"3")
            publisher.heard()
            peer.leave(session_expiry_interval=0) if expiry else peer.leave()
            self.town.wait(1.0)
            self.assertEqual(self.reasons(publisher), [0x10])
            publisher.leave()

    def test_zero_passes(self) -> None:
        """
        QoS 0 waits for nobody.
        """
        publisher, peer = self.join("p"), self.receiver("c", qos=1)
        self.send(publisher, b"0", b"1", b"2", b"3")
        publisher.publish("t", b"zero")
        self.assertIn(b"zero", [packet.payload for packet in peer.heard() if isinstance(packet, Publish)])

    def test_held_for_a_group(self) -> None:
        """
        A message for a shared group that has no room waits likewise; the publisher's own no-local subscription does
        not matter.
        """
        publisher = self.join("p")
        publisher.subscribe(Subscription(b"t", 1, no_local=True))
        peer = self.join("c", session_expiry_interval=100)
        peer.subscribe("$share/g/t", qos=1)
        peer.lose()
        self.send(publisher, b"0", b"1", b"2")
        self.assertEqual(self.reasons(publisher), [0, 0])
        peer = self.join("c", session_expiry_interval=100, clean_start=False)
        self.assertEqual(peer.payloads(), [b"0", b"1", b"2"])
        self.assertEqual(self.reasons(publisher), [0])
        self.send(publisher, b"3", b"4")
        self.assertEqual(self.reasons(publisher), [0, 0])

    def test_own_copies(self) -> None:
        """
        Nobody waits for room at a subscriber that gets no copy because the message is its own; another subscription of
        its may get one all the same.
        """
        for expiry in (0, 100):
            with self.subTest(expiry=expiry):
                peer = self.join("own", session_expiry_interval=expiry)
                peer.subscribe(Subscription(b"t", 1, no_local=True))
                other = self.receiver("other")
                for number in range(4):
                    other.say(Publish(b"t", b"%d" % number, 1, packet_id=other.next_id()))
                    other.heard()
                    peer.heard()
                other.leave()
                self.send(peer, b"5")
                self.assertEqual(self.reasons(peer), [0])
                peer.subscribe("+", qos=1)
                self.send(peer, b"6")
                self.assertEqual(self.reasons(peer), [])
                peer.leave(session_expiry_interval=0)

    def test_who_drops(self) -> None:
        """
        Nobody waits for room at a receiver whose own terms are to drop.
        """
        for expiry in (0, 100):
            peer = self.peer()
            terms = Policy(**{**LIMITS, "queue_full": "drop_newest"})
            peer.terms = Terms(terms, "")
            peer.connect("c", session_expiry_interval=expiry)
            peer.heard()
            peer.subscribe("t", qos=1)
            publisher = self.join("p")
            self.send(publisher, *[b"%d" % number for number in range(9)])
            self.assertEqual(len(self.reasons(publisher)), 9)
            self.assertEqual(peer.payloads(), [b"0", b"1", b"2"])
            peer.leave(session_expiry_interval=0)

    def test_receiver_that_matters_no_more(self) -> None:
        """
        Who waits for the room of one receiver waits for the next when that one has unsubscribed, whatever it does then.
        """
        publisher, first, second = self.join("p"), self.receiver("first"), self.receiver("second")
        self.send(publisher, b"0", b"1", b"2", b"3")
        first.unsubscribe("t")
        self.town.wait(0.0)
        self.assertEqual(len(first.payloads()), 3)
        self.assertEqual(self.reasons(publisher), [0, 0, 0])
        self.assertEqual(len(second.payloads()), 4)
        self.assertEqual(self.reasons(publisher), [0])

    def test_held_again(self) -> None:
        """
        Who has waited once may have to wait again.
        """
        publisher, peer = self.join("p"), self.receiver("c")
        for _ in range(2):
            self.send(publisher, b"0", b"1", b"2", b"3")
            self.assertEqual(self.reasons(publisher), [0, 0, 0])
            self.assertEqual(len(peer.payloads()), 4)
            self.assertEqual(self.reasons(publisher), [0])
        self.assertEqual(self.stats.held, 2)


class HoldAndKeepTests(FullTestCase):
    """
    The same with a store.
    """

    limits = HoldTests.limits

    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> PaperBackend:
        self.paper = PaperBackend(policy, stats, turn)
        return self.paper

    def test_kept_then_acknowledged(self) -> None:
        """
        What has waited for room is acknowledged when it is kept, or refused when it can't be.
        """
        for torn, reason in ((False, 0), (True, 0x97)):
            with self.subTest(torn=torn):
                publisher, peer = self.join("p"), self.receiver("c", 100)
                self.send(publisher, b"0", b"1", b"2", b"3")
                self.paper.write()
                self.assertEqual(self.reasons(publisher), [0, 0, 0])
                self.paper.prompt = False
                (first,) = [packet for packet in peer.heard() if isinstance(packet, Publish)]
                peer.answer(first)
                self.town.wait(0.0)
                self.assertEqual(self.reasons(publisher), [])
                self.paper.ledger.torn = torn
                self.paper.write()
                self.assertEqual(self.reasons(publisher), [reason])
                self.paper.ledger.torn = False
                self.paper.prompt = True
                for each in (publisher, peer):
                    each.leave(session_expiry_interval=0)


class WholeTests(FullTestCase):
    limits = {**LIMITS, "queue_full": "drop_oldest", "max_total_queued_messages": 2, "max_queued_bytes": 1_000}

    def test_all_queues_together(self) -> None:
        """
        When all queues together are full, one that is empty has nothing to drop: what is new goes, counted.
        """
        full, empty, publisher = self.receiver("full", 100), self.receiver("empty", 100), self.join("p")
        empty.unsubscribe("t")
        empty.subscribe("u", qos=1)
        for each in (full, empty):
            each.lose()
        self.send(publisher, b"0", b"1")
        publisher.heard()
        self.assertEqual(publisher.publish("u", b"x", 1), 0)
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (2, 1))
        self.assertEqual(len(self.join("full", session_expiry_interval=100, clean_start=False).payloads()), 2)

    def test_too_large(self) -> None:
        """
        Nothing is dropped for a message that would not fit into an empty queue.
        """
        peer, publisher = self.receiver("c", 100), self.join("p")
        peer.lose()
        self.send(publisher, b"0")
        self.send(publisher, bytes(1_000))
        self.assertEqual((self.stats.queued, self.stats.dropped_full), (1, 1))
