"""
Which messages C{txmqtt sub} prints, and after which it ends.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txmqtt.cli.sub.command import Wish
from txmqtt.cli.sub.listening import Judge
from txmqtt.net.values import Message


def wish(**given: Any) -> Wish:
    defaults: dict[str, Any] = {
        **dict.fromkeys(("topics", "unsubscribe", "filter_out"), ()),
        **dict.fromkeys(("sys", "no_retain", "retained_only", "remove_retained", "exit_after_sub", "no_local"), False),
        **dict.fromkeys(("qos", "retain_handling"), 0),
        **dict.fromkeys(("count", "timeout"), None),
        "retain_as_published": False,
        "random_filter": 100.0,
    }
    return Wish(**{**defaults, **given})


def message(topic: str = "a/b", retain: bool = False) -> Message:
    return Message(topic, b"", 0, retain, False)


class JudgeTests(SynchronousTestCase):
    def test_filtered_out(self) -> None:
        """
        -T keeps topics out.
        """
        judge = Judge(wish(filter_out=("a/+", "c/#")))
        self.assertEqual(
            [judge.wanted(message(each)) for each in ("a/b", "a/b/c", "c", "d")], [False, True, False, True]
        )

    def test_count(self) -> None:
        """
        -C counts what is printed.
        """
        judge = Judge(wish(count=2, no_retain=True))
        self.assertFalse(judge.prints(message(retain=True)))
        self.assertTrue(judge.prints(message()))
        self.assertFalse(judge.over)
        self.assertTrue(judge.prints(message()))
        self.assertTrue(judge.over)

    def test_retained_only(self) -> None:
        """
        The first message that had not been retained ends it, and is not printed.
        """
        judge = Judge(wish(retained_only=True))
        self.assertTrue(judge.prints(message(retain=True)))
        self.assertFalse(judge.over)
        self.assertFalse(judge.prints(message()))
        self.assertTrue(judge.over)

    def test_random(self) -> None:
        """
        About so many of a hundred.
        """
        judge = Judge(wish(random_filter=25.0), Random(1))
        printed = sum(judge.prints(message()) for _ in range(4000))
        self.assertTrue(900 < printed < 1100, printed)

    def test_endless(self) -> None:
        """
        Without an end of its own it is ended by a signal.
        """
        self.assertTrue(wish().endless)
        for given in ({"count": 1}, {"timeout": 1.0}, {"exit_after_sub": True}, {"retained_only": True}):
            self.assertFalse(wish(**given).endless)
