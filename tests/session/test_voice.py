"""
Tests of txmqtt.session.voice and txmqtt.session.turn: what leaves, and the last word.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.session.support import Talk, acks, publish
from txmqtt.codec.constants import PUBACK
from txmqtt.codec.packets import Ack, Disconnect, Pingreq, Pingresp
from txmqtt.codec.properties import Properties
from txmqtt.session.message import Message
from txmqtt.session.tickets import Ticket
from txmqtt.session.turn import Turn
from txmqtt.session.voice import NEVER

FRAME = Message(b"a", b"x").frame(5, 0.0)


class Speaker:
    """
    Something that is flushed.
    """

    def __init__(self, turn: Turn, name: str, written: list[str], then: "Speaker | None" = None) -> None:
        self.turn = turn
        self.name = name
        self.written = written
        self.then = then

    def flush(self) -> None:
        self.written.append(self.name)
        if self.then is not None:
            self.turn.touched.append(self.then)  # type: ignore[arg-type]


class TurnTests(SynchronousTestCase):
    def test_one_write_each(self) -> None:
        """
        Whatever is said in one turn leaves in one write for each client.
        """
        turn = Turn()
        talks = [Talk().open() for _ in range(2)]
        for talk in talks:
            talk.session.turn = turn
            talk.written.clear()
        for _ in range(3):
            for talk in talks:
                self.assertTrue(talk.session.deliver(FRAME))
        turn.flush()
        self.assertEqual([talk.written for talk in talks], [[FRAME * 3], [FRAME * 3]])
        turn.flush()
        self.assertEqual([len(talk.written) for talk in talks], [1, 1])

    def test_counts(self) -> None:
        """
        What comes and goes is counted, in packets and bytes.
        """
        talk = Talk().open()
        turn = talk.turn
        before = (turn.packets_received, turn.packets_sent, turn.bytes_received, turn.bytes_sent)
        talk.say(publish(b"x", 1, 1), Pingreq())
        talk.post(b"x")
        after = (turn.packets_received, turn.packets_sent, turn.bytes_received, turn.bytes_sent)
        self.assertEqual([now - then for now, then in zip(after, before, strict=True)], [2, 3, 8 + 1 + 2, 4 + 2 + 9])

    def test_wall(self) -> None:
        """
        The wall clock is the steady one and what lies between them.
        """
        turn = Turn()
        turn.now, turn.skew = 5.0, 1_000.0
        self.assertEqual(turn.wall, 1_005.0)


class OutputTests(SynchronousTestCase):
    def test_paused(self) -> None:
        """
        While the transport has enough nothing is written; then all is, in one write and in order.
        """
        talk = Talk().open()
        talk.session.pause()
        talk.say(publish(b"1", 1, 1), Pingreq())
        talk.say(publish(b"2", 1, 2))
        self.assertEqual(talk.heard(), [])
        talk.written.clear()
        talk.session.resume()
        self.assertEqual(len(talk.written), 1)

    def test_never_reads(self) -> None:
        """
        A client that asks and asks and never reads the answers is cut off without another word.
        """
        talk = Talk(write_limit=10_000).open()
        talk.session.pause()
        asked = 0
        while talk.wire.closed is None and asked < 1_000:
            talk.say(Pingreq())
            asked += 1
        self.assertEqual(talk.wire.closed, (0x97, f"the peer does not read: {asked * 66} bytes wait for it", True))
        self.assertEqual((asked, talk.heard(), talk.hall.goodbyes), (20_000 // 66 + 1, [], [None]))

    def test_too_large_an_answer(self) -> None:
        """
        A client whose Maximum Packet Size holds not even our answer is let go rather than sent more than it takes
        [MQTT5-3.1.2-24].
        """
        talk = Talk().open(Properties(maximum_packet_size=5))
        talk.session.suback(1, [0] * 10, Ticket())
        self.assertEqual(talk.reason, -1)
        talk.session.unsuback(2, [0] * 10, Ticket())
        talk.say(Pingreq())
        talk.session.send(b"123456")
        talk.turn.flush()
        self.assertEqual((talk.reason, talk.heard()), (0x95, [Pingresp(), Disconnect(0x95)]))

    def test_alarm(self) -> None:
        """
        The alarm is asked for when something comes nearer, and left alone otherwise.
        """
        talk = Talk().open()
        talk.session.nearer(talk.now + 5)
        self.assertEqual(talk.wire.alarm_at, talk.now + 5)
        talk.wire.alarm_at = NEVER
        talk.session.nearer(talk.now + 6)
        self.assertEqual(talk.wire.alarm_at, NEVER)


class EndTests(SynchronousTestCase):
    def test_last_word(self) -> None:
        """
        What was said before leaves before the DISCONNECT, nothing after it [MQTT5-3.14.4-1].
        """
        talk = Talk().open()
        talk.say(publish(b"1", 1, 1))
        self.assertTrue(talk.session.deliver(FRAME))
        talk.session.end(0x8B, "")
        talk.session.send(b"\xd0\x00")
        talk.say(Pingreq(), publish(b"2", 1, 2))
        self.assertEqual(talk.heard(), [Ack(PUBACK, 1), publish(b"x"), Disconnect(0x8B)])
        self.assertEqual(talk.hall.payloads(), [b"1"])

    def test_paused(self) -> None:
        """
        The last word is tried although the transport had enough.
        """
        talk = Talk().open()
        talk.session.pause()
        talk.session.end(0x8B, "")
        self.assertEqual(talk.heard(), [Disconnect(0x8B)])

    def test_full(self) -> None:
        """
        The last word to a client that does not read ends the conversation once, however much waits for it.
        """
        talk = Talk(write_limit=1_000).open()
        talk.session.pause()
        while talk.session.out_size < 1_940:
            talk.session.send(b"\xd0\x00")
        talk.session.end(0x8B, "bye" * 100)
        self.assertEqual((talk.reason, talk.hall.goodbyes), (0x8B, [None]))

    def test_once(self) -> None:
        """
        A conversation ends once, whoever ends it next.
        """
        talk = Talk().open()
        talk.session.end(0x8B, "")
        talk.session.end(0x97, "")
        talk.session.lost()
        self.assertEqual((talk.reason, talk.hall.goodbyes, talk.heard()), (0x8B, [None], [Disconnect(0x8B)]))

    def test_lost(self) -> None:
        """
        When the connection is lost its owner is told, and what was still to be said is forgotten.
        """
        talk = Talk().open()
        talk.session.pause()
        talk.say(Pingreq())
        talk.session.lost()
        talk.session.lost()
        talk.session.resume()
        self.assertEqual((talk.hall.goodbyes, talk.heard(), talk.session.out_size), ([None], [], 0))

    def test_tickets_outlive_it(self) -> None:
        """
        What is decided after the end says nothing to anybody.
        """
        for qos in (1, 2):
            with self.subTest(qos=qos):
                talk = Talk().open()
                ticket = Ticket()
                talk.hall.tickets += [ticket]
                talk.say(publish(b"1", qos, 1))
                talk.session.lost()
                talk.settle(ticket)
                self.assertEqual(talk.heard(), [])

    def test_nothing_waits_behind(self) -> None:
        """
        Acknowledgements that waited for tickets do not follow the DISCONNECT.
        """
        talk = Talk().open()
        ticket = Ticket()
        talk.hall.tickets += [ticket]
        talk.say(publish(b"1", 1, 1))
        talk.session.end(0x8B, "")
        talk.settle(ticket)
        self.assertEqual(talk.heard(), [Disconnect(0x8B)])
        self.assertEqual(acks(PUBACK, 1), [Ack(PUBACK, 1)])
