"""
The broker among clients who do anything at any time, over a backend that is slow and fails: nothing breaks, no QoS 2
message comes twice, the counters stay right, and when everybody has gone nothing is left.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.slow import SlowBackend
from tests.broker.support import Peer, Rights, Town, will
from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import PUBREL
from txmqtt.codec.packets import Ack, Connack, Packet, Publish, Subscribe, Subscription, Unsubscribe
from txmqtt.codec.properties import Properties

TOPICS = ("t", "t/u", "u", "t/u/v")
FILTERS = ("t", "t/+", "#", "t/#", "+", "+/u")
SHARED = ("$share/g/t", "$share/g/#", "$share/h/t/+")
SLOW: tuple[tuple[str, ...], ...] = (
    (),
    ("open", "subscribe", "unsubscribe", "publish", "remember"),
    ("publish",),
    ("open",),
    ("remember",),
)


class Person:
    """
    A client identifier and whoever connects with it.

    @ivar received: payloads at QoS 2 that were not retained, once each.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.peer: Peer | None = None
        self.received: list[bytes] = []
        self.pending: set[int] = set()


class World:
    """
    One run, all of it decided by a seed.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        pick = self.random.choice
        self.town = Town(
            Policy(
                max_connections=pick((3, 100)),
                max_sessions=pick((3, 100)),
                max_inflight=pick((1, 3)),
                max_inflight_5=pick((1, 2, 10)),
                receive_maximum=pick((2, 100)),
                max_queued_messages=pick((0, 3, 50)),
                max_queued_bytes=pick((1, 2_000, 1_000_000)),
                write_buffer=pick((200, 2_000, 1_000_000)),
                max_retained_messages=pick((0, 2, 100)),
                retained_page=pick((1, 3, 50)),
                max_routes=pick((0, 1, 4, 100)),
                max_session_expiry=pick((0, 50, 1_000)),
            ),
            SlowBackend,
        )
        backend = self.town.backend
        assert isinstance(backend, SlowBackend)
        self.slow = backend
        self.slow.slow = {*pick(SLOW), *pick(((), ("find",)))}
        self.filters = FILTERS + pick(((), SHARED))
        self.people = [Person(name) for name in "abcd"]
        self.everybody: list[Peer] = []
        self.number = 0

    def step(self) -> None:
        """
        Somebody does something.
        """
        person = self.random.choice(self.people)
        peer = person.peer
        if peer is None or peer.closed is not None or self.random.random() < 0.1:
            self.connect(person)
            return
        often = [self.publish] * 6 + [self.subscribe] * 2 + [self.read] * 4
        rarely = [self.unsubscribe, self.pause, self.resume, self.lose, self.leave, self.wait, self.disk]
        self.random.choice(often + rarely)(person, peer)

    def connect(self, person: Person) -> None:
        pick = self.random.choice
        version = pick((3, 4, 5))
        words: dict[str, Any] = {"clean_start": self.random.random() < 0.3}
        delay: dict[str, Any] = {}
        if version == 5:
            words |= {"session_expiry_interval": pick((0, 100)), "receive_maximum": pick((1, 2, 50))}
            words |= {"topic_alias_maximum": pick((0, 2)), "maximum_packet_size": pick((40, 300, 1_000_000))}
            delay = {"will_delay_interval": pick((0, 5, 200))}
        if self.random.random() < 0.4:
            words["will"] = will(pick(TOPICS), self.payload(), self.random.randint(0, 2), **delay)
        rights = Rights(publish=[pick(TOPICS)], receive=[pick(TOPICS)]) if self.random.random() < 0.3 else None
        old, person.peer = person.peer, Peer(self.town, rights=rights)
        self.everybody.append(person.peer)
        if old is not None:
            self.look(person, old)
        person.peer.connect(person.name, version, **words)

    def payload(self) -> bytes:
        """
        One that nobody has used.
        """
        self.number += 1
        return b"%d " % self.number + bytes(self.random.choice((0, 50, 300, 1_500)))

    def publish(self, person: Person, peer: Peer) -> None:
        for _ in range(self.random.randint(1, 4)):
            qos = self.random.randint(0, 2)
            said = None
            if peer.version == 5 and self.random.random() < 0.2:
                said = Properties(message_expiry_interval=self.random.choice((0, 1, 30)))
            topic = self.random.choice(TOPICS).encode()
            packet_id = peer.next_id() if qos else 0
            retain = self.random.random() < 0.2
            peer.say(Publish(topic, self.payload(), qos, retain, packet_id=packet_id, properties=said))

    def subscribe(self, person: Person, peer: Peer) -> None:
        wanted = []
        for filter in self.random.sample(self.filters, self.random.randint(1, 3)):
            options: tuple[Any, ...] = ()
            if peer.version == 5:
                local = self.random.random() < 0.2 and not filter.startswith("$")
                options = (local, self.random.random() < 0.2, self.random.randint(0, 2))
            wanted.append(Subscription(filter.encode(), self.random.randint(0, 2), *options))
        peer.say(Subscribe(peer.next_id(), wanted))

    def unsubscribe(self, person: Person, peer: Peer) -> None:
        peer.say(Unsubscribe(peer.next_id(), [filter.encode() for filter in self.random.sample(self.filters, 2)]))

    def read(self, person: Person, peer: Peer) -> None:
        for packet in self.look(person, peer):
            if self.random.random() < 0.1:
                continue  # lost in thought
            refusal = self.random.choice((0, 0, 0, 0x83)) if isinstance(packet, Publish) and peer.version == 5 else 0
            if isinstance(packet, Publish) and packet.qos == 2 and refusal:
                person.pending.discard(packet.packet_id)
            if isinstance(packet, Ack) and packet.kind == PUBREL:
                person.pending.discard(packet.packet_id)
            peer.answer(packet, refusal)

    def look(self, person: Person, peer: Peer) -> list[Packet]:
        """
        What came, as a receiver of QoS 2 takes it: a repeat is not a new message.
        """
        packets = peer.heard()
        for packet in packets:
            if isinstance(packet, Connack) and not (packet.reason or packet.session_present or peer.version == 3):
                person.pending.clear()
            if isinstance(packet, Publish) and packet.qos == 2 and packet.packet_id not in person.pending:
                person.pending.add(packet.packet_id)
                if not packet.retain:
                    person.received.append(packet.payload)
        return packets

    def pause(self, person: Person, peer: Peer) -> None:
        peer.pause()

    def resume(self, person: Person, peer: Peer) -> None:
        peer.resume()

    def lose(self, person: Person, peer: Peer) -> None:
        peer.lose()
        self.look(person, peer)
        person.peer = None

    def leave(self, person: Person, peer: Peer) -> None:
        peer.leave(self.random.choice((0, 4)) if peer.version == 5 else 0)
        self.look(person, peer)
        person.peer = None

    def wait(self, person: Person, peer: Peer) -> None:
        self.town.wait(self.random.choice((0.5, 3, 60, 300)))

    def disk(self, person: Person, peer: Peer) -> None:
        what = self.random.random()
        if what < 0.2:
            self.slow.overloaded = not self.slow.overloaded
        elif what < 0.5 and self.slow.asked:
            self.slow.refuse(self.random.choice((0x80, 0x97)))
        else:
            self.slow.commit(self.random.randint(1, 5))

    def end(self) -> None:
        """
        Everybody goes, and all time passes.
        """
        self.slow.overloaded = False
        self.slow.commit()
        for peer in self.everybody:
            peer.lose()
        for _ in range(2):
            self.slow.commit()
            self.town.wait(1e7)
        self.slow.commit()


class ChaosTests(SynchronousTestCase):
    def test_anything(self) -> None:
        """
        Whatever happens, it ends well.
        """
        for seed in range(100):
            with self.subTest(seed=seed):
                world = World(seed)
                for _ in range(world.random.randint(20, 150)):
                    world.step()
                    self.assertCountersRight(world)
                world.end()
                self.assertNothingLeft(world)
                if world.filters == FILTERS:  # a client that shares may get the same message in several rights
                    for person in world.people:
                        self.assertEqual(len(person.received), len(set(person.received)))

    def assertCountersRight(self, world: World) -> None:
        stats = world.town.stats
        members = world.town.broker.registry.everybody()
        self.assertEqual([name for name in _COUNTERS if getattr(stats, name) < 0], [])
        self.assertEqual(stats.sessions, len(members))
        self.assertEqual(stats.connections, sum(member.session is not None for member in members))
        self.assertEqual(stats.subscriptions, sum(len(member.grants) for member in members))

    def assertNothingLeft(self, world: World) -> None:
        stats, broker = world.town.stats, world.town.broker
        self.assertEqual((stats.connections, stats.sessions, stats.subscriptions), (0, 0, 0))
        self.assertEqual((stats.shared_subscriptions, stats.queued, stats.queued_bytes), (0, 0, 0))
        self.assertEqual((len(broker.registry), len(broker.calendar), len(broker.arrivals)), (0, 0, 0))
        self.assertEqual(broker.mount().filters.match(b"t/u"), [])


_COUNTERS = ("connections", "sessions", "subscriptions", "shared_subscriptions", "queued", "queued_bytes", "retained")
