"""
A transport in memory keeps the habits of Twisted's own, so that what is tested with it works without.
"""

from __future__ import annotations

from threading import Thread, current_thread

from twisted.internet.error import (
    CannotListenError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    NotConnectingError,
    UserError,
)
from twisted.internet.interfaces import IConsumer, IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txmqtt.testing.clock import WorldClock
from txmqtt.testing.wire import MemoryTransport


@implementer(IHalfCloseableProtocol)
class Half(Protocol):
    """
    Hears, and hears of half-closed connections.
    """

    transport: MemoryTransport

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.events: list[str] = []
        self.why: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def readConnectionLost(self) -> None:
        self.events.append("read lost")

    def writeConnectionLost(self) -> None:
        self.events.append("write lost")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.why = reason


class Whole(Half):
    """
    Hears, and knows nothing of such things.
    """


class Producer:
    """
    Writes down what it is told.
    """

    def __init__(self, transport: MemoryTransport | None = None, pieces: int = 0) -> None:
        self.told: list[str] = []
        self.transport = transport
        self.pieces = pieces

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")
        if self.transport is not None and self.pieces:
            self.pieces -= 1
            self.transport.write(b"piece")
        elif self.transport is not None:
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self.told.append("stop")


class WireTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = WorldClock()
        listening, asking = Factory.forProtocol(Half), ClientFactory.forProtocol(Half)
        self.clock.listenTCP(1, listening)
        self.clock.connectTCP("localhost", 1, asking)
        self.clock.advance(0)
        (self.connection,) = self.clock.network.connections
        self.here, self.there = self.connection.client, self.connection.server

    def heard(self, transport: MemoryTransport) -> bytes:
        assert isinstance(transport.protocol, Half)
        return b"".join(transport.protocol.heard)

    def why(self, transport: MemoryTransport) -> type[BaseException] | None:
        assert isinstance(transport.protocol, Half)
        failure = transport.protocol.why
        return failure.type if failure is not None else None

    def test_interfaces(self) -> None:
        """
        It is a TCP transport, both consumer and producer, and knows where it is.
        """
        for interface in (ITCPTransport, IConsumer, IPushProducer):
            verifyObject(interface, self.here)
        self.assertEqual(self.here.getPeer(), self.there.getHost())
        self.assertEqual(self.there.getPeer(), self.here.getHost())
        self.here.setTcpNoDelay(True)
        self.here.setTcpKeepAlive(True)
        self.assertTrue(self.here.getTcpNoDelay() and self.here.getTcpKeepAlive())

    def test_later(self) -> None:
        """
        What is written is read in the next turn, never before C{write} returns, and as one piece.
        """
        self.here.write(b"a")
        self.here.writeSequence([b"b", b"c"])
        self.assertEqual(self.heard(self.there), b"")
        self.clock.advance(0)
        assert isinstance(self.there.protocol, Half)
        self.assertEqual(self.there.protocol.heard, [b"abc"])
        self.assertRaises(TypeError, self.here.write, "text")

    def test_lose(self) -> None:
        """
        What was written before C{loseConnection} arrives, then both sides hear that it is done; what the other writes
        meanwhile is not read.
        """
        self.here.write(bytes(200_000))
        self.here.loseConnection()
        self.there.write(b"unread")
        self.assertTrue(self.here.connected)
        self.clock.advance(0)
        self.assertEqual((len(self.heard(self.there)), self.heard(self.here)), (200_000, b""))
        self.assertEqual((self.why(self.here), self.why(self.there)), (ConnectionDone, ConnectionDone))
        self.here.write(b"too late")
        self.assertEqual(list(self.clock.getDelayedCalls()), [])

    def test_lose_into_silence(self) -> None:
        """
        Who closes a stalled connection is rid of it, as far as a system would have taken what was written; the other
        gets it, and hears of the end, when it hears again. Until then whoever wrote more waits.
        """
        self.connection.stall()
        self.here.write(bytes(65_536))
        self.here.loseConnection()
        self.there.write(bytes(65_537))
        self.there.loseConnection()
        self.clock.advance(100)
        self.assertEqual((self.why(self.here), self.why(self.there)), (ConnectionDone, None))
        self.connection.resume()
        self.assertEqual(self.why(self.there), ConnectionDone)

    def test_last_words(self) -> None:
        """
        What was written last arrives also when whoever wrote it is gone.
        """
        self.connection.slow(1)
        self.here.write(b"bye")
        self.here.loseConnection()
        self.clock.advance(0)
        self.assertFalse(self.here.connected)
        self.clock.advance(3)
        self.assertEqual((self.heard(self.there), self.why(self.there)), (b"bye", ConnectionDone))

    def test_lose_with_a_producer(self) -> None:
        """
        C{loseConnection} waits for a producer to have its say.
        """
        producer = Producer(self.here, 3)
        self.here.registerProducer(producer, False)  # type: ignore[arg-type]
        self.here.loseConnection()
        self.clock.advance(0)
        self.assertEqual(self.heard(self.there), b"piece" * 3)
        self.assertEqual(self.why(self.there), ConnectionDone)

    def test_abort(self) -> None:
        """
        C{abortConnection} throws away what is under way, and the other side hears that the connection is lost.
        """
        self.here.write(b"gone")
        self.there.write(b"gone too")
        self.here.abortConnection()
        self.assertIsNone(self.why(self.here))
        self.clock.advance(0)
        self.assertEqual((self.why(self.here), self.why(self.there)), (ConnectionAborted, ConnectionLost))
        self.assertEqual(self.heard(self.here) + self.heard(self.there), b"")

    def test_abort_into_silence(self) -> None:
        """
        On a stalled connection the other side hears of the end when it hears again.
        """
        self.connection.stall()
        self.here.abortConnection()
        self.there.write(b"nobody there")
        self.clock.advance(100)
        self.assertEqual((self.why(self.here), self.why(self.there)), (ConnectionAborted, None))
        self.connection.resume()
        self.assertEqual(self.why(self.there), ConnectionLost)

    def test_cut(self) -> None:
        """
        What is under way when a connection is cut is lost, in both directions.
        """
        self.here.write(b"a")
        self.there.write(b"b")
        self.here.loseConnection()
        self.connection.cut()
        self.assertEqual((self.why(self.here), self.why(self.there)), (ConnectionLost, ConnectionLost))
        self.assertEqual(self.heard(self.here) + self.heard(self.there), b"")
        self.connection.cut()
        self.assertEqual(list(self.clock.getDelayedCalls()), [])

    def test_half_close(self) -> None:
        """
        Whoever has no more to say may still listen, and the other may still talk, if it understands.
        """
        self.here.write(b"question")
        self.here.loseWriteConnection()
        self.here.write(b"no more")
        self.clock.advance(0)
        assert isinstance(self.here.protocol, Half)
        assert isinstance(self.there.protocol, Half)
        self.assertEqual(self.heard(self.there), b"question")
        self.assertEqual((self.here.protocol.events, self.there.protocol.events), (["write lost"], ["read lost"]))
        self.there.write(b"answer")
        self.there.loseConnection()
        self.clock.advance(0)
        self.assertEqual(self.heard(self.here), b"answer")
        self.assertEqual((self.why(self.here), self.why(self.there)), (ConnectionDone, ConnectionDone))

    def test_producers(self) -> None:
        """
        A producer is told to pause when 64 KiB wait, to go on when nothing does, and to stop at the end.
        """
        producer = Producer()
        self.here.registerProducer(producer, True)  # type: ignore[arg-type]
        self.assertRaises(RuntimeError, self.here.registerProducer, producer, True)
        self.connection.stall()
        self.here.write(bytes(65_536))
        self.assertEqual(producer.told, [])
        self.here.write(b"more")
        self.here.write(b"and more")
        self.assertEqual(producer.told, ["pause"])
        self.connection.resume()
        self.assertEqual(producer.told, ["pause", "resume"])
        self.connection.cut()
        self.assertEqual(producer.told, ["pause", "resume", "stop"])
        self.here.registerProducer(producer, True)  # type: ignore[arg-type]
        self.assertEqual(producer.told[3:], ["stop"])

    def test_pause_reading(self) -> None:
        """
        Who pauses reads nothing until it resumes, also when bytes were on their way already.
        """
        self.here.write(b"a")
        self.there.pauseProducing()
        self.clock.advance(1)
        self.assertEqual(self.heard(self.there), b"")
        self.there.resumeProducing()
        self.clock.advance(0)
        self.assertEqual(self.heard(self.there), b"a")

    def test_slow(self) -> None:
        """
        At a rate bytes trickle in, and a change of it counts at once.
        """
        self.connection.slow(2)
        self.here.write(b"abcdef")
        for expected in (b"a", b"ab", b"abc"):
            self.clock.advance(0.5)
            self.assertEqual(self.heard(self.there), expected)
        self.connection.slow(0)
        self.assertEqual(self.heard(self.there), b"abcdef")

    def test_broken_protocol(self) -> None:
        """
        A protocol that fails to deal with what it reads loses its connection, and the error is logged.
        """

        def broken(data: bytes) -> None:
            raise ZeroDivisionError

        self.there.protocol.dataReceived = broken  # type: ignore[method-assign, union-attr]
        self.here.write(b"a")
        self.clock.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((self.why(self.there), self.why(self.here)), (ZeroDivisionError, ConnectionLost))


class Asking(ClientFactory):
    """
    Writes down how it went.
    """

    protocol = Half

    def __init__(self) -> None:
        self.ends: list[type[BaseException] | None] = []
        self.started = 0

    def startFactory(self) -> None:
        self.started += 1

    def stopFactory(self) -> None:
        self.started -= 1

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.ends.append(reason.type)

    def clientConnectionLost(self, connector: object, reason: Failure) -> None:
        self.ends.append(reason.type)


class NetworkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = WorldClock()

    def test_connectors(self) -> None:
        """
        A connector is told how its connection ends, can end it, can give up, and can try again.
        """
        factory = Asking()
        port = self.clock.listenTCP(0, Factory.forProtocol(Half))
        connector = self.clock.connectTCP("localhost", port.getHost().port, factory)  # type: ignore[attr-defined]
        self.assertRaises(RuntimeError, connector.connect)
        connector.stopConnecting()
        self.assertRaises(NotConnectingError, connector.stopConnecting)
        connector.disconnect()
        self.clock.advance(0)
        self.assertEqual(factory.ends, [UserError])
        connector.connect()
        self.clock.advance(0)
        self.assertEqual(factory.started, 1)
        connector.disconnect()
        self.clock.advance(0)
        self.assertEqual((factory.ends, factory.started), ([UserError, ConnectionDone], 0))
        self.assertEqual(connector.getDestination(), port.getHost())

    def test_unwanted(self) -> None:
        """
        A server or a client that wants no protocol for a connection closes it.
        """

        class Unwilling(Asking):
            def buildProtocol(self, addr: object) -> None:
                return None

        unwilling, willing = Unwilling(), Asking()
        self.clock.listenTCP(1, Factory.forProtocol(Half))
        self.clock.listenTCP(2, unwilling)
        self.clock.connectTCP("localhost", 1, unwilling)
        self.clock.connectTCP("localhost", 2, willing)
        self.clock.advance(0)
        self.assertEqual((unwilling.ends, willing.ends), ([ConnectionDone], [ConnectionDone]))

    def test_unix(self) -> None:
        """
        There are UNIX sockets too, without files.
        """
        port = self.clock.listenUNIX("/run/it", Factory.forProtocol(Half))
        factory = Asking()
        self.clock.connectUNIX("/run/it", factory)
        self.clock.advance(0)
        self.assertTrue(self.clock.network.connections[0].is_open)
        port.stopListening()
        self.clock.connectUNIX("/run/it", factory)
        self.clock.advance(0)
        self.assertEqual(len(factory.ends), 1)

    def test_one_each(self) -> None:
        """
        Two can't listen on the same port.
        """
        self.clock.listenTCP(1, Factory())
        self.assertRaises(CannotListenError, self.clock.listenTCP, 1, Factory())


class ClockTests(SynchronousTestCase):
    def test_in_order(self) -> None:
        """
        Timers ring at their own time, those included that were put off, and what they start too.
        """
        clock, rang = WorldClock(), []

        def ring(name: str, again: float = 0) -> None:
            rang.append((name, clock.seconds()))
            if again:
                clock.callLater(again, ring, name)

        put_off = clock.callLater(1, ring, "put off")
        clock.callLater(2, ring, "twice", 0.5)
        put_off.reset(3)
        clock.callFromThread(ring, "at once")
        clock.advance(10)
        self.assertEqual(rang, [("at once", 0), ("twice", 2), ("twice", 2.5), ("put off", 3)])
        self.assertEqual(clock.seconds(), 10)

    def test_from_within(self) -> None:
        """
        Only the test makes time pass; that everything is to happen now may be asked by anybody.
        """
        clock, errors = WorldClock(), []
        clock.callLater(1, clock.advance, 0)
        clock.callLater(2, lambda: errors.append(self.assertRaises(RuntimeError, clock.advance, 1)))
        clock.advance(5)
        self.assertEqual((len(errors), clock.seconds()), (1, 5))
        self.assertRaises(ValueError, clock.advance, -1)

    def test_threads(self) -> None:
        """
        What a thread wants is done in the test's own, when the test lets something happen.
        """
        clock, called = WorldClock(), []
        thread = Thread(target=clock.callFromThread, args=(lambda: called.append(current_thread()),))
        thread.start()
        thread.join()
        self.assertEqual(called, [])
        clock.advance(0)
        self.assertEqual(called, [current_thread()])

    def test_endless(self) -> None:
        """
        A program that calls itself for ever is stopped with an error, and its name.
        """
        self.patch(WorldClock, "endless", 100)
        clock = WorldClock()

        def forever() -> None:
            clock.callLater(0, forever)

        forever()
        self.assertIn("forever", str(self.assertRaises(RuntimeError, clock.advance, 1)))

    def test_error_in_a_call(self) -> None:
        """
        What a timer's function raises reaches the test, and time can go on afterwards.
        """
        clock = WorldClock()
        clock.callLater(1, lambda: 1 / 0)
        self.assertRaises(ZeroDivisionError, clock.advance, 2)
        clock.advance(1)
        self.assertEqual(clock.seconds(), 2)
