"""
Tests of the broker over a backend that takes its time: what waits for a ticket, in which order it leaves, and what is
said when the ticket fails.

A failed ticket is never a success: PUBACK, PUBREC and SUBACK say 0x97, UNSUBACK 0x80, CONNACK 0x88; where the packet
can't say it the connection ends, on 3.x always. (Those of subscriptions and of CONNACK stand with their modules.)
"""

from tests.backends.slow import SlowBackend
from tests.broker.support import BrokerTestCase, Peer, will
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Disconnect, Packet, Pingreq, Pingresp, Publish, Subscribe, Subscription


class SlowTestCase(BrokerTestCase):
    """
    @cvar verbs: what takes its time.
    """

    verbs = {"publish"}

    def make_backend(self, *words: object) -> SlowBackend:
        self.slow = SlowBackend(*words)  # type: ignore[arg-type]
        self.slow.slow = set(self.verbs)
        return self.slow

    def assertNotKept(self, peer: Peer) -> None:
        """
        The connection has ended because something could not be kept: 5.0 is told, 3.x is closed.
        """
        assert peer.closed is not None
        self.assertEqual((peer.closed[0], peer.closed[2]), (0x97, False))
        heard = peer.heard()
        if peer.version == 5:
            (goodbye,) = heard
            assert isinstance(goodbye, Disconnect)
            self.assertEqual(goodbye.reason, 0x97)
        else:
            self.assertEqual(heard, [])


class PublishTests(SlowTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.direct, self.kept = self.join("direct"), self.durable("kept")
        for subscriber in (self.direct, self.kept):
            subscriber.subscribe("t", qos=2)

    def test_acknowledged_when_kept(self) -> None:
        """
        PUBACK and PUBREC leave when the message is kept; QoS 1 may go on to those who are served directly at once, QoS
        2 when it is kept.
        """
        for version in (3, 4, 5):
            for join in (self.join, self.durable):
                publisher = join("p", version)
                for qos, answer in ((1, PUBACK), (2, PUBREC)):
                    publisher.say(Publish(b"t", b"x", qos, packet_id=9))
                    self.assertEqual(publisher.heard(), [])
                    self.assertEqual((len(self.direct.inbox), len(self.kept.inbox)), (2 - qos, 0))
                    self.slow.commit()
                    self.assertEqual(publisher.heard(), [Ack(answer, 9)])
                    self.assertEqual((self.direct.payloads(), self.kept.payloads()), ([b"x"], [b"x"]))
                publisher.say(Ack(PUBREL, 9))
                publisher.leave()
                self.join("p", version).leave()

    def test_what_needs_no_disk_does_not_wait(self) -> None:
        """
        A slow disk holds back no PINGRESP, no QoS 0, and no message that need not be kept.
        """
        publisher = self.join("p")
        publisher.say(Publish(b"t", b"1", 1, packet_id=1))
        publisher.say(Pingreq(), Publish(b"t", b"0"), Publish(b"u", b"2", 2, packet_id=2))
        self.assertEqual(publisher.heard(), [Pingresp(), Ack(PUBREC, 2, 0x10)])
        self.assertEqual(self.direct.payloads(), [b"1", b"0"])

    def test_in_order(self) -> None:
        """
        Acknowledgements of a kind leave in the order of their messages, those that need no disk among them
        [MQTT311-4.6.0-2] [MQTT311-4.6.0-3].
        """
        publisher = self.durable("p", 4)
        for packet_id, topic in enumerate((b"t", b"u", b"t"), 1):
            publisher.say(
                Publish(topic, b"x", 1, packet_id=packet_id), Publish(topic, b"x", 2, packet_id=10 + packet_id)
            )
        self.assertEqual(publisher.heard(), [])
        self.slow.commit()
        heard = [(packet.kind, packet.packet_id) for packet in publisher.heard() if isinstance(packet, Ack)]
        self.assertEqual([number for kind, number in heard if kind == PUBACK], [1, 2, 3])
        self.assertEqual([number for kind, number in heard if kind == PUBREC], [11, 12, 13])

    def test_refused(self) -> None:
        """
        What could not be kept is refused with 0x97, and at QoS 2 nobody has it.
        """
        publisher = self.join("p")
        for qos, answer in ((1, PUBACK), (2, PUBREC)):
            publisher.say(Publish(b"t", b"x", qos, packet_id=9))
            self.slow.refuse()
            self.assertEqual(publisher.heard(), [Ack(answer, 9, 0x97)])
            self.assertEqual((len(self.direct.payloads()), self.kept.payloads()), (2 - qos, []))

    def test_refused_on_3(self) -> None:
        """
        3.x has no way to say so, and its connection ends.
        """
        for version in (3, 4):
            for qos in (1, 2):
                publisher = self.join("p", version)
                publisher.say(Publish(b"t", b"x", qos, packet_id=9))
                self.slow.refuse()
                self.assertNotKept(publisher)
                publisher.lose()
                self.direct.payloads()

    def test_refused_and_repeated(self) -> None:
        """
        A refused QoS 2 message that is published again comes once.
        """
        for join in (self.join, self.durable):
            publisher = join("p")
            publisher.say(Publish(b"t", b"x", 2, packet_id=9))
            self.slow.refuse()
            publisher.say(Publish(b"t", b"x", 2, packet_id=9))
            self.slow.commit()
            self.assertEqual(publisher.heard(), [Ack(PUBREC, 9, 0x97), Ack(PUBREC, 9)])
            self.assertEqual((self.direct.payloads(), self.kept.payloads()), ([b"x"], [b"x"]))
            publisher.leave()

    def test_repeated_meanwhile(self) -> None:
        """
        A repeat of what is being kept joins it, also on a new connection: it comes once, and fails with it.
        """
        for failing in (False, True):
            publisher = self.durable("p")
            publisher.say(Publish(b"t", b"x", 2, packet_id=9))
            publisher.say(Publish(b"t", b"x", 2, dup=True, packet_id=9))
            publisher.lose()
            again = self.durable("p")
            again.say(Publish(b"t", b"x", 2, dup=True, packet_id=9))
            self.assertEqual((self.slow.waiting, again.heard()), (["publish"], []))
            if failing:
                self.slow.refuse()
            else:
                self.slow.commit()
            self.assertEqual(again.heard(), [Ack(PUBREC, 9, 0x97 if failing else 0)])
            self.assertEqual(len(self.direct.payloads()), not failing)
            again.say(Ack(PUBREL, 9))
            again.leave(session_expiry_interval=0)

    def test_accepted_and_gone(self) -> None:
        """
        A message that was accepted goes on when it is kept, though its publisher has gone meanwhile.
        """
        for join in (self.join, self.durable):
            publisher = join("p")
            publisher.say(Publish(b"t", b"x", 2, packet_id=9))
            publisher.leave()
            self.slow.commit()
            self.assertEqual((self.direct.payloads(), self.kept.payloads()), ([b"x"], [b"x"]))

    def test_receiver_gone(self) -> None:
        """
        A receiver that has gone meanwhile disturbs nobody; the message is dropped for it, counted.
        """
        publisher = self.join("p")
        publisher.say(Publish(b"t", b"x", 2, packet_id=9))
        self.direct.lose()
        self.kept.leave(session_expiry_interval=0)
        self.slow.commit()
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 9)])
        self.assertEqual((self.stats.queued, self.stats.dropped_ended), (0, 1))
        self.assertBooksClosed()

    def test_no_overtaking(self) -> None:
        """
        A QoS 2 message that need not be kept does not overtake one that must be [MQTT5-4.6.0-5].
        """
        for join in (self.join, self.durable):
            publisher = join("p")
            publisher.say(Publish(b"t", b"1", 2, True, packet_id=1))
            self.kept.unsubscribe("t")
            publisher.say(Publish(b"t", b"2", 2, packet_id=2))
            publisher.say(Publish(b"t", b"3", 2, packet_id=3))
            self.assertEqual(self.direct.payloads(), [])
            self.slow.commit()
            self.assertEqual(self.direct.payloads(), [b"1", b"2", b"3"])
            self.assertEqual(publisher.heard(), [Ack(PUBREC, number) for number in (1, 2, 3)])
            publisher.say(Publish(b"t", b"4", 2, packet_id=4))
            self.slow.commit()
            self.assertEqual(self.direct.payloads(), [b"4"])
            self.kept.finish()
            self.kept.subscribe("t", qos=2)
            self.kept.finish()
            publisher.leave()

    def test_program(self) -> None:
        """
        The same holds for what the program itself publishes, and for wills.
        """
        first = self.broker.publish(b"t", b"1", 2)
        self.kept.unsubscribe("t")
        second = self.broker.publish(b"t", b"2", 2)
        self.town.turn.flush()
        self.assertEqual((first.done, self.direct.payloads()), (False, []))
        self.slow.refuse()
        self.assertEqual((first.reason, second.reason), (0x97, 0))
        self.assertEqual(self.direct.payloads(), [b"2"])


class MemoryOfQos2Tests(SlowTestCase):
    verbs = {"remember"}

    def setUp(self) -> None:
        super().setUp()
        self.publisher = self.join("p")

    def test_publish_waits(self) -> None:
        """
        A QoS 2 PUBLISH to a session that lasts leaves when its identifier is on record; QoS 0 and 1 do not wait.
        """
        client = self.durable("c")
        client.subscribe("t", qos=2)
        for qos in (2, 1, 0, 2):
            self.publisher.publish("t", b"%d" % qos, qos)
        self.assertEqual([packet.payload for packet in client.inbox if isinstance(packet, Publish)], [b"1", b"0"])
        self.slow.commit()
        self.assertEqual(client.payloads()[2:], [b"2", b"2"])

    def test_publish_refused(self) -> None:
        """
        If it can't be recorded the connection ends, and the message waits for the next [MQTT5-4.13.2-1].
        """
        for version in (5, 4):
            client = self.durable("c", version)
            client.subscribe("t", qos=2)
            for number in (1, 2):
                self.publisher.publish("t", b"%d" % number, 2)
            self.slow.refuse()
            self.assertNotKept(client)
            self.slow.commit()
            again = self.durable("c", version)
            self.slow.commit()
            self.assertEqual(
                again.inbox,
                [Publish(b"t", b"1", 2, packet_id=1), Publish(b"t", b"2", 2, packet_id=2)],
            )
            again.leave(**({"session_expiry_interval": 0} if version == 5 else {}))
            self.join("c", version).leave()
        self.assertBooksClosed()

    def test_pubrel_waits(self) -> None:
        """
        PUBREL leaves when the PUBREC is on record, in the order of the PUBRECs [MQTT311-4.6.0-4] [MQTT5-4.3.3-4].
        """
        client = self.received("t", 2)
        client.say(Ack(PUBREC, 2), Ack(PUBREC, 1))
        self.assertEqual(client.heard(), [])
        self.slow.commit(1)
        self.assertEqual(client.heard(), [Ack(PUBREL, 2)])
        self.slow.commit()
        self.assertEqual(client.heard(), [Ack(PUBREL, 1)])

    def received(self, topic: str, count: int, version: int = 5) -> Peer:
        """
        A client that has been sent so many QoS 2 messages.
        """
        client = self.durable("c", version)
        client.subscribe(topic, qos=2)
        for number in range(1, count + 1):
            self.publisher.publish(topic, b"%d" % number, 2)
        self.slow.commit()
        client.heard()
        return client

    def test_pubrel_refused(self) -> None:
        """
        If a PUBREC can't be recorded the connection ends; on the next the message is published again, because no PUBREL
        has left.
        """
        for version in (5, 4):
            client = self.received("t", 1, version)
            client.say(Ack(PUBREC, 1))
            self.slow.refuse()
            self.assertNotKept(client)
            again = self.durable("c", version)
            self.assertEqual(again.heard(), [Publish(b"t", b"1", 2, False, True, 1)])
            again.say(Ack(PUBREC, 1))
            self.slow.commit()
            self.assertEqual(again.heard(), [Ack(PUBREL, 1)])
            again.say(Ack(PUBCOMP, 1))
            self.assertEqual(self.stats.queued, 0)
            again.leave(**({"session_expiry_interval": 0} if version == 5 else {}))
            self.join("c", version).leave()
        self.assertBooksClosed()

    def test_pubcomp_waits(self) -> None:
        """
        PUBCOMP to a session that lasts leaves when the release is on record.
        """
        publisher = self.durable("q")
        publisher.say(Publish(b"t", b"x", 2, packet_id=1), Ack(PUBREL, 1))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 1, 0x10)])
        publisher.say(Pingreq())
        self.slow.commit()
        self.assertEqual(publisher.heard(), [Pingresp(), Ack(PUBCOMP, 1)])

    def test_pubcomp_refused(self) -> None:
        """
        If a release can't be recorded the connection ends, and the identifier is still that of the same message.
        """
        subscriber = self.join("s")
        subscriber.subscribe("t", qos=2)
        for version in (5, 4):
            publisher = self.durable("q", version)
            publisher.say(Publish(b"t", b"x", 2, packet_id=1), Ack(PUBREL, 1))
            publisher.heard()
            self.slow.refuse()
            self.assertNotKept(publisher)
            again = self.durable("q", version)
            again.say(Publish(b"t", b"x", 2, dup=True, packet_id=1), Ack(PUBREL, 1))
            self.slow.commit()
            self.assertEqual(again.heard(), [Ack(PUBREC, 1), Ack(PUBCOMP, 1)])
            self.assertEqual(subscriber.payloads(), [b"x"])
            again.leave(**({"session_expiry_interval": 0} if version == 5 else {}))
            self.join("q", version).leave()

    def test_release_decided_late(self) -> None:
        """
        A release that fails after the identifier has been used again does not take the new message for the old.
        """
        publisher = self.durable("q")
        publisher.say(Publish(b"t", b"1", 2, packet_id=1), Ack(PUBREL, 1), Publish(b"t", b"2", 2, packet_id=1))
        self.assertEqual([packet.kind for packet in publisher.heard()], [PUBREC, PUBREC])
        self.slow.refuse()
        self.assertNotKept(publisher)

    def test_clean_sessions_do_not_wait(self) -> None:
        """
        For a session that ends with its connection nothing is on record, and nothing waits.
        """
        client = self.join("c")
        client.subscribe("t", qos=2)
        self.publisher.publish("t", b"x", 2)
        self.assertEqual(client.payloads(), [b"x"])
        self.assertEqual(self.slow.waiting, [])

    def test_refused_at_once(self) -> None:
        """
        A backend that is out of order from the start lets nobody wait in vain: the connection ends, and the session
        goes on where it was.
        """
        client = self.received("t", 1)
        client.lose()
        self.publisher.publish("t", b"2", 2)
        self.slow.overloaded = True
        peer = self.peer()
        peer.connect("c", clean_start=False, session_expiry_interval=3600)
        assert peer.closed is not None
        self.assertEqual(peer.closed[0], 0x97)
        self.assertEqual((self.stats.connections, self.stats.queued), (1, 2))
        self.slow.overloaded = False
        again = self.durable("c")
        self.slow.commit()
        self.assertEqual(again.heard(), [Publish(b"t", b"1", 2, False, True, 1), Publish(b"t", b"2", 2, packet_id=2)])
        self.publisher.lose()
        self.assertBooksClosed()

    def test_shared_and_refused_at_once(self) -> None:
        """
        In a shared group the others get what such a member could not take.
        """
        member, other = self.join("m"), self.join("o")
        member.subscribe("$share/g/t", qos=2)
        other.subscribe("$share/g/t", qos=1)
        self.slow.overloaded = True
        heard: list[Packet] = []
        for number in range(4):
            self.publisher.publish("t", b"%d" % number, 2)
            heard += other.finish()  # type: ignore[arg-type]
        self.assertEqual(len(heard), 4)
        self.assertIsNotNone(member.closed)
        self.assertEqual(self.stats.queued, 0)

    def test_publisher_to_itself(self) -> None:
        """
        A publisher whose own connection ends because its message could not be sent to it harms nobody.
        """
        for version in (5, 4):
            for qos in (1, 2):
                client = self.durable("c", version)
                client.subscribe("t", qos=2)
                self.slow.overloaded = True
                client.say(Publish(b"t", b"x", 2, packet_id=1), Publish(b"t", b"y", qos, packet_id=2))
                self.assertNotKept(client)
                self.slow.overloaded = False
                again = self.durable("c", version)
                self.slow.commit()
                self.assertEqual([packet.payload for packet in again.heard() if isinstance(packet, Publish)], [b"x"])
                again.lose()
                self.join("c").leave()
        self.assertBooksClosed()

    def test_will_of_one_who_could_not_be_served(self) -> None:
        """
        Where a delivery ends the receiver's connection, its will and all that follows from it are delivered too.
        """
        watcher = self.durable("w")
        watcher.subscribe("wills", qos=1)
        client = self.durable("c", will=will("wills", b"gone", 1))
        client.subscribe("t", qos=2)
        self.slow.overloaded = True
        self.assertEqual(self.publisher.publish("t", b"x", 2), 0)
        self.assertIsNotNone(client.closed)
        self.assertEqual(watcher.payloads(), [b"gone"])
        self.slow.overloaded = False
        self.assertBooksClosed()

    def test_retained_message_that_could_not_be_sent(self) -> None:
        """
        A connection that ends while retained messages are sent to it leaves them waiting for the next.
        """
        for count in (1, 3):
            for number in range(count):
                self.publisher.publish(f"r/{count}/{number}", b"x", 2, True)
            client = self.durable("c")
            self.slow.overloaded = True
            client.say(Subscribe(1, [Subscription(b"r/%d/#" % count, 2)]))
            self.assertIsNotNone(client.closed)
            self.slow.overloaded = False
            self.assertEqual(self.stats.queued, count)
            again = self.durable("c")
            self.slow.commit()
            heard = [packet for packet in again.heard() if isinstance(packet, Publish)]
            self.assertEqual([packet.retain for packet in heard], [True] * count)
            again.leave(session_expiry_interval=0)
        self.assertBooksClosed()


class ChangedHandsTests(SlowTestCase):
    verbs = {"open", "publish", "remember"}

    def test_opened_after_all_else(self) -> None:
        """
        Who takes a session over finds it as it is when everything asked for before has been decided.
        """
        client = self.peer()
        client.connect("c", session_expiry_interval=100)
        self.slow.commit()
        client.subscribe("t", qos=2)
        publisher = self.peer()
        publisher.connect("p")
        self.slow.commit()
        publisher.publish("t", b"1", 2)
        publisher.publish("t", b"2", 2)
        again = self.peer()
        again.connect("c", clean_start=False, session_expiry_interval=100)
        self.slow.commit()
        self.assertEqual(again.payloads(), [b"1", b"2"])
        assert client.closed is not None
        self.assertEqual(client.closed[0], 0x8E)
        self.assertBooksClosed()
