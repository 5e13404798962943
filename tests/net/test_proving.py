"""
Tests of txmqtt.net.proving: clients that prove in several steps who they are, when they come in and again later.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.net.support import BrokerTestCase, Client, reasons
from tests.session.support import wordless
from txmqtt.codec.constants import PUBACK
from txmqtt.codec.packets import Ack, Auth, Connack, Pingreq, Pingresp, Publish
from txmqtt.codec.properties import Properties
from txmqtt.net.access.mechanisms import Challenge, IExchange, IMechanism, Success
from txmqtt.net.auth import Identity, LoginUndecided, Realm, User
from txmqtt.net.server_factory import BrokerFactory


@implementer(IMechanism, IExchange)
class Scripted:
    """
    A mechanism that answers what the test says, and its own exchange.

    @ivar script: an answer for each step: a value, an exception to raise, a Deferred, or a function to call.
    @ivar heard: what clients said.
    """

    def __init__(self, name: str, *script: Any) -> None:
        self.name = name
        self.script = list(script)
        self.heard: list[bytes | None] = []
        self.begun: list[Any] = []

    def begin(self, credentials: Any) -> Any:
        self.begun.append(credentials)
        return self

    def step(self, data: bytes | None) -> Any:
        self.heard.append(data)
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


class Watched(User):
    """
    A user who may publish to one topic only.
    """

    unrestricted = False

    def __init__(self, name: str | None, topic: str = "a") -> None:
        super().__init__(name)
        self._topic = topic

    def may_publish(self, topic: str) -> bool:
        return topic == self._topic


class Counting(Realm):
    """
    A realm that counts who is logged in, and may take its time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str | None] = []
        self.waiting: Deferred[Any] | None = None
        self.broken_logout = False

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: object) -> Deferred[Any]:
        def counted(answer: Any) -> Any:
            interface, avatar, _ = answer
            self.inside.append(avatar.name)

            def logout() -> None:
                self.inside.remove(avatar.name)
                if self.broken_logout:
                    raise RuntimeError("no")

            return interface, avatar, logout

        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            return waiting.addCallback(lambda _: self.requestAvatar(avatarId, mind, *interfaces))
        return super().requestAvatar(avatarId, mind, *interfaces).addCallback(counted)


def auth(reason: int, data: bytes | None = None) -> Auth:
    """
    An AUTH of the method under test.
    """
    return Auth(reason, Properties(authentication_method="M", authentication_data=data))


class ProvingTestCase(BrokerTestCase):
    """
    A listener that offers a method.
    """

    def offer(self, *script: Any) -> Scripted:
        self.realm = Counting()
        self.begin(realm=self.realm)
        mechanism = Scripted("M", *script)
        portal = self.factory.portal
        other = Scripted("N")
        self.factory = BrokerFactory(self.broker, portal, self.clock, self.clock.seconds, mechanisms=[other, mechanism])
        return mechanism

    def slow_realm(self) -> Deferred[Any]:
        """
        The next avatar takes until this fires.
        """
        waiting: Deferred[Any] = Deferred()
        self.realm.waiting = waiting
        return waiting

    def knock(self, data: bytes | None = b"first", method: str = "M", **more: Any) -> Client:
        """
        A client that names the method.
        """
        said = Properties(authentication_method=method, authentication_data=data)
        return self.connect(properties=said, **more)

    def codes(self, client: Client) -> list[tuple[str, int]]:
        """
        What a client has heard, by kind and code.
        """
        return [(type(each).__name__, getattr(each, "reason", -1)) for each in client.heard()]


class OpeningTests(ProvingTestCase):
    def test_steps(self) -> None:
        """
        The client is asked until the method is content, then let in as whom it has proven to be
        [MQTT5-4.12.0-2] [MQTT5-4.12.0-5].
        """
        mechanism = self.offer(Challenge(b"1"), Challenge(), Success("ann", b"bye"))
        client = self.knock()
        self.assertEqual(client.heard(), [auth(0x18, b"1")])
        client.say(auth(0x18, b"one"))
        self.assertEqual(client.heard(), [auth(0x18)])
        client.say(auth(0x18))
        (connack,) = client.heard()
        assert isinstance(connack, Connack) and connack.properties is not None
        properties = connack.properties
        self.assertEqual(
            (connack.reason, properties.authentication_method, properties.authentication_data), (0, "M", b"bye")
        )
        self.assertEqual((mechanism.heard, self.realm.inside), ([b"first", b"one", None], ["ann"]))
        self.assertIn("user 'ann'", self.log.said[-1])
        client.leave()
        self.assertEqual(self.realm.inside, [])

    def test_what_is_known(self) -> None:
        """
        A mechanism is told what CONNECT says besides, a user name for one.
        """
        mechanism = self.offer(Success(Identity("ann")))
        client = self.knock(username="ann", password=b"x")
        self.assertEqual(reasons(client.heard()), [0])
        (said,) = mechanism.begun
        self.assertEqual((said.username, said.password, said.client_id, said.version), (b"ann", b"x", "c", 5))

    def test_slow(self) -> None:
        """
        A step may take its time, as a Deferred or a coroutine; what the client says meanwhile waits.
        """
        first: Deferred[Any] = Deferred()

        async def second() -> Success:
            await succeed(None)
            return Success(b"ann")

        self.offer(first, second)
        client = self.knock()
        self.assertEqual(client.heard(), [])
        first.callback(Challenge(b"1"))
        self.assertEqual(client.heard(), [auth(0x18, b"1")])
        client.say(auth(0x18), Pingreq())
        heard = client.heard()
        self.assertEqual([type(each) for each in heard], [Connack, Pingresp])

    def test_slow_realm(self) -> None:
        """
        The realm may take its time too.
        """
        self.offer(Success("ann"))
        waiting = self.slow_realm()
        client = self.knock()
        self.assertEqual((client.heard(), self.realm.inside), ([], []))
        waiting.callback(None)
        self.assertEqual((reasons(client.heard()), self.realm.inside), ([0], ["ann"]))

    def test_unknown_method(self) -> None:
        """
        A method that is not offered is refused with 0x8C [MQTT5-4.12.0-1], also where none is.
        """
        self.offer()
        client = self.knock(method="X" * 1_000)
        self.assertEqual(self.codes(client), [("Connack", 0x8C)])
        self.assertIn("supported: M, N", self.log.said[-1])
        self.assertLess(len(self.log.said[-1]), 300)
        self.begin()
        self.assertEqual(self.codes(self.knock()), [("Connack", 0x8C)])

    def test_failed(self) -> None:
        """
        Who fails is refused with 0x87, at whatever step, at once or late; why is for the log
        [MQTT5-4.12.0-4].
        """
        late: Deferred[Any] = Deferred()
        for script in ([LoginFailed("guess")], [Challenge(), UnauthorizedLogin("guess")], [Challenge(), late]):
            with self.subTest(script=script):
                self.offer(*script)
                client = self.knock()
                if len(script) == 2:
                    client.heard()
                    client.say(auth(0x18))
                if script[-1] is late:
                    late.errback(Failure(LoginFailed("guess")))
                (connack,) = client.heard()
                assert isinstance(connack, Connack) and connack.properties is not None
                self.assertEqual(connack.reason, 0x87)
                self.assertEqual(connack.properties.reason_string, "authentication by 'M' failed")
                self.assertTrue(client.wire.disconnecting)
                self.assertTrue(any("guess" in line for line in self.log.said))
                self.assertEqual(self.realm.inside, [])

    def test_broken(self) -> None:
        """
        A mechanism that does not work lets nobody in, and does not leave them waiting.
        """
        for script in ([RuntimeError("on fire")], [None], [Challenge(), 7]):
            with self.subTest(script=script):
                self.offer(*script)
                client = self.knock()
                if len(script) == 2:
                    client.heard()
                    client.say(auth(0x18))
                self.assertEqual(self.codes(client), [("Connack", 0x88)])
                self.assertEqual(len(self.flushLoggedErrors(RuntimeError, TypeError)), 1)

    def test_undecided(self) -> None:
        """
        A method that can't tell now sends its client away with the reason for that.
        """
        self.offer(LoginUndecided("too much to do", 0x89))
        self.assertEqual(self.codes(self.knock()), [("Connack", 0x89)])

    def test_gone(self) -> None:
        """
        Whoever does not wait is forgotten: nobody stays logged in.
        """
        late: Deferred[Any] = Deferred()
        for answer in (Success("ann"), Challenge(), LoginFailed("no")):
            self.offer(late)
            client = self.knock()
            client.leave()
            late.callback(answer) if not isinstance(answer, Exception) else late.errback(Failure(answer))
            self.assertEqual((client.heard(), self.realm.inside), ([], []))
            late = Deferred()
        self.offer(Success("ann"))
        waiting = self.slow_realm()
        client = self.knock()
        client.leave()
        waiting.callback(None)
        self.assertEqual(self.realm.inside, [])

    def test_timeout(self) -> None:
        """
        The whole exchange has the time that CONNECT has.
        """
        self.offer(Challenge(), Challenge())
        client = self.knock()
        self.clock.advance(6)
        client.say(auth(0x18))
        client.heard()
        self.clock.advance(4)
        self.assertEqual(self.codes(client), [("Connack", 0x89)])

    def test_not_without(self) -> None:
        """
        Without a method a client comes in as ever, by the checkers.
        """
        mechanism = self.offer()
        client = self.connect()
        self.assertEqual((reasons(client.heard()), mechanism.begun), ([0], []))
        old = self.connect("old", 4)
        self.assertEqual((reasons(old.heard()), mechanism.begun), ([0], []))


class RenewalTests(ProvingTestCase):
    def inside(self, *script: Any, first: Any = "ann") -> tuple[Client, Scripted]:
        """
        A client that is in, and what comes then.
        """
        mechanism = self.offer(Success(first), *script)
        client = self.knock()
        self.assertEqual(reasons(client.heard()), [0])
        return client, mechanism

    def publishes(self, client: Client, topic: bytes) -> int:
        """
        What a client is answered that publishes.
        """
        client.say(Publish(topic, b"x", 1, packet_id=9))
        (ack,) = wordless(client.heard())
        assert isinstance(ack, Ack) and ack.kind == PUBACK
        return ack.reason

    def test_whole(self) -> None:
        """
        A client proves itself again, while all else goes on, and then may do what its new avatar may
        [MQTT5-4.12.1-1].
        """
        waits: Deferred[Any] = Deferred()
        new = Success(Identity("ann", Watched("ann", "b")), b"fine")
        client, mechanism = self.inside(Challenge(b"?"), waits, first=Identity("ann", Watched("ann", "a")))
        client.say(auth(0x19, b"again"))
        self.assertEqual(client.heard(), [auth(0x18, b"?")])
        client.say(auth(0x18, b"so"))
        self.assertEqual((self.publishes(client, b"a"), self.publishes(client, b"b")), (0x10, 0x87))
        waits.callback(new)
        self.assertEqual(client.heard(), [auth(0x00, b"fine")])
        self.assertEqual((self.publishes(client, b"a"), self.publishes(client, b"b")), (0x87, 0x10))
        self.assertEqual((mechanism.heard, len(mechanism.begun)), ([b"first", b"again", b"so"], 2))
        self.assertEqual(self.realm.inside, ["ann"])
        client.leave()
        self.assertEqual(self.realm.inside, [])

    def test_often(self) -> None:
        """
        It may do so again and again.
        """
        client, _ = self.inside(*[Success("ann")] * 5)
        for _ in range(5):
            client.say(auth(0x19))
            self.assertEqual(client.heard(), [auth(0x00)])
        self.clock.advance(100)
        self.assertEqual((client.heard(), self.realm.inside), ([], ["ann"]))

    def test_somebody_else(self) -> None:
        """
        It must be the same user as before; else it is let go with 0x87 [MQTT5-4.12.1-2].
        """
        for other in ("bob", Identity(None), Identity("ann", Watched("bob"))):
            client, _ = self.inside(Success(other))
            client.say(auth(0x19))
            self.assertEqual(self.codes(client), [("Disconnect", 0x87)])
            self.assertTrue(client.wire.disconnecting)
            client.leave()
            self.assertEqual(self.realm.inside, [])

    def test_failed(self) -> None:
        """
        Who fails is let go with 0x87, whose method breaks with 0x80 [MQTT5-4.12.1-2].
        """
        for answer, reason in ((LoginFailed("no"), 0x87), (RuntimeError("on fire"), 0x80)):
            client, _ = self.inside(answer)
            client.say(auth(0x19))
            self.assertEqual(self.codes(client), [("Disconnect", reason)])
            self.flushLoggedErrors(RuntimeError)

    def test_timeout(self) -> None:
        """
        Who does not come to an end is let go.
        """
        client, _ = self.inside(Challenge())
        client.say(auth(0x19))
        client.heard()
        self.clock.advance(9)
        client.say(Pingreq())
        self.assertEqual(client.heard(), [Pingresp()])
        self.clock.advance(1)
        self.assertEqual(self.codes(client), [("Disconnect", 0x87)])

    def test_gone(self) -> None:
        """
        Whoever is gone before the answer leaves nobody logged in.
        """
        waits: Deferred[Any] = Deferred()
        client, _ = self.inside(waits)
        client.say(auth(0x19))
        client.leave()
        waits.callback(Success("ann"))
        self.assertEqual(self.realm.inside, [])
        client, _ = self.inside(Success("ann"))
        waiting = self.slow_realm()
        client.say(auth(0x19))
        client.leave()
        waiting.callback(None)
        self.assertEqual(self.realm.inside, [])

    def test_after_a_change(self) -> None:
        """
        Who proves itself again does so to what is offered by then; if that is nothing, it is let go.
        """
        client, before = self.inside()
        after = Scripted("M", Success("ann"))
        self.factory.offer([after])
        client.say(auth(0x19))
        self.assertEqual((client.heard(), len(before.begun), len(after.begun)), ([auth(0x00)], 1, 1))
        self.factory.offer([])
        client.say(auth(0x19))
        self.assertEqual(self.codes(client), [("Disconnect", 0x87)])

    def test_logout_fails(self) -> None:
        """
        A logout that fails harms nobody.
        """
        client, _ = self.inside(Success("ann"))
        self.realm.broken_logout = True
        client.say(auth(0x19))
        self.assertEqual(client.heard(), [auth(0x00)])
        client.leave()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_wrong_method(self) -> None:
        """
        Another method than at first, or one without any at first, is a broken rule
        [MQTT5-4.12.0-5] [MQTT5-4.12.0-7].
        """
        client, _ = self.inside()
        client.say(Auth(0x19, Properties(authentication_method="N")))
        self.assertEqual(self.codes(client), [("Disconnect", 0x82)])
        other = self.connect("other")
        other.heard()
        other.say(auth(0x19))
        self.assertEqual(self.codes(other), [("Disconnect", 0x82)])
