"""
Tests of the limits of single messages and packets: topics, filters, payloads, and how long a message lasts.
"""

from __future__ import annotations

from tests.broker.support import BrokerTestCase, Rights, will
from txmqtt.broker.policy import Policy
from txmqtt.broker.retained import Retained
from txmqtt.broker.terms import Terms
from txmqtt.codec.constants import MQTT5, MQTT31, MQTT311
from txmqtt.codec.packets import Connack, Publish
from txmqtt.session.message import Message


class SizeTests(BrokerTestCase):
    limits = {
        "max_topic_bytes": 5,
        "max_filters_per_packet": 2,
        "max_retained_payload": 3,
        "max_will_payload": 4,
    }

    def test_topic(self) -> None:
        """
        A topic that is too long is refused with 0x90, a filter with 0x8F or as 3.1.1 says no, and a will with them.
        """
        peer = self.join("c")
        self.assertEqual(peer.subscribe("12345", "123456"), [0, 0x8F])
        self.assertEqual(peer.subscribe("$share/group/12345"), [0])
        self.assertEqual([peer.publish("12345", qos=1), peer.publish("123456", qos=1)], [0, 0x90])
        self.assertEqual(self.stats.refused_publishes, 1)
        self.assertEqual(self.join("d", MQTT311).subscribe("123456"), [0x80])
        late = self.peer()
        late.connect("e", will=will("123456"))
        connack = late.inbox[0]
        assert isinstance(connack, Connack)
        self.assertEqual(connack.reason, 0x90)

    def test_filters(self) -> None:
        """
        What a SUBSCRIBE has beyond so many filters is refused, each with its own code.
        """
        for version, no in ((MQTT5, 0x97), (MQTT311, 0x80), (MQTT31, 0)):
            peer = self.join(f"c{version}", version)
            self.assertEqual(peer.subscribe("a", "b", "c", "d"), [0, 0, no, no])
            self.assertEqual(len(self.town.member(f"c{version}").grants), 2)

    def test_filters_given_up(self) -> None:
        """
        So is what an UNSUBSCRIBE has beyond them, on 5.0; 3.x can't be told, so there all count.
        """
        for version, left in ((MQTT5, 1), (MQTT311, 0)):
            peer = self.join(f"c{version}", version)
            for filter in "abc":
                peer.subscribe(filter)
            codes = peer.unsubscribe("a", "b", "c")
            self.assertEqual(codes, [0, 0, 0x83] if left else [])
            self.assertEqual(len(self.town.member(f"c{version}").grants), left)

    def test_retained_payload(self) -> None:
        """
        What is too large to be retained is refused like what finds no room: 0x97, or sent on and counted.
        """
        peer, other = self.join("c"), self.join("d")
        other.subscribe("t")
        self.assertEqual(peer.publish("t", b"123", 1, True), 0)
        self.assertEqual(peer.publish("t", b"1234", 1, True), 0x97)
        self.assertEqual(self.stats.retained, 1)
        peer.publish("t", b"5678", 0, True)
        self.assertEqual(other.payloads(), [b"123", b"5678"])
        self.assertEqual((self.stats.retained, self.stats.dropped_retained), (0, 2))

    def test_will(self) -> None:
        """
        A will that is too large is not accepted.
        """
        for version, reason in ((MQTT5, 0x97), (MQTT311, 3)):
            for payload, expected in ((b"1234", 0), (b"12345", reason)):
                peer = self.peer()
                peer.connect(f"w{version}{len(payload)}", version, will=will("t", payload))
                connack = peer.inbox[0]
                assert isinstance(connack, Connack)
                self.assertEqual(connack.reason, expected)


class ExpiryTests(BrokerTestCase):
    limits = {"max_message_expiry": 60}

    def test_cut(self) -> None:
        """
        An interval that is longer or absent becomes the longest that is allowed, on every version; shorter ones stay.
        """
        self.durable("away").subscribe("t", qos=1)
        self.town.member("away").session.lost()  # type: ignore[union-attr]
        for version in (MQTT311, MQTT5):
            self.join(f"c{version}", version).publish("t", b"%d" % version, 1)
        peer = self.join("d")
        peer.publish("t", b"long", 1, message_expiry_interval=1_000)
        peer.publish("t", b"short", 1, message_expiry_interval=10)
        self.town.turn.now += 9
        intervals = {}
        back = self.durable("away")
        for packet in back.heard():
            if isinstance(packet, Publish):
                assert packet.properties is not None
                intervals[packet.payload] = packet.properties.message_expiry_interval
        self.assertEqual(intervals, {b"4": 51, b"5": 51, b"long": 51, b"short": 1})

    def test_counted(self) -> None:
        """
        What is over because of it is counted like all that is over.
        """
        self.durable("away").subscribe("t", qos=1)
        self.town.member("away").session.lost()  # type: ignore[union-attr]
        self.join("c", MQTT311).publish("t", b"x", 1)
        self.town.turn.now += 61
        self.assertEqual(self.durable("away").payloads(), [])
        self.assertEqual(self.stats.dropped_expired, 1)

    def test_wills_and_retained(self) -> None:
        """
        Wills and what is retained last no longer, what the broker says of itself lasts.
        """
        peer = self.join("c", will=will("w", retain=True))
        peer.publish("r", b"kept", 0, True)
        peer.lose()
        self.broker.publish(b"$SYS/x", b"1", 0, True)
        self.assertEqual(self.stats.retained, 3)
        self.town.turn.now += 61
        self.backend_sweep()
        self.assertEqual(self.stats.retained, 1)

    def backend_sweep(self) -> None:
        self.town.backend.sweep(self.town.turn.wall)


class PacingTests(BrokerTestCase):
    limits = {"retained_page": 10}

    def test_a_page_a_turn(self) -> None:
        """
        However much has been retained, one turn sends no more than a page of it, and the next turns the rest, also to
        a client that reads as fast as it is written to.
        """
        for number in range(95):
            self.broker.publish(b"%d" % number, b"x", 0, True)
        peer = self.join("c")
        turns: list[int] = []
        rung = peer.ring

        def ring() -> None:
            turns.append(len(peer.inbox))

        peer.ring = ring  # type: ignore[method-assign]
        peer.subscribe("#")
        while peer.session.resting:
            before = len(peer.inbox)
            peer.session.alarm_at = float("inf")
            peer.session.tick(self.town.turn.now)
            self.town.turn.flush()
            self.assertLessEqual(len(peer.inbox) - before, 10)
        peer.ring = rung  # type: ignore[method-assign]
        self.assertEqual(len(peer.payloads()), 95)

    def test_search_in_steps(self) -> None:
        """
        A search looks at no more than it is told to at a time, and finds in the end what it would at once; what goes
        meanwhile is not found.
        """
        shelf = Retained()
        for a in range(10):
            for b in range(10):
                shelf.keep(Message(b"%d/%d" % (a, b), b"x", 0, True))
        shelf.keep(Message(b"$SYS/1", b"x", 0, True))
        for filter, count in ((b"#", 100), (b"+/1", 10), (b"3/#", 10), (b"+/+", 100), (b"$SYS/#", 1), (b"x/#", 0)):
            search = shelf.search(filter)
            found: list[bytes] = []
            while not search.over:
                page = search.take(3, 0.0)
                self.assertLessEqual(len(page), 4)
                found.extend(message.topic for message in page)
            self.assertEqual((len(found), len(set(found))), (count, count), filter)
        search = shelf.search(b"#")
        search.take(5, 0.0)
        for b in range(10):
            shelf.clear(b"9/%d" % b)
        rest = search.take(1_000, 0.0)
        self.assertTrue(search.over)
        self.assertFalse([message.topic for message in rest if message.topic.startswith(b"9/")])


class RefusedPublishTests(BrokerTestCase):
    limits = {"refused_publish": "disconnect"}

    def test_disconnect(self) -> None:
        """
        A 3.x client that publishes what it may not is let go, also for what only the broker may; 5.0 is told.
        """
        for qos in range(3):
            for topic in ("secret", "$SYS/x"):
                old = self.join("old", MQTT311, rights=Rights(publish=["secret"]))
                old.say(Publish(topic.encode(), b"x", qos, packet_id=qos and 7))
                self.assertIsNotNone(old.closed)
                self.assertEqual(old.heard(), [])
                old.session.lost()
        new = self.join("new", MQTT5, rights=Rights(publish=["secret"]))
        self.assertEqual([new.publish("secret", qos=qos) for qos in range(3)], [-1, 0x87, 0x87])
        self.assertIsNone(new.closed)
        self.assertEqual(self.stats.refused_publishes, 9)

    def test_not_remembered(self) -> None:
        """
        A QoS 2 message that was refused so is not taken: the session that returns begins anew with it.
        """
        old = self.durable("old", MQTT311, rights=Rights(publish=["secret"]))
        old.say(Publish(b"secret", b"x", 2, packet_id=7))
        old.session.lost()
        self.assertEqual(len(self.town.member("old").lease.incoming), 0)


class ByListenerTests(BrokerTestCase):
    def test_will(self) -> None:
        """
        A will lasts as long as the listener allows that its client came to.
        """
        peer = self.peer()
        peer.terms = Terms(Policy(max_message_expiry=60))
        peer.connect("c", will=will("w", retain=True))
        peer.lose()
        self.assertEqual(self.stats.retained, 1)
        self.town.turn.now += 61
        self.town.backend.sweep(self.town.turn.wall)
        self.assertEqual(self.stats.retained, 0)
