"""
The broker as a service, with time that is advanced and listeners that are not there.
"""

from __future__ import annotations

from twisted.application.service import IService
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError
from twisted.internet.error import CannotListenError
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.service.support import EPOCH, MQTT5, MQTT311, Client, FakeEndpoint, Stage
from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.constants import DISCONNECT, PUBLISH
from txmqtt.codec.errors import Refused
from txmqtt.codec.packets import Disconnect, Publish, Will
from txmqtt.codec.properties import Properties
from txmqtt.net.auth import Anybody, Realm
from txmqtt.service.broker import makeBroker
from txmqtt.service.listener import CannotListen


def published(client: Client) -> list[tuple[bytes, bytes]]:
    return [(each.topic, each.payload) for each in client.heard() if isinstance(each, Publish)]


class StartTests(SynchronousTestCase):
    def test_interface(self) -> None:
        """
        It goes wherever a service goes.
        """
        self.assertTrue(verifyObject(IService, Stage().service))

    def test_nothing_is_opened_early(self) -> None:
        """
        Whoever only builds it, as twistd does before it forks, opens nothing.
        """
        stage = Stage()
        self.assertIsNone(stage.endpoint.factory)
        self.assertEqual(stage.reactor.getDelayedCalls(), [])

    def test_default(self) -> None:
        """
        Without options it listens on port 1883 of this machine and nowhere else, with room for many to arrive at once.
        """
        stage = Stage()
        service = makeBroker(reactor=stage.reactor)
        service.startService()
        [(port, _, backlog, interface)] = stage.reactor.tcpServers
        self.assertEqual((port, backlog, interface), (1883, 4096, "127.0.0.1"))
        self.successResultOf(service.stopService())

    def test_ready(self) -> None:
        """
        Who waits for it learns when it listens and where, in the order in which it was asked to.
        """
        public = IPv4Address("TCP", "0.0.0.0", 1884)
        slow = FakeEndpoint(slow=True)
        stage = Stage(listen=[slow, FakeEndpoint(public)])
        early = stage.service.whenReady()
        stage.service.startService()
        self.assertNoResult(early)
        slow.opening.callback(slow.port)
        addresses = [slow.port.address, public]
        self.assertEqual(self.successResultOf(early), addresses)
        self.assertEqual(self.successResultOf(stage.service.whenReady()), addresses)
        self.successResultOf(stage.service.stopService())

    def test_cannot_listen(self) -> None:
        """
        When one listener can't be opened the start fails and says which and why, and the others are closed again.
        """
        error = CannotListenError("127.0.0.1", 1883, OSError(98, "Address already in use"))
        good, bad = FakeEndpoint(), FakeEndpoint(error=error)
        stage = Stage(listen=[good, bad])
        with self.assertRaises(CannotListen) as caught:
            stage.service.startService()
        self.assertEqual(str(caught.exception), "cannot listen on fake: Address already in use")
        self.assertFalse(good.port.listening)
        self.failureResultOf(stage.service.whenReady(), CannotListen)
        self.assertEqual(stage.reactor.getDelayedCalls(), [])

    def test_cannot_listen_after_all(self) -> None:
        """
        A listener that fails later is told to who waits, and in the log.
        """
        stage = Stage(listen=[FakeEndpoint(), slow := FakeEndpoint(slow=True)])
        stage.service.startService()
        ready = stage.service.whenReady()
        with capturedLogs() as events:
            slow.opening.errback(OSError(13, "Permission denied"))
        self.assertIn("Permission denied", str(self.failureResultOf(ready, CannotListen).value))
        self.assertIn("critical", [event["log_level"].name for event in events])
        self.successResultOf(stage.service.stopService())

    def test_stopped_while_opening(self) -> None:
        """
        A listener that has not opened when the service stops is given up, and so is whoever waits for it.
        """
        slow = FakeEndpoint(slow=True)
        stage = Stage(listen=[slow])
        stage.service.startService()
        ready = stage.service.whenReady()
        self.successResultOf(stage.service.stopService())
        self.assertTrue(slow.cancelled)
        self.failureResultOf(ready, CancelledError)

    def test_patience_may_end(self) -> None:
        """
        Who no longer wants to wait can say so.
        """
        stage = Stage()
        ready = stage.service.whenReady()
        ready.cancel()
        self.failureResultOf(ready, CancelledError)
        stage.service.startService()
        self.successResultOf(stage.service.stopService())

    def test_not_an_endpoint(self) -> None:
        """
        What is no endpoint string is refused when the broker is made, not when it starts.
        """
        with self.assertRaisesRegex(ValueError, "'nonsense': expected an endpoint"):
            makeBroker(["nonsense"], reactor=Stage().reactor)

    def test_first_words(self) -> None:
        """
        The log begins with what runs, what it keeps, where it listens and who may come in.
        """
        stage = Stage(listen=[FakeEndpoint(), FakeEndpoint(IPv4Address("TCP", "0.0.0.0", 1884))])
        with capturedLogs() as events:
            stage.service.startService()
        self.successResultOf(stage.service.stopService())
        words = [event["log_format"].format(**event) for event in events if event["log_level"].name in ("info", "warn")]
        self.assertRegex(words[0], r"^txmqtt .* (compiled|interpreted)$")
        self.assertEqual(words[1], "listening on 127.0.0.1:1883 (fake): anonymous clients are let in")
        self.assertRegex(words[2], r"^listening on 0\.0\.0\.0:1884 .*NOBODY IS LET IN.*--auth anonymous")
        self.assertRegex(words[3], r"kept in memory: nothing survives a restart$")


class AdmissionTests(SynchronousTestCase):
    def started(self, address: IPv4Address, portal: Portal | None = None) -> FakeEndpoint:
        endpoint = FakeEndpoint(address)
        stage = Stage(listen=[endpoint], portal=portal)
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        return endpoint

    def test_loopback(self) -> None:
        """
        Where only this machine can connect, everybody is let in, with a user name or without.
        """
        endpoint = self.started(IPv4Address("TCP", "127.0.0.1", 1883))
        self.assertEqual(Client(endpoint.factory).connect("a"), reasons.SUCCESS)
        self.assertEqual(Client(endpoint.factory).connect("b", username="ann", password=b"x"), reasons.SUCCESS)

    def test_public(self) -> None:
        """
        Where others can connect, nobody is let in until somebody says who may.
        """
        endpoint = self.started(IPv4Address("TCP", "0.0.0.0", 1883))
        self.assertEqual(Client(endpoint.factory).connect("a"), reasons.NOT_AUTHORIZED)
        refused = Client(endpoint.factory).connect("b", username="ann", password=b"x")
        self.assertEqual(refused, reasons.BAD_USER_NAME_OR_PASSWORD)

    def test_portal(self) -> None:
        """
        A portal decides everywhere, on this machine too.
        """
        portal = Portal(Realm(), [InMemoryUsernamePasswordDatabaseDontUse(ann=b"sesame")])
        endpoint = self.started(IPv4Address("TCP", "127.0.0.1", 1883), portal)
        self.assertEqual(Client(endpoint.factory).connect("a"), reasons.NOT_AUTHORIZED)
        self.assertEqual(Client(endpoint.factory).connect("b", username="ann", password=b"sesame"), reasons.SUCCESS)


class TimeTests(SynchronousTestCase):
    def stage(self, policy: Policy | None = None) -> Stage:
        stage = Stage(policy)
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        return stage

    def test_sessions_expire(self) -> None:
        """
        A session that nobody resumes is gone when its time is over, within a second or so [MQTT5-3.1.2-23].
        """
        stage = self.stage()
        client = stage.client(name="sleeper", expiry=30)
        client.say(Disconnect())
        stage.reactor.pump([1.0] * 29)
        self.assertEqual(stage.service.stats.sessions, 1)
        stage.reactor.pump([1.0] * 2)
        self.assertEqual(stage.service.stats.sessions, 0)

    def test_retained_messages_expire(self) -> None:
        """
        A retained message whose time is over gives its memory back, though nobody asks for it.
        """
        stage = self.stage(Policy(sys_interval=0))
        stage.service.publish("t", b"word", retain=True, properties=Properties(message_expiry_interval=10))
        stage.reactor.pump([1.0] * 59)
        self.assertEqual(stage.service.stats.retained, 1)
        stage.reactor.pump([1.0] * 2)
        self.assertEqual(stage.service.stats.retained, 0)

    def test_counters_are_published(self) -> None:
        """
        The counters are there from the start, and again every C{sys_interval}.
        """
        stage = self.stage(Policy(sys_interval=5))
        client = stage.client(MQTT311)
        client.subscribe(b"$SYS/broker/uptime")
        stage.reactor.pump([1.0] * 11)
        uptime = [payload for _, payload in published(client)]
        self.assertEqual(uptime, [b"5 seconds", b"10 seconds"])

    def test_counters_are_not_for_everybody(self) -> None:
        """
        Where somebody else says who may come in, $SYS takes a right of its own, also for those who may do all else.
        """
        stage = Stage(Policy(sys_interval=5), portal=Portal(Realm(), [Anybody()]))
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        client = stage.client()
        client.subscribe(b"$SYS/broker/uptime")
        stage.reactor.pump([1.0] * 11)
        self.assertEqual(published(client), [])

    def test_no_counters(self) -> None:
        """
        C{sys_interval} 0 turns them off.
        """
        stage = self.stage(Policy(sys_interval=0))
        stage.reactor.pump([1.0] * 20)
        self.assertEqual(stage.service.stats.retained, 0)

    def test_the_wall_clock_is_set(self) -> None:
        """
        When somebody sets the clock, what expires by it follows within a second; connections are not touched.
        """
        offset = [EPOCH]
        stage = Stage(wall=lambda: offset[0])
        stage.service.startService()
        self.addCleanup(stage.service.stopService)
        stays = stage.client(name="stays")
        stage.client(name="sleeper", expiry=3600).say(Disconnect())
        offset[0] += 3600
        stage.reactor.advance(1)
        self.assertEqual(stage.service.stats.sessions, 1)
        self.assertTrue(stays.transport.connected)

    def test_trouble_does_not_stop_the_time(self) -> None:
        """
        Should a sweep fail, the log has it and the next one comes all the same.
        """
        moods = [EPOCH] * 3  # the start, and the first sweep, which asks twice

        def wall() -> float:
            return moods.pop() if moods else 1 / 0

        stage = Stage(wall=wall)
        stage.service.startService()
        stage.reactor.pump([1.0, 1.0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        moods.extend([EPOCH] * 3)
        stage.reactor.advance(1)
        self.successResultOf(stage.service.stopService())


class PublishTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage(Policy(max_queued_messages=1))
        self.stage.service.startService()
        self.addCleanup(self.stage.service.stopService)

    def test_delivered(self) -> None:
        """
        What the program publishes reaches who has subscribed; what it publishes at once, in one write.
        """
        client = self.stage.client()
        client.subscribe(b"t", 1)
        for word in (b"one", b"two"):
            acknowledged = self.successResultOf(self.stage.service.publish("t", word, 1))
            self.assertEqual(acknowledged, reasons.SUCCESS)
        self.assertEqual(client.heard(), [])
        self.stage.reactor.advance(0)
        self.assertEqual(published(client), [(b"t", b"one"), (b"t", b"two")])

    def test_nobody_listens(self) -> None:
        """
        The program learns when a message was for nobody.
        """
        reason = self.successResultOf(self.stage.service.publish("t", b"", 1))
        self.assertEqual(reason, reasons.NO_MATCHING_SUBSCRIBERS)

    def test_no_room(self) -> None:
        """
        And it learns when nobody had room for it.
        """
        client = self.stage.client(name="sleeper", expiry=60)
        client.subscribe(b"t", 1)
        client.say(Disconnect())
        self.successResultOf(self.stage.service.publish("t", b"", 1))
        failure = self.failureResultOf(self.stage.service.publish("t", b"", 1), Refused)
        self.assertEqual(failure.value.reason, reasons.QUOTA_EXCEEDED)

    def test_wrong_arguments(self) -> None:
        """
        What no client could publish is refused at once.
        """
        publish = self.stage.service.publish
        for arguments, error in (
            (("a/#", b""), ValueError),
            (("", b""), ValueError),
            (("t", b"", 3), ValueError),
            ((b"t", b""), TypeError),
            (("t", "word"), TypeError),
        ):
            with self.subTest(arguments=arguments), self.assertRaises(error):
                publish(*arguments)


class StopTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage(Policy(close_timeout=5))
        self.stage.service.startService()

    def test_told_why(self) -> None:
        """
        Who is connected with 5.0 is told that the server shuts down; with 3.1.1 there is no word for it
        [MQTT5-3.14.2-1].
        """
        new, old = self.stage.client(MQTT5), self.stage.client(MQTT311)
        self.successResultOf(self.stage.service.stopService())
        (farewell,) = new.heard()
        assert isinstance(farewell, Disconnect)
        self.assertEqual(farewell.reason, reasons.SERVER_SHUTTING_DOWN)
        self.assertEqual(old.heard(), [])
        self.assertFalse(new.transport.connected or old.transport.connected)
        self.assertFalse(self.stage.endpoint.port.listening)
        self.assertEqual(self.stage.reactor.getDelayedCalls(), [])

    def test_silent_guest(self) -> None:
        """
        Who has not said who it is does not keep the broker from stopping.
        """
        silent = Client(self.stage.endpoint.factory)
        self.successResultOf(self.stage.service.stopService())
        self.assertFalse(silent.transport.connected)

    def test_deaf_peer(self) -> None:
        """
        Who does not read our last words is cut off when C{close_timeout} is over, and no sooner.
        """
        Client(self.stage.endpoint.factory, deaf=True).connect("deaf")
        stopped = self.stage.service.stopService()
        self.stage.reactor.advance(4.9)
        self.assertNoResult(stopped)
        self.stage.reactor.advance(0.2)
        self.successResultOf(stopped)

    def test_wills(self) -> None:
        """
        Wills are published when the broker stops, those that were delayed included, while who watches for them is still
        connected: nothing outlives the process [MQTT5-3.1.2-8].
        """
        watcher = self.stage.client(name="watcher")
        watcher.subscribe(b"will/+")
        late = Properties(will_delay_interval=3600)
        self.stage.client(name="b", expiry=60, will=Will(b"will/b", b"gone", properties=late))
        away = self.stage.client(name="c", expiry=60, will=Will(b"will/c", b"gone", properties=late))
        away.transport.loseConnection()
        self.stage.client(name="d", will=Will(b"will/d", b"gone"))
        self.successResultOf(self.stage.service.stopService())
        heard = watcher.heard()
        self.assertEqual([packet.kind for packet in heard], [PUBLISH, PUBLISH, PUBLISH, DISCONNECT])
        topics = {packet.topic for packet in heard if isinstance(packet, Publish)}
        self.assertEqual(topics, {b"will/b", b"will/c", b"will/d"})

    def test_started_again(self) -> None:
        """
        A service that was stopped can be started again.
        """
        self.successResultOf(self.stage.service.stopService())
        self.stage.service.startService()
        self.stage.client()
        self.successResultOf(self.stage.service.stopService())
