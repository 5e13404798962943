"""
Tests of txmqtt.session.aliases.
"""

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.session.aliases import ReceivedAliases, SentAliases


class ReceivedAliasesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.aliases = ReceivedAliases(3)

    def test_stands_for_the_last_topic(self) -> None:
        """
        An alias up to the maximum stands for the topic that last came with it [MQTT5-3.3.2-10] [MQTT5-3.3.2-12].
        """
        self.assertEqual(self.aliases.resolve(3, b"a"), b"a")
        self.assertEqual(self.aliases.resolve(3, b""), b"a")
        self.assertEqual(self.aliases.resolve(3, b"b"), b"b")
        self.assertEqual(self.aliases.resolve(3, b""), b"b")

    def test_refused(self) -> None:
        """
        An alias above the maximum is refused with 0x94, one that was never set with 0x82.
        """
        for alias, topic, reason in ((4, b"a", 0x94), (4, b"", 0x94), (2, b"", 0x82)):
            with self.subTest(alias=alias, topic=topic):
                with self.assertRaises(RemoteProtocolError) as raised:
                    self.aliases.resolve(alias, topic)
                self.assertEqual(raised.exception.reason, reason)

    def test_none_allowed(self) -> None:
        """
        Where no aliases were announced none is taken.
        """
        with self.assertRaises(RemoteProtocolError) as raised:
            ReceivedAliases(0).resolve(1, b"a")
        self.assertEqual(raised.exception.reason, 0x94)


class SentAliasesTests(SynchronousTestCase):
    def test_first_come(self) -> None:
        """
        The first topics get the aliases, from 1 up to the peer's maximum [MQTT5-3.3.2-8] [MQTT5-3.3.2-9]
        [MQTT5-3.3.2-11]; later topics get none.
        """
        aliases = SentAliases(2)
        for topic, vacant in ((b"a", 1), (b"b", 2), (b"c", 0)):
            self.assertEqual((aliases.number(topic), aliases.vacant()), (0, vacant))
            aliases.bind(topic)
        self.assertEqual([aliases.number(topic) for topic in (b"a", b"b", b"c")], [1, 2, 0])

    def test_one_number(self) -> None:
        """
        A topic that is sent again keeps its number, and a number its topic.
        """
        aliases = SentAliases(2)
        for topic in (b"a", b"a", b"b", b"a"):
            aliases.bind(topic)
        self.assertEqual((aliases.number(b"a"), aliases.number(b"b")), (1, 2))

    def test_looking_binds_nothing(self) -> None:
        """
        A topic that was not sent after all leaves its alias to the next.
        """
        aliases = SentAliases(2)
        self.assertEqual(aliases.vacant(), 1)
        self.assertEqual(aliases.vacant(), 1)
        self.assertEqual(aliases.number(b"a"), 0)
