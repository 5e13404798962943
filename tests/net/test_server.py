"""
Tests of txmqtt.net.server: logins, what the log says, and the factory.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.portal import IRealm
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IProtocolFactory
from zope.interface import Interface, implementer
from zope.interface.verify import verifyObject

from tests.net.support import BrokerTestCase, Waiting, Wire
from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import PUBACK
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Will,
)
from txmqtt.codec.properties import Properties
from txmqtt.net.auth import IMQTTUser, User


def reasons(packets: list[Packet]) -> list[int]:
    """
    What CONNACKs and DISCONNECTs say.
    """
    return [packet.reason for packet in packets if isinstance(packet, Connack | Disconnect)]


class Strict(User):
    """
    A user who may do little.
    """

    unrestricted = False

    def may_publish(self, topic: str) -> bool:
        return topic == f"of/{self.name}"

    def granted(self, filter: str, qos: int) -> int:
        return min(qos, 1) if filter.startswith("of/") else 0x87


@implementer(IRealm)
class Rooms:
    """
    A realm that counts who is in, and may be slow.
    """

    def __init__(self) -> None:
        self.inside = 0
        self.entered: list[object] = []
        self.gates: list[Deferred[None]] | None = None
        self.make: Any = Strict

    def _leave(self) -> None:
        self.inside -= 1

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> Deferred[tuple[type[Interface], object, Any]]:
        self.inside += 1
        self.entered.append(avatarId)
        avatar = self.make(avatarId.decode() if isinstance(avatarId, bytes) else None)
        answer = (IMQTTUser, avatar, self._leave)
        if self.gates is None:
            return succeed(answer)
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        return gate.addCallback(lambda _: answer)


class Broken:
    """
    A checker that does not work.
    """

    credentialInterfaces = (IAnonymous, IUsernamePassword)

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        raise RuntimeError("the directory is on fire")


class LoginTests(BrokerTestCase):
    def test_anybody(self) -> None:
        """
        Where everybody may come in CONNECT is answered at once, in the same write as all that follows.
        """
        for version in (3, 4, 5):
            with self.subTest(version=version):
                client = self.dial(version)
                client.say(Connect(f"c{version}", version), Pingreq())
                self.assertEqual(client.wire.writes, 1)
                self.assertEqual([type(packet) for packet in client.heard()], [Connack, Pingresp])

    def test_wrong_password(self) -> None:
        """
        A wrong password or user name is refused with 0x86, on 3.x with 4, and the connection is closed
        [MQTT5-3.1.4-2] [MQTT311-3.2.2-5].
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"))
        for version, said in ((3, 4), (4, 4), (5, 0x86)):
            for name, password in (("alice", b"wrong"), ("bob", b"secret"), ("alice", None)):
                if version < 5 or password is not None:
                    with self.subTest(version=version, name=name):
                        client = self.connect("c", version, username=name, password=password)
                        self.assertEqual((reasons(client.heard()), client.wire.disconnecting), ([said], True))
        self.assertEqual((self.stats.connections, self.stats.sessions), (0, 0))

    def test_right_password(self) -> None:
        """
        The right one lets the client in, and the session is its own.
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"))
        client = self.connect(username="alice", password=b"secret")
        self.assertEqual(reasons(client.heard()), [0])
        member = self.broker.registry.find(("", "c"))
        assert member is not None
        self.assertEqual((member.user, member.permissions), ("alice", None))

    def test_anonymous_not_allowed(self) -> None:
        """
        Who gives no name where one is needed is refused with 0x87, on 3.x with 5.
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"))
        for version, said in ((3, 5), (4, 5), (5, 0x87)):
            with self.subTest(version=version):
                self.assertEqual(reasons(self.connect(version=version).heard()), [said])

    def test_broken_checker(self) -> None:
        """
        A checker that fails lets nobody in; the client is told that the server is unavailable, the log why.
        """
        self.begin(Broken())  # type: ignore[arg-type]
        for version, said in ((4, 3), (5, 0x88)):
            with self.subTest(version=version):
                client = self.connect(version=version)
                self.assertEqual((reasons(client.heard()), client.wire.disconnecting), ([said], True))
                self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_broken_realm(self) -> None:
        """
        A realm that answers with something else than a user lets nobody in either, and its avatar is logged out.
        """
        realm = Rooms()
        realm.make = lambda name: object()
        self.begin(realm=realm)
        client = self.connect()
        self.assertEqual((reasons(client.heard()), client.wire.disconnecting), ([0x80], True))
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        client.leave()
        self.assertEqual(realm.inside, 0)

    def test_slow_checker(self) -> None:
        """
        A login may take its time: what the client says meanwhile waits, and is acted on when it is in.
        """
        checker = Waiting()
        self.begin(checker)
        client = self.connect()
        client.say(Subscribe(1, [Subscription(b"a")]), Publish(b"a", b"x", 1, packet_id=2))
        self.assertEqual(client.heard(), [])
        self.clock.advance(5)
        checker.asked[0][1].callback(b"alice")
        connack, *rest = client.heard()
        self.assertEqual(reasons([connack]), [0])
        self.assertEqual(rest, [Suback(1, [0]), Publish(b"a", b"x"), Ack(PUBACK, 2)])

    def test_too_slow_a_checker(self) -> None:
        """
        A login that takes longer than ten seconds is refused; the answer that comes later lets nobody in.
        """
        checker, realm = Waiting(), Rooms()
        self.begin(checker, realm=realm)
        client = self.connect()
        self.clock.advance(10)
        self.assertEqual((reasons(client.heard()), client.wire.disconnecting), ([0x89], True))
        checker.asked[0][1].callback(b"alice")
        self.assertEqual((client.heard(), realm.inside, self.stats.sessions), ([], 0, 0))

    def test_left_during_login(self) -> None:
        """
        When the client leaves before the answer comes, whoever is logged in by it is logged out again, wherever the
        login was waiting.
        """
        checker, realm = Waiting(), Rooms()
        realm.gates = []
        self.begin(checker, realm=realm)
        early, late = self.connect("early"), self.connect("late")
        early.leave()
        for _, answer in checker.asked:
            answer.callback(b"alice")
        late.leave()
        self.assertEqual((realm.entered, realm.inside), ([b"alice", b"alice"], 2))
        for gate in realm.gates:
            gate.callback(None)
        self.assertEqual((realm.inside, self.stats.sessions, self.stats.connections), (0, 0, 0))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_refused_after_leaving(self) -> None:
        """
        A refusal that comes when the client has left is nobody's any more.
        """
        checker = Waiting()
        self.begin(checker)
        self.connect().leave()
        said = len(self.log.said)
        checker.asked[0][1].errback(RuntimeError("late"))
        self.assertEqual((len(self.log.said), self.flushLoggedErrors()), (said, []))

    def test_logged_out(self) -> None:
        """
        Whoever came in is logged out once, however the connection ends.
        """
        realm = Rooms()
        self.begin(realm=realm)
        first, second = self.connect("c"), self.connect("d")
        self.assertEqual(realm.inside, 2)
        third = self.connect("c")  # takes the session of the first over
        self.assertEqual((reasons(first.heard())[-1], first.wire.disconnecting), (0x8E, True))
        for client in (first, second, third):
            client.leave()
        self.assertEqual(realm.inside, 0)

    def test_logout_that_fails(self) -> None:
        """
        A logout that fails harms nobody: the connection is accounted for all the same.
        """
        realm = Rooms()
        realm._leave = lambda: 1 / 0  # type: ignore[method-assign,assignment]
        self.begin(realm=realm)
        self.connect().leave()
        self.assertEqual((len(self.flushLoggedErrors(ZeroDivisionError)), self.factory.guests), (1, set()))

    def test_rights(self) -> None:
        """
        What the avatar says is what the client may do.
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"s"), realm=Rooms())
        client = self.connect(username="alice", password=b"s")
        client.heard()
        client.say(
            Subscribe(1, [Subscription(b"of/#", 2), Subscription(b"#", 0)]),
            Publish(b"of/alice", b"x", 1, packet_id=2),
            Publish(b"of/bob", b"x", 1, packet_id=3),
        )
        answers = [packet for packet in client.heard() if not isinstance(packet, Publish)]
        self.assertEqual(answers, [Suback(1, [1, 0x87]), Ack(PUBACK, 2), Ack(PUBACK, 3, 0x87)])

    def test_will_not_allowed(self) -> None:
        """
        A client whose will it may not publish is refused at the door, and logged out.
        """
        realm = Rooms()
        self.begin(realm=realm)
        client = self.connect(username="alice", password=b"s", will=Will(b"of/bob", b"x"))
        self.assertEqual(reasons(client.heard()), [0x87])
        client.leave()
        self.assertEqual(realm.inside, 0)

    def test_authentication_method(self) -> None:
        """
        An authentication method is refused with 0x8C: there is none yet [MQTT5-4.12.0-1].
        """
        client = self.connect(properties=Properties(authentication_method="SCRAM"))
        self.assertEqual((reasons(client.heard()), client.wire.disconnecting), ([0x8C], True))

    def test_identifier_assigned(self) -> None:
        """
        A client without an identifier gets one that nobody else has [MQTT5-3.1.3-6] [MQTT5-3.1.3-7].
        """
        names = set()
        for _ in range(3):
            (connack,) = self.connect("").heard()
            assert isinstance(connack, Connack) and connack.properties is not None
            names.add(connack.properties.assigned_client_identifier)
        self.assertEqual((len(names), None in names), (3, False))


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

    def test_refused(self) -> None:
        """
        The log says who was refused, and why; a refusal is counted once.
        """
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"), policy=Policy(max_connections=1))
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
        self.assertEqual([str(record["log_level"].name) for record in self.log.records], ["debug"])

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
