"""
What users pass, judged at the door. How the verbs use it is in C{test_client}.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Generator, Iterator

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.trial.unittest import SynchronousTestCase

from txmqtt.net.arguments import (
    KnownNames,
    check_callback,
    check_known,
    filter_list,
    payload_bytes,
    qos_number,
    topic_bytes,
)
from txmqtt.net.receiving.terms import Terms


class Bytes(bytes):
    pass


class ArgumentTests(SynchronousTestCase):
    def test_topics(self) -> None:
        """
        A topic may be str or bytes; as long as the standard allows.
        """
        self.assertEqual(topic_bytes("a/ä"), "a/ä".encode())
        self.assertEqual(topic_bytes(b"a/b"), b"a/b")
        self.assertEqual(len(topic_bytes("ä" * 32_767)), 65_534)
        self.assertRaises(ValueError, topic_bytes, "ä" * 32_768)

    def test_filters(self) -> None:
        """
        One filter or several; on 3.x C{$share} is a level like any other.
        """
        self.assertEqual(filter_list("a/#", 5), [b"a/#"])
        self.assertEqual(filter_list(("a", b"b"), 5), [b"a", b"b"])
        self.assertEqual(filter_list("$share/g", 4), [b"$share/g"])
        self.assertRaises(ValueError, filter_list, "$share/g", 5)

    def test_wrong_filter(self) -> None:
        """
        A filter is shown as it was written.
        """
        with self.assertRaisesRegex(ValueError, "filter 'a#': "):
            filter_list("a#", 5)

    def test_callbacks(self) -> None:
        """
        A generator would silently do nothing, so it is no callback, unless C{inlineCallbacks} runs it.
        """

        def forgotten(message: object) -> Iterator[None]:
            yield None

        async def strange(message: object) -> AsyncIterator[None]:
            yield None

        @inlineCallbacks
        def fine(message: object) -> Generator[Deferred[None], None, None]:
            yield succeed(None)

        for callback in (None, fine, print):
            check_callback("callback", callback)
        for wrong in (forgotten, strange):
            with self.assertRaisesRegex(TypeError, "callback is a generator.*inlineCallbacks"):
                check_callback("callback", wrong)

    def test_known(self) -> None:
        """
        An option that does not exist is named, with the nearest that does.
        """
        with self.assertRaisesRegex(TypeError, "no option 'concurency'; did you mean concurrency"):
            check_known({"concurency": 1}, Terms)
        with self.assertRaisesRegex(TypeError, "no option 'zzz'$"):
            check_known({"zzz": 1}, Terms)

    def test_plain_bytes(self) -> None:
        """
        A payload of a class of the user's own is sent as plain bytes.
        """
        self.assertIs(type(payload_bytes(Bytes(b"p"))), bytes)
        plain = b"p"
        self.assertIs(payload_bytes(plain), plain)

    def test_bytes_like(self) -> None:
        """
        Whatever has bytes in memory is a payload; a number or a list of them is none.
        """
        for given in (bytearray(b"ab"), memoryview(b"ab"), memoryview(b"a-b")[::2], array("B", b"ab")):
            self.assertEqual(payload_bytes(given), b"ab")
        wrongs: tuple[object, ...] = (2, [1, 2], None, {})
        for wrong in wrongs:
            with self.assertRaisesRegex(TypeError, "payload is .*; expected bytes$"):
                payload_bytes(wrong)

    def test_plain_numbers(self) -> None:
        """
        A QoS may be any integer that means 0, 1 or 2.
        """
        self.assertIs(type(qos_number(2)), int)
        for wrong in (1.0, "1", None, True):
            with self.subTest(wrong=wrong):
                self.assertRaises(TypeError, qos_number, wrong)


class KnownNamesTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        """
        However many topics are used, only so many are remembered, and no long ones.
        """
        names = KnownNames(size=3, length=5)
        for number in range(10):
            self.assertEqual(names.learn(f"t{number}"), b"t%d" % number)
            self.assertLessEqual(len(names.seen), 3)
        self.assertEqual(names.learn("long-topic"), b"long-topic")
        self.assertNotIn("long-topic", names.seen)
        self.assertRaises(ValueError, names.learn, "a/#")
        self.assertNotIn("a/#", names.seen)
