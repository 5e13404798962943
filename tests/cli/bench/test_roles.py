"""
What a client does while it is measured.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.bench.plan import Plan
from txmqtt.cli.bench.roles import Pace, Publisher, Receiver, Tally
from txmqtt.codec.errors import ConnectionClosed
from txmqtt.net.values import Message


class Client:
    """
    Writes down what is published.
    """

    def __init__(self) -> None:
        self.answers: list[Deferred[Any]] = []
        self.payloads: list[bytes] = []

    def publish(self, topic: str, payload: bytes, qos: int) -> Deferred[Any]:
        self.payloads.append(payload)
        self.answers.append(Deferred())
        return self.answers[-1]


class RoleCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.client: Any = Client()
        self.tally = Tally()
        self.left = 1000

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def publisher(self, **given: Any) -> Publisher:
        plan = Plan(**{"kind": "pair", "token": "0102030405060708", "qos": 1, "window": 10, **given})
        return Publisher(self.clock, self.client, plan, "t", self.tally, self.take)


class PublisherTests(RoleCase):
    def test_window(self) -> None:
        """
        Never more than the window is on its way; each that arrives makes room for the next.
        """
        publisher = self.publisher()
        publisher.pump()
        self.assertEqual(len(self.client.answers), 10)
        self.client.answers[0].callback(None)
        self.client.answers[1].callback(None)
        self.clock.advance(0)
        self.assertEqual(len(self.client.answers), 12)
        self.assertEqual((self.tally.sent, self.tally.acknowledged), (12, 2))

    def test_count(self) -> None:
        """
        After the last one it stops, and is idle when that has arrived.
        """
        self.left = 3
        publisher = self.publisher()
        publisher.pump()
        self.assertEqual((len(self.client.answers), publisher.stopped, publisher.idle), (3, True, False))
        for answer in self.client.answers:
            answer.callback(None)
        self.assertTrue(publisher.idle)

    def test_size(self) -> None:
        """
        Payloads are as long as they should be.
        """
        for size in (0, 5, 16, 17, 100):
            self.publisher(kind="pub", size=size).one()
            self.assertEqual(len(self.client.payloads[-1]), size)

    def test_lost(self) -> None:
        """
        What fails is counted, with the reason.
        """
        publisher = self.publisher()
        publisher.one()
        self.client.answers[0].errback(Failure(ConnectionClosed("gone")))
        self.assertEqual((self.tally.failed, self.tally.error, publisher.stopped), (1, "gone", True))


class PaceTests(RoleCase):
    def test_rate(self) -> None:
        """
        It is kept over time, and shared out.
        """
        publishers = [self.publisher(window=1000) for _ in range(3)]
        pace = Pace(self.clock, list(publishers), 250.0, self.take)
        pace.start()
        self.clock.pump([0.01] * 100)
        pace.stop()
        self.assertTrue(245 <= self.tally.sent <= 250, self.tally.sent)

    def test_stalled_server(self) -> None:
        """
        What could not be sent is not made up for later, beyond a second's worth.
        """
        publisher = self.publisher(window=1)
        pace = Pace(self.clock, [publisher], 10.0, self.take)
        pace.start()
        self.clock.pump([0.01] * 1000)
        self.assertEqual(self.tally.sent, 1)
        for _ in range(100):
            if not self.client.answers[-1].called:
                self.client.answers[-1].callback(None)
            self.clock.advance(0.01)
        pace.stop()
        self.assertTrue(20 <= self.tally.sent <= 1 + 10 + 11, self.tally.sent)

    def test_count(self) -> None:
        """
        It ends with the last one.
        """
        self.left = 2
        publisher = self.publisher()
        pace = Pace(self.clock, [publisher], 1000.0, self.take)
        pace.start()
        self.clock.pump([0.01] * 10)
        self.assertEqual((self.tally.sent, publisher.stopped), (2, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ReceiverTests(RoleCase):
    def test_latency(self) -> None:
        """
        It is told of our own messages only; all are counted.
        """
        plan = Plan(kind="pair", token="0102030405060708")
        receiver = Receiver(plan, self.tally)
        publisher = self.publisher(size=64)
        publisher.one()
        for payload in (self.client.payloads[0], b"", b"x" * 64):
            receiver.take(Message("t", payload, 0, False, False))
        self.assertEqual((self.tally.received, self.tally.latencies.count), (3, 1))
