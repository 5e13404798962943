"""
Tests of txmqtt.codec.topics.
"""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.codec.small import SMALL_FILTERS, SMALL_TOPICS
from tests.codec.strategies import brief, filters, topics
from txmqtt.codec.errors import RemoteProtocolError
from txmqtt.codec.topics import (
    KNOWN_TOPICS,
    KnownTopics,
    filter_error,
    levels,
    matches,
    overlap,
    split_share,
    topic_error,
)

GOOD_TOPICS = [
    b"a",
    b"/",
    b"//",
    b"a/b",
    b"/a",
    b"a/",
    b" ",
    b"a b",
    b"$SYS/x",
    b"$share/a",
    "é/水".encode(),
    b"x" * 65_535,
]

#: Topics that are none, and a piece of what is said about them.
BAD_TOPICS = [
    (b"", "empty"),
    (b"#", "'#' at byte 0"),
    (b"a/#", "'#' at byte 2"),
    (b"+", "'+' at byte 0"),
    (b"a+b/c", "'+' at byte 1"),
    (b"\0", "U+0000 at byte 0"),
    (b"a/\0", "U+0000 at byte 2"),
    (b"a\xff", "not UTF-8 at byte 1"),
    (b"\xed\xa0\x80", "not UTF-8 at byte 0"),
    (b"x" * 65_536, "65536 bytes"),
]

GOOD_FILTERS = [
    *(b"#", b"+", b"/#", b"a/#", b"+/#", b"+/+", b"/+", b"+/", b"a/+/b", b"+/a/#", b"$SYS/#", b"/", b"a", b"//", b"$"),
    *(b"$share/g/#", b"$share/g/a", b"$share/g//", b"$share/g/+/#", b"$share/g/$share/h/a", b"$shared", b"$share2/a"),
]

#: The same for filters.
BAD_FILTERS = [
    (b"", "empty"),
    (b"a#", "'#' at byte 1"),
    (b"a/b#", "'#' at byte 3"),
    (b"#/a", "after '#' at byte 0"),
    (b"a/#/b", "after '#' at byte 2"),
    (b"##", "after '#' at byte 0"),
    (b"#a", "after '#' at byte 0"),
    (b"+#", "'#' at byte 1"),
    (b"a+", "'a+'"),
    (b"+a", "'+a'"),
    (b"a/b+/c", "'b+'"),
    (b"++", "'++'"),
    (b"+/++/a", "'++'"),
    (b"a\0", "U+0000"),
    (b"\xff/#", "not UTF-8"),
    (b"x" * 65_536, "65536 bytes"),
    (b"$share", "share name"),
    (b"$share/", "share name is empty"),
    (b"$share//a", "share name is empty"),
    (b"$share/g", "without a filter"),
    (b"$share/g/", "without a filter"),
    (b"$share/#", "wildcard"),
    (b"$share/+/a", "wildcard"),
    (b"$share/a#b/a", "wildcard"),
    (b"$share/g/a#", "'#' at byte 1"),
    (b"$share/g/#/a", "after '#'"),
    (b"$share/g/a+/b", "'a+'"),
]

#: Filter, topic, whether they match. The examples of section 4.7 are all here.
MATCHES = [
    ("sport/tennis/player1/#", "sport/tennis/player1", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
    ("sport/#", "sport", True),
    ("sport/#", "sports", False),
    ("sport/#", "sport/", True),
    ("#", "a", True),
    ("#", "/", True),
    ("#", "a/b/c", True),
    ("sport/tennis/+", "sport/tennis/player1", True),
    ("sport/tennis/+", "sport/tennis/player1/ranking", False),
    ("sport/+", "sport", False),
    ("sport/+", "sport/", True),
    ("+", "/finance", False),
    ("+/+", "/finance", True),
    ("/+", "/finance", True),
    ("+", "finance", True),
    ("+/tennis/#", "sport/tennis", True),
    ("+/tennis/#", "sport/golf", False),
    ("sport/+/player1", "sport/tennis/player1", True),
    ("sport/+/player1", "sport/tennis/player2", False),
    ("sport/+/player1", "sport//player1", True),
    ("sport/+/player1", "sport/player1", False),
    ("#", "$SYS/x", False),
    ("#", "$", False),
    ("+/x", "$SYS/x", False),
    ("+", "$SYS", False),
    ("$SYS/#", "$SYS/x", True),
    ("$SYS/+", "$SYS/x", True),
    ("$SYS/x", "$SYS/x", True),
    ("/#", "/$SYS", True),
    ("a", "a", True),
    ("a", "A", False),
    ("a/b", "a", False),
    ("a", "a/b", False),
    ("a/", "a", False),
    ("a", "/a", False),
    ("a/+/+/#", "a/b", False),
    ("a/+/+/#", "a/b/c", True),
    ("a/+/#", "a", False),
    ("+/+/+", "//", True),
    ("ACCOUNTS", "Accounts", False),
    ("é", "e\u0301", False),
]


class TopicTests(SynchronousTestCase):
    def test_overlap(self) -> None:
        """
        Two filters overlap if there is a topic that both match: checked with all small ones against all small topics.
        """
        met = {
            filter: {topic for topic in SMALL_TOPICS if matches(filter.encode(), topic.encode())}
            for filter in SMALL_FILTERS
        }
        for one, other in product(SMALL_FILTERS, SMALL_FILTERS):
            if overlap(one.encode(), other.encode()) != bool(met[one] & met[other]):
                self.fail(f"{one} and {other}")

    def test_good(self) -> None:
        """
        A topic is any string with something in it and no wildcard.
        """
        for topic in GOOD_TOPICS:
            with self.subTest(topic=topic[:20]):
                self.assertIsNone(topic_error(topic))

    def test_bad(self) -> None:
        """
        What is wrong with a topic is said in words, with the place. [MQTT5-3.3.2-2] [MQTT5-4.7.0-1] [MQTT5-4.7.3-1]
        [MQTT5-4.7.3-2] [MQTT5-4.7.3-3] [MQTT311-3.3.2-2] [MQTT311-4.7.1-1] [MQTT311-4.7.3-1] [MQTT311-4.7.3-2]
        [MQTT311-4.7.3-3]
        """
        for topic, words in BAD_TOPICS:
            with self.subTest(topic=topic[:20]):
                self.assertIn(words, topic_error(topic) or "")

    def test_levels(self) -> None:
        """
        Empty levels count.
        """
        for topic, count in ((b"a", 1), (b"a/b", 2), (b"/", 2), (b"/a/", 3), (b"//", 3)):
            self.assertEqual(levels(topic), count)


class FilterTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Wildcards fill a level, and # comes last. [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3]
        """
        for filter in GOOD_FILTERS:
            with self.subTest(filter=filter):
                self.assertIsNone(filter_error(filter))

    def test_bad(self) -> None:
        """
        What is wrong with a filter is said in words, with the place. [MQTT5-4.8.2-1] [MQTT5-4.8.2-2]
        """
        for filter, words in BAD_FILTERS:
            with self.subTest(filter=filter[:20]):
                self.assertIn(words, filter_error(filter) or "")

    def test_share_is_no_word_of_3(self) -> None:
        """
        To the letter of 3.x $share is a level like any other, and all other rules hold.
        """
        for filter in (b"$share", b"$share/", b"$share/g", b"$share//a", b"$share/+/a", b"$share/#"):
            self.assertIsNone(filter_error(filter, False))
        for filter in (b"$share/g/a#", b"$share/g+/a", b""):
            self.assertIsNotNone(filter_error(filter, False))

    def test_split_share(self) -> None:
        """
        The share name and the filter under it come apart; what is no share has an empty name.
        """
        for filter, parts in (
            (b"$share/g/a/b", (b"g", b"a/b")),
            (b"$share/g//", (b"g", b"/")),
            (b"$share/g/#", (b"g", b"#")),
            (b"$shared/g/a", (b"", b"$shared/g/a")),
            (b"a/b", (b"", b"a/b")),
        ):
            self.assertEqual(split_share(filter), parts)


def oracle(wanted: list[bytes], found: list[bytes]) -> bool:
    """
    Matching as the standard words it, one level at a time, without a thought for speed.
    """
    if not wanted:
        return not found
    if wanted[0] == b"#":
        return True
    if not found:
        return False
    return wanted[0] in (b"+", found[0]) and oracle(wanted[1:], found[1:])


class MatchTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        The standard's own examples, and what lies between them. [MQTT5-4.7.2-1] [MQTT5-4.7.3-4] [MQTT311-4.7.2-1]
        [MQTT311-4.7.3-4]
        """
        for filter, topic, expected in MATCHES:
            with self.subTest(filter=filter, topic=topic):
                self.assertEqual(matches(filter.encode(), topic.encode()), expected)

    @brief
    @given(
        st.lists(st.sampled_from([b"", b"a", b"b", b"+", b"$x"]), min_size=1, max_size=5),
        st.booleans(),
        st.lists(st.sampled_from([b"", b"a", b"b", b"$x"]), min_size=1, max_size=5),
    )
    def test_like_the_standard(self, wanted: list[bytes], open_ended: bool, found: list[bytes]) -> None:
        """
        The fast way and the plain way agree.
        """
        if open_ended:
            wanted = [*wanted, b"#"]
        hidden = found[0].startswith(b"$") and wanted[0] in (b"+", b"#")
        self.assertEqual(matches(b"/".join(wanted), b"/".join(found)), oracle(wanted, found) and not hidden)

    @brief
    @given(topics, filters)
    def test_valid_strings(self, topic: bytes, filter: bytes) -> None:
        """
        Every topic is a filter that matches itself, and # matches all that does not begin with $.
        """
        self.assertIsNone(topic_error(topic))
        self.assertIsNone(filter_error(filter))
        self.assertTrue(matches(topic, topic))
        self.assertEqual(matches(b"#", topic), not topic.startswith(b"$"))
        matches(filter, topic)


class KnownTopicsTests(SynchronousTestCase):
    def test_same_object(self) -> None:
        """
        Equal bytes get the same object, so that whoever keeps topics keeps one.
        """
        known = KnownTopics()
        first = known.check(bytes(bytearray(b"a/b")))
        self.assertIs(known.check(bytes(bytearray(b"a/b"))), first)
        self.assertIs(known.seen[b"a/b"], first)

    def test_refused(self) -> None:
        """
        A bad string is malformed, a good string that is no topic is an invalid topic, each time it comes.
        """
        known = KnownTopics()
        for topic, _ in BAD_TOPICS:
            malformed = b"\0" in topic or not topic.isascii() or len(topic) > 65_535
            for _ in range(2):
                error = self.assertRaises(RemoteProtocolError, known.check, topic)
                self.assertEqual(error.reason, 0x81 if malformed else 0x90)
        self.assertEqual(known.seen, {})

    def test_bounded(self) -> None:
        """
        It never holds more than its size, and begins anew when full.
        """
        known = KnownTopics(size=3)
        for number in range(10):
            known.check(b"%d" % number)
            self.assertTrue(len(known.seen) <= 3)
        self.assertEqual(set(known.seen), {b"9"})

    def test_long_topics_are_not_kept(self) -> None:
        """
        A topic longer than a few lines is judged each time and remembered never.
        """
        known = KnownTopics(length=4)
        self.assertEqual(known.check(b"abcde"), b"abcde")
        self.assertEqual(known.check(b"abcd"), b"abcd")
        self.assertEqual(set(known.seen), {b"abcd"})

    def test_default(self) -> None:
        """
        The one that decoders share keeps 16,384 topics of at most 256 bytes.
        """
        self.assertIsInstance(KNOWN_TOPICS, KnownTopics)
        known = KnownTopics()
        for number in range(16_384):
            known.check(b"t%d" % number)
        self.assertEqual(len(known.seen), 16_384)
        known.check(b"x" * 256)
        known.check(b"y" * 257)
        self.assertEqual(set(known.seen), {b"x" * 256})
