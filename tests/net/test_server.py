"""
Tests of txmqtt.net.server: connections, what the log says of them, and the factory.
"""

from __future__ import annotations

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider
from zope.interface.verify import verifyObject

from tests.net.support import Broken, BrokerTestCase, Waiting, Wire, reasons
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import (
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Publish,
    Subscribe,
    Subscription,
    Will,
)
from txmqtt.codec.properties import Properties


class ConnectionTests(BrokerTestCase):
    def test_silent(self) -> None:
        """
        Whoever says nothing for ten seconds is closed, and nothing is left of them.
        """
        client = self.dial()
        self.clock.advance(10)
        self.assertEqual((client.wire.value(), client.wire.disconnecting), (b"", True))

    def test_keep_alive(self) -> None:
        """
        A client that goes silent is let go after one and a half times its keep-alive, and its will is published.
        """
        watcher = self.connect("w")
        watcher.say(Subscribe(1, [Subscription(b"will")]))
        watcher.heard()
        client = self.connect(keep_alive=20, will=Will(b"will", b"gone"))
        client.heard()
        self.clock.advance(29.9)
        self.assertEqual(client.heard(), [])
        self.clock.advance(0.1)
        self.assertEqual((reasons(client.heard()), watcher.heard()), ([0x8D], [Publish(b"will", b"gone")]))

    def test_lost(self) -> None:
        """
        A client whose connection is lost leaves its will.
        """
        watcher = self.connect("w")
        watcher.say(Subscribe(1, [Subscription(b"will")]))
        watcher.heard()
        self.connect(will=Will(b"will", b"gone")).leave()
        self.assertEqual((watcher.heard(), self.stats.connections), ([Publish(b"will", b"gone")], 1))

    def test_broken_rule(self) -> None:
        """
        A client that breaks a rule is told which, closed, logged in one line and counted; others do not notice.
        """
        other, client = self.connect("d"), self.connect()
        for each in (other, client):
            each.heard()
        said = len(self.log.said)
        client.feed(b"\x36\x00")
        other.say(Pingreq())
        self.assertEqual((reasons(client.heard()), client.wire.disconnecting), ([0x81], True))
        self.assertEqual((other.heard(), self.stats.protocol_errors), ([Pingresp()], 1))
        (line,) = self.log.said[said:]
        self.assertIn("'c' was disconnected: ", line)
        self.assertIn("(0x81 malformed packet)", line)

    def test_slow_reader(self) -> None:
        """
        To a client that does not read QoS 0 is dropped and counted, while another that reads gets all of it.
        """
        self.begin(policy=Policy(write_buffer=10_000))
        slow, quick, publisher = (self.connect(name) for name in ("s", "q", "p"))
        for client in (slow, quick):
            client.say(Subscribe(1, [Subscription(b"a")]))
        for client in (slow, quick, publisher):
            client.heard()
        slow.protocol.pauseProducing()
        for _ in range(20):
            publisher.say(Publish(b"a", b"x" * 1_000))
        self.assertEqual((len(quick.heard()), len(slow.heard())), (20, 0))
        self.assertEqual(self.stats.dropped_slow, 11)
        slow.protocol.resumeProducing()
        self.assertEqual(len(slow.heard()), 9)

    def test_never_reads(self) -> None:
        """
        A client that lets the answers to its own requests pile up is cut off.
        """
        self.begin(policy=Policy(write_buffer=10_000))
        client = self.connect()
        client.heard()
        client.protocol.pauseProducing()
        client.say(*[Pingreq()] * 1_000)
        self.assertEqual((client.heard(), client.wire.asked[-1]), ([], "abort"))

    def test_reading_is_held(self) -> None:
        """
        A client that says much before its login is decided is not read any further until it is.
        """
        checker = Waiting()
        self.begin(checker)
        client = self.connect()
        client.say(*[Publish(b"a", b"x" * 10_000)] * 7)
        self.assertEqual(client.wire.producerState, "paused")
        checker.asked[0][1].callback(b"alice")
        self.assertEqual((client.wire.producerState, self.stats.publish_received), ("producing", 7))


class LogTests(BrokerTestCase):
    def test_who_came_and_went(self) -> None:
        """
        The log says who came, how, and how they went.
        """
        wire = Wire(peerAddress=IPv4Address("TCP", "192.0.2.7", 4711))
        client = self.dial(4, wire)
        client.say(Connect("c", 4, keep_alive=30, username="alice"))
        client.say(Disconnect())
        client.leave()
        other = self.connect("d")
        other.leave()
        self.assertEqual(
            self.log.said,
            [
                "192.0.2.7:4711 connected as 'c', user 'alice', MQTT 3.1.1, keep-alive 30 s",
                "192.0.2.7:4711 'c' disconnected",
                "192.168.1.1:54321 connected as 'd', user None, MQTT 5.0, keep-alive 0 s",
                "192.168.1.1:54321 'd' went away: Connection was closed cleanly.",
            ],
        )

    def test_answered_before_the_log(self) -> None:
        """
        A client that is let in has its CONNACK before the log is written, which may take as long as all the rest.
        """
        client = self.dial(5)
        sent: list[bytes] = []

        @provider(ILogObserver)
        def slow(event: LogEvent) -> None:
            if str(event.get("log_format")).startswith("{peer} connected"):
                sent.append(client.wire.value()[:1])

        globalLogPublisher.addObserver(slow)
        self.addCleanup(globalLogPublisher.removeObserver, slow)
        client.say(Connect("c", 5))
        self.assertEqual(sent, [b"\x20"])

    def test_refused(self) -> None:
        """
        The log says who was refused, and why; a refusal is counted once.
        """
        self.begin(
            InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"), policy=Policy(max_connections=1, login_delay=0)
        )
        self.connect(username="bob", password=b"hidden")
        self.connect()
        self.connect("d", username="alice", password=b"secret")
        self.connect("e", username="alice", password=b"secret")
        lines = [line.partition("refused: ")[2] for line in self.log.said if "refused" in line]
        self.assertEqual(
            lines,
            [
                "wrong user name or password, for user 'bob' (0x86 bad user name or password)",
                "anonymous clients are not allowed here (0x87 not authorized)",
                "1 connections, no more are allowed (0x97 quota exceeded)",
            ],
        )
        self.assertEqual(self.stats.connections_refused, 3)

    def test_no_password(self) -> None:
        """
        No password is ever logged, nor handed to the log, whatever becomes of the login.
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"sesame-open"))
        self.connect(username="alice", password=b"sesame-open")
        self.connect(username="alice", password=b"sesame-shut")
        self.connect(username="bob", password=b"sesame-open")
        self.begin(Broken())  # type: ignore[arg-type]
        self.connect(username="alice", password=b"sesame-open")
        self.flushLoggedErrors(RuntimeError)
        self.assertGreaterEqual(len(self.log.said), 4)
        for text, record in zip(self.log.said, self.log.records, strict=True):
            self.assertNotIn("sesame", text)
            self.assertNotIn("sesame", repr(record))

    def test_nothing_said(self) -> None:
        """
        Whoever only looks whether somebody listens is not worth a line.
        """
        self.dial().leave()
        self.assertEqual(self.log.said, [])

    def test_long_names(self) -> None:
        """
        A client does not fill the log with its names.
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"))
        long = "x" * 60_000
        self.connect(long, username=long, password=b"p")
        self.connect(properties=Properties(authentication_method=long))
        self.assertEqual(len(self.log.said), 2)
        for line in self.log.said:
            self.assertLess(len(line), 400)

    def test_one_line(self) -> None:
        """
        A client does not begin lines of its own in the log.
        """
        self.connect("c\r\n2026 all is well", username="\n")
        self.assertEqual([line for line in self.log.said if "\n" in line or "\r" in line], [])

    def test_where(self) -> None:
        """
        The log shows where somebody is, whatever they came over.
        """
        for address, shown in (
            (IPv6Address("TCP", "2001:db8::1", 99), "[2001:db8::1]:99"),
            (UNIXAddress(None), "UNIXAddress(None)"),
        ):
            with self.subTest(shown=shown):
                self.assertEqual(self.dial(5, Wire(peerAddress=address)).protocol.peer, shown)


class FactoryTests(BrokerTestCase):
    def test_interface(self) -> None:
        """
        The factory is what every endpoint takes.
        """
        verifyObject(IProtocolFactory, self.factory)

    def test_shut(self) -> None:
        """
        When the broker stops everybody is let go: who is in with 0x8B, who is opening with 0x88, who has said nothing
        without a word; 3.x as far as it has words.
        """
        checker = Waiting()
        self.begin(checker)
        silent, opening, old = self.dial(), self.connect("o"), self.connect("p", 4)
        inside = self.connect("i")
        checker.asked[2][1].callback(b"alice")
        inside.heard()
        self.factory.shut("over")
        self.broker.turn.flush()
        self.assertEqual(
            [reasons(client.heard()) for client in (silent, opening, old, inside)], [[], [0x88], [3], [0x8B]]
        )
        self.assertTrue(all(client.wire.disconnecting for client in self.clients))

    def test_when_empty(self) -> None:
        """
        It can be waited for that the last connection is closed.
        """
        self.assertIsNone(self.successResultOf(self.factory.whenEmpty()))
        clients = [self.connect("c"), self.dial()]
        waiting = self.factory.whenEmpty()
        clients[0].leave()
        self.assertNoResult(waiting)
        clients[1].leave()
        self.assertIsNone(self.successResultOf(waiting))

    def test_lean(self) -> None:
        """
        A connection has one timer, and none once it is in without a keep-alive and its ten seconds are over.
        """
        self.connect(keep_alive=0)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(10)
        self.assertEqual(self.clock.getDelayedCalls(), [])
