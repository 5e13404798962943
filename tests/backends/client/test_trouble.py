"""
When the disk fails, nobody is told that something is kept which is not, and no step that was promised is given up.
"""

from __future__ import annotations

from twisted.logger import capturedLogs

from tests.backends.client.support import BROKEN, NO_ROOM, StoreTestCase
from txmqtt.codec import reasons

NO = reasons.QUOTA_EXCEEDED


class TroubleTests(StoreTestCase):
    def break_disk(self, where: str = "COMMIT", what: tuple[str, int] = BROKEN) -> None:
        self.program.disk.fail(where, *what)

    def heal(self) -> None:
        self.program.disk.heal()
        self.program.wait(1.0)
        self.program.write()

    def test_a_publish_fails(self) -> None:
        """
        A publish, or a subscription, that the disk does not take is refused, and is not there later.
        """
        for where in ("BEGIN", "INSERT INTO promise", "UPDATE meta", "COMMIT"):
            for what in (NO_ROOM, BROKEN):
                with self.subTest(where=where, what=what), capturedLogs():
                    self.break_disk(where, what)
                    self.program.tickets.clear()
                    self.program.queue("lost", 2, "k")
                    self.program.wish(b"lost")
                    self.program.write()
                    self.assertEqual(self.program.reasons(), [NO, NO])
                    self.assertEqual(self.program.items["lost"].home, 0)
                    self.heal()
                    self.program.queue("kept", 2)
                    self.program.write()
                    self.assertEqual(self.program.reasons(), [NO, NO, 0])
                    self.program.kill()
                    self.assertEqual(self.program.summary(), ["kept queued"])
                    self.program.settle("kept")
                    self.program.write()

    def test_refused_meanwhile(self) -> None:
        """
        While the disk does not work publishes and subscriptions are refused at once; it is said once in the log when it
        begins and once when it is over.
        """
        with capturedLogs() as logs:
            self.break_disk("INSERT", NO_ROOM)
            self.program.queue("a")
            self.program.write()
            for _ in range(5):
                self.program.wait(1.0)
            self.program.queue("b")
            self.program.wish(b"w")
            self.program.unwish(b"w")
            self.assertEqual(self.program.reasons(), [NO] * 4)
            self.assertFalse(self.program.store.healthy)
            self.heal()
        self.assertTrue(self.program.store.healthy)
        self.assertEqual(self.program.store.refused, 3)
        said = [
            event["log_format"].split(":")[0]
            for event in logs
            if "store" in event["log_namespace"] or "client" in event["log_namespace"]
        ]
        self.assertEqual(said, ["nothing more can be stored", "{path} can be written again"])

    def test_steps_wait_for_the_disk(self) -> None:
        """
        What was promised goes on when the disk works again: no step is given up, none is said to be done before.
        """
        for name, packet_id in (("a", 1), ("b", 2), ("c", 3), ("d", 4)):
            self.program.queue(name, 2, name)
            if name != "d":
                self.program.send(name, packet_id)
        self.program.receive(7)
        self.program.write()
        self.program.tickets.clear()
        with capturedLogs():
            self.break_disk()
            self.program.release("a")
            self.program.send("d", 4)
            self.program.settle("c", 0)
            self.program.receive(8)
            self.program.finish(7)
            self.program.name("me")
            self.program.write()
            self.assertEqual(self.program.reasons(), [None] * 4)
            self.program.release("b")
            self.program.told("c")
            self.program.receive(9)
            self.program.finish(8)
            self.program.write()
            self.assertEqual(self.program.reasons(), [None] * 7)
            self.heal()
        self.assertEqual(self.program.reasons(), [0] * 7)
        self.program.kill()
        self.assertEqual(
            self.program.summary(),
            ["called me", "a released 1 key=a", "b released 2 key=b", "d sent 4 key=d", "received 9"],
        )

    def test_it_fails_again_and_again(self) -> None:
        """
        A step outlasts a disk that recovers and fails again.
        """
        self.program.queue("a", 2)
        self.program.send("a", 1)
        self.program.write()
        with capturedLogs():
            self.program.release("a")
            for _ in range(3):
                self.break_disk("INSERT INTO flight")
                self.program.write()
                self.program.wait(1.0)
                self.assertEqual(self.program.reasons(), [0, 0, None])
            self.heal()
        self.assertEqual(self.program.reasons(), [0, 0, 0])

    def test_a_commit_that_failed_and_happened(self) -> None:
        """
        Whether something is kept is what the file says, not what the commit said.
        """
        with capturedLogs():
            self.program.disk.commits_anyway = True
            self.break_disk()
            self.program.queue("a", 1, "k")
            self.program.receive(5)
            self.program.write()
            self.heal()
            self.assertEqual(self.program.reasons(), [0, 0])
        self.program.kill()
        self.assertEqual(self.program.summary(), ["a queued key=k", "received 5"])

    def test_an_outcome_that_is_told_while_the_disk_fails(self) -> None:
        """
        An outcome that the application knows does not come back.
        """
        self.program.queue("a", 1, "k")
        self.program.settle("a")
        self.program.write()
        with capturedLogs():
            self.break_disk()
            self.program.told("k")
            self.program.store.wake = self.again
            self.program.write()
            self.heal()
        self.program.kill()
        self.assertEqual(self.program.summary(), [])

    def again(self) -> None:
        """
        In the turn in which the trouble is told another publish of that key comes and goes.
        """
        self.program.store.wake = lambda: None
        self.program.store.outcomes.put("k", 0, "", 0.0)
        self.program.reactor.callLater(0, self.program.told, "k")

    def test_what_follows_a_lost_publish(self) -> None:
        """
        Steps of a publish that was lost with its transaction are lost with it.
        """
        with capturedLogs():
            self.break_disk()
            self.program.queue("a", 2, "k")
            self.program.queue("b", 2)
            self.program.send("a", 1)
            self.program.reactor.advance(0)
            batch = self.program.store.journal._slot.take()
            assert batch is not None
            self.program.release("a")
            self.program.settle("b")
            self.program.reactor.advance(0)
            self.program.store.journal._decided(self.program.store.journal._writer.write(batch))
            self.program.write()
            self.heal()
        self.assertEqual(self.program.reasons(), [NO] * 4)
        self.assertEqual(self.program.rows("SELECT * FROM flight"), [])
        self.program.kill()
        self.assertEqual(self.program.summary(), [])

    def test_a_row_that_no_disk_takes(self) -> None:
        """
        A value that can't be written fails with its transaction, and what was promised before goes on.
        """
        self.program.queue("a", 2)
        self.program.send("a", 1)
        self.program.write()
        self.program.queue("b", 1, "\ud800")
        self.program.release("a")
        self.program.write()
        self.program.write()
        self.assertEqual(self.program.reasons(), [0, 0, reasons.IMPLEMENTATION_SPECIFIC_ERROR, 0])
        self.program.kill()
        self.assertEqual(self.program.summary(), ["a released 1"])

    def test_closed_while_it_fails(self) -> None:
        """
        A store can be closed while its disk fails; who waits is told that nothing was kept.
        """
        self.program.queue("a", 2)
        self.program.send("a", 1)
        self.program.write()
        with capturedLogs():
            self.break_disk()
            self.program.queue("b")
            self.program.release("a")
            self.program.write()
            self.program.receive(5)
            closed = self.program.store.close()
            self.program.work()
        self.successResultOf(closed)
        self.assertEqual(self.program.reasons(), [0, 0, NO, NO, NO])
        self.assertEqual(self.program.reactor.getDelayedCalls(), [])
        self.program.disk.heal()
        self.program.start()
        self.assertEqual(self.program.summary(), ["a sent 1"])
