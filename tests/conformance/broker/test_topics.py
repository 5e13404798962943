"""
Topics and filters (section 4.7): which are allowed, and which matches which.
"""

from __future__ import annotations

from tests.conformance.broker.test_subscribe import NO_STRINGS
from tests.conformance.case import BrokerCase
from tests.conformance.peer import field
from tests.conformance.states import states
from txmqtt.codec.constants import PUBLISH, SUBACK, UNSUBACK
from txmqtt.codec.packets import Publish

#: No properties.
_NONE = {3: "", 4: "", 5: "00"}

#: Filters with a wildcard where there can be none.
BAD_HASHES = ("a#", "a/#/b", "#/a", "##", "a/##", "a/#b", "a/b#", "#a", "/#/")
BAD_PLUSES = ("a+", "+a", "a/b+", "a/+b/c", "++", "+#", "a/+#", "#+", "a/b+/#", "/++")

#: Filters, and the topics that they match.
MATCHES: dict[str, tuple[str, ...]] = {
    "#": ("a", "A", "/", "/a", "a/", "a/b", "a/b/c", "a//b", "a b"),
    "+": ("a", "A", "a b"),
    "+/+": ("/", "/a", "a/", "a/b"),
    "/+": ("/", "/a"),
    "+/": ("/", "a/"),
    "a": ("a",),
    "a/": ("a/",),
    "/a": ("/a",),
    "a/#": ("a", "a/", "a/b", "a/b/c", "a//b"),
    "a/b/#": ("a/b", "a/b/c"),
    "a/+": ("a/", "a/b"),
    "a/+/b": ("a//b",),
    "a/+/#": ("a/", "a/b", "a/b/c", "a//b"),
    "+/b/#": ("a/b", "a/b/c"),
    "+/+/+": ("a/b/c", "a//b"),
    "/#": ("/", "/a"),
    "a b": ("a b",),
    "b": (),
}
TOPICS = MATCHES["#"]

#: Topics of which no two are the same, whatever they look like.
ALIKE = (
    *("a", "A", "a ", " a", "/a", "a/", "a//", "//a", "a\u200b", "\ufeffa", "a\u00a0"),
    *(
        "\u00e9",
        "e\u0301",
        "\u00c9",
        "\u0415",
        "E",
        "\uff21",
        "\u212b",
        "\u00c5",
        "A\u030a",
        "\U0001f600",
        "%41",
        "a/../a",
        ".",
    ),
)


class WildcardTests(BrokerCase):
    @states("MQTT311-4.7.1-1", "MQTT5-4.7.0-1", "MQTT311-3.3.2-2", "MQTT5-3.3.2-2", "MQTT31 3.3")
    def test_not_in_topics(self) -> None:
        """
        Who publishes to a topic with a wildcard is disconnected, and nobody gets the message.
        """
        watcher = self.connect("w")
        watcher.subscribe("#")
        for topic in ("#", "+", "a/#", "a/+", "+/a", "a/+/b", "a+", "a#b"):
            with self.case(topic):
                peer = self.connect("p")
                peer.say(f'30 [ "{topic}" {_NONE[self.version]} 78 ]')
                peer.closed(0x81, 0x82, 0x90)
        watcher.silence()

    def refused(self, filters: tuple[str, ...]) -> None:
        """
        Nobody can subscribe to these.
        """
        for each in filters:
            with self.case(each):
                peer = self.connect("a")
                peer.say(f'82 [ 0001 {_NONE[self.version]} "{each}" 00 ]')
                if self.version == 5 and self.target is not None and (answer := peer.hear()).kind == SUBACK:
                    peer.say("c0 00")  # it goes on
                    self.assertEqual(field(answer, "reasons"), [0x8F])
                else:
                    peer.closed(0x81, 0x82, 0x8F)

    @states("MQTT311-4.7.1-2", "MQTT5-4.7.1-1")
    def test_bad_hash(self) -> None:
        """
        The wildcard # is a whole level, and the last one.
        """
        self.refused(BAD_HASHES)

    @states("MQTT311-4.7.1-3", "MQTT5-4.7.1-2")
    def test_bad_plus(self) -> None:
        """
        The wildcard + is a whole level.
        """
        self.refused(BAD_PLUSES)

    @states("MQTT311-4.7.1-2", "MQTT311-4.7.1-3", "MQTT5-4.7.1-1", "MQTT5-4.7.1-2")
    def test_matches(self) -> None:
        """
        # stands for all levels that follow, none included; + for one level, which may be empty.
        """
        publisher = self.connect("p")
        for wanted, topics in MATCHES.items():
            watcher = self.connect("w")
            self.assertEqual(watcher.subscribe(wanted), [0])
            for topic in TOPICS:
                publisher.publish(topic, b"x")
            with self.case(wanted):
                self.assertEqual(tuple(each.topic.decode() for each in watcher.messages()), topics)
            watcher.drop()


class DollarTests(BrokerCase):
    @states("MQTT311-4.7.2-1", "MQTT5-4.7.2-1")
    def test_wildcard_at_the_beginning(self) -> None:
        """
        Filters that begin with a wildcard match no topic that begins with $.
        """
        if self.target is None:
            self.begin(sys_interval=1)
        knows = self.connect("k")
        knows.subscribe("$SYS/#")
        self.wait(2)
        topics = [each.topic.decode() for each in knows.messages()]
        if not topics:
            self.only_ours("it has no topics that begin with $")
        watcher = self.connect("w")
        watcher.subscribe("#", "+/#", "+/broker/#", "+/+/+", "+/" + topics[0].partition("/")[2])
        self.wait(2)
        watcher.silence()
        watcher.subscribe("$SYS/+/#", "$SYS/" + topics[0].partition("/")[2])
        self.wait(1)
        self.assertTrue(watcher.messages())

    @states("MQTT311-4.7.2-1", "MQTT5-4.7.2-1")
    def test_of_clients(self) -> None:
        """
        So it is where a client publishes to a topic that begins with $; who names it gets it.
        """
        knows = self.connect("k")
        knows.subscribe("$t/#")
        watcher = self.connect("w")
        watcher.subscribe("#", "+/#", "+/a", "+/+")
        self.connect("p").publish("$t/a", b"x")
        if not knows.messages():
            self.only_ours("it passes on nothing to such topics")
            self.fail("who names the topic does not get it")
        watcher.silence()

    @states("MQTT311 4.7.2", "MQTT5 4.7.2")
    def test_not_for_clients(self) -> None:
        """
        Clients can't pretend to be the broker: what they publish to $SYS reaches nobody.
        """
        watcher = self.connect("w")
        watcher.subscribe("$SYS/broker/uptime", "$SYS/mine")
        watcher.messages()
        peer = self.connect("p")
        for topic in (b"$SYS/broker/uptime", b"$SYS/mine"):
            peer.say(Publish(topic, b"pretended"))
        self.connect("q").publish("t", b"x")
        self.assertNotIn(b"pretended", [each.payload for each in watcher.messages()])


class NameTests(BrokerCase):
    @states("MQTT311-4.7.3-1", "MQTT5-4.7.3-1")
    def test_empty(self) -> None:
        """
        A topic or filter without a character ends the connection; on 5.0 a topic may be empty where an alias is.
        """
        none = _NONE[self.version]
        for name, spelling in (
            ("topic", f'30 [ "" {none} 78 ]'),
            ("topic, at QoS 1", f'32 [ "" 0001 {none} 78 ]'),
            ("filter", f'82 [ 0001 {none} "" 00 ]'),
            ("second filter", f'82 [ 0001 {none} "a" 00 "" 00 ]'),
            ("filter that ends", f'a2 [ 0001 {none} "" ]'),
        ):
            with self.case(name):
                peer = self.connect("a")
                peer.say(spelling)
                peer.closed(0x81, 0x82, 0x8F, 0x90)

    @states("MQTT5-4.7.3-1")
    def test_empty_with_alias(self) -> None:
        """
        A topic may be empty where an alias stands for it.
        """
        watcher = self.connect("w")
        watcher.subscribe("t")
        peer = self.connect("p")
        if not (peer.connack.properties and peer.connack.properties.topic_alias_maximum):
            self.only_ours("it takes no aliases")
        peer.say('30 [ "t" [ 23 0001 ] 78 ]', '30 [ "" [ 23 0001 ] 79 ]')
        self.assertEqual([(each.topic, each.payload) for each in watcher.messages()], [(b"t", b"x"), (b"t", b"y")])

    @states("MQTT311-4.7.3-2", "MQTT311-4.7.3-3", "MQTT5-4.7.3-2", "MQTT5-4.7.3-3")
    def test_no_string(self) -> None:
        """
        A topic that is no proper string, or has U+0000 in it, ends the connection, and nobody gets the message.
        """
        watcher = self.connect("w")
        watcher.subscribe("#")
        for name, spelling in NO_STRINGS:
            with self.case(name):
                peer = self.connect("p")
                if name == "longer than the packet":
                    peer.say(f"30 [ {spelling} ]")
                else:
                    peer.say(f"30 [ {spelling} {_NONE[self.version]} 78 ]")
                peer.closed(0x81, 0x82, 0x90)
        watcher.silence()

    @states("MQTT311-4.7.3-3", "MQTT5-4.7.3-3")
    def test_longest(self) -> None:
        """
        The longest topic is one of 65,535 bytes, and arrives as it is.
        """
        for topic in ("a" * 65_535, "\u00e9" * 32_767 + "b"):
            with self.case(topic[:5]):
                watcher = self.connect("w")
                watcher.subscribe(topic)
                self.connect("p").publish(topic, b"x")
                watcher.expect(PUBLISH, topic=topic.encode())

    @states("MQTT311-4.7.3-4", "MQTT5-4.7.3-4")
    def test_as_they_are(self) -> None:
        """
        Topics are compared as they are: capitals, blanks, slashes and accents count, and nothing is replaced.
        """
        everything = self.connect("e")
        everything.subscribe("#")
        watcher = self.connect("w")
        publisher = self.connect("p")
        for wanted in ALIKE:
            watcher.subscribe(wanted)
            for topic in ALIKE:
                publisher.publish(topic, topic.encode())
            with self.case(ascii(wanted)):
                self.assertEqual([each.topic for each in watcher.messages()], [wanted.encode()])
            self.assertEqual([each.topic for each in everything.messages()], [each.encode() for each in ALIKE])
            watcher.unsubscribe(wanted)

    @states("MQTT311-4.7.3-4", "MQTT5-4.7.3-4")
    def test_unsubscribed_as_they_are(self) -> None:
        """
        A filter that only looks like another does not end that subscription.
        """
        watcher = self.connect("w")
        publisher = self.connect("p")
        watcher.subscribe("\u00e9")
        watcher.unsubscribe("e\u0301", "\u00c9", "\u00e9 ")
        publisher.publish("\u00e9", b"x")
        watcher.expect(PUBLISH)
        watcher.say(f"a2 [ 0001 {_NONE[self.version]} 0002 c3 a9 ]")
        watcher.expect(UNSUBACK)
        publisher.publish("\u00e9", b"x")
        watcher.silence()
