"""
Tests of txmqtt.broker.hooks: who runs inside the broker is asked about what passes, and heard.
"""

from __future__ import annotations

from typing import Any

from tests.broker.paper import PaperBackend
from tests.broker.support import BrokerTestCase, will
from txmqtt.broker.hooks import INWARD, OUTWARD
from txmqtt.broker.policy import Policy
from txmqtt.broker.registry import Member
from txmqtt.broker.stats import Stats
from txmqtt.codec import reasons
from txmqtt.codec.packets import Publish, Subscription
from txmqtt.session.message import Message
from txmqtt.session.turn import Turn


class Script:
    """
    Refuses, changes and writes down what the test says, of topics and filters that begin with "h".

    @ivar refusal: of what clients publish and subscribe to; 0: none.
    @ivar stops: copies for these clients do not leave.
    @ivar instead: what leaves in the place of any other copy.
    """

    def __init__(self, subscribes: bool = True, delivers: bool = True, drops: bool = True) -> None:
        self.subscribes = subscribes
        self.delivers = delivers
        self.drops = drops
        self.refusal = 0
        self.stops: set[str] = set()
        self.instead: Message | None = None
        self.asked: list[tuple[str, str, bytes]] = []
        self.dropped_for: list[tuple[str, bytes, int, int]] = []

    def interest(self, topic: bytes) -> int:
        return INWARD | OUTWARD if topic.startswith(b"h") else 0

    def publishing(self, member: Member, packet: Publish) -> int:
        self.asked.append(("publish", member.client_id, packet.topic))
        packet.payload += b"!"
        packet.frame = None  # the bytes that came say something else
        return self.refusal

    def subscribing(self, member: Member, asked: Subscription) -> int:
        self.asked.append(("subscribe", member.client_id, asked.filter))
        asked.qos = min(asked.qos, 1)
        return self.refusal

    def delivering(self, member: Member, message: Message) -> Message | None:
        self.asked.append(("deliver", member.client_id, message.topic))
        return None if member.client_id in self.stops else self.instead or message

    def dropped(self, client_id: str, topic: bytes, reason: int, count: int) -> None:
        self.dropped_for.append((client_id, topic, reason, count))


class HooksTestCase(BrokerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hooks = Script()
        self.broker.hook(self.hooks)
        self.publisher = self.join("p")

    def asked(self, verb: str) -> list[str]:
        """
        About whom they were asked since this was last asked.
        """
        found = [each[1] for each in self.hooks.asked if each[0] == verb]
        self.hooks.asked.clear()
        return sorted(found)


class PublishTests(HooksTestCase):
    def test_changed(self) -> None:
        """
        What is published to a topic that somebody asked for arrives as it was made; all else as it came.
        """
        client = self.join("c")
        client.subscribe("#", qos=1)
        self.assertEqual([self.publisher.publish(topic, b"x", 1) for topic in ("h", "t")], [0, 0])
        self.assertEqual(client.payloads(), [b"x!", b"x"])
        self.assertEqual(self.asked("publish"), ["p"])

    def test_refused(self) -> None:
        """
        What is refused reaches nobody, and its publisher is told the reason.
        """
        client = self.join("c")
        client.subscribe("#", qos=1)
        self.hooks.refusal = 0x99
        self.assertEqual([self.publisher.publish(topic, b"x", 1) for topic in ("h", "t")], [0x99, 0])
        self.assertEqual(client.payloads(), [b"x"])

    def test_wills(self) -> None:
        """
        A will is published too: it may be changed or refused, if somebody asked for its topic.
        """
        client = self.join("c")
        client.subscribe("#")
        for refusal, heard in ((0, [b"gone!", b"gone"]), (0x87, [b"gone"])):
            self.hooks.refusal = refusal
            for topic in ("h", "t"):
                self.join(topic, will=will(topic)).lose()
            self.assertEqual(client.payloads(), heard)
        self.assertEqual((self.stats.wills_sent, self.stats.refused_publishes), (3, 1))

    def test_off_again(self) -> None:
        """
        When they are gone nobody is asked any more; those that want little are asked little.
        """
        client = self.join("c")
        client.subscribe("#", qos=1)
        self.broker.hook(Script(False, False, False))
        client.subscribe("h", qos=2)
        self.publisher.publish("h", b"x")
        self.assertEqual(client.payloads(), [b"x!"])
        self.broker.hook(None)
        self.publisher.publish("h", b"x")
        self.assertEqual((client.payloads(), self.hooks.asked), ([b"x"], [("subscribe", "c", b"#")]))


class SubscribeTests(HooksTestCase):
    def test_granted_less(self) -> None:
        """
        A subscription may be granted less than it asked for, or refused for a reason that SUBACK can say.
        """
        client = self.join("c")
        self.assertEqual(client.subscribe("a", "b", qos=2), [1, 1])
        for refusal, said in ((0x87, 0x87), (0x97, 0x97), (0x99, 0x87)):
            self.hooks.refusal = refusal
            self.assertEqual(client.subscribe("c"), [said])
        self.assertEqual(len(self.town.member("c").grants), 2)


class DeliverTests(HooksTestCase):
    def make_backend(self, policy: Policy, stats: Stats, turn: Turn) -> PaperBackend:
        return PaperBackend(policy, stats, turn)

    def clients(self) -> dict[str, Any]:
        """
        One of every kind.
        """
        peers = {name: self.join(name) for name in ("zero", "one", "share", "alias", "own")}
        peers["lasting"] = self.durable("lasting")
        for name, peer in peers.items():
            if name == "share":
                peer.subscribe("$share/g/h", qos=1)
            elif name == "own":
                peer.subscribe(Subscription(b"h", 1, retain_as_published=True), identifier=7)
            else:
                peer.subscribe("h", qos=0 if name == "zero" else 1)
        self.hooks.asked.clear()
        return peers

    def test_each_copy(self) -> None:
        """
        They are asked once about each copy; what they stop does not leave and is counted and told; what they put in its
        place does.
        """
        peers = self.clients()
        for qos in (0, 1, 2):
            with self.subTest(qos=qos):
                self.hooks.stops, self.hooks.instead = set(), None
                self.publisher.publish("h", b"x", qos)
                self.assertEqual(self.asked("deliver"), sorted(peers))
                self.assertEqual(
                    {name: peer.payloads() for name, peer in peers.items()}, {name: [b"x!"] for name in peers}
                )
                self.hooks.instead = Message(b"h", b"other", qos)
                self.hooks.stops = {"one", "share", "lasting"}
                self.hooks.dropped_for.clear()
                before = self.stats.dropped_hook
                self.publisher.publish("h", b"x", qos)
                found = {name: peer.payloads() for name, peer in peers.items()}
                left = {name: [] if name in self.hooks.stops else [b"other"] for name in peers}
                self.assertEqual(found, left)
                self.assertEqual(self.stats.dropped_hook, before + 3)
                told = sorted(self.hooks.dropped_for)
                self.hooks.asked.clear()
                self.assertEqual(
                    told, [(name, b"h", reasons.NOT_AUTHORIZED, 1) for name in ("lasting", "one", "share")]
                )
        self.assertEqual(self.stats.queued, 0)

    def test_other_topics(self) -> None:
        """
        Nobody is asked about other topics, however they are served.
        """
        for name, filter in (("one", "t"), ("share", "$share/g/t"), ("lasting", "t")):
            peer = self.durable(name) if name == "lasting" else self.join(name)
            peer.subscribe(filter, qos=1)
        self.hooks.asked.clear()
        for qos in (0, 1):
            self.publisher.publish("t", b"x", qos)
        self.assertEqual(self.hooks.asked, [])

    def test_stopped_unheard(self) -> None:
        """
        What is stopped is counted, also when nobody wants to hear of what is dropped.
        """
        self.hooks.drops = False
        self.hooks.stops = {"c"}
        self.broker.hook(self.hooks)
        self.join("c").subscribe("h", qos=1)
        self.publisher.publish("h", b"x", 1)
        self.assertEqual((self.stats.dropped_hook, self.hooks.dropped_for), (1, []))

    def test_not_for_everybody(self) -> None:
        """
        Who does not get a copy anyway is no matter for them: its own, or because it is away.
        """
        own = self.join("own")
        own.subscribe(Subscription(b"h", 1, no_local=True))
        away = self.durable("away")
        away.subscribe("h", qos=0)
        away.lose()
        self.hooks.asked.clear()
        own.publish("h", b"x", 1)
        self.assertEqual(self.asked("deliver"), [])

    def test_retained(self) -> None:
        """
        Retained messages are copies, too.
        """
        for qos in (0, 1):
            self.publisher.publish("h", b"x", qos, True)
            for name in ("c", "stopped"):
                for join in (self.join, self.durable):
                    with self.subTest(qos=qos, name=name):
                        self.hooks.stops = {"stopped"}
                        client = join(name)
                        client.subscribe("h", qos=1)
                        self.town.turn.flush()
                        self.assertEqual(client.payloads(), [] if name == "stopped" else [b"x!"])
                        client.leave(session_expiry_interval=0)


class DropTests(HooksTestCase):
    limits = {"max_queued_messages": 1, "max_inflight_5": 1, "write_buffer": 100}

    def test_told(self) -> None:
        """
        They hear of what did not reach a receiver: whom, of what, and why.
        """
        client = self.join("c")
        client.subscribe("t", qos=1)
        for _ in range(3):
            self.publisher.publish("t", b"x", 1)
        self.assertEqual(self.hooks.dropped_for, [("c", b"t", reasons.QUOTA_EXCEEDED, 1)])
        self.hooks.dropped_for.clear()
        client.pause()
        for _ in range(2):
            self.publisher.publish("t", bytes(60))
        self.assertEqual(self.hooks.dropped_for, [("c", b"t", reasons.QUOTA_EXCEEDED, 1)])
