"""
Whatever happens to their connections, two clients that connect again lose nothing and get nothing twice.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

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
            self.answers.append(self.publisher.publish("t", b"%d" % number, qos))

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
        self.mqtt.advance(400)


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
