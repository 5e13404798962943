"""
Tests of txmqtt.net.exchange: a client proves who it is by a method of the application's, which may take its time, fail,
or never answer, to a server that may do anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from hypothesis import given, settings
from hypothesis.strategies import integers, lists, sampled_from
from twisted.internet.defer import Deferred, TimeoutError, fail, succeed

from tests.net.support_client import ClientTestCase
from txmqtt import ConnectionClosed, LocalProtocolError, MQTTClient, MQTTError, Refused, RemoteProtocolError
from txmqtt.codec import encode
from txmqtt.codec.packets import Auth, Connack, Connect, Disconnect, Packet, Pingreq, Pingresp, Publish
from txmqtt.codec.properties import Properties
from txmqtt.net.authenticator import Authenticator
from txmqtt.net.exchange import Exchange
from txmqtt.net.settings import Options


class Scripted(Authenticator):
    """
    What the test says.

    @ivar script: what each step does: a value to return, an exception to raise, or a function to call.
    @ivar heard: what the server said.
    """

    method = "M"

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.heard: list[bytes | None] = []

    def _next(self) -> Any:
        if not self.script:
            return None
        step = self.script.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step() if callable(step) else step

    def begin(self) -> Any:
        return self._next()

    def answer(self, challenge: bytes | None) -> Any:
        self.heard.append(challenge)
        return self._next()

    def finish(self, data: bytes | None) -> Any:
        self.heard.append(data)
        return self._next()


def auth(reason: int, data: bytes | None = None, method: str = "M") -> Auth:
    """
    An AUTH of the method under test.
    """
    return Auth(reason, Properties(authentication_method=method, authentication_data=data))


WELCOME = Connack(0, False, Properties(authentication_method="M"))


class ExchangeTestCase(ClientTestCase):
    def script(self, *scripts: tuple[Any, ...], **options: Unpack[Options]) -> MQTTClient:
        """
        A client with an authenticator for each attempt.
        """
        self.attempts = [Scripted(*script) for script in scripts]
        self.made = 0

        def make() -> Scripted:
            self.made += 1
            return self.attempts[self.made - 1]

        options["authentication"] = make
        return self.make(**options)

    def inside(self, *scripts: tuple[Any, ...], **options: Unpack[Options]) -> MQTTClient:
        """
        A client that the server has accepted, with an authenticator for each attempt that follows.
        """
        client = self.script((b"first",), *scripts, **options)
        self.hears(WELCOME)
        self.successResultOf(client.whenReady())
        self.said()
        return client

    def exchange(self) -> Exchange:
        """
        The client's.
        """
        assert self.client._exchange is not None
        return self.client._exchange

    def not_ready(self, words: str, cause: type[BaseException] | None = None) -> ConnectionClosed:
        """
        Whoever waits for the client is told why it will not be.
        """
        error = self.failureResultOf(self.client.whenReady(), ConnectionClosed).value
        assert isinstance(error, ConnectionClosed)
        self.assertIn(words, str(error))
        self.assertIs(type(error.__cause__), type(None) if cause is None else cause)
        self.assertTrue(self.transport.disconnecting)
        return error


class OpeningTests(ExchangeTestCase):
    def test_whole(self) -> None:
        """
        CONNECT has the first words, each challenge gets its answer, and the client is ready when it trusts the server.
        """
        client = self.script((b"first", b"second", None))
        (connect,) = self.said()
        assert isinstance(connect, Connect) and connect.properties is not None
        self.assertEqual(connect.properties.authentication_method, "M")
        self.assertEqual(connect.properties.authentication_data, b"first")
        self.hears(auth(0x18, b"why?"))
        self.assertEqual(self.said(), [auth(0x18, b"second")])
        self.hears(auth(0x18))
        self.assertEqual(self.said(), [auth(0x18)])
        ready = client.whenReady()
        self.assertNoResult(ready)
        self.hears(WELCOME)
        self.successResultOf(ready)
        self.assertEqual(self.attempts[0].heard, [b"why?", None, None])

    def test_in_its_own_time(self) -> None:
        """
        Each step may take its time; CONNECT, the answer and the verbs wait for it.
        """
        steps: list[Deferred[Any]] = [Deferred() for _ in range(3)]
        client = self.script(tuple(steps))
        self.assertEqual(self.said(), [])
        steps[0].callback(b"first")
        (connect,) = self.said()
        self.assertIsInstance(connect, Connect)
        self.hears(auth(0x18))
        self.assertEqual(self.said(), [])
        steps[1].callback(b"second")
        self.assertEqual(self.said(), [auth(0x18, b"second")])
        self.hears(WELCOME)
        ready = client.whenReady()
        self.assertNoResult(ready)
        self.failureResultOf(client.publish("t"), ConnectionClosed)
        steps[2].callback(None)
        self.successResultOf(ready)
        self.successResultOf(client.publish("t"))
        self.assertEqual(self.said(), [Publish(b"t", b"")])

    def test_coroutines(self) -> None:
        """
        Each step may be a coroutine.
        """

        async def step() -> bytes:
            return await succeed(b"x")

        client = self.script((step, step, step))
        self.hears(auth(0x18), WELCOME)
        self.successResultOf(client.whenReady())
        self.assertEqual(len(self.said()), 2)

    def test_a_fresh_one_for_each_connection(self) -> None:
        """
        Nothing of one attempt is left in the next.
        """
        self.script((b"1",), (b"2",), clean_start=False)
        self.lose()
        self.connect()
        (connect,) = self.said()
        assert isinstance(connect, Connect) and connect.properties is not None
        self.assertEqual((connect.properties.authentication_data, self.made), (b"2", 2))

    def test_refused(self) -> None:
        """
        A server that is not convinced says no, and with which reason.
        """
        client = self.script((b"first", b"second"))
        self.hears(auth(0x18), Connack(0x87, False, Properties(reason_string="no such user")))
        error = self.failureResultOf(client.whenReady(), Refused).value
        self.assertEqual(error.reason, 0x87)
        self.assertIn("no such user", str(error))

    def test_errors(self) -> None:
        """
        What an authenticator raises, at whichever step, ends the connection; the application sees what it was. What a
        stranger's error says, which may be a secret, is not repeated.
        """
        own = RemoteProtocolError("M: a bad salt", 0x87)
        table: list[tuple[str, tuple[Any, ...], list[Packet], str, type[BaseException]]] = [
            ("begin", (KeyError("sesame"),), [], "by 'M' failed: KeyError (0x80", KeyError),
            ("begin, later", (fail(KeyError("sesame")),), [], "by 'M' failed: KeyError (0x80", KeyError),
            ("begin, a wrong type", ("text",), [], "by 'M' failed: TypeError (0x80", TypeError),
            ("answer", (b"", own), [auth(0x18)], "by 'M' failed: M: a bad salt (0x87", RemoteProtocolError),
            ("answer, a wrong type", (b"", 5), [auth(0x18)], "by 'M' failed: TypeError", TypeError),
            ("finish", (b"", own), [WELCOME], "by 'M' failed: M: a bad salt (0x87", RemoteProtocolError),
            ("finish, later", (b"", fail(own)), [WELCOME], "M: a bad salt", RemoteProtocolError),
            ("too long", (bytes(65_536),), [], "65536 bytes", LocalProtocolError),
        ]
        for name, script, packets, words, cause in table:
            with self.subTest(name):
                client = self.script(script)
                ready = client.whenReady()
                if packets:
                    self.hears(*packets)
                error = self.not_ready(words, cause)
                self.assertFalse(error.remote)
                self.assertNotIn("sesame", str(error))
                waited = self.failureResultOf(ready, ConnectionClosed).value
                self.assertIsInstance(waited.__cause__, cause)
                self.assertEqual([type(packet) for packet in self.said()], [Connect] if packets else [])
                self.assertEqual(self.exchange().failures, 1)
                self.flushLoggedErrors(KeyError, TypeError)

    def test_no_authenticator(self) -> None:
        """
        A factory that makes none, or one without a name, is told so.
        """

        class Nameless(Authenticator):
            pass

        def broken() -> Authenticator:
            raise OSError("no file")

        table: tuple[tuple[Any, type[Exception]], ...] = (
            (Nameless, TypeError),
            (broken, OSError),
            (lambda: None, AttributeError),
        )
        for make, error in table:
            with self.subTest(error=error):
                self.make(authentication=make)
                self.not_ready("authentication failed: ", error)
                self.assertEqual(self.said(), [])
                self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_never_done(self) -> None:
        """
        A step that never ends does not hold up anybody for longer than C{timeout}, whether it can be cancelled or not;
        what it says later is not heard.
        """

        def stubborn() -> Deferred[Any]:
            return Deferred(lambda deferred: deferred.callback(b"so there"))

        table: tuple[tuple[tuple[Any, ...], list[Packet], str, type[BaseException] | None], ...] = (
            ((Deferred(),), [], "it took longer than 7 s to begin", TimeoutError),
            ((stubborn(),), [], "it took longer than 7 s to begin", TimeoutError),
            ((b"", Deferred()), [auth(0x18)], "no answer of ours to the server's challenge within 7 s", None),
            ((b"", stubborn()), [auth(0x18)], "no answer of ours to the server's challenge within 7 s", None),
            ((b"", Deferred()), [WELCOME], "no judgement of ours on the server's last word within 7 s", None),
            ((b"", stubborn()), [WELCOME], "no judgement of ours on the server's last word within 7 s", None),
        )
        for script, packets, words, cause in table:
            with self.subTest(words):
                self.script(script, timeout=7)
                if packets:
                    self.hears(*packets)
                self.clock.advance(6.9)
                self.assertFalse(self.transport.disconnecting)
                self.written()
                self.clock.advance(0.1)
                self.not_ready(words, cause)
                self.assertEqual(self.written(), [])

    def test_closed_in_between(self) -> None:
        """
        When the connection ends in the middle of a step, the step is cancelled, and nothing comes of it.
        """
        for packets in ([], [auth(0x18)], [WELCOME]):
            with self.subTest(packets=packets):
                cancelled: list[object] = []
                step: Deferred[Any] = Deferred(cancelled.append)
                client = self.script((b"", step) if packets else (step,))
                if packets:
                    self.hears(*packets)
                ready = client.whenReady()
                self.said()
                self.lose()
                self.failureResultOf(ready, ConnectionClosed)
                self.assertEqual((cancelled, self.said(), self.clock.getDelayedCalls()), ([step], [], []))

    def test_cut_anywhere(self) -> None:
        """
        A server that says all of it byte by byte is heard; one that is gone after any of these bytes is told of.
        """
        whole = b"".join(encode.packet(packet, 5) for packet in (auth(0x18, b"why?"), auth(0x18), WELCOME))
        for length in range(len(whole) + 1):
            client = self.script((b"first", b"second", None))
            ready = client.whenReady()
            for byte in whole[:length]:
                client.dataReceived(bytes((byte,)))
            if length == len(whole):
                self.successResultOf(ready)
            self.lose()
            if length < len(whole):
                self.failureResultOf(ready, ConnectionClosed)

    def test_breaches(self) -> None:
        """
        A server that speaks out of turn or of another method is let go, with words for it.
        """
        table: tuple[tuple[str, list[Packet], str], ...] = (
            ("another method", [auth(0x18, method="N")], "another authentication method than CONNECT"),
            ("success too early", [auth(0x00)], "AUTH with 0x00 success when the server has the word"),
            ("no method in CONNACK", [Connack()], "CONNACK with another authentication method than CONNECT, or none"),
            ("too many rounds", [auth(0x18)] * 17, "more than 16 challenges"),
        )
        for name, packets, words in table:
            with self.subTest(name):
                self.script((b"first",))
                for packet in packets:
                    self.hears(packet)
                self.not_ready(words)

    def test_without(self) -> None:
        """
        A client that wants none of it lets go of a server that begins.
        """
        self.make()
        self.hears(auth(0x18))
        self.not_ready("unexpected AUTH while opening")


class RenewalTests(ExchangeTestCase):
    def test_whole(self) -> None:
        """
        A client proves again who it is, with a fresh authenticator, while all else goes on.
        """
        client = self.inside((b"again", b"so", None))
        renewed = client.reauthenticate()
        also = client.reauthenticate()
        self.successResultOf(client.publish("t", b"p"))
        self.assertEqual(self.said(), [auth(0x19, b"again"), Publish(b"t", b"p")])
        self.hears(auth(0x18, b"why?"))
        self.assertEqual(self.said(), [auth(0x18, b"so")])
        self.assertNoResult(renewed)
        self.hears(auth(0x00, b"fine"))
        self.successResultOf(renewed)
        self.successResultOf(also)
        self.assertEqual((self.attempts[1].heard, self.exchange().renewals, self.made), ([b"why?", b"fine"], 1, 2))

    def test_at_once(self) -> None:
        """
        Whoever begins anew as soon as the client is ready waits for that, not for what made it ready.
        """
        client = self.script((b"first",), (b"again",))
        begun: list[Deferred[None]] = []
        client.whenReady().addCallback(lambda ready: begun.append(ready.reauthenticate()))
        self.said()
        self.hears(WELCOME)
        self.assertEqual(self.said(), [auth(0x19, b"again")])
        self.assertNoResult(begun[0])
        self.hears(auth(0x00))
        self.successResultOf(begun[0])

    def test_not_now(self) -> None:
        """
        Without the option, before the client is ready and after the end nothing is begun.
        """
        self.failureResultOf(self.open().reauthenticate(), LocalProtocolError)
        client = self.script((Deferred(),))
        self.failureResultOf(client.reauthenticate(), ConnectionClosed)
        client = self.inside()
        self.lose()
        self.failureResultOf(client.reauthenticate(), ConnectionClosed)
        self.assertEqual(self.made, 1)

    def test_nothing_to_begin_with(self) -> None:
        """
        When there is nothing to prove it with, whoever asked is told, and the connection goes on as it was; the next
        attempt is one of its own.
        """
        for script in ((KeyError("no token"),), (fail(KeyError("no token")),)):
            with self.subTest(script=script):
                client = self.inside(script, (b"again",))
                self.failureResultOf(client.reauthenticate(), KeyError)
                self.assertEqual(self.said(), [])
                renewed = client.reauthenticate()
                self.hears(auth(0x00))
                self.successResultOf(renewed)
                self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        client = self.inside((Deferred(),), timeout=7)
        renewed = client.reauthenticate()
        self.clock.advance(7)
        error = self.failureResultOf(renewed, TimeoutError).value
        self.assertEqual(str(error), "it took longer than 7 s to begin")
        self.assertFalse(self.transport.disconnecting)

    def test_another_method(self) -> None:
        """
        The method stays the one of CONNECT [MQTT5-4.12.1-1].
        """
        client = self.inside((b"again",))
        self.attempts[1].method = "N"
        error = self.failureResultOf(client.reauthenticate(), ValueError).value
        self.assertIn("CONNECT named 'M'", str(error))
        self.assertEqual(self.said(), [])
        self.flushLoggedErrors(ValueError)

    def test_it_goes_wrong(self) -> None:
        """
        Whatever goes wrong once it has begun ends the connection, and whoever waits is told why [MQTT5-4.12.1-2].
        """
        own = RemoteProtocolError("M: a bad salt", 0x87)
        table: tuple[tuple[str, tuple[Any, ...], list[Packet], str, int, list[Packet]], ...] = (
            ("refused", (), [Disconnect(0x87)], "the server closed the connection: 0x87", 0x87, []),
            ("a challenge makes no sense", (b"", own), [auth(0x18)], "a bad salt", 0x87, [Disconnect(0x80)]),
            ("a last word makes no sense", (b"", own), [auth(0)], "a bad salt", 0x87, [Disconnect(0x80)]),
            ("out of turn", (b"", Deferred()), [auth(0x18)] * 2, "our answer is due", 0x82, [Disconnect(0x82)]),
        )
        for name, script, packets, words, reason, said in table:
            with self.subTest(name):
                client = self.inside(script)
                renewed = client.reauthenticate()
                self.said()
                self.hears(*packets)
                error = self.failureResultOf(renewed, ConnectionClosed).value
                assert isinstance(error, ConnectionClosed)
                self.assertIn(words, str(error))
                self.assertEqual((error.reason, self.said()), (reason, said))

    def test_too_slow(self) -> None:
        """
        A server, or an authenticator, that does not go on is waited for no longer than C{timeout}.
        """
        for script, packets in (((b"",), []), ((b"", Deferred()), [auth(0x18)]), ((b"", Deferred()), [auth(0x00)])):
            with self.subTest(packets=packets):
                client = self.inside(script, timeout=7)
                renewed = client.reauthenticate()
                self.said()
                if packets:
                    self.hears(*packets)
                self.clock.advance(6.9)
                self.assertNoResult(renewed)
                self.clock.advance(0.1)
                error = self.failureResultOf(renewed, ConnectionClosed).value
                self.assertIn("re-authentication took longer than 7 s", str(error))

    def test_lost(self) -> None:
        """
        A connection that breaks meanwhile fails whoever waits, and nothing is left running.
        """
        cancelled: list[object] = []
        scripts: tuple[tuple[Any, ...], ...] = ((Deferred(cancelled.append),), (b"",))
        for script in scripts:
            client = self.inside(script)
            renewed = client.reauthenticate()
            self.said()
            self.lose()
            self.failureResultOf(renewed, ConnectionClosed)
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(cancelled), 1)

    def test_cancelled(self) -> None:
        """
        Cancelling sends one waiter home; it goes on for the others, and in any case to its end.
        """
        client = self.inside((b"again",), (b"once more",))
        one, other = client.reauthenticate(), client.reauthenticate()
        one.cancel()
        self.failureResultOf(one)
        self.hears(auth(0x00))
        self.successResultOf(other)
        alone = client.reauthenticate()
        alone.cancel()
        self.failureResultOf(alone)
        self.hears(auth(0x00))
        self.assertEqual(self.exchange().renewals, 2)

    def test_callbacks_meet_books_in_order(self) -> None:
        """
        What a callback does when it hears of the end, cancel a neighbour or begin anew, finds everything in order.
        """
        client = self.inside((b"again",), (b"once more",))
        one, other = client.reauthenticate(), client.reauthenticate()
        begun: list[Deferred[None]] = []

        def then(_: object) -> None:
            other.cancel()
            begun.append(client.reauthenticate())

        one.addCallback(then)
        self.said()
        self.hears(auth(0x00))
        self.failureResultOf(other)
        self.assertEqual(self.said(), [auth(0x19, b"once more")])
        self.hears(auth(0x00))
        self.successResultOf(begun[0])


class OfItsOwnAccordTests(ExchangeTestCase):
    def renewing(self, *scripts: tuple[Any, ...]) -> Callable[[], list[Packet]]:
        """
        A client whose first proof is good for 80 seconds before it wants renewal. What it says when time passes but for
        pings is the answer of the function.
        """
        client = self.script((b"first",), *scripts)
        self.attempts[0].renew_after = 80.0
        self.hears(WELCOME)
        self.successResultOf(client.whenReady())
        self.said()

        def said() -> list[Packet]:
            return [packet for packet in self.said() if not isinstance(packet, Pingreq)]

        return said

    def test_renews(self) -> None:
        """
        A client proves again who it is when its authenticator wants it to, each time anew.
        """
        said = self.renewing((b"2",), (b"3",))
        self.attempts[1].renew_after = 30.0
        for seconds, words in ((80.0, b"2"), (30.0, b"3")):
            self.pass_time(seconds - 0.1)
            self.assertEqual(said(), [])
            self.clock.advance(0.1)
            self.assertEqual(said(), [auth(0x19, words)])
            self.hears(auth(0x00))
        self.pass_time(1_000)
        self.assertEqual((said(), self.exchange().renewals), ([], 2))

    def pass_time(self, seconds: float) -> None:
        """
        Time passes, and the server answers pings.
        """
        until = self.clock.seconds() + seconds
        while self.clock.seconds() < until - 1e-9:
            self.clock.advance(min(10.0, until - self.clock.seconds()))
            self.hears(Pingresp())

    def test_tries_again(self) -> None:
        """
        When there is nothing to renew it with, it tries again a few times in what is left, then it gives up; what the
        application asks for later is done.
        """
        nothing = (RemoteProtocolError("no token"),)
        said = self.renewing(*[nothing] * 6, (b"at last",))
        for attempts in range(1, 7):
            self.pass_time(80 if attempts == 1 else 4)
            self.assertEqual(self.exchange().failures, attempts)
        self.pass_time(1_000)
        self.assertEqual((said(), self.exchange().failures), ([], 6))
        renewed = self.client.reauthenticate()
        self.assertEqual(said(), [auth(0x19, b"at last")])
        self.hears(auth(0x00))
        self.successResultOf(renewed)

    def test_ends_with_the_connection(self) -> None:
        """
        A connection that is over renews nothing.
        """
        self.renewing()
        self.client.disconnect()
        self.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_asked_for_earlier(self) -> None:
        """
        Whoever renews earlier begins the time anew.
        """
        said = self.renewing((b"2",), (b"3",))
        self.attempts[1].renew_after = 80.0
        self.pass_time(50)
        self.client.reauthenticate()
        self.assertEqual(said(), [auth(0x19, b"2")])
        self.hears(auth(0x00))
        self.pass_time(79)
        self.assertEqual(said(), [])
        self.pass_time(1)
        self.assertEqual(said(), [auth(0x19, b"3")])


class AnythingTests(ExchangeTestCase):
    """
    A server that says anything at all, and an authenticator that does.
    """

    packets = sampled_from(
        (
            auth(0x18),
            auth(0x18, b"why?"),
            auth(0x18, method="N"),
            auth(0x00, b"fine"),
            WELCOME,
            Connack(),
            Connack(0x87),
            Connack(0, True, WELCOME.properties),
            Disconnect(0x87),
            Publish(b"t", b"p", 1, packet_id=1),
            Pingresp(),
        )
    )
    steps = sampled_from(
        (
            lambda: b"x",
            lambda: None,
            lambda: "text",
            lambda: Deferred(),
            lambda: fail(RemoteProtocolError("no")),
            lambda: Deferred(lambda deferred: deferred.callback(b"late")),
        )
    )

    @given(lists(lists(packets, max_size=3), max_size=8), lists(steps, max_size=8), integers(0, 7))
    @settings(max_examples=40, deadline=None)
    def test_anything(self, reads: list[list[Packet]], script: list[Any], again: int) -> None:
        """
        Nothing of it is raised where nobody expects it, nobody waits for ever, and nothing is left running.
        """
        client = self.script((b"first", *script[:4]), tuple(script[4:]), (b"once more",), timeout=7, keep_alive=0)
        waiting: list[Deferred[Any]] = [client.whenReady()]
        for number, packets in enumerate(reads):
            if number == again:
                waiting.append(client.reauthenticate())
            self.hears(*packets)
            self.said()
        self.clock.advance(100)
        for each in waiting:
            self.assertTrue(each.called)
            each.addErrback(lambda failure: failure.trap(ConnectionClosed, Refused, TypeError, TimeoutError, MQTTError))
        self.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.flushLoggedErrors(TypeError)
