"""
Anything, in any order, on a disk that is slow, fails, and is cut off now and then: what was acknowledged comes, and at
QoS 2 once.

Publishers and subscribers behave as real clients with sessions that last: they send again what was not answered, and
keep their side of QoS 2 from connection to connection. Each seed is one world; the same seed is the same world.
"""

from __future__ import annotations

import sqlite3
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.sqlite.support_backend import Machine
from tests.backends.sqlite.support_disk import raise_town
from tests.broker.support import Peer
from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import PUBACK, PUBCOMP, PUBREC, PUBREL
from txmqtt.codec.packets import Ack, Connack, Packet, Publish, Suback, Subscribe, Subscription

FAULTS = ("COMMIT", "BEGIN", "INSERT", "DELETE", "PRAGMA wal_checkpoint", "open")


class Person:
    """
    A client whose session lasts, with its own memory.

    @ivar sent: by packet identifier: payload, QoS, and whether its PUBREC came.
    @ivar acknowledged: payloads that were accepted, with their QoS.
    @ivar held: identifiers of QoS 2 messages that were taken over and not released.
    @ivar taken: payloads that were handed to the application.
    """

    def __init__(self, world: World, name: str, version: int) -> None:
        self.world = world
        self.name = name
        self.version = version
        self.peer: Peer | None = None
        self.online = False
        self.last_id = 0
        self.subscribed = False
        self.sent: dict[int, tuple[bytes, int, bool]] = {}
        self.acknowledged: dict[bytes, int] = {}
        self.held: set[int] = set()
        self.taken: list[bytes] = []

    def connect(self) -> None:
        self.peer = Peer(self.world.town)
        self.online = False
        words = {"session_expiry_interval": 10_000} if self.version == 5 else {}
        self.peer.connect(self.name, self.version, clean_start=False, **words)

    def publish(self, payload: bytes, qos: int) -> None:
        if self.peer is None or not self.online or len(self.sent) > 10:
            return
        self.last_id = self.last_id % 1_000 + 1
        if self.last_id in self.sent:
            return
        self.sent[self.last_id] = (payload, qos, False)
        self.peer.say(Publish(b"t", payload, qos, packet_id=self.last_id))

    def listen(self, lazy: bool = False) -> None:
        """
        Act on what came; a lazy client leaves some of it unanswered for now.
        """
        if self.peer is None:
            return
        packets = self.peer.heard()
        while packets:
            packet = packets.pop(0)
            if lazy and self.world.random.random() < 0.3:
                self.peer.inbox[:0] = [packet, *packets]
                return
            self.hear(packet)
            packets += self.peer.heard()
        if self.peer.closed is not None:
            self.gone()

    def gone(self) -> None:
        if self.peer is not None:
            self.peer.lose()
        self.peer, self.online = None, False

    def hear(self, packet: Packet) -> None:
        assert self.peer is not None
        if isinstance(packet, Connack):
            self.online = packet.reason == 0
            if self.online:
                self.begin(packet.session_present)
        elif isinstance(packet, Suback):
            self.subscribed = True
        elif isinstance(packet, Publish):
            self.receive(packet)
        elif isinstance(packet, Ack):
            self.answered(packet)

    def begin(self, present: bool) -> None:
        assert self.peer is not None
        if self.subscribed and not present:
            raise AssertionError(f"{self.name}'s session is gone")
        if not present:
            self.held.clear()
        for packet_id, (payload, qos, released) in self.sent.items():
            if released:
                self.peer.say(Ack(PUBREL, packet_id))
            else:
                self.peer.say(Publish(b"t", payload, qos, dup=True, packet_id=packet_id))
        if self.name.startswith("s") and not self.subscribed:
            self.peer.say(Subscribe(999, [Subscription(b"t", 2)]))

    def receive(self, packet: Publish) -> None:
        assert self.peer is not None
        if packet.qos == 2 and packet.packet_id in self.held:
            self.peer.say(Ack(PUBREC, packet.packet_id))
            return
        self.taken.append(packet.payload)
        if packet.qos == 2:
            self.held.add(packet.packet_id)
        if packet.qos:
            self.peer.say(Ack(PUBREC if packet.qos == 2 else PUBACK, packet.packet_id))

    def answered(self, packet: Ack) -> None:
        assert self.peer is not None
        if packet.kind == PUBREL:
            self.held.discard(packet.packet_id)
            self.peer.say(Ack(PUBCOMP, packet.packet_id))
            return
        if packet.packet_id not in self.sent:
            return
        payload, qos, _ = self.sent[packet.packet_id]
        if packet.kind == PUBCOMP or packet.reason >= 0x80:
            del self.sent[packet.packet_id]
        elif packet.kind == PUBACK:
            del self.sent[packet.packet_id]
            self.acknowledged[payload] = qos
        elif packet.kind == PUBREC:
            self.acknowledged[payload] = qos
            self.sent[packet.packet_id] = (payload, qos, True)
            self.peer.say(Ack(PUBREL, packet.packet_id))


class World:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        pick = self.random.choice
        self.machine = Machine()
        self.policy = Policy(queue_page=pick((1, 3, 50)), max_inflight=pick((1, 5)), max_inflight_5=pick((1, 5)))
        self.town = raise_town(self.machine, self.policy)
        self.publishers = [Person(self, f"p{number}", pick((4, 5))) for number in range(2)]
        self.subscribers = [Person(self, f"s{number}", pick((4, 5))) for number in range(3)]
        self.number = 0
        for person in self.everybody:
            person.connect()
        for _ in range(2):
            self.machine.finish()
            for person in self.everybody:
                person.listen()

    @property
    def everybody(self) -> list[Person]:
        return self.publishers + self.subscribers

    def step(self) -> None:
        person = self.random.choice(self.everybody)
        what = self.random.random()
        if what < 0.4:
            for _ in range(self.random.randint(1, 4)):
                self.number += 1
                self.random.choice(self.publishers).publish(b"%d" % self.number, self.random.randint(1, 2))
        elif what < 0.6:
            person.listen(lazy=True)
        elif what < 0.7:
            if person.peer is None or self.random.random() < 0.3:
                person.connect()
        elif what < 0.75:
            person.gone()
        elif what < 0.93:
            self.machine.finish()
            self.machine.reactor.advance(self.random.choice((0.0, 1.0)))
        elif what < 0.96:
            self.machine.disk.commits_anyway = self.random.random() < 0.5
            self.machine.disk.fail(self.random.choice(FAULTS), "disk I/O error", sqlite3.SQLITE_IOERR)
        elif what < 0.985:
            self.heal()
        else:
            self.kill()

    def heal(self) -> None:
        self.machine.disk.heal()
        self.machine.reactor.advance(1.0)
        self.machine.finish()

    def kill(self) -> None:
        self.machine.disk.heal()
        now = self.town.turn.now
        self.machine.kill()
        for person in self.everybody:
            person.peer, person.online = None, False
        self.town = raise_town(self.machine, self.policy, now)

    def end(self) -> None:
        """
        The disk is well, and everybody takes what there is for them.
        """
        for _ in range(3):
            self.heal()
        for person in self.everybody:
            person.gone()
            person.connect()
        for _ in range(200):
            self.machine.finish()
            for person in self.everybody:
                person.listen()
            self.machine.finish()
            if not (self.town.stats.queued or any(person.sent for person in self.everybody)):
                break


class DiskChaosTests(SynchronousTestCase):
    def test_anything(self) -> None:
        """
        Nothing that was acknowledged is lost, and no QoS 2 message comes twice.
        """
        for seed in range(60):
            with self.subTest(seed=seed):
                world = World(seed)
                self.addCleanup(world.machine.close)
                for _ in range(150):
                    world.step()
                world.end()
                self.assertKept(world, seed)

    def assertKept(self, world: World, seed: int) -> None:
        self.assertEqual((world.town.stats.queued, world.town.stats.queued_bytes), (0, 0), seed)
        promised = {payload: qos for person in world.publishers for payload, qos in person.acknowledged.items()}
        for person in world.subscribers:
            self.assertTrue(person.subscribed, seed)
            taken = set(person.taken)
            self.assertEqual(sorted(set(promised) - taken), [], f"{seed}: lost for {person.name}")
            twice = [payload for payload, qos in promised.items() if qos == 2 and person.taken.count(payload) > 1]
            self.assertEqual(twice, [], f"{seed}: twice for {person.name}")
