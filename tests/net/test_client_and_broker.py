"""
Whole conversations: our client and our broker, joined by a pipe in memory.
"""

from __future__ import annotations

from typing import Unpack

from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.test.iosim import FakeTransport, IOPump
from twisted.test.iosim import connect as join
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Message, MQTTClient, MQTTClientFactory, ReasonCode, Refused, Will
from txmqtt.backends.memory import MemoryBackend
from txmqtt.broker.core import Broker
from txmqtt.broker.policy import Policy
from txmqtt.broker.stats import Stats
from txmqtt.net.auth import Anybody, Realm
from txmqtt.net.receiving.receivers import Callback
from txmqtt.net.server_factory import BrokerFactory
from txmqtt.net.settings import Options
from txmqtt.session.turn import Turn

VERSIONS = (3, 4, 5)
PEER = IPv4Address("TCP", "127.0.0.1", 50_000)


class ConversationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.pumps: list[IOPump] = []
        policy, stats, turn = Policy(), Stats(), Turn()
        self.broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
        self.guests = BrokerFactory(self.broker, Portal(Realm(), [Anybody()]), self.clock, self.clock.seconds)

    def tearDown(self) -> None:
        for pump in self.pumps:
            pump.clientIO.loseConnection()
        self.flush()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def factory(self, **options: Unpack[Options]) -> MQTTClientFactory:
        options.setdefault("client_id", "me")
        return MQTTClientFactory(self.clock, self.clock.seconds, **options)

    def join(self, factory: MQTTClientFactory) -> MQTTClient:
        """
        The factory's next client, with the broker on the other side.
        """
        client, server = factory.buildProtocol(None), self.guests.buildProtocol(None)
        assert client is not None
        pump = join(
            server,
            FakeTransport(server, isServer=True, peerAddress=PEER),
            client,
            FakeTransport(client, isServer=False),
            clock=self.clock,
        )
        self.pumps.append(pump)
        self.flush()
        return client

    def flush(self) -> None:
        """
        Everything is said, everywhere.
        """
        while any([pump.flush() for pump in self.pumps]):
            pass

    def lose(self, client: MQTTClient) -> None:
        """
        The connection breaks, and what was on its way with it.
        """
        (pump,) = (pump for pump in self.pumps if pump.client is client)
        pump.serverIO.getOutBuffer()
        pump.clientIO.getOutBuffer()
        pump.clientIO.loseConnection()
        self.flush()

    def test_all_versions_and_qos(self) -> None:
        """
        Whatever versions publisher and subscriber speak, and at whichever QoS, a message arrives once.
        """
        for speaks in VERSIONS:
            for hears in VERSIONS:
                for qos in (0, 1, 2):
                    with self.subTest(speaks=speaks, hears=hears, qos=qos):
                        got: list[Message] = []
                        subscriber = self.join(self.factory(client_id=f"s{speaks}{hears}{qos}", version=hears))
                        publisher = self.join(self.factory(client_id=f"p{speaks}{hears}{qos}", version=speaks))
                        subscribed = subscriber.subscribe("a/+", got.append, qos)
                        self.flush()
                        self.assertEqual(self.successResultOf(subscribed).reason, qos)
                        published = publisher.publish("a/b", b"p", qos)
                        self.flush()
                        self.assertEqual(self.successResultOf(published).reason, ReasonCode.SUCCESS)
                        self.assertEqual([(m.topic, m.payload, m.qos) for m in got], [("a/b", b"p", qos)])

    def test_taken_up_again(self) -> None:
        """
        When the connection breaks in the middle of everything, the next one takes it up: each QoS 2 message arrives
        once, each QoS 1 message at least once.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                got: list[bytes] = []
                watcher = self.join(self.factory(client_id="watcher"))
                watcher.subscribe("t", keep(got), qos=2)
                factory = self.factory(client_id=f"v{version}", version=version, clean_start=False)
                client = self.join(factory)
                answers = [client.publish("t", b"%d" % number, 1 + number % 2) for number in range(10)]
                self.clock.advance(0)
                for pump in self.pumps:
                    if pump.client is client:
                        pump.pump()  # the server hears, its answers are lost
                self.lose(client)
                for answer in answers:
                    self.failureResultOf(answer)
                client = self.join(factory)
                self.assertEqual(client.session_present, version != 3)
                self.flush()
                expected = [b"%d" % number for number in range(10)]
                self.assertEqual(sorted(set(got)), expected)
                self.assertEqual(sorted(p for p in got if int(p) % 2), [p for p in expected if int(p) % 2])
                self.assertEqual(client.session.books.everything(), [])

    def test_handled_across_a_break(self) -> None:
        """
        A message whose callback is busy when the connection breaks is acknowledged on the next one, and is not given to
        the callback again at QoS 2.
        """
        done: list[Deferred[None]] = []

        def handle(message: Message) -> Deferred[None]:
            done.append(Deferred())
            return done[-1]

        factory = self.factory(clean_start=False, on_message=handle)
        client = self.join(factory)
        client.subscribe("t", qos=2)
        publisher = self.join(self.factory(client_id="publisher"))
        self.flush()
        publisher.publish("t", b"p", qos=2)
        self.flush()
        self.lose(client)
        self.join(factory)
        self.assertEqual(len(done), 1)
        done[0].callback(None)
        self.flush()
        self.assertEqual(len(done), 1)
        self.assertEqual(self.broker.stats.connections, 2)

    def test_will(self) -> None:
        """
        A will is published for a client whose connection breaks, and not for one that disconnects.
        """
        got: list[bytes] = []
        watcher = self.join(self.factory(client_id="watcher"))
        watcher.subscribe("will", keep(got))
        for version in VERSIONS:
            with self.subTest(version=version):
                got.clear()
                polite = self.join(self.factory(version=version, will=Will("will", b"never")))
                gone = polite.disconnect()
                self.flush()
                self.successResultOf(gone)
                self.lose(self.join(self.factory(version=version, will=Will("will", b"gone"))))
                self.assertEqual(got, [b"gone"])

    def test_keeps_alive(self) -> None:
        """
        Two that have nothing to say to each other stay connected, and know it.
        """
        for version in VERSIONS:
            with self.subTest(version=version):
                client = self.join(self.factory(version=version, keep_alive=10))
                for _ in range(100):
                    self.clock.advance(1)
                    self.flush()
                alive = client.ping()
                self.flush()
                self.successResultOf(alive)

    def test_refused(self) -> None:
        """
        A broker that has no room says so.
        """
        policy, stats, turn = Policy(max_connections=0), Stats(), Turn()
        broker = Broker(policy, turn, stats, MemoryBackend(policy, stats, turn))
        self.guests = BrokerFactory(broker, Portal(Realm(), [Anybody()]), self.clock, self.clock.seconds)
        for version, reason in ((3, 0x88), (4, 0x88), (5, 0x97)):
            with self.subTest(version=version):
                client = self.join(self.factory(version=version))
                self.assertEqual(self.failureResultOf(client.whenReady(), Refused).value.reason, reason)


def keep(payloads: list[bytes]) -> Callback:
    return lambda message: payloads.append(message.payload)
