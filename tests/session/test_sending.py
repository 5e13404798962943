"""
Tests of txmqtt.session.sending: QoS 1 and 2 to a client.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import VERSIONS, Talk, acks, publish
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Packet, Pingreq, Pingresp, Publish
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message
from txmqtt.session.outgoing import QUEUED, REFUSED, SEND, Outbound
from txmqtt.session.tickets import DONE, Ticket
from txmqtt.session.voice import NEVER

PUBREL_UNKNOWN = Ack(PUBREL, 9, 0x92)


class AtLeastOnceTests(SynchronousTestCase):
    def test_settled(self) -> None:
        """
        A QoS 1 message leaves with a new identifier and DUP off [MQTT5-4.3.2-1] [MQTT5-4.3.2-2] [MQTT311-4.3.2-1]; its
        PUBACK ends it.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.post(b"1", ref=7)
                self.assertEqual(talk.heard(), [publish(b"1", 1, 1)])
                talk.say(Ack(PUBACK, 1))
                self.assertEqual(talk.hall.heard, [("sending", 1), ("settled", 7, 0)])

    def test_window(self) -> None:
        """
        No more are under way than the window holds [MQTT5-3.3.4-9]; each PUBACK lets the next go, in order.
        """
        talk = Talk().open(window=2, queue=2)
        verdicts = [talk.post(payload) for payload in (b"1", b"2", b"3", b"4", b"5")]
        self.assertEqual(verdicts, [SEND, SEND, QUEUED, QUEUED, REFUSED])
        self.assertEqual(talk.heard(), [publish(b"1", 1, 1), publish(b"2", 1, 2)])
        talk.say(Ack(PUBACK, 2))
        self.assertEqual(talk.heard(), [publish(b"3", 1, 3)])
        talk.say(Ack(PUBACK, 1), Ack(PUBACK, 3))
        self.assertEqual(talk.heard(), [publish(b"4", 1, 4)])

    def test_window_exactly_once(self) -> None:
        """
        A QoS 2 message keeps its place until its PUBCOMP, which lets the next go.
        """
        talk = Talk().open(window=1)
        talk.post(b"1", 2)
        talk.post(b"2", 2)
        talk.say(Ack(PUBREC, 1))
        self.assertEqual(talk.heard(), [publish(b"1", 2, 1), Ack(PUBREL, 1)])
        talk.say(Ack(PUBCOMP, 1))
        self.assertEqual(talk.heard(), [publish(b"2", 2, 2)])

    def test_window_delays_nothing_else(self) -> None:
        """
        A full window delays nothing but PUBLISHes of QoS 1 and 2 [MQTT5-3.3.4-10].
        """
        talk = Talk().open(window=1)
        talk.post(b"1", 2)
        talk.post(b"2", 2)
        self.assertTrue(talk.session.deliver(Message(b"a", b"0").frame(5, 0.0)))
        talk.say(Pingreq(), Ack(PUBREC, 1))
        self.assertEqual(talk.heard(), [publish(b"1", 2, 1), publish(b"0"), Pingresp(), Ack(PUBREL, 1)])

    def test_answer_to_nothing(self) -> None:
        """
        A PUBACK for nothing is harmless: real clients send it after a resumption.
        """
        talk = Talk().open()
        talk.say(Ack(PUBACK, 9), Ack(PUBCOMP, 9))
        self.assertEqual((talk.heard(), talk.reason), ([], -1))

    def test_refused_by_the_client(self) -> None:
        """
        A PUBACK or PUBREC that refuses ends the message all the same [MQTT5-4.4.0-2].
        """
        for qos, kind in ((1, PUBACK), (2, PUBREC)):
            with self.subTest(qos=qos):
                talk = Talk().open(window=1)
                talk.post(b"1", qos, ref=7)
                talk.post(b"2", qos, ref=8)
                talk.say(Ack(kind, 1, 0x80))
                self.assertIn(("settled", 7, 0x80), talk.hall.heard)
                self.assertEqual(talk.heard(), [publish(b"1", qos, 1), publish(b"2", qos, 2)])

    def test_wrong_answer(self) -> None:
        """
        An answer of the other QoS breaks the rules.
        """
        for qos, kind in ((1, PUBREC), (1, PUBCOMP), (2, PUBACK), (2, PUBCOMP)):
            with self.subTest(qos=qos, kind=kind):
                talk = Talk().open()
                talk.post(b"1", qos)
                talk.say(Ack(kind, 1))
                self.assertEqual(talk.reason, 0x82)

    def test_expired_in_the_queue(self) -> None:
        """
        What expires before it could be sent is not sent [MQTT5-3.3.2-5]; who keeps it is told.
        """
        talk = Talk().open(window=1)
        talk.post(b"1")
        talk.post(b"2", ref=8, expires=talk.now + 5)
        talk.post(b"3")
        talk.now += 5
        talk.say(Ack(PUBACK, 1))
        heard = talk.heard()
        self.assertEqual([packet.payload for packet in heard if isinstance(packet, Publish)], [b"1", b"3"])
        self.assertIn(("expired", 8), talk.hall.heard)

    def test_expiry_counted_down(self) -> None:
        """
        What waited tells the seconds that are left [MQTT5-3.3.2-6].
        """
        talk = Talk().open(window=1)
        talk.post(b"1")
        talk.post(b"2", expires=talk.now + 10)
        talk.now += 4
        talk.say(Ack(PUBACK, 1))
        self.assertEqual(talk.heard()[1], publish(b"2", 1, 2, message_expiry_interval=6))


class ExactlyOnceTests(SynchronousTestCase):
    def test_steps(self) -> None:
        """
        A QoS 2 message leaves with DUP off [MQTT5-4.3.3-2], its PUBREC is answered with PUBREL [MQTT5-4.3.3-4], its
        PUBCOMP ends it [MQTT5-4.3.3-5] [MQTT311-4.3.3-1].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.post(b"1", 2, ref=7)
                self.assertEqual(talk.heard(), [publish(b"1", 2, 1)])
                talk.say(Ack(PUBREC, 1))
                self.assertEqual(talk.heard(), [Ack(PUBREL, 1)])
                self.assertNotIn(("settled", 7, 0), talk.hall.heard)
                talk.say(Ack(PUBCOMP, 1))
                self.assertEqual(talk.hall.heard, [("sending", 1), ("received", 1), ("settled", 7, 0)])

    def test_unknown(self) -> None:
        """
        A PUBREC for what we do not know is answered, so that its sender is rid of it; 5.0 is told 0x92.
        """
        for version, answer in ((3, Ack(PUBREL, 9)), (4, Ack(PUBREL, 9)), (5, PUBREL_UNKNOWN)):
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.say(Ack(PUBREC, 9))
                self.assertEqual((talk.heard(), talk.reason), ([answer], -1))

    def test_repeated_pubrec(self) -> None:
        """
        A repeated PUBREC is answered again and takes nothing over twice.
        """
        talk = Talk().open()
        talk.post(b"1", 2, ref=7)
        talk.say(Ack(PUBREC, 1), Ack(PUBREC, 1))
        self.assertEqual(talk.heard(), [publish(b"1", 2, 1), *acks(PUBREL, 1, 1)])
        self.assertEqual(talk.hall.heard.count(("received", 1)), 1)

    def test_waits_until_on_record(self) -> None:
        """
        A QoS 2 PUBLISH and its PUBREL each leave when it is on record that they do, in order; QoS 1 does not wait.
        """
        talk = Talk().open()
        slow, fast = Ticket(), Ticket()
        talk.hall.tickets += [slow, fast]
        talk.post(b"1", 2, ref=7)
        talk.post(b"2", 2, ref=8)
        talk.post(b"3", 1, ref=9)
        talk.settle(fast)
        self.assertEqual(talk.heard(), [publish(b"3", 1, 3)])
        talk.settle(slow)
        self.assertEqual(talk.heard(), [publish(b"1", 2, 1), publish(b"2", 2, 2)])
        slow, fast = Ticket(), Ticket()
        talk.hall.tickets += [slow, fast]
        talk.say(Ack(PUBREC, 2), Ack(PUBREC, 1))
        talk.settle(fast)
        self.assertEqual(talk.heard(), [])
        talk.settle(slow)
        self.assertEqual(talk.heard(), acks(PUBREL, 2, 1))

    def test_answered_before_it_was_sent(self) -> None:
        """
        A PUBREC for an identifier whose PUBLISH still waits for the record is an answer to nothing, and the PUBLISH
        never follows its PUBREL [MQTT5-4.3.3-6].
        """
        talk = Talk().open()
        ticket = Ticket()
        talk.hall.tickets += [ticket]
        talk.post(b"1", 2, ref=7)
        talk.say(Ack(PUBREC, 1))
        talk.settle(ticket)
        self.assertEqual(talk.heard(), [Ack(PUBREL, 1, 0x92), publish(b"1", 2, 1)])

    def test_completed_before_it_was_released(self) -> None:
        """
        A client that says PUBCOMP while the PUBREL waits for its record is done with the message, and gets its PUBREL.
        """
        talk = Talk(4).open(resend_interval=20.0)
        ticket = Ticket()
        talk.hall.tickets += [DONE, ticket]
        talk.post(b"1", 2, ref=7)
        talk.say(Ack(PUBREC, 1), Ack(PUBCOMP, 1))
        talk.heard()
        talk.settle(ticket)
        self.assertEqual(talk.heard(), [Ack(PUBREL, 1)])
        self.assertEqual(talk.hall.heard[-1], ("settled", 7, 0))
        talk.pass_time(100)
        self.assertEqual(talk.heard(), [])

    def test_cannot_be_kept(self) -> None:
        """
        When it cannot be put on record that a PUBLISH or PUBREL leaves, it does not: the connection ends, on 5.0 with
        0x97.
        """
        for later in (False, True):
            for step in ("publish", "release"):
                for version, reason in ((4, 0x80), (4, 0x97), (5, 0x97)):
                    with self.subTest(later=later, step=step, version=version, reason=reason):
                        self.fail_at(Talk(version).open(), step, later, reason)

    def fail_at(self, talk: Talk, step: str, later: bool, reason: int) -> None:
        ticket = Ticket()
        talk.hall.tickets += [ticket] if step == "publish" else [DONE, ticket]
        if not later:
            ticket.settle(reason)
        talk.post(b"1", 2, ref=7)
        if step == "release":
            self.assertEqual(talk.heard(), [publish(b"1", 2, 1)])
            talk.say(Ack(PUBREC, 1))
        talk.settle(ticket, reason)
        self.assertEqual([packet.kind for packet in talk.heard()], [14] if talk.version == 5 else [])
        self.assertEqual(talk.reason, reason)


class SizeTests(SynchronousTestCase):
    def test_too_large(self) -> None:
        """
        A message larger than the client takes is not sent and counts as delivered [MQTT5-3.1.2-24] [MQTT5-3.1.2-25].
        """
        talk = Talk().open(Properties(maximum_packet_size=50), window=1)
        for qos in (1, 2):
            talk.post(b"x" * 50, qos, ref=qos)
        talk.post(b"y", 1, ref=3)
        self.assertEqual(talk.heard(), [publish(b"y", 1, 3)])
        self.assertEqual(
            [entry for entry in talk.hall.heard if entry[0] == "settled"], [("settled", 1, 0x95), ("settled", 2, 0x95)]
        )

    def test_too_large_in_the_queue(self) -> None:
        """
        One in the queue that is too large does not stop those behind it.
        """
        talk = Talk().open(Properties(maximum_packet_size=50), window=1)
        for payload in (b"1", b"x" * 50, b"3"):
            talk.post(payload)
        talk.say(Ack(PUBACK, 1))
        payloads = [packet.payload for packet in talk.heard() if isinstance(packet, Publish)]
        self.assertEqual(payloads, [b"1", b"3"])

    def test_exact(self) -> None:
        """
        The limit counts the whole packet, fixed header included: what just fits is sent.
        """
        for payload, fits in ((b"x" * 42, True), (b"x" * 43, False)):
            with self.subTest(size=len(payload)):
                talk = Talk().open(Properties(maximum_packet_size=50))
                talk.post(payload)
                self.assertEqual(len(talk.heard()), fits)


class SlowReaderTests(SynchronousTestCase):
    def test_queues(self) -> None:
        """
        While the client does not read, its messages wait in the queue and not in the output.
        """
        talk = Talk().open()
        talk.session.pause()
        self.assertEqual([talk.post(payload) for payload in (b"1", b"2")], [QUEUED, QUEUED])
        self.assertEqual((talk.heard(), talk.session.out_size), ([], 0))
        talk.session.resume()
        talk.turn.flush()
        self.assertEqual(talk.heard(), [publish(b"1", 1, 1), publish(b"2", 1, 2)])

    def test_write_limit(self) -> None:
        """
        What the output may hold is looked at when it is appended to, and all leaves in the end.
        """
        talk = Talk(write_limit=100).open(window=100, queue=100)
        session = talk.session
        verdicts = [session.post(Outbound(Message(b"a", b"x" * 40, 1), 1)) for _ in range(5)]
        self.assertEqual(verdicts, [SEND, SEND, SEND, QUEUED, QUEUED])
        talk.turn.flush()
        self.assertEqual(len(talk.heard()), 5)
        self.assertTrue(all(len(data) < 100 + 50 for data in talk.written))

    def test_more_to_say(self) -> None:
        """
        An owner that has more to say hears whenever there is room again: after a write, after an answer, when the
        client reads on; and not while it does not read.
        """
        for happens in ("write", "answer", "refusal", "read"):
            with self.subTest(happens=happens):
                talk = Talk().open()
                talk.post(b"1", 2 if happens == "refusal" else 1)
                if happens == "read":
                    talk.session.pause()
                talk.session.thirsty = True
                self.assertEqual(talk.hall.heard, [])
                if happens == "write":
                    talk.say(Pingreq())
                elif happens == "read":
                    talk.say(Ack(PUBACK, 1))
                    self.assertEqual(talk.hall.heard, [])
                    talk.session.resume()
                else:
                    talk.say(Ack(PUBREC if happens == "refusal" else PUBACK, 1, 0x80))
                self.assertEqual(talk.hall.heard, [("drained",)])

    def test_rests(self) -> None:
        """
        An owner that has said enough for one turn goes on in the next, whatever the client answers meanwhile.
        """
        talk = Talk().open()
        talk.post(b"1")
        talk.session.thirsty = True
        for _ in range(2):
            talk.session.rest()
        self.assertEqual((talk.wire.alarm_at, talk.session.deadline()), (talk.now, talk.now))
        talk.say(Ack(PUBACK, 1), Pingreq())
        self.assertEqual(talk.hall.heard, [])
        talk.pass_time(0.0)
        self.assertEqual((talk.hall.heard, talk.session.deadline()), ([("drained",)], NEVER))


class AliasTests(SynchronousTestCase):
    def topics(self, packets: list[Packet]) -> list[tuple[bytes, int]]:
        """
        Topic and alias of each PUBLISH.
        """
        found = []
        for packet in packets:
            assert isinstance(packet, Publish)
            alias = packet.properties.topic_alias if packet.properties is not None else None
            found.append((packet.topic, alias or 0))
        return found

    def test_full_once(self) -> None:
        """
        The topic goes out in full once and then by its number; no number exceeds what the client allows
        [MQTT5-3.3.2-11].
        """
        talk = Talk().open(sent_aliases=2)
        for topic in (b"t/1", b"t/2", b"t/1", b"t/3", b"t/2"):
            talk.post(topic=topic)
        expected = [(b"t/1", 1), (b"t/2", 2), (b"", 1), (b"t/3", 0), (b"", 2)]
        self.assertEqual(self.topics(talk.heard()), expected)

    def test_any_qos(self) -> None:
        """
        All QoS share the aliases, and what is made for one client says the rest as ever.
        """
        talk = Talk().open(sent_aliases=2)
        talk.post(topic=b"t", qos=2)
        self.assertTrue(talk.session.deliver_own(Message(b"t", b"0"), True, (5,)))
        talk.turn.flush()
        first, second = talk.heard()
        self.assertEqual(self.topics([first]), [(b"t", 1)])
        expected = Properties(topic_alias=1, subscription_identifiers=(5,))
        self.assertEqual(second, Publish(b"", b"0", 0, True, properties=expected))

    def test_bound_when_sent(self) -> None:
        """
        An alias is bound by what is sent: not by what is too large, nor by QoS 0 that is dropped.
        """
        talk = Talk(write_limit=60).open(Properties(maximum_packet_size=50), sent_aliases=2)
        talk.post(b"x" * 50, topic=b"t")
        self.assertFalse(talk.session.deliver_own(Message(b"t", b"x" * 50), False, ()))
        talk.session.pause()
        self.assertTrue(talk.session.deliver_own(Message(b"u", b"x" * 35), False, ()))
        self.assertFalse(talk.session.deliver_own(Message(b"t", b"x" * 35), False, ()))
        talk.session.resume()
        self.assertTrue(talk.session.deliver_own(Message(b"t", b"x"), False, ()))
        talk.turn.flush()
        self.assertEqual(self.topics(talk.heard()), [(b"u", 1), (b"t", 2)])

    def test_queued(self) -> None:
        """
        What waited in the queue uses the aliases as they are when it leaves.
        """
        talk = Talk().open(sent_aliases=2, window=1)
        for topic in (b"t", b"t"):
            talk.post(topic=topic)
        talk.say(Ack(PUBACK, 1))
        self.assertEqual(self.topics(talk.heard()), [(b"t", 1), (b"", 1)])

    def test_expiry(self) -> None:
        """
        The seconds that are left are told with an alias too.
        """
        talk = Talk().open(sent_aliases=1, window=1)
        talk.post(b"1", topic=b"t")
        talk.post(b"2", topic=b"t", expires=talk.now + 10)
        talk.now += 4
        talk.say(Ack(PUBACK, 1))
        _, second = talk.heard()
        assert isinstance(second, Publish)
        self.assertEqual(second.properties, Properties(topic_alias=1, message_expiry_interval=6))

    def test_new_connection(self) -> None:
        """
        On a new connection the topic goes out in full again [MQTT5-3.3.2-7].
        """
        talk = Talk().open(sent_aliases=2)
        talk.post(topic=b"t")
        books = talk.session.outgoing
        talk.session.lost()
        again = Talk().open(sent_aliases=2, outgoing=books)
        self.assertEqual(self.topics(again.first), [(b"t", 1)])
