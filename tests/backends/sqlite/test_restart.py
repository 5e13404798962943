"""
What survives a restart: kill -9 at any moment loses nothing that was acknowledged and doubles nothing at QoS 2.
"""

from __future__ import annotations

from tests.backends.sqlite.support_disk import DiskTestCase
from tests.broker.support import will
from txmqtt.backends.sqlite.backend import SqliteBackend
from txmqtt.codec.constants import PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Publish, Subscription
from txmqtt.codec.properties import Properties


class SessionTests(DiskTestCase):
    def test_session_and_subscriptions(self) -> None:
        """
        A session is there after the restart, with its subscriptions, their options and identifiers; one that is
        unsubscribed, or ended, is not.
        """
        client = self.durable("c")
        client.subscribe(Subscription(b"t", 1, no_local=True), identifier=7)
        client.subscribe(Subscription(b"u/#", 2, retain_as_published=True), identifier=8)
        client.subscribe("gone", qos=1)
        client.unsubscribe("gone")
        self.durable("ended").leave(session_expiry_interval=0)
        self.restart()
        self.assertEqual((self.stats.sessions, self.stats.subscriptions), (1, 2))
        again, publisher = self.durable("c"), self.join("p")
        self.assertTrue(again.present)
        self.assertFalse(self.durable("ended").present)
        publisher.publish("gone", b"", 1)
        publisher.publish("u/v", b"retained", 2, retain=True)
        publisher.publish("t", b"other", 1)
        again.publish("t", b"own", 1)
        heard = [packet for packet in again.heard() if isinstance(packet, Publish)]
        said = [
            (
                packet.payload,
                packet.qos,
                packet.retain,
                packet.properties and packet.properties.subscription_identifiers,
            )
            for packet in heard
        ]
        self.assertEqual(said, [(b"other", 1, False, (7,)), (b"retained", 2, True, (8,))][::-1])

    def test_its_user(self) -> None:
        """
        A session is its user's after the restart too.
        """
        self.durable("c", user="ann").leave()
        self.restart()
        stranger = self.peer("bob")
        stranger.connect("c", clean_start=False)
        self.assertEqual([packet.reason for packet in stranger.heard() if isinstance(packet, Connack)], [0x85])
        self.assertTrue(self.durable("c", user="ann").present)

    def test_clean_session_does_not_survive(self) -> None:
        """
        A session that ends with its connection ended with the broker, on disk too.
        """
        self.join("c").subscribe("t", qos=1)
        self.restart()
        self.assertEqual((self.stats.sessions, self.stats.subscriptions), (0, 0))
        self.assertDiskEmpty()

    def test_expiry_counts(self) -> None:
        """
        The time that the broker was away counts for the sessions that were parked before; those that were connected
        at the end have their time from the restart on, for nobody knows when that was.
        """
        self.durable("parked", session_expiry_interval=100).leave(session_expiry_interval=100)
        self.durable("connected", session_expiry_interval=100)
        self.restart(60)
        self.town.wait(39)
        self.assertEqual(self.stats.sessions, 2)
        self.town.wait(2)
        self.assertEqual(self.stats.sessions, 1)
        self.town.wait(60)
        self.assertEqual(self.stats.sessions, 0)
        self.assertDiskEmpty()

    def test_stopped(self) -> None:
        """
        A broker that is stopped as it should be leaves no less, and it knows when its clients had to go.
        """
        self.durable("c", session_expiry_interval=100).subscribe("t", qos=1)
        self.stop(60)
        self.assertEqual((self.stats.sessions, self.stats.subscriptions), (1, 1))
        self.town.wait(41)
        self.assertEqual(self.stats.sessions, 0)

    def test_totals(self) -> None:
        """
        Counters count on after a stop.
        """
        self.join("c").publish("t", b"x", 1)
        received = self.town.turn.bytes_received
        self.stop()
        self.assertEqual((self.stats.publish_received, self.stats.connections_total), (1, 1))
        self.assertEqual((self.town.turn.bytes_received, self.stats.connections), (received, 0))

    def test_notes(self) -> None:
        """
        What is noted under a name is there after a stop, as it was said last, and what never was is None.
        """
        backend = self.town.backend
        assert isinstance(backend, SqliteBackend)
        backend.note("bans", {"bans": []})
        backend.note("bans", {"bans": [["192.0.2.1", 5.5, True]]})
        self.stop()
        again = self.town.backend
        assert isinstance(again, SqliteBackend)
        self.assertEqual(again.noted("bans"), {"bans": [["192.0.2.1", 5.5, True]]})
        self.assertIsNone(again.noted("else"))


class QueueTests(DiskTestCase):
    limits = {"queue_page": 4}

    def test_in_order(self) -> None:
        """
        What a session is owed comes in order after the restart, whole, however much it is.
        """
        client, publisher = self.durable("c", receive_maximum=3), self.join("p")
        client.subscribe("t", qos=2)
        client.lose()
        pairs = (("a", "1"), ("b", "2"))
        for number in range(25):
            publisher.publish("t", b"%d" % number, 1 + number % 2, user_properties=pairs, content_type="text/plain")
        self.restart()
        self.assertEqual(self.stats.queued, 25)
        again = self.durable("c", receive_maximum=3)
        taken = []
        while packets := again.heard():
            for packet in packets:
                if isinstance(packet, Publish):
                    self.assertEqual(
                        packet.properties, Properties(user_properties=pairs, content_type="text/plain"), packet
                    )
                    taken.append((packet.payload, packet.qos))
                again.answer(packet)
        for qos in (1, 2):
            mine = [payload for payload, its in taken if its == qos]
            self.assertEqual(mine, [b"%d" % number for number in range(25) if 1 + number % 2 == qos])
        self.assertEqual((self.stats.queued, self.stats.queued_bytes), (0, 0))
        self.assertEqual(self.rows("SELECT * FROM queue"), [])

    def test_one_message_for_many(self) -> None:
        """
        A message that many are owed is stored once, comes to each, and goes when the last has it.
        """
        names = [f"c{number}" for number in range(5)]
        for name in names:
            client = self.durable(name)
            client.subscribe("t", qos=1)
            client.lose()
        self.join("p").publish("t", bytes(1_000), 1)
        self.assertEqual(self.rows("SELECT count(*) FROM message")[0], (1,))
        self.restart()
        for name in names:
            self.assertEqual(len(self.rows("SELECT * FROM message")), 1)
            self.assertEqual(self.durable(name).payloads(), [bytes(1_000)])
        self.assertEqual((self.rows("SELECT * FROM message"), self.stats.queued), ([], 0))

    def test_expired_while_away(self) -> None:
        """
        A message's time goes on while the broker is away: what is over is dropped and counted, the rest says what is
        left.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=1)
        client.lose()
        for seconds in (10, 100):
            publisher.publish("t", b"%d" % seconds, 1, message_expiry_interval=seconds)
        self.restart(50)
        (packet,) = [packet for packet in self.durable("c").heard() if isinstance(packet, Publish)]
        assert packet.properties is not None
        self.assertEqual((packet.payload, packet.properties.message_expiry_interval), (b"100", 50))
        self.assertEqual(self.stats.dropped_expired, 1)

    def test_expired_behind(self) -> None:
        """
        What expires while nobody looks is let go of by the sweep, on disk too, and makes room.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=1)
        client.lose()
        for number in range(8):
            publisher.publish("t", b"%d" % number, 1, message_expiry_interval=10 if number % 2 else 100)
        self.town.wait(20)
        self.town.backend.sweep(self.town.turn.wall)
        self.assertEqual((self.stats.queued, self.stats.dropped_expired), (4, 4))
        self.town.turn.flush()
        self.assertEqual(len(self.rows("SELECT * FROM queue")), 4)
        self.assertEqual(self.durable("c").payloads(), [b"0", b"2", b"4", b"6"])

    def test_sent_at_qos_1(self) -> None:
        """
        What had been sent and not acknowledged goes again, with DUP, under its identifier, before anything else.
        """
        client, publisher = self.durable("c", receive_maximum=2), self.join("p")
        client.subscribe("t", qos=1)
        for number in range(4):
            publisher.publish("t", b"%d" % number, 1)
        first = [packet for packet in client.heard() if isinstance(packet, Publish)]
        self.assertEqual([(packet.payload, packet.dup) for packet in first], [(b"0", False), (b"1", False)])
        self.restart()
        again = self.durable("c")
        heard = [packet for packet in again.heard() if isinstance(packet, Publish)]
        self.assertEqual(
            [(packet.payload, packet.dup) for packet in heard],
            [(b"0", True), (b"1", True), (b"2", False), (b"3", False)],
        )
        self.assertEqual([packet.packet_id for packet in heard[:2]], [packet.packet_id for packet in first])

    def test_settled_does_not_come_back(self) -> None:
        """
        What was acknowledged does not come again.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=2)
        for number in range(4):
            publisher.publish("t", b"%d" % number, 1 + number % 2)
        self.assertEqual(len(client.finish()), 4)
        self.restart()
        again = self.durable("c")
        self.assertEqual((again.finish(), self.stats.queued), ([], 0))


class ExactlyOnceTests(DiskTestCase):
    def test_received(self) -> None:
        """
        A QoS 2 message that was answered and not released is the same message when it is repeated after the restart,
        and its identifier a new one once it is released.
        """
        watcher, publisher = self.durable("w"), self.durable("p")
        watcher.subscribe("t", qos=2)
        publisher.say(Publish(b"t", b"1", 2, packet_id=9))
        self.assertEqual(publisher.heard(), [Ack(PUBREC, 9)])
        self.assertEqual(watcher.payloads(), [b"1"])
        for _ in range(2):
            self.restart()
            watcher, publisher = self.durable("w"), self.durable("p")
            publisher.say(Publish(b"t", b"1", 2, dup=True, packet_id=9))
            self.assertEqual((publisher.heard(), watcher.payloads()), ([Ack(PUBREC, 9)], []))
        publisher.say(Ack(PUBREL, 9))
        self.assertEqual(publisher.heard(), [Ack(PUBCOMP, 9)])
        self.restart()
        watcher, publisher = self.durable("w"), self.durable("p")
        publisher.say(Ack(PUBREL, 9))
        self.assertEqual(publisher.heard(), [Ack(PUBCOMP, 9, 0x92)])
        publisher.say(Publish(b"t", b"2", 2, packet_id=9))
        self.assertEqual(watcher.payloads(), [b"2"])

    def test_sent(self) -> None:
        """
        A QoS 2 message that had been sent goes again under its identifier; one that its receiver took over is only
        released again, in the order of the PUBRECs.
        """
        client, publisher = self.durable("c"), self.join("p")
        client.subscribe("t", qos=2)
        for number in range(3):
            publisher.publish("t", b"%d" % number, 2)
        ids = [packet.packet_id for packet in client.heard() if isinstance(packet, Publish)]
        for packet_id in (ids[2], ids[0]):
            client.say(Ack(PUBREC, packet_id))
        self.assertEqual(client.heard(), [Ack(PUBREL, ids[2]), Ack(PUBREL, ids[0])])
        self.restart()
        again = self.durable("c")
        heard = again.heard()
        self.assertEqual(heard[:2], [Ack(PUBREL, ids[2]), Ack(PUBREL, ids[0])])
        (packet,) = heard[2:]
        assert isinstance(packet, Publish)
        self.assertEqual((packet.payload, packet.dup, packet.packet_id), (b"1", True, ids[1]))
        for packet in heard:
            again.answer(packet)
        self.assertEqual(again.finish(), [])
        self.assertEqual((self.stats.queued, self.rows("SELECT * FROM flight")), (0, []))

    def test_identifiers_are_not_given_twice(self) -> None:
        """
        An identifier that is in use after the restart is not given to another message.
        """
        client, publisher = self.durable("c", receive_maximum=2), self.join("p")
        client.subscribe("t", qos=2)
        for number in range(2):
            publisher.publish("t", b"%d" % number, 1 + number)
        self.restart()
        publisher, again = self.join("p"), self.durable("c", receive_maximum=5)
        for number in range(2, 5):
            publisher.publish("t", b"%d" % number, 1)
        ids = [packet.packet_id for packet in again.heard() if isinstance(packet, Publish)]
        self.assertEqual((len(ids), len(set(ids))), (5, 5))


class RetainedTests(DiskTestCase):
    def test_retained(self) -> None:
        """
        The last retained message of each topic is there after the restart, whole; what was cleared is not, nor what
        has expired meanwhile.
        """
        publisher = self.join("p")
        for qos in (0, 1, 2):
            publisher.publish(f"t/{qos}", b"old", qos, retain=True)
            publisher.publish(f"t/{qos}", b"new", qos, retain=True, content_type="x", message_expiry_interval=100)
            publisher.publish(f"cleared/{qos}", b"x", qos, retain=True)
            publisher.publish(f"cleared/{qos}", b"", qos, retain=True)
            publisher.publish(f"short/{qos}", b"x", qos, retain=True, message_expiry_interval=10)
        self.restart(20)
        client = self.join("c")
        client.subscribe("#", qos=2)
        heard = {packet.topic: packet for packet in client.heard() if isinstance(packet, Publish)}
        self.assertEqual(sorted(heard), [b"t/0", b"t/1", b"t/2"])
        for qos in (0, 1, 2):
            packet = heard[b"t/%d" % qos]
            self.assertEqual((packet.payload, packet.qos, packet.retain), (b"new", qos, True))
            self.assertEqual(packet.properties, Properties(content_type="x", message_expiry_interval=80))
        self.town.backend.sweep(self.town.turn.wall)
        self.town.turn.flush()
        self.assertEqual((len(self.rows("SELECT * FROM retained")), self.stats.retained), (3, 3))

    def test_what_the_broker_says_of_itself(self) -> None:
        """
        C{$SYS} is not written to disk: an idle broker leaves the disk alone.
        """
        self.broker.publish_stats(1.0, "1")
        self.town.turn.flush()
        self.assertEqual(self.rows("SELECT * FROM retained"), [])


class WillTests(DiskTestCase):
    def watched(self) -> list[bytes]:
        return self.watcher.payloads()

    def watch(self) -> None:
        self.watcher = self.join("w")
        self.watcher.subscribe("wills", qos=1)

    def test_connected_at_the_end(self) -> None:
        """
        The will of a client that was connected when the broker died is published after the restart, when the client
        had half a minute to return and did not; whether its session lasts or not, and as it was given.
        """
        said = will("wills", b"gone", 1, False, content_type="x")
        self.durable("lasting", will=said)
        self.join("clean", will=said)
        self.join("old", 4, will=will("wills", b"old"))
        self.restart(3600)
        self.watch()
        self.town.wait(29)
        self.assertEqual(self.watched(), [])
        self.town.wait(2)
        self.assertEqual(sorted(self.watched()), [b"gone", b"gone", b"old"])
        self.assertEqual((self.stats.wills_sent, self.rows("SELECT * FROM will")), (3, []))
        self.restart()
        self.town.wait(100)
        self.assertEqual(self.stats.wills_sent, 0)

    def test_back_in_time(self) -> None:
        """
        A client that returns within that time has its will back with it, or has another; the old one is not published.
        """
        self.durable("lasting", will=will("wills"))
        self.join("clean", will=will("wills"))
        self.durable("started anew", will=will("wills"))
        self.restart()
        self.watch()
        self.durable("lasting")
        self.assertFalse(self.join("clean").present)
        self.join("started anew", clean_start=True)
        self.town.wait(1_000)
        self.assertEqual((self.watched(), self.rows("SELECT * FROM will")), ([], []))

    def test_said_goodbye(self) -> None:
        """
        A client that said goodbye has no will, on disk either.
        """
        self.durable("lasting", will=will("wills")).leave()
        self.join("clean", will=will("wills")).leave()
        self.restart()
        self.watch()
        self.town.wait(100)
        self.assertEqual(self.watched(), [])

    def test_delay(self) -> None:
        """
        A delay goes on through the restart: of a client that had gone before, from when it went; of one that was
        connected, from the restart. Neither is over before the client had time to return.
        """
        for name, delay in (("soon", 10), ("late", 100)):
            self.durable(name, will=will("wills", name.encode(), will_delay_interval=delay)).lose()
        self.durable("connected", will=will("wills", b"connected", will_delay_interval=60))
        self.restart(20)
        self.watch()
        for seconds, heard in ((29, []), (2, [b"soon"]), (28, []), (2, [b"connected"]), (18, []), (2, [b"late"])):
            self.town.wait(seconds)
            self.assertEqual(self.watched(), heard)

    def test_published_once(self) -> None:
        """
        A will that has been published is not published again by a restart, and with it what it is owed to is stored.
        """
        client = self.durable("c")
        client.subscribe("wills", qos=1)
        client.lose()
        self.durable("m", will=will("wills", b"gone", 1)).lose()
        self.restart()
        self.town.wait(100)
        self.assertEqual(self.durable("c").payloads(), [b"gone"])

    def test_stopped(self) -> None:
        """
        A broker that is stopped as it should be publishes nobody's will: its clients return, or it is published after
        the restart.
        """
        self.watch()
        self.durable("returns", will=will("wills", b"returns", 1))
        self.join("clean", will=will("wills", b"clean"))
        self.stop(10)
        self.assertEqual(self.watched(), [])
        self.watch()
        self.durable("returns")
        self.town.wait(31)
        self.assertEqual(self.watched(), [b"clean"])


class SharedTests(DiskTestCase):
    def test_backlog(self) -> None:
        """
        What a shared group was owed is the group's after the restart, in order, and comes to one of its members.
        """
        for name in ("one", "two"):
            member = self.durable(name)
            member.subscribe("$share/g/t", qos=1)
            member.lose()
        publisher = self.join("p")
        for number in range(6):
            publisher.publish("t", b"%d" % number, 1)
        self.restart()
        self.assertEqual((self.stats.queued, self.stats.shared_subscriptions), (6, 2))
        one = self.durable("one")
        self.assertEqual(one.payloads(), [b"%d" % number for number in range(6)])
        two = self.durable("two")
        self.assertEqual((two.payloads(), self.stats.queued), ([], 0))
        self.join("p").publish("t", b"new", 1)
        self.assertEqual(one.payloads() + two.payloads(), [b"new"])

    def test_taken_and_not_finished(self) -> None:
        """
        What a member had been sent at QoS 1 and not acknowledged is the group's again; at QoS 2 it stays the member's.
        """
        one = self.durable("one")
        one.subscribe("$share/g/t", qos=2)
        publisher = self.join("p")
        for qos in (1, 2):
            publisher.publish("t", b"%d" % qos, qos)
        self.assertEqual(len(one.heard()), 2)
        other = self.durable("other")
        other.subscribe("$share/g/t", qos=2)
        self.restart()
        self.assertEqual(self.durable("other").payloads(), [b"1"])
        (packet,) = [packet for packet in self.durable("one").heard() if isinstance(packet, Publish)]
        self.assertEqual((packet.payload, packet.dup), (b"2", True))

    def test_nobody_s(self) -> None:
        """
        What a member whose session did not last had taken at QoS 2 ended with it; nothing of it is left on disk.
        """
        lasting, clean, publisher = self.durable("lasting"), self.join("clean"), self.join("p")
        for each in (lasting, clean):
            each.subscribe("$share/g/t", qos=2)
        lasting.lose()
        publisher.publish("t", b"x", 2)
        self.assertEqual([packet.payload for packet in clean.heard() if isinstance(packet, Publish)], [b"x"])
        self.restart()
        self.assertEqual((self.durable("lasting").payloads(), self.rows("SELECT * FROM queue")), ([], []))

    def test_nobody_left(self) -> None:
        """
        When its last member that lasts has gone, nothing of a group is left.
        """
        member, clean = self.durable("m"), self.join("clean")
        for each in (member, clean):
            each.subscribe("$share/g/t", qos=1)
        for each in (clean, member):
            each.lose()
        self.join("p").publish("t", b"x", 1)
        self.restart()
        self.assertEqual(self.stats.queued, 1)
        member = self.durable("m")
        member.unsubscribe("$share/g/t")
        self.assertEqual(self.rows("SELECT * FROM share"), [])
        self.assertEqual(member.payloads(), [b"x"])  # it had been sent
        member.leave(session_expiry_interval=0)
        self.assertEqual(self.stats.queued, 0)
        self.assertDiskEmpty()
