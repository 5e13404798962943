"""
Tests of txmqtt.net.plugins: what runs inside the broker and sees, refuses or changes what passes through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.broker.support import Peer, Town, will
from txmqtt.broker.hooks import INWARD, OUTWARD
from txmqtt.broker.policy import Policy
from txmqtt.codec import reasons
from txmqtt.codec.packets import Connect, Publish, Subscription
from txmqtt.codec.properties import Properties
from txmqtt.net.plugins import BrokerPlugin, Client, Passing, Plugins


@dataclass
class Scripted(BrokerPlugin):
    """
    Does what the test says, and writes down what it heard.
    """

    topics: Sequence[str] = ("#",)
    to_publish: Any = None
    to_deliver: Any = None
    to_subscribe: Any = None
    heard: list[tuple[Any, ...]] = field(default_factory=list)

    def publish(self, client: Client, message: Passing) -> int | None:
        self.heard.append(("publish", client.client_id, client.user, message.topic, message.payload, message.qos))
        return self.to_publish(message) if self.to_publish else None

    def deliver(self, client: Client, message: Passing) -> bool | None:
        self.heard.append(("deliver", client.client_id, message.topic, message.payload))
        return self.to_deliver(client, message) if self.to_deliver else None

    def subscribe(self, client: Client, asked: Subscription) -> int | None:
        self.heard.append(("subscribe", client.client_id, asked.filter, asked.qos))
        return self.to_subscribe(asked) if self.to_subscribe else None


class PluginCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.town = Town(Policy())

    def install(self, *plugins: BrokerPlugin) -> Plugins:
        made = Plugins(plugins, self.town.broker)
        self.town.broker.hook(made)
        return made

    def peer(self, name: str, **words: Any) -> Peer:
        peer = Peer(self.town, **words)
        peer.connect(name)
        return peer


class PublishTests(PluginCase):
    def test_seen(self) -> None:
        """
        A plugin sees who publishes what, of the topics that it asked for and of no others.
        """
        plugin = Scripted(topics=["a/+", "b"])
        self.install(plugin)
        peer = self.peer("c", user="ann")
        for topic in ("a/1", "b", "c", "a/1/2"):
            peer.publish(topic, b"x", qos=1)
        self.assertEqual(plugin.heard, [("publish", "c", "ann", "a/1", b"x", 1), ("publish", "c", "ann", "b", b"x", 1)])

    def test_refused(self) -> None:
        """
        What a plugin refuses reaches nobody, and its publisher is told the reason.
        """
        plugin = Scripted(to_publish=lambda message: reasons.PAYLOAD_FORMAT_INVALID)
        self.install(plugin)
        peer, other = self.peer("c"), self.peer("d")
        other.subscribe("#")
        for qos in (1, 2):
            self.assertEqual(peer.publish("t", b"x", qos=qos), reasons.PAYLOAD_FORMAT_INVALID)
        peer.publish("t", b"x")
        self.assertEqual(other.payloads(), [])
        self.assertEqual(self.town.stats.refused_publishes, 3)

    def test_changed(self) -> None:
        """
        What a plugin makes of a message is what everybody gets, on every version, retained too.
        """

        def change(message: Passing) -> None:
            message.topic = f"seen/{message.topic}"
            message.payload = message.payload.upper()
            message.retain = True
            message.properties = Properties(content_type="shout")

        self.install(Scripted(topics=["t"], to_publish=change))
        peer, five = self.peer("c"), self.peer("five")
        three = Peer(self.town)
        three.connect("three", 4)
        for each in (three, five):
            each.subscribe("seen/#", "t", qos=2)
        for qos in (0, 1, 2):
            peer.publish("t", b"x", qos=qos)
        self.assertEqual(three.payloads(), [b"X"] * 3)
        received = [each for each in five.heard() if isinstance(each, Publish)]
        self.assertEqual([each.topic for each in received], [b"seen/t"] * 3)
        self.assertEqual({each.properties.content_type for each in received if each.properties}, {"shout"})
        late = self.peer("late")
        late.subscribe("seen/#")
        self.assertEqual(late.payloads(), [b"X"])

    def test_wills(self) -> None:
        """
        A will is something that a client publishes: it is seen, may be changed, and may be refused.
        """

        def judge(message: Passing) -> int | None:
            message.payload += b"!"
            return reasons.NOT_AUTHORIZED if message.topic == "no" else None

        self.install(Scripted(to_publish=judge))
        listener = self.peer("l")
        listener.subscribe("#")
        for topic in ("no", "yes"):
            peer = Peer(self.town)
            peer.connect(topic, will=will(topic, b"gone"))
            peer.lose()
        self.assertEqual(listener.payloads(), [b"gone!"])

    def test_in_turn(self) -> None:
        """
        Each plugin sees what those before it have changed; after the first that refuses nobody is asked.
        """

        def first(message: Passing) -> None:
            message.payload = b"1"

        one = Scripted(to_publish=first)
        two = Scripted(to_publish=lambda message: reasons.QUOTA_EXCEEDED)
        three = Scripted()
        self.install(one, two, three)
        self.peer("c").publish("t", b"x", qos=1)
        self.assertEqual([each[4] for each in two.heard], [b"1"])
        self.assertEqual(three.heard, [])

    def test_failing(self) -> None:
        """
        A plugin that raises, or makes of a message what is none, is logged and counted; the message is refused, and the
        connection goes on.
        """

        def raises(message: Passing) -> None:
            raise RuntimeError("oops")

        def wildcard(message: Passing) -> None:
            message.topic = "a/#"

        def text(message: Passing) -> None:
            message.payload = "text"  # type: ignore[assignment]

        def properties(message: Passing) -> None:
            message.properties = {}  # type: ignore[assignment]

        peer = self.peer("c")
        for count, wrong in enumerate((raises, wildcard, text, properties, lambda message: True), 1):
            with self.subTest(wrong=wrong.__name__):
                self.install(Scripted(to_publish=wrong))
                self.assertEqual(peer.publish("t", b"x", qos=1), reasons.IMPLEMENTATION_SPECIFIC_ERROR)
                self.assertEqual(self.town.stats.plugin_errors, count)
                self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertIsNone(peer.closed)


class DeliverTests(PluginCase):
    def setUp(self) -> None:
        super().setUp()
        self.publisher = self.peer("p")

    def test_every_copy(self) -> None:
        """
        A plugin is asked once about each copy, whatever its QoS and however its receiver is served.
        """
        plugin = Scripted()
        self.install(plugin)
        short, long, member, parked = self.peer("short"), Peer(self.town), self.peer("member"), Peer(self.town)
        long.connect("long", session_expiry_interval=60)
        parked.connect("parked", session_expiry_interval=60)
        for each in (short, long, parked):
            each.subscribe("t", qos=2)
        member.subscribe("$share/g/t", qos=2)
        parked.lose()
        for qos in (0, 1, 2):
            plugin.heard.clear()
            self.publisher.publish("t", b"x", qos=qos)
            asked = sorted(each[1] for each in plugin.heard if each[0] == "deliver")
            self.assertEqual(asked, ["long", "member", "short"], qos)

    def test_refused(self) -> None:
        """
        A copy that a plugin refuses does not leave and is counted, and those after it do.
        """
        plugin = Scripted(to_deliver=lambda client, message: message.payload != b"no")
        self.install(plugin)
        long, short = Peer(self.town), self.peer("short")
        long.connect("long", session_expiry_interval=60)
        for each in (long, short):
            each.subscribe("t", qos=2)
        for qos in (0, 1, 2):
            for payload in (b"no", b"yes"):
                self.publisher.publish("t", payload, qos=qos)
        for each in (long, short):
            self.assertEqual([payload for _, payload, _ in each.finish()], [b"yes"] * 3)
        self.assertEqual(self.town.stats.dropped_hook, 6)

    def test_changed(self) -> None:
        """
        A plugin can give each receiver a copy of his own.
        """

        def own(client: Client, message: Passing) -> None:
            message.payload += client.client_id.encode()

        self.install(Scripted(to_deliver=own))
        peers = [self.peer("a"), self.peer("b")]
        for each in peers:
            each.subscribe("t", qos=1)
        for qos in (0, 1):
            self.publisher.publish("t", b"for ", qos=qos)
        self.assertEqual([each.payloads() for each in peers], [[b"for a"] * 2, [b"for b"] * 2])

    def test_retained(self) -> None:
        """
        What has been retained is asked about when it leaves.
        """
        self.publisher.publish("t", b"kept", retain=True)
        self.install(Scripted(to_deliver=lambda client, message: client.client_id == "b"))
        for name, wanted in (("a", []), ("b", [b"kept"])):
            peer = self.peer(name)
            peer.subscribe("t", qos=1)
            self.assertEqual(peer.payloads(), wanted)

    def test_failing(self) -> None:
        """
        A copy about which a plugin raises does not leave.
        """

        def raises(client: Client, message: Passing) -> None:
            raise RuntimeError("oops")

        self.install(Scripted(to_deliver=raises))
        peer = self.peer("a")
        peer.subscribe("t")
        self.publisher.publish("t", b"x")
        self.assertEqual(peer.payloads(), [])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class SubscribeTests(PluginCase):
    def test_judged(self) -> None:
        """
        A plugin may refuse a subscription or lower its QoS, not change what it is to.
        """

        def judge(asked: Subscription) -> int | None:
            if asked.filter == b"low":
                asked.qos = 0
            if asked.filter == b"other":
                asked.filter = b"secret"
            return reasons.QUOTA_EXCEEDED if asked.filter == b"no" else None

        self.install(Scripted(to_subscribe=judge))
        peer = self.peer("c")
        self.assertEqual(peer.subscribe("no", "low", "other", "yes", qos=1), [reasons.QUOTA_EXCEEDED, 0, 1, 1])
        self.assertEqual(set(self.town.member("c").grants), {b"low", b"other", b"yes"})

    def test_failing(self) -> None:
        """
        A subscription about which a plugin raises is refused.
        """

        def raises(asked: Subscription) -> None:
            raise RuntimeError("oops")

        self.install(Scripted(to_subscribe=raises))
        self.assertEqual(self.peer("c").subscribe("t"), [reasons.IMPLEMENTATION_SPECIFIC_ERROR])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class ConnectTests(PluginCase):
    def ask(self, *plugins: BrokerPlugin) -> Deferred[int]:
        made = self.install(*plugins)
        return Deferred.fromCoroutine(made.connect(Client("c", "ann"), Connect("c", 5)))

    def test_later(self) -> None:
        """
        A plugin may take its time to let somebody in, or refuse.
        """
        answer: Deferred[Any] = Deferred()

        class Slow(BrokerPlugin):
            def connect(self, client: Client, packet: Connect) -> Any:
                return answer

        asked = self.ask(Slow())
        self.assertNoResult(asked)
        answer.callback(reasons.BANNED)
        self.assertEqual(self.successResultOf(asked), reasons.BANNED)

    def test_failing(self) -> None:
        """
        Nobody is let in by a plugin that fails.
        """

        class Wrong(BrokerPlugin):
            async def connect(self, client: Client, packet: Connect) -> Any:
                raise RuntimeError("oops")

        self.assertEqual(self.successResultOf(self.ask(Wrong())), reasons.IMPLEMENTATION_SPECIFIC_ERROR)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_told(self) -> None:
        """
        Every plugin is told who is in and who is gone, also when one of them fails at it.
        """
        heard: list[tuple[str, str]] = []

        class Wrong(BrokerPlugin):
            def connected(self, client: Client) -> None:
                raise RuntimeError("oops")

        class Listener(BrokerPlugin):
            def connected(self, client: Client) -> None:
                heard.append(("in", client.client_id))

            def disconnected(self, client: Client, reason: int) -> None:
                heard.append(("out", client.client_id))

        made = self.install(Wrong(), Listener())
        made.connected(Client("c", None))
        made.disconnected(Client("c", None), 0)
        self.assertEqual(heard, [("in", "c"), ("out", "c")])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class DropTests(PluginCase):
    def setUp(self) -> None:
        self.town = Town(Policy(max_queued_messages=1, max_inflight_5=1, write_buffer=1024))
        self.heard: list[tuple[str, str, int, int]] = []
        heard = self.heard

        class Counting(BrokerPlugin):
            def dropped(self, client_id: str, topic: str, reason: int, count: int) -> None:
                heard.append((client_id, topic, reason, count))

        self.install(Counting())
        self.publisher = self.peer("p")

    def test_told(self) -> None:
        """
        A plugin hears of what does not reach a receiver, whom it was for and why.
        """
        slow, large, lasting = self.peer("slow"), Peer(self.town), Peer(self.town)
        large.connect("large", maximum_packet_size=50)
        lasting.connect("lasting", session_expiry_interval=60)
        slow.subscribe("slow")
        large.subscribe("large", qos=1)
        lasting.subscribe("lasting", qos=1)
        slow.pause()
        for _ in range(3):
            self.publisher.publish("slow", bytes(600))
        self.publisher.publish("large", bytes(100), qos=1)
        for _ in range(3):
            self.publisher.publish("lasting", b"x", qos=1)
        self.assertEqual(set(self.heard[:-1]), {("slow", "slow", 0x97, 1), ("large", "large", 0x95, 1)})
        self.assertEqual(self.heard[-1][2:], (0x97, 1))

    def test_failing(self) -> None:
        """
        A plugin that fails at it is logged, and nothing else happens.
        """

        class Wrong(BrokerPlugin):
            def dropped(self, client_id: str, topic: str, reason: int, count: int) -> None:
                raise RuntimeError("oops")

        self.install(Wrong())
        slow = self.peer("slow")
        slow.subscribe("t")
        slow.pause()
        for _ in range(3):
            self.publisher.publish("t", bytes(600))
        self.assertGreater(len(self.flushLoggedErrors(RuntimeError)), 0)


class CostTests(PluginCase):
    def test_only_what_is_overridden(self) -> None:
        """
        What a plugin does not override it is never asked: no route leads through it.
        """
        made = self.install(BrokerPlugin())
        self.assertEqual(made.interest(b"t"), 0)
        self.assertFalse(made.subscribes or made.delivers or made.drops or made.connects)

    def test_interest(self) -> None:
        """
        Only messages of the topics that a plugin asks for go through it, and like any filter # leaves out $SYS.
        """
        made = self.install(Scripted(topics=["a/#", "+/b"]))
        for topic, wanted in ((b"a/x", INWARD | OUTWARD), (b"c/b", INWARD | OUTWARD), (b"c", 0), (b"$SYS/b", 0)):
            with self.subTest(topic=topic):
                self.assertEqual(made.interest(topic), wanted)

    def test_wrong_topics(self) -> None:
        """
        A plugin whose topics are no filters is refused when it is installed.
        """
        with self.assertRaisesRegex(ValueError, "Scripted wants to see 'a/#/b'"):
            Plugins([Scripted(topics=["a/#/b"])], self.town.broker)

    def test_installed_late(self) -> None:
        """
        Plugins that come or go while messages flow are asked from then on, or no more.
        """
        peer = self.peer("c")
        peer.publish("t", b"x", qos=1)
        plugin = Scripted()
        self.install(plugin)
        peer.publish("t", b"y", qos=1)
        self.town.broker.hook(None)
        peer.publish("t", b"z", qos=1)
        self.assertEqual([each[4] for each in plugin.heard], [b"y"])
