"""
Whatever happens in whatever order, every message is dealt with.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.service.client.support import ServiceTestCase
from txmqtt import Message
from txmqtt.net.receiving.terms import HandlingOptions

TERMS: list[HandlingOptions] = [
    {"concurrency": 1, "limit": 1_000, "policy": "pause"},
    {"concurrency": 2, "limit": 2, "policy": "drop_oldest", "on_error": "withhold"},
    {"concurrency": 5, "timeout": 5.0, "acknowledge": "received"},
]


class RandomTests(ServiceTestCase):
    """
    @ivar heard: how often each payload has been dealt with, by who dealt with it.
    """

    def begin(self, random: Random, terms: HandlingOptions) -> None:
        self.random = random
        self.heard: dict[str, Counter[bytes]] = {"plain": Counter(), "line": Counter(), "reader": Counter()}
        self.published: list[tuple[bytes, int, str]] = []
        self.in_hand: list[Deferred[None]] = []
        self.client = self.service(clean_start=False, receive_maximum=random.choice((3, 10, 100)))
        self.world.run(self.client.subscribe("a/+", self.plain, 2))
        self.world.run(self.client.subscribe("a/#", self.line, 2, **terms))
        self.messages = self.client.messages("a/x", 2, limit=random.choice((1, 4, 100)))
        self.reading: Deferred[Any] = self.messages.receive()
        self.reading.addCallbacks(self.read, lambda _: None)
        self.world.flush()

    def plain(self, message: Message) -> None:
        self.heard["plain"][message.payload] += 1

    def line(self, message: Message) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        done.addCallback(lambda _: self.heard["line"].update([message.payload]))
        self.in_hand.append(done)
        return done

    def read(self, message: Message) -> None:
        self.heard["reader"][message.payload] += 1

    def step(self) -> None:
        dice = self.random.random()
        if dice < 0.55:
            sent = (b"%d" % len(self.published), self.random.choice((0, 1, 2)), self.random.choice(("a/x", "a/y")))
            self.published.append(sent)
            self.world.publish(sent[2], sent[0], sent[1])
        elif dice < 0.75:
            self.read_on()
        elif dice < 0.9 and self.in_hand:
            done = self.in_hand.pop(self.random.randrange(len(self.in_hand)))
            if not done.called:
                done.callback(None) if self.random.random() < 0.85 else done.errback(RuntimeError())
        elif dice < 0.94:
            self.client.publish("b", b"", 2)
        elif dice < 0.97:
            self.world.advance(self.random.choice((1, 3, 50)))
        elif self.client.client is not None:
            self.world.connection("me").cut()
        if self.random.random() < 0.7:
            self.world.flush()

    def read_on(self) -> None:
        if self.reading.called:
            self.reading = self.messages.receive().addCallbacks(self.read, lambda _: None)

    def settle(self) -> None:
        """
        Let everything come to its end; with one more connection, for what was withheld.
        """
        for turn in range(60):
            if turn == 30:
                self.world.connection("me").cut()
            for done in self.in_hand:
                if not done.called:
                    done.callback(None)
            self.in_hand.clear()
            for _ in range(10):
                self.read_on()
            self.world.advance(1)

    def test_nothing_is_lost(self) -> None:
        """
        Connections break, callbacks fail and take long, buffers are full: QoS 1 and 2 reach every callback and reader,
        QoS 2 once; nobody gets what was not for him; nothing waits for ever.
        """
        for seed, terms in enumerate(TERMS):
            with self.subTest(seed=seed):
                self.begin(Random(seed), terms)
                for _ in range(200):
                    self.step()
                self.settle()
                self.check(exactly_once="on_error" not in terms)
                self.assertEqual(self.client.figures.waiting, 0)
                self.world.run(self.client.stopService())
                failed: list[Failure] = self.flushLoggedErrors(RuntimeError, TimeoutError)
                self.assertEqual(len(failed), self.client.figures.failed)

    def check(self, *, exactly_once: bool) -> None:
        for payload, qos, topic in self.published:
            counts = [self.heard["plain"][payload]]
            if topic == "a/x":
                counts.append(self.heard["reader"][payload])
            else:
                self.assertEqual(self.heard["reader"][payload], 0)
            if qos == 0:
                self.assertLessEqual(max(counts), 1)
            elif qos == 2 and exactly_once:
                self.assertEqual({*counts}, {1}, payload)
            else:
                self.assertGreaterEqual(min(counts), 1, payload)
            if qos and not exactly_once:
                self.assertGreaterEqual(self.heard["line"][payload], 1, payload)
