"""
Tests of txmqtt.broker.arrival: who is let in, into which session, and what the CONNACK says.
"""

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.broker.support import BrokerTestCase, Peer, Rights, Town, will
from tests.session.support import wordless
from txmqtt.broker.arrival import Arrival
from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connack, Connect, Packet
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
        self.assertEqual(wordless(peer.heard()), expected)
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

    def test_another_users_session_is_discarded(self) -> None:
        """
        Where it is allowed, a client identifier goes to whoever asks for it last; of the session that another user had
        under it nothing is left, and its connection is told.
        """
        self.broker.change_policy(replace(self.broker.policy, other_user="discard"))
        for online in (True, False):
            with self.subTest(online=online):
                owner = self.durable("a", user="alice")
                owner.subscribe("t", qos=1)
                if not online:
                    owner.lose()
                self.broker.publish(b"t", b"private", 1)
                self.town.turn.flush()
                other = self.durable("a", user="bob")
                self.assertFalse(other.present)
                self.assertEqual(other.payloads(), [])
                if online:
                    assert owner.closed is not None
                    self.assertEqual(owner.closed[0], reasons.SESSION_TAKEN_OVER)
                self.assertEqual((self.stats.sessions, self.stats.subscriptions, self.stats.queued), (1, 0, 0))
                other.leave(session_expiry_interval=0)

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


class ArrivalTests(SynchronousTestCase):
    def test_no_delivery_without_credit(self) -> None:
        """
        A backend that delivers to a client who is not in yet breaks its contract, and that is noticed.
        """
        town = Town(Policy())
        peer = Peer(town)
        arrival = Arrival(town.broker, peer.session, Connect("c", 5), None, None, town.broker.terms)
        self.assertRaises(AssertionError, arrival.deliver, Outbound(Message(b"t", b""), 1))
