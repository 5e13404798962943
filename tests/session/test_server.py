"""
Tests of txmqtt.session.server: an open conversation with a client.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import VERSIONS, Talk, publish, wordless
from txmqtt.codec import encode
from txmqtt.codec.constants import PUBACK, PUBREC
from txmqtt.codec.packets import (
    Ack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message
from txmqtt.session.tickets import DONE, Ticket, decided
from txmqtt.session.voice import NEVER


class RequestTests(SynchronousTestCase):
    def test_ping(self) -> None:
        """
        PINGREQ is answered with PINGRESP [MQTT5-3.12.4-1] [MQTT311-3.12.4-1].
        """
        for version in VERSIONS:
            talk = Talk(version).open()
            talk.say(Pingreq(), Pingreq())
            self.assertEqual(talk.heard(), [Pingresp(), Pingresp()])

    def test_handed_on(self) -> None:
        """
        SUBSCRIBE and UNSUBSCRIBE go to the broker as they came.
        """
        for version in VERSIONS:
            talk = Talk(version).open()
            subscribe = Subscribe(1, [Subscription(b"a", 1), Subscription(b"b/#", 2)])
            unsubscribe = Unsubscribe(2, [b"a"])
            talk.say(subscribe, unsubscribe)
            self.assertEqual((talk.hall.subscribes, talk.hall.unsubscribes), ([subscribe], [unsubscribe]))

    def test_suback(self) -> None:
        """
        SUBACK says for each filter what came of it, as far as the version can: 3.1.1 has one way of saying no, 3.1 none
        [MQTT5-3.8.4-1] [MQTT5-3.9.3-1] [MQTT311-3.8.4-1] [MQTT311-3.9.3-1].
        """
        granted = [0, 1, 2, 0x87, 0x97, 0x8F, 0x86]
        for version, said in (
            (3, [0, 1, 2, 0, 0, 0, 0]),
            (4, [0, 1, 2, 0x80, 0x80, 0x80, 0x80]),
            (5, [0, 1, 2, 0x87, 0x97, 0x8F, 0x80]),  # 0x86 is no reason that SUBACK knows
        ):
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.session.suback(9, granted, DONE)
                talk.turn.flush()
                self.assertEqual(talk.heard(), [Suback(9, said)])

    def test_suback_that_cannot_be_kept(self) -> None:
        """
        A subscription that could not be kept is never confirmed: 5.0 is told 0x97, 3.1.1 0x80, and 3.1, which has no
        word for it, loses its connection.
        """
        for later in (False, True):
            for version, said in ((3, []), (4, [Suback(9, [0x80, 0x80])]), (5, [Suback(9, [0x97, 0x87])])):
                with self.subTest(later=later, version=version):
                    talk = Talk(version).open()
                    ticket = Ticket() if later else decided(0x97)
                    talk.session.suback(9, [1, 0x87], ticket)
                    talk.settle(ticket, 0x97)
                    self.assertEqual((wordless(talk.heard()), talk.reason), (said, 0x97 if version == 3 else -1))

    def test_unsuback(self) -> None:
        """
        UNSUBACK has a code for each filter on 5.0, and none on 3.x [MQTT5-3.10.4-4] [MQTT5-3.11.3-1]
        [MQTT311-3.10.4-4].
        """
        for version, said in ((3, []), (4, []), (5, [0, 0x11])):
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.session.unsuback(9, [0, 0x11], DONE)
                talk.turn.flush()
                self.assertEqual(talk.heard(), [Unsuback(9, said)])

    def test_unsuback_that_cannot_be_kept(self) -> None:
        """
        The end of a subscription that could not be kept is not confirmed: 5.0 is told 0x80, 3.x loses its connection.
        """
        for version, said in ((4, []), (5, [Unsuback(9, [0x80, 0x80])])):
            with self.subTest(version=version):
                talk = Talk(version).open()
                ticket = Ticket()
                talk.session.unsuback(9, [0, 0x11], ticket)
                talk.settle(ticket, 0x97)
                self.assertEqual((wordless(talk.heard()), talk.reason), (said, 0x97 if version == 4 else -1))

    def test_answers_in_order(self) -> None:
        """
        SUBACK and UNSUBACK leave in the order of their requests, and nothing else waits for them.
        """
        talk = Talk().open()
        slow = Ticket()
        talk.session.suback(1, [0], slow)
        talk.session.unsuback(2, [0], DONE)
        talk.say(Pingreq())
        self.assertEqual(talk.heard(), [Pingresp()])
        talk.settle(slow)
        self.assertEqual(talk.heard(), [Suback(1, [0]), Unsuback(2, [0])])

    def test_out_of_place(self) -> None:
        """
        A second CONNECT [MQTT5-3.1.0-2] [MQTT311-3.1.0-2] and an AUTH that nobody asked for break the rules.
        """
        for data in (encode.packet(Connect("again", 5), 5), b"\xf0\x00"):
            with self.subTest(data=data):
                talk = Talk().open()
                talk.feed(data)
                self.assertEqual(talk.reason, 0x82)


class DisconnectTests(SynchronousTestCase):
    def test_from_the_client(self) -> None:
        """
        A client's DISCONNECT ends the conversation without a word from us, and its owner hears what it said.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.say(Disconnect())
                self.assertEqual((talk.reason, talk.hall.goodbyes, talk.heard()), (0, [Disconnect()], []))

    def test_session_expiry(self) -> None:
        """
        A client may change its session expiry when it leaves, but not begin to have one.
        """
        for first, last, reason in ((0, 5, 0x82), (0, 0, 0), (5, 9, 0), (5, 0, 0)):
            with self.subTest(first=first, last=last):
                talk = Talk().open(Properties(session_expiry_interval=first))
                goodbye = Disconnect(0, Properties(session_expiry_interval=last))
                talk.say(goodbye)
                self.assertEqual((talk.reason, talk.hall.goodbyes), (reason, [None if reason else goodbye]))

    def test_from_the_server(self) -> None:
        """
        5.0 is told why it is let go, and nothing of its session expiry [MQTT5-3.14.2-2]; 3.x has no word for it and is
        just closed.
        """
        for version, said in ((3, []), (4, []), (5, [Disconnect(0x8E, Properties(reason_string="it went"))])):
            with self.subTest(version=version):
                talk = Talk(version).open()
                talk.session.end(0x8E, "it went")
                self.assertEqual((talk.heard(), talk.wire.closed), (said, (0x8E, "it went", False)))

    def test_reason_that_cannot_be_said(self) -> None:
        """
        A reason that DISCONNECT does not know becomes the one that it knows for anything [MQTT5-3.14.2-1].
        """
        talk = Talk().open()
        talk.session.end(0x91, "")
        self.assertEqual(talk.heard(), [Disconnect(0x80)])

    def test_words_left_out(self) -> None:
        """
        The reason string is left out for a client that does not want it, and where it would make the packet larger than
        the client takes [MQTT5-3.14.2-3]; where not even the reason fits nothing is said.
        """
        for asked, said in (
            (Properties(request_problem_information=0), [Disconnect(0x97)]),
            (Properties(maximum_packet_size=20), [Disconnect(0x97)]),
            (Properties(maximum_packet_size=20 + 80), [Disconnect(0x97, Properties(reason_string="w" * 80))]),
        ):
            with self.subTest(asked=asked):
                talk = Talk().open(asked)
                talk.session.end(0x97, "w" * 80)
                self.assertEqual(talk.heard(), said)
        talk = Talk().open()
        talk.session.send_limit = 2
        talk.session.end(0x97, "")
        self.assertEqual(talk.heard(), [])

    def test_long_words(self) -> None:
        """
        However long our words are, the client is told the beginning of them.
        """
        talk = Talk().open()
        talk.session.end(0x82, "w" * 100_000)
        (said,) = talk.heard()
        self.assertEqual(said, Disconnect(0x82, Properties(reason_string="w" * 256)))


class WordsTests(SynchronousTestCase):
    def test_where_it_goes(self) -> None:
        """
        A client that is sent to another server is told which, before anything else that could be said, if it takes it.
        """
        for limit, properties in (
            (1_000, Properties(server_reference="other:1883", reason_string="w" * 80)),
            (50, Properties(server_reference="other:1883")),
            (15, None),
        ):
            with self.subTest(limit=limit):
                talk = Talk().open(Properties(maximum_packet_size=limit))
                talk.session.server_reference = "other:1883"
                talk.session.end(0x9C, "w" * 80)
                self.assertEqual(talk.heard(), [Disconnect(0x9C, properties)])
        talk = Talk().open(Properties(request_problem_information=0))
        talk.session.server_reference = "other:1883"
        talk.session.end(0x9D, "w" * 80)
        self.assertEqual(talk.heard(), [Disconnect(0x9D, Properties(server_reference="other:1883"))])

    def test_answers_that_fit(self) -> None:
        """
        A refusal comes with its words where the client takes so large a packet, and without them where it does not
        [MQTT5-3.4.2-2] [MQTT5-3.5.2-2] [MQTT5-3.11.2-1].
        """
        for asked, explained in (
            (Properties(maximum_packet_size=1_000), True),
            (Properties(maximum_packet_size=20), False),
            (Properties(request_problem_information=0), False),
        ):
            with self.subTest(asked=asked):
                talk = Talk().open(asked)
                denied, failed = Ticket(), Ticket()
                denied.settle(0x87)
                talk.hall.tickets = [denied, denied]
                talk.say(publish(b"1", 1, 1), publish(b"2", 2, 2))
                talk.session.unsuback(9, [0], failed)
                talk.settle(failed, 0x97)
                heard = talk.heard()
                self.assertEqual([getattr(packet, "properties", None) is not None for packet in heard], [explained] * 3)
                self.assertEqual(wordless(heard), [Ack(PUBACK, 1, 0x87), Ack(PUBREC, 2, 0x87), Unsuback(9, [0x80])])


class DeliveryTests(SynchronousTestCase):
    def frame(self, size: int) -> bytes:
        """
        A QoS 0 PUBLISH of this size.
        """
        return Message(b"a", b"x" * (size - 6)).frame(5, 0.0)

    def test_too_large(self) -> None:
        """
        QoS 0 larger than the client takes is dropped [MQTT5-3.1.2-24], shared or made for it alone.
        """
        talk = Talk().open(Properties(maximum_packet_size=50))
        self.assertEqual([talk.session.deliver(self.frame(size)) for size in (50, 51)], [True, False])
        own = [talk.session.deliver_own(Message(b"a", b"x" * (size - 6)), True, ()) for size in (50, 51)]
        self.assertEqual(own, [True, False])

    def test_ready(self) -> None:
        """
        The owner of a message can know whether it would leave at once: there is room in the window and on the wire, the
        client reads, and nothing is before it.
        """
        talk = Talk(write_limit=100)
        self.assertFalse(talk.session.ready)
        talk.open(window=2, queue=1)
        self.assertTrue(talk.session.ready)
        talk.session.pause()
        self.assertFalse(talk.session.ready)
        talk.post(b"waits")
        talk.session.paused = False
        self.assertFalse(talk.session.ready)
        talk.session.resume()
        self.assertTrue(talk.session.ready)
        talk.session.deliver(self.frame(100))
        self.assertFalse(talk.session.ready)
        talk.turn.flush()
        talk.post(b"2")
        self.assertFalse(talk.session.ready)
        talk.say(Ack(PUBACK, 1))
        self.assertTrue(talk.session.ready)

    def test_slow_reader(self) -> None:
        """
        QoS 0 beyond what may wait for a client that does not read is dropped; one message there may always be.
        """
        for sizes, taken in (((120, 50), [True, False]), ((50, 50, 50), [True, True, False])):
            with self.subTest(sizes=sizes):
                talk = Talk(write_limit=100).open()
                talk.session.pause()
                self.assertEqual([talk.session.deliver(self.frame(size)) for size in sizes], taken)

    def test_quick_reader(self) -> None:
        """
        To a client that reads everything is sent, although one turn has more for it than may wait.
        """
        talk = Talk(write_limit=100).open()
        self.assertEqual([talk.session.deliver(self.frame(50)) for _ in range(10)], [True] * 10)
        talk.turn.flush()
        self.assertEqual(len(talk.heard()), 10)

    def test_aliases_in_order(self) -> None:
        """
        A topic that is sent because another needed room does not get the other's alias.
        """
        talk = Talk(write_limit=60).open(sent_aliases=2, window=1)
        talk.post(topic=b"1")
        talk.post(topic=b"2")
        self.assertTrue(talk.session.deliver(self.frame(50)))
        talk.session.outgoing.finish(talk.session.outgoing.unanswered()[0])  # type: ignore[union-attr]
        self.assertTrue(talk.session.deliver_own(Message(b"3", b"x" * 30), False, ()))
        talk.turn.flush()
        said = [packet for packet in talk.heard() if isinstance(packet, Publish) and packet.properties is not None]
        aliases = [(packet.topic, packet.properties.topic_alias) for packet in said if packet.properties is not None]
        self.assertEqual(aliases, [(b"1", 1), (b"2", 2)])

    def test_small_limits(self) -> None:
        """
        What fits into a client's small packets reaches it, with aliases too.
        """
        talk = Talk().open(Properties(maximum_packet_size=30), sent_aliases=1)
        self.assertTrue(talk.session.deliver_own(Message(b"a", b"x"), False, ()))
        talk.turn.flush()
        self.assertEqual(talk.heard(), [publish(b"x", topic_alias=1)])


class KeepAliveTests(SynchronousTestCase):
    def silent_for(self, talk: Talk) -> float:
        """
        How long the server waits.
        """
        began = talk.now
        while talk.wire.closed is None and talk.now < began + 1_000:
            talk.pass_time(0.5)
        return talk.now - began

    def test_one_and_a_half(self) -> None:
        """
        A client that says nothing for one and a half times its keep-alive is let go, not earlier and not later
        [MQTT5-3.1.2-22] [MQTT311-3.1.2-24].
        """
        for version in VERSIONS:
            for keep_alive in (1, 7, 60):
                with self.subTest(version=version, keep_alive=keep_alive):
                    talk = Talk(version).open(keep_alive=keep_alive)
                    self.assertEqual(self.silent_for(talk), keep_alive * 1.5)
                    self.assertEqual(talk.reason, 0x8D)
                    self.assertEqual([packet.kind for packet in talk.heard()], [14] if version == 5 else [])

    def test_turned_off(self) -> None:
        """
        A keep-alive of 0 turns it off: no alarm is set any more.
        """
        talk = Talk().open(keep_alive=0)
        talk.pass_time(1_000)
        self.assertEqual((talk.reason, talk.wire.alarm_at), (-1, NEVER))

    def test_any_packet(self) -> None:
        """
        Any whole packet is a sign of life, and none moves the alarm.
        """
        talk = Talk().open(keep_alive=10)
        talk.pass_time(14)
        alarm = talk.wire.alarm_at
        packets: list[Packet] = [publish(b"x"), Pingreq()]
        for packet in packets:
            talk.say(packet)
            self.assertEqual(talk.wire.alarm_at, alarm)
        self.assertEqual(self.silent_for(talk), 15)

    def test_half_a_packet(self) -> None:
        """
        Bytes that never become a packet are no sign of life [MQTT5-3.1.2-22].
        """
        talk = Talk().open(keep_alive=10)
        talk.feed(b"\x30\x7f\x00\x01a")
        for _ in range(14):
            talk.pass_time(1)
            talk.feed(b"x")
        self.assertEqual(self.silent_for(talk), 1)

    def test_large_packet(self) -> None:
        """
        A large packet over a slow line is a sign of life while it comes, not only when it is here.
        """
        talk = Talk().open(keep_alive=10)
        talk.feed(b"\x30\x80\x80\x02\x00\x01a")
        for _ in range(10):
            talk.pass_time(14)
            talk.feed(b"x" * 1_400)
        self.assertEqual(self.silent_for(talk), 15)

    def test_held(self) -> None:
        """
        While we do not read, the keep-alive stands still; afterwards the client has all of its time.
        """
        talk = Talk().open(keep_alive=10)
        talk.session.hold()
        talk.session.hold()
        talk.pass_time(100)
        self.assertEqual((talk.reason, talk.wire.heard), (-1, ["hold"]))
        talk.session.release()
        talk.session.release()
        self.assertEqual(talk.wire.heard, ["hold", "release"])
        self.assertEqual(self.silent_for(talk), 15)
