"""
What a power cut may leave, and what it never takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.disk.diary import CREATED, RENAMED, RESIZED, SYNCED, UNLINKED, WRITTEN, Operation
from tests.disk.image import Disk, replay


def created(name: str, file: int = 1) -> Operation:
    return Operation(CREATED, 0, 0, file, name)


def written(data: bytes, offset: int = 0, file: int = 1, began: float = 0, ended: float = 0) -> Operation:
    return Operation(WRITTEN, began, ended, file, offset=offset, data=data)


def resized(size: int) -> Operation:
    return Operation(RESIZED, 0, 0, 1, offset=size)


def synced(began: float = 1, ended: float = 1, failed: bool = False, lost: bool = False) -> Operation:
    return Operation(SYNCED, began, ended, 1, failed=failed, lost=lost)


NAMES = Operation(SYNCED, 1, 1, 9, directory=True)
HERE = (created("a"), NAMES)


def images(operations: Iterable[Operation], base: dict[str, bytes] | None = None) -> list[dict[str, bytes]]:
    """
    All that a power cut after these may leave, or nearly.
    """
    disk = Disk(base)
    for operation in operations:
        disk.apply(operation)
    random = Random(1)
    return [disk.image(random) for _ in range(500)]


def contents(*operations: Operation) -> set[bytes]:
    return {image["a"] for image in images((*HERE, *operations))}


class ContentTests(SynchronousTestCase):
    def test_synced_stays(self) -> None:
        """
        What was synced is there, whatever was done before.
        """
        self.assertEqual(contents(written(b"xxxx"), resized(2), written(b"y", 3), synced()), {b"xx\0y"})

    def test_not_synced(self) -> None:
        """
        What was not synced is there, or is not, or only its length is.
        """
        self.assertEqual(contents(written(b"old"), synced(), written(b"newer")), {b"old", b"newer", b"old\0\0"})

    def test_order(self) -> None:
        """
        Of two writes any may be there without the other, until a sync.
        """
        found = contents(written(b"\0" * 1024), synced(), written(b"x"), written(b"y", 512))
        self.assertEqual({(each[0], each[512]) for each in found}, {(a, b) for a in b"\0x" for b in b"\0y"})

    def test_torn(self) -> None:
        """
        A write breaks at the sectors of the disk, and harms nothing that stands beside it in them.
        """
        found = contents(written(b"a" * 1200), synced(), written(b"b" * 1000, 100))
        self.assertEqual({each[:100] + each[1100:] for each in found}, {b"a" * 200})
        sectors = {(each[100:512], each[512:1024], each[1024:1100]) for each in found}
        self.assertEqual(
            sectors, {(a * 412, b * 512, c * 76) for a in (b"a", b"b") for b in (b"a", b"b") for c in (b"a", b"b")}
        )

    def test_sync_covers_what_was_before_it(self) -> None:
        """
        What was written while a sync ran need not be there.
        """
        late = written(b"late", began=1, ended=2)
        self.assertIn(b"", contents(late, synced(began=1.5, ended=3)))
        self.assertEqual(contents(late, synced(began=2, ended=3)), {b"late"})

    def test_shrunk(self) -> None:
        """
        A file that was made shorter may be as it was; what was then written into its new part is gone with that.
        """
        found = contents(written(b"a" * 2000), synced(), resized(0), written(b"b" * 2000))
        self.assertIn(b"a" * 2000, found)
        self.assertEqual([each for each in found if set(each) > set(b"ab")], [])

    def test_failed_sync(self) -> None:
        """
        A sync that failed leaves all to the next one.
        """
        self.assertIn(b"", contents(written(b"x"), synced(failed=True)))
        self.assertEqual(contents(written(b"x"), synced(failed=True), synced(2, 2)), {b"x"})

    def test_lost_for_good(self) -> None:
        """
        Where a failed sync counts the pages as clean no later sync brings them, but writing to them does.
        """
        gone = (written(b"x" * 5000), synced(failed=True, lost=True))
        self.assertEqual(contents(*gone, synced(2, 2)), {b"\0" * 5000})
        self.assertEqual(contents(*gone, written(b"y", 4999), synced(2, 2)), {b"\0" * 4096 + b"x" * 903 + b"y"})

    def test_under_way(self) -> None:
        """
        A write in the middle of which the power fails is there or is not; one that had not begun is not.
        """
        operations = (*HERE, written(b"one", began=1, ended=3), written(b"two", began=4, ended=5), synced(6, 7))
        found = {
            moment: {disk.image(Random(seed))["a"] for seed in range(50)}
            for moment, disk in replay(operations, (2.0, 3.5, 6.5, 7.0))
        }
        self.assertTrue({b"", b"one"} <= found[2.0])
        self.assertNotIn(b"two", found[2.0] | found[3.5])
        self.assertIn(b"", found[6.5])
        self.assertEqual(found[7.0], {b"two"})


class NameTests(SynchronousTestCase):
    def names(self, *operations: Operation) -> set[tuple[str, ...]]:
        return {tuple(sorted(image)) for image in images(operations, {"old": b""})}

    def test_created(self) -> None:
        """
        A new file may be missing, though it was synced itself, until its directory is.
        """
        self.assertEqual(self.names(created("a"), synced()), {("old",), ("a", "old")})
        self.assertEqual(self.names(created("a"), NAMES), {("a", "old")})

    def test_removed(self) -> None:
        """
        A file that was removed may be there again.
        """
        removed = Operation(UNLINKED, 0, 0, name="old")
        self.assertEqual(self.names(removed), {("old",), ()})
        self.assertEqual(self.names(removed, NAMES), {()})

    def test_renamed(self) -> None:
        """
        A file has its old name or its new one, never both and never none.
        """
        renamed = Operation(RENAMED, 0, 0, name="old", target="new")
        self.assertEqual(self.names(renamed), {("old",), ("new",)})

    def test_in_order(self) -> None:
        """
        Names change in the order in which they were changed.
        """
        self.assertEqual(self.names(created("a"), created("b", 2)), {("old",), ("a", "old"), ("a", "b", "old")})
