"""
Tests of txmqtt.net.protocol.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support import Round, Session, Wire, joined
from txmqtt.net.protocol import MQTTProtocol
from txmqtt.session.voice import NEVER


class ProtocolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.protocol, self.session = joined(self.clock)
        self.wire = Wire()
        self.protocol.makeConnection(self.wire)

    def tearDown(self) -> None:
        """
        No timer outlives the connection.
        """
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_read(self) -> None:
        """
        What is read goes to the conversation with the time; what it stirred leaves in one write before the next read.
        """
        self.clock.advance(5)
        for piece in (b"a", b"b", b"c"):
            self.session.say(piece)
        self.protocol.dataReceived(b"xyz")
        self.assertEqual(self.session.heard, [(b"xyz", 5.0)])
        self.assertEqual((self.wire.value(), self.wire.writes), (b"abc", 1))

    def test_small_packets_leave_at_once(self) -> None:
        """
        Every TCP connection is told not to collect small packets.
        """
        self.assertEqual(self.wire.asked, ["no delay True"])

    def test_push_producer(self) -> None:
        """
        The transport can tell us to slow down, and tells us when there is room again.
        """
        verifyObject(IPushProducer, self.protocol)
        self.assertEqual((self.wire.producer, self.wire.streaming), (self.protocol, True))
        self.protocol.pauseProducing()
        self.session.say(b"later")
        self.protocol.dataReceived(b"")
        self.assertEqual(self.wire.value(), b"")
        self.protocol.resumeProducing()
        self.assertEqual(self.wire.value(), b"later")

    def test_hold(self) -> None:
        """
        The conversation can have reading stopped and begun again.
        """
        self.protocol.hold()
        self.assertEqual(self.wire.producerState, "paused")
        self.protocol.release()
        self.assertEqual(self.wire.producerState, "producing")

    def test_one_alarm(self) -> None:
        """
        There is one timer for each connection, and only a nearer deadline touches it.
        """
        self.session.nearer(10.0)
        (alarm,) = self.clock.getDelayedCalls()
        for _ in range(100):
            self.protocol.dataReceived(b"x")
        self.session.nearer(11.0)
        self.assertEqual(self.clock.getDelayedCalls(), [alarm])
        self.session.nearer(4.0)
        (alarm,) = self.clock.getDelayedCalls()
        self.assertEqual(alarm.getTime(), 4.0)

    def test_alarm_rings(self) -> None:
        """
        When the alarm rings the conversation is told the time, what it says is written, and the alarm is set to the
        next deadline, if there is one.
        """
        self.session.nearer(4.0)
        self.session.due = 9.0
        self.session.say(b"due")
        self.clock.advance(4)
        self.assertEqual((self.session.heard, self.wire.value()), ([("tick", 4.0)], b"due"))
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [9.0])
        self.session.due = NEVER
        self.clock.advance(5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late_deadline(self) -> None:
        """
        A deadline that has passed already rings at once, not in the past.
        """
        self.clock.advance(10)
        self.session.nearer(5.0)
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [10.0])

    def test_steady_clock(self) -> None:
        """
        Deadlines are of a clock that never jumps: a step of the reactor's wall time ends nothing.
        """
        steady = Clock()
        turn = Round()
        protocol = MQTTProtocol(turn, self.clock, steady.seconds)  # type: ignore[arg-type]
        session = protocol.session = Session(turn)  # type: ignore[assignment]
        session.link = protocol
        protocol.makeConnection(Wire())
        session.nearer(10.0)
        session.due = 10.0
        self.clock.advance(3_600)
        self.assertEqual(session.heard, [("tick", 0.0)])
        session.due = NEVER
        steady.advance(10)
        self.clock.advance(10)
        self.assertEqual(session.heard, [("tick", 0.0), ("tick", 10.0)])
        protocol.connectionLost(Failure(ConnectionDone()))


class CloseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.protocol, self.session = joined(self.clock)
        self.wire = Wire()
        self.protocol.makeConnection(self.wire)
        self.wire.asked.clear()

    def test_last_words(self) -> None:
        """
        What is left to be said is written although the transport had enough, and then the connection is closed; first
        the transport forgets about us, because it would wait for a peer that may never read.
        """
        self.protocol.pauseProducing()
        self.session.out.append(b"bye")
        self.protocol.close(0x8B, "over", False)
        self.assertEqual((self.wire.value(), self.wire.asked), (b"bye", ["unregister", "lose"]))

    def test_peer_that_does_not_read(self) -> None:
        """
        A peer that does not take our last words within five seconds is cut off.
        """
        self.protocol.close(0x8B, "over", False)
        self.clock.advance(4.9)
        self.assertNotIn("abort", self.wire.asked)
        self.clock.advance(0.1)
        self.assertEqual(self.wire.asked, ["unregister", "lose", "abort"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_abort(self) -> None:
        """
        Where nothing is to be said the connection is cut at once.
        """
        self.session.out.append(b"bye")
        self.protocol.close(0x97, "does not read", True)
        self.assertEqual((self.wire.value(), self.wire.asked), (b"", ["unregister", "abort"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_once(self) -> None:
        """
        Closing twice closes once, and no alarm is set any more.
        """
        self.session.nearer(100.0)
        self.protocol.close(0x8B, "over", False)
        self.protocol.close(0x97, "over", True)
        self.protocol.rearm(1.0)
        self.protocol.release()
        self.assertEqual((self.wire.asked, self.wire.producerState), (["unregister", "lose"], "producing"))
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [5.0])

    def test_closed_while_ringing(self) -> None:
        """
        When the alarm ends the conversation it is not set again.
        """
        self.session.nearer(1.0)
        self.session.due = 2.0
        self.session.tick = lambda now: self.protocol.close(0x8D, "silent", False)  # type: ignore[method-assign]
        self.clock.advance(1)
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [6.0])

    def test_lost(self) -> None:
        """
        A lost connection takes its timers along, and tells the conversation and nobody else.
        """
        self.session.nearer(100.0)
        self.protocol.close(0x8B, "over", False)
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.session.heard, self.clock.getDelayedCalls()), (["lost"], []))

    def test_lost_by_itself(self) -> None:
        """
        It is the same when the peer closes, and what it stirs for others is written.
        """
        self.session.nearer(100.0)
        _, other = joined(self.clock)
        other.turn = self.session.turn
        written: list[bytes] = []
        other.write = written.append
        other.say(b"a will")
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.session.heard, self.clock.getDelayedCalls(), written), (["lost"], [], [b"a will"]))
