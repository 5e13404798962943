"""
The shim between a small program and its files.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from random import Random
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.disk import diary
from tests.disk.diary import CREATED, OPENED, RENAMED, RESIZED, SYNCED, UNLINKED, WRITTEN
from tests.disk.image import Disk
from tests.disk.shim import Shim

#: Tells what a call was answered.
PROLOGUE = """
import errno, os, sys, threading

def answer(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
"""


class ShimTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        if not sys.platform.startswith("linux"):
            self.skipTest("the shim is for Linux")
        self.folder = Path(mkdtemp(prefix="txmqtt-disk-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.watched = self.folder / "watched"
        self.watched.mkdir()
        self.shim = Shim(self.watched, self.folder, record=True)

    def run_program(self, program: str) -> list[str]:
        """
        Run it in the directory.

        @return: the words that it printed.
        """
        done = subprocess.run(
            [sys.executable, "-c", PROLOGUE + textwrap.dedent(program)],
            cwd=self.watched,
            env=self.shim.environment(),
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.split()


class RecordingTests(ShimTestCase):
    def test_all_that_changes_files(self) -> None:
        """
        Whatever changes a file is recorded, by which of its ways the program may do it, and nothing of other files.
        """
        self.run_program(
            """
            held = os.open("one", os.O_RDWR | os.O_CREAT)
            os.write(held, b"abc")
            os.pwrite(held, b"X", 1)
            os.writev(held, [b"de", b"f"])
            os.pwritev(held, [b"g", b"hi"], 10)
            os.ftruncate(held, 12)
            os.posix_fallocate(held, 0, 20)
            other = os.dup(held)
            os.close(held)
            os.fsync(other)
            os.fdatasync(other)
            os.rename("one", "two")
            os.fsync(os.open(".", os.O_RDONLY))
            with open("/dev/null", "w") as file:
                file.write("nothing")
            with open("two", "ab") as file:
                file.write(b"end")
            with open("two-shm", "wb") as file:
                file.write(b"memory")
            os.unlink("two")
            """
        )
        found = diary.read(self.folder / "diary")
        told = [(each.kind, each.name or each.data or each.offset) for each in found]
        self.assertEqual(
            told,
            [
                *((CREATED, "one"), (WRITTEN, b"abc"), (WRITTEN, b"X"), (WRITTEN, b"def"), (WRITTEN, b"ghi")),
                *((RESIZED, 12), (RESIZED, 20), (SYNCED, 0), (SYNCED, 0), (RENAMED, "one"), (SYNCED, 1)),
                *((OPENED, "two"), (WRITTEN, b"end"), (UNLINKED, "two")),
            ],
        )
        self.assertEqual([each.offset for each in found if each.kind == WRITTEN], [0, 1, 3, 10, 20])
        self.assertTrue(all(each.began <= each.ended for each in found))

    def test_as_it_was(self) -> None:
        """
        Many threads write at once, and what was recorded is what is there.
        """
        self.run_program(
            """
            def work(number):
                held = os.open(f"file{number % 3}", os.O_RDWR | os.O_CREAT)
                for turn in range(200):
                    os.pwrite(held, bytes([65 + number]) * 700, (turn * 37 + number) * 13 % 9000)
                    if turn % 50 == 49:
                        os.fsync(held)
                os.close(held)

            threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            for number in range(3):
                os.fsync(os.open(f"file{number}", os.O_RDWR))
            os.fsync(os.open(".", os.O_RDONLY))
            """
        )
        disk = Disk()
        for operation in diary.read(self.folder / "diary"):
            disk.apply(operation)
        self.assertEqual(disk.image(Random(1)), {path.name: path.read_bytes() for path in self.watched.iterdir()})


class FaultTests(ShimTestCase):
    def test_full(self) -> None:
        """
        A full disk takes what fits, then nothing, and gives back what there is.
        """
        self.shim.faults.full(left=5)
        said = self.run_program(
            """
            held = os.open("file", os.O_RDWR | os.O_CREAT)
            print(answer(os.write, held, b"abc"), answer(os.write, held, b"def"), answer(os.write, held, b"ghi"))
            print(answer(os.ftruncate, held, 100), answer(os.ftruncate, held, 4), answer(os.fsync, held))
            print(answer(os.pread, held, 9, 0))
            """
        )
        self.assertEqual(said, ["3", "2", "ENOSPC", "ENOSPC", "None", "None", "b'abcd'"])
        self.assertEqual(self.shim.faults.hits("write"), 2)

    def test_each_fails(self) -> None:
        """
        Writes, syncs and reads fail one by one, so many times, after so many.
        """
        faults = self.shim.faults
        faults.fail("write", skip=2, times=1)
        faults.fail("sync", errno.ENOSPC, skip=1, times=2)
        faults.fail("read", times=1)
        said = self.run_program(
            """
            held = os.open("file", os.O_RDWR | os.O_CREAT)
            for call in ((os.write, held, b"ab"), (os.fsync, held), (os.pread, held, 1, 0)):
                print(*(answer(*call) for _ in range(4)))
            """
        )
        self.assertEqual(said[:4], ["2", "EIO", "2", "2"])
        self.assertEqual(said[4:8], ["None", "ENOSPC", "ENOSPC", "None"])
        self.assertEqual(said[8:], ["EIO", "b'a'", "b'a'", "b'a'"])
        self.assertEqual([faults.hits(kind) for kind in ("write", "sync", "read")], [1, 2, 1])

    def test_only(self) -> None:
        """
        Faults may concern some files and no others, or directories.
        """
        self.shim.faults.only("-wal")
        self.shim.faults.fail("sync")
        program = """
            files = [os.open(name, os.O_RDWR | os.O_CREAT) for name in ("db", "db-wal")] + [os.open(".", os.O_RDONLY)]
            print(*(answer(os.fsync, each) for each in files))
            """
        self.assertEqual(self.run_program(program), ["None", "EIO", "None"])
        self.shim.faults.only("/")
        self.assertEqual(self.run_program(program), ["None", "None", "EIO"])

    def test_read_only(self) -> None:
        """
        Nothing can be made, written, renamed or removed on a read-only disk, and all of it be read.
        """
        (self.watched / "old").write_text("content")
        self.shim.faults.read_only()
        said = self.run_program(
            """
            print(answer(os.open, "new", os.O_RDWR | os.O_CREAT), answer(os.open, "old", os.O_RDWR))
            print(answer(os.rename, "old", "new"), answer(os.unlink, "old"))
            print(answer(os.pread, os.open("old", os.O_RDONLY), 9, 0))
            """
        )
        self.assertEqual(said, ["EROFS", "EROFS", "EROFS", "EROFS", "b'content'"])

    def test_slow(self) -> None:
        """
        A slow disk takes its time, and a sync counts what was written before it began.
        """
        self.shim.faults.slow(sync=0.05, write=0.02)
        self.run_program(
            """
            held = os.open("file", os.O_RDWR | os.O_CREAT)
            os.write(held, b"x")
            os.fsync(held)
            """
        )
        sync = next(each for each in diary.read(self.folder / "diary") if each.kind == SYNCED)
        self.assertGreaterEqual(sync.ended - sync.began, 0.05)
