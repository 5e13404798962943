"""
Tests of txmqtt.session.receiving: QoS 1 and 2 from a client.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import VERSIONS, Talk, acks, publish
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Pingreq, Pingresp
from txmqtt.session.incoming import Incoming
from txmqtt.session.tickets import DONE, NOBODY, WITHHELD, Ticket, decided

PUBCOMP_UNKNOWN = Ack(PUBCOMP, 9, 0x92)


class AtLeastOnceTests(SynchronousTestCase):
    def test_acknowledged(self) -> None:
        """
        A QoS 1 message is handed on and acknowledged under its own identifier [MQTT5-4.3.2-4] [MQTT311-4.3.2-2].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.say(publish(b"1", 1, 5), publish(b"2", 1, 6))
                self.assertEqual(talk.hall.payloads(), [b"1", b"2"])
                self.assertEqual(talk.heard(), acks(PUBACK, 5, 6))

    def test_same_identifier_again(self) -> None:
        """
        After its PUBACK the same identifier is a new message, whatever DUP says [MQTT5-4.3.2-5] [MQTT311-4.3.2-2].
        """
        talk = Talk().open()
        talk.say(publish(b"1", 1, 5), publish(b"1", 1, 5, dup=True))
        self.assertEqual(talk.hall.payloads(), [b"1", b"1"])
        self.assertEqual(talk.heard(), acks(PUBACK, 5, 5))

    def test_in_order_of_arrival(self) -> None:
        """
        PUBACKs leave in the order of the PUBLISHes, in whatever order these are kept [MQTT5-4.6.0-2]
        [MQTT311-4.6.0-2].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version).open()
                first, second = Ticket(), Ticket()
                talk.hall.tickets += [first, second, DONE]
                talk.say(*(publish(b"x", 1, packet_id) for packet_id in (1, 2, 3)))
                talk.settle(second)
                self.assertEqual(talk.heard(), [])
                talk.settle(first)
                self.assertEqual(talk.heard(), acks(PUBACK, 1, 2, 3))

    def test_slow_disk_holds_nothing_else(self) -> None:
        """
        While a PUBACK waits for the disk, QoS 0, QoS 2 and PINGREQ go on.
        """
        talk = Talk().open()
        talk.hall.tickets += [Ticket()]
        talk.say(publish(b"1", 1, 1), publish(b"0"), publish(b"2", 2, 2), Ack(PUBREL, 2), Pingreq())
        self.assertEqual(talk.hall.payloads(), [b"1", b"0", b"2"])
        self.assertEqual(talk.heard(), [Ack(PUBREC, 2), Ack(PUBCOMP, 2), Pingresp()])

    def test_at_once_again(self) -> None:
        """
        Once nothing waits any more the next acknowledgement leaves at once.
        """
        talk = Talk().open()
        ticket = Ticket()
        talk.hall.tickets += [ticket]
        talk.say(publish(b"1", 1, 1))
        talk.settle(ticket)
        talk.say(publish(b"2", 1, 2))
        self.assertEqual(talk.heard(), acks(PUBACK, 1, 2))

    def test_repeat_while_handled(self) -> None:
        """
        A repeat of a message that is still being handled is dropped: its answer is on its way.
        """
        for version in (3, 4):
            with self.subTest(version=version):
                talk = Talk(version).open()
                ticket = Ticket()
                talk.hall.tickets += [ticket]
                talk.say(publish(b"1", 1, 1), publish(b"1", 1, 1, dup=True))
                talk.settle(ticket)
                self.assertEqual(talk.hall.payloads(), [b"1"])
                self.assertEqual(talk.heard(), acks(PUBACK, 1))

    def test_reason(self) -> None:
        """
        5.0 is told what became of its message [MQTT5-3.4.2-1]; 3.x can only be told that it arrived.
        """
        for version, reason in ((4, 0), (5, 0x10)):
            with self.subTest(version=version):
                talk = Talk(version).open()
                later = Ticket()
                talk.hall.tickets += [NOBODY, later]
                talk.say(publish(b"1", 1, 1), publish(b"2", 1, 2))
                talk.settle(later, 0x10)
                self.assertEqual(talk.heard(), acks(PUBACK, 1, 2, reason=reason))

    def test_refused(self) -> None:
        """
        A message that could not be kept is never acknowledged as if it were: 5.0 is told 0x97, 3.x loses its connection
        and may try again.
        """
        for reason in (0x80, 0x97):
            for later in (False, True):
                with self.subTest(reason=reason, later=later):
                    new, old = Talk(5).open(), Talk(4).open()
                    for talk in (new, old):
                        ticket = Ticket() if later else decided(reason)
                        talk.hall.tickets += [ticket]
                        talk.say(publish(b"1", 1, 1))
                        talk.settle(ticket, reason)
                    self.assertEqual((new.heard(), new.wire.closed), (acks(PUBACK, 1, reason=reason), None))
                    self.assertEqual((old.heard(), old.reason), ([], reason))

    def test_reason_that_cannot_be_said(self) -> None:
        """
        A reason that a PUBACK does not know becomes the one that it knows for anything [MQTT5-3.4.2-1].
        """
        talk = Talk().open()
        talk.hall.tickets += [decided(0x8B), decided(0x04)]
        talk.say(publish(b"1", 1, 1), publish(b"2", 1, 2))
        self.assertEqual(talk.heard(), [Ack(PUBACK, 1, 0x80), Ack(PUBACK, 2)])


class ExactlyOnceTests(SynchronousTestCase):
    def test_steps(self) -> None:
        """
        A QoS 2 message is handed on once and acknowledged in two steps [MQTT5-4.3.3-8] [MQTT5-4.3.3-11]
        [MQTT311-4.3.3-2].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.say(publish(b"1", 2, 5))
                self.assertEqual(talk.heard(), acks(PUBREC, 5))
                talk.say(Ack(PUBREL, 5))
                self.assertEqual(talk.heard(), acks(PUBCOMP, 5))
                self.assertEqual(talk.hall.heard, [("published", b"a", b"1"), ("releasing", 5)])

    def test_repeat(self) -> None:
        """
        Until its PUBREL each repeat is answered, and not delivered again [MQTT5-4.3.3-10]; afterwards the identifier is
        a new message [MQTT5-4.3.3-12].
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.say(publish(b"1", 2, 5), publish(b"1", 2, 5, dup=True), Ack(PUBREL, 5), publish(b"2", 2, 5))
                self.assertEqual(talk.hall.payloads(), [b"1", b"2"])
                self.assertEqual(talk.heard(), [*acks(PUBREC, 5, 5), Ack(PUBCOMP, 5), Ack(PUBREC, 5)])

    def test_unknown_release(self) -> None:
        """
        A PUBREL for what we do not know is answered, or its sender would wait for ever; 5.0 is told 0x92
        [MQTT5-4.3.3-11].
        """
        for version, expected in ((3, Ack(PUBCOMP, 9)), (4, Ack(PUBCOMP, 9)), (5, PUBCOMP_UNKNOWN)):
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.say(Ack(PUBREL, 9))
                self.assertEqual((talk.heard(), talk.hall.heard, talk.reason), ([expected], [], -1))

    def test_released_twice(self) -> None:
        """
        A repeated PUBREL is answered and completes nothing a second time.
        """
        talk = Talk().open()
        talk.say(publish(b"1", 2, 9), Ack(PUBREL, 9), Ack(PUBREL, 9))
        self.assertEqual(talk.heard(), [Ack(PUBREC, 9), Ack(PUBCOMP, 9), PUBCOMP_UNKNOWN])
        self.assertEqual(talk.hall.heard.count(("releasing", 9)), 1)

    def test_in_order_of_arrival(self) -> None:
        """
        PUBRECs leave in the order of the PUBLISHes [MQTT5-4.6.0-3] [MQTT311-4.6.0-3], PUBCOMPs in that of the PUBRELs.
        """
        talk = Talk().open()
        slow, fast = Ticket(), Ticket()
        talk.hall.tickets += [slow, fast]
        talk.say(publish(b"1", 2, 1), publish(b"2", 2, 2))
        talk.settle(fast)
        self.assertEqual(talk.heard(), [])
        talk.settle(slow)
        self.assertEqual(talk.heard(), acks(PUBREC, 1, 2))
        slow, fast = Ticket(), Ticket()
        talk.hall.tickets += [slow, fast]
        talk.say(Ack(PUBREL, 2), Ack(PUBREL, 1), Ack(PUBREL, 9))
        talk.settle(fast)
        self.assertEqual(talk.heard(), [])
        talk.settle(slow)
        self.assertEqual(talk.heard(), [*acks(PUBCOMP, 2, 1), PUBCOMP_UNKNOWN])

    def test_repeat_while_kept(self) -> None:
        """
        A repeat that comes while the message is still being kept is dropped: its answer is on its way.
        """
        talk = Talk(4).open()
        ticket = Ticket()
        talk.hall.tickets += [ticket]
        talk.say(publish(b"1", 2, 5), publish(b"1", 2, 5, dup=True))
        talk.settle(ticket)
        self.assertEqual((talk.hall.payloads(), talk.heard()), ([b"1"], acks(PUBREC, 5)))

    def test_repeat_on_a_new_connection(self) -> None:
        """
        A repeat on the next connection waits for the same decision as the first, and is not delivered again.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                incoming, ticket = Incoming(), Ticket()
                old = Talk(version).open(incoming=incoming)
                old.hall.tickets += [ticket]
                old.say(publish(b"1", 2, 5))
                old.session.lost()
                new = Talk(version).open(incoming=incoming)
                new.say(publish(b"1", 2, 5, dup=True))
                self.assertEqual(new.heard(), [])
                new.settle(ticket)
                self.assertEqual((new.heard(), new.hall.payloads(), old.heard()), (acks(PUBREC, 5), [], []))

    def test_refused(self) -> None:
        """
        A message that could not be kept is refused, 3.x by the end of the connection; its repeat is a new message
        [MQTT5-4.3.3-9].
        """
        for version, reason in ((4, 0x80), (4, 0x97), (5, 0x97)):
            for later in (False, True):
                with self.subTest(version=version, reason=reason, later=later):
                    incoming = Incoming()
                    talk = Talk(version).open(incoming=incoming)
                    ticket = Ticket() if later else decided(reason)
                    talk.hall.tickets += [ticket]
                    talk.say(publish(b"1", 2, 5))
                    talk.settle(ticket, reason)
                    refused = ([], reason) if version == 4 else (acks(PUBREC, 5, reason=reason), -1)
                    self.assertEqual((talk.heard(), talk.reason, len(incoming)), (*refused, 0))
                    again = Talk(version).open(incoming=incoming)
                    again.say(publish(b"1", 2, 5, dup=True))
                    self.assertEqual((again.hall.payloads(), again.heard()), ([b"1"], acks(PUBREC, 5)))

    def test_release_that_cannot_be_kept(self) -> None:
        """
        A PUBCOMP that would promise what is not on record never leaves: the connection ends, on 5.0 with 0x97.
        """
        for later in (False, True):
            with self.subTest(later=later):
                talk = Talk().open()
                talk.say(publish(b"1", 2, 5))
                talk.heard()
                ticket = Ticket() if later else decided(0x97)
                talk.hall.tickets += [ticket]
                talk.say(Ack(PUBREL, 5))
                talk.settle(ticket, 0x97)
                (goodbye,) = talk.heard()
                self.assertEqual((goodbye.kind, talk.reason), (14, 0x97))


class QuotaTests(SynchronousTestCase):
    def test_exceeded(self) -> None:
        """
        A 5.0 client that has more under way than we announced is told 0x93 [MQTT5-3.3.4-7]; QoS 1 and 2 count together.
        """
        for first, second, third in ((1, 1, 1), (2, 2, 2), (1, 2, 1), (2, 1, 2)):
            with self.subTest(qos=(first, second, third)):
                talk = Talk().open(receive_maximum=2)
                talk.hall.tickets += [Ticket(), Ticket(), Ticket()]
                talk.say(publish(b"1", first, 1), publish(b"2", second, 2))
                self.assertEqual(talk.reason, -1)
                talk.say(publish(b"3", third, 3))
                self.assertEqual((talk.reason, talk.hall.payloads()), (0x93, [b"1", b"2"]))

    def test_not_exceeded(self) -> None:
        """
        What has been acknowledged to its end does not count: PUBACK, PUBCOMP, or a PUBREC that refuses.
        """
        talk = Talk().open(receive_maximum=1)
        refused, kept = Ticket(), Ticket()
        talk.hall.tickets += [refused]
        talk.say(publish(b"1", 2, 1))
        talk.settle(refused, 0x97)
        talk.hall.tickets += [kept]
        talk.say(publish(b"2", 1, 2))
        talk.settle(kept)
        for packet_id in range(3, 9):
            talk.say(publish(b"x", 2, packet_id), Ack(PUBREL, packet_id), publish(b"x", 1, packet_id))
        self.assertEqual((talk.reason, len(talk.hall.payloads())), (-1, 14))

    def test_qos_0_always(self) -> None:
        """
        QoS 0 does not count, and is taken whatever is under way.
        """
        talk = Talk().open(receive_maximum=1)
        talk.say(publish(b"1", 2, 1), publish(b"2"), publish(b"3"))
        self.assertEqual((talk.reason, talk.hall.payloads()), (-1, [b"1", b"2", b"3"]))

    def test_new_connection(self) -> None:
        """
        A new connection begins with all of its quota, whatever an earlier one left unreleased.
        """
        incoming = Incoming()
        old = Talk().open(incoming=incoming, receive_maximum=2)
        old.say(publish(b"1", 2, 1), publish(b"2", 2, 2))
        new = Talk().open(incoming=incoming, receive_maximum=2)
        new.say(publish(b"3", 2, 3), publish(b"4", 2, 4), Ack(PUBREL, 1), Ack(PUBREL, 2))
        self.assertEqual((new.reason, new.heard()), (-1, [*acks(PUBREC, 3, 4), *acks(PUBCOMP, 1, 2)]))

    def test_left_by_an_earlier_connection(self) -> None:
        """
        A PUBCOMP lets the peer send one more, also when its message came on an earlier connection (section 4.9 of 5.0):
        who counts so, as mosquitto does, is not let go for it.
        """
        incoming = Incoming()
        for packet_id in (1, 2):
            incoming.resume(packet_id)
        talk = Talk().open(incoming=incoming, receive_maximum=3)
        talk.say(Ack(PUBREL, 1), Ack(PUBREL, 2))
        talk.say(*(publish(b"x", 2, packet_id) for packet_id in range(3, 8)))
        self.assertEqual(talk.reason, -1)
        talk.say(publish(b"x", 2, 8))
        self.assertEqual(talk.reason, 0x93)

    def test_not_on_3(self) -> None:
        """
        3.x knows no Receive Maximum: any number may be under way.
        """
        talk = Talk(4).open()
        talk.say(*(publish(b"x", 2, packet_id) for packet_id in range(1, 1_001)))
        self.assertEqual((talk.reason, len(talk.heard())), (-1, 1_000))


class WithheldTests(SynchronousTestCase):
    """
    What is not acknowledged on this connection at all.
    """

    def test_those_behind_it_go_on(self) -> None:
        """
        Nothing is said of a withheld message, and what is said of the others is said in their order [MQTT5-4.6.0-2]
        [MQTT5-4.6.0-3].
        """
        for version in VERSIONS:
            for qos, kind in ((1, PUBACK), (2, PUBREC)):
                with self.subTest(version=version, qos=qos):
                    talk = Talk(version).open()
                    first, second, third = Ticket(), Ticket(), Ticket()
                    talk.hall.tickets += [first, second, third, decided(WITHHELD), DONE]
                    talk.say(*(publish(b"x", qos, packet_id) for packet_id in (1, 2, 3)))
                    second.settle(WITHHELD)
                    talk.settle(third)
                    self.assertEqual(talk.heard(), [])
                    talk.settle(first)
                    talk.say(publish(b"x", qos, 4), publish(b"x", qos, 5))
                    self.assertEqual(talk.heard(), acks(kind, 1, 3, 5))

    def test_same_identifier_is_delivered_again(self) -> None:
        """
        A peer that sends a withheld QoS 2 message again means a message that nobody has [MQTT5-4.3.3-9].
        """
        incoming = Incoming()
        talk = Talk().open(incoming=incoming)
        talk.hall.tickets += [decided(WITHHELD)]
        talk.say(publish(b"1", 2, 5))
        self.assertEqual((talk.heard(), len(incoming)), ([], 0))
        talk = Talk().open(incoming=incoming)
        talk.say(publish(b"1", 2, 5, dup=True))
        self.assertEqual((talk.hall.payloads(), talk.heard()), ([b"1"], acks(PUBREC, 5)))

    def test_keeps_its_place(self) -> None:
        """
        It counts against the Receive Maximum; sent again on the same connection, which only 3.x does, it counts once.
        """
        talk = Talk().open()
        talk.session.receive_maximum = 3
        talk.hall.tickets += [decided(WITHHELD), decided(WITHHELD), DONE, Ticket()]
        talk.say(publish(b"x", 1, 1), publish(b"x", 1, 1, dup=True))
        self.assertEqual(talk.session.under_way, 1)
        talk.say(publish(b"x", 1, 1, dup=True))
        self.assertEqual((talk.session.under_way, talk.heard()), (0, acks(PUBACK, 1)))

    def test_all_places(self) -> None:
        """
        When withheld messages have all places, or as many as they may, the connection ends.
        """
        for limit, count in ((0, 4), (2, 2)):
            with self.subTest(limit=limit):
                talk = Talk().open()
                talk.session.receive_maximum = 4
                talk.session.withheld_limit = limit
                talk.hall.tickets += [decided(WITHHELD) for _ in range(4)]
                talk.say(*(publish(b"x", 1, number) for number in range(1, count)))
                self.assertEqual(talk.wire.closed, None)
                talk.say(publish(b"x", 1, count))
                closed = talk.wire.closed
                assert closed is not None
                self.assertEqual(closed[0], 0x97)
                self.assertIn(f"{count} messages were not acknowledged", closed[1])


class AliasTests(SynchronousTestCase):
    def say(self, talk: Talk, topic: bytes, alias: int, qos: int = 0, packet_id: int = 0) -> None:
        packet = publish(b"x", qos, packet_id, topic_alias=alias)
        packet.topic = topic
        talk.say(packet)

    def test_stands_for_its_topic(self) -> None:
        """
        A PUBLISH without topic is about what its alias stands for [MQTT5-3.3.2-12].
        """
        talk = Talk().open(aliases=2)
        self.say(talk, b"t/1", 1)
        self.say(talk, b"t/2", 2)
        self.say(talk, b"", 1)
        self.say(talk, b"", 2)
        topics = [entry[1] for entry in talk.hall.heard]
        self.assertEqual(topics, [b"t/1", b"t/2", b"t/1", b"t/2"])

    def test_refused(self) -> None:
        """
        An alias out of range ends the connection with 0x94, an unknown one with 0x82.
        """
        for alias, topic, reason in ((3, b"t", 0x94), (3, b"", 0x94), (2, b"", 0x82)):
            with self.subTest(alias=alias, topic=topic):
                talk = Talk().open(aliases=2)
                self.say(talk, topic, alias)
                self.assertEqual((talk.reason, talk.hall.heard), (reason, []))

    def test_remembered_although_refused(self) -> None:
        """
        An alias holds although the PUBLISH that brought it was refused: its sender does not know that yet.
        """
        talk = Talk().open(aliases=2)
        talk.hall.tickets += [decided(0x87)]
        self.say(talk, b"t", 1, 1, 1)
        self.say(talk, b"", 1)
        self.assertEqual([entry[1] for entry in talk.hall.heard], [b"t", b"t"])

    def test_remembered_although_repeated(self) -> None:
        """
        An alias that comes with a repeat holds too.
        """
        talk = Talk().open(aliases=2)
        self.say(talk, b"t", 1, 2, 1)
        self.say(talk, b"t", 2, 2, 1)
        self.say(talk, b"", 2)
        self.assertEqual([entry[1] for entry in talk.hall.heard], [b"t", b"t"])

    def test_of_one_connection(self) -> None:
        """
        An alias ends with its connection [MQTT5-3.3.2-7].
        """
        self.say(Talk().open(aliases=2), b"t", 1)
        talk = Talk().open(aliases=2)
        self.say(talk, b"", 1)
        self.assertEqual(talk.reason, 0x82)

    def test_no_alias(self) -> None:
        """
        What a message says of itself does not need an alias.
        """
        talk = Talk().open()
        talk.say(publish(b"1", content_type="t"))
        self.assertEqual(talk.hall.heard, [("published", b"a", b"1")])

    def test_subscription_identifier(self) -> None:
        """
        A client does not send subscription identifiers [MQTT5-3.3.4-6].
        """
        talk = Talk().open()
        talk.say(publish(b"x", subscription_identifiers=(1,)))
        self.assertEqual((talk.reason, talk.hall.heard), (0x82, []))
