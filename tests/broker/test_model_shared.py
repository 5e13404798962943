"""
Members of one shared group who come and go: each message comes to one of them, and comes; in order, at the right QoS.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.broker.support import Peer, Town
from tests.models import Weather, model_settings
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import Publish, Subscription

#: The QoS that each member is granted.
GRANTED = {"one5": 1, "two4": 2, "three5": 2, "clean5": 2}
LASTING = ("one5", "two4", "three5")
MEMBERS = tuple(GRANTED)


class Sharing(RuleBasedStateMachine):
    """
    @ivar published: the QoS of each message, by its number.
    @ivar taken: the numbers, as they were read.
    @ivar missed: QoS 0 that nobody could be sent; C{gone}: what a member had when its connection or session ended.
    @ivar moved: QoS 1 that a lost member had not answered: it may come to another later than what came after it.
    @cvar depth: how many things happen before a search begins.
    """

    depth = 60

    def __init__(self) -> None:
        super().__init__()
        self.town = self.make_town(
            Policy(max_queued_messages=10_000, queue_page=3, max_takeovers=0, resend_interval=0, max_inflight=2)
        )
        self.peers: dict[str, Peer] = {}
        self.last: dict[str, list[int]] = {}
        self.published: list[int] = []
        self.taken: list[int] = []
        self.missed: set[int] = set()
        self.gone: set[int] = set()
        self.moved: set[int] = set()
        self.join()

    def make_town(self, policy: Policy) -> Town:
        """
        A broker, on whatever backend.
        """
        return Town(policy)

    def join(self) -> None:
        """
        Everybody is there.
        """
        self.publisher = Peer(self.town)
        self.publisher.connect("publisher")
        for name in MEMBERS:
            if name not in self.peers:
                self.connect(name)

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.storm(seed, self.depth)

    names = st.sampled_from(MEMBERS)

    @rule(name=names)
    def connect(self, name: str) -> None:
        """
        It comes, or takes over its old connection.
        """
        known = name in self.last and name in LASTING
        if name in self.peers:
            self._unheard(name)
        version = int(name[-1])
        peer = self.peers[name] = Peer(self.town)
        words = {"session_expiry_interval": 1000, "receive_maximum": 2} if version == 5 and name in LASTING else {}
        peer.connect(name, version, clean_start=name not in LASTING, **words)
        self.last[name] = [-1, -1, -1]
        if not known:
            assert peer.subscribe(Subscription(b"$share/g/t", GRANTED[name])) == [GRANTED[name]]

    @rule(name=names)
    def lose(self, name: str) -> None:
        if name in self.peers:
            self.peers[name].lose()
            self._unheard(name)
            del self.peers[name]

    def _unheard(self, name: str) -> None:
        """
        What it had been sent and had not looked at.
        """
        for packet in self.peers[name].inbox:
            if isinstance(packet, Publish):
                number = int(packet.payload)
                if packet.qos == 0 or (packet.qos == 2 and name not in LASTING):
                    self.gone.add(number)
                else:
                    self.moved.add(number)
        self.peers[name].inbox.clear()

    @rule(qos=st.integers(0, 2), count=st.integers(1, 5))
    def publish(self, qos: int, count: int) -> None:
        for _ in range(count):
            number = len(self.published)
            self.published.append(qos)
            if not qos and all(peer.session.paused for peer in self.peers.values()):
                self.missed.add(number)
            assert self.publisher.publish("t", b"%d" % number, qos) == (0 if qos else -1)

    @rule(name=names)
    def pause(self, name: str) -> None:
        if name in self.peers:
            self.peers[name].pause()

    @rule(name=names)
    def read(self, name: str) -> None:
        peer = self.peers.get(name)
        if peer is None:
            return
        peer.resume()
        while packets := peer.heard():
            for packet in packets:
                if isinstance(packet, Publish):
                    self._took(name, packet)
                peer.answer(packet)

    def _took(self, name: str, packet: Publish) -> None:
        number = int(packet.payload)
        published = self.published[number]
        assert not packet.retain
        assert packet.qos <= min(published, GRANTED[name]) and (packet.qos > 0) == (published > 0), f"{packet}: {name}"
        assert packet.qos == min(published, GRANTED[name]) or number in self.moved, f"{packet} came to {name}"
        if number not in self.moved:
            assert not packet.dup, f"{packet} is no repeat"
            assert number > self.last[name][packet.qos], f"{name}: {number} after {self.last[name]}"
            self.last[name][packet.qos] = number
        self.taken.append(number)

    @rule(seed=st.integers(0, 2**32), count=st.sampled_from((10, 30)))
    def storm(self, seed: int, count: int) -> None:
        """
        Many of these things in a row.
        """
        _WEATHER.storm(self, seed, count)

    @invariant()
    def never_twice(self) -> None:
        assert len(set(self.taken)) == len(self.taken)
        assert not self.missed & {*self.taken}
        assert self.town.stats.shared_subscriptions == sum(name in LASTING or name in self.peers for name in self.last)

    def teardown(self) -> None:
        for name in MEMBERS:
            self.lose(name)
        for name in MEMBERS:
            self.connect(name)
        for _ in range(3):
            for name in MEMBERS:
                self.read(name)
        self.never_twice()
        missing = {*range(len(self.published))} - {*self.taken} - self.missed - self.gone
        assert not missing, f"{missing} never came"
        assert not self.gone & {*self.taken}
        stats = self.town.stats
        assert (stats.queued, stats.dropped_slow) == (0, len(self.missed))


_WORDS: dict[str, dict[str, Any]] = {
    "publish": {"qos": (0, 1, 1, 2, 2), "count": (1, 2, 5)},
    "connect": {"name": MEMBERS},
    "lose": {"name": MEMBERS},
    "pause": {"name": MEMBERS},
    "read": {"name": MEMBERS},
}
_WEATHER = Weather((*("publish",) * 5, *("read",) * 4, *("connect", "lose") * 2, "pause"), _WORDS)

SharingModelTests = Sharing.TestCase
SharingModelTests.settings = model_settings(25, 20)
