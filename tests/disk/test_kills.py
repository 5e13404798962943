"""
The files that a killed program leaves are explained, whatever it had no time to write down.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.disk.diary import CREATED, WRITTEN, Operation
from tests.disk.image import Disk
from tests.disk.kills import unrecorded


class KillTests(SynchronousTestCase):
    def test_explains(self) -> None:
        """
        A diary and what was not recorded lead to the files as they are: one written to, one longer, one shorter, one
        new, one gone; and nothing of it is durable.
        """
        folder = Path(mkdtemp(prefix="txmqtt-disk-"))
        self.addCleanup(shutil.rmtree, folder)
        operations = []
        for name in ("written", "longer", "shorter", "same"):
            (folder / name).write_bytes(b"0123456789")
            file = (folder / name).stat().st_ino
            operations.append(Operation(CREATED, 1.0, 1.0, file, name))
            operations.append(Operation(WRITTEN, 1.0, 1.0, file, data=b"0123456789"))
        operations.append(Operation(CREATED, 1.0, 1.0, 1, "gone"))
        (folder / "written").write_bytes(b"01XX45X789")
        (folder / "longer").write_bytes(b"01234567899")
        (folder / "shorter").write_bytes(b"012345678")
        (folder / "new").write_bytes(b"words")
        (folder / "any-shm").write_bytes(b"shared memory is nobody's business")
        more = unrecorded(operations, folder, 2.0)
        disk = Disk()
        for each in (*operations, *more):
            disk.apply(each)
        expected = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "any-shm"}
        self.assertEqual(disk.seen(), expected)
        self.assertEqual({each.ended for each in more}, {2.0})
        self.assertEqual(unrecorded([*operations, *more], folder, 3.0), [])
