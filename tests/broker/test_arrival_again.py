"""
Tests of txmqtt.broker.arrival: clients that take a session over or come back to it, and what they find.
"""

from tests.broker.support import BrokerTestCase, Peer, Town
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import Disconnect, Publish


class TakeOverTests(BrokerTestCase):
    def test_old_connection_is_told(self) -> None:
        """
        The older connection of a client ends: 5.0 hears 0x8E, 3.x is closed [MQTT5-3.1.4-3] [MQTT311-3.1.4-2].
        """
        for version in (4, 5):
            for join in (self.join, self.durable):
                old = join("c", version)
                new = join("c", version)
                heard = old.heard()
                if version == 5:
                    (goodbye,) = heard
                    assert isinstance(goodbye, Disconnect)
                    self.assertEqual(goodbye.reason, 0x8E)
                else:
                    self.assertEqual(heard, [])
                assert old.closed is not None
                self.assertEqual(old.closed[0], 0x8E)
                self.assertEqual(new.present, join == self.durable)
                old.lose()
                self.assertIs(self.town.member("c").session, new.session)
                new.leave(**({"session_expiry_interval": 0} if version == 5 and join == self.durable else {}))
                self.join("c", 4).leave()
        self.assertEqual((self.stats.taken_over, self.stats.connections), (4, 0))
        self.assertBooksClosed()

    def test_nothing_is_lost(self) -> None:
        """
        What was under way and what waited comes to the new connection, in order and once.
        """
        publisher, old = self.join("p"), self.durable("c", receive_maximum=3)
        old.subscribe("t", qos=2)
        for number in range(10):
            publisher.publish("t", b"%d" % number, 1 + number % 2)
        first = old.heard()
        self.assertEqual(len(first), 3)
        old.answer(first[0])
        self.assertEqual(self.durable("c").payloads(), [b"%d" % number for number in range(1, 10)])
        self.assertBooksClosed()

    def test_subscriptions_go_along(self) -> None:
        """
        The session keeps its subscriptions; a clean start begins without any.
        """
        publisher = self.join("p")
        self.durable("c").subscribe("t", qos=1)
        again = self.durable("c")
        publisher.publish("t", b"1", 1)
        self.assertEqual(again.payloads(), [b"1"])
        clean = self.join("c", session_expiry_interval=100)
        publisher.publish("t", b"2", 1)
        self.assertEqual((again.payloads(), clean.payloads()), ([], []))
        self.assertEqual(self.stats.subscriptions, 0)

    def test_clean_start_discards(self) -> None:
        """
        A clean start finds nothing of the session that was parked or connected [MQTT5-3.1.2-4] [MQTT311-3.1.2-6].
        """
        publisher = self.join("p")
        for parked in (False, True):
            old = self.durable("c")
            old.subscribe("t", "$share/g/t", qos=1)
            publisher.publish("t", b"x", 1)
            if parked:
                old.lose()
                publisher.publish("t", b"y", 1)
            clean = self.join("c", session_expiry_interval=100)
            self.assertFalse(clean.present)
            self.assertEqual(clean.heard(), [])
            self.assertEqual((self.stats.queued, self.stats.subscriptions, self.stats.shared_subscriptions), (0, 0, 0))
            clean.leave(session_expiry_interval=0)
        self.assertBooksClosed()

    def test_connection_bound_session_is_not_resumed(self) -> None:
        """
        A session without expiry ends with its connection, also when that ends by a take-over.
        """
        self.join("c").subscribe("t")
        again = self.join("c", clean_start=False)
        self.assertFalse(again.present)
        self.assertEqual(self.stats.subscriptions, 0)

    def test_publishing_while_being_taken_over(self) -> None:
        """
        What a client sent before it was taken over counts, what comes after does not.
        """
        subscriber = self.join("s")
        subscriber.subscribe("t")
        old = self.join("c")
        old.publish("t", b"1")
        self.join("c")
        old.say(Publish(b"t", b"2"))
        self.assertEqual(subscriber.payloads(), [b"1"])

    def test_expiry_changes_with_the_connection(self) -> None:
        """
        The session expiry of the newest connection is in force: 0 ends a session that was to last.
        """
        self.durable("c").lose()
        self.join("c", clean_start=False).lose()
        self.assertEqual(len(self.broker.registry), 0)
        self.assertEqual((self.stats.sessions, self.stats.queued), (0, 0))


class ResumptionTests(BrokerTestCase):
    def test_repeats(self) -> None:
        """
        On return PUBRELs come at once in the order of the PUBRECs, then PUBLISHes with DUP under their old
        identifiers, in their old order and within the new window [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] [MQTT311-4.6.0-1].
        """
        for version in (4, 5):
            publisher, old = self.join("p"), self.durable("c", version)
            old.subscribe("t", qos=2)
            for qos in (2, 1, 2, 1, 2):
                publisher.publish("t", b"%d" % qos, qos)
            first = old.heard()
            old.answer(first[4])
            old.answer(first[0])
            self.assertEqual(len(old.heard()), 2)
            old.lose()
            publisher.publish("t", b"new", 1)
            words = {"receive_maximum": 2} if version == 5 else {}
            again = self.durable("c", version, **words)
            released, repeated = again.inbox[:2], again.inbox[2:]
            self.assertEqual([packet.packet_id for packet in released], [5, 1])  # type: ignore[attr-defined]
            expected = [
                Publish(b"t", b"1", 1, False, True, 2),
                Publish(b"t", b"2", 2, False, True, 3),
                Publish(b"t", b"1", 1, False, True, 4),
                Publish(b"t", b"new", 1, False, False, 6),
            ]
            self.assertEqual(repeated, expected[:2] if version == 5 else expected)
            self.assertEqual(again.payloads(), [b"1", b"2", b"1", b"new"])
            again.leave(**({"session_expiry_interval": 0} if version == 5 else {}))
            self.join("c", version).leave()
        self.assertBooksClosed()

    def test_pubrel_without_end(self) -> None:
        """
        A client that never completes QoS 2 is not given more and more of it with each connection.
        """
        publisher = self.join("p")
        client = self.durable("c", receive_maximum=3)
        client.subscribe("t", qos=2)
        for number in range(30):
            publisher.publish("t", b"%d" % number, 2)
        for _ in range(5):
            for packet in client.heard():
                if isinstance(packet, Publish):
                    client.answer(packet)
            client.lose()
            client = self.durable("c", receive_maximum=3)
        self.assertEqual(len(client.inbox), 3)
        self.assertEqual(self.stats.queued, 30)
        self.assertEqual(client.payloads(), [b"%d" % number for number in range(3, 30)])
        self.assertBooksClosed()

    def test_smaller_packets_now(self) -> None:
        """
        What is too large for the new connection counts as delivered, and what comes after it follows at once
        [MQTT5-3.1.2-25].
        """
        publisher, old = self.join("p"), self.durable("c")
        old.subscribe("t", qos=2)
        for payload in (bytes(100), b"small", bytes(101)):
            for qos in (1, 2):
                publisher.publish("t", payload, qos)
        old.heard()
        old.lose()
        for _ in range(5):
            publisher.publish("t", bytes(102), 1)
        publisher.publish("t", b"last", 1)
        again = self.durable("c", maximum_packet_size=60, receive_maximum=2)
        self.assertEqual(again.payloads(), [b"small", b"small", b"last"])
        self.assertEqual(self.stats.queued, 0)
        self.assertEqual(self.stats.dropped_slow, 9)

    def test_thousands_too_large(self) -> None:
        """
        However many of a parked session's messages can't be delivered, those that can are.
        """
        policy = Policy(max_queued_messages=3_001, max_queued_bytes=1 << 30)
        town = Town(policy)
        client = Peer(town)
        client.connect("c", session_expiry_interval=100)
        client.inbox.clear()
        client.subscribe("t", "$share/g/u", qos=1)
        client.lose()
        for topic in (b"t", b"u"):
            for _ in range(3_000):
                town.broker.publish(topic, bytes(100), 1)
            town.broker.publish(topic, b"last", 1)
        client = Peer(town)
        client.connect("c", clean_start=False, session_expiry_interval=100, maximum_packet_size=60)
        self.assertEqual(client.payloads(), [b"last", b"last"])
        self.assertEqual((town.stats.queued, town.stats.dropped_slow), (0, 6_000))

    def test_qos_2_received_before(self) -> None:
        """
        A QoS 2 message that was taken over on an earlier connection is not delivered again on this one
        [MQTT5-4.3.3-10] [MQTT311-4.3.3-2].
        """
        for version in (4, 5):
            subscriber, publisher = self.join("s"), self.durable("c", version)
            subscriber.subscribe("t", qos=2)
            publisher.say(Publish(b"t", b"x", 2, packet_id=9))
            publisher.lose()
            again = self.durable("c", version)
            again.say(Publish(b"t", b"x", 2, dup=True, packet_id=9))
            self.assertEqual(len(again.heard()), 1)
            self.assertEqual(subscriber.payloads(), [b"x"])
            self.join("c", version).leave()
