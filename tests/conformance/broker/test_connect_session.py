"""
Sessions as CONNECT begins them and CONNACK tells of them (3.1.2.4, 3.1.2.11.2, 3.2.2.1, 3.2.2.3.2).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from tests.conformance.case import BrokerCase
from tests.conformance.peer import Peer, field
from tests.conformance.states import states
from txmqtt.codec.constants import PUBLISH

#: Longer than anybody waits, seconds.
CENTURY = 100 * 365 * 24 * 3600

#: Nothing, and what is the same.
NO_EXPIRY: tuple[dict[str, Any], ...] = ({}, {"session_expiry_interval": 0})


class KeepingTests(BrokerCase):
    def park(self, name: str = "a", qos: int = 2) -> None:
        """
        A client that has subscribed to C{t} is away.
        """
        peer = self.connect(name, keep=True)
        self.assertEqual(peer.subscribe("t", qos=qos), [qos])
        peer.drop()

    def heard(self, peer: Peer) -> list[tuple[bytes, int]]:
        """
        All that waited for it.
        """
        return [(each.payload, each.qos) for each in peer.messages()]

    @states(
        *("MQTT311-3.1.2-4", "MQTT311-3.2.2-2", "MQTT311-3.2.2-3"),
        *("MQTT5-3.1.2-5", "MQTT5-3.1.2-6", "MQTT5-3.2.2-3", "MQTT5-3.1.2-23"),
    )
    def test_found_again(self) -> None:
        """
        Without a clean start a client gets a session, and later finds it as it was.
        """
        peer = self.connect("a", keep=True, present=False)
        peer.subscribe("t", qos=1)
        peer.leave()
        peer = self.connect("a", keep=True, present=True)
        self.connect("p").publish("t", b"x", 1)
        peer.expect(PUBLISH, topic=b"t", payload=b"x", qos=1)

    @states("MQTT311-3.1.2-5", "MQTT5-3.1.2-5", "MQTT31 3.1")
    def test_what_waits(self) -> None:
        """
        What is published at QoS 1 and 2 waits for a client that is away, in order.
        """
        self.park()
        publisher = self.connect("p")
        for number, qos in enumerate((1, 2, 1, 2)):
            publisher.publish("t", b"%d" % number, qos)
        peer = self.connect("a", keep=True)
        self.assertEqual(self.heard(peer), [(b"0", 1), (b"1", 2), (b"2", 1), (b"3", 2)])

    @states(
        *("MQTT311-3.1.2-6", "MQTT311-3.2.2-1", "MQTT311-3.1.4-3"),
        *("MQTT5-3.1.2-4", "MQTT5-3.2.2-2", "MQTT5-3.1.4-4"),
    )
    def test_begun_anew(self) -> None:
        """
        With a clean start nothing of an older session is left, and the CONNACK says that there is none.
        """
        self.park()
        publisher = self.connect("p")
        publisher.publish("t", b"before", 1)
        peer = self.connect("a", keep=True, clean=True, present=False)
        publisher.publish("t", b"after", 1)
        peer.silence()

    @states("MQTT311-3.1.2-6", "MQTT311-3.2.2-3", "MQTT5-3.2.2-3", "MQTT31 3.1")
    def test_not_kept(self) -> None:
        """
        A clean session, on 5.0 one without an expiry, ends with its connection.
        """
        for name in ("leave", "drop"):
            with self.case(name):
                peer = self.connect("a", clean=True)
                peer.subscribe("t", qos=1)
                getattr(peer, name)()
                publisher = self.connect("p")
                publisher.publish("t", b"missed", 1)
                peer = self.connect("a", clean=False, present=False if self.version > 3 else None)
                publisher.publish("t", b"not wanted", 1)
                peer.silence()
                peer.drop()
                self.connect("a").leave()

    @states("MQTT311-3.1.4-3", "MQTT311-3.2.2-2", "MQTT5-3.1.4-4", "MQTT5-3.2.2-3")
    def test_taken_over(self) -> None:
        """
        Who takes over from a connection that is open gets its session too, or a new one, just as it asks.
        """
        older = self.connect("a", keep=True)
        older.subscribe("t", qos=1)
        newer = self.connect("a", keep=True, present=True)
        older.closed(0x8E)
        publisher = self.connect("p")
        publisher.publish("t", b"x", 1)
        self.assertEqual(self.heard(newer), [(b"x", 1)])
        newest = self.connect("a", keep=True, clean=True, present=False)
        publisher.publish("t", b"y", 1)
        newest.silence()

    @states("MQTT311-3.1.2-4", "MQTT5-3.1.2-5", "MQTT311 3.1.2.4")
    def test_what_is_under_way(self) -> None:
        """
        Exchanges that the connection cut short are part of the session.
        """
        self.park()
        publisher = self.connect("p")
        publisher.publish("t", b"1", 1)
        publisher.publish("t", b"2", 2)
        peer = self.connect("a", keep=True)
        first, second = peer.expect(PUBLISH, payload=b"1"), peer.expect(PUBLISH, payload=b"2")
        peer.say(f"50 02 {second.packet_id:04x}")
        peer.expect(f"62 02 {second.packet_id:04x}")
        peer.drop()
        peer = self.connect("a", keep=True)
        again = peer.take(PUBLISH, payload=b"1", dup=True, packet_id=first.packet_id)
        peer.acknowledge(again)
        peer.expect(f"62 02 {second.packet_id:04x}")
        peer.silence()

    @states("MQTT311-3.1.2-7", "MQTT31 3.1")
    def test_retained_messages_stay(self) -> None:
        """
        The end of a publisher's session is not the end of what it has retained.
        """
        for clean in (True, False):
            with self.case(f"clean session {clean}"):
                peer = self.connect("a", clean=clean)
                peer.publish("t", b"stays", 1, retain=True)
                peer.leave()
                self.connect("a", clean=True).leave()
                watcher = self.connect("w")
                watcher.subscribe("t")
                watcher.expect(PUBLISH, payload=b"stays", retain=True)


class ExpiryTests(BrokerCase):
    @states("MQTT5-3.1.2-23", "MQTT5 3.1.2.11.2", "MQTT5-3.2.2-3")
    def test_expiry(self) -> None:
        """
        A session lasts as long as its expiry interval, from the end of its connection, and no longer.
        """
        peer = self.connect("a", clean=False, session_expiry_interval=2)
        self.wait(3)
        peer.drop()
        self.wait(1)
        self.connect("a", clean=False, session_expiry_interval=1, present=True).drop()
        self.wait(2.5)
        self.connect("a", clean=False, present=False)

    @states("MQTT5 3.1.2.11.2", "MQTT5-3.2.2-3")
    def test_no_expiry(self) -> None:
        """
        An interval of 0, and none, ends the session with the connection.
        """
        for properties in NO_EXPIRY:
            with self.case(f"{properties}"):
                self.connect("fleeting", clean=False, present=False, **properties).drop()
                self.wait(0.5)  # until that has been noticed
                self.connect("fleeting", clean=False, present=False).leave()

    @states("MQTT5 3.1.2.11.2")
    def test_the_latest_interval_counts(self) -> None:
        """
        The interval is that of the latest connection.
        """
        self.connect("a", keep=True).drop()
        self.connect("a", clean=False, present=True).drop()
        self.connect("a", clean=False, present=False)

    @states("MQTT5 3.1.2.11.2")
    def test_for_ever(self) -> None:
        """
        With an interval of 0xFFFFFFFF a session never expires.
        """
        self.begin(max_session_expiry=0xFFFFFFFF)
        for interval in (0xFFFFFFFE, 0xFFFFFFFF):
            with self.case(f"{interval:#x}"):
                peer = self.connect("a", clean=False, session_expiry_interval=interval)
                self.assertIsNone(field(peer.connack, "session_expiry_interval"))
                peer.drop()
                Clock.advance(self.world.clock, 2 * CENTURY)  # in one step; the shorter one is 136 years
                self.connect("a", clean=False, present=interval == 0xFFFFFFFF).leave()

    @states("MQTT5 3.2.2.3.2")
    def test_the_brokers_interval(self) -> None:
        """
        A broker that keeps sessions for less than was asked says so in CONNACK, and keeps to it.
        """
        self.begin(max_session_expiry=10)
        peer = self.connect("a", clean=False, session_expiry_interval=5)
        self.assertIsNone(field(peer.connack, "session_expiry_interval"))
        peer.leave()
        for wait, present in ((9, True), (11, False)):
            with self.case(f"{wait} s"):
                peer = self.connect("b", clean=False, session_expiry_interval=100)
                self.assertEqual(field(peer.connack, "session_expiry_interval"), 10)
                peer.drop()
                self.wait(wait)
                self.connect("b", clean=False, present=present)
