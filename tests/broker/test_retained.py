"""
Tests of txmqtt.broker.retained: the last message of each topic.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.broker.strategies import filters, topics
from txmqtt.broker.retained import NODE, Retained
from txmqtt.codec.topics import matches
from txmqtt.session.message import Message


def _ends(topic: bytes) -> list[int]:
    return [place for place in range(len(topic)) if topic[place : place + 1] == b"/"]


def message(topic: str, payload: bytes = b"x", expires_at: float = 0.0) -> Message:
    """
    A retained message.
    """
    return Message(topic.encode(), payload, 0, True, None, expires_at)


class RetainedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.retained = Retained()

    def found(self, filter: str, wall: float = 0.0) -> list[bytes]:
        return sorted(each.topic for each in self.retained.find(filter.encode(), wall))

    def test_keep_and_clear(self) -> None:
        """
        A topic has one message, the last; count and size follow.
        """
        self.retained.keep(message("a/b", b"1"))
        self.retained.keep(message("a/b", b"22"))
        self.retained.keep(message("a", b"333"))
        kept = self.retained.get(b"a/b")
        assert kept is not None
        self.assertEqual((kept.payload, self.retained.count), (b"22", 2))
        self.assertEqual(self.retained.size, (3 + 2 + 256) + (1 + 3 + 256) + 2 * NODE)
        for topic in (b"a/c", b"a/b/c", b"c", b"a/"):
            self.assertFalse(self.retained.clear(topic))
            self.assertIsNone(self.retained.get(topic))
        self.assertTrue(self.retained.clear(b"a"))
        self.assertFalse(self.retained.clear(b"a"))
        self.assertTrue(self.retained.clear(b"a/b"))
        self.assertEqual((self.retained.count, self.retained.size), (0, 0))

    def test_find(self) -> None:
        """
        A filter finds what it matches, as topics and filters are matched everywhere.
        """
        names = ("a", "a/b", "a/b/c", "a//c", "/a", "b", "$SYS/a", "$SYS")
        for name in names:
            self.retained.keep(message(name))
        for filter in (
            "a",
            "a/b",
            "#",
            "+",
            "a/#",
            "+/#",
            "a/+",
            "a/+/c",
            "+/+",
            "/+",
            "$SYS/#",
            "$SYS/+",
            "+/a",
            "x",
            "a/b/c/d",
        ):
            with self.subTest(filter=filter):
                expected = sorted(name.encode() for name in names if matches(filter.encode(), name.encode()))
                self.assertEqual(self.found(filter), expected)

    def test_deep(self) -> None:
        """
        However many levels a policy allows, they are found and cleared, and each counts for what it costs.
        """
        topic = "/".join("a" * 5_000)
        self.retained.keep(message(topic))
        self.assertEqual(self.retained.size, len(topic) + 1 + 256 + 5_000 * NODE)
        for filter in (topic, "#", "/".join("+" * 5_000), "a/#"):
            self.assertEqual(self.found(filter), [topic.encode()])
        self.retained.clear(topic.encode())
        self.assertEqual(self.retained.size, 0)

    def test_expiry(self) -> None:
        """
        What has expired is not found, and goes with the next look; what replaced it stays.
        """
        self.retained.keep(message("short", expires_at=10))
        self.retained.keep(message("long", expires_at=100))
        self.retained.keep(message("replaced", expires_at=10))
        self.retained.keep(message("replaced"))
        self.retained.keep(message("cleared", expires_at=10))
        self.retained.clear(b"cleared")
        self.assertEqual(self.found("#", 9), [b"long", b"replaced", b"short"])
        self.assertEqual(self.found("#", 10), [b"long", b"replaced"])
        self.assertEqual([each.topic for each in self.retained.expire(10)], [b"short"])
        self.assertEqual(self.retained.expire(10), [])
        self.assertEqual([each.topic for each in self.retained.expire(1e9)], [b"long"])
        self.assertEqual(self.retained.count, 1)

    def test_replaced_again_and_again(self) -> None:
        """
        A topic that is replaced all day, with ever another expiry, costs no more memory than one message.
        """
        for number in range(10_000):
            self.retained.keep(message("t", expires_at=1e9 + number % 3))
        self.assertLess(len(self.retained._due), 1_100)
        self.assertEqual(len(self.retained.expire(1e10)), 1)

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(st.tuples(topics(), st.sampled_from((b"", b"x", b"longer")), st.sampled_from((0.0, 5.0, 50.0)))),
        filters(),
    )
    def test_like_a_dictionary(self, steps: list[tuple[bytes, bytes, float]], filter: bytes) -> None:
        """
        Whatever is kept and cleared, all that a filter matches is found and nothing else, and an empty store is empty.
        """
        retained = Retained()
        model: dict[bytes, Message] = {}
        for topic, payload, expires_at in steps:
            if payload:
                model[topic] = Message(topic, payload, 0, True, None, expires_at)
                retained.keep(model[topic])
            else:
                self.assertEqual(retained.clear(topic), model.pop(topic, None) is not None)
            self.assertEqual(retained.count, len(model))
            branches = {topic[:end] for topic in model for end in (*_ends(topic), len(topic))}
            self.assertEqual(retained.size, sum(each.size for each in model.values()) + NODE * len(branches))
        for wall in (0.0, 5.0):
            alive = {topic: each for topic, each in model.items() if not each.expired(wall)}
            found = {each.topic: each for each in retained.find(filter, wall)}
            self.assertEqual(found, {topic: each for topic, each in alive.items() if matches(filter, topic)})
        retained.expire(5.0)
        self.assertEqual({topic for topic in model if retained.get(topic) is not None}, alive.keys())
        for topic in alive:
            self.assertTrue(retained.clear(topic))
        self.assertEqual(retained.find(b"#", 0.0), [])
        self.assertIsNone(retained._root.children)
