"""
Topics, filters and shared subscriptions (sections 4.7 and 4.8): what our client says and what it takes.
"""

from __future__ import annotations

from functools import partial

from tests.conformance.case import ClientCase
from tests.conformance.states import states
from txmqtt import Message, Properties
from txmqtt.codec.constants import PUBLISH, SUBSCRIBE, UNSUBSCRIBE
from txmqtt.codec.packets import Publish


class TopicTests(ClientCase):
    def never_said(self, *topics: str | bytes) -> None:
        """
        None of these leaves as the topic of a message.
        """
        peer = self.accept()
        for topic in topics:
            with self.case(f"{topic[:20]!r}"):
                self.assertRaises(ValueError, self.client.publish, topic, b"x")
                self.assertRaises(ValueError, self.client.publish, topic, b"x", 1, True)
        peer.silence()

    def never_taken(self, *topics: str) -> None:
        """
        A server that says one of these, spelled, as the topic of a message is left.
        """
        for topic in topics:
            with self.case(topic):
                got: list[object] = []
                peer = self.accept(on_message=got.append)
                peer.say(f"30 [ {topic} ]" if self.version == 4 else f"30 [ {topic} [] ]")
                peer.closed(0x81, 0x82, 0x90)
                self.assertEqual(got, [])

    @states("MQTT311-4.7.1-1", "MQTT5-4.7.0-1")
    def test_wildcards(self) -> None:
        """
        Wildcards stand in no topic that our client publishes to, and end the connection in one that it hears.
        """
        self.never_said("#", "+", "a/#", "a/+/b", "a+", "a#", b"a/#/b")
        self.never_taken('"#"', '"+"', '"a/#"', '"a/+/b"', '"a+"')

    @states("MQTT311-4.7.3-1", "MQTT5-4.7.3-1")
    def test_empty(self) -> None:
        """
        An empty topic is neither published to nor taken, and an empty filter not asked for.
        """
        self.never_said("", b"")
        self.never_taken('""')
        self.assertRaises(ValueError, self.client.subscribe, "")
        self.assertRaises(ValueError, self.client.unsubscribe, [""])

    @states("MQTT5-4.7.3-1")
    def test_alias(self) -> None:
        """
        Where an alias stands for it, a topic may be empty.
        """
        got: list[str] = []
        peer = self.accept(topic_alias_maximum=1, on_message=lambda message: got.append(message.topic))
        peer.say(Publish(b"a/b", b"x", properties=Properties(topic_alias=1)), '30 [ "" [ 23 0001 ] ]')
        self.assertEqual(got, ["a/b", "a/b"])

    @states("MQTT311-4.7.3-2", "MQTT5-4.7.3-2")
    def test_null(self) -> None:
        """
        U+0000 stands in no topic and no filter.
        """
        self.never_said("\0", "a/\0", b"a\0b")
        self.never_taken("0003 610062")
        self.assertRaises(ValueError, self.client.subscribe, "a/\0/#")
        self.assertRaises(ValueError, self.client.unsubscribe, "a\0")

    @states("MQTT311-4.7.3-3", "MQTT5-4.7.3-3")
    def test_proper_strings(self) -> None:
        """
        Topics and filters are proper strings of at most 65,535 bytes; those are said and taken as they are.
        """
        self.never_said("\ud800", b"\xff", b"\xed\xa0\x80", "a" * 65_536, "ä" * 32_768)
        self.never_taken("0001 ff", "0003 eda080", "0002 c080", "0004 f4908080")
        self.assertRaises(ValueError, self.client.subscribe, ["a" * 65_536])
        self.assertRaises(ValueError, self.client.subscribe, b"\xff/#")
        got: list[str] = []
        peer = self.accept(on_message=lambda message: got.append(message.topic))
        for topic in ("ä" * 32_767 + "a", " ", "/", "a//b/", "\u00e4", "a\u0308", "\ufeffa", "$SYS/x"):
            self.client.publish(topic, b"x")
            peer.expect(PUBLISH, topic=topic.encode())
            peer.say(Publish(topic.encode(), b"x"))
            self.assertEqual(got.pop(), topic)

    @states("MQTT311-4.7.1-2", "MQTT5-4.7.1-1", "MQTT311-4.7.1-3", "MQTT5-4.7.1-2")
    def test_filters(self) -> None:
        """
        A wildcard is a whole level, and # the last one: only such filters are asked for.
        """
        peer = self.accept()
        for bad in ("a#", "#/a", "a/#/b", "a/b#", "##", "a+", "+a", "a/+b/c", "a/b+", "++", "+#"):
            with self.case(bad):
                self.assertRaises(ValueError, self.client.subscribe, bad)
                self.assertRaises(ValueError, self.client.subscribe, ["fine", bad])
                self.assertRaises(ValueError, self.client.unsubscribe, bad)
        peer.silence()
        for good in ("#", "+", "a/#", "/#", "+/#", "+/+", "/+", "a/+/b", "+/a/#", "$SYS/#"):
            with self.case(good):
                self.ignore(self.client.subscribe(good), self.client.unsubscribe(good))
                asked = peer.expect(SUBSCRIBE)
                self.assertEqual([each.filter for each in asked.subscriptions], [good.encode()])
                peer.expect(UNSUBSCRIBE, filters=[good.encode()])

    @states("MQTT5 4.7.1", "MQTT311 4.7.1", "MQTT5 4.7.2", "MQTT311 4.7.2")
    def test_whose_message(self) -> None:
        """
        The callback that gets a message is that of a filter that matches: level by level, and none with $ by accident.
        """
        got: list[str] = []
        peer = self.accept(on_message=lambda message: got.append("-"))
        for filter in ("a/+", "a/#", "+", "#", "$SYS/#", "/+"):
            self.ignore(self.client.subscribe(filter, partial(self._note, got, filter)))
            peer.expect(SUBSCRIBE)
        for topic, wanted in (
            ("a", ["#", "+", "a/#"]),
            ("a/b", ["#", "a/#", "a/+"]),
            ("a/b/c", ["#", "a/#"]),
            ("a/", ["#", "a/#", "a/+"]),
            ("/a", ["#", "/+"]),
            ("A", ["#", "+"]),
            ("$SYS", ["$SYS/#"]),
            ("$SYS/a", ["$SYS/#"]),
            ("$a", ["-"]),
        ):
            with self.case(topic):
                peer.say(Publish(topic.encode(), b"x"))
                self.assertEqual(sorted(got), wanted)
                got.clear()

    @staticmethod
    def _note(got: list[str], filter: str, message: Message) -> None:
        got.append(filter)


class SharedTests(ClientCase):
    @states("MQTT5-4.8.2-1", "MQTT5-4.8.2-2")
    def test_filters(self) -> None:
        """
        A share name is not empty, has no wildcard, and a filter follows it: only such filters are asked for.
        """
        peer = self.accept()
        for bad in ("$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#", "$share/g+/a"):
            with self.case(bad):
                self.assertRaises(ValueError, self.client.subscribe, bad)
                self.assertRaises(ValueError, self.client.unsubscribe, bad)
        self.assertRaises(ValueError, self.client.subscribe, "$share/g/a#")
        peer.silence()
        self.ignore(self.client.subscribe("$share/g/a/+", qos=1))
        peer.expect('82 [ 0001 [] "$share/g/a/+" 01 ]')
        self.ignore(self.client.unsubscribe("$share/g//"))
        peer.expect('a2 [ 0002 [] "$share/g//" ]')

    @states("MQTT5 3.8.3.1", "MQTT5 4.8.2")
    def test_no_local(self) -> None:
        """
        No Local on a shared subscription is a protocol error: our client does not say it.
        """
        peer = self.accept()
        self.assertRaises(ValueError, self.client.subscribe, "$share/g/a", no_local=True)
        peer.silence()

    @states("MQTT5 4.8.2")
    def test_whose_message(self) -> None:
        """
        What comes because of a shared subscription has the topic without the share, and reaches its callback.
        """
        got: list[str] = []
        peer = self.accept()
        self.ignore(self.client.subscribe("$share/g/a/+", lambda message: got.append(message.topic), identifier=7))
        peer.expect(SUBSCRIBE)
        peer.say(Publish(b"a/b", b"x", properties=Properties(subscription_identifiers=(7,))))
        self.assertEqual(got, ["a/b"])
