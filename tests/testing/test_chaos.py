"""
Whatever happens to their connections, two clients that connect again lose nothing and get nothing twice.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from shutil import copy

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.service.support import scratch
from txmqtt import Acknowledgement, Message
from txmqtt.testing import MQTTWorld

#: Some lives, of so many events each.
SEEDS = (0, 1, 312)
EVENTS = 40


class Life:
    """
    A publisher and a subscriber, and all the trouble that a seed makes.
    """

    def __init__(self, seed: int, version: int) -> None:
        self.chance = Random(seed)
        self.mqtt = MQTTWorld()
        self.got: dict[int, list[int]] = {1: [], 2: []}
        self.answers: list[Deferred[Acknowledgement]] = []
        self.published: dict[int, list[int]] = {1: [], 2: []}
        keeps = {"clean_start": False} if version < 5 else {"session_expiry": 100_000}
        self.subscriber = self.mqtt.service(
            client_id="subscriber",
            version=version,
            keep_alive=20,
            on_message=self.note,
            **keeps,
        )
        self.publisher = self.mqtt.service(client_id="publisher", version=version, keep_alive=20, **keeps)
        self.mqtt.run(self.subscriber.subscribe("#", qos=2))

    def note(self, message: Message) -> None:
        self.got[message.qos].append(int(message.payload))

    def publish(self) -> None:
        for _ in range(self.chance.randint(1, 5)):
            qos = self.chance.choice((1, 2))
            number = len(self.answers)
            self.published[qos].append(number)
            self.answers.append(self.send(number, qos))

    def send(self, number: int, qos: int) -> Deferred[Acknowledgement]:
        return self.publisher.publish("t", b"%d" % number, qos)

    def event(self) -> None:
        chance, mqtt = self.chance, self.mqtt
        connection = mqtt.connection(chance.choice(("publisher", "subscriber")))
        kind = chance.randrange(14)
        if kind < 4:
            self.publish()
        elif kind == 4:
            connection.cut()
        elif kind == 5:
            connection.stall(to_server=chance.random() < 0.5, to_client=chance.random() < 0.5)
        elif kind == 6:
            connection.resume()
        elif kind == 7:
            connection.slow(chance.choice((0, 5, 50)))
        elif kind == 8:
            mqtt.down(silently=chance.random() < 0.5)
        elif kind == 9:
            mqtt.up()
        elif kind == 10:
            mqtt.restart(goodbye=chance.random() < 0.5)
        else:  # what one side has said is lost, in the middle of an exchange
            deaf = chance.random() < 0.5
            connection.stall(to_server=deaf, to_client=not deaf)
            self.publish()
            mqtt.advance(chance.choice((0, 2)))
            connection.cut()
        if chance.random() < 0.7:
            mqtt.advance(chance.choice((0, 0.1, 1, 5, 30)))

    def recover(self) -> None:
        self.mqtt.up()
        for connection in self.mqtt.connections:
            connection.resume()
            connection.slow(0)
        self.mqtt.advance(150)  # more than the longest wait between two attempts


class MortalLife(Life):
    """
    The same, and the publisher's program is killed now and then, and started again.

    @ivar folder: where its file is, a copy for each of its lives.
    """

    def __init__(self, seed: int, version: int, folder: Path) -> None:
        super().__init__(seed, version)
        self.folder = folder
        self.version = version
        self.mqtt.run(self.publisher.stopService())
        self.store = folder / "0"
        self.start()

    def start(self) -> None:
        self.publisher = self.mqtt.service(client_id="publisher", version=self.version, keep_alive=20, store=self.store)

    def send(self, number: int, qos: int) -> Deferred[Acknowledgement]:
        answer = self.publisher.publish("t", b"%d" % number, qos)
        answer.addErrback(lambda failure: None)  # a program that is dead is told nothing
        return answer

    def event(self) -> None:
        if self.chance.random() < 0.15:
            self.die()
            self.start()
        super().event()

    def die(self) -> None:
        """
        Of the program there is left what is on disk now. What it does afterwards is seen by nobody.
        """
        self.mqtt.flush()
        before, self.store = self.store, self.store.with_name(f"{int(self.store.name) + 1}")
        for end in ("", "-wal"):
            if (written := before.with_name(before.name + end)).exists():
                copy(written, self.store.with_name(self.store.name + end))
        network = self.mqtt.clock.network
        reachable = network.silent, network.refusing
        self.mqtt.refuse()
        self.mqtt.connection("publisher").cut()
        self.mqtt.run(self.publisher.stopService())
        network.silent, network.refusing = reachable


class ChaosTests(SynchronousTestCase):
    def test_nothing_is_lost(self) -> None:
        """
        Every publish is acknowledged in the end; at QoS 2 it has arrived once and in order, at QoS 1 at least once.
        """
        for seed in SEEDS:
            version = (5, 4)[seed % 2]
            with self.subTest(seed=seed, version=version):
                life = Life(seed, version)
                self.addCleanup(life.mqtt.close)
                for _ in range(EVENTS):
                    life.event()
                life.recover()
                for answer in life.answers:
                    self.successResultOf(answer)
                self.assertEqual(life.got[2], life.published[2])
                self.assertEqual(list(dict.fromkeys(life.got[1])), life.published[1])

    def test_nothing_is_forgotten(self) -> None:
        """
        The same for a program with a store that is killed and started again: once a turn is over, what was published in
        it arrives, at QoS 2 once.
        """
        for seed in SEEDS[:2]:
            version = (5, 4)[seed % 2]
            with self.subTest(seed=seed, version=version):
                life = MortalLife(seed, version, scratch(self))
                self.addCleanup(life.mqtt.close)
                for _ in range(EVENTS):
                    life.event()
                life.recover()
                self.successResultOf(life.publisher.whenIdle())
                self.assertEqual(life.got[2], life.published[2])
                self.assertEqual(list(dict.fromkeys(life.got[1])), life.published[1])
