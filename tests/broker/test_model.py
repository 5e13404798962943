"""
The broker against a model of two pages: whatever clients do, each gets what it must, in order, at the right QoS, with
the right flags, and once.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.broker.model import Client, LastWill, Message, Model
from tests.broker.support import Peer, Town, will
from tests.models import Weather, model_settings
from txmqtt.broker.policy import Policy
from txmqtt.codec.constants import MQTT5
from txmqtt.codec.packets import Connack, Publish, Subscription

#: The last character is the version, 3 for 3.1 and 4 for 3.1.1; C{small} ones take two messages at a time.
NAMES = ("clean4", "clean5", "lasting3", "lasting5", "small5")
#: How long the sessions of 5.0 last, seconds.
EXPIRY = {"clean5": 0, "lasting5": 100, "small5": 110}
#: How long their wills may wait: nobody's as long as another's.
DELAYS = {"clean5": 3, "lasting5": 200, "small5": 5}

FILTERS = (b"a", b"b", b"a/b", b"+", b"#", b"a/#", b"+/b")
TOPICS = (b"a", b"b", b"a/b", b"c/b")
QUALITIES = (0, 1, 2)
TIMES = (1, 6, 60, 99, 120)

#: How many things happen before a search begins.
DEPTH = 60


class Broker(RuleBasedStateMachine):
    """
    @cvar wills: clients have them.
    @cvar prompt: nothing waits for a disk, so that publishers are told when nobody listens.
    """

    wills = True
    prompt = True
    depth = DEPTH

    def __init__(self) -> None:
        super().__init__()
        self.town = self.make_town(Policy(max_queued_messages=10_000, queue_page=3, max_takeovers=0, resend_interval=0))
        self.model = Model(NAMES)
        self.clients = self.model.clients
        self.published = 0

    def make_town(self, policy: Policy) -> Town:
        """
        A broker, on whatever backend.
        """
        return Town(policy)

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        for name in NAMES:
            self.connect(name, False, None, False)
        self.storm(seed, self.depth)

    clients_by_name = st.sampled_from(NAMES)

    @property
    def now(self) -> float:
        return self.town.turn.wall

    def _payload(self, name: str) -> bytes:
        self.published += 1
        return b"%s %d" % (name.encode(), self.published)

    def _reachable(self, name: str) -> Peer | None:
        """
        Somebody who can ask for something, and would hear the answer.
        """
        peer = self.clients[name].peer
        return None if peer is None or peer.session.paused else peer

    # Who comes and goes

    @rule(
        name=clients_by_name,
        clean=st.sampled_from((False, False, True)),
        last=st.sampled_from((None, (b"a", 0, False), (b"b", 1, True), (b"c/b", 2, False))),
        delayed=st.booleans(),
    )
    def connect(self, name: str, clean: bool, last: tuple[bytes, int, bool] | None, delayed: bool) -> None:
        model, client, now = self.model, self.clients[name], self.now
        clean = clean or not client.may_last
        old = client.peer
        if old is not None:
            model.leaves(client, now, replaced=True, ends=clean)
        model.returns(client, now, clean)
        words: dict[str, Any] = {}
        if client.version == MQTT5:
            words["session_expiry_interval"] = EXPIRY[name]
            client.lasting, client.expiry = EXPIRY[name] > 0, EXPIRY[name]
        else:
            client.lasting, client.expiry = not clean, self.town.policy.max_session_expiry
        if name.startswith("small"):
            words["receive_maximum"] = 2
        if last is not None and self.wills:
            topic, qos, retain = last
            delay = DELAYS[name] if delayed and client.version == MQTT5 else 0
            message = Message(name, topic, self._payload(name), qos, retain)
            client.will = LastWill(message, delay)
            properties = {"will_delay_interval": delay} if delay else {}
            words["will"] = will(topic.decode(), message.payload, qos, retain, **properties)
        peer = Peer(self.town)
        peer.connect(name, client.version, clean_start=clean, **words)
        connack = peer.inbox.pop(0)
        assert isinstance(connack, Connack) and connack.reason == 0
        assert old is None or old.closed is not None
        client.peer = peer

    @rule(name=clients_by_name)
    def lose(self, name: str) -> None:
        client = self.clients[name]
        if client.peer is not None:
            client.peer.lose()
            self.model.leaves(client, self.now)

    @rule(name=clients_by_name, reason=st.sampled_from((0, 0, 4)), for_good=st.booleans())
    def leave(self, name: str, reason: int, for_good: bool) -> None:
        """
        A client says goodbye; on 5.0 perhaps with its will, or with the end of its session.
        """
        client = self.clients[name]
        if client.peer is None:
            return
        words = {"session_expiry_interval": 0} if for_good and client.version == MQTT5 else {}
        reason = reason if client.version == MQTT5 else 0
        client.peer.leave(reason, **words)
        if words:
            client.expiry = 0
        self.model.leaves(client, self.now, will=reason != 0)

    # What they ask for

    @rule(
        name=clients_by_name,
        filter=st.sampled_from(FILTERS),
        qos=st.sampled_from(QUALITIES),
        handling=st.sampled_from(QUALITIES),
        no_local=st.booleans(),
        published=st.booleans(),
        identifier=st.sampled_from((0, 1, 7)),
    )
    def subscribe(
        self, name: str, filter: bytes, qos: int, handling: int, no_local: bool, published: bool, identifier: int
    ) -> None:
        client, peer = self.clients[name], self._reachable(name)
        if peer is None:
            return
        if client.version < MQTT5:
            handling, no_local, published, identifier = 0, False, False, 0
        wanted = Subscription(filter, qos, no_local, published, handling)
        busy = name.startswith("small") or len(client.kept) + len(client.retained) > 10
        if busy:  # what is retained would be looked for later, and may be something else by then
            self.take(client)
        self.model.subscribe(client, wanted, identifier, self.now)
        assert peer.subscribe(wanted, identifier=identifier) == [qos]
        if busy:
            self.take(client)

    @rule(name=clients_by_name, filter=st.sampled_from(FILTERS))
    def unsubscribe(self, name: str, filter: bytes) -> None:
        client, peer = self.clients[name], self._reachable(name)
        if peer is None:
            return
        self.take(client)
        known = client.filters.pop(filter, None)
        codes = peer.unsubscribe(filter.decode())
        assert client.version < MQTT5 or codes == [0 if known else 0x11]

    # What is said

    @rule(
        name=clients_by_name,
        topic=st.sampled_from(TOPICS),
        qos=st.sampled_from(QUALITIES),
        retain=st.sampled_from((False, False, True)),
        empty=st.sampled_from((False, False, False, True)),
        interval=st.sampled_from((0, 0, 5, 50)),
    )
    def publish(self, name: str, topic: bytes, qos: int, retain: bool, empty: bool, interval: int) -> None:
        client, peer = self.clients[name], self._reachable(name)
        if peer is None:
            return
        payload = b"" if empty else self._payload(name)
        interval = interval if client.version == MQTT5 else 0
        heard = self.model.publish(Message(name, topic, payload, qos, retain, interval), self.now)
        words = {"message_expiry_interval": interval} if interval else {}
        reason = peer.publish(topic.decode(), payload, qos, retain, **words)
        if not qos:
            assert reason == -1
        elif client.version < MQTT5 or heard or retain:
            assert reason == 0
        else:
            assert reason == 0x10 or not self.prompt

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
        while client.peer.inbox:
            self._take(client, len(client.peer.inbox))
        client.satisfied(self.now)

    @rule(name=clients_by_name, count=st.integers(1, 3))
    def read_some(self, name: str, count: int) -> None:
        """
        A client takes the first of what there is, and answers it.
        """
        client = self.clients[name]
        if self._reachable(name) is not None:
            self._take(client, count)

    def _take(self, client: Client, count: int) -> None:
        peer = client.peer
        assert peer is not None
        packets, peer.inbox = peer.inbox[:count], peer.inbox[count:]
        for packet in packets:
            if isinstance(packet, Publish):
                client.hears(packet, self.now)
            peer.answer(packet)

    @rule(seconds=st.sampled_from(TIMES), tidied=st.booleans())
    def wait(self, seconds: float, tidied: bool) -> None:
        """
        Time goes by; now and then what has expired is cleared away.
        """
        self.model.wait(self.now + seconds, tidied)
        self.town.wait(seconds)
        if tidied:
            self.town.backend.sweep(self.now)
            self.town.turn.flush()

    @rule(seed=st.integers(0, 2**32), count=st.sampled_from((10, 30)))
    def storm(self, seed: int, count: int) -> None:
        """
        Many of these things in a row.
        """
        _WEATHER.storm(self, seed, count)

    # What always holds

    @invariant()
    def counters(self) -> None:
        stats = self.town.stats
        clients = self.clients.values()
        assert stats.connections == sum(client.peer is not None for client in clients)
        assert stats.sessions == sum(client.peer is not None or client.lasting for client in clients)
        assert stats.sessions == len(self.town.broker.registry)
        assert stats.subscriptions == sum(len(client.filters) for client in clients)
        assert stats.queued >= 0 and stats.queued_bytes >= 0
        assert stats.dropped_full == stats.dropped_slow == stats.dropped_denied == 0
        assert stats.retained == len(self.model.retained)
        assert stats.wills_sent == self.model.wills

    @precondition(lambda self: self.published)
    @rule()
    def everybody_reads(self) -> None:
        for name, client in self.clients.items():
            if client.peer is None:
                self.connect(name, False, None, False)
            self.read(name)
        assert self.town.stats.queued == 0

    def teardown(self) -> None:
        self.everybody_reads()
        for name in NAMES:
            self.lose(name)
        self.wait(15 * 24 * 3600, True)
        self.counters()
        stats = self.town.stats
        assert (stats.connections, stats.sessions, stats.subscriptions, stats.queued) == (0, 0, 0, 0)
        assert not self.town.broker.mount().filters.match(b"a/b")
        assert len(self.town.broker.calendar) == 0


_WHO = {"name": NAMES}
_BOTH = (False, True)

_WORDS: dict[str, dict[str, Any]] = {
    "connect": {
        **_WHO,
        "clean": (False, False, False, True),
        "last": (None, None, (b"a", 0, False), (b"b", 1, True), (b"c/b", 2, False)),
        "delayed": _BOTH,
    },
    "lose": _WHO,
    "leave": {**_WHO, "reason": (0, 0, 4), "for_good": (False, False, False, True)},
    "subscribe": {
        **_WHO,
        "filter": FILTERS,
        "qos": (0, 1, 2, 2),
        "handling": QUALITIES,
        "no_local": (False, False, True),
        "published": _BOTH,
        "identifier": (0, 0, 1, 7),
    },
    "unsubscribe": {**_WHO, "filter": FILTERS},
    "publish": {
        **_WHO,
        "topic": TOPICS,
        "qos": QUALITIES,
        "retain": (False, False, True),
        "empty": (False, False, False, True),
        "interval": (0, 0, 0, 5, 50),
    },
    "pause": _WHO,
    "read": _WHO,
    "read_some": {**_WHO, "count": (1, 2, 3)},
    "wait": {"seconds": TIMES, "tidied": (False, False, True)},
}
_WEATHER = Weather(
    (
        *("publish",) * 10,
        *("subscribe",) * 5,
        *("connect", "read", "read_some") * 2,
        *("lose", "leave", "unsubscribe", "pause", "wait"),
    ),
    _WORDS,
)


BrokerModelTests = Broker.TestCase
BrokerModelTests.settings = model_settings(40, 20)
