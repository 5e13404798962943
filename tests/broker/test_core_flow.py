"""
Tests of txmqtt.broker.core: windows, queues and write buffers, and who feels it when they are full.
"""

from tests.broker.support import BrokerTestCase
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish


class FullTests(BrokerTestCase):
    limits = {"max_queued_messages": 2, "max_inflight_5": 1, "max_inflight": 1}

    def test_nobody_had_room(self) -> None:
        """
        When no matching subscriber can take it, a 5.0 publisher is told 0x97, a 3.x one acknowledged; all is counted.
        """
        for join in (self.join, self.durable):
            for version in (4, 5):
                with self.subTest(join=join.__name__, version=version):
                    subscriber = join("s", version)
                    subscriber.subscribe("t", qos=2)
                    new, old = self.join("new"), self.join("old", 4)
                    before = self.stats.dropped_full
                    for number in range(3):  # one under way, two in the queue
                        self.assertEqual(new.publish("t", b"%d" % number, 1), 0)
                    for qos in (1, 2):
                        self.assertEqual(new.publish("t", b"late", qos), 0x97)
                        self.assertEqual(old.publish("t", b"late", qos), 0)
                    self.assertEqual(self.stats.dropped_full, before + 4)
                    self.assertEqual(subscriber.payloads(), [b"0", b"1", b"2"])
                    self.assertEqual(new.publish("t", b"again", 1), 0)
                    self.assertEqual(subscriber.payloads(), [b"again"])
                    subscriber.lose()
                    self.join("s").leave()

    def test_somebody_had_room(self) -> None:
        """
        One subscriber with room is enough for a success, whoever it is.
        """
        for full, free in ((self.join, self.durable), (self.durable, self.join)):
            slow, quick = full("slow"), free("quick")
            publisher = self.join("p")
            slow.subscribe("t", qos=1)
            for _ in range(3):
                publisher.publish("t", b"x", 1)
            quick.subscribe("t", qos=1)
            for qos in (1, 2):
                self.assertEqual(publisher.publish("t", b"x", qos), 0)
                self.assertEqual(quick.payloads(), [b"x"])
            for each in (slow, quick):
                each.leave(session_expiry_interval=0)

    def test_publisher_whose_session_lasts(self) -> None:
        """
        It is told no less.
        """
        subscriber, publisher = self.join("s"), self.durable("p")
        subscriber.subscribe("t", qos=2)
        self.assertEqual([publisher.publish("t", b"x", 2) for _ in range(4)], [0, 0, 0, 0x97])

    def test_refused_for_want_of_room_and_repeated(self) -> None:
        """
        A QoS 2 message that nobody had room for is a new one when it is published again.
        """
        subscriber, publisher = self.durable("s"), self.durable("p")
        subscriber.subscribe("t", qos=2)
        for number in range(3):
            publisher.publish("t", b"%d" % number, 2)
        publisher.say(Publish(b"t", b"late", 2, packet_id=9))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 9, 0x97)])
        self.assertEqual(subscriber.payloads(), [b"0", b"1", b"2"])
        publisher.say(Publish(b"t", b"late", 2, packet_id=9))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 9)])
        self.assertEqual(subscriber.payloads(), [b"late"])
        self.assertBooksClosed()


class NoQueueTests(BrokerTestCase):
    limits = {"max_queued_messages": 0, "max_queued_bytes": 1, "max_inflight_5": 2}

    def test_no_queue(self) -> None:
        """
        With no queue allowed, what the window holds is delivered all the same, to any kind of session.
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            subscriber = join("s")
            subscriber.subscribe("t", qos=1)
            self.assertEqual([publisher.publish("t", b"%d" % number, 1) for number in range(3)], [0, 0, 0x97])
            self.assertEqual(subscriber.payloads(), [b"0", b"1"])
            subscriber.pause()
            self.assertEqual(publisher.publish("t", b"paused", 1), 0x97)
            subscriber.resume()
            self.assertEqual(subscriber.payloads(), [])
            self.assertEqual(publisher.publish("t", b"resumed", 1), 0)
            self.assertEqual(subscriber.payloads(), [b"resumed"])
            subscriber.leave(session_expiry_interval=0)
        self.assertBooksClosed()


class WindowTests(BrokerTestCase):
    def test_receive_maximum(self) -> None:
        """
        No more than the client's Receive Maximum is ever under way to it; the rest follows in order
        [MQTT5-3.3.4-9] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2].
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            subscriber = join("s", receive_maximum=3)
            subscriber.subscribe("t", qos=2)
            for number in range(10):
                publisher.publish("t", b"%d" % number, 1 + number % 2)
            seen: list[bytes] = []
            for _ in range(10):
                arrived = [packet for packet in subscriber.inbox if isinstance(packet, Publish)]
                self.assertLessEqual(len(arrived), 3)
                oldest = arrived[0]
                subscriber.inbox.remove(oldest)
                seen.append(oldest.payload)
                subscriber.answer(oldest)
                if oldest.qos == 2:
                    subscriber.inbox.remove(Ack(PUBREL, oldest.packet_id))
                    subscriber.say(Ack(PUBCOMP, oldest.packet_id))
            self.assertEqual(seen, [b"%d" % number for number in range(10)])
            subscriber.leave(session_expiry_interval=0)

    def test_full_window_delays_only_publish(self) -> None:
        """
        A full window holds back no QoS 0 message and no answer [MQTT5-3.3.4-10] [MQTT5-4.9.0-3].
        """
        publisher, subscriber = self.join("p"), self.durable("s", receive_maximum=1)
        subscriber.subscribe("t", qos=1)
        publisher.publish("t", b"1", 1)
        publisher.publish("t", b"2", 1)
        publisher.publish("t", b"0")
        self.assertEqual(subscriber.subscribe("u"), [0])
        self.assertEqual(subscriber.heard(), [Publish(b"t", b"1", 1, packet_id=1), Publish(b"t", b"0")])

    def test_policy_bounds_the_window(self) -> None:
        """
        The broker keeps fewer under way than the client would take: 20 on 3.x, 100 on 5.0.
        """
        publisher = self.join("p")
        for version, window in ((3, 20), (4, 20), (5, 100)):
            for join in (self.join, self.durable):
                subscriber = join("s", version)
                subscriber.subscribe("t", qos=1)
                for _ in range(150):
                    publisher.publish("t", b"x", 1)
                self.assertEqual(len(subscriber.inbox), window)
                subscriber.lose()
                self.join("s").leave()

    def test_refusal_by_the_subscriber(self) -> None:
        """
        A subscriber's PUBACK or PUBREC that says no ends the message, and makes room for the next [MQTT5-4.4.0-2].
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            subscriber = join("s", receive_maximum=1)
            subscriber.subscribe("t", qos=2)
            for qos in (1, 2, 1):
                publisher.publish("t", b"%d" % qos, qos)
            subscriber.answer(subscriber.heard()[0], 0x83)
            self.assertEqual(subscriber.heard(), [Publish(b"t", b"2", 2, packet_id=2)])
            subscriber.say(Ack(PUBREC, 2, 0x97))
            self.assertEqual(subscriber.heard(), [Publish(b"t", b"1", 1, packet_id=3)])
            subscriber.say(Ack(PUBACK, 3))
            self.assertEqual(self.stats.queued, 0)
            subscriber.leave(session_expiry_interval=0)

    def test_answers_to_nothing(self) -> None:
        """
        A second acknowledgement of the same message gives the subscriber no more credit than it has.
        """
        publisher, subscriber = self.join("p"), self.durable("s", receive_maximum=1)
        subscriber.subscribe("t", qos=1)
        for number in range(3):
            publisher.publish("t", b"%d" % number, 1)
        (first,) = subscriber.heard()
        for _ in range(3):
            subscriber.answer(first)
        self.assertEqual(subscriber.heard(), [Publish(b"t", b"1", 1, packet_id=2)])


class LargePacketTests(BrokerTestCase):
    def test_too_large(self) -> None:
        """
        A packet larger than the client takes is not sent, counted, and counts as delivered
        [MQTT5-3.1.2-24] [MQTT5-3.1.2-25].
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            subscriber = join("s", maximum_packet_size=50, receive_maximum=2)
            subscriber.subscribe("t", qos=2)
            before = self.stats.dropped_slow
            for qos in (0, 1, 2, 1, 2):
                publisher.publish("t", bytes(50), qos)
            publisher.publish("t", b"small", 2)
            self.assertEqual(subscriber.payloads(), [b"small"])
            self.assertEqual(self.stats.dropped_slow, before + 5)
            self.assertEqual(self.stats.queued, 0)
            subscriber.leave(session_expiry_interval=0)

    def test_too_large_a_share(self) -> None:
        """
        So does a share of a group, at whichever QoS it was granted.
        """
        publisher, member = self.join("p"), self.join("m", maximum_packet_size=50)
        for granted in (0, 1):
            member.subscribe("$share/g/t", qos=granted)
            for qos in (0, 1):
                publisher.publish("t", bytes(50), qos)
            publisher.publish("t", b"small", 1)
            self.assertEqual(member.payloads(), [b"small"])
        self.assertEqual((self.stats.dropped_slow, self.stats.queued), (4, 0))


class SlowReaderTests(BrokerTestCase):
    limits = {"write_buffer": 1_000, "max_queued_messages": 5, "max_inflight_5": 4}

    def test_qos_0_is_dropped(self) -> None:
        """
        A client that does not read loses QoS 0 beyond its write buffer, counted; nobody else notices.
        """
        publisher, slow, quick = self.join("p"), self.join("slow"), self.join("quick")
        for each in (slow, quick):
            each.subscribe("t")
        slow.pause()
        for _ in range(20):
            publisher.publish("t", bytes(100))
            self.assertEqual(len(quick.heard()), 1)
        dropped = self.stats.dropped_slow
        self.assertGreater(dropped, 5)
        slow.resume()
        self.assertEqual(len(slow.heard()), 20 - dropped)
        publisher.publish("t", b"x")
        self.assertEqual(len(slow.heard()), 1)

    def test_qos_1_waits(self) -> None:
        """
        QoS 1 waits in the queue of the one who does not read, as far as there is room, and comes in order.
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            slow = join("slow")
            slow.subscribe("t", qos=1)
            slow.pause()
            reasons = [publisher.publish("t", b"%d" % number, 1) for number in range(7)]
            self.assertEqual(reasons, [0, 0, 0, 0, 0, 0x97, 0x97])
            slow.resume()
            self.assertEqual(slow.payloads(), [b"%d" % number for number in range(5)])
            slow.leave(session_expiry_interval=0)
        self.assertEqual(self.stats.dropped_full, 4)
        self.assertBooksClosed()

    def test_write_limit(self) -> None:
        """
        What leaves in one turn is bounded by the write buffer, and goes on when that has been written.
        """
        publisher = self.join("p")
        for join in (self.join, self.durable):
            subscriber = join("s")
            subscriber.subscribe("t", qos=1)
            publisher.say(*(Publish(b"t", bytes(600), 1, packet_id=number) for number in range(1, 5)))
            self.assertEqual(len(subscriber.payloads()), 4)
            subscriber.leave(session_expiry_interval=0)
        self.assertEqual(self.stats.dropped, 0)

    def test_peer_that_never_reads_is_let_go(self) -> None:
        """
        A client that asks and asks and never reads the answers is cut off, and its session is in order.
        """
        rude, publisher = self.durable("rude"), self.join("p")
        rude.subscribe("t", qos=1)
        rude.pause()
        publisher.publish("t", b"x", 1)
        for _ in range(100):
            if rude.closed is None:
                rude.say(Publish(b"u", b"", 1, packet_id=1))
        assert rude.closed is not None
        self.assertEqual((rude.closed[0], rude.closed[2]), (0x97, True))
        self.assertEqual(self.durable("rude").payloads(), [b"x"])
        self.assertBooksClosed()

    def test_publisher_ended_by_its_own_acknowledgement(self) -> None:
        """
        A publisher whose connection ends while its message is being delivered harms nobody.
        """
        client, other = self.durable("c"), self.join("o")
        for each in (client, other):
            each.subscribe("t", qos=2)
        client.pause()
        heard = 0
        for number in range(1, 60):
            if client.closed is None:
                client.say(Publish(b"t", b"x", 2, packet_id=number))
                heard += len(other.payloads())
        self.assertIsNotNone(client.closed)
        self.assertGreater(heard, 10)
        self.assertBooksClosed()
