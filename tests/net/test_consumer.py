"""
A great many messages, from one who writes as fast as he may.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.service.client.support import STEADY
from txmqtt import ConnectionClosed, MessageConsumer, MQTTClientService
from txmqtt.testing import MQTTWorld


@implementer(IPushProducer)
class Push:
    """
    Writes until it is paused.
    """

    def __init__(self, consumer: MessageConsumer, count: int) -> None:
        self.consumer = consumer
        self.left = count
        self.paused = self.stopped = False
        self.pauses = 0
        consumer.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        while self.left and not self.paused and not self.stopped:
            self.left -= 1
            self.consumer.write(b"%d" % self.left)
        if not self.left and not self.stopped:
            self.stopped = True
            self.consumer.unregisterProducer()

    def pauseProducing(self) -> None:
        self.paused = True
        self.pauses += 1

    def stopProducing(self) -> None:
        self.stopped = True


@implementer(IPullProducer)
class Pull:
    """
    Writes one piece for each time it is asked.
    """

    def __init__(self, consumer: MessageConsumer, count: int) -> None:
        self.consumer = consumer
        self.left = count
        self.stopped = False
        consumer.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.left -= 1
        self.consumer.write(b"%d" % self.left)
        if not self.left:
            self.consumer.unregisterProducer()

    def stopProducing(self) -> None:
        self.stopped = True


class ConsumerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = MQTTWorld()
        self.addCleanup(self.world.close)
        self.seen = self.world.watch("t/#", client_id="watcher")
        self.client = self.world.client(client_id="me", max_inflight=10)

    def test_pushed(self) -> None:
        """
        All arrive in their order, and no more wait in memory than are on their way.
        """
        for qos in (0, 1, 2):
            with self.subTest(qos=qos):
                self.seen.clear()
                consumer = MessageConsumer(self.client, "t", qos)
                producer = Push(consumer, 200)
                if qos:
                    self.assertEqual(producer.left, 190)
                self.world.flush()
                self.assertEqual(self.successResultOf(consumer.done), 200)
                self.assertEqual([int(message.payload) for message in self.seen], list(reversed(range(200))))
                self.assertEqual(producer.pauses > 0, qos > 0)

    def test_pulled(self) -> None:
        consumer = MessageConsumer(self.client, lambda data: b"t/" + data, 1)
        Pull(consumer, 50)
        self.world.flush()
        self.assertEqual(self.successResultOf(consumer.done), 50)
        self.assertEqual(self.seen[0].topic, "t/49")

    def test_paused_by_a_slow_server(self) -> None:
        """
        A server that does not read pauses the producer also at QoS 0.
        """
        self.world.connection("me").stall()
        consumer = MessageConsumer(self.client, "t")
        consumer.done.addErrback(lambda _: None)  # when the world ends
        producer = Push(consumer, 100_000)
        self.assertTrue(producer.paused)
        self.assertGreater(producer.left, 0)

    def test_lost(self) -> None:
        """
        What fails stops the producer.
        """
        for make in (Push, Pull):
            with self.subTest(producer=make.__name__):
                client = self.world.client(client_id="lost", max_inflight=1)
                consumer = MessageConsumer(client, "t", 1)
                self.world.connection("lost").stall()
                producer: Any = make(consumer, 1_000)
                self.world.connection("lost").cut()
                self.failureResultOf(consumer.done, ConnectionClosed)
                self.assertTrue(producer.stopped)
                self.assertTrue(make(consumer, 1).stopped, "it stays so")

    def test_service(self) -> None:
        """
        With a service it goes on when the connection is there again.
        """
        service = MQTTClientService(self.world.endpoint(), reactor=self.world.clock, retry=STEADY, client_id="service")
        self.addCleanup(service.stopService)
        consumer = MessageConsumer(service, "t", 2)
        producer = Push(consumer, 300)
        self.assertLess(producer.left, 300)
        self.assertTrue(producer.paused)
        service.startService()
        self.world.flush()
        self.assertEqual(self.successResultOf(consumer.done), 300)
        self.assertEqual(len(self.seen), 300)

    def test_wrong(self) -> None:
        with self.assertRaises(ValueError):
            MessageConsumer(self.client, "a/#")
        with self.assertRaises(TypeError):
            MessageConsumer("mqtt://localhost", "t")  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            MessageConsumer(self.client, "t", "1")  # type: ignore[arg-type]
        consumer = MessageConsumer(self.client, "t", 1)
        consumer.done.addErrback(lambda _: None)  # when the world ends
        self.world.connection("me").stall()
        Push(consumer, 100)
        with self.assertRaises(RuntimeError):
            Push(consumer, 1)
