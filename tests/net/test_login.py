"""
Tests of txmqtt.net.server: from CONNECT to a user of the broker, or to a refusal.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IAnonymous, ICredentials, IUsernamePassword
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import Interface, implementer

from tests.net.support import Broken, BrokerTestCase, Waiting, reasons
from tests.session.support import wordless
from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import PUBACK
from txmqtt.codec.packets import (
    Ack,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Will,
)
from txmqtt.codec.properties import Properties
from txmqtt.codec.reasons import MAXIMUM_CONNECT_TIME, SERVER_BUSY, SERVER_UNAVAILABLE
from txmqtt.net.access.acl import AccessControl, AccessRealm
from txmqtt.net.auth import Identity, IMQTTUser, LocalUser, LoginUndecided, Realm, User


class Strict(User):
    """
    A user who may do little.
    """

    unrestricted = False

    def may_publish(self, topic: str) -> bool:
        return topic == f"of/{self.name}"

    def granted(self, filter: str, qos: int) -> int:
        return min(qos, 1) if filter.startswith("of/") else 0x87


@implementer(ICredentialsChecker)
class Undecided:
    """
    A checker that can't tell now.
    """

    credentialInterfaces = (IAnonymous,)

    def __init__(self, reason: int) -> None:
        self.reason = reason

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
        return fail(LoginUndecided("ask me later", self.reason))


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
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"), policy=Policy(login_delay=0))
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
        self.begin(InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret"), policy=Policy(login_delay=0))
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

    def test_undecided(self) -> None:
        """
        A checker that can't tell now lets nobody in; the client is told whether the server is busy or unavailable, on
        3.x the latter.
        """
        for reason in (SERVER_BUSY, SERVER_UNAVAILABLE):
            self.begin(Undecided(reason))
            for version, said in ((4, 3), (5, reason)):
                with self.subTest(version=version, reason=reason):
                    client = self.connect(version=version)
                    self.assertEqual((reasons(client.heard()), client.wire.disconnecting), ([said], True))
                    self.assertEqual(self.flushLoggedErrors(), [])

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
        self.assertEqual(wordless(answers), [Suback(1, [1, 0x87]), Ack(PUBACK, 2), Ack(PUBACK, 3, 0x87)])

    def test_sys(self) -> None:
        """
        $SYS is refused to users who may do everything else, and seen by those of whom it is said.
        """
        for make, answer in ((User, 0x87), (LocalUser, 0)):
            with self.subTest(make=make):
                self.begin(realm=Realm(make))
                client = self.connect()
                client.heard()
                client.say(
                    Subscribe(1, [Subscription(b"$SYS/#"), Subscription(b"#"), Subscription(b"$share/g/$SYS/a")])
                )
                (suback,) = client.heard()
                assert isinstance(suback, Suback)
                self.assertEqual(list(suback.reasons), [answer, 0, answer])
                client.leave()

    def test_sys_on_return(self) -> None:
        """
        A session that subscribed to $SYS gets nothing from there while its client is logged in without the right to
        see it.
        """
        realm = Rooms()
        self.begin(realm=realm)
        for make, subscribe, seen in ((LocalUser, True, 1), (User, False, 0), (LocalUser, False, 1)):
            realm.make = make
            client = self.connect(clean_start=False, properties=Properties(session_expiry_interval=100))
            if subscribe:
                client.say(Subscribe(1, [Subscription(b"$SYS/#", 1), Subscription(b"a", 1)]))
            client.heard()
            self.broker.publish(b"$SYS/broker/x", b"1")
            self.broker.publish(b"a", b"1")
            self.broker.turn.flush()
            topics = [packet.topic for packet in client.heard() if isinstance(packet, Publish)]
            self.assertEqual(topics, [b"$SYS/broker/x"] * seen + [b"a"])
            client.leave()

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


@implementer(ICredentialsChecker)
class ForAWhile:
    """
    Lets everybody in until a given time.
    """

    credentialInterfaces = (IAnonymous, IUsernamePassword)

    def __init__(self, until: float) -> None:
        self.until = until

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[Any]:
        return succeed(Identity("ann", None, self.until))


class EndOfLoginTests(BrokerTestCase):
    def test_over(self) -> None:
        """
        Whoever came in with what is good for some time only has to go when that is over, and is told so; whoever has
        left before leaves no timer behind.
        """
        self.begin(ForAWhile(200.0))
        client, other = self.connect("c", keep_alive=0), self.connect("d", keep_alive=0)
        client.heard()
        other.leave()
        self.clock.pump([59.0] * 3 + [22.0])
        self.assertFalse(client.wire.disconnecting)
        self.clock.advance(1.0)
        (last,) = client.heard()
        self.assertEqual((type(last), last.reason), (Disconnect, MAXIMUM_CONNECT_TIME))  # type: ignore[attr-defined]

    def test_clock_is_set(self) -> None:
        """
        It is the clock of the world that decides, also when it is set meanwhile.
        """
        self.begin(ForAWhile(5000.0))
        client = self.connect(keep_alive=0)
        client.heard()
        self.clock.advance(60.0)
        self.broker.turn.skew = 5000.0
        self.clock.advance(60.0)
        self.assertEqual([type(each) for each in client.heard()], [Disconnect])

    def test_through_rules(self) -> None:
        """
        It is so too where rules say what users may do.
        """
        self.begin(ForAWhile(100.0), realm=AccessRealm(AccessControl(tables=[{"allow": True, "topics": ["#"]}])))
        client = self.connect(keep_alive=0)
        client.heard()
        self.clock.pump([60.0, 41.0])
        self.assertEqual([type(each) for each in client.heard()], [Disconnect])
