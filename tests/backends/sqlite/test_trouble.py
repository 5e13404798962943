"""
When the disk fails: nothing is acknowledged that was not written, what needs no disk goes on, and all is well again by
itself when the disk is.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import capturedLogs

from tests.backends.sqlite.support_disk import DiskTestCase
from tests.broker.support import Peer, will
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Packet, Publish, Subscribe, Subscription, Unsubscribe


class TroubleCase(DiskTestCase):
    def trouble(self, where: str = "COMMIT") -> None:
        self.machine.disk.fail(where, "database or disk is full", 13)

    def heal(self) -> None:
        self.machine.disk.heal()
        self.machine.reactor.advance(1.0)

    def said(self, peer: Peer, *packets: Packet) -> list[Packet]:
        peer.say(*packets)
        return peer.heard()


class RefusalTests(TroubleCase):
    def setUp(self) -> None:
        super().setUp()
        self.subscriber = self.durable("s")
        self.subscriber.subscribe("t", qos=2)
        self.five, self.four = self.durable("five"), self.durable("four", 4)

    def test_publish(self) -> None:
        """
        The message in whose transaction the disk fails is refused with 0x97, and those that come while it is broken; a
        3.x client is disconnected so that it sends them again. Then all is accepted again, and each comes once.
        """
        for where in ("INSERT INTO queue", "COMMIT", "BEGIN"):
            with self.subTest(where=where):
                self.trouble(where)
                for packet_id in (1, 2):
                    self.assertEqual(
                        self.said(self.five, Publish(b"t", b"1", 1, packet_id=packet_id)),
                        [Ack(PUBACK, packet_id, 0x97)],
                    )
                    self.assertEqual(self.said(self.five, Publish(b"t", b"2", 2, packet_id=9)), [Ack(PUBREC, 9, 0x97)])
                    for qos in (1, 2):
                        old = self.join("old", 4)
                        self.assertEqual(self.said(old, Publish(b"t", b"3", qos, packet_id=9)), [])
                        assert old.closed is not None
                        self.assertEqual(old.closed[0], 0x97)
                self.assertIn(set(self.subscriber.payloads()), (set(), {b"1"}))  # QoS 1 may have been handed on
                self.heal()
                self.assertEqual(self.said(self.five, Publish(b"t", b"2", 2, packet_id=9)), [Ack(PUBREC, 9)])
                self.assertEqual(self.said(self.five, Ack(PUBREL, 9)), [Ack(PUBCOMP, 9)])
                self.assertEqual(self.subscriber.payloads(), [b"2"])
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
        self.assertEqual(self.rows("SELECT * FROM queue"), [])

    def test_what_needs_no_disk_goes_on(self) -> None:
        """
        QoS 0, and QoS 1 and 2 between clients whose sessions end with their connections, know nothing of it.
        """
        self.trouble()
        self.five.publish("t", b"", 1)
        direct, publisher = self.join("direct"), self.join("publisher", 4)
        direct.subscribe("u", qos=2)
        for qos in (0, 1, 2):
            self.assertIn(publisher.publish("u", b"%d" % qos, qos), (-1, 0))
            self.five.publish("t", b"%d" % qos)
        self.assertEqual(direct.payloads(), [b"0", b"1", b"2"])
        self.assertEqual(self.subscriber.payloads()[-3:], [b"0", b"1", b"2"])

    def test_subscribe(self) -> None:
        """
        A subscription that can't be recorded is refused and not in force; one that can't be given up stays in force.
        """
        direct = self.join("direct")
        self.trouble()
        for packet_id in (1, 2):
            self.assertEqual(
                [packet.reasons for packet in self.said(self.five, Subscribe(packet_id, [Subscription(b"u", 1)]))],  # type: ignore[attr-defined]
                [[0x97]],
            )
            self.assertEqual(
                [packet.reasons for packet in self.said(self.subscriber, Unsubscribe(packet_id, [b"t"]))],  # type: ignore[attr-defined]
                [[0x80]],
            )
        for topic in ("t", "u"):
            direct.publish(topic, b"x")
        self.assertEqual((self.five.payloads(), self.subscriber.payloads()), ([], [b"x"]))
        self.heal()
        self.restart()
        direct = self.join("direct")
        self.assertEqual(self.rows("SELECT filter FROM subscription"), [(b"t",)])
        direct.publish("t", b"y", 1)
        self.assertEqual(self.durable("s").payloads(), [b"y"])

    def test_connect(self) -> None:
        """
        A session that lasts can't be opened meanwhile: 0x88, on 3.x 3. One that was there is there afterwards, as it
        was; a clean session needs no disk.
        """
        self.subscriber.lose()
        self.trouble()
        self.five.publish("t", b"x", 1)
        for version, reason in ((5, 0x88), (4, 3)):
            for name in ("s", "new"):
                peer = self.peer()
                words = {"session_expiry_interval": 100} if version == 5 else {}
                peer.connect(name, version, clean_start=False, **words)
                self.assertEqual([packet.reason for packet in peer.heard() if isinstance(packet, Connack)], [reason])
        self.join("clean", will=will("x")).leave()
        kept = self.join("kept", will=will("x"))
        self.heal()
        self.assertEqual(self.rows("SELECT topic FROM will"), [(b"x",)])
        kept.leave()
        self.assertFalse(self.durable("new").present)
        again = self.durable("s")
        self.assertEqual((again.present, again.payloads()), (True, []))

    def test_connect_that_fails(self) -> None:
        """
        The same holds for the CONNECT in whose own transaction the disk fails.
        """
        for name, present in (("s", True), ("new", False)):
            self.subscriber.lose()
            self.trouble()
            peer = self.peer()
            peer.connect(name, clean_start=False, session_expiry_interval=5, will=will("x"))
            self.assertEqual([packet.reason for packet in peer.heard() if isinstance(packet, Connack)], [0x88])
            self.heal()
            self.assertEqual(self.rows("SELECT * FROM will"), [])
            self.assertEqual(
                self.rows("SELECT expiry FROM session WHERE client_id = 's'"), [(3600,)], "as it was before"
            )
            self.assertEqual(self.durable(name).present, present)

    def test_retained(self) -> None:
        """
        What was refused is not retained: the last that was accepted is. At QoS 0, which nobody can refuse, it is
        retained, and on disk when the disk is well.
        """
        self.five.publish("t", b"old", 1, retain=True)
        self.trouble()
        for payload in (b"new", b""):
            self.assertEqual(self.five.publish("t", payload, 1, retain=True), 0x97)
        self.five.publish("zero", b"0", 0, retain=True)
        watcher = self.join("w")
        watcher.subscribe("#", qos=0)
        self.assertEqual(sorted(watcher.payloads()), [b"0", b"old"])
        self.heal()
        self.assertEqual(sorted(self.rows("SELECT payload FROM retained")), [(b"0",), (b"old",)])
        self.restart()
        self.assertEqual(self.stats.retained, 2)


class RecoveryTests(TroubleCase):
    def test_alarm(self) -> None:
        """
        The log and C{$SYS} say what is wrong, once, and when it is over.
        """
        watcher, publisher = self.join("w"), self.join("p")
        watcher.subscribe("$SYS/broker/store/alarm")
        client = self.durable("c")
        client.subscribe("t", qos=1)
        with capturedLogs() as events:
            self.trouble("INSERT")
            for _ in range(3):
                publisher.publish("t", b"x", 1)
                self.machine.reactor.advance(1.0)
            (alarm,) = watcher.payloads()
            self.heal()
            publisher.publish("t", b"x", 1)
        self.assertIn(b"database or disk is full", alarm)
        self.assertEqual(watcher.payloads(), [b""])
        words = [event["log_format"].format(**event) for event in events]
        self.assertEqual(len(words), 2, words)
        self.assertIn("database or disk is full", words[0])
        self.assertRegex(words[1], "can be written again$")
        late = self.join("late")
        late.subscribe("$SYS/broker/store/alarm")
        self.assertEqual(late.payloads(), [])

    def test_settled_meanwhile(self) -> None:
        """
        What clients acknowledge while the disk is broken is not sent to them again, also after a restart.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=2)
        for number in range(4):
            publisher.publish("t", b"%d" % number, 1 + number % 2)
        self.trouble()
        publisher.publish("t", b"refused", 1)
        for packet in client.heard():
            client.answer(packet)
        self.heal()
        client.finish()
        self.restart()
        self.assertEqual((self.durable("c").finish(), self.stats.queued), ([], 0))

    def test_exactly_once_waits(self) -> None:
        """
        Steps of QoS 2 that are not on record are not taken: they wait for the disk, and go on when it is well.
        """
        client, publisher = self.durable("c"), self.durable("p")
        client.subscribe("t", qos=2)
        publisher.say(Publish(b"t", b"x", 2, packet_id=9))
        (packet,) = client.heard()
        assert isinstance(packet, Publish)
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 9)])
        self.trouble()
        self.join("other").publish("t", b"broken", 1)
        client.say(Ack(PUBREC, packet.packet_id))
        publisher.say(Ack(PUBREL, 9))
        self.assertEqual(([each for each in client.heard() if isinstance(each, Ack)], publisher.heard()), ([], []))
        self.heal()
        self.assertEqual(client.heard(), [Ack(PUBREL, packet.packet_id)])
        self.assertEqual(publisher.heard(), [Ack(PUBCOMP, 9)])

    def test_exactly_once_fails(self) -> None:
        """
        A step in whose own transaction the disk fails ends the connection, and is taken again on the next.
        """
        client, publisher = self.durable("c"), self.durable("p")
        client.subscribe("t", qos=2)
        publisher.say(Publish(b"t", b"x", 2, packet_id=9))
        (packet,) = client.heard()
        assert isinstance(packet, Publish)
        self.trouble()
        client.say(Ack(PUBREC, packet.packet_id))
        assert client.closed is not None and client.closed[0] == 0x97
        self.heal()
        self.trouble()
        publisher.say(Ack(PUBREL, 9))
        assert publisher.closed is not None and publisher.closed[0] == 0x97
        self.heal()
        publisher, client = self.durable("p"), self.durable("c")
        (again,) = client.heard()
        assert isinstance(again, Publish)
        self.assertEqual((again.packet_id, again.dup), (packet.packet_id, True))
        publisher.say(Publish(b"t", b"x", 2, dup=True, packet_id=9))
        publisher.say(Ack(PUBREL, 9))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 9), Ack(PUBCOMP, 9)])
        client.answer(again)
        self.assertEqual(client.finish(), [])
        self.assertEqual(self.stats.queued, 0)

    def test_commit_that_happened(self) -> None:
        """
        When COMMIT fails and the transaction is there all the same, it counts: only the disk knows.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=2)
        client.lose()
        self.machine.disk.commits_anyway = True
        self.trouble()
        publisher.say(Publish(b"t", b"x", 2, packet_id=9))
        self.machine.disk.commits_anyway = False
        self.heal()
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 9)])
        self.heal()
        self.assertEqual(self.durable("c").payloads(), [b"x"])

    def test_will(self) -> None:
        """
        A will that can't be stored for those who are owed it is published again when it can.
        """
        client = self.durable("c")
        client.subscribe("wills", qos=1)
        client.lose()
        mortals = [self.join(name, will=will("wills", name.encode(), 1)) for name in ("first", "second")]
        self.trouble()
        for mortal in mortals:
            mortal.lose()
        self.town.wait(1)
        self.heal()
        self.town.wait(1)
        self.town.wait(1)
        self.assertEqual(sorted(self.durable("c").payloads()), [b"first", b"second"])


class SlowTests(TroubleCase):
    prompt = False

    def join_slowly(self, name: str, **words: Any) -> Peer:
        peer = self.peer()
        peer.connect(name, **words)
        self.finish()
        peer.heard()
        return peer

    def test_slow(self) -> None:
        """
        A disk that needs more than two seconds gets no new messages: they are refused before they are stored. When it
        has caught up all is accepted, and what it was late with is acknowledged then.
        """
        watcher = self.join_slowly("w")
        watcher.say(Subscribe(1, [Subscription(b"$SYS/broker/store/alarm", 0)]))
        watcher.heard()
        client = self.join_slowly("c", session_expiry_interval=100)
        client.say(Subscribe(1, [Subscription(b"t", 1)]))
        self.finish()
        publisher = self.join_slowly("p")
        publisher.say(Publish(b"t", b"1", 1, packet_id=1))
        self.town.turn.now += 3
        publisher.say(Publish(b"t", b"2", 1, packet_id=2))
        self.assertEqual(publisher.heard(), [])
        publisher.say(Publish(b"t", b"3", 1, packet_id=3))
        publisher.say(Publish(b"t", b"4"))
        self.assertEqual(publisher.heard(), [])  # in order: the first goes first
        self.assertRegex(watcher.payloads()[0], b"mqtt.db is 3.0 s behind")
        self.finish()
        self.assertEqual(watcher.payloads(), [b""])
        self.assertEqual(publisher.heard(), [Ack(PUBACK, 1), Ack(PUBACK, 2), Ack(PUBACK, 3, 0x97)])
        heard = [packet.payload for packet in client.heard() if isinstance(packet, Publish)]
        self.assertEqual(heard, [b"1", b"2", b"4"])
        publisher.say(Publish(b"t", b"5", 1, packet_id=5))
        self.finish()
        self.assertEqual(publisher.heard(), [Ack(PUBACK, 5)])

    def test_take_over_while_opening(self) -> None:
        """
        Of two connections that want the same session while the disk takes its time, the last has it; the first is
        told, and hears no more.
        """
        first, second = self.peer(), self.peer()
        for peer in (first, second):
            peer.connect("c", clean_start=False, session_expiry_interval=100)
        self.assertEqual([packet.reason for packet in first.heard() if isinstance(packet, Connack)], [0x88])
        self.assertEqual(second.heard(), [])
        self.finish()
        self.assertEqual([packet.reason for packet in second.heard() if isinstance(packet, Connack)], [0])
        self.assertEqual((first.heard(), self.stats.connections, self.stats.sessions), ([], 1, 1))

    def test_gone_while_opening(self) -> None:
        """
        A client that does not wait for its CONNACK leaves nothing behind that was not there before.
        """
        for before in (False, True):
            peer = self.peer()
            peer.connect("c", clean_start=False, session_expiry_interval=100)
            peer.lose()
            self.finish()
            self.assertEqual((self.stats.connections, self.stats.sessions), (0, before))
            self.assertEqual(len(self.rows("SELECT * FROM session")), before)
            if not before:
                self.join_slowly("c", session_expiry_interval=100).lose()
                self.finish()
