"""
What was promised is found again, whenever the program is killed.
"""

from __future__ import annotations

import os
from typing import Any

from tests.backends.client.support import StoreTestCase
from txmqtt.codec import reasons
from txmqtt.codec.packets import Subscription
from txmqtt.codec.properties import Properties
from txmqtt.session.keeping import Wish
from txmqtt.session.message import Message

#: What is done, step by step, and what a program that is killed then finds when it starts again. C{write}: the disk
#: has all that was said before.
PROMISES: tuple[tuple[str, list[tuple[Any, ...]], list[str]], ...] = (
    ("nothing", [], []),
    ("a publish that is on disk", [("queue", "a"), ("write",)], ["a queued"]),
    ("and one that is not", [("queue", "a"), ("write",), ("queue", "b")], ["a queued"]),
    ("QoS 0, queued while offline", [("queue", "a", 0), ("write",)], ["a queued"]),
    ("its key", [("queue", "a", 1, "k"), ("write",)], ["a queued key=k"]),
    ("sent in the same turn", [("queue", "a"), ("send", "a", 7), ("write",)], ["a sent 7"]),
    ("sent later", [("queue", "a"), ("write",), ("send", "a", 7), ("write",)], ["a sent 7"]),
    ("sent, which is not on disk", [("queue", "a"), ("write",), ("send", "a", 7)], ["a queued"]),
    (
        "order of queueing, of sending, of PUBREC",
        [
            *(("queue", name, 2) for name in "abcdefg"),
            *(("send", name, number) for number, name in enumerate("edcba", 1)),
            ("write",),
            ("release", "b"),
            ("release", "d"),
            ("write",),
        ],
        ["b released 4", "d released 2", "e sent 1", "c sent 3", "a sent 5", "f queued", "g queued"],
    ),
    (
        "released in the same turn",
        [("queue", "a", 2), ("send", "a", 9), ("release", "a"), ("write",)],
        ["a released 9"],
    ),
    ("settled", [("queue", "a"), ("write",), ("settle", "a"), ("write",)], []),
    ("settled, which is not on disk", [("queue", "a"), ("send", "a", 3), ("write",), ("settle", "a")], ["a sent 3"]),
    ("settled in flight", [("queue", "a"), ("write",), ("send", "a", 3), ("write",), ("settle", "a"), ("write",)], []),
    ("come and gone in one turn", [("queue", "a", 1), ("send", "a", 3), ("settle", "a"), ("write",)], []),
    (
        "an identifier that changes hands",
        [("queue", "a"), ("send", "a", 1), ("write",), ("settle", "a"), ("queue", "b"), ("send", "b", 1), ("write",)],
        ["b sent 1"],
    ),
    (
        "how a publish with a key ended",
        [("queue", "a", 1, "k"), ("write",), ("settle", "a", 0x97, "no room"), ("write",)],
        ["outcome k 151 no room"],
    ),
    ("without a key nobody asks", [("queue", "a"), ("write",), ("settle", "a", 0x97, "no room"), ("write",)], []),
    (
        "until the application knows",
        [("queue", "a", 1, "k"), ("write",), ("settle", "a"), ("write",), ("told", "k"), ("write",)],
        [],
    ),
    ("which it may at once", [("queue", "a", 1, "k"), ("settle", "a"), ("told", "k"), ("write",)], []),
    (
        "a key that is used again",
        [("queue", "a", 1, "k"), ("settle", "a"), ("write",), ("queue", "b", 1, "k"), ("write",)],
        ["b queued key=k"],
    ),
    (
        "the last outcome counts",
        [("queue", "a", 1, "k"), ("settle", "a"), ("queue", "b", 1, "k"), ("settle", "b", 0x80), ("write",)],
        ["outcome k 128"],
    ),
    ("QoS 2 received", [("receive", 5), ("receive", 3), ("write",), ("receive", 4)], ["received 3", "received 5"]),
    ("and finished", [("receive", 5), ("receive", 3), ("write",), ("finish", 5), ("write",)], ["received 3"]),
    ("finished, which is not on disk", [("receive", 5), ("write",), ("finish", 5)], ["received 5"]),
    (
        "an identifier received again",
        [("receive", 5), ("write",), ("finish", 5), ("receive", 5), ("write",)],
        ["received 5"],
    ),
    ("subscriptions", [("wish", b"b/#", 2, 3), ("wish", b"a/+"), ("write",)], ["wish b/# 2 3", "wish a/+ 1 0"]),
    ("the last wish counts", [("wish", b"a", 2), ("write",), ("wish", b"a", 0), ("write",)], ["wish a 0 0"]),
    ("unsubscribed", [("wish", b"a"), ("wish", b"b"), ("write",), ("unwish", b"a"), ("write",)], ["wish b 1 0"]),
    ("unsubscribed, which is not on disk", [("wish", b"a"), ("write",), ("unwish", b"a")], ["wish a 1 0"]),
    ("its name", [("name", "first"), ("write",), ("name", "second"), ("write",)], ["called second"]),
    (
        "a server that lost the session",
        [
            *(("queue", name, 2) for name in "abcd"),
            *(("send", name, number) for number, name in enumerate("cba", 1)),
            ("write",),
            ("release", "b"),
            ("receive", 8),
            ("wish", b"w"),
            ("write",),
            ("lose",),
            ("write",),
        ],
        ["b released 2", "a queued", "c queued", "d queued", "wish w 1 0"],
    ),
    (
        "which is known in the turn in which they left",
        [("queue", "a", 2), ("send", "a", 1), ("receive", 8), ("lose",), ("write",)],
        ["a queued"],
    ),
    (
        "and they leave again",
        [("queue", "a", 2), ("queue", "b", 2), ("send", "a", 1), ("write",), ("lose",), ("send", "b", 1), ("write",)],
        ["b sent 1", "a queued"],
    ),
)


class PromiseTests(StoreTestCase):
    def test_promises(self) -> None:
        """
        A program that is killed finds what it had promised, in the right order, and nothing else.
        """
        for what, steps, expected in PROMISES:
            with self.subTest(what):
                self.setUp()
                for verb, *words in steps:
                    getattr(self.program, verb)(*words)
                self.program.kill()
                self.assertEqual(self.program.summary(), expected)

    def test_every_field(self) -> None:
        """
        A message comes back as it was: payload, properties, retain flag, expiry.
        """
        properties = Properties(
            payload_format_indicator=1,
            content_type="text/plain",
            response_topic="answers",
            correlation_data=b"\x00\xff",
            user_properties=(("a", "1"), ("a", "2")),
        )
        message = Message("t/ü".encode(), bytes(range(256)), 2, True, properties, 5_000.25)
        self.program.queue("a", 1, message=message)
        self.program.items["a"].until = 7_000.5
        self.program.queue("empty", 0, message=Message(b"t", b""))
        self.program.write()
        first, second = self.program.kill().promises
        found = first.message
        self.assertEqual((found.topic, found.payload, found.qos), (message.topic, message.payload, 2))
        self.assertEqual((found.retain, found.expires_at, first.qos, first.until), (True, 5_000.25, 1, 7_000.5))
        self.assertEqual(found.properties, properties)
        self.assertEqual((second.message.payload, second.message.properties, second.qos), (b"", None, 0))
        self.assertEqual((second.message.retain, second.message.expires_at, second.until), (False, 0.0, 0.0))

    def test_every_option_of_a_subscription(self) -> None:
        """
        A subscription comes back with its options.
        """
        wish = Wish(Subscription(b"a/#", 2, True, True, 1), 268_435_455)
        self.program.keeper.wished([wish])
        self.program.write()
        (found,) = self.program.kill().wishes
        self.assertEqual((found.subscription, found.identifier), (wish.subscription, wish.identifier))

    def test_numbers_go_on(self) -> None:
        """
        A later life of the program goes on behind the earlier: what it queues, sends and releases comes last.
        """
        for name, packet_id in (("a", 1), ("b", 2)):
            self.program.queue(name, 2)
            self.program.send(name, packet_id)
        self.program.release("b")
        self.program.write()
        self.program.kill()
        self.program.release("a")
        self.program.queue("c", 2)
        self.program.send("c", 3)
        self.program.write()
        self.program.kill()
        self.assertEqual(self.program.summary(), ["b released 2", "a released 1", "c sent 3"])

    def test_many_lives(self) -> None:
        """
        What has been promised is kept over any number of restarts, in order or not.
        """
        self.program.queue("a", 1, "k")
        self.program.write()
        for restart in (self.program.kill, self.program.stop, self.program.kill):
            restart()
            self.assertEqual(self.program.summary(), ["a queued key=k"])
        self.program.settle("a", 0)
        self.program.stop()
        self.assertEqual(self.program.summary(), ["outcome k 0"])


class CostTests(StoreTestCase):
    def changes(self) -> list[str]:
        """
        The statements heard that write rows.
        """
        heard, self.program.disk.heard = self.program.disk.heard, []
        return [sql.split(" (")[0] for sql in heard if sql.startswith(("INSERT", "DELETE"))]

    def setUp(self) -> None:
        super().setUp()
        self.changes()

    def test_one_row(self) -> None:
        """
        A publish that leaves in the turn in which it came is one row, and one transaction.
        """
        self.program.queue("a")
        self.program.send("a", 1)
        self.program.write()
        self.assertEqual(self.changes(), ["INSERT INTO promise"])
        self.assertEqual(self.program.store.journal.figures.rows, 1)

    def test_the_message_is_written_once(self) -> None:
        """
        The steps after it write a few numbers.
        """
        self.program.queue("a", 2)
        self.program.write()
        self.program.send("a", 1)
        self.program.write()
        self.program.release("a")
        self.program.write()
        self.program.settle("a")
        self.program.write()
        self.assertEqual(
            self.changes(),
            ["INSERT INTO promise", "INSERT INTO flight", "INSERT INTO flight", "DELETE FROM promise WHERE home IN"],
        )
        self.assertEqual(self.program.rows("SELECT * FROM flight"), [])

    def test_what_comes_and_goes_costs_nothing(self) -> None:
        """
        What is withdrawn before it was written needs no disk, and neither does an outcome that is told at once.
        """
        self.program.queue("a", 1, "k")
        self.program.send("a", 1)
        self.program.settle("a")
        self.program.told("k")
        self.program.write()
        self.assertEqual(self.changes(), [])
        self.assertEqual(self.program.reasons(), [0, 0])
        self.assertEqual(self.program.store.journal.figures.commits, 0)

    def test_a_thousand_in_a_turn(self) -> None:
        """
        A turn that publishes a thousand messages is one transaction of few statements.
        """
        for number in range(1000):
            self.program.queue(str(number))
        self.program.write()
        self.assertEqual(self.program.rows("SELECT count(*) FROM promise"), [(1000,)])
        self.assertLess(len(self.changes()), 10)
        self.assertEqual(self.program.store.journal.figures.commits, 1)

    def test_said_again(self) -> None:
        """
        A step that is said again, on another connection perhaps, waits for the same and writes nothing.
        """
        self.program.queue("a", 2)
        self.program.send("a", 1)
        self.program.send("a", 1)
        self.program.receive(5)
        self.program.receive(5)
        item = self.program.items["a"]
        self.program.tickets.append(self.program.keeper.queued(item, ""))
        self.assertEqual(self.program.reasons(), [None] * 6)
        self.program.write()
        self.assertEqual(self.program.reasons(), [0] * 6)
        self.changes()
        self.assertTrue(self.program.keeper.queued(item, "").done)
        self.program.send("a", 1)
        self.program.receive(5)
        self.assertEqual(self.program.reasons()[-2:], [0, 0])
        self.program.write()
        self.assertEqual(self.changes(), [])


class TicketTests(StoreTestCase):
    def test_nothing_is_said_before_it_is_true(self) -> None:
        """
        A ticket is settled when what it stands for is on disk, and whoever has the connection is woken before.
        """
        turns: list[str] = []
        self.program.store.wake = lambda: turns.append("awake")
        self.program.queue("a", 2)
        self.program.wish(b"w")
        self.program.reactor.advance(0)
        self.assertEqual((self.program.reasons(), turns), ([None, None], []))
        self.program.work()
        self.assertEqual((self.program.reasons(), turns), ([0, 0], ["awake"]))

    def test_nothing_before_it_is_said(self) -> None:
        """
        A transaction says what was said up to its end: an identifier that is taken while it is written may be one that
        another publish gives back only in the next.
        """
        self.program.queue("a", 2)
        self.program.send("a", 1)
        self.program.queue("b", 2)
        self.program.reactor.advance(0)
        batch = self.program.store.journal._slot.take()
        assert batch is not None
        self.program.settle("a")
        self.program.send("b", 1)
        self.program.store.journal._writer.write(batch)
        self.program.kill()
        self.assertEqual(self.program.summary(), ["a sent 1", "b queued"])

    def test_what_is_not_kept(self) -> None:
        """
        Steps of publishes that the store does not have need no disk.
        """
        self.program.queue("a", 2)
        self.program.settle("a")
        self.program.write()
        item = Message(b"t", b"b")
        self.program.queue("b", message=item)
        stranger = self.program.items["b"]
        stranger.home = 0
        self.assertTrue(self.program.keeper.sending(stranger).done)
        self.assertTrue(self.program.keeper.released(stranger).done)
        self.program.keeper.settled(stranger, 0, "")
        self.program.write()
        self.assertTrue(self.program.keeper.finished(77).done)


class BoundTests(StoreTestCase):
    options = {"operations": 10, "size": 2_000}

    def test_what_waits_is_bounded(self) -> None:
        """
        However much is published at once, and however slow the disk: what waits for it is bounded, and counted.
        """
        for number in range(25):
            self.program.queue(str(number))
            if number == 4:
                self.program.reactor.advance(0)  # the writer may have them, and is slow
        self.assertEqual(self.program.reasons().count(reasons.QUOTA_EXCEEDED), self.program.store.refused)
        operations, size = self.program.store.waiting
        self.assertLessEqual(operations, 10)
        self.assertLess(size, 2_000 + 300)
        self.assertGreater(self.program.store.refused, 10)
        self.program.work()
        self.program.write()
        self.assertEqual(self.program.store.waiting, (0, 0))
        kept = self.program.reasons().count(0)
        self.program.queue("later")
        self.program.write()
        self.assertEqual(self.program.reasons()[-1], 0)
        self.assertEqual(self.program.rows("SELECT count(*) FROM promise"), [(kept + 1,)])

    def test_a_writer_that_does_not_come(self) -> None:
        """
        What the writer has in hand counts, too.
        """
        for number in range(6):
            self.program.queue(str(number))
        self.program.reactor.advance(0)
        batch = self.program.store.journal._slot.take()  # the writer begins, and does not end
        self.program.wish(b"w")
        for number in range(6):
            self.program.queue(f"{number} more")
        self.assertEqual(self.program.store.refused, 4)
        assert batch is not None
        self.program.store.journal._decided(self.program.store.journal._writer.write(batch))
        self.program.store.journal._slot.free()
        self.program.write()

    def test_one_that_is_larger_than_the_limit(self) -> None:
        """
        A message that is larger than all that may wait is taken when nothing else waits.
        """
        self.program.queue("large", message=Message(b"t", b"x" * 100_000))
        self.program.queue("small")
        self.program.write()
        self.assertEqual(self.program.reasons(), [0, reasons.QUOTA_EXCEEDED])

    def test_steps_of_promises_are_never_refused(self) -> None:
        """
        What was promised goes on, however much waits.
        """
        for number in range(5):
            self.program.queue(str(number), 2)
        self.program.write()
        for number in range(5):
            self.program.send(str(number), number + 1)
        for number in range(20):
            self.program.receive(number)
        self.program.write()
        self.assertEqual(set(self.program.reasons()), {0})


class OutcomeTests(StoreTestCase):
    options = {"outcomes": 3, "outcome_age": 100.0}

    def end_one(self, key: str) -> None:
        self.program.queue(key, 1, key)
        self.program.settle(key)
        self.program.write()

    def test_so_many(self) -> None:
        """
        Outcomes that nobody asks about are bounded in number: the oldest goes, and is counted.
        """
        for key in "abcde":
            self.end_one(key)
        self.assertEqual(self.program.store.outcomes.forgotten, 2)
        self.program.kill()
        self.assertEqual(self.program.summary(), ["outcome c 0", "outcome d 0", "outcome e 0"])

    def test_so_long(self) -> None:
        """
        And in age, while the program runs and while it does not.
        """
        self.end_one("a")
        self.program.wait(60.0)
        self.end_one("b")
        self.program.wait(60.0)
        self.end_one("c")
        self.assertEqual(self.program.store.outcomes.forgotten, 1)
        self.program.wait(60.0)
        self.program.kill()
        self.assertEqual((self.program.summary(), self.program.store.outcomes.forgotten), (["outcome c 0"], 1))
        self.program.write()
        self.assertEqual(self.program.rows("SELECT key FROM outcome"), [("c",)])

    def test_the_last_of_a_key(self) -> None:
        """
        A publish that ends takes the place of an earlier one of its key, in the order, too.
        """
        for key in "abacd":
            self.end_one(key)
        self.program.kill()
        self.assertEqual(self.program.summary(), ["outcome a 0", "outcome c 0", "outcome d 0"])


class LifeTests(StoreTestCase):
    def test_file(self) -> None:
        """
        The file is readable by its owner alone, and named in full: the program may go elsewhere.
        """
        self.assertEqual(os.stat(self.program.path).st_mode & 0o777, 0o600)
        self.assertEqual(self.program.store.path, os.path.abspath(self.program.path))
