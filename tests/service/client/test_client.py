"""
A service is there for as long as it runs: what is asked of it waits for a connection, and for the next one.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from tests.service.client.support import STEADY, ServiceTestCase
from txmqtt import (
    ConnectionClosed,
    LocalProtocolError,
    MQTTClientService,
    Phase,
    Properties,
    ReasonCode,
    Refused,
    Retry,
)
from txmqtt.codec.packets import Connect, Disconnect, Publish, Subscribe, Unsubscribe
from txmqtt.testing import MQTTWorld


class VerbTests(ServiceTestCase):
    def test_at_once(self) -> None:
        """
        With a connection, the verbs are those of a client.
        """
        service = self.service()
        self.world.run(service.subscribe("t/#", self.note, 2))
        for qos in (0, 1, 2):
            self.world.run(service.publish("t", b"%d" % qos, qos))
        self.world.flush()
        self.assertEqual(self.payloads, [b"0", b"1", b"2"])
        self.world.run(service.ping())
        self.world.run(service.unsubscribe("t/#"))
        self.world.run(service.publish("t", b"3", 1))
        self.assertEqual(len(self.got), 3)

    def test_shown(self) -> None:
        """
        A service says who it is, and what it is at; its connection says who it is.
        """
        service = self.service()
        self.assertEqual(repr(service), "<MQTTClientService 'me': connected>")
        self.assertEqual(repr(service.client), "<MQTTClient 'me'>")

    def test_before_the_start(self) -> None:
        """
        What is asked before there is a connection is done when there is one: subscriptions first, then the publishes in
        their order, whatever their QoS.
        """
        service = self.service(start=False)
        subscribed = service.subscribe("t", self.note, 1)
        published = [service.publish("t", b"%d" % number, number % 2) for number in range(4)]
        self.assertNoResult(subscribed)
        self.assertNoResult(published[0])
        service.startService()
        self.world.flush()
        self.assertEqual(self.successResultOf(subscribed).reason, 1)
        for answer in published:
            self.successResultOf(answer)
        self.assertEqual(self.payloads, [b"0", b"1", b"2", b"3"])

    def test_while_away(self) -> None:
        """
        The same while a connection is lost. The server kept the session, so nothing is asked of it twice.
        """
        service = self.service()
        self.world.run(service.subscribe("t", self.note, 1))
        self.world.down()
        published = [service.publish("t", b"%d" % qos, qos) for qos in (2, 1, 0)]
        self.world.up()
        self.world.advance(1)
        for answer in published:
            self.successResultOf(answer)
        self.assertEqual(sorted(self.payloads), [b"0", b"1", b"2"])
        self.assertEqual(self.sent(Subscribe), [])

    def test_in_flight(self) -> None:
        """
        What was sent and not acknowledged when the connection was lost is sent again, under its identifier, and comes
        once at QoS 2.
        """
        service = self.service()
        seen = self.world.watch("t")
        connection = self.world.connection("me")
        connection.stall(to_server=False)
        answers = [service.publish("t", b"%d" % number, 2) for number in range(3)]
        self.world.flush()
        ids = [packet.packet_id for packet in self.sent(Publish)]
        connection.cut()
        self.world.advance(1)
        for answer in answers:
            self.successResultOf(answer)
        again = self.sent(Publish)
        self.assertEqual([packet.packet_id for packet in again], ids)
        self.assertTrue(all(packet.dup for packet in again))
        self.assertEqual([message.payload for message in seen], [b"0", b"1", b"2"])

    def test_session_lost(self) -> None:
        """
        A server that has lost the session is asked for all subscriptions again, and is sent anew what it had not
        acknowledged.
        """
        service = self.service()
        self.world.run(service.subscribe("a/#", self.note, 1))
        self.world.run(service.subscribe(["b", "c"], self.note, 2))
        self.world.run(service.unsubscribe("c"))
        self.world.connection("me").stall(to_server=True)
        answer = service.publish("a/x", b"once more", 1)
        self.world.flush()
        self.world.restart(sessions=False)
        self.world.advance(1)
        self.successResultOf(answer)
        self.world.flush()
        self.assertEqual(self.payloads, [b"once more"])
        filters = {each.filter: each.qos for packet in self.sent(Subscribe) for each in packet.subscriptions}
        self.assertEqual(filters, {b"a/#": 1, b"b": 2})

    def test_unanswered_subscribe(self) -> None:
        """
        A subscription that was under way when the connection was lost is asked for again, and so is its end.
        """
        service = self.service()
        self.world.run(service.subscribe("old", self.note))
        self.world.connection("me").stall()
        subscribed = service.subscribe("t", self.note)
        unsubscribed = service.unsubscribe("old")
        self.world.flush()
        self.world.connection("me").cut()
        self.world.advance(1)
        self.successResultOf(subscribed)
        self.successResultOf(unsubscribed)
        self.assertEqual(len(self.sent(Unsubscribe)), 1)
        self.world.publish("old", b"no")
        self.world.publish("t", b"yes")
        self.assertEqual(self.payloads, [b"yes"])

    def test_cancelled_while_away(self) -> None:
        """
        Cancelling a publish that waits takes it back; cancelling a subscription that waits takes that back.
        """
        service = self.service(start=False)
        seen = self.world.watch("#")
        published = service.publish("t", b"no", 1)
        subscribed = service.subscribe("t", self.note)
        published.cancel()
        subscribed.cancel()
        self.failureResultOf(published, CancelledError)
        self.failureResultOf(subscribed, CancelledError)
        service.startService()
        self.world.publish("t", b"x")
        self.assertEqual([message.payload for message in seen], [b"x"])
        self.assertEqual(self.got, [])

    def test_wrong_arguments(self) -> None:
        """
        What is wrong is said at once, connected or not.
        """
        service = self.service(start=False)
        for call, error in (
            (lambda: service.publish("a/#", b""), ValueError),
            (lambda: service.publish("t", "text"), TypeError),  # type: ignore[arg-type]
            (lambda: service.publish("t", b"", 3), ValueError),
            (lambda: service.publish("t", b"", 1, lifetime=0), ValueError),
            (lambda: service.publish("t", b"", 1, lifetime="1"), TypeError),  # type: ignore[arg-type]
            (lambda: service.publish("t", b"", 1, key="without a store"), ValueError),
            (lambda: service.publish("t", b"", 1, key=7), TypeError),  # type: ignore[arg-type]
            (lambda: service.subscribe("a/#/b"), ValueError),
            (lambda: service.observe(None), TypeError),  # type: ignore[arg-type]
        ):
            with self.assertRaises(error):
                call()

    def test_requests(self) -> None:
        """
        A request is answered by a service, both of them connected again in between.
        """
        serving = self.service(client_id="clock")
        asking = self.service()
        self.world.run(serving.serve("time", lambda message: b"noon"))
        self.assertEqual(self.world.run(asking.request("time", b"")).payload, b"noon")
        self.world.down()
        self.world.up()
        self.assertEqual(self.world.run(asking.request("time", b"", timeout=9), within=9).payload, b"noon")


class LimitTests(ServiceTestCase):
    """
    What the server takes is known only when it has accepted us.
    """

    def make_world(self) -> MQTTWorld:
        from txmqtt import Policy

        return MQTTWorld(policy=Policy(max_qos=1, retain_available=False, max_packet_size=1_000))

    def test_refused_later(self) -> None:
        service = self.service(start=False)
        answers = {
            "maximum is 1": service.publish("t", b"", 2),
            "does not offer": service.publish("t", b"", 1, True),
            "at most 1000 bytes": service.publish("t", b"x" * 2_000, 1),
        }
        fine = service.publish("t", b"", 1)
        service.startService()
        self.world.flush()
        for words, answer in answers.items():
            self.assertIn(words, str(self.failureResultOf(answer, LocalProtocolError).value))
        self.successResultOf(fine)

    def test_lowered(self) -> None:
        """
        With C{downgrade} it is sent as the server takes it, before and after the connection.
        """
        service = self.service(start=False, downgrade=True)
        seen = self.world.watch("t", 1)
        answers = [service.publish("t", b"1", 2, True)]
        service.startService()
        self.world.flush()
        answers.append(service.publish("t", b"2", 2, True))
        self.world.flush()
        for answer in answers:
            self.successResultOf(answer)
        self.assertEqual([(message.payload, message.qos) for message in seen], [(b"1", 1), (b"2", 1)])


class SessionTests(ServiceTestCase):
    def test_begins_anew_and_goes_on(self) -> None:
        """
        By default the session begins with the program, and goes on after a lost connection; with the goodbye of
        C{stopService} it ends.
        """
        service = self.service()
        self.assertEqual([packet.clean_start for packet in self.sent(Connect)], [True])
        self.world.connection("me").cut()
        self.world.advance(1)
        self.assertEqual([packet.clean_start for packet in self.sent(Connect)], [False])
        self.world.run(service.stopService())
        goodbye = self.sent(Disconnect)[0]
        self.assertEqual(goodbye.properties.session_expiry_interval, 0)

    def test_asked_to_keep_it(self) -> None:
        """
        Who says for how long the server should keep the session is taken at his word, also when he stops.
        """
        service = self.service(session_expiry=60)
        self.world.run(service.stopService())
        self.assertIsNone(self.sent(Disconnect)[0].properties)

    def test_kept(self) -> None:
        """
        Without C{clean_start} the session outlives the service.
        """
        service = self.service(clean_start=False)
        self.world.run(service.subscribe("t", self.note, 1))
        self.world.run(service.stopService())
        self.world.publish("t", b"meanwhile", 1)
        other = self.service(clean_start=False, start=False)
        other.on_message = self.note
        other.startService()
        self.world.flush()
        self.assertEqual(self.payloads, [b"meanwhile"])

    def test_without_sessions(self) -> None:
        """
        3.1.1 with a clean session: each connection begins anew, and nothing is lost on our side all the same.
        """
        for version in (3, 4):
            with self.subTest(version=version):
                self.got.clear()
                service = self.service(version=version)
                self.world.run(service.subscribe("t", self.note, 1))
                self.world.connection("me").stall()
                answer = service.publish("t", b"again", 1)
                self.world.flush()
                self.world.connection("me").cut()
                self.world.advance(1)
                self.successResultOf(answer)
                self.assertEqual(self.payloads, [b"again"])
                self.world.run(service.stopService())

    def test_assigned_name(self) -> None:
        """
        The name that a server gave is kept for the next connection.
        """
        service = self.service(client_id="")
        name = service.client_id
        self.assertTrue(name)
        self.world.connection(name).cut()
        self.world.advance(1)
        self.assertEqual(service.client_id, name)
        self.assertTrue(self.world.connection(name).is_open)


class LifeTests(ServiceTestCase):
    def test_phases(self) -> None:
        """
        Whoever observes is told each phase, with the error that led to it.
        """
        service = self.service()
        self.world.down()
        self.assertIs(service.phase, Phase.WAITING)
        self.assertIsInstance(service.error, ConnectionClosed)
        self.world.advance(1)
        self.world.up()
        self.world.advance(2)
        self.assertIsNone(service.error)
        self.world.run(service.stopService())
        self.assertEqual(
            [phase for phase, _ in self.phases],
            [
                "connecting",
                "connected",
                "waiting",
                "connecting",
                "waiting",
                "connecting",
                "connected",
                "stopping",
                "stopped",
            ],
        )
        self.assertIn("the connection was lost", self.phases[2][1])

    def test_when_ready(self) -> None:
        service = self.service(start=False)
        ready = service.whenReady()
        service.startService()
        self.assertNoResult(ready)
        self.world.flush()
        self.assertIs(self.successResultOf(ready), service)
        self.assertIs(self.successResultOf(service.whenReady()), service)

    def test_when_idle(self) -> None:
        """
        C{whenIdle} fires when all is acknowledged.
        """
        service = self.service(start=False)
        self.successResultOf(service.whenIdle())
        service.publish("t", b"", 1)
        service.publish("t", b"", 2)
        idle = service.whenIdle()
        self.assertNoResult(idle)
        service.startService()
        self.world.advance(1)
        self.successResultOf(idle)

    def test_longer_each_time(self) -> None:
        """
        The wait grows with each failure, to its maximum, and begins anew after a connection that was stable.
        """
        self.world.down()
        self.service(retry=Retry(initial=1, maximum=5, jitter=0.0, stable=10))
        attempts = []
        for second in range(20):
            before = len(self.phases)
            self.world.advance(1)
            if any(phase == "connecting" for phase, _ in self.phases[before:]):
                attempts.append(second + 1)
        self.assertEqual(attempts, [1, 3, 7, 12, 17])
        self.world.up()
        self.world.advance(5)
        self.world.advance(60)
        self.phases.clear()
        self.world.connection("me").cut()
        self.world.advance(1)
        self.assertEqual(self.phases[-1][0], "connected")

    def test_taken_over_again_and_again(self) -> None:
        """
        Two programs with one name do not take over from each other faster and faster.
        """
        self.service()
        other = MQTTClientService(self.world.url, reactor=self.world.clock, client_id="me", retry=STEADY)
        self.addCleanup(other.stopService)
        other.startService()
        self.world.advance(60)
        self.assertLess(len(self.world.connections), 20)

    def test_stopped(self) -> None:
        """
        Who waits when it is stopped is told, and the server hears a goodbye.
        """
        service = self.service(start=False)
        answers: list[Deferred[Any]] = [
            service.publish("t", b"", 1),
            service.subscribe("t", self.note),
            service.whenReady(),
        ]
        before = len(self.world.clock.getDelayedCalls())
        self.world.refuse()
        service.startService()
        closed = service.whenClosed()
        self.world.flush()
        self.world.run(service.stopService())
        for answer in answers:
            self.assertIn("the service was stopped", str(self.failureResultOf(answer, ConnectionClosed).value))
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(len(self.world.clock.getDelayedCalls()), before)

    def test_stopped_at_any_moment(self) -> None:
        """
        Whatever it is at, it stops, once, and leaves nothing behind.
        """
        for silent, wait in ((False, 0.0), (True, 0.0), (True, 4.0), (False, 1.5)):
            with self.subTest(silent=silent, wait=wait):
                self.world.refuse(silent)
                before = len(self.world.clock.getDelayedCalls())
                service = self.service(start=False)
                service.startService()
                self.world.advance(wait)
                stopped = [service.stopService(), service.stopService()]
                self.world.flush()
                for each in stopped:
                    self.successResultOf(each)
                self.assertEqual(len(self.world.clock.getDelayedCalls()), before)

    def test_started_again(self) -> None:
        """
        It can be started again: with its callbacks, and its subscriptions.
        """
        service = self.service()
        self.world.run(service.subscribe("t", self.note))
        self.world.run(service.stopService())
        waiting = service.publish("t", b"later", 1)
        service.startService()
        self.world.flush()
        self.successResultOf(waiting)
        self.assertEqual(self.payloads, [b"later"])

    def test_started_again_at_once(self) -> None:
        """
        Also while it is stopping: then it stops first. Stopped again before that, it stays so.
        """
        service = self.service()
        stopped = service.stopService()
        service.startService()
        self.assertNoResult(stopped)
        asked = service.publish("t", b"", 1)
        self.world.advance(1)
        self.successResultOf(stopped)
        self.failureResultOf(asked, ConnectionClosed)
        self.assertIs(service.phase, Phase.CONNECTED)
        self.assertEqual([phase for phase, _ in self.phases[-4:]], ["stopping", "stopped", "connecting", "connected"])
        stopped = service.stopService()
        service.startService()
        again = service.stopService()
        self.world.advance(1)
        self.successResultOf(stopped)
        self.successResultOf(again)
        self.assertIs(service.phase, Phase.STOPPED)
        self.assertFalse(service.running)

    def test_started_again_by_an_observer(self) -> None:
        """
        Whoever is told that it has stopped may start it again there and then.
        """
        service = self.service()

        def restart(phase: Phase, error: Exception | None) -> None:
            if phase is Phase.STOPPED:
                stop()
                service.startService()

        stop = service.observe(restart)
        self.world.run(service.stopService())
        self.world.advance(1)
        self.assertIs(service.phase, Phase.CONNECTED)

    def test_stopped_while_the_store_is_read(self) -> None:
        """
        That the store was closed before it was open is no failure then, and says nothing in the log.
        """
        opening: Deferred[Any] = Deferred()
        store = mock.Mock()
        store.open.return_value = opening

        def close() -> Deferred[None]:
            opening.errback(RuntimeError("closed"))
            return succeed(None)

        store.close = close
        service = self.service(store=store)
        self.assertIs(service.phase, Phase.OPENING)
        self.successResultOf(service.stopService())
        self.assertEqual([phase for phase, _ in self.phases], ["opening", "stopping", "stopped"])

    def test_silent_server(self) -> None:
        """
        A server that does not answer is given up after C{timeout}, and tried again.
        """
        self.world.refuse(silently=True)
        service = self.service(timeout=5)
        self.world.advance(5)
        self.assertIs(service.phase, Phase.WAITING)
        self.assertIn("within 5 s", str(service.error))
        self.world.up()
        self.world.advance(1)
        self.assertIs(service.phase, Phase.CONNECTED)

    def test_no_connack(self) -> None:
        """
        Neither is one that takes the connection and says nothing.
        """
        self.world.refuse()
        service = self.service(timeout=5)
        self.world.up()
        self.world.advance(0.999)
        self.assertIs(service.phase, Phase.WAITING)


class GivingUpTests(ServiceTestCase):
    def make_world(self) -> MQTTWorld:
        return MQTTWorld(users={"ann": "right"})

    def test_wrong_password(self) -> None:
        """
        A wrong password does not become right by trying again: everybody who waits is told, and what is asked later.
        """
        service = self.service(start=False, username="ann", password="wrong")
        answers: list[Deferred[Any]] = [service.publish("t", b"", 1), service.whenReady()]
        service.startService()
        closed = service.whenClosed()
        self.world.flush()
        self.assertIs(service.phase, Phase.GIVEN_UP)
        answers += [service.publish("t", b"", 1), service.subscribe("t"), service.whenReady()]
        for answer in answers:
            self.assertIn("bad user name or password", str(self.failureResultOf(answer, Refused).value).lower())
        self.assertIsInstance(self.successResultOf(closed), Refused)
        self.world.advance(1_000)
        self.assertEqual(len(self.world.connections), 1)

    def test_no_attempt_is_announced(self) -> None:
        """
        Who gives up does not say in the log that it will try again, whether it was refused or had been connected.
        """
        said: list[str] = []

        @implementer(ILogObserver)
        def hear(event: LogEvent) -> None:
            said.append(formatEvent(event))

        globalLogPublisher.addObserver(hear)
        self.addCleanup(globalLogPublisher.removeObserver, hear)
        self.service(username="ann", password="wrong")
        self.assertIn("gives up", " ".join(said))
        self.assertNotIn("Scheduling", " ".join(said))
        said.clear()
        service = self.service(client_id="other", username="ann", password="right")
        for each in self.world.broker.everybody:
            each.session.end(ReasonCode.NOT_AUTHORIZED, "no longer")
        self.world.flush()
        self.assertIs(service.phase, Phase.GIVEN_UP)
        self.assertIn("gives up", " ".join(said))
        self.assertNotIn("Scheduling", " ".join(said))

    def test_started_again(self) -> None:
        """
        It may be started again when somebody has seen to it.
        """
        passwords = ["wrong"]
        service = self.service(
            credentials=lambda: ("ann", passwords[0]), retry=Retry(jitter=0.0, keep_trying=False), timeout=5
        )
        self.assertIs(service.phase, Phase.WAITING)  # who is asked anew each time may say something else
        passwords[0] = "right"
        self.world.advance(2)
        self.assertIs(service.phase, Phase.CONNECTED)

    def test_keep_trying(self) -> None:
        service = self.service(username="ann", password="wrong", retry=Retry(jitter=0.0, keep_trying=True))
        self.assertIs(service.phase, Phase.WAITING)
        self.world.advance(10)
        self.assertGreater(len(self.world.connections), 2)

    def test_credentials(self) -> None:
        """
        They are asked for at each attempt, and may take their time.
        """
        asked: list[Deferred[tuple[str, str]]] = []

        def credentials() -> Deferred[tuple[str, str]]:
            asked.append(Deferred())
            return asked[-1]

        service = self.service(credentials=credentials)
        self.world.advance(60)
        self.assertEqual(len(self.world.connections), 0)
        asked[0].callback(("ann", "right"))
        self.world.flush()
        self.assertIs(service.phase, Phase.CONNECTED)
        self.world.connection("me").cut()
        self.world.advance(1)
        self.assertEqual(len(asked), 2)

    def test_credentials_fail(self) -> None:
        """
        What they fail with, and what they should not be, is an attempt that failed.
        """
        given: list[object] = [RuntimeError("no token today"), "ann", succeed(("ann", "right"))]

        def credentials() -> object:
            found = given.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        service = self.service(credentials=credentials)
        self.assertEqual(str(service.error), "no token today")
        self.world.advance(1)
        self.assertIn("expected a tuple", str(service.error))
        self.world.advance(2)
        self.assertIs(service.phase, Phase.CONNECTED)

    def test_secrets(self) -> None:
        """
        No password in what is shown of a service, or said about it.
        """
        service = self.service(servers="mqtt://ann:hunter2@localhost:1883")
        shown = repr(service) + repr(self.phases) + str(service.error)
        self.assertNotIn("hunter2", shown)
        self.assertIs(service.phase, Phase.GIVEN_UP)


class OptionTests(ServiceTestCase):
    def test_wrong(self) -> None:
        """
        What is wrong with the options is said when the service is made.
        """
        for options, error, words in (
            ({"servers": []}, ValueError, "no server"),
            ({"servers": "gopher://x"}, ValueError, "gopher"),
            ({"servers": [self.world.url, 7]}, TypeError, "int"),
            ({"queue_full": "explode"}, ValueError, "refuse, wait, drop_oldest"),
            ({"credentials": "me"}, TypeError, "callable"),
            ({"store": "x.db", "clean_start": True}, ValueError, "clean_start"),
            ({"keep_alive": -1}, ValueError, "keep_alive"),
            ({"servers": None}, TypeError, "servers is NoneType; expected a URL"),
            ({"servers": b"mqtt://a"}, TypeError, "servers is bytes; expected a URL"),
            ({"retry": 3}, TypeError, "expected Retry"),
            ({"store": 3}, TypeError, "expected the name of a file"),
            ({"max_waiting": -1}, ValueError, "max_waiting is -1"),
            ({"max_waiting": "9"}, TypeError, "max_waiting is '9'"),
            ({"follow_redirects": "yes"}, TypeError, "follow_redirects is 'yes'"),
            ({"clientid": "x"}, TypeError, "there is no option 'clientid'; did you mean client_id?"),
        ):
            with self.subTest(options=options):
                with self.assertRaises(error) as caught:
                    self.service(start=False, **options)
                self.assertIn(words, str(caught.exception))

    def test_headers(self) -> None:
        """
        Headers are for those servers that speak WebSocket; where none does they are a mistake.
        """
        headers = {"X-Token": "1"}
        self.service(start=False, servers=["wss://a/live", "mqtts://a"], headers=headers)
        with self.assertRaisesRegex(ValueError, "headers means nothing with mqtts://"):
            self.service(start=False, servers=["mqtts://a", "mqtts://b"], headers=headers)

    def test_session_expiry(self) -> None:
        """
        A name that begins anew is not kept for ever by the server.
        """
        self.service()
        self.assertEqual(self.sent(Connect)[0].properties.session_expiry_interval, 300)
        self.service(client_id="other", session_expiry=7, properties=Properties(user_properties=(("a", "b"),)))
        connect = self.world.connection("other").from_client[0]
        assert isinstance(connect, Connect)
        assert connect.properties is not None
        self.assertEqual(connect.properties.session_expiry_interval, 7)
