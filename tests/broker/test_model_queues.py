"""
A receiver with a short queue: what it gets of what is published, and what its publisher is told, for each thing that a
broker may do when a queue is full.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.broker.support import Peer, Town
from tests.models import Weather, model_settings
from txmqtt.broker.policy import Policy
from txmqtt.codec.packets import Publish

#: How many messages may be under way to the receiver.
WINDOW = 2


class Queue(RuleBasedStateMachine):
    """
    @ivar flying: what the receiver has been sent and has not answered, and C{waiting}, what waits.
    """

    @initialize(
        way=st.sampled_from(("refuse", "drop_oldest", "drop_newest")),
        limit=st.integers(0, 4),
        lasting=st.booleans(),
        seed=st.integers(0, 2**32),
    )
    def begin(self, way: str, limit: int, lasting: bool, seed: int) -> None:
        self.way, self.limit, self.lasting = way, limit, lasting
        policy = Policy(queue_full=way, max_queued_messages=limit, max_inflight_5=WINDOW, max_takeovers=0)
        self.town = Town(policy)
        self.flying: list[bytes] = []
        self.waiting: list[bytes] = []
        self.dropped = self.ended = self.number = 0
        self.peer: Peer | None = None
        self.publisher = Peer(self.town)
        self.publisher.connect("publisher")
        self.come()
        self.storm(seed, 60)

    @rule()
    def come(self) -> None:
        if self.peer is not None:
            return
        self.peer = Peer(self.town)
        words = {"session_expiry_interval": 1000} if self.lasting else {}
        self.peer.connect("receiver", clean_start=not self.lasting, **words)
        self.peer.inbox.pop(0)
        if not self.lasting or not self.number:
            self.peer.subscribe("t", qos=2)
        self._move()

    def _move(self) -> None:
        while self.peer is not None and len(self.flying) < WINDOW and self.waiting:
            self.flying.append(self.waiting.pop(0))

    @rule()
    def lose(self) -> None:
        if self.peer is None:
            return
        self.peer.lose()
        self.peer = None
        if not self.lasting:
            self.ended += len(self.waiting)
            self.flying.clear()
            self.waiting.clear()

    @rule(count=st.integers(1, 3), qos=st.integers(1, 2))
    def publish(self, count: int, qos: int) -> None:
        for _ in range(count):
            self.number += 1
            payload = b"%d" % self.number
            assert self.publisher.publish("t", payload, qos) == self._expected(payload)

    def _expected(self, payload: bytes) -> int:
        """
        What becomes of a message, and what its publisher is told.
        """
        if self.peer is None and not self.lasting:
            return 0x10
        if self.peer is not None and len(self.flying) < WINDOW:
            self.flying.append(payload)
        elif len(self.waiting) < self.limit:
            self.waiting.append(payload)
        else:
            self.dropped += 1
            if self.way == "refuse":
                return 0x97
            if self.way == "drop_oldest" and self.waiting:
                self.waiting = [*self.waiting[1:], payload]
        return 0

    @rule(count=st.integers(1, 3))
    def read(self, count: int) -> None:
        """
        It takes the first of what it has, and answers.
        """
        peer = self.peer
        if peer is None:
            return
        packets = [packet for packet in peer.inbox if isinstance(packet, Publish)]
        assert [packet.payload for packet in packets] == self.flying
        for packet in packets[:count]:
            peer.inbox.remove(packet)
            peer.answer(packet)
            while peer.inbox and not isinstance(peer.inbox[-1], Publish):
                peer.answer(peer.inbox.pop())
            self.flying.pop(0)
            self._move()
        self.check()

    def check(self) -> None:
        stats = self.town.stats
        assert (stats.dropped_full, stats.dropped_ended) == (self.dropped, self.ended)
        assert not self.lasting or stats.queued == len(self.flying) + len(self.waiting)

    @rule(seed=st.integers(0, 2**32), count=st.sampled_from((10, 30)))
    def storm(self, seed: int, count: int) -> None:
        """
        Many of these things in a row.
        """
        _WEATHER.storm(self, seed, count)

    def teardown(self) -> None:
        if not hasattr(self, "town"):
            return
        self.come()
        while self.flying:
            self.read(1)
        self.read(1)


_WEATHER = Weather(
    ("publish", "publish", "publish", "read", "read", "come", "lose"),
    {"publish": {"count": (1, 2, 3), "qos": (1, 2)}, "read": {"count": (1, 2, 3)}, "come": {}, "lose": {}},
)

QueueModelTests = Queue.TestCase
QueueModelTests.settings = model_settings(30, 20)
