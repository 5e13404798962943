"""
PUBLISH on its way to subscribers (sections 3.3.1 to 3.3.5): which they get, how often, and marked how.
"""

from __future__ import annotations

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Publish, Subscription
from txmqtt.net.auth import Realm, User


class Reader(User):
    """
    May publish under C{open} only.
    """

    unrestricted = False

    def may_publish(self, topic: str) -> bool:
        return topic.startswith("open")


class AgainTests(BrokerCase):
    @states("MQTT311-3.3.1-1", "MQTT5-3.3.1-1")
    def test_dup(self) -> None:
        """
        What the broker sends again is marked as such, and nothing else is.
        """
        keeper = self.connect("k", keep=True)
        keeper.subscribe("t", qos=2)
        peer = self.connect("p")
        peer.publish("t", b"1", 1)
        peer.publish("t", b"2", 2)
        first = [keeper.expect(PUBLISH, payload=payload, dup=False).packet_id for payload in (b"1", b"2")]
        keeper.drop()
        peer.publish("t", b"3", 1)
        keeper = self.connect("k", keep=True, present=True)
        for payload, packet_id in zip((b"1", b"2"), first, strict=True):
            keeper.acknowledge(keeper.expect(PUBLISH, payload=payload, dup=True, packet_id=packet_id))
        keeper.acknowledge(keeper.take(PUBLISH, payload=b"3", dup=False))
        keeper.acknowledge(keeper.take(PUBREL))
        peer.publish("t", b"4", 1)
        keeper.expect(PUBLISH, payload=b"4", dup=False)

    @states("MQTT311 3.3.1.1", "MQTT5 3.3.1.1")
    def test_dup_without_a_first(self) -> None:
        """
        A message that is marked as said again, and was never said, is taken as any other.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t", qos=2)
        peer.say(Publish(b"t", b"1", 1, dup=True, packet_id=1), Publish(b"t", b"2", 2, dup=True, packet_id=2))
        peer.expect(PUBACK, packet_id=1)
        peer.expect(PUBREC, packet_id=2)
        peer.say(Ack(PUBREL, 2))
        peer.expect(PUBCOMP, packet_id=2)
        self.assertEqual([(x.payload, x.dup) for x in watcher.messages()], [(b"1", False), (b"2", False)])


class PayloadTests(BrokerCase):
    @states("MQTT311 3.3.3", "MQTT5 3.3.3")
    def test_any(self) -> None:
        """
        A payload is any bytes, and may be empty.
        """
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("t", qos=2)
        for payload in (b"", b"\0", bytes(range(256)), b"\xff" * 100_000):
            for qos in (0, 1, 2):
                peer.publish("t", payload, qos)
                watcher.expect(PUBLISH, payload=payload, qos=qos, topic=b"t")


class MatchTests(BrokerCase):
    @states("MQTT311-3.3.2-3", "MQTT5-3.3.2-3")
    def test_topics_match(self) -> None:
        """
        What comes has the topic that was published, and that matches what was subscribed to.
        """
        topics = (b"a", b"a/b", b"a/b/c", b"a//c", b"/a", b"A", b"a/", b"b")
        peer = self.connect("p")
        for filter, wanted in (
            ("a", {b"a"}),
            ("a/#", {b"a", b"a/b", b"a/b/c", b"a//c", b"a/"}),
            ("a/+", {b"a/b", b"a/"}),
            ("+/+/c", {b"a/b/c", b"a//c"}),
            ("/+", {b"/a"}),
            ("+", {b"a", b"A", b"b"}),
        ):
            with self.case(filter):
                watcher = self.connect("w")
                watcher.subscribe(filter)
                for topic in topics:
                    peer.publish(topic.decode(), topic)
                found = watcher.messages()
                self.assertEqual({each.topic for each in found}, wanted)
                self.assertTrue(all(each.topic == each.payload for each in found))

    def overlapping(self, *qos: int) -> Peer:
        """
        Somebody with three subscriptions that all match C{a/b}.
        """
        watcher = self.connect("w")
        filters = (b"a/b", b"a/+", b"a/#")
        watcher.subscribe(*(Subscription(each, granted) for each, granted in zip(filters, qos, strict=True)))
        return watcher

    @states("MQTT311-3.3.5-1", "MQTT5-3.3.4-2")
    def test_highest_qos(self) -> None:
        """
        Of several subscriptions that match, the one with the highest QoS counts; each may bring a copy of its own.
        """
        peer = self.connect("p")
        for wanted in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 0, 1)):
            watcher = self.overlapping(*wanted)
            for qos in (0, 1, 2):
                with self.case(f"{wanted}, published at {qos}"):
                    peer.publish("a/b", b"x", qos)
                    found = sorted(each.qos for each in watcher.messages())
                    if self.target is None or len(found) == 1:
                        self.assertEqual(found, [min(max(wanted), qos)])
                    else:
                        self.assertEqual(found, sorted(min(each, qos) for each in wanted))

    @states("MQTT5-3.3.4-3", "MQTT5-3.3.4-4")
    def test_identifiers(self) -> None:
        """
        A message says the identifiers of all subscriptions that have brought it, in one copy or in one each.
        """
        watcher, plain = self.connect("w"), self.connect("n")
        watcher.subscribe("a/b", identifier=1)
        watcher.subscribe("a/+", identifier=268_435_455)
        watcher.subscribe("a/#")
        watcher.subscribe("+/c", identifier=3)
        plain.subscribe("a/b")
        self.connect("p").publish("a/b", b"x")
        found = [sorted(field(each, "subscription_identifiers")) for each in watcher.messages()]
        if self.target is None or len(found) == 1:
            self.assertEqual(found, [[1, 268_435_455]])
        else:
            self.assertEqual(sorted(found), [[], [1], [268_435_455]])
        plain.expect(PUBLISH, subscription_identifiers=())

    @states("MQTT5-3.3.4-5", "MQTT5-3.3.4-3")
    def test_copies(self) -> None:
        """
        Where subscriptions bring copies of their own, as a shared one and another do, each copy has its identifier.
        """
        watcher = self.connect("w")
        watcher.subscribe("$share/g/t", identifier=1)
        watcher.subscribe("t", identifier=2)
        watcher.subscribe("$share/h/t")
        self.connect("p").publish("t", b"x")
        found = sorted(tuple(field(each, "subscription_identifiers")) for each in watcher.messages())
        self.assertEqual(found, [(), (1,), (2,)])

    @states("MQTT5 3.3.2.3.8", "MQTT5 3.3.4")
    def test_identifiers_change(self) -> None:
        """
        The identifier of a subscription is the one that it was last made with, also for what was retained and what
        has waited.
        """
        self.connect("p").publish("t", b"kept", 1, retain=True)
        keeper = self.connect("k", keep=True)
        keeper.subscribe("t", qos=1, identifier=5)
        keeper.acknowledge(keeper.expect(PUBLISH, payload=b"kept", subscription_identifiers=(5,)))
        keeper.subscribe("t", qos=1, identifier=6, retain_handling=2)
        keeper.drop()
        self.connect("p").publish("t", b"waits", 1)
        keeper = self.connect("k", keep=True, present=True)
        keeper.acknowledge(keeper.expect(PUBLISH, payload=b"waits", subscription_identifiers=(6,)))
        keeper.subscribe("t", qos=1, retain_handling=2)
        self.connect("p").publish("t", b"now", 1)
        keeper.expect(PUBLISH, payload=b"now", subscription_identifiers=())


class ForbiddenTests(BrokerCase):
    @states("MQTT311-3.3.5-2", "MQTT31 3.3")
    def test_acknowledged(self) -> None:
        """
        What a client may not publish is acknowledged as its QoS asks, because there is no other answer, and reaches
        nobody.
        """
        self.begin(realm=Realm(Reader))
        watcher, peer = self.connect("w"), self.connect("p")
        watcher.subscribe("#")
        for qos in (0, 1, 2):
            self.assertEqual(peer.publish("closed", b"x", qos), 0)
            self.assertEqual(peer.publish("open", b"x", qos), 0)
        self.assertEqual([each.topic for each in watcher.messages()], [b"open"] * 3)

    @states("MQTT311-3.3.5-2")
    def test_disconnected(self) -> None:
        """
        Or the connection is closed, if the broker is told so; there is no acknowledgement then.
        """
        self.begin(realm=Realm(Reader), refused_publish="disconnect")
        watcher = self.connect("w")
        watcher.subscribe("#")
        for qos in (0, 1, 2):
            peer = self.connect("p")
            peer.say(Publish(b"closed", b"x", qos, packet_id=7 if qos else 0))
            peer.closed()
        watcher.silence()
