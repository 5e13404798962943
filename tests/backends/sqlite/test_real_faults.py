"""
A journal on a disk whose system calls fail: nothing is acknowledged that was not written, and it recovers by itself.
"""

from functools import partial
from random import Random

from tests.backends.sqlite.support_steps import SteppingTestCase
from tests.disk import diary
from tests.disk.diary import CREATED, OPENED, WRITTEN


class FaultTests(SteppingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.hear("kept", 20)

    def survive(self, words: str) -> None:
        """
        The trouble is told of in these words, once; when it ends all goes on; a kill then takes nothing with it.
        """
        self.assertIn(words, self.hear("troubled"))
        self.faults.heal()
        self.hear("recovered")
        self.hear("kept", 20)
        self.kill()
        self.assertEqual([line.split()[0] for line in self.heard if "refused" not in line], ["troubled", "recovered"])
        self.assertEqual(list(self.inspect(self.path)), [])

    def test_full(self) -> None:
        """
        A disk that is full in the middle of a write.
        """
        self.faults.full(left=20_000)
        self.survive("full")

    def test_writes_fail(self) -> None:
        """
        A disk that takes no more writes.
        """
        self.faults.fail("write")
        self.survive("I/O error")

    def test_read_only(self) -> None:
        """
        A file system that the kernel has made read-only.
        """
        self.faults.read_only()
        self.survive("I/O error")

    def test_syncs_fail(self) -> None:
        """
        A disk that takes writes and does not sync them.
        """
        self.faults.fail("sync")
        self.survive("I/O error")

    def test_syncs_fail_and_forget(self) -> None:
        """
        The same as Linux does it: what was not synced is taken for written, read back, and gone after a power cut.
        """
        self.faults.lose_syncs()
        self.faults.fail("sync")
        self.survive("I/O error")
        self.assertEqual(self.power_cuts([self.kept[-1][0]], Random(1), 10), [])

    def test_one_sync_fails(self) -> None:
        """
        A single failed sync, after which the disk claims that all is well: what was refused may be there, what was
        acknowledged is.
        """
        self.faults.lose_syncs()
        self.trouble(lambda: self.faults.fail("sync", times=1))
        self.hear("recovered")
        self.hear("kept", 20)
        self.kill()
        self.assertEqual(list(self.inspect(self.path)), [])
        self.assertEqual(self.power_cuts([self.kept[-1][0]], Random(1), 10), [])

    def test_killed_amid_the_trouble(self) -> None:
        """
        A program that is killed while its disk fails has acknowledged nothing that its file does not have.
        """
        for kind in ("write", "sync"):
            with self.subTest(kind=kind):
                self.faults.fail(kind)
                self.hear("troubled")
                self.kill()
                self.faults.heal()
                self.assertEqual(list(self.inspect(self.path)), [])
                self.start()
                self.hear("kept", 20)

    def test_reads_fail_for_a_while(self) -> None:
        """
        A log that can't be read for a moment stops nothing for good.
        """
        self.faults.only("-wal")
        self.faults.fail("read", times=3)
        while self.faults.hits("read") < 3:
            self.hear("kept")
        self.hear("kept", 20)
        self.kill()
        self.assertEqual(list(self.inspect(self.path)), [])

    def test_slow(self) -> None:
        """
        A disk that takes long to sync delays what is acknowledged, refuses nothing and loses nothing.
        """
        self.faults.slow(sync=0.2)
        self.hear("kept", 5)
        self.faults.heal()
        self.hear("kept", 20)
        self.kill()
        self.assertEqual(self.heard, [])
        self.assertEqual(list(self.inspect(self.path)), [])


class MendingTests(SteppingTestCase):
    def writes_to_database(self, since: float) -> list[float]:
        operations = diary.read(self.folder / "diary")
        files = {each.file for each in operations if each.kind in (CREATED, OPENED) and each.name == "test.db"}
        moments = [
            each.ended for each in operations if each.kind == WRITTEN and each.file in files and each.began > since
        ]
        return moments[:: len(moments) // 20 + 1]

    def test_power_cut_while_it_recovers(self) -> None:
        """
        The power fails while a log that Linux did not sync, and takes for synced, is brought into the database: the
        log still mends what is half written there.
        """
        for times in (1, 3):  # that of the commit, and others while the journal looks what became of it
            with self.subTest(times=times):
                self.start()
                self.hear("kept", 20)
                self.faults.lose_syncs()
                self.trouble(partial(self.faults.fail, "sync", times=times))
                since = self.kept[-1][0]
                self.hear("recovered")
                self.kill()
                moments = self.writes_to_database(since)
                self.assertGreater(len(moments), 10)
                self.assertEqual(self.power_cuts(moments, Random(times), 2), [])

    def test_power_cut_after_a_restart(self) -> None:
        """
        The same when the program was killed over the failed sync, and another finds the log.
        """
        self.start()
        self.hear("kept", 20)
        self.faults.lose_syncs()
        self.faults.fail("sync")
        self.hear("troubled")
        self.kill()
        since = self.kept[-1][0]
        self.faults.heal()
        self.start()
        self.hear("kept", 20)
        self.end()
        self.assertEqual(self.power_cuts(self.writes_to_database(since), Random(1), 3), [])

    def test_names_are_not_synced(self) -> None:
        """
        A directory that could not be synced when the log was made takes no acknowledged message with it.
        """
        self.faults.only("/")
        self.faults.fail("sync", skip=1, times=1)  # the first is of the file that SQLite makes to make the log
        self.start()
        self.hear("kept", 20)
        self.kill()
        self.assertEqual(self.faults.hits("sync"), 1)
        self.assertEqual(self.power_cuts([self.kept[-1][0]], Random(1), 10), [])

    def test_names_can_not_be_synced(self) -> None:
        """
        A directory that can't be synced at all is a reason not to start.
        """
        self.faults.only("/")
        self.faults.fail("sync")
        self.start()
        self.assertRaises(AssertionError, self.hear, "kept")
