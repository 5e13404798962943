"""
Topic aliases (section 3.3.2.3.4): those of our client, and those of its server.
"""

from __future__ import annotations

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import Message, Properties
from txmqtt.codec.constants import PUBLISH


class SentTests(ClientCase):
    @states("MQTT5-3.2.2-17", "MQTT5-3.3.2-9", "MQTT5-3.3.2-8")
    def test_within_what_is_allowed(self) -> None:
        """
        Aliases go from 1 to what the server allows, each stands for one topic, and other topics are said in full.
        """
        peer = self.accept(topic_aliases=10, announced=Properties(topic_alias_maximum=2))
        known: dict[int, bytes] = {}
        used = set()
        for topic in ("a", "b", "c", "a", "b", "c", "d"):
            self.client.publish(topic)
            packet = peer.expect(PUBLISH)
            alias = packet.properties.topic_alias if packet.properties is not None else None
            if alias is None:
                self.assertEqual(packet.topic, topic.encode())
                continue
            self.assertIn(alias, (1, 2))
            used.add(alias)
            if packet.topic:
                known[alias] = packet.topic
            self.assertEqual(known[alias], topic.encode())
        self.assertEqual(used, {1, 2})

    @states("MQTT5-3.3.2-9", "MQTT5-3.3.2-8")
    def test_bytes(self) -> None:
        """
        A topic is said once with its alias, and then the alias alone.
        """
        peer = self.accept(topic_aliases=1, announced=Properties(topic_alias_maximum=65_535))
        for _ in range(2):
            self.ignore(self.client.publish("a", b"x", 1), self.client.publish("b"))
        peer.expect("32 [ 0001 61 0001 [ 23 0001 ] 78 ]")
        peer.expect('30 [ "b" [] ]')
        peer.expect("32 [ 0000 0002 [ 23 0001 ] 78 ]")
        peer.expect('30 [ "b" [] ]')

    @states("MQTT5-3.2.2-18")
    def test_not_allowed(self) -> None:
        """
        Where the server allows none, whether it says so or says nothing, there are none.
        """
        for announced in (None, Properties(topic_alias_maximum=0), Properties(receive_maximum=9)):
            with self.case(repr(announced)):
                peer = self.accept(topic_aliases=10, announced=announced)
                for _ in range(2):
                    self.client.publish("a")
                    peer.expect('30 [ "a" [] ]')

    @states("MQTT5-3.3.2-8", "MQTT5-3.2.2-18")
    def test_not_for_the_application(self) -> None:
        """
        An alias that the application gives by itself is refused before anything is sent.
        """
        peer = self.accept(topic_aliases=10, announced=Properties(topic_alias_maximum=2))
        for alias in (0, 1, 3):
            self.assertRaises(ValueError, self.client.publish, "a", properties=Properties(topic_alias=alias))
        peer.silence()

    @states("MQTT5-3.3.2-7", "MQTT5-3.2.2-17")
    def test_forgotten(self) -> None:
        """
        On the next connection topics are said in full again, also of messages that are sent again.
        """
        peer = self.accept(topic_aliases=5, clean_start=False, announced=Properties(topic_alias_maximum=5))
        self.ignore(self.client.publish("a", b"", 1), self.client.publish("a", b"", 1))
        peer.expect(PUBLISH, topic=b"a", topic_alias=1)
        peer.expect(PUBLISH, topic=b"", topic_alias=1)
        peer.drop()
        for announced, alias in ((None, None), (Properties(topic_alias_maximum=1), 1)):
            peer = self.welcome(self.again(), present=True, announced=announced)
            self.ignore(self.client.publish("b"))
            peer.expect(PUBLISH, topic=b"a", dup=True, topic_alias=alias)
            again = peer.expect(PUBLISH, dup=True, topic_alias=alias)
            self.assertEqual(again.topic, b"a" if alias is None else b"")
            peer.expect(PUBLISH, topic=b"b", topic_alias=None)
            peer.drop()


class HeardTests(ClientCase):
    @states("MQTT5-3.3.2-10")
    def test_all_that_were_allowed(self) -> None:
        """
        All aliases from 1 to what the client allows are understood, and can be given to other topics.
        """
        heard: list[Message] = []
        peer = self.accept(topic_alias_maximum=3, on_message=heard.append)
        for alias in (3, 1, 2):
            peer.say(f'30 [ "t{alias}" [ 23 000{alias} ] ]', f"30 [ 0000 [ 23 000{alias} ] ]")
        peer.say('30 [ "other" [ 23 0001 ] ]', "30 [ 0000 [ 23 0001 ] ]", "30 [ 0000 [ 23 0003 ] ]")
        expected = ["t3", "t3", "t1", "t1", "t2", "t2", "other", "other", "t3"]
        self.assertEqual([each.topic for each in heard], expected)
        peer.silence()

    @states("MQTT5-3.3.2-10")
    def test_the_largest(self) -> None:
        """
        That holds for as many as there can be.
        """
        heard: list[Message] = []
        peer = self.accept(topic_alias_maximum=65_535, on_message=heard.append)
        peer.say('30 [ "a" [ 23 ffff ] ]', "30 [ 0000 [ 23 ffff ] ]")
        self.assertEqual([each.topic for each in heard], ["a", "a"])

    @states("MQTT5-3.3.2-8", "MQTT5 3.3.2.3.4", "MQTT5 3.1.2.11.5")
    def test_not_allowed(self) -> None:
        """
        A server is left with 0x94 for alias 0, or one that was not allowed; with 0x82 for one that stands for nothing.
        """
        for name, maximum, spelling, reason in (
            ("0", 2, '30 [ "a" [ 23 0000 ] ]', 0x94),
            ("too large", 2, '30 [ "a" [ 23 0003 ] ]', 0x94),
            ("none allowed", 0, '30 [ "a" [ 23 0001 ] ]', 0x94),
            ("never set", 2, "30 [ 0000 [ 23 0002 ] ]", 0x82),
        ):
            with self.case(name):
                heard: list[Message] = []
                peer = self.accept(topic_alias_maximum=maximum, on_message=heard.append)
                peer.say(spelling)
                peer.closed(reason)
                self.assertEqual(heard, [])

    @states("MQTT5-3.3.2-7")
    def test_forgotten(self) -> None:
        """
        What an alias stood for on one connection it does not stand for on the next.
        """
        peer = self.accept(topic_alias_maximum=2, clean_start=False)
        peer.say('30 [ "a" [ 23 0001 ] ]', "30 [ 0000 [ 23 0001 ] ]")
        peer.silence()
        peer.drop()
        peer = self.welcome(self.again(), present=True)
        peer.say("30 [ 0000 [ 23 0001 ] ]")
        peer.closed(0x82)
