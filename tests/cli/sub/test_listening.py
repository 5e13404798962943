"""
Which messages C{txmqtt sub} prints, and after which it ends.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.cli.support import JobCase
from txmqtt.cli.formats.command import Lines
from txmqtt.cli.running import Run
from txmqtt.cli.sub.command import Wish
from txmqtt.cli.sub.listening import Judge, Listening
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


class ListeningTests(JobCase):
    def listen(self, *topics: str, format: str = "%t %p %m", server: dict[str, Any] | None = None, **given: Any) -> Run:
        """
        Start a C{txmqtt sub}.
        """
        asked = wish(**given)
        run = self.run_of(asked.endless)
        target = self.target("SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH", **(server or {}))
        listening = Listening(self.clock, run, target, topics, asked, Lines(format, b"\n", False))
        run.start(self.clock, lambda reactor, run: listening.job())
        self.world.flush()
        return run

    def test_prints_and_goes_on(self) -> None:
        """
        What comes is printed, also after the connection was lost; a signal ends it, and the server is told.
        """
        run = self.listen("a/#", "$SYS/x", qos=1)
        self.world.publish("a/b", b"1", 1)
        self.world.connections[-1].cut()
        self.world.flush()
        self.assertIn("connecting again", self.said[0])
        self.world.advance(2)
        self.world.publish("a/c", b"2")
        self.assertEqual(self.printed, ["a/b 1 1", "a/c 2 0"])
        run.signalled(2)
        self.world.flush()
        self.assertEqual((run.status, len(self.said)), (0, 1))
        self.assertEqual([each.client_id for each in self.world.connections if each.is_open], [])

    def test_count(self) -> None:
        """
        After the last message that was wanted no more is printed, nor acknowledged: a kept session has it.
        """
        kept = {"client_id": "me", "persistent": True}
        run = self.listen("a", qos=1, exit_after_sub=True, server=kept)
        self.world.flush()
        self.assertEqual(run.status, 0)
        for payload in (b"1", b"2", b"3"):
            self.world.publish("a", payload, 1)
        self.listen("a", qos=1, count=1, server=kept)
        self.world.flush()
        self.assertEqual([line.split()[1] for line in self.printed], ["1"])
        self.listen("a", qos=1, count=2, server=kept)
        self.world.flush()
        self.assertEqual([line.split()[1] for line in self.printed], ["1", "2", "3"])

    def test_timeout(self) -> None:
        """
        -W ends it with a status of its own, counted from when the server has accepted it.
        """
        run = self.listen("a", timeout=5.0)
        self.world.advance(4.9)
        self.assertEqual(self.said, [])
        self.world.advance(0.2)
        self.assertEqual((run.status, self.said), (27, ["time is up"]))

    def test_first_attempt(self) -> None:
        """
        When the first attempt fails it is over.
        """
        self.world.refuse()
        run = self.listen("a")
        self.world.advance(1)
        self.assertEqual((run.status, len(self.said)), (1, 1))

    def test_taken_over(self) -> None:
        """
        Two with one name do not take turns: the first ends, and its status says why.
        """
        run = self.listen("a", server={"client_id": "me"})
        self.world.client(client_id="me")
        self.world.flush()
        self.assertEqual(run.status, 142)

    def test_remove_retained(self) -> None:
        """
        Retained messages are removed, also when they are not printed; with --retained-only the first other ends it.
        """
        self.world.publish("r/1", b"x", retain=True)
        self.world.publish("r/2", b"y", retain=True)
        run = self.listen("r/#", remove_retained=True, retained_only=True, filter_out=("r/2",))
        self.world.publish("r/3", b"z")
        self.world.flush()
        self.assertEqual((run.status, self.printed), (0, ["r/1 x 0"]))
        self.assertEqual([each.topic for each in self.world.watch("r/#")], ["r/2"])

    def test_no_json(self) -> None:
        """
        A payload that %J can't show is told, and the others are printed.
        """
        self.listen("a", format="%J")
        self.world.publish("a", b"no")
        self.world.publish("a", b"[1]")
        self.assertEqual(len(self.printed), 1)
        self.assertIn("no JSON", self.said[0])
