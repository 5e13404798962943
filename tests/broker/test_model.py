"""
The broker against a model of a page: whatever clients do, each gets what it must, in order, at the right QoS, and once.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.broker.support import Peer, Town
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import Connack, Publish, Subscription
from txmqtt.codec.topics import matches

NAMES = ("clean3", "clean5", "lasting3", "lasting5", "small5")
FILTERS = (b"a", b"b", b"a/b", b"+", b"#", b"a/#", b"+/b")
TOPICS = (b"a", b"b", b"a/b", b"c/b")

Copy = tuple[bytes, int]


class Client:
    """
    One client: what the model says it must get, and its peer while it is connected.

    @ivar kept: QoS 1 and 2 that it must get, in order.
    @ivar flying: QoS 0, in order.
    @ivar retained: what new subscriptions bring, in any order.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = int(name[-1])
        self.lasting = not name.startswith("clean")
        self.peer: Peer | None = None
        self.filters: dict[bytes, Subscription] = {}
        self.kept: list[Copy] = []
        self.flying: list[Copy] = []
        self.retained: Counter[Copy] = Counter()

    def forget(self) -> None:
        self.filters.clear()
        self.kept.clear()
        self.flying.clear()
        self.retained.clear()

    def drop(self) -> None:
        """
        What a broken connection loses.
        """
        self.flying.clear()
        self.retained = Counter({copy: count for copy, count in self.retained.items() if copy[1]})


class Broker(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.town = self.make_town(Policy(max_queued_messages=10_000, queue_page=3))
        self.clients = {name: Client(name) for name in NAMES}
        self.retained: dict[bytes, Copy] = {}
        self.published = 0

    def make_town(self, policy: Policy) -> Town:
        """
        A broker, on whatever backend.
        """
        return Town(policy)

    clients_by_name = st.sampled_from(NAMES)

    # What clients do

    @rule(name=clients_by_name, clean=st.sampled_from((False, False, True)))
    def connect(self, name: str, clean: bool) -> None:
        client = self.clients[name]
        peer = Peer(self.town)
        words = {"session_expiry_interval": 100} if client.lasting and client.version == 5 else {}
        if name.startswith("small"):
            words |= {"receive_maximum": 2}
        clean = clean or not client.lasting
        old = client.peer
        if old is not None:
            client.drop()
        if clean:
            client.forget()
        peer.connect(name, client.version, clean_start=clean, **words)
        connack = peer.inbox.pop(0)
        assert isinstance(connack, Connack) and connack.reason == 0
        assert old is None or old.closed is not None
        client.lasting = client.lasting and not (clean and client.version == 3)
        client.peer = peer

    @rule(name=clients_by_name)
    def lose(self, name: str) -> None:
        client = self.clients[name]
        if client.peer is None:
            return
        client.peer.lose()
        client.peer = None
        client.drop()
        if not client.lasting:
            client.forget()
        client.lasting = not name.startswith("clean")

    @rule(
        name=clients_by_name,
        filter=st.sampled_from(FILTERS),
        qos=st.integers(0, 2),
        handling=st.integers(0, 2),
        no_local=st.booleans(),
    )
    def subscribe(self, name: str, filter: bytes, qos: int, handling: int, no_local: bool) -> None:
        client = self.clients[name]
        if client.peer is None or client.peer.session.paused:
            return
        if client.version < 5:
            handling, no_local = 0, False
        wanted = Subscription(filter, qos, no_local, False, handling)
        if handling == 0 or (handling == 1 and filter not in client.filters):
            for topic, (payload, published) in self.retained.items():
                if matches(filter, topic) and not (no_local and payload.startswith(name.encode())):
                    client.retained[payload, min(qos, published)] += 1
        client.filters[filter] = wanted
        assert client.peer.subscribe(wanted) == [qos]

    @rule(name=clients_by_name, filter=st.sampled_from(FILTERS))
    def unsubscribe(self, name: str, filter: bytes) -> None:
        client = self.clients[name]
        if client.peer is None or client.peer.session.paused:
            return
        self.take(client)
        client.filters.pop(filter, None)
        client.peer.unsubscribe(filter.decode())

    @rule(name=clients_by_name, topic=st.sampled_from(TOPICS), qos=st.integers(0, 2), retain=st.booleans())
    def publish(self, name: str, topic: bytes, qos: int, retain: bool) -> None:
        publisher = self.clients[name]
        if publisher.peer is None or publisher.peer.session.paused:
            return
        self.published += 1
        payload = b"%s %d" % (name.encode(), self.published)
        if retain:
            self.retained[topic] = payload, qos
        for client in self.clients.values():
            granted = [
                wanted.qos
                for filter, wanted in client.filters.items()
                if matches(filter, topic) and not (wanted.no_local and client is publisher)
            ]
            if granted:
                copy = payload, min(qos, max(granted))
                if copy[1]:
                    client.kept.append(copy)
                elif client.peer is not None:
                    client.flying.append(copy)
        assert publisher.peer.publish(topic.decode(), payload, qos, retain) in (-1, 0, 0x10)

    @rule(name=clients_by_name)
    def pause(self, name: str) -> None:
        peer = self.clients[name].peer
        if peer is not None:
            peer.pause()

    @rule(name=clients_by_name)
    def read(self, name: str) -> None:
        """
        A client takes all that there is for it.
        """
        client = self.clients[name]
        if client.peer is not None:
            client.peer.resume()
            self.take(client)

    def take(self, client: Client) -> None:
        assert client.peer is not None
        live: list[Copy] = []
        retained: Counter[Copy] = Counter()
        known: dict[int, bytes] = {}
        while packets := client.peer.heard():
            for packet in packets:
                if isinstance(packet, Publish) and packet.dup and packet.packet_id in known:
                    # Unanswered for too long while it did not read: the same once more, which only 3.x allows.
                    assert client.version < 5 and known[packet.packet_id] == packet.payload
                elif isinstance(packet, Publish):
                    known[packet.packet_id] = packet.payload
                    copy = packet.payload, packet.qos
                    if packet.retain:
                        retained[copy] += 1
                    else:
                        live.append(copy)
                client.peer.answer(packet)
        assert [copy for copy in live if copy[1]] == client.kept, (live, client.kept)
        assert [copy for copy in live if not copy[1]] == client.flying, (live, client.flying)
        assert retained == client.retained, (retained, client.retained)
        client.kept.clear()
        client.flying.clear()
        client.retained.clear()

    @rule(seconds=st.sampled_from((1, 99, 101)))
    def wait(self, seconds: int) -> None:
        away = {name for name, client in self.clients.items() if client.peer is None}
        before = {name for name in away if self.town.broker.registry.find(("", name)) is not None}
        self.town.wait(seconds)
        for name in before:
            if self.town.broker.registry.find(("", name)) is None:
                assert self.clients[name].version == 5
                self.clients[name].forget()

    # What always holds

    @invariant()
    def counters(self) -> None:
        stats = self.town.stats
        assert stats.connections == sum(client.peer is not None for client in self.clients.values())
        assert stats.sessions == len(self.town.broker.registry)
        assert stats.subscriptions == sum(len(client.filters) for client in self.clients.values())
        assert stats.queued >= 0 and stats.queued_bytes >= 0
        assert stats.dropped_full == stats.dropped_slow == stats.dropped_denied == 0
        assert stats.retained == len(self.retained)

    @precondition(lambda self: self.published)
    @rule()
    def everybody_reads(self) -> None:
        for name, client in self.clients.items():
            if client.peer is None:
                self.connect(name, False)
            self.read(name)
        assert self.town.stats.queued == 0

    def teardown(self) -> None:
        self.everybody_reads()
        for name in NAMES:
            self.lose(name)
        self.town.wait(15 * 24 * 3600)
        stats = self.town.stats
        assert (stats.connections, stats.sessions, stats.subscriptions, stats.queued) == (0, 0, 0, 0)
        assert not self.town.broker.mount().filters.match(b"a/b")
        assert len(self.town.broker.calendar) == 0


class Sharing(RuleBasedStateMachine):
    """
    Members of one shared group who come and go: each message comes to one of them, and comes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.town = self.make_town(Policy(max_queued_messages=10_000, queue_page=3))
        self.peers: dict[str, Peer] = {}
        self.published: list[bytes] = []
        self.taken: list[bytes] = []
        self.publisher = Peer(self.town)
        self.publisher.connect("publisher")
        for number, name in enumerate(("one", "two", "three")):
            self.connect(name)
            self.peers[name].subscribe("$share/g/t", qos=min(2, 1 + number))

    def make_town(self, policy: Policy) -> Town:
        """
        A broker, on whatever backend.
        """
        return Town(policy)

    names = st.sampled_from(("one", "two", "three"))

    @rule(name=names)
    def connect(self, name: str) -> None:
        self.peers[name] = Peer(self.town)
        self.peers[name].connect(name, clean_start=False, session_expiry_interval=1000, receive_maximum=2)

    @rule(name=names)
    def lose(self, name: str) -> None:
        self.peers[name].lose()
        self.peers[name].inbox.clear()

    @rule(qos=st.integers(1, 2), count=st.integers(1, 5))
    def publish(self, qos: int, count: int) -> None:
        for _ in range(count):
            payload = b"%d" % len(self.published)
            self.published.append(payload)
            assert self.publisher.publish("t", payload, qos) == 0

    @rule(name=names)
    def pause(self, name: str) -> None:
        self.peers[name].pause()

    @rule(name=names)
    def read(self, name: str) -> None:
        self.peers[name].resume()
        self.taken += self.peers[name].payloads()

    @invariant()
    def never_twice(self) -> None:
        assert len(set(self.taken)) == len(self.taken)

    def teardown(self) -> None:
        for name in self.peers:
            self.lose(name)
            self.connect(name)
        for _ in range(2):
            for name in self.peers:
                self.read(name)
        assert sorted(self.taken) == sorted(self.published)
        assert (self.town.stats.queued, self.town.stats.dropped) == (0, 0)


_SETTINGS = settings(max_examples=30, stateful_step_count=50, deadline=None)

BrokerModelTests = Broker.TestCase
BrokerModelTests.settings = _SETTINGS
SharingModelTests = Sharing.TestCase
SharingModelTests.settings = _SETTINGS
