"""
Whole conversations: our client and our broker, and a connection in memory.
"""

from __future__ import annotations

from typing import Unpack

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txmqtt import Message, MQTTClient, MQTTClientFactory, Policy, ReasonCode, Refused, Will
from txmqtt.net.receiving.receivers import Callback
from txmqtt.net.settings import Options
from txmqtt.testing import MQTTWorld

VERSIONS = (3, 4, 5)


class ConversationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.begin(Policy())

    def begin(self, policy: Policy) -> None:
        """
        A broker with these limits.
        """
        self.mqtt = MQTTWorld(policy=policy)
        self.addCleanup(self.end, self.mqtt)

    def end(self, mqtt: MQTTWorld) -> None:
        """
        No timer outlives its connection.
        """
        mqtt.close()
        self.assertEqual(list(mqtt.clock.getDelayedCalls()), [])

    def factory(self, **options: Unpack[Options]) -> MQTTClientFactory:
        options.setdefault("client_id", "me")
        return MQTTClientFactory(self.mqtt.clock, **options)

    def join(self, factory: MQTTClientFactory) -> MQTTClient:
        """
        The factory's next client, with the broker on the other side.
        """
        self.mqtt.run(self.mqtt.endpoint().connect(factory))
        assert factory.client is not None
        return factory.client

    def lose(self, client: MQTTClient) -> None:
        """
        The connection breaks, and what was on its way with it.
        """
        self.mqtt.connection(client).cut()

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
                        self.mqtt.flush()
                        self.assertEqual(self.successResultOf(subscribed).reason, qos)
                        published = publisher.publish("a/b", b"p", qos)
                        self.mqtt.flush()
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
                self.mqtt.connection(client).stall(to_server=False)  # the server hears, its answers are lost
                self.lose(client)
                for answer in answers:
                    self.failureResultOf(answer)
                client = self.join(factory)
                self.assertEqual(client.session_present, version != 3)
                self.mqtt.flush()
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
        self.mqtt.flush()
        publisher.publish("t", b"p", qos=2)
        self.mqtt.flush()
        self.lose(client)
        self.join(factory)
        self.assertEqual(len(done), 1)
        done[0].callback(None)
        self.mqtt.flush()
        self.assertEqual(len(done), 1)
        self.assertEqual(self.mqtt.broker.stats.connections, 2)

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
                self.mqtt.flush()
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
                self.mqtt.advance(100)
                alive = client.ping()
                self.mqtt.flush()
                self.successResultOf(alive)

    def test_refused(self) -> None:
        """
        A broker that has no room says so.
        """
        self.begin(Policy(max_connections=0))
        for version, reason in ((3, 0x88), (4, 0x88), (5, 0x97)):
            with self.subTest(version=version):
                client = self.join(self.factory(version=version))
                self.assertEqual(self.failureResultOf(client.whenReady(), Refused).value.reason, reason)


def keep(payloads: list[bytes]) -> Callback:
    return lambda message: payloads.append(message.payload)
