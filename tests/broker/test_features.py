"""
Tests of txmqtt.broker.features: what a listener does not offer is announced, and not to be had.
"""

from __future__ import annotations

from typing import Any

from tests.broker.support import BrokerTestCase, Peer, will
from txmqtt.broker.features import payload_belies
from txmqtt.broker.policy import Policy
from txmqtt.broker.terms import Terms
from txmqtt.codec.packets import Connack, Disconnect, Publish, Subscription
from txmqtt.codec.properties import Properties


class FeatureTestCase(BrokerTestCase):
    """
    A broker with a listener that lacks something.
    """

    def at(self, **limits: Any) -> Peer:
        """
        Somebody at a listener with these limits.
        """
        peer = self.peer()
        peer.terms = Terms(Policy(**limits))
        return peer

    def inside(self, version: int = 5, **limits: Any) -> Peer:
        """
        The same, let in.
        """
        peer = self.at(**limits)
        peer.connect("c", version)
        (connack,) = peer.heard()
        assert isinstance(connack, Connack) and not connack.reason, connack
        peer.last_id = 100
        return peer


class AnnouncementTests(FeatureTestCase):
    def test_table(self) -> None:
        """
        What is not to be had is said in the CONNACK of 5.0, and nothing of it where all is there
        [MQTT5-3.2.2-9] [MQTT5-3.2.2-1].
        """
        for limits, said in (
            ({}, {}),
            ({"max_qos": 2}, {}),
            ({"max_qos": 1}, {"maximum_qos": 1}),
            ({"max_qos": 0}, {"maximum_qos": 0}),
            ({"retain_available": False}, {"retain_available": 0}),
            ({"wildcard_available": False}, {"wildcard_subscription_available": 0}),
            ({"shared_available": False}, {"shared_subscription_available": 0}),
            ({"subscription_identifiers_available": False}, {"subscription_identifier_available": 0}),
        ):
            with self.subTest(limits=limits):
                usual: dict[str, Any] = {"receive_maximum": 100, "maximum_packet_size": 2_097_152}
                peer = self.at(**limits)
                peer.connect("c")
                expected = Properties(**usual, topic_alias_maximum=32, **said)  # type: ignore[arg-type]
                self.assertEqual(peer.heard(), [Connack(0, False, expected)])
                peer.leave()

    def test_old(self) -> None:
        """
        3.x is told nothing: it has no words for it.
        """
        for version in (3, 4):
            peer = self.at(max_qos=0, retain_available=False)
            peer.connect("c", version)
            self.assertEqual(peer.heard(), [Connack(0)])


class PublishTests(FeatureTestCase):
    def test_beyond(self) -> None:
        """
        A PUBLISH that the CONNACK ruled out ends the connection, on 5.0 with the reason; nobody receives it.
        """
        listener = self.join("w")
        listener.subscribe("#")
        for limits, qos, retain, reason in (
            ({"max_qos": 0}, 1, False, 0x9B),
            ({"max_qos": 0}, 2, False, 0x9B),
            ({"max_qos": 1}, 2, False, 0x9B),
            ({"retain_available": False}, 0, True, 0x9A),
            ({"retain_available": False}, 1, True, 0x9A),
            ({"max_qos": 0, "retain_available": False}, 1, True, 0x9B),
        ):
            for version in (3, 4, 5):
                with self.subTest(limits=limits, qos=qos, retain=retain, version=version):
                    peer = self.inside(version, **limits)
                    peer.say(Publish(b"t", b"x", qos, retain, packet_id=7 if qos else 0))
                    heard = [each.reason for each in peer.heard() if isinstance(each, Disconnect)]
                    self.assertEqual(heard, [reason] if version == 5 else [])
                    assert peer.closed is not None
                    self.assertEqual((peer.closed[0], listener.heard()), (reason, []))

    def test_within(self) -> None:
        """
        What is left is done as ever.
        """
        listener = self.join("w")
        listener.subscribe("#", qos=2)
        peer = self.inside(max_qos=1, retain_available=False)
        self.assertEqual((peer.publish("t", b"0"), peer.publish("t", b"1", 1)), (-1, 0))
        self.assertEqual(listener.payloads(), [b"0", b"1"])
        self.assertIsNone(peer.closed)

    def test_after_a_change(self) -> None:
        """
        A change of the configuration holds for those who are connected.
        """
        peer = self.inside()
        self.assertEqual(peer.publish("t", b"1", 2), 0x10)
        self.town.member("c").terms.policy = Policy(max_qos=1)
        peer.publish("t", b"2", 2)
        assert peer.closed is not None
        self.assertEqual(peer.closed[0], 0x9B)


class WillTests(FeatureTestCase):
    def test_refused(self) -> None:
        """
        A will that could not be published as it says keeps its client out [MQTT5-3.2.2-12] [MQTT5-3.2.2-13]; 3.x has no
        code for that, so it is closed without one.
        """
        for limits, last, reason in (
            ({"max_qos": 1}, will("t", qos=2), 0x9B),
            ({"max_qos": 0}, will("t", qos=1), 0x9B),
            ({"retain_available": False}, will("t", retain=True), 0x9A),
            ({"max_qos": 1, "retain_available": False}, will("t", qos=1), 0),
        ):
            for version in (3, 4, 5):
                with self.subTest(limits=limits, version=version):
                    peer = self.at(**limits)
                    peer.connect("c", version, will=last)
                    codes = [each.reason for each in peer.heard() if isinstance(each, Connack)]
                    self.assertEqual(codes, [reason] if version == 5 or not reason else [])
                    self.assertEqual(peer.closed[0] if peer.closed else 0, reason)
                    peer.lose()


class SubscribeTests(FeatureTestCase):
    def test_lower_qos(self) -> None:
        """
        Any QoS may be asked for, and is granted as far as it goes [MQTT5-3.2.2-10].
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                peer = self.inside(version, max_qos=1)
                wanted = [Subscription(b"a", 0), Subscription(b"b", 1), Subscription(b"c/#", 2)]
                self.assertEqual(peer.subscribe(*wanted), [0, 1, 1])
                other = self.join("other")
                other.publish("c/d", b"x", 2)
                self.assertEqual(peer.finish(), [(b"c/d", b"x", 1)])
                for each in (peer, other):
                    each.leave()

    def test_beyond(self) -> None:
        """
        Who subscribes to what the CONNACK ruled out is let go with the reason, and nothing is subscribed; 3.1.1 gets
        0x80 for that filter, 3.1 what it gets for any that is refused.
        """
        for limits, filter, reason in (
            ({"wildcard_available": False}, "a/+", 0xA2),
            ({"wildcard_available": False}, "#", 0xA2),
            ({"wildcard_available": False}, "$share/g/a/#", 0xA2),
            ({"shared_available": False}, "$share/g/a", 0x9E),
            ({"shared_available": False, "wildcard_available": False}, "$share/g/#", 0x9E),
        ):
            for version in (3, 4, 5):
                with self.subTest(limits=limits, filter=filter, version=version):
                    peer = self.inside(version, **limits)
                    if version < 5:
                        self.assertEqual(peer.subscribe("fine", filter), [0, 0x80 if version == 4 else 0])
                        self.assertEqual(self.stats.subscriptions, 1)
                        peer.leave()
                        continue
                    with self.assertRaises(AssertionError):
                        peer.subscribe("fine", filter)
                    self.assertEqual([each.reason for each in peer.heard() if isinstance(each, Disconnect)], [reason])
                    self.assertEqual(self.stats.subscriptions, 0)

    def test_identifier(self) -> None:
        """
        A subscription identifier where there are none ends the connection with 0xA1.
        """
        peer = self.inside(subscription_identifiers_available=False)
        self.assertEqual(peer.subscribe("a"), [0])
        with self.assertRaises(AssertionError):
            peer.subscribe("b", identifier=3)
        self.assertEqual([each.reason for each in peer.heard() if isinstance(each, Disconnect)], [0xA1])

    def test_exact(self) -> None:
        """
        What is left can be subscribed to: without wildcards, and shared without wildcards.
        """
        peer = self.inside(wildcard_available=False)
        self.assertEqual(peer.subscribe("a/b", "$share/g/a/b", identifier=9), [0, 0])

    def test_nothing_retained(self) -> None:
        """
        Where nothing can be retained, nothing that others have retained is sent.
        """
        self.join("other").publish("t", b"kept", retain=True)
        for available, expected in ((True, [b"kept"]), (False, [])):
            peer = self.inside(retain_available=available)
            peer.subscribe("t")
            self.assertEqual(peer.payloads(), expected)
            peer.leave()


class PayloadFormatTests(FeatureTestCase):
    def test_says_nothing(self) -> None:
        """
        A payload that does not say it is text may be anything.
        """
        for said in (None, Properties(), Properties(payload_format_indicator=0)):
            self.assertFalse(payload_belies(b"\xff", said))
        for payload, belied in ((b"\xff", True), (b"ok", False)):
            self.assertEqual(payload_belies(payload, Properties(payload_format_indicator=1)), belied)

    def test_not_text(self) -> None:
        """
        A payload that says it is UTF-8 and is not is refused with 0x99, at QoS 0 dropped and counted, if that was asked
        for; otherwise nobody looks.
        """
        listener = self.join("w")
        listener.subscribe("#", qos=2)
        for payload, says, wrong in (
            (b"gr\xc3\xbc\xc3\x9fe", 1, False),
            (b"", 1, False),
            (b"\xff", 1, True),
            (b"\xed\xa0\x80", 1, True),
            (b"\xff", 0, False),
        ):
            for check in (True, False):
                peer = self.inside(check_payload_format=check)
                for qos in (0, 1, 2):
                    with self.subTest(payload=payload, says=says, check=check, qos=qos):
                        before = self.stats.refused_publishes
                        code = peer.publish("t", payload, qos, payload_format_indicator=says)
                        refused = wrong and check
                        self.assertEqual(code, -1 if not qos else 0x99 if refused else 0)
                        self.assertEqual(listener.payloads(), [] if refused else [payload])
                        self.assertEqual(self.stats.refused_publishes - before, refused)
                self.assertIsNone(peer.closed)
                peer.leave()

    def test_will(self) -> None:
        """
        The same goes for a will: its client is kept out with 0x99.
        """
        for check, reason in ((True, 0x99), (False, 0)):
            peer = self.at(check_payload_format=check)
            peer.connect("c", will=will("t", b"\xff", payload_format_indicator=1))
            self.assertEqual([each.reason for each in peer.heard() if isinstance(each, Connack)], [reason])
            peer.lose()
