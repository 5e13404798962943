"""
Tests of txmqtt.broker.arrival: who is let in, into which session, and what the CONNACK says.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.slow import SlowBackend
from tests.broker.support import BrokerTestCase, Peer, Rights, Town, will
from txmqtt.broker.arrival import Arrival
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import Connack, Connect, Disconnect, Packet, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message
from txmqtt.session.outgoing import Outbound


class ConnackTests(BrokerTestCase):
    def answer(self, *words: object, **more: object) -> Packet:
        peer = self.peer()
        peer.connect(*words, **more)  # type: ignore[arg-type]
        return peer.inbox[0]

    def test_what_is_agreed(self) -> None:
        """
        A 5.0 client is told what is in force here where it differs from what it would assume.
        """
        self.assertEqual(
            self.answer("a"),
            Connack(0, False, Properties(receive_maximum=100, maximum_packet_size=2_097_152, topic_alias_maximum=32)),
        )
        for version in (3, 4):
            self.assertEqual(self.answer("b", version), Connack(0))

    def test_session_present(self) -> None:
        """
        Session present is said when there is one and it was not to be discarded
        [MQTT5-3.2.2-2] [MQTT5-3.2.2-3] [MQTT311-3.2.2-1] [MQTT311-3.2.2-2] [MQTT311-3.2.2-3]; 3.1 cannot say it.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                name = f"client{version}"
                present = []
                for clean in (False, False, True, False):
                    peer = self.join(name, version, clean_start=clean, **self.lasting(version))
                    present.append(peer.present)
                    peer.lose()
                # Clean session on 3.x also means that the session ends with the connection.
                self.assertEqual(present, [False, version > 3, False, version == 5])

    def lasting(self, version: int) -> dict[str, Any]:
        return {"session_expiry_interval": 100} if version == 5 else {}

    def test_assigned_identifier(self) -> None:
        """
        Who brings no identifier is given one of its own, and on 5.0 told which
        [MQTT5-3.1.3-6] [MQTT5-3.1.3-7] [MQTT5-3.2.2-16] [MQTT311-3.1.3-6].
        """
        for version in (4, 5):
            names = []
            for _ in range(2):
                peer = self.join("", version)
                names.append(peer.session.client_id)
            self.assertEqual(len(set(names)), 2)
        connack = self.answer("")
        assert isinstance(connack, Connack) and connack.properties is not None
        self.assertEqual(connack.properties.assigned_client_identifier, "auto-token5")
        assert self.town.member("auto-token5").session is not None

    def test_no_identifier_for_a_session_that_lasts(self) -> None:
        """
        On 3.1.1 a session that is to last needs an identifier, on 3.1 every one: return code 2 [MQTT311-3.1.3-8].
        """
        for version, body in ((4, b"\0\4MQTT\4\0\0\0\0\0"), (3, b"\0\6MQIsdp\3\2\0\0\0\0")):
            peer = self.peer()
            peer.decoder.version = peer.version = version
            peer.feed(bytes((0x10, len(body))) + body)
            self.assertEqual(peer.heard(), [Connack(2)])
            assert peer.closed is not None
            self.assertEqual(peer.closed[0], 0x85)

    def test_session_expiry_is_capped(self) -> None:
        """
        A session expiry interval beyond what the policy allows is cut, and a 5.0 client told to what.
        """
        for asked, given in ((0xFFFFFFFF, 14 * 24 * 3600), (14 * 24 * 3600 + 1, 14 * 24 * 3600), (100, None)):
            connack = self.answer(f"c{asked}", session_expiry_interval=asked)
            assert isinstance(connack, Connack) and connack.properties is not None
            self.assertEqual(connack.properties.session_expiry_interval, given)


class KeepAliveTests(BrokerTestCase):
    limits = {"max_keep_alive": 60, "receive_maximum": 65_535, "topic_alias_maximum": 0}

    def test_server_keep_alive(self) -> None:
        """
        A 5.0 client that asks for a longer keep-alive than the policy allows, or for none, is told the one in force.
        """
        for asked, told in ((0, 60), (61, 60), (60, None), (1, None)):
            peer = self.peer()
            peer.connect(f"c{asked}", keep_alive=asked)
            (connack,) = peer.heard()
            self.assertEqual(
                connack, Connack(0, False, Properties(maximum_packet_size=2_097_152, server_keep_alive=told))
            )
            self.assertEqual(peer.session.keep_alive, told or asked)
            old = self.join(f"o{asked}", 4, keep_alive=asked)
            self.assertEqual(old.session.keep_alive, asked)


class RefusalTests(BrokerTestCase):
    limits = {"max_connections": 2, "max_sessions": 3, "max_topic_levels": 3}

    def refused(self, peer: Peer, reason: int, code: int) -> None:
        """
        The broker said no, with this reason on 5.0 and this return code on 3.x (-1: nothing is said).
        """
        expected = [Connack(reason)] if peer.version == 5 else [Connack(code)] if code >= 0 else []
        self.assertEqual(peer.heard(), expected)
        assert peer.closed is not None
        self.assertEqual(peer.admissions, 0)
        self.assertIsNone(peer.session.member)

    def test_too_many_connections(self) -> None:
        """
        A connection too many is refused, 0x97 (3.x: server unavailable); one that replaces another is not too many.
        """
        self.join("a"), self.join("b", 4)
        for version in (3, 4, 5):
            peer = self.peer()
            peer.connect("c", version)
            self.refused(peer, 0x97, 3)
        self.join("a").lose()
        self.join("c")
        self.assertEqual(self.stats.connections, 2)

    def test_too_many_sessions(self) -> None:
        """
        A session too many is refused; those that are parked count, and may return.
        """
        for name in ("a", "b", "c"):
            self.durable(name).lose()
        for version in (4, 5):
            peer = self.peer()
            peer.connect("d", version)
            self.refused(peer, 0x97, 3)
        self.durable("b").leave(session_expiry_interval=0)
        self.join("d")
        self.assertEqual(self.stats.sessions, 3)

    def test_another_users_session(self) -> None:
        """
        A session belongs to its user: nobody else resumes it, takes it over or discards it.
        """
        owner = self.durable("a", user="alice")
        owner.subscribe("t", qos=1)
        for online in (True, False):
            for version in (4, 5):
                for user in ("bob", None):
                    for clean in (True, False):
                        peer = self.peer(user)
                        peer.connect("a", version, clean_start=clean)
                        self.refused(peer, 0x85, 2)
            self.assertEqual(owner.closed is None, online)
            owner.lose()
            owner.closed = (0, "", False)
        self.assertTrue(self.durable("a", user="alice").present)

    def test_will_that_may_not_be_published(self) -> None:
        """
        A will that its client may not publish is refused at CONNECT.
        """
        for topic, reason, code in (("secret", 0x87, 5), ("$SYS/x", 0x87, 5), ("a/b/c/d", 0x90, -1)):
            for version in (4, 5):
                with self.subTest(topic=topic, version=version):
                    peer = self.peer(rights=Rights(publish=["secret"]))
                    peer.connect("a", version, will=will(topic))
                    self.refused(peer, reason, code)
        self.join("a", rights=Rights(publish=["secret"]), will=will("public"))

    def test_shutting_down(self) -> None:
        """
        Nobody is let in while the broker shuts down.
        """
        self.broker.shut("the end")
        for version in (4, 5):
            peer = self.peer()
            peer.connect("a", version)
            self.refused(peer, 0x88, 3)


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
        On return PUBRELs come at once in the order of the PUBRECs, then PUBLISHes with DUP under their old identifiers, in
        their old order and within the new window [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] [MQTT311-4.6.0-1].
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

    def test_ten_thousand_too_large(self) -> None:
        """
        However many of a parked session's messages can't be delivered, those that can are.
        """
        policy = Policy(max_queued_messages=10_001, max_queued_bytes=1 << 30)
        town = Town(policy)
        client = Peer(town)
        client.connect("c", session_expiry_interval=100)
        client.inbox.clear()
        client.subscribe("t", "$share/g/u", qos=1)
        client.lose()
        for topic in (b"t", b"u"):
            for _ in range(10_000):
                town.broker.publish(topic, bytes(100), 1)
            town.broker.publish(topic, b"last", 1)
        client = Peer(town)
        client.connect("c", clean_start=False, session_expiry_interval=100, maximum_packet_size=60)
        self.assertEqual(client.payloads(), [b"last", b"last"])
        self.assertEqual((town.stats.queued, town.stats.dropped_slow), (0, 20_000))

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


class OpeningTests(BrokerTestCase):
    """
    With a backend that takes its time to open a session.
    """

    limits = {"max_connections": 3, "max_sessions": 2}

    def make_backend(self, *words: object) -> SlowBackend:
        self.slow = SlowBackend(*words)  # type: ignore[arg-type]
        self.slow.slow = {"open"}
        return self.slow

    def connecting(self, client_id: str, version: int = 5, **words: object) -> Peer:
        peer = self.peer()
        peer.connect(client_id, version, **words)
        self.assertEqual(peer.heard(), [])
        return peer

    def test_nothing_precedes_connack(self) -> None:
        """
        While a session is being opened nothing is said, and what the client said meanwhile is heard after CONNACK
        [MQTT5-3.2.0-1] [MQTT311-3.2.0-1].
        """
        peer = self.connecting("c")
        peer.say(Publish(b"t", b"x", 1, packet_id=1))
        self.assertEqual((peer.heard(), self.stats.publish_received, peer.admissions), ([], 0, 0))
        self.slow.commit()
        connack, puback = peer.heard()
        self.assertEqual((connack.kind, puback.kind, peer.admissions), (2, 4, 1))

    def test_taken_over_while_opening(self) -> None:
        """
        A client that is taken over before it is in hears so in its CONNACK [MQTT5-3.14.0-1].
        """
        for version, reason in ((5, 0x88), (4, 3)):
            first, second = self.connecting("c", version), self.connecting("c", version)
            self.assertEqual(first.heard(), [Connack(reason)])
            self.assertIsNotNone(first.closed)
            first.lose()
            self.slow.commit()
            connack = second.heard()[0]
            assert isinstance(connack, Connack)
            self.assertEqual(connack.reason, 0)
            second.lose()
        self.assertEqual((self.stats.connections, self.stats.connections_total), (0, 2))
        self.assertBooksClosed()

    def test_lost_while_opening(self) -> None:
        """
        A connection that ends before its session is opened leaves nothing behind, and a parked session where it was.
        """
        self.connecting("new", session_expiry_interval=100).lose()
        self.slow.commit()
        self.assertEqual((len(self.broker.registry), self.stats.connections), (0, 0))
        self.connecting("old", session_expiry_interval=100)
        self.slow.commit()
        self.town.member("old").session.lost()  # type: ignore[union-attr]
        self.town.wait(50)
        self.connecting("old", session_expiry_interval=100, clean_start=False).lose()
        self.slow.commit()
        self.assertEqual(self.stats.sessions, 1)
        self.town.wait(50)
        self.assertEqual(self.stats.sessions, 0)
        peer = self.connecting("new", session_expiry_interval=100, clean_start=False)
        self.slow.commit()
        connack = peer.heard()[0]
        assert isinstance(connack, Connack)
        self.assertFalse(connack.session_present)
        self.assertBooksClosed()

    def test_refused_by_the_disk(self) -> None:
        """
        A session that can't be opened: CONNACK 0x88, on 3.x server unavailable.
        """
        for version, reason in ((5, 0x88), (4, 3), (3, 3)):
            peer = self.connecting("c", version)
            self.slow.refuse(0x88)
            self.assertEqual(peer.heard(), [Connack(reason)])
            self.assertIsNotNone(peer.closed)
        self.assertBooksClosed()

    def test_shut_while_opening(self) -> None:
        """
        Shutdown while a session is being opened: CONNACK 0x88, on 3.x server unavailable; no DISCONNECT.
        """
        new, old = self.connecting("new"), self.connecting("old", 4)
        self.broker.shut("the end")
        self.assertEqual((new.heard(), old.heard()), ([Connack(0x88)], [Connack(3)]))
        self.slow.commit()
        self.assertEqual((self.stats.connections, self.broker.arrivals), (0, {}))
        self.assertBooksClosed()

    def test_those_on_the_threshold_count(self) -> None:
        """
        Who waits for a session takes a place already, so a slow disk does not let in more than are allowed.
        """
        self.connecting("a"), self.connecting("b")
        for name in ("c", "d"):
            peer = self.peer()
            peer.connect(name)
            self.assertEqual(peer.heard(), [Connack(0x97)])
        self.slow.commit()
        self.assertEqual((self.stats.connections, self.stats.sessions), (2, 2))

    def test_expired_while_opening(self) -> None:
        """
        A session whose time is over while it is being opened is a new one when it is.
        """
        self.connecting("c", session_expiry_interval=10)
        self.slow.commit()
        self.town.member("c").session.lost()  # type: ignore[union-attr]
        peer = self.connecting("c", clean_start=False, session_expiry_interval=10)
        self.town.wait(11)
        self.slow.commit()
        connack = peer.heard()[0]
        assert isinstance(connack, Connack)
        self.assertFalse(connack.session_present)
        self.assertEqual((self.stats.sessions, self.stats.sessions_expired), (1, 1))
        self.assertBooksClosed()


class ArrivalTests(SynchronousTestCase):
    def test_no_delivery_without_credit(self) -> None:
        """
        A backend that delivers to a client who is not in yet breaks its contract, and that is noticed.
        """
        town = Town(Policy())
        peer = Peer(town)
        arrival = Arrival(town.broker, peer.session, Connect("c", 5), None, None, town.broker.mount())
        self.assertRaises(AssertionError, arrival.deliver, Outbound(Message(b"t", b""), 1))
