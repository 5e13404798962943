"""
Tests of txmqtt.net.protocol.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.support import Reactor, Wire, plain
from txmqtt.net.protocol import MQTTProtocol
from txmqtt.session.turn import Turn
from txmqtt.session.voice import NEVER


class Session:
    """
    A conversation that says what the test puts into C{out}, and writes down what it hears.
    """

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.out: list[bytes] = []
        self.heard: list[object] = []
        self.paused = False
        self.alarm_at = NEVER
        self.due = NEVER
        self.link: MQTTProtocol | None = None
        self.write: Any = None

    def say(self, data: bytes) -> None:
        self.out.append(data)
        self.turn.touched.append(self)  # type: ignore[arg-type]

    def feed(self, data: bytes, now: float) -> None:
        self.heard.append((data, now))

    def flush(self) -> None:
        if self.out and not self.paused:
            data = b"".join(self.out)
            self.out.clear()
            self.write(data)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self.turn.touched.append(self)  # type: ignore[arg-type]

    def nearer(self, deadline: float) -> None:
        if deadline < self.alarm_at:
            self.alarm_at = deadline
            assert self.link is not None
            self.link.rearm(deadline)

    def deadline(self) -> float:
        return self.due

    def tick(self, now: float) -> None:
        self.heard.append(("tick", now))

    def lost(self) -> None:
        self.heard.append("lost")
        self.out.clear()


def joined(clock: Clock) -> tuple[MQTTProtocol, Session]:
    """
    A protocol with such a conversation.
    """
    turn = Turn()
    protocol = MQTTProtocol(turn, clock, clock.seconds)
    session = protocol.session = Session(turn)  # type: ignore[assignment]
    session.link = protocol
    return protocol, session


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
        protocol = MQTTProtocol(Turn(), self.clock, steady.seconds)
        session = protocol.session = Session(protocol.turn)  # type: ignore[assignment]
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
        other.turn = self.protocol.turn
        written: list[bytes] = []
        other.write = written.append
        other.say(b"a will")
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.session.heard, self.clock.getDelayedCalls(), written), (["lost"], [], [b"a will"]))


class OddServer(Server):
    """
    A subclass of Twisted's connection, which may do anything with what it writes.
    """

    def write(self, data: bytes) -> None:
        super().write(data.upper())


class Wrapper(Wire):
    """
    A transport that encrypts, and forwards what it does not know, as Twisted's wrappers do.
    """

    def __init__(self, wrapped: Server) -> None:
        super().__init__()
        self.wrapped = wrapped

    def write(self, data: bytes) -> None:
        self.wrapped.write(bytes(byte ^ 0xFF for byte in data))

    def __getattr__(self, name: str) -> object:
        return getattr(self.wrapped, name)


class DirectWriteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.protocol, self.session = joined(self.reactor)

    def say(self, data: bytes) -> None:
        """
        Something is said in one turn.
        """
        self.session.say(data)
        self.protocol.turn.flush()

    def test_at_once(self) -> None:
        """
        On a plain connection bytes go to the socket at once, and the reactor has nothing to do.
        """
        _, socket = plain(self.protocol, self.reactor)
        self.say(b"hello")
        self.assertEqual((socket.sent, self.reactor.writers), (b"hello", set()))

    def test_partly(self) -> None:
        """
        What the socket does not take waits in the transport; what is said later goes behind it.
        """
        for room in (0, 3):
            with self.subTest(room=room):
                self.setUp()
                transport, socket = plain(self.protocol, self.reactor)
                socket.room = room
                self.say(b"hello")
                self.assertEqual((socket.sent, self.reactor.writers), (b"hello"[:room], {transport}))
                socket.room = 1_000
                self.say(b" world")
                self.assertEqual(socket.sent, b"hello"[:room])
                transport.doWrite()
                self.assertEqual(socket.sent, b"hello world")
                self.say(b"!")
                self.assertEqual(socket.sent, b"hello world!")

    def test_peer_gone(self) -> None:
        """
        An error of the socket is left to the reactor, which finds the connection lost when it writes.
        """
        transport, socket = plain(self.protocol, self.reactor)
        socket.room = -1
        self.say(b"hello")
        self.assertEqual((self.reactor.writers, self.session.heard), ({transport}, []))
        self.assertIsInstance(transport.doWrite(), Exception)

    def test_slow_peer(self) -> None:
        """
        When more waits in the transport than it likes it tells us, and again when it is gone.
        """
        transport, socket = plain(self.protocol, self.reactor)
        socket.room = 10
        self.say(b"x" * 100_000)
        self.assertTrue(self.session.paused)
        socket.room = 1 << 30
        while transport in self.reactor.writers and len(socket.sent) < 100_000:
            transport.doWrite()
        transport.doWrite()
        self.assertEqual((self.session.paused, len(socket.sent)), (False, 100_000))

    def test_last_words(self) -> None:
        """
        Last words go behind what waits, and the connection closes when they are out.
        """
        transport, socket = plain(self.protocol, self.reactor)
        socket.room = 0
        self.say(b"hello")
        self.session.out.append(b" bye")
        self.protocol.close(0x8B, "over", False)
        self.assertTrue(transport.disconnecting)
        socket.room = 1_000
        self.assertIsInstance(transport.doWrite(), Exception)
        self.assertEqual(socket.sent, b"hello bye")

    def test_not_around_a_subclass(self) -> None:
        """
        A subclass of a plain connection writes for itself.
        """
        transport, socket = plain(self.protocol, self.reactor, OddServer)
        self.say(b"hello")
        transport.doWrite()
        self.assertEqual(socket.sent, b"HELLO")

    def test_not_around_a_wrapper(self) -> None:
        """
        A transport that wraps a plain one, and looks like it, is never gone around: nothing leaves in the clear.
        """
        inner, _ = joined(self.reactor)
        transport, socket = plain(inner, self.reactor)
        self.protocol.makeConnection(Wrapper(transport))
        self.say(b"hello")
        transport.doWrite()
        self.assertEqual(socket.sent, bytes(byte ^ 0xFF for byte in b"hello"))

    def test_not_around_starttls(self) -> None:
        """
        A plain connection that has been told to speak TLS since is not gone around either.
        """
        transport, socket = plain(self.protocol, self.reactor)
        written: list[bytes] = []
        transport.TLS = True
        transport.write = written.append  # type: ignore[method-assign]
        self.say(b"hello")
        self.assertEqual((written, socket.sent), ([b"hello"], b""))
