"""
Tests of txmqtt.broker.patience, and of the other things that may become of a message that finds a queue full.
"""

from __future__ import annotations

from typing import Any

from tests.broker.support import BrokerTestCase, Peer
from txmqtt.codec.constants import MQTT5, MQTT311, PUBACK, PUBREC
from txmqtt.codec.packets import Ack, Disconnect, Pingreq, Pingresp, Publish

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
